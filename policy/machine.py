"""The machine that calls happen on: its files as they are, and the scope of a session made from a policy.

Looks only. What is seen here was so when it was looked at; that it still is when a call happens is the work of the tools,
which hold descriptors, and of the kernel.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from typing import Final

from . import manifest
from .model import Policy
from .paths import within
from .reading import read_regular
from .scope import PathKind, Scope
from .workspace import git_directories

_SEARCH: Final = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_MAX_LINKS: Final = 40
_NO_NAMES: Final = ("/", "/.", "/..")
_NOT_PLAIN: Final = ("//", "/./", "/../", "\0")
_LONGEST: Final = 4096
"""PATH_MAX of Linux: longer names are no names, and to look at each of their parts would take long."""


Listing = tuple[tuple[str, ...], tuple[str, ...]]
_LISTINGS: Final[dict[str, tuple[tuple[int, ...], Listing]]] = {}
_MOST_LISTINGS: Final = 50_000
_SYSTEM: Final = ("/usr/", "/etc/", "/lib", "/opt/")
_SETTLED: Final = 2_000_000_000
"""Nanoseconds after which a second change cannot have the same time on any file system."""


def _listed(directory: str) -> Listing:
    """A directory as it is now. One of the system that only root can write, and that has the inode and the times that it had
    when it was read, long after it was changed last, is as it was: it is not read again. Raises OSError.
    """
    state = _state(directory) if directory.startswith(_SYSTEM) else None
    known = _LISTINGS.get(directory)
    if state is not None and known is not None and known[0] == state:
        return known[1]
    with os.scandir(directory) as entries:
        found = sorted((one.name, one.is_dir(follow_symlinks=False)) for one in entries)
    listing = tuple(name for name, _ in found), tuple(name for name, inner in found if inner)
    if state is not None and _state(directory) == state and time.time_ns() - max(state[2:]) > _SETTLED:
        if len(_LISTINGS) >= _MOST_LISTINGS:
            _LISTINGS.clear()
        _LISTINGS[directory] = (state, listing)
    return listing


def _state(directory: str) -> tuple[int, ...] | None:
    """What changes with every change of a directory; None for one that others than root can change."""
    state = os.lstat(directory)
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != 0 or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    return state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns


class MachineFiles:
    """`scope.Files` on the real file system."""

    def steady(self) -> MachineFiles:
        """The same files for one decision: what is at a path is looked at once, so that all questions see the same."""
        return _SteadyFiles()

    def _look(self, path: str) -> PathKind:
        return _kind(path)

    def real(self, path: str) -> str:
        """The path with symbolic links resolved as far as it exists.

        OSError for a loop, for a path that is not absolute, for what cannot be looked at, and for `..` behind a missing
        component: what that means is decided when somebody creates the component.
        """
        if not path.startswith("/") or "\0" in path or len(path) > _LONGEST:
            raise OSError(f"`{path[:200]}` is no absolute path")
        waiting = path.split("/")[::-1]
        done, links, missing = "", 0, False
        while waiting:
            part = waiting.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if missing:
                    raise OSError(f"`{path}` leads through a directory that does not exist")
                done = done.rpartition("/")[0]
                continue
            done = f"{done}/{part}"
            kind = "missing" if missing else self._look(done)
            missing = kind == "missing"
            if kind == "symlink":
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(f"`{path}` leads through too many symbolic links")
                target = os.readlink(done)
                done = "" if target.startswith("/") else done.rpartition("/")[0]
                waiting.extend(target.split("/")[::-1])
            elif kind in {"file", "other"} and any(one != "" for one in waiting):
                # `file/..` is no path for the kernel; what it is later, when the file became a directory, is not known now.
                raise OSError(f"`{done}` is no directory")
        return done or "/"

    def kind(self, path: str) -> PathKind:
        """What is there, a final symbolic link not followed; `other` for what cannot be looked at."""
        try:
            return self._look(path)
        except (OSError, ValueError):
            return "other"

    def names(self, directory: str) -> tuple[str, ...]:
        """The names in a directory, sorted; empty when it cannot be read."""
        try:
            return tuple(sorted(os.listdir(directory)))
        except (OSError, ValueError):
            return ()

    def listing(self, directory: str) -> Listing:
        """The names in a directory and those of them that are directories, sorted; empty when it cannot be read."""
        try:
            return _listed(directory)
        except (OSError, ValueError):
            return (), ()

    def executable(self, path: str) -> bool:
        """Whether the path is a regular file (links followed) that this account may execute."""
        try:
            return stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
        except (OSError, ValueError):
            return False

    def read_text(self, path: str, limit: int) -> str | None:
        """The text of a regular file (links followed) of at most `limit` bytes; None when it is something else."""
        return read_text(path, limit)


class _SteadyFiles(MachineFiles):
    """The files as they were when each was first looked at. INVARIANT: it ends with the decision that it was made for."""

    def __init__(self) -> None:
        self._kinds: dict[str, PathKind] = {}
        self._reals: dict[str, str] = {}
        self._executables: dict[str, bool] = {}
        self._texts: dict[tuple[str, int], str | None] = {}

    def steady(self) -> MachineFiles:
        return self

    def real(self, path: str) -> str:
        known = self._reals.get(path)
        if known is None:
            known = self._reals[path] = self._straight(path) or super().real(path)
        return known

    def _straight(self, path: str) -> str | None:
        """The path itself where it is written plainly and no link is on the way, as with most; None for all others."""
        if not path.startswith("/") or path.endswith(_NO_NAMES) or any(one in path for one in _NOT_PLAIN) or len(path) > _LONGEST:
            return None
        at = path.find("/", 1)
        while at > 0:
            if self._look(path[:at]) != "directory":
                return None
            at = path.find("/", at + 1)
        return path if self._look(path) != "symlink" else None

    def executable(self, path: str) -> bool:
        known = self._executables.get(path)
        if known is None:
            known = self._executables[path] = super().executable(path)
        return known

    def read_text(self, path: str, limit: int) -> str | None:
        if (path, limit) not in self._texts:
            self._texts[path, limit] = super().read_text(path, limit)
        return self._texts[path, limit]

    def _look(self, path: str) -> PathKind:
        known = self._kinds.get(path)
        if known is None:
            known = self._kinds[path] = _kind(path)
        return known


def read_text(path: str, limit: int) -> str | None:
    """The text of a regular file (links followed) of at most `limit` bytes, as UTF-8; None when it is something else."""
    try:
        data = read_regular(path, limit)
        return data.decode() if len(data) <= limit else None
    except (OSError, ValueError):
        return None


def _kind(path: str) -> PathKind:
    """What is there; OSError for what cannot be looked at."""
    try:
        return _KINDS.get(stat.S_IFMT(os.lstat(path).st_mode), "other")
    except (FileNotFoundError, NotADirectoryError):
        return "missing"


_KINDS: Final[Mapping[int, PathKind]] = {stat.S_IFLNK: "symlink", stat.S_IFDIR: "directory", stat.S_IFREG: "file"}


def make_scope(
    policy: Policy,
    *,
    workspace: str,
    cwd: str | None = None,
    home: str,
    environ: Mapping[str, str],
    agent_files: frozenset[str] = frozenset(),
) -> Scope:
    """Where the calls of a session happen. `workspace` and `home` are absolute real paths; `environ` is the
    environment that the program was started with, of which children get what the policy names.

    The repository of a worktree or submodule is readable where it lies elsewhere; never writable by itself.
    """
    files = MachineFiles()
    write = policy.paths.write
    search = tuple(
        dict.fromkeys(real for one in _SEARCH if (real := os.path.realpath(one)) and os.path.isdir(real) and not within(real, write))
    )
    read = dict.fromkeys((*policy.paths.read, *write, *git_directories(workspace, files)))
    return Scope(
        files=files,
        workspace=workspace,
        cwd=files.real(cwd) if cwd is not None else workspace,
        home=home,
        read_roots=tuple(read),
        write_roots=write,
        environment=manifest.environment(environ, policy.environment, search),
        search_path=search,
        agent_files=agent_files,
        hooks=policy.hooks == "run",
    )
