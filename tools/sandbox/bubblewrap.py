"""bubblewrap: a file system made of the grants alone, with process, network, ipc and host names of its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import SandboxError
from .grants import Grants, within
from .inside.shapes import Caps, Jail, Shape
from .interface import LayerName, LayerState, Part, Setting
from .launchers import LAUNCHERS, key_of

_PLACES: Final = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")
_GAPS: Final = (
    "a directory that is granted for listing only is readable with everything below (landlock holds that)",
    "which programs may start is held for writable and other directories of the machine's user only (landlock holds the rest)",
    "a protected path that does not exist yet cannot be kept from being created below a writable directory",
)
TEMPORARY: Final = "/tmp"  # noqa: S108 - a private one: an empty file system of this jail
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a private one
Word = str | tuple[str]
"""A word of bubblewrap's, or the file that a descriptor of is to stand there."""
_EMPTY: Final[Word] = (os.devnull,)
_COPIED: Final = 1 << 18
"""Bytes of a file of the system that is copied rather than mounted."""
_WAITING: Final = ("/usr/bin/cat", "/bin/cat")
_PROBED: Final = Caps(file_bytes=1 << 20, files=1024, processes=256, memory_bytes=1 << 30, cpu_seconds=60)
_KEPT: Final = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_SETPCAP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What works here: a user namespace of its own, and a process file system of its own."""

    user: bool
    proc: bool


class Bubblewrap:
    """The layer outside: Landlock has to be put on within it, because a landlocked process may not mount."""

    name: LayerName = "bubblewrap"

    def __init__(self, places: tuple[str, ...] = _PLACES) -> None:
        self._places = places
        self._variant: Variant | None = None

    def probe(self) -> LayerState:
        """Starts a program in a jail, from the fullest variant to the plainest."""
        program = _trusted(self._places)
        if program is None:
            return LayerState(name=self.name, available=False, why=f"no trustworthy `bwrap` in {', '.join(self._places)}")
        why = ""
        for user in (False, True) if os.geteuid() == 0 else (True,):
            for proc in (True, False):
                variant = Variant(user=user, proc=proc)
                why = _try(program, variant)
                if not why:
                    self._variant = variant
                    lacking = () if proc else ("there is no process file system inside: it cannot be mounted here",)
                    return LayerState(name=self.name, available=True, why="proven by a program that ran in it", gaps=(*lacking, *_GAPS))
        return LayerState(name=self.name, available=False, why=f"`bwrap` cannot make a jail here: {why}")

    def part(self, setting: Setting) -> Part:
        """The jail of a call. Every one has a network of its own with nothing in it: what is granted is reached through a proxy."""
        program = _trusted(self._places)
        variant = self._variant or Variant(user=os.geteuid() != 0, proc=True)
        if program is None:
            raise FileNotFoundError("bwrap")
        notes: list[str] = []
        grants = setting.grants
        if grants.missing_protected:
            shown = ", ".join(f"`{path}`" for path in grants.missing_protected[:3])
            notes.append(f"not there yet, so only watched and not held: {shown}")
        if "landlock" not in setting.held:
            notes.append("without landlock, the programs that may start are not held, and a directory for listing is readable")
        mounts = _mounts(setting, variant)
        jail = Jail(
            program=program,
            arguments=[*_namespaces(variant), *mounts],
            waiting=_waiting(),
            noexec=_without_execution(mounts, grants),
            overlays=_overlays(grants),
        )
        return Part(jail=jail, notes=tuple(notes))


def _trusted(places: Iterable[str]) -> str | None:
    """The bwrap of the system: one that anybody but root could change is not a wall."""
    for place in places:
        try:
            status = os.stat(place)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022 and os.access(place, os.X_OK):
            return place
    return None


def _try(program: str, variant: Variant) -> str:
    """Empty when a launcher could join such a jail; else what went wrong."""
    arguments: list[Word] = [
        *_namespaces(variant),
        *_system(("/usr", "/bin", "/lib", "/lib64")),
        *_specials(variant),
        "--remount-ro",
        "/",
    ]
    jail = Jail(program=program, arguments=arguments, waiting=_waiting(), noexec=[TEMPORARY], overlays=[])
    shape = Shape(jail=jail, group=None, caps=_PROBED, confined=True, filter=b"", notify=False)
    try:
        LAUNCHERS.take(shape, key_of(shape)).close()
    except SandboxError as problem:
        return problem.message
    return ""


def _waiting() -> str:
    """The program that waits inside; every system has it."""
    return next(path for path in _WAITING if os.path.exists(path))


def _namespaces(variant: Variant) -> tuple[str, ...]:
    spaces = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
    spaces += ["--die-with-parent", "--new-session", "--as-pid-1"]
    if variant.user:
        spaces.append("--unshare-user")
    if os.geteuid() == 0:
        spaces += ["--cap-drop", "ALL"]
        for capability in _KEPT:
            spaces += ["--cap-add", capability]
    return (*spaces, "--hostname", "sandbox", "--chdir", "/")


def _without_execution(arguments: list[Word], grants: Grants) -> list[str]:
    """Where nothing is started and nothing is loaded as code: every mount but the system's, unless a granted program lies there."""
    if grants.programs is None:
        return []
    places = {TEMPORARY, SHARED_MEMORY}
    for option, _, place in zip(arguments, arguments[1:], arguments[2:], strict=False):
        if option in {"--bind", "--ro-bind"} and isinstance(place, str):
            places.add(place)
    places = {one for one in places if one != "/" and not any(within(one, path) for path in grants.system)}
    return [one for one in sorted(places) if not any(within(program, one) for program in grants.programs)]


