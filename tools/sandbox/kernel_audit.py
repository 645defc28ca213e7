"""What Landlock denied, told by the kernel itself, where its audit may be read.

From Landlock ABI 7 (Linux 6.15) the kernel writes a record of type 1423 for each denial and one of type 1424 for each
domain that denied something (admin-guide/LSM/landlock.rst). They are read from a multicast group of NETLINK_AUDIT, which
needs CAP_AUDIT_READ and the namespaces that the machine started with. Auditing is never switched on here: it is the
machine's, and only used where it is on.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Container
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from .denials import Denial, DenialKind
from .inside.confine import landlock_abi

_NETLINK_AUDIT: Final = 9
_GET: Final = 1000
_ERROR: Final = 2
_ACCESS: Final = 1423
_DOMAIN: Final = 1424
_REQUEST: Final = 1
_GROUP_READLOG: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_STATUS: Final = struct.Struct("=8I")
_SO_RCVBUFFORCE: Final = 33
_BUFFER_BYTES: Final = 4 << 20
_RECORD_BYTES: Final = 65536
_ABI: Final = 7
_FIRST_NETWORK: Final = 0xEFFFFFF9  # the number of the first network namespace, where it has a fixed one (linux/nsfs.h)
_KEPT: Final = 4096
_DOMAINS: Final = 1024
_PATIENCE: Final = 0.01
_LONGEST: Final = 200
"""How often a record may follow within the patience before the reading ends: other programs are denied things too."""

_KINDS: Final[dict[str, DenialKind]] = {
    "fs.execute": "execute",
    "fs.write_file": "write",
    "fs.truncate": "write",
    "fs.read_file": "read",
    "fs.read_dir": "read",
    "fs.remove_dir": "delete",
    "fs.remove_file": "delete",
    "fs.make_char": "write",
    "fs.make_dir": "write",
    "fs.make_reg": "write",
    "fs.make_sock": "write",
    "fs.make_fifo": "write",
    "fs.make_block": "write",
    "fs.make_sym": "write",
    "fs.refer": "write",
    "fs.ioctl_dev": "device",
    "fs.change_topology": "system_call",
    "ptrace": "system_call",
    "net.bind_tcp": "network",
    "net.connect_tcp": "network",
    "scope.abstract_unix_socket": "socket",
    "scope.signal": "signal",
}
_WEIGHT: Final[tuple[DenialKind, ...]] = ("delete", "write", "execute", "read")
"""Of several rights that one access lacked, the one that says most."""

_PROBED: Final = frozenset({"/dev/tty"})
"""What programs try and do without: a call has no terminal."""


@dataclass(slots=True, kw_only=True)
class _Heard:
    """What came since the start: denials with the domain that denied, and who made the domains."""

    denials: list[tuple[str, Denial]] = field(default_factory=list[tuple[str, Denial]])
    makers: dict[str, int] = field(default_factory=dict[str, int])


class KernelAudit:
    """Listens to the kernel's audit while it is entered; OSError where `probe` says why."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._heard = _Heard()
        self._lost = 0
        self.complete = True
        """Whether everything was heard since the start: False where the kernel or the socket lost records."""

    def probe(self) -> str:
        """Empty where denials can be heard; else why not. Never raises."""
        try:
            abi = landlock_abi()
            if abi < _ABI:
                return f"landlock ABI {abi} does not tell what it denies (needs ABI {_ABI})"
            if not _at_home():
                return "the kernel's audit is only heard in the machine's own network namespace"
            enabled, _ = _status()
            if not enabled:
                return "the kernel's audit is off"
            _listen().close()
        except OSError as problem:
            return f"the kernel's audit cannot be read: {os.strerror(problem.errno or 0).lower()}"
        return ""

    @property
    def port(self) -> int:
        """The number under which this socket of ours is known to the kernel; 0 while it is not entered."""
        return 0 if self._socket is None else int(self._socket.getsockname()[0])

    def __enter__(self) -> Self:
        self._socket = _listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def start(self) -> None:
        """Forgets what came until now."""
        self._receive(0)
        self._heard.denials.clear()
        self.complete = True
        self._lost = _status()[1]

    def denials(self, pids: Container[int]) -> tuple[Denial, ...]:
        """What was denied since the start, each once, in domains made by these processes (numbers as outside all namespaces).

        Waits until nothing more comes for 10 ms: the kernel hands records on a little after the denial.
        """
        self._receive(_PATIENCE)
        if _status()[1] != self._lost:
            self.complete = False
        heard = self._heard
        return tuple(dict.fromkeys(denial for domain, denial in heard.denials if heard.makers.get(domain, 0) in pids))

    def _receive(self, patience: float) -> None:
        source = self._socket
        if source is None:
            raise OSError(errno.EBADF, "the kernel's audit is not listened to")
        for _ in range(_KEPT + _LONGEST):
            if not select.select([source], [], [], patience)[0]:
                return
            try:
                message, sender = source.recvfrom(_RECORD_BYTES)
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:
                    raise
                self.complete = False
                continue
            # INVARIANT: only the kernel (port 0) is believed; any process may send to a netlink socket that it can name.
            if sender[0] == 0:
                self._take(message)
        self.complete = False

    def _take(self, message: bytes) -> None:
        if len(message) < _HEADER.size:
            return
        _, kind, _, _, _ = _HEADER.unpack_from(message)
        if kind not in (_ACCESS, _DOMAIN):
            return
        # The length in the header is not relied on: older kernels leave the header itself out of it.
        fields = fields_of(message[_HEADER.size :].rstrip(b"\0"))
        domain = fields.get("domain", "")
        heard = self._heard
        if kind == _DOMAIN:
            if fields.get("status") == "allocated" and fields.get("pid", "").isdecimal():
                while len(heard.makers) >= _DOMAINS:
                    del heard.makers[next(iter(heard.makers))]
                heard.makers[domain] = int(fields["pid"])
        elif len(heard.denials) >= _KEPT:
            self.complete = False
        elif (denial := denial_of(fields)) is not None:
            heard.denials.append((domain, denial))


