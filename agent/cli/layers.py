"""What the layers of the sandbox hold on this machine, for `bylaw check`, which says what a run would do.

A probe starts programs, which takes longer than all else that `check` does, so what it found is kept for an hour, under
a key of everything on the machine that it depends on. INVARIANT: nothing is performed by this; whoever runs a command probes.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from ...policy.store import key_of, pack, stamp, unpack
from ..held import Holding, holding

if TYPE_CHECKING:
    from ...policy.store import Store

_KIND: Final = "sandbox"
_SECONDS: Final = 3600
_SANDBOX: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "sandbox")
PROGRAMS: Final = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/usr/bin/true", "/bin/true")
_TOLD: Final = (
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/self/attr/current",
    "/proc/self/uid_map",
    "/proc/self/mountinfo",
    "/sys/kernel/security/lsm",
)
_SPACES: Final = ("user", "mnt", "pid", "net", "uts", "ipc", "cgroup")
_OF_STATUS: Final = ("Cap", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups")


def held_here(store: Store | None, launcher: tuple[str, ...] = ()) -> Holding:
    """What the layers of this machine hold, with a launcher of the person's own; their states are outermost first."""
    if store is None:
        return _probed(launcher)
    key = _key(launcher)
    kept = store.get(_KIND, key)
    known = None if kept is None else _fresh(kept)
    if known is None:
        known = _probed(launcher)
        store.put(_KIND, key, pack((time.time(), known)))
    return known


def _probed(launcher: tuple[str, ...]) -> Holding:
    from ...tools.sandbox import layers

    return holding(layers(launcher))


def _fresh(data: bytes) -> Holding | None:
    try:
        made, known = unpack(data, {"Holding": Holding})
        fresh = 0 <= time.time() - made < _SECONDS and all(len(one) == len(("name", "available", "why")) for one in known.states)
    except (ValueError, TypeError, AttributeError):
        return None
    return known if fresh else None


def _key(launcher: tuple[str, ...]) -> str:
    """A digest of what the probes depend on: the programs, the kernel and its switches, what this process may do."""
    programs = tuple(_file(one) for one in (*launcher[:1], *PROGRAMS, os.path.realpath("/proc/self/exe")))
    spaces = tuple(_link(f"/proc/self/ns/{one}") for one in _SPACES)
    status = tuple(line for line in _text("/proc/self/status").splitlines() if line.startswith(_OF_STATUS))
    code = tuple(_code(folder) for folder in (_SANDBOX, f"{_SANDBOX}/inside"))
    return key_of(launcher, tuple(os.uname()), programs, spaces, status, code, tuple(map(_text, _TOLD)))


def _code(folder: str) -> tuple[object, ...]:
    try:
        return stamp(folder, ".py")
    except OSError:
        return ()


def _file(path: str) -> tuple[object, ...]:
    try:
        state = os.stat(path)
    except OSError:
        return (path,)
    return (path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_mode, state.st_uid)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
