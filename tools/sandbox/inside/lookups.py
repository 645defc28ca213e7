"""`command -v` and `type`: what a name stands for."""

from __future__ import annotations

import os

from .builtins import Wrong, put
from .state import Halt, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .steps import Runner

_KEYWORDS = frozenset(
    (*"if then else elif fi case esac for select while until do done in function time coproc".split(), "{", "}", "!", "[[", "]]")  # noqa: SIM905 - a list of words
)
_BUILTINS = frozenset(
    word
    for line in (
        ". : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown echo enable eval exec",
        "exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read readarray",
        "readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait",
    )
    for word in line.split()
)


def command(runner: Runner, words: list[str], table: Table) -> int:
    """`command -v NAME...` (or `-V`); nothing is started."""
    if not words or words[0] not in ("-v", "-V"):
        raise Halt("command without -v is not supported")
    long = words[0] == "-V"
    names = words[2:] if words[1:2] == ["--"] else words[1:]
    found_any = not names
    for name in names:
        kind, where = _find(runner, name)
        if kind:
            found_any = True
            put(table, encoded((_sentence(name, kind, where) if long else where) + "\n"))
        elif long:
            runner.complain(table, f"command: {name}: not found")
    return 0 if found_any else 1


def kind_of(runner: Runner, words: list[str], table: Table) -> int:
    """`type [-t|-p|-P] NAME...`."""
    option = ""
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word, words = words[0], words[1:]
        if word == "--":
            break
        if word not in ("-t", "-p", "-P"):
            raise Halt(f"type {word} is not supported")
        option = word
    status = 0
    for name in words:
        kind, where = (
            ("file", path) if option == "-P" and (path := _on_path(runner, name)) else ("", "") if option == "-P" else _find(runner, name)
        )
        if not kind:
            status = 1
            if not option:
                runner.complain(table, f"type: {name}: not found")
            continue
        if option == "-t":
            text = kind
        elif option:
            text = where if kind == "file" else ""
        else:
            text = _sentence(name, kind, where)
        put(table, encoded(text + "\n") if text else b"")
    return status


def _find(runner: Runner, name: str) -> tuple[str, str]:
    if name in _KEYWORDS:
        return "keyword", name
    if name in _BUILTINS:
        return "builtin", name
    path = _on_path(runner, name)
    return ("file", path) if path else ("", "")


def _on_path(runner: Runner, name: str) -> str:
    if "/" in name:
        return name if _starts(name) else ""
    if not name:
        return ""
    for directory in runner.state.variables.get("PATH", "").split(":"):
        path = f"{directory or '.'}/{name}"
        if _starts(path):
            return path
    return ""


def _starts(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _sentence(name: str, kind: str, where: str) -> str:
    return {"keyword": f"{name} is a shell keyword", "builtin": f"{name} is a shell builtin", "file": f"{name} is {where}"}[kind]


__all__ = ["Wrong", "command", "kind_of"]
