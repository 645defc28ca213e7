"""What the sandbox refused to a command: exact where something told it, probable where the output and the grants say so.

A program only prints that it failed. `probable` takes the path, program or host that it names, and compares it with the
grants. What was granted is looked at from outside: what fails there too (a missing file, a file's own mode) is the command's
own error. INVARIANT: what was not granted is not looked at: a program can print any path, and whether something is there
would come back to it in the answer. No content of a file is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from .complaints import Complaint, Wish, complaints
from .grants import DEVICES, Grants, within

DenialKind: TypeAlias = Literal[
    "read", "write", "delete", "execute", "network", "socket", "signal", "system_call", "memory", "device", "other"
]
Certainty: TypeAlias = Literal["exact", "probable"]
Source: TypeAlias = Literal["kernel audit", "seccomp", "proxy", "output"]

LIMIT: Final = 20
"""How many denials of one call are told one by one; of the rest, only how many there were."""

_SIGSYS: Final = 31
_KILLED: Final = 128 + _SIGSYS
_NOT_STARTED: Final = (126, 127)
_VIEWS: Final = ("/proc", "/dev/pts", "/dev/shm", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty")  # noqa: S108 - compared, nothing is made there
"""What every process sees in a way of its own: how it looks from outside is no evidence."""

_LOOPBACK: Final = ("127.", "localhost", "::1", "0.0.0.0")  # noqa: S104 - compared, not listened on
_FOREIGN: Final = "killed: a system call that the sandbox ends a program for (one of a foreign architecture)"
_FOR_EVERYBODY: Final = frozenset({"unshare", "ptrace", "keyctl", "io_uring_setup", "userfaultfd"})
"""Calls that an ordinary account may make; the others of the table are root's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One thing that was refused. `subject` is a path, a `host:port` or the name of a call, as far as it is known."""

    kind: DenialKind
    subject: str
    certainty: Certainty
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call that ended, and what it was allowed.

    `output` is what it printed to standard error; `held` the layers that held, `directories` where its commands ran,
    `search_path` its PATH, `scratch` its private temporary directory, `memory_bytes` its limit on memory (0: none).
    """

    output: str
    exit_code: int | None
    signal: int | None
    grants: Grants
    held: Collection[str]
    directories: tuple[str, ...] = ()
    search_path: str = ""
    scratch: str = ""
    memory_bytes: int = 0


def probable(failed: Failed) -> tuple[Denial, ...]:
    """The denials that the output of a call shows; exact only where a signal of the kernel says so."""
    if not failed.held:
        return ()
    found: dict[Denial, None] = {}
    if "seccomp" in failed.held and failed.signal == _SIGSYS:
        found[Denial(kind="system_call", subject=_FOREIGN, certainty="exact", source="seccomp")] = None
    elif "seccomp" in failed.held and failed.exit_code == _KILLED:
        found[Denial(kind="system_call", subject=_FOREIGN, certainty="probable", source="seccomp")] = None
    look = _Look(failed)
    for complaint in complaints(failed.output):
        for kind, subject in look.at(complaint):
            found[Denial(kind=kind, subject=subject, certainty="probable", source="output")] = None
    return tuple(found)


def merged(exact: Iterable[Denial], guessed: Iterable[Denial]) -> tuple[Denial, ...]:
    """Both, each once: what was guessed and is known exactly is left out, or gives the exact one the name that it lacks.

    The kernel names the directory in which something was to be made or removed, the program its full name.
    """
    known = list(dict.fromkeys(exact))
    rest: list[Denial] = []
    for one in dict.fromkeys(guessed):
        same = next((each for each in known if (each.kind, each.subject) == (one.kind, one.subject)), None)
        if same is not None:
            continue
        above = next((i for i, each in enumerate(known) if each.kind == one.kind and each.subject == os.path.dirname(one.subject)), None)
        if above is None or one.kind not in ("write", "delete"):
            rest.append(one)
        else:
            known[above] = Denial(kind=one.kind, subject=one.subject, certainty="exact", source=known[above].source)
    return (*known, *rest)


_Found: TypeAlias = Iterator[tuple[DenialKind, str]]


class _Look:
    """Looks from outside at what a call complained about."""

    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self._grants = failed.grants
        self._contained = "bubblewrap" in failed.held
        self._offline = self._contained or "seccomp" in failed.held

    def at(self, complaint: Complaint) -> _Found:
        """What of a complaint the sandbox probably caused."""
        match complaint.fault:
            case "access" | "read_only" | "absent" | "not_found":
                refused = [one for names in complaint.names for one in self._named(complaint, names)]
                yield from refused or (self._call(complaint) if complaint.fault == "access" else ())
            case "name" | "unreachable" | "unconnected" | "proxy":
                yield from self._network(complaint)
            case "permission":
                yield from self._call(complaint)
            case "memory":
                if 0 < self._failed.memory_bytes < _free_bytes():
                    yield "memory", f"{self._failed.memory_bytes} bytes of memory"
            case "bad_call":
                if "seccomp" in self._failed.held:
                    yield "system_call", _FOREIGN
            case _:
                assert_never(complaint.fault)

    # -- paths

    def _named(self, complaint: Complaint, names: tuple[str, ...]) -> _Found:
        """One thing under several readings of its name: the one that is there, else a program, else the plainest."""
        paths = [path for name in names for path in self._paths(name)]
        path = next((one for one in paths if os.path.lexists(one)), None)
        if path is None and complaint.wish not in ("write", "delete"):
            started = next((one for name in names if (one := self._program(name)) is not None), None)
            if started is not None:
                if complaint.fault in ("access", "not_found", "absent") and self._not_startable(started):
                    yield "execute", started
                return
        if path is None:
            path = paths[-1] if paths else None
        if path is not None and (kind := self._refused(path, complaint)) is not None:
            yield kind, path

    def _paths(self, name: str) -> list[str]:
        if name.startswith("/"):
            return [os.path.normpath(name)]
        return [os.path.normpath(os.path.join(directory, name)) for directory in self._failed.directories]

    def _program(self, name: str) -> str | None:
        if "/" in name or not name:
            return None
        found = (f"{directory}/{name}" for directory in self._failed.search_path.split(":") if directory.startswith("/"))
        return next((os.path.realpath(one) for one in found if os.path.isfile(one) and os.access(one, os.X_OK)), None)

    def _not_startable(self, program: str) -> bool:
        programs = self._grants.programs
        listed = programs is None or any(within(program, one) for one in programs)
        return not listed or not self._grants.readable(program)

    def _refused(self, path: str, complaint: Complaint) -> DenialKind | None:
        """What was refused at a path, or None where the sandbox is not the cause."""
        real = os.path.realpath(path)
        own = "" if self._contained else self._failed.scratch
        if any(within(real, view) for view in _VIEWS) or (own and within(real, own)):
            return None
        if not self._visible(real):
            return self._unseen(real, complaint)
        there = os.path.lexists(real)
        match complaint.fault:
            case "read_only":
                return self._unwritten(real, "delete" if complaint.wish == "delete" else "write")
            case "absent" | "not_found":
                if not self._contained:
                    return None  # without mounts of its own, a call misses what is missing
                if there:
                    starting = os.path.isfile(real) and self._failed.exit_code in _NOT_STARTED
                    return None if self._seen(real) else _wish("execute" if starting and not complaint.wish else complaint.wish, real)
                lost = complaint.wish == "write" and not self._seen(os.path.dirname(real))
                return self._unwritten(real, "write") if lost else None
            case _:
                return self._barred(real, complaint) if there else self._unmade(real, complaint)

    def _barred(self, real: str, complaint: Complaint) -> DenialKind | None:
        """What was refused at a path that is there and may not be touched as asked."""
        if complaint.wish == "delete":
            return self._unwritten(real, "delete")
        if complaint.wish == "write":
            return self._unwritten(real, "write")
        executable = os.path.isfile(real) and os.access(real, os.X_OK)
        starting = complaint.wish == "execute" or self._failed.exit_code in _NOT_STARTED
        if executable and starting and self._not_startable(real):
            return "execute"
        if not self._seen(real):
            return "read" if os.access(real, os.R_OK) else None
        if executable and self._not_startable(real):
            return "execute"
        return self._unwritten(real, "write") if not os.path.isdir(real) else None

    def _unmade(self, real: str, complaint: Complaint) -> DenialKind | None:
        return None if complaint.wish == "execute" else self._unwritten(real, "delete" if complaint.wish == "delete" else "write")

    def _unwritten(self, real: str, kind: Literal["write", "delete"]) -> DenialKind | None:
        """`kind` where this account could change the path outside, and the call was not granted it."""
        if self._changeable(real) and (kind == "write" or self._changeable(os.path.dirname(real))):
            return None
        holder = real if kind == "write" and os.path.lexists(real) else os.path.dirname(real)
        while kind == "write" and not os.path.lexists(holder):
            holder = os.path.dirname(holder)
        return kind if os.path.lexists(holder) and os.access(holder, os.W_OK) else None

    def _seen(self, real: str) -> bool:
        """Whether the call could read the path, or list it."""
        grants = self._grants
        return not grants.concealed(real) and (grants.readable(real) or real in grants.lists or real in (grants.programs or ()))

    def _changeable(self, real: str) -> bool:
        """Whether the kernel let the call change the path: the grain of a directory counts here."""
        grants = self._grants
        if grants.concealed(real) or (self._contained and any(within(real, one) for one in grants.protected)):
            return False
        return real in (*grants.write_files, *DEVICES) or any(within(real, tree) for tree in grants.write_trees)

    def _unseen(self, real: str, complaint: Complaint) -> DenialKind | None:
        """What was refused at a path of which the call sees nothing in a jail, and by Landlock alone only that it is there."""
        if complaint.fault == "read_only":
            return "delete" if complaint.wish == "delete" else "write"
        if complaint.wish:
            there = self._contained or complaint.fault not in ("absent", "not_found") or os.path.lexists(real)
            return _wished(complaint.wish) if there else None
        if self._failed.exit_code in _NOT_STARTED:
            return "execute"
        if self._contained:
            return "read"
        if os.path.lexists(real):
            return self._barred(real, complaint)
        return self._unmade(real, complaint) if complaint.fault == "access" else None

    def _visible(self, real: str) -> bool:
        """Whether the call can see by itself whether the path is there: it was granted, or what holds it was."""
        seen = self._seen(real) or self._changeable(real) or self._seen(os.path.dirname(real))
        return seen and not self._grants.concealed(real)

    # -- the rest

    def _network(self, complaint: Complaint) -> _Found:
        grants, host = self._grants, complaint.host.partition(":")[0]
        if grants.network:
            granted = {name if port.isdecimal() else one for one in grants.hosts for name, _, port in (one.rpartition(":"),)}
            if host and host not in granted and "*" not in granted:
                yield "network", complaint.host
        elif host.startswith(_LOOPBACK):
            return  # nothing listens on the loopback inside; whether something does outside is not known
        elif self._offline or (complaint.fault == "unconnected" and "landlock" in self._failed.held):
            yield "network", complaint.host or "the network"

    def _call(self, complaint: Complaint) -> _Found:
        if complaint.wish == "signal":
            if _ours(complaint.host):
                yield "signal", f"process {complaint.host}"
        elif complaint.wish == "connect":
            if not self._grants.network:
                yield "network", complaint.host or "the network"
        elif complaint.call and (complaint.call in _FOR_EVERYBODY or os.geteuid() == 0):
            yield "system_call", complaint.call


def _wish(wish: Wish, real: str) -> DenialKind | None:
    """What was wanted of a path that is there outside, where this account could have had it."""
    match wish:
        case "write" | "delete":
            return wish if os.access(real, os.W_OK) else None
        case "execute":
            return "execute" if os.access(real, os.X_OK) else None
        case "" | "connect" | "signal":
            return "read" if os.access(real, os.R_OK) else None
        case _:
            assert_never(wish)


def _wished(wish: Wish) -> DenialKind:
    """What was wanted of a path that was not granted."""
    return wish if wish in ("write", "delete", "execute") else "read"


def _ours(pid: str) -> bool:
    """Whether the process is there, and this account may signal it."""
    try:
        status = os.stat(f"/proc/{int(pid)}")
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(status.st_mode) and os.geteuid() in (0, status.st_uid)


def _free_bytes() -> int:
    """Memory that the machine still has; 0 where it does not say."""
    try:
        with open("/proc/meminfo", "rb") as source:
            lines = source.read(4096).split(b"\n")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"MemAvailable:")), 0)
