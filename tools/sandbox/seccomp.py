"""seccomp: a list of the system calls that a command may make, compiled to classic BPF. Needs no package, no namespace, no root.

The forms of an instruction and of what a filter sees: `linux/filter.h`, `linux/seccomp.h`, `linux/audit.h`.
"""

from __future__ import annotations

import functools
import os
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import ToolError
from .inside.filter_trial import HOLDS, REPORTS
from .interface import LayerName, LayerState, Part, Setting
from .runtime import python_program
from .system_calls import ABSENT, ALLOWED, SYSTEM_V, call_name, numbers

__all__ = ["Seccomp", "Sockets", "call_name", "can_report", "compile_filter", "described", "is_commonplace"]

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
ASK: Final = 0x7FC00000
_ERRNO: Final = 0x00050000
REFUSE: Final = _ERRNO | 1
"""EPERM."""
UNKNOWN: Final = _ERRNO | 38
"""ENOSYS."""

_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32: Final = 0x40000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _EQUAL, _AT_LEAST, _JUMP, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x05, 0x06
_FAR: Final = 255
_WHOLE: Final = 0xFFFFFFFF

_NEW_NAMESPACE: Final = 0x7E020080
_OWN_TABLES: Final = 0x600
"""CLONE_FS and CLONE_FILES: a thread's own directory and descriptors, which are nobody else's business."""
_TERMINAL_INJECTIONS: Final = {0x5412: "TIOCSTI", 0x541C: "TIOCLINUX"}
_PERSONALITIES: Final = (0, 0x20000, 0xFFFFFFFF)
_NOEXEC_SEAL: Final = 8
_FAST_OPEN: Final = 0x20000000
_FAMILIES: Final = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 38: "AF_ALG", 40: "AF_VSOCK"}
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _DATAGRAM, _SEQUENTIAL = 1, 2, 5
_SOCKET_TYPE: Final = _WHOLE & ~0x80800  # without SOCK_CLOEXEC and SOCK_NONBLOCK
_TCP: Final = (0, 6)
_INTERNET: Final = (0, 1, 6, 17, 58)  # ICMP, TCP, UDP, ICMPv6

_GAPS: Final = (
    "paths are not seen: which files a call reaches is for the other layers",
    "the port and the host of a connection are not seen",
    "other processes of this account can be slowed down (priority, processor affinity)",
    "a program that refuses the same call itself is refused without being reported",
)
_UNREPORTED: Final = "which call was refused cannot be reported here (another filter listens already, or Linux before 5.0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Which sockets a call may make: local ones, internet ones (`stream`: TCP alone), and questions to the kernel about its network."""

    unix: bool
    inet: Literal["none", "stream", "all"]
    netlink: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """Whether a 32-bit word of what the filter sees, masked, has a value."""

    offset: int
    value: int
    yes: _Tree
    no: _Tree
    mask: int = _WHOLE


_Tree = int | _Test
_Instruction = tuple[int, int, int, int]


@functools.cache
def compile_filter(
    sockets: Sockets, *, memory_programs: bool, notify: bool, own_ipc: bool = False, machine: str = os.uname().machine
) -> bytes:
    """The filter of a call as an array of `struct sock_filter`; SandboxError for a machine whose calls are not known.

    `memory_programs`: files in memory may be started. `own_ipc`: the call has an ipc namespace of its own, so System V
    ipc reaches nobody else. `notify`: refused calls wait for an answer of the launcher, which can then name them.
    """
    refusal = ASK if notify else REFUSE
    conditions = _conditions(sockets, memory_programs=memory_programs, refusal=refusal)
    verdicts = {number: _verdict(name, conditions, own_ipc=own_ipc, refusal=refusal) for name, number in numbers(machine).items()}
    ranges = _ranges(verdicts)
    if machine == "x86_64":
        # INVARIANT: the same calls have other numbers there, so one that is refused here would be allowed under that number.
        ranges.append((_X32, KILL_PROCESS))
    whole: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        *_searched(ranges),
    ]
    return b"".join(struct.pack("=HBBI", *one) for one in whole)


def _verdict(name: str, conditions: Mapping[str, _Tree], *, own_ipc: bool, refusal: int) -> _Tree:
    if name in conditions:
        return conditions[name]
    if name in ALLOWED or (own_ipc and name in SYSTEM_V):
        return ALLOW
    return UNKNOWN if name in ABSENT else refusal


