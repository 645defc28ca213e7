"""The interpreter that the launcher runs on: the real one, outside any virtual environment."""

from __future__ import annotations

import os
import sys
import sysconfig

from ..errors import ToolError

INSIDE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "inside")
LAUNCHER = os.path.join(INSIDE, "launcher.py")


def python_program() -> str:
    """The real file of the running interpreter; ToolError when Python does not know it."""
    if not sys.executable:
        raise ToolError(
            "the running interpreter does not know its own file", hint="start bylaw with a python that is installed as a program"
        )
    return os.path.realpath(sys.executable)


def runtime_paths() -> tuple[str, ...]:
    """What the launcher reads before it is confined: the interpreter with its library, and the launcher itself."""
    found = {python_program(), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), INSIDE}
    found |= {os.path.join(sysconfig.get_path("stdlib"), "lib-dynload")}
    library = sysconfig.get_config_var("LDLIBRARY") if sysconfig.get_config_var("Py_ENABLE_SHARED") else None
    if isinstance(library, str):
        found.add(os.path.join(str(sysconfig.get_config_var("LIBDIR")), library))
    real = {os.path.realpath(path) for path in found}
    return tuple(sorted(path for path in real if os.path.exists(path)))
