"""Follows the links of a chain and says where, and how, they break.

A break is told apart by what the records say of themselves (`seq`, `prev`) against the lines seen lately. With an editor at
work, that is evidence, not proof: the place is sure, the kind is the simplest explanation.
"""

from __future__ import annotations

from collections import OrderedDict

from .findings import Finding, Kind
from .log import GENESIS
from .reading import RawLine, Record

_WINDOW = 1024


class Links:
    """The state of the walk: the line before, and a bounded window of lines and of gaps before it."""

    def __init__(self) -> None:
        self.line = 0
        self.seq = 0
        self.sha256 = GENESIS
        self._lately: OrderedDict[str, int] = OrderedDict()
        self._gaps: list[range] = []

    def follow(self, line: RawLine, record: Record | None) -> Finding | None:
        """What is wrong between this line and those before it. `record` is None for a line that cannot be read."""
        finding = None if record is None else self._judge(line, record)
        self._lately[line.sha256] = line.number
        if len(self._lately) > _WINDOW:
            self._lately.popitem(last=False)
        self.line, self.sha256 = line.number, line.sha256
        # an unreadable line is taken to be the next in order, so that one bad line is not a missing number too
        self.seq = self.seq + 1 if record is None else record.seq
        return finding

    def _judge(self, line: RawLine, record: Record) -> Finding | None:
        if record.prev == self.sha256:
            if record.seq == self.seq + 1:
                return None
            text = f"line {line.number} follows line {self.line} but has number {record.seq} in place of {self.seq + 1}"
            return Finding(kind=Kind.SEQUENCE, line=line.number, seq=record.seq, text=text)
        kind, at, text = self._explain(line, record)
        return Finding(kind=kind, line=at, seq=record.seq, text=text)

    def _explain(self, line: RawLine, record: Record) -> tuple[Kind, int, str]:
        number, seq = line.number, record.seq
        before = self._lately.get(line.sha256)
        origin = self._lately.get(record.prev)
        if before is not None:
            return Kind.DUPLICATED, number, f"line {number} repeats line {before}"
        if any(seq in gap for gap in self._gaps):
            return Kind.REORDERED, number, f"line {number} holds record {seq}, which belongs before line {self.line}"
        if origin is not None:
            between = f"lines {origin + 1} to {self.line} stand" if origin + 1 < self.line else f"line {self.line} stands"
            text = f"{between} between line {origin} and line {number}, which was chained to it: inserted, or moved there"
            return Kind.INSERTED, origin + 1, text
        if seq > self.seq + 1:
            self._gaps = [*self._gaps[-63:], range(self.seq + 1, seq)]
            missing = f"records {self.seq + 1} to {seq - 1} are" if seq > self.seq + 2 else f"record {self.seq + 1} is"
            return Kind.DELETED, number, f"{missing} missing before line {number}: removed, or moved"
        if seq == self.seq + 1 and self.line:
            text = f"line {self.line} is not the line that line {number} was chained to: one of the two was edited or exchanged"
            return Kind.EDITED, self.line, text
        if seq == 1 and not self.line:
            return Kind.HEADER, number, f"line {number} is numbered 1 but does not begin a chain"
        return Kind.REORDERED, number, f"line {number} holds record {seq} and stands after record {self.seq}"