def _argument(index: int, *, high: bool = False) -> int:
    """Where an argument's half stands; on both machines the lower half comes first. The kernel reads an `int` from that alone."""
    return _ARGUMENTS + 8 * index + 4 * high


def _one_of(offset: int, values: Iterable[int], yes: _Tree, no: _Tree, *, mask: int = _WHOLE) -> _Tree:
    tree = no
    for value in values:
        tree = _Test(offset=offset, value=value, yes=yes, no=tree, mask=mask)
    return tree


def _conditions(sockets: Sockets, *, memory_programs: bool, refusal: int) -> dict[str, _Tree]:
    """The calls that are allowed with some arguments and refused with others."""

    def without(index: int, bits: int) -> _Tree:
        return _Test(offset=_argument(index), value=0, mask=bits, yes=ALLOW, no=refusal)

    reads_limits = _Test(
        offset=_argument(2), value=0, no=refusal, yes=_Test(offset=_argument(2, high=True), value=0, yes=ALLOW, no=refusal)
    )
    return {
        "clone": without(0, _NEW_NAMESPACE),
        "unshare": without(0, _WHOLE & ~_OWN_TABLES),
        "ioctl": _one_of(_argument(1), _TERMINAL_INJECTIONS, refusal, ALLOW),
        "memfd_create": ALLOW if memory_programs else _Test(offset=_argument(1), value=0, mask=_NOEXEC_SEAL, yes=refusal, no=ALLOW),
        "personality": _one_of(_argument(0), _PERSONALITIES, ALLOW, refusal),
        # Limits of another process of this account may be read, not lowered: a file size of 0 would silence the record.
        "prlimit64": _Test(offset=_argument(0), value=0, yes=ALLOW, no=reads_limits),
        # A connection that opens with its data passes Landlock's rules for ports, which look at `connect` alone.
        "sendto": without(3, _FAST_OPEN),
        "sendmsg": without(2, _FAST_OPEN),
        "sendmmsg": without(3, _FAST_OPEN),
        "socket": _socket(sockets, refusal),
        "socketpair": _pair(sockets, refusal),
    }


def _socket(sockets: Sockets, refusal: int) -> _Tree:
    # INVARIANT: TCP by name: streams of MPTCP and SCTP pass Landlock's rules for ports.
    tcp = _one_of(_argument(2), _TCP, ALLOW, refusal)
    other = _one_of(_argument(2), _INTERNET, ALLOW, refusal)
    inet: _Tree = refusal
    if sockets.inet == "all":
        inet = _one_of(_argument(1), (_DATAGRAM,), other, refusal, mask=_SOCKET_TYPE)
    if sockets.inet != "none":
        inet = _one_of(_argument(1), (_STREAM,), tcp, inet, mask=_SOCKET_TYPE)
    tree = _one_of(_argument(0), (_INET, _INET6), inet, refusal)
    if sockets.netlink:
        tree = _one_of(_argument(0), (_NETLINK,), _one_of(_argument(2), (0,), ALLOW, refusal), tree)
    return _one_of(_argument(0), (_UNIX,), ALLOW, tree) if sockets.unix else tree


def _pair(sockets: Sockets, refusal: int) -> _Tree:
    # A datagram socket that came as one of a pair can still be sent to, or connected with, any socket that has a path.
    kinds = ALLOW if sockets.unix else _one_of(_argument(1), (_STREAM, _SEQUENTIAL), ALLOW, refusal, mask=_SOCKET_TYPE)
    return _one_of(_argument(0), (_UNIX,), kinds, refusal)


def _ranges(verdicts: Mapping[int, _Tree]) -> list[tuple[int, _Tree]]:
    """Where a run of equal verdicts starts; numbers that nobody knows answer ENOSYS."""
    ranges: list[tuple[int, _Tree]] = []
    for number in range(max(verdicts) + 2):
        verdict = verdicts.get(number, UNKNOWN)
        if not ranges or ranges[-1][1] != verdict:
            ranges.append((number, verdict))
    return ranges


