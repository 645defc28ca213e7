"""Walking a directory tree by descriptors: no link is followed, nothing secret is seen, and it ends.

Names come sorted, so that two runs over the same tree give the same answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from .errors import PathError
from .gitignore import Ignore, ignore_above
from .paths import open_beneath
from .permit import Target

EntryKind = Literal["file", "directory", "symlink", "other"]
_MOST_ENTRIES = 500_000
_MOST_DEPTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was met; `relative` is the path below the directory that is walked."""

    relative: str
    kind: EntryKind


@dataclass(slots=True, kw_only=True)
class Walk:
    """One walk over `target`. `hidden` are absolute paths that are neither opened nor named. `names_hidden`: names
    that start with a dot are met too. `stopped` says in words, afterwards, why the walk is not complete.
    """

    target: Target
    hidden: frozenset[str]
    seconds: float
    names_hidden: bool = False
    unreadable: int = 0
    stopped: str | None = None
    _deadline: float = field(default=0.0, init=False)
    _seen: int = field(default=0, init=False)

    def entries(self) -> Iterator[Entry]:
        """Everything below the target, each directory before what is in it; PathError when the target is no directory."""
        self._deadline = time.monotonic() + self.seconds
        descriptor = open_beneath(self.target, os.O_RDONLY | os.O_DIRECTORY)
        ignore = ignore_above(self.target).entering(self.target)
        levels: list[tuple[int, str, Ignore, Iterator[Entry]]] = [(descriptor, "", ignore, self._listing(descriptor, "", ignore))]
        try:
            while levels:
                above, _, ignore, listing = levels[-1]
                entry = next(listing, None)
                if entry is None:
                    os.close(levels.pop()[0])
                    continue
                if self.out_of_time() or self._too_many():
                    return
                yield entry
                if entry.kind == "directory":
                    self._enter(levels, above, entry, ignore)
        finally:
            for level in levels:
                os.close(level[0])

    def _enter(self, levels: list[tuple[int, str, Ignore, Iterator[Entry]]], above: int, entry: Entry, ignore: Ignore) -> None:
        if len(levels) >= _MOST_DEPTH:
            self.stopped = f"directories deeper than {_MOST_DEPTH} levels were not entered"
            return
        name = entry.relative.rsplit("/", 1)[-1]
        try:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        except OSError:
            self.unreadable += 1
            return
        inner = ignore.entering(self._below(entry.relative))
        levels.append((below, entry.relative, inner, self._listing(below, entry.relative + "/", inner)))

    def _below(self, relative: str) -> Target:
        whole = relative if self.target.relative == "." else f"{self.target.relative}/{relative}"
        return Target(descriptor=self.target.descriptor, relative=whole, shown=self._absolute(relative))

    def _absolute(self, relative: str) -> str:
        return f"{self.target.shown.rstrip('/')}/{relative}"

    def _listing(self, descriptor: int, prefix: str, ignore: Ignore) -> Iterator[Entry]:
        from_root = "" if self.target.relative == "." else f"{self.target.relative}/"
        for name, kind in _scan(descriptor):
            relative = prefix + name
            if name == ".git" or (name.startswith(".") and not self.names_hidden) or self._absolute(relative) in self.hidden:
                continue
            if ignore.ignores(from_root + relative, directory=kind == "directory"):
                continue
            yield Entry(relative=relative, kind=kind)

    def out_of_time(self) -> bool:
        """Whether the time is up; then `stopped` says so."""
        if time.monotonic() < self._deadline:
            return False
        self.stopped = f"stopped after {self.seconds:g} seconds"
        return True

    def _too_many(self) -> bool:
        self._seen += 1
        if self._seen <= _MOST_ENTRIES:
            return False
        self.stopped = f"stopped after {_MOST_ENTRIES} entries"
        return True

    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the completeness of the answer."""
        unreadable = f"{self.unreadable} directories or files could not be read" if self.unreadable else None
        return tuple(note for note in (self.stopped, unreadable) if note)


def _scan(descriptor: int) -> list[tuple[str, EntryKind]]:
    with os.scandir(descriptor) as found:
        return sorted((one.name, entry_kind(one)) for one in found)


def entry_kind(entry: os.DirEntry[str]) -> EntryKind:
    """What a name stands for, without following it."""
    if entry.is_symlink():
        return "symlink"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def refuse_hidden(target: Target, hidden: frozenset[str]) -> None:
    """PathError when the target is, or lies below, a path that the call must not see."""
    path = target.shown
    while path not in ("", "/"):
        if path in hidden:
            raise PathError(f"`{target.shown}` is withheld by the policy", hint="work without it, or ask for what you need from it")
        path = path.rpartition("/")[0]
