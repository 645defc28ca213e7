"""Where one call runs: what is granted, by identity; its temporary directory; its limits."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..policy.model import Limits
from ..policy.plan import Plan
from .errors import ChangedError
from .sandbox import Part
from .sandbox.bubblewrap import TEMPORARY
from .sandbox.grants import Grants, within
from .sandbox.inside import shapes
from .sandbox.inside.paths import open_plain
from .sandbox.interface import LayerName

_LEAST_FILES = 128
"""The launcher's own descriptors begin at 64."""


def identities_of(grants: Grants, limits: Limits) -> dict[str, tuple[int, int]]:
    """Device and inode of every path that is granted, found without following a link; ChangedError where there is one,
    PathError for a file with several names where the policy refuses those.

    INVARIANT: what the sandbox opens is what was judged: a name that is exchanged between the two ends the call.
    """
    found: dict[str, tuple[int, int]] = {}
    for path in (*grants.trees, *grants.lists, *grants.files, *grants.write_trees, *grants.write_files):
        if grants.concealed(path) or any(within(path, place) for place in ("/proc", "/dev", "/sys")):
            continue
        try:
            descriptor = open_plain(path, os.O_PATH)
        except (OSError, ValueError) as problem:
            raise ChangedError(f"`{path}` cannot be opened as it was judged: {problem}", hint="ask again: it has changed") from problem
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if stat.S_ISLNK(status.st_mode):
            raise ChangedError(f"`{path}` has become a symbolic link since it was judged", hint="ask again")
        if limits.hard_links == "refuse" and path in grants.files and not any(within(path, tree) for tree in grants.system):
            from .paths import require_one_name  # imported late: it brings pydantic along

            require_one_name(path, status, limits)
        found[path] = (status.st_dev, status.st_ino)
    return found


def mounted_otherwise(grants: Grants) -> tuple[str, ...]:
    """What a jail shows in another way than by the mount of a granted tree: covered, copied, or a single program's file."""
    single = (path for path in grants.programs or () if not any(within(path, tree) for tree in grants.system))
    return (*grants.hidden, *grants.protected, *(path for path in grants.system if path.startswith("/etc/")), *single)


def held_clean(held: Collection[LayerName], grants: Grants) -> bool:
    """Whether a launcher may serve another call: where files and its own limits were held, and no private view was changed."""
    return {"landlock", "seccomp"} <= {*held} and not grants.overlays


def covered(paths: Iterable[str]) -> list[tuple[str, int, int, int]]:
    """Path, device, inode and time of change of files: one that was replaced since is another one, and one that has taken over its
    inode has another time.
    """
    found: list[tuple[str, int, int, int]] = []
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            found.append((path, status.st_dev, status.st_ino, status.st_ctime_ns))
    return found


def shape_of(parts: Sequence[Part], grants: Grants, limits: Limits, *, confined: bool) -> shapes.Shape:
    """What the launcher of the call is for as long as it lives."""
    only_files = grants.write_files and not grants.write_trees
    caps = shapes.Caps(
        # Where single files are granted, none needs more room than the policy gives to a write; builds do.
        file_bytes=min(limits.write_bytes, limits.file_bytes) if only_files else limits.file_bytes,
        files=max(limits.open_files, _LEAST_FILES),
        processes=limits.processes,
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
    )
    jail = next((part.jail for part in parts if part.jail is not None), None)
    group = next((part.group for part in parts if part.group is not None), None)
    program = next((part.filter for part in parts if part.filter), b"")
    notify = any(part.notify for part in parts)
    return shapes.Shape(jail=jail, group=group, caps=caps, confined=confined, filter=program, notify=notify)


def scratch_of(held: tuple[LayerName, ...], grants: Grants, plan: Plan, stack: contextlib.ExitStack) -> str:
    """The private temporary directory: inside bubblewrap an empty file system, else a fresh directory, removed after."""
    if "bubblewrap" in held:
        named = (*grants.trees, *grants.files, *grants.lists, *grants.write_trees, *grants.write_files)
        directories = (os.path.realpath(path) for one in plan.invocations() for path in (one.directory, *one.elsewhere))
        # A Landlock rule for all of /tmp would reach into what is mounted below it.
        shared = any(within(path, TEMPORARY) for path in (*named, *directories)) or "/" in named
        return f"{TEMPORARY}/.private" if shared else TEMPORARY
    directory = os.path.realpath(tempfile.mkdtemp(prefix="bylaw-"))
    stack.callback(_remove, directory)
    return directory


def home_of(held: tuple[LayerName, ...], grants: Grants, environment: Mapping[str, str], scratch: str) -> dict[str, str]:
    """HOME for Landlock alone, where the home directory is not granted: git and others fail on one that is there and refused."""
    home = os.path.realpath(environment.get("HOME", "/"))
    if held != ("landlock",) or "HOME" not in environment or any(within(home, tree) for tree in (*grants.trees, *grants.write_trees)):
        return {}
    return {"HOME": scratch}


def _remove(directory: str) -> None:
    """Removes a directory that a command filled, also where it took its own permissions away."""
    shutil.rmtree(directory, ignore_errors=True)
    if os.path.lexists(directory):
        for place in _directories(directory):
            with contextlib.suppress(OSError):
                _open_up(place)
        shutil.rmtree(directory, ignore_errors=True)


def _open_up(directory: str) -> None:
    """Makes a directory ours to remove; never what a link leads to."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.chmod(f"/proc/self/fd/{descriptor}", 0o700)
    finally:
        os.close(descriptor)


def _directories(top: str) -> Iterator[str]:
    yield top
    for place, names, _ in os.walk(top):
        yield from (path for name in names if not os.path.islink(path := os.path.join(place, name)))