def _searched(ranges: Sequence[tuple[int, _Tree]]) -> list[_Instruction]:
    """A binary search for the range that a number lies in.

    Only calls with conditions pay for it: what is always allowed the kernel itself remembers per number (Linux 5.11).
    """
    if len(ranges) == 1:
        return _written(ranges[0][1])
    middle = len(ranges) // 2
    below, above = _searched(ranges[:middle]), _searched(ranges[middle:])
    if len(below) <= _FAR:
        return [(_AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]
    return [(_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]


def _written(tree: _Tree) -> list[_Instruction]:
    if isinstance(tree, int):
        return [(_RETURN, 0, 0, tree)]
    yes, no = _written(tree.yes), _written(tree.no)
    masked: list[_Instruction] = [] if tree.mask == _WHOLE else [(_AND, 0, 0, tree.mask)]
    return [(_LOAD, 0, 0, tree.offset), *masked, (_EQUAL, 0, len(yes), tree.value), *yes, *no]


def described(number: int, arguments: Sequence[int], machine: str = os.uname().machine) -> str:
    """A refused call in words for a report: its name, and the argument that it was refused for."""
    name = call_name(number, machine)
    match name:
        case "socket" | "socketpair":
            family, kind = arguments[0] & _WHOLE, arguments[1] & _SOCKET_TYPE
            return f"`{name}` ({_FAMILIES.get(family, f'family {family}')}, type {kind}, protocol {arguments[2] & _WHOLE})"
        case "ioctl":
            request = arguments[1] & _WHOLE
            return f"`ioctl` ({_TERMINAL_INJECTIONS.get(request, f'request {request:#x}')})"
        case "clone":
            return "`clone` (new namespaces)"
        case "memfd_create":
            return "`memfd_create` (a file in memory that could be started)"
        case "prlimit64":
            return "`prlimit64` (limits of another process)"
        case "sendto" | "sendmsg" | "sendmmsg":
            return f"`{name}` (a connection that opens with data)"
        case _:
            return f"`{name}`"


def is_commonplace(number: int, arguments: Sequence[int], machine: str = os.uname().machine) -> bool:
    """Whether libraries make a refused call by themselves and go on without it, so that it says nothing about a command.

    glibc asks a name service daemon for every user name, and the kernel for addresses before it looks up a host.
    """
    return call_name(number, machine) == "socket" and arguments[0] & _WHOLE in {_UNIX, _NETLINK}


class Seccomp:
    """The layer that a command's own thread puts on last."""

    name: LayerName = "seccomp"

    def probe(self) -> LayerState:
        """Puts the filter on a process for good and sees what is refused, and whether everyday things go on."""
        found = _tried()
        if isinstance(found, str):
            return LayerState(name=self.name, available=False, why=found)
        if not found & HOLDS:
            return LayerState(name=self.name, available=False, why="a filter did not refuse what it should in the probe, or refused more")
        lacking = () if found & REPORTS else (_UNREPORTED,)
        return LayerState(name=self.name, available=True, why="proven by refused system calls", gaps=(*lacking, *_GAPS))

    def part(self, setting: Setting) -> Part:
        """The filter of a call. In a jail the network and its sockets are its own; elsewhere they are the machine's."""
        jailed = "bubblewrap" in setting.held
        proxied = setting.port != 0
        sockets = Sockets(unix=jailed, inet="all" if jailed else "stream" if proxied else "none", netlink=jailed or proxied)
        notify = can_report()
        program = compile_filter(sockets, memory_programs=setting.grants.programs is None, notify=notify, own_ipc=jailed)
        return Part(filter=program, notify=notify)


def can_report() -> bool:
    """Whether refused calls can be named (`notify`), proven by a run; once for each process."""
    found = _tried()
    return not isinstance(found, str) and bool(found & REPORTS)


@functools.cache
def _tried() -> int | str:
    """What a process of its own found to work, or why there is no answer."""
    try:
        nothing = Sockets(unix=False, inet="none", netlink=False)
        programs = b"".join(compile_filter(nothing, memory_programs=False, notify=notify) for notify in (False, True))
        code = "import sys; sys.path.append(sys.argv[1]); from inside import filter_trial; filter_trial.main()"
        result = subprocess.run(
            [python_program(), "-I", "-S", "-c", code, os.path.dirname(os.path.realpath(__file__))],
            env={},
            input=programs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=30,
        )
    except (ToolError, OSError, subprocess.SubprocessError) as problem:
        return str(problem)
    return result.returncode if result.returncode in {0, HOLDS, HOLDS | REPORTS} else 0
