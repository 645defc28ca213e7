"""What may be found in a log. The value of a kind is part of the JSON output and does not change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong. The last three are what a crash leaves as well as a cut does."""

    MALFORMED = "malformed"  # a line that no writer of this format writes
    HEADER = "header"  # the log does not begin as a log begins
    EDITED = "edited"  # a line is not the one that its successor was chained to
    DELETED = "deleted"  # numbers are missing
    INSERTED = "inserted"  # lines stand between two that were chained to each other
    REORDERED = "reordered"  # a record stands after one that was written later
    DUPLICATED = "duplicated"  # a line stands there twice
    SEQUENCE = "sequence"  # chained, but wrongly numbered
    FOREIGN = "foreign"  # a record of another session
    CLOCK = "clock"  # the monotonic clock of one process ran backwards
    UNANNOUNCED = "unannounced"  # an outcome whose intent was not recorded
    UNFINISHED = "unfinished"  # an intent without an outcome: what came of it is unknown
    TORN = "torn"  # the last line has no end
    UNENDED = "unended"  # the last record is not the end of the session

    @property
    def incomplete(self) -> bool:
        """Whether an honest crash explains it too; all else does not happen by accident of the writer."""
        return self in {Kind.UNFINISHED, Kind.TORN, Kind.UNENDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong, and where: the number of the line (0: the file as a whole), and of the record where it can be told."""

    kind: Kind
    line: int
    seq: int | None
    text: str
