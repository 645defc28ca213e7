"""Which paths git would ignore: nested `.gitignore` files and `.git/info/exclude`, with git's own precedence.

The patterns come from the workspace, so they are hostile input: they are matched by RE2, never by a backtracking
engine, and the files are opened without following links and read up to a limit.
Source: gitignore(5). A directory that is ignored is never entered, so nothing below it can be taken back.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from .errors import PathError
from .paths import child_of, opened
from .patterns import os_bytes
from .permit import Target

_FILE_BYTES = 256 * 1024
_PATTERNS = 10_000


@dataclass(frozen=True, slots=True)
class _Layer:
    """The patterns of one file; `prefix` is its directory, relative to the root, with a final `/` or empty."""

    prefix: str
    spec: GitIgnoreSpec


class Ignore:
    """The patterns that hold in one directory; immutable, so that siblings do not see each other's."""

    __slots__ = ("_layers",)

    def __init__(self, layers: tuple[_Layer, ...] = ()) -> None:
        self._layers = layers

    def entering(self, directory: Target) -> Ignore:
        """The patterns that hold in this directory below the root: those above it and those of its own file."""
        prefix = "" if directory.relative == "." else f"{directory.relative}/"
        specs = [_load(child_of(directory, name)) for name in (".git/info/exclude", ".gitignore")]
        own = tuple(_Layer(prefix, spec) for spec in specs if spec is not None)
        return Ignore((*self._layers, *own)) if own else self

    def ignores(self, relative: str, *, directory: bool) -> bool:
        """Whether git would ignore this path (relative to the root); the nearest file that knows the path decides."""
        for layer in reversed(self._layers):
            below = os_bytes(relative[len(layer.prefix) :]).decode("utf-8")
            said = layer.spec.check_file(below + "/" if directory else below).include
            if said is not None:
                return said
        return False


def ignore_above(target: Target) -> Ignore:
    """The patterns that hold above the target, from the root down; the target's own file is not among them."""
    ignore = Ignore()
    if target.relative == ".":
        return ignore
    parts = target.relative.split("/")
    root = target.shown.removesuffix(target.relative).rstrip("/") or "/"
    for depth in range(len(parts)):
        above = "/".join(parts[:depth])
        ignore = ignore.entering(Target(descriptor=target.descriptor, relative=above or ".", shown=f"{root}/{above}"))
    return ignore


def _load(file: Target) -> GitIgnoreSpec | None:
    """The patterns of a file; None when there is no regular file. A line that is no pattern matches nothing, as in git."""
    try:
        with opened(file, os.O_RDONLY) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            text = os.read(descriptor, _FILE_BYTES).decode("utf-8", "replace")
    except (PathError, OSError):
        return None
    lines = [line for line in text.removeprefix("\ufeff").splitlines()[:_PATTERNS] if line and not line.startswith("#")]
    try:
        return GitIgnoreSpec.from_lines(lines, backend="re2")
    except ValueError:
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)], backend="re2")


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line], backend="re2")
    except ValueError:
        return False
    return True
