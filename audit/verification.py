"""Says what is wrong with a log, where, and what nobody can tell from the file alone.

A file that its own account can write proves nothing about what that account wished to hide: lines cut from the end, or a
chain written anew, look like an honest file. That is said in every answer; no answer is a plain "ok".
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from .chain import Links
from .findings import Finding, Kind
from .reading import Record, open_log, raw_lines, read_line

MAX_FINDINGS: Final = 1000
MAX_OPEN_CALLS: Final = 10_000
_CALL_ID_LENGTH: Final = 256

NOT_DETECTABLE: Final = (
    "lines cut from the end of the file",
    "a change of the last line",
    "a file that was written anew, in whole or from some line on, with new hashes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The answer.

    `findings` are at most MAX_FINDINGS, `more` counts the rest. `ended`: the last record ends the session. `live`: a writer
    holds the file, so that its end is not yet written. `head` is the SHA-256 of the last line: whoever noted it elsewhere
    can tell a cut or rewritten file. `not_detectable` is what this file alone cannot show.
    """

    path: Path
    records: int
    session: str | None
    head: str | None
    findings: tuple[Finding, ...]
    more: int
    ended: bool
    live: bool
    notes: tuple[str, ...]
    not_detectable: tuple[str, ...] = NOT_DETECTABLE

    @property
    def consistent(self) -> bool:
        """Whether nothing was found that an honest crash does not explain."""
        # INVARIANT: what a crash explains is found last, so that the cap never drops the rest in its favour
        return all(finding.kind.incomplete for finding in self.findings)

    @property
    def summary(self) -> str:
        """One sentence, never more than the file can carry."""
        if not self.consistent:
            count = len(self.findings) + self.more
            first = next(finding for finding in self.findings if not finding.kind.incomplete)
            return f"not consistent: {count} finding{'s' if count > 1 else ''}, the first: {first.text}"
        limit = "consistent, unanchored: this account could have rewritten it"
        if self.findings:
            return f"incomplete ({', '.join(dict.fromkeys(finding.kind for finding in self.findings))}); otherwise {limit}"
        return f"{limit} (its writer is at work)" if self.live else limit


def verify(path: str | os.PathLike[str]) -> Verification:
    """Checks one log file, a copy as well as the original. ReadError when there is nothing that can be read."""
    place = Path(path)
    with open_log(place) as stream:
        live = _held(stream)
        walk = _Walk(live=live)
        for line in raw_lines(stream, place):
            found = read_line(line)
            if isinstance(found, Finding):
                walk.links.follow(line, None)
                walk.unreadable(found)
            else:
                walk.record(found, walk.links.follow(line, found))
    walk.finish()
    return Verification(
        path=place,
        records=walk.records,
        session=walk.session,
        head=walk.links.sha256 if walk.links.line else None,
        findings=tuple(walk.findings),
        more=walk.more,
        ended=walk.ended,
        live=live,
        notes=tuple(walk.notes),
    )


class _Walk:
    """What a pass over the file has gathered so far."""

    def __init__(self, *, live: bool) -> None:
        self.links = Links()
        self.live = live
        self.records = 0
        self.session: str | None = None
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.more = 0
        self.ended = False
        self._last: Record | None = None
        self._calls = _Calls()

    def find(self, kind: Kind, line: int, seq: int | None, text: str) -> None:
        self._add(Finding(kind=kind, line=line, seq=seq, text=text))

    def unreadable(self, finding: Finding) -> None:
        self.ended = False
        if self.live and finding.kind is Kind.TORN:
            self._note(f"line {finding.line} is being written")
        else:
            self._add(finding)

    def record(self, record: Record, broken: Finding | None) -> None:
        self.records += 1
        if broken is not None:
            self._add(broken)
        self.ended = record.event == "session.end"
        if (record.event == "log.open") != (record.line == 1):
            self.find(
                Kind.HEADER, record.line, record.seq, f"line {record.line} is `{record.event}`: a log has one `log.open`, as its first line"
            )
        self.session = self.session or record.session
        if record.session != self.session:
            self.find(Kind.FOREIGN, record.line, record.seq, f"line {record.line} is of another session (`{record.session[:64]}`)")
        # across a break the clocks say nothing that the break does not
        if self._last is not None and broken is None:
            self._clocks(self._last, record)
        if not self._calls.follow(record):
            self.find(Kind.UNANNOUNCED, record.line, record.seq, f"line {record.line} is the outcome of a call that no intent announced")
        self._last = record

    def finish(self) -> None:
        for call, line, seq in self._calls.open():
            text = f"the intent of call `{call[:80]}` in line {line} has no outcome: whether it ran is not on the record"
            if self.live:
                self._note(text)
            else:
                self.find(Kind.UNFINISHED, line, seq, text)
        if self._calls.overflow:
            self._note(f"more than {MAX_OPEN_CALLS} calls were open at once; intents and outcomes were not matched for the rest")
        if not self.links.line:
            self.find(Kind.HEADER, 0, None, "the file holds no record")
        elif self.live and not self.ended:
            self._note("a writer holds the file: the session has not ended")
        elif not self.ended:
            text = f"the session has no end after line {self.links.line}: it crashed, or its end was cut off"
            self.find(Kind.UNENDED, self.links.line, None, text)

    def _clocks(self, before: Record, record: Record) -> None:
        if record.ts_us < before.ts_us:
            self._note(
                f"the wall clock stepped back by {before.ts_us - record.ts_us} us before line {record.line}; the numbers keep the order"
            )
        if record.mono_ns < before.mono_ns:
            self.find(Kind.CLOCK, record.line, record.seq, f"`mono_ns` runs backwards in line {record.line}")

    def _add(self, finding: Finding) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.more += 1

    def _note(self, text: str) -> None:
        # as many as findings: a hostile file must not fill the memory with either
        if len(self.notes) < MAX_FINDINGS:
            self.notes.append(text)


class _Calls:
    """Matches intents with what came of them. A call id may be used again: it comes from the model."""

    def __init__(self) -> None:
        self._open: dict[str, list[tuple[int, int]]] = {}
        self._count = 0
        self.overflow = False

    def follow(self, record: Record) -> bool:
        """False for an outcome without an intent."""
        call = record.text("call_id")
        if call is None:
            return True
        call = call[:_CALL_ID_LENGTH]
        match record.event:
            case "tool.intent":
                self._begin(call, record)
            case "tool.outcome":
                return self._end(call) or self.overflow
            case "tool.refused" | "tool.skipped":
                self._end(call)
            case "tool.confirmation" if record.fields.get("answer") == "edited":
                self._end(call)
            case _:
                pass
        return True

    def open(self) -> list[tuple[str, int, int]]:
        """The calls whose outcome is not known, in the order of their intents."""
        calls = [(call, line, seq) for call, places in self._open.items() for line, seq in places]
        return sorted(calls, key=lambda one: one[1])

    def _begin(self, call: str, record: Record) -> None:
        if self._count >= MAX_OPEN_CALLS:
            self.overflow = True
            return
        self._count += 1
        self._open.setdefault(call, []).append((record.line, record.seq))

    def _end(self, call: str) -> bool:
        places = self._open.get(call)
        if places is None:
            return False
        places.pop()
        self._count -= 1
        if not places:
            del self._open[call]
        return True


def _held(stream: BinaryIO) -> bool:
    """Whether a writer holds the file. An empty file is not asked: its writer may be about to take the lock."""
    if not os.fstat(stream.fileno()).st_size:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks holds no writer of ours: it could not have begun
    fcntl.flock(stream, fcntl.LOCK_UN)
    return False
