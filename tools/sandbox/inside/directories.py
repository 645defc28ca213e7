"""`cd` and `pwd`, logical as in bash: `..` takes back a name that was written, also where it was a link."""

from __future__ import annotations

import os

from .builtins import Wrong, put
from .state import encoded, why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .steps import Runner


def cd(runner: Runner, words: list[str], table: Table) -> int:
    """Changes the current directory; PWD and OLDPWD go to the programs started from now on."""
    state = runner.state
    physical, words = _options(words)
    if len(words) > 1:
        raise Wrong("too many arguments")
    shown = False
    if not words:
        if "HOME" not in state.variables:
            raise Wrong("HOME not set")
        target = state.variables["HOME"]
    elif words[0] == "-":
        if "OLDPWD" not in state.variables:
            raise Wrong("OLDPWD not set")
        target, shown = state.variables["OLDPWD"], True
    else:
        target = words[0]
    logical = logically(state.directory, target) if target else state.directory
    try:
        os.chdir(logical)
    except (OSError, ValueError) as problem:
        raise Wrong(f"{target}: {why(problem) if isinstance(problem, OSError) else problem}") from problem
    state.physical = runner.current()
    before = state.variables.get("PWD")
    state.directory = state.physical if physical else logical
    state.variables["PWD"] = state.directory
    if before is not None:
        state.variables["OLDPWD"] = before
    state.exported |= {"PWD", "OLDPWD"}
    if shown:
        put(table, encoded(state.directory + "\n"))
    return 0


def pwd(runner: Runner, words: list[str], table: Table) -> int:
    """The current directory as it was come to; with `-P` the real one."""
    physical, _ = _options(words)
    put(table, encoded((runner.current() if physical else runner.state.directory) + "\n"))
    return 0


def _options(words: list[str]) -> tuple[bool, list[str]]:
    physical = False
    while words and len(words[0]) > 1 and words[0][0] == "-":
        option, words = words[0], words[1:]
        if option == "--":
            break
        if set(option[1:]) - set("LP"):
            raise Wrong(f"{option}: invalid option", 2)
        physical = option[-1] == "P"
    return physical, words


def logically(directory: str, target: str) -> str:
    """The absolute name; a name before `..` must be a directory that is there, or the system is asked (and refuses)."""
    whole = target if target.startswith("/") else f"{directory}/{target}"
    names: list[str] = []
    for name in whole.split("/"):
        if name in ("", "."):
            continue
        if name != "..":
            names.append(name)
        elif names:
            if not os.path.isdir("/" + "/".join(names)):
                return whole
            names.pop()
    double = whole.startswith("//") and not whole.startswith("///")
    return ("//" if double else "/") + "/".join(names)
