"""Landlock: the kernel refuses every file operation that no rule grants. Needs no package, no namespace, no root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Final

from .grants import DEVICES, Grants, within
from .inside import confine
from .inside.shapes import Rules
from .interface import LayerName, LayerState, Part, Setting
from .runtime import python_program

_LATEST_ABI: Final = 7
_READ_TREE: Final = confine.READ_FILE | confine.READ_DIR
_WRITE_FILE: Final = confine.READ_FILE | confine.WRITE_FILE | confine.TRUNCATE
_WRITE_TREE: Final = (
    _READ_TREE
    | _WRITE_FILE
    | confine.REMOVE_DIR
    | confine.REMOVE_FILE
    | confine.MAKE_DIR
    | confine.MAKE_REG
    | confine.MAKE_SOCK
    | confine.MAKE_FIFO
    | confine.MAKE_SYM
    | confine.REFER
)
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a private one: inside bubblewrap only
_GAPS: Final = (
    "nothing can be taken out of a granted tree: what is protected there is not held, what is hidden is left out when the call starts",
    "names, sizes and dates of files can be asked for everywhere, contents cannot",
    "UDP, unix sockets with a path, and netlink are not held",
    "every dynamic program needs the loader, and the loader starts any readable file",
)
_ENUMERATION_LIMIT: Final = 20_000


class Landlock:
    """The layer that the launcher puts on itself."""

    name: LayerName = "landlock"

    def probe(self) -> LayerState:
        """Restricts a process for good and sees whether a write outside is refused."""
        try:
            abi = confine.landlock_abi()
        except OSError as problem:
            return LayerState(name=self.name, available=False, why=f"the kernel has no landlock: {os.strerror(problem.errno or 0).lower()}")
        if not _holds(abi):
            return LayerState(name=self.name, available=False, why=f"landlock ABI {abi} answers, but did not refuse a write in the probe")
        return LayerState(
            name=self.name, available=True, why=f"ABI {abi}, proven by a refused write", gaps=(*_missing(abi), *_GAPS), version=abi
        )

    def part(self, setting: Setting) -> Part:
        """The rules of a call. Inside bubblewrap the mounts take paths out of trees; alone, siblings are granted instead."""
        abi = min(confine.landlock_abi(), _LATEST_ABI)
        grants = setting.grants
        contained = "bubblewrap" in setting.held
        notes: list[str] = []
        paths = _rules(grants, setting, contained=contained, notes=notes)
        handled = _handled(abi)
        net = confine.BIND_TCP | confine.CONNECT_TCP if abi >= 4 and not contained else 0
        ports = [setting.port] if setting.port else []
        scope = confine.SCOPE_ABSTRACT_UNIX | confine.SCOPE_SIGNAL if abi >= 6 else 0
        if not contained:
            notes += _alone(grants, abi)
        return Part(
            rules=Rules(abi=abi, fs=handled, net=net, scope=scope, paths=sorted(paths.items()), ports=ports if net else []),
            notes=tuple(notes),
        )


def _handled(abi: int) -> int:
    rights = (1 << 13) - 1
    if abi >= 2:
        rights |= confine.REFER
    if abi >= 3:
        rights |= confine.TRUNCATE
    if abi >= 5:
        rights |= confine.IOCTL_DEV
    return rights


def _missing(abi: int) -> tuple[str, ...]:
    """What this version of Landlock does not know yet."""
    known = (
        (3, "truncating a file is not held (needs ABI 3)"),
        (4, "TCP is not held (needs ABI 4)"),
        (5, "ioctl on devices is not held (needs ABI 5)"),
        (6, "signals and abstract unix sockets are not held (needs ABI 6)"),
    )
    return tuple(text for version, text in known if abi < version)


def _alone(grants: Grants, abi: int) -> list[str]:
    notes = ["landlock holds alone: UDP and unix sockets are not refused, names and sizes of files outside can be asked for"]
    if grants.protected:
        notes.append(f"landlock alone cannot keep {_listed(grants.protected)} unchanged below a writable directory")
    if grants.lists:
        notes.append(f"landlock grants listing {_listed(grants.lists)} with everything below, contents excluded")
    if grants.network:
        notes.append("landlock alone holds the port of the proxy, and not the host: any machine that answers on that port is reached")
    return notes + [f"landlock ABI {abi}: {text}" for text in _missing(abi)]


def _listed(paths: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{path}`" for path in paths[:3])
    return f"{shown} and {len(paths) - 3} more" if len(paths) > 3 else shown


def _rules(grants: Grants, setting: Setting, *, contained: bool, notes: list[str]) -> dict[str, int]:
    run = confine.EXECUTE if grants.programs is None else 0
    paths: dict[str, int] = {}

    def add(path: str, access: int) -> None:
        paths[path] = paths.get(path, 0) | access

    hidden = () if contained else grants.hidden
    for path in (*grants.system, *grants.trees, *grants.write_trees):
        access = (_WRITE_TREE if path in grants.write_trees else _READ_TREE) | run
        _add_tree(path, access, hidden, add, notes)
    for path in grants.overlays:
        # A private view may be changed; without the jail that makes it, the directory is only read.
        _add_tree(path, (_WRITE_TREE if contained else _READ_TREE) | run, hidden, add, notes)
    for path in grants.lists:
        add(path, confine.READ_DIR)
    for path in grants.files:
        add(path, confine.READ_FILE | run)
    for path in grants.write_files:
        add(path, _WRITE_FILE | run)
    for path in grants.programs or ():
        add(path, confine.READ_FILE | confine.EXECUTE | (confine.READ_DIR if os.path.isdir(path) else 0))
    for path in DEVICES:
        add(path, confine.READ_FILE | confine.WRITE_FILE | confine.IOCTL_DEV)
    add(setting.scratch, _WRITE_TREE | run)
    if contained:
        add("/proc", _READ_TREE)
        add(_SHARED_MEMORY, _WRITE_TREE)
    # A path that is hidden by its own name must not come back through a grant of its own.
    return {path: access for path, access in paths.items() if not any(within(path, one) for one in hidden)}


def _add_tree(path: str, access: int, hidden: tuple[str, ...], add: Callable[[str, int], None], notes: list[str]) -> None:
    """Grants a tree; where something hidden lies below, its siblings one by one, and only the listing of directories on the way."""
    below = tuple(one for one in hidden if within(one, path))
    if not below:
        add(path, access)
        return
    if path in below:
        return
    add(path, confine.READ_DIR)
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    if len(names) > _ENUMERATION_LIMIT:
        notes.append(f"`{path}` holds too many names to leave out what is hidden: nothing in it is granted")
        return
    if access & confine.MAKE_REG:
        notes.append(f"landlock alone cannot create files directly in `{path}`: something hidden lies below it")
    for name in names:
        child = f"{path.rstrip('/')}/{name}"
        if os.path.islink(child):
            continue
        if os.path.isdir(child):
            _add_tree(child, access, below, add, notes)
        elif child not in below:
            add(child, access & confine.ON_FILES)


def _holds(abi: int) -> bool:
    """Whether a process that gave up writing is refused one: a child restricts itself and tries."""
    handled = _handled(min(abi, _LATEST_ABI))
    code = (
        "import os, sys; sys.path.append(sys.argv[1]); from inside import confine\n"
        "confine.gain_nothing()\n"
        f"rules = {{'abi': {min(abi, _LATEST_ABI)}, 'fs': {handled}, 'net': 0, 'scope': 0, 'paths': [], 'ports': []}}\n"
        "confine.restrict(confine.ruleset_of(rules, {}), rules['abi'])\n"
        "try: os.open('/dev/null', os.O_WRONLY)\n"
        "except PermissionError: os._exit(7)\n"
        "os._exit(0)"
    )
    result = subprocess.run(
        [python_program(), "-I", "-S", "-c", code, os.path.dirname(os.path.realpath(__file__))],
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=30,
    )
    return result.returncode == 7