def _at_home() -> bool:
    """Whether this is the network namespace that the machine started with: records are sent into no other."""
    ours = os.stat("/proc/self/ns/net").st_ino
    if ours == _FIRST_NETWORK:
        return True
    try:
        return os.stat("/proc/1/ns/net").st_ino == ours
    except OSError:
        return False


def _listen() -> socket.socket:
    """A socket that hears the audit; OSError without the leave to."""
    source = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_AUDIT)
    try:
        source.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        source.bind((0, _GROUP_READLOG))
    except BaseException:
        source.close()
        raise
    return source


def _status() -> tuple[bool, int]:
    """Whether auditing is on, and how many records the kernel has lost since it started (`struct audit_status`).

    Without a daemon that takes the records the kernel prints them, and counts as lost what it printed too much of, though
    it was sent here: then the count says nothing, and is given as 0.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_AUDIT) as asked:
        asked.settimeout(1)
        asked.send(_HEADER.pack(_HEADER.size, _GET, _REQUEST, 1, 0))
        answer = asked.recv(_RECORD_BYTES)
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR:
        number = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        raise OSError(number, os.strerror(number))
    if kind != _GET or len(answer) < _HEADER.size + _STATUS.size:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    _, enabled, _, daemon, _, _, lost, _ = _STATUS.unpack_from(answer, _HEADER.size)
    return bool(enabled), lost if daemon else 0


def fields_of(text: bytes) -> dict[str, str]:
    """`name=value` pairs; a value in quotes holds no blank, because the kernel writes such values in hex digits."""
    pairs = (word.partition(b"=") for word in text.split(b" "))
    return {name.decode("ascii", "replace"): _value(name, value) for name, equals, value in pairs if equals}


def _value(name: bytes, value: bytes) -> str:
    if value[:1] == b'"':
        return os.fsdecode(value.strip(b'"'))
    if name in (b"path", b"ocomm"):
        try:
            return os.fsdecode(bytes.fromhex(value.decode("ascii")))
        except ValueError:
            pass  # a word and not hex digits: kept as it stands
    return os.fsdecode(value)


def denial_of(fields: dict[str, str]) -> Denial | None:
    """The denial in the fields of a record of type 1423; None for what programs try and do without."""
    blockers = fields.get("blockers", "").split(",")
    kind = _weightiest([_KINDS.get(one, "other") for one in blockers])
    subject = _subject(kind, blockers[0], fields)
    if subject in _PROBED:
        return None
    return Denial(kind=kind, subject=subject, certainty="exact", source="kernel audit")


def _weightiest(kinds: list[DenialKind]) -> DenialKind:
    for one in _WEIGHT:
        if one in kinds:
            return one
    return kinds[0]


def _subject(kind: DenialKind, blocker: str, fields: dict[str, str]) -> str:
    match kind:
        case "network":
            host, port = fields.get("daddr", fields.get("saddr", "")), fields.get("dest", fields.get("src", ""))
            named = f"[{host}]" if ":" in host else host
            return f"{named}:{port}" + (" (listening)" if blocker == "net.bind_tcp" else "")
        case "socket":
            return fields.get("path", "").replace("\0", "@")
        case "signal":
            return f"process {fields.get('opid', '')} ({fields.get('ocomm', '')})"
        case "system_call":
            return "mount" if blocker == "fs.change_topology" else blocker
        case "other":
            return " ".join(filter(None, (blocker, fields.get("path", ""))))
        case _:
            return fields.get("path", "").removesuffix(" (deleted)")
