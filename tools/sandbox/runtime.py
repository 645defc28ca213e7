"""The interpreter that the launcher runs on: the real one, outside any virtual environment."""

from __future__ import annotations

import os
import sys

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
