"""Reading a log back: raw lines, records, and the list of logs in a directory. Memory is bounded by one line."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from .canonical import JSON, MAX_LINE_BYTES, parse
from .errors import ReadError, RecordError
from .findings import Finding, Kind
from .log import RESERVED, VERSION

_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLine:
    """One line as it lies in the file, without its LF. `whole`: an LF ended it. `raw` is None when it is over the cap."""

    number: int
    raw: bytes | None
    sha256: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event. `fields` are those of the event; `ts_us` UTC microseconds; `mono_ns` nanoseconds since the log was opened."""

    line: int
    raw: bytes
    seq: int
    prev: str
    event: str
    session: str
    ts_us: int
    mono_ns: int
    fields: Mapping[str, JSON]

    def text(self, name: str) -> str | None:
        """The field, if it is there and is text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log in a directory. `session` and `started_us` (UTC microseconds) are None when its first line does not tell them."""

    path: Path
    session: str | None
    started_us: int | None
    size: int


class Reading(Iterator[Record]):
    """The readable records of a log, in the file's order. What could not be read is in `problems` as soon as it was met."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Finding] = []
        self._records = self._run(path)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        return next(self._records)

    def _run(self, path: Path) -> Iterator[Record]:
        with open_log(path) as stream:
            for line in raw_lines(stream, path):
                record = read_line(line)
                if isinstance(record, Finding):
                    self.problems.append(record)
                else:
                    yield record


def read(path: str | os.PathLike[str]) -> Reading:
    """The records of a log; a torn or unreadable line is not a record but a problem. ReadError when there is no log to read."""
    return Reading(Path(path))


def sessions(directory: str | os.PathLike[str]) -> tuple[LogFile, ...]:
    """The logs of a directory, newest first; none when there is no such directory. ReadError when it cannot be listed."""
    try:
        names = [entry for entry in os.listdir(directory) if entry.endswith(".jsonl")]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ReadError(f"`{os.fspath(directory)}` cannot be listed: {error.strerror}") from error
    logs = [_log_file(Path(directory) / name) for name in names]
    return tuple(sorted((log for log in logs if log is not None), key=lambda log: (log.started_us or 0, log.path.name), reverse=True))


def open_log(path: Path) -> BinaryIO:
    """The open file. ReadError for what is not a readable regular file; a named pipe does not make it wait."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ReadError(f"`{path}` cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ReadError(f"`{path}` is not a regular file", hint="name a log file, not its directory")
    return open(descriptor, "rb", buffering=_BLOCK)


def raw_lines(stream: BinaryIO, path: Path) -> Iterator[RawLine]:
    """The lines of an open log. ReadError when the disk does not give them."""
    number = 0
    try:
        while chunk := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if chunk.endswith(b"\n"):
                raw = chunk[:-1]
                yield RawLine(number=number, raw=raw, sha256=hashlib.sha256(raw).hexdigest(), whole=True)
            elif len(chunk) <= MAX_LINE_BYTES:
                yield RawLine(number=number, raw=chunk, sha256=hashlib.sha256(chunk).hexdigest(), whole=False)
            else:
                yield _oversized(stream, number, chunk)
    except OSError as error:
        raise ReadError(f"`{path}` cannot be read after line {number}: {error.strerror}") from error


def read_line(line: RawLine) -> Record | Finding:
    """The record of a line, or what is wrong with the line by itself."""
    if line.raw is None:
        return Finding(kind=Kind.MALFORMED, line=line.number, seq=None, text=f"line {line.number} is longer than {MAX_LINE_BYTES} bytes")
    if not line.whole:
        text = f"line {line.number} is torn: {len(line.raw)} bytes without an end; a crash leaves this, and so does a cut"
        return Finding(kind=Kind.TORN, line=line.number, seq=None, text=text)
    try:
        return _record(line.number, line.raw)
    except RecordError as error:
        # cut short: the message may quote a hostile line
        return Finding(kind=Kind.MALFORMED, line=line.number, seq=None, text=f"line {line.number} {error.message[:300]}")


def _record(number: int, raw: bytes) -> Record:
    found = parse(raw)
    if found.get("v") != VERSION or found["v"] is True:
        raise RecordError(f"is not a record of version {VERSION}")
    event, session, prev = found.get("event"), found.get("session"), found.get("prev")
    if not isinstance(event, str) or not isinstance(session, str):
        raise RecordError("has no `event` and `session` in text")
    if not isinstance(prev, str) or not _HASH.fullmatch(prev):
        raise RecordError("has no SHA-256 in `prev`")
    return Record(
        line=number,
        raw=raw,
        seq=_count(found, "seq"),
        prev=prev,
        event=event,
        session=session,
        ts_us=_count(found, "ts_us"),
        mono_ns=_count(found, "mono_ns"),
        fields={key: value for key, value in found.items() if key not in RESERVED},
    )


def _count(found: Mapping[str, JSON], name: str) -> int:
    value = found.get(name)
    if not isinstance(value, int) or value is True or value is False or value < 0:
        raise RecordError(f"has no count in `{name}`")
    return value


def _oversized(stream: BinaryIO, number: int, chunk: bytes) -> RawLine:
    # hashed in pieces, so that the line after it can still be held against it
    digest = hashlib.sha256()
    while chunk and not chunk.endswith(b"\n"):
        digest.update(chunk)
        chunk = stream.readline(_BLOCK)
    digest.update(chunk.removesuffix(b"\n"))
    return RawLine(number=number, raw=None, sha256=digest.hexdigest(), whole=chunk.endswith(b"\n"))


def _log_file(path: Path) -> LogFile | None:
    state = os.lstat(path)
    if not stat.S_ISREG(state.st_mode):
        return None
    first = next(read(path), None) if state.st_size else None
    begun = first is not None and first.event == "log.open"
    return LogFile(
        path=path,
        session=first.session if first is not None and begun else None,
        started_us=first.ts_us if first is not None and begun else None,
        size=state.st_size,
    )
