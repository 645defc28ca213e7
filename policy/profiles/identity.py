"""Which program a name stands for. A base name proves nothing: the file must be the one on the search path."""

from __future__ import annotations

import posixpath
from typing import Literal

from ..records import Record
from ..scope import Scope
from .ledger import joined, within

_MULTICALL = frozenset({"busybox", "toybox", "coreutils", "uutils", "rustup", "volta-shim"})
_SHIMS = "shims"
"""The directory in which pyenv, rbenv, nodenv, asdf and mise keep scripts that start the version of a program that is asked for."""


class Identity(Record):
    """`name` is what a profile is looked up by, `path` the real file, `entry` the file as found on the search path.

    `known`: on the search path, outside every write root. `workspace`: code that the agent could have written.
    `missing`: not installed. `foreign`: a file that is neither on the search path nor in the workspace.
    """

    name: str
    standing: Literal["known", "workspace", "missing", "foreign"]
    path: str | None = None
    entry: str | None = None


def identify(word: str, directory: str, scope: Scope) -> Identity:
    """The program that argv[0] names, started in this directory. Never raises."""
    if not word or "\0" in word:
        return Identity(name=word, standing="missing")
    try:
        return _by_path(word, directory, scope) if "/" in word else _by_name(word, scope)
    except OSError:
        return Identity(name=word, standing="foreign")


def _by_name(word: str, scope: Scope) -> Identity:
    for folder in scope.search_path:
        entry = f"{folder}/{word}"
        if scope.files.executable(entry):
            return _classified(word, scope.files.real(entry), entry, scope)
    return Identity(name=word, standing="missing")


def _by_path(word: str, directory: str, scope: Scope) -> Identity:
    path = scope.files.real(joined(word, directory))
    name = posixpath.basename(word)
    if not word.startswith("/") or _writable(path, scope):
        return Identity(name=name, standing="workspace", path=path, entry=path)
    if scope.find_program(name) == path:
        return _classified(name, path, path, scope)
    folders = {*scope.search_path, *(scope.files.real(one) for one in scope.search_path)}
    if posixpath.dirname(path) in folders and posixpath.basename(path) == name and scope.files.executable(path):
        return _classified(name, path, path, scope)
    return Identity(name=name, standing="foreign", path=path if scope.files.executable(path) else None, entry=path)


def _classified(name: str, path: str, entry: str, scope: Scope) -> Identity:
    if _writable(path, scope):
        return Identity(name=name, standing="workspace", path=path, entry=entry)
    return Identity(name=name, standing="known", path=path, entry=entry)


def widens(path: str) -> str:
    """What a grant of this file grants besides the program that is meant; empty where the file is that program alone.

    The kernel knows files, not names: one file may play many programs, each judged by the name it is called by.
    """
    folder, name = posixpath.split(path)
    if name in _MULTICALL:
        return f"`{path}` is every program that {name} plays"
    if name == "git":
        return f"`{path}` is every command of git"
    if posixpath.basename(folder) == _SHIMS:
        return f"`{path}` starts whichever `{name}` the directory or the environment asks for"
    return ""


def _writable(path: str, scope: Scope) -> bool:
    return any(within(path, root) for root in (scope.workspace, *scope.write_roots))
