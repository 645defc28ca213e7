"""The writer: one file, one chain, one process.

INVARIANT: a receipt for a durable event is given only after the kernel said that the whole line is on the disk.
INVARIANT: after a failed or short write, or a failed sync, nothing more is appended. A sync is never tried twice: the
kernel reports a lost page once and then calls the file clean.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from .. import __version__
from .canonical import JSON, encode, plain
from .errors import AuditError, RecordError, WriteError
from .places import OPEN_DIRECTORY, open_private

VERSION: Final = 1
GENESIS: Final = "0" * 64
RESERVED: Final = frozenset({"v", "event", "seq", "prev", "ts_us", "mono_ns", "session"})
EVENT: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", re.ASCII)
SESSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

_NEW_FILE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where an event stands: its number in the chain, and the SHA-256 (hex) of its line without the LF."""

    seq: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The end of the chain: the last record, and the file's length with it."""

    seq: int
    sha256: str
    size: int


@final
class AuditLog:
    """A log open for writing. Any thread may append; a process forked off may not."""

    def __init__(self, *, path: Path, descriptor: int, session: str) -> None:
        self.path = path
        self._descriptor = descriptor
        self._session = session
        self._process = os.getpid()
        self._opened = time.monotonic_ns()
        self._lock = threading.Lock()
        self._head = _Head(seq=0, sha256=GENESIS, size=0)
        self._pending: _Head | None = None
        self._broken: str | None = None
        self._closed = False

    @classmethod
    def create(cls, directory: str | os.PathLike[str], *, session: str) -> Self:
        """A new log in the directory, which is made (0700) where it is missing. WriteError when that cannot be had."""
        place = Path(os.path.abspath(directory))
        _check_session(session)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{session}.jsonl"
        parent = open_private(place)
        try:
            return cls._begin(parent, place / name, session)
        finally:
            os.close(parent)

    @classmethod
    def create_file(cls, path: str | os.PathLike[str], *, session: str) -> Self:
        """A new log under exactly this name, in a directory that is there. WriteError when the name is taken.

        A log that is there is never continued: whoever could write to it before could have chained it anew.
        """
        place = Path(os.path.abspath(path))
        _check_session(session)
        try:
            parent = os.open(place.parent, OPEN_DIRECTORY)
        except OSError as error:
            raise WriteError(
                f"`{place.parent}` cannot be used for an audit log: {error.strerror}", hint="name a file in a real directory"
            ) from error
        try:
            return cls._begin(parent, place, session)
        finally:
            os.close(parent)

    @classmethod
    def _begin(cls, parent: int, path: Path, session: str) -> Self:
        try:
            descriptor = os.open(path.name, _NEW_FILE, 0o600, dir_fd=parent)
        except FileExistsError as error:
            raise WriteError(f"`{path}` is there already", hint="a log is never continued or overwritten: name a new file") from error
        except OSError as error:
            raise WriteError(f"`{path}` cannot be made: {error.strerror}") from error
        log = cls(path=path, descriptor=descriptor, session=session)
        try:
            # held until the descriptor is closed, by whatever way the process ends: readers see from it that a writer lives
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # a umask may have taken more away than others' rights: a record that its owner cannot read is none
            os.fchmod(descriptor, 0o600)
            log._append("log.open", _header(), durable=True)
            os.fsync(parent)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                raise WriteError(f"`{path}` cannot be made durable: {error.strerror}") from error
            raise
        return log

    def append(self, event: str, fields: Mapping[str, JSON], *, durable: bool = False) -> Receipt:
        """Writes one event; with `durable`, returns only when it is on the disk.

        Raises RecordError for fields outside the record's form (nothing is written, the log stays usable), WriteError
        when the line is not surely written (the log is unusable from then on).
        """
        if not EVENT.fullmatch(event) or event.startswith("log."):
            raise RecordError(
                f"`{event!a}` is not a name for a caller's event", hint="use small letters, `_` and `.`; `log.*` is the log's own"
            )
        if taken := RESERVED & fields.keys():
            raise RecordError(f"`{min(taken)}` is written by the log itself", hint="use another name for the field")
        # before the lock: in a forked child it may be held for ever by a thread that is not there
        if os.getpid() != self._process:
            raise WriteError(f"`{self.path}` belongs to the process that opened it", hint="open a log of its own in each process")
        with self._lock:
            return self._append(event, fields, durable=durable)

    def close(self) -> None:
        """Puts everything on the disk and gives the lock back. WriteError when the sync fails; closing twice is nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                if self._broken is None and os.getpid() == self._process:
                    self._sync()
            finally:
                os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _append(self, event: str, fields: Mapping[str, JSON], *, durable: bool) -> Receipt:
        self._settle()
        common: dict[str, JSON] = {
            "v": VERSION,
            "event": event,
            "seq": self._head.seq + 1,
            "prev": self._head.sha256,
            "ts_us": time.time_ns() // 1000,
            # counted from the opening: nanoseconds since boot leave the exact integers after 104 days
            "mono_ns": time.monotonic_ns() - self._opened,
            "session": self._session,
        }
        content = plain(fields, where=event)
        assert isinstance(content, dict)
        line = encode(content | common)
        head = _Head(seq=self._head.seq + 1, sha256=hashlib.sha256(line).hexdigest(), size=self._head.size + len(line) + 1)
        self._write(line + b"\n", head)
        if durable:
            self._sync()
        return Receipt(seq=head.seq, sha256=head.sha256)

    def _settle(self) -> None:
        """Makes sure that the file is as this writer left it. A Ctrl-C may have come between a write and its bookkeeping."""
        if self._closed:
            raise WriteError(f"`{self.path}` is closed")
        if self._broken is not None:
            raise WriteError(
                f"`{self.path}` takes nothing more: {self._broken}", hint="end the session; start a new one when the cause is gone"
            )
        try:
            there, ours = os.lstat(self.path), os.fstat(self._descriptor)
        except OSError as error:
            raise self._fail(f"it is not in its place any more ({error.strerror})") from error
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise self._fail("another file stands in its place")
        if self._pending is not None and ours.st_size == self._pending.size:
            self._head = self._pending
        self._pending = None
        if ours.st_size != self._head.size:
            raise self._fail(f"it has {ours.st_size} bytes where this writer left {self._head.size}")

    def _write(self, line: bytes, head: _Head) -> None:
        self._pending = head
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise self._fail(f"a write failed ({error.strerror})") from error
        if written != len(line):
            raise self._fail(f"only {written} of {len(line)} bytes of a record were written; is the disk full?")
        self._head, self._pending = head, None

    def _sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise self._fail(f"the disk did not take it ({error.strerror})") from error

    def _fail(self, why: str) -> AuditError:
        self._broken = why
        return WriteError(f"`{self.path}` cannot be written: {why}", hint="nothing runs off the record; the session ends here")


def _check_session(session: str) -> None:
    if not SESSION.fullmatch(session):
        raise RecordError(f"`{session!a}` is not a session name", hint="use up to 64 letters, digits, `.`, `_` and `-`")


def _header() -> dict[str, JSON]:
    """Who writes, and where. `chain` makes the first line, and so every line, of a chain unlike any other's."""
    uid, system = os.getuid(), os.uname()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        boot: str | None = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = None
    return {
        "format": "bylaw-audit",
        "writer": f"bylaw {__version__}",
        "chain": os.urandom(16).hex(),
        "host": system.nodename,
        "os": f"{system.sysname} {system.release}",
        "user": user,
        "uid": uid,
        "pid": os.getpid(),
        "boot_id": boot,
    }