def _overlays(grants: Grants) -> list[tuple[str, list[str]]]:
    return [(path, [one for one in grants.hidden if within(one, path)]) for path in grants.overlays]


def _system(paths: Iterable[str], named: Collection[str] = ()) -> list[Word]:
    """What everybody may read of the machine. Small files are copied: a mount for each would take as long as all the rest.

    What a call names itself is mounted: it must be the very file that was judged.
    """
    words: list[Word] = []
    for path in paths:
        if path.count("/") == 1 and os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif path not in named and os.path.isfile(path) and os.path.getsize(path) <= _COPIED:
            words += ["--perms", "0444", "--file", (os.path.realpath(path),), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
    return words


def _specials(variant: Variant) -> list[str]:
    words = ["--dev", "/dev", "--tmpfs", SHARED_MEMORY, "--tmpfs", TEMPORARY]
    return words + (["--proc", "/proc"] if variant.proc else [])


def _mounts(setting: Setting, variant: Variant) -> list[Word]:
    """The file system, outermost first.

    INVARIANT: nothing is mounted where nothing is: a mount point that bwrap had to make below a writable bind would
    stay in the user's tree. What is hidden comes last, so that no grant uncovers it.
    """
    grants = setting.grants
    whole = "/" in (*grants.trees, *grants.write_trees)
    words: list[Word] = []
    if whole:
        words += ["--bind" if "/" in grants.write_trees else "--ro-bind", "/", "/"]
    else:
        words += _system(grants.system, {*grants.files, *grants.write_files})
    words += _specials(variant)
    readable = {*grants.trees, *grants.lists, *grants.files, *(grants.programs or ()), *grants.overlays}
    bound: list[str] = [path for path in grants.system if os.path.isdir(path)]
    writable = {*grants.write_trees, *grants.write_files}
    for path in sorted(readable | writable):
        if path == "/" or path in grants.system or _special(path):
            continue
        if path in writable:
            # INVARIANT: a name in a writable directory is no mount point of its own: it could not be removed or replaced.
            if any(path != tree and within(path, tree) for tree in grants.write_trees):
                continue
            words += ["--bind", path, path]
        elif any(within(path, tree) for tree in bound):
            continue  # it is there already, and at least as open
        else:
            words += ["--ro-bind", path, path]
        bound.append(path)
    for path in setting.directories:
        if os.path.isdir(path) and not whole and not any(within(path, tree) for tree in bound) and not _special(path):
            words += ["--dir", path]
    words += _masks(grants, whole=whole)
    if setting.scratch != TEMPORARY:
        words += ["--dir", setting.scratch]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/"] if not whole else words


def _masks(grants: Grants, *, whole: bool) -> list[Word]:
    """What covers protected and hidden paths."""
    roots = ("/",) if whole else (*grants.system, *grants.trees, *grants.lists, *grants.files, *grants.write_trees, *grants.write_files)
    words: list[Word] = []
    held = [path for path in grants.protected if any(within(path, tree) for tree in (*grants.write_trees, *grants.write_files))]
    # A mount moves along when a directory above it is renamed: then the protected name is free, and the hidden file has
    # a name that the next call does not know. A mount point cannot be renamed, so every directory on the way becomes one.
    for directory in sorted({above for path in (*held, *grants.hidden) for above in _between(path, grants.write_trees)}):
        words += ["--bind", directory, directory]
    for path in held:
        words += ["--ro-bind", path, path]
    for path in grants.hidden:
        # A private view leaves out what is hidden by itself.
        if not any(within(path, root) for root in roots) or any(within(path, one) for one in grants.overlays):
            continue
        if os.path.isdir(path):
            words += ["--perms", "0000", "--tmpfs", path, "--remount-ro", path]
        else:
            words += ["--perms", "0444", "--ro-bind-data", _EMPTY, path]
    return words


def _between(path: str, trees: tuple[str, ...]) -> list[str]:
    """The directories above a path, below the outermost writable tree that holds it."""
    top = min((tree for tree in trees if within(path, tree)), key=len, default=path)
    found: list[str] = []
    while within(path := os.path.dirname(path), top) and path != top:
        found.append(path)
    return found


def _special(path: str) -> bool:
    return any(within(path, place) for place in ("/proc", "/dev", "/sys"))
