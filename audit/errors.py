"""The errors of this room.

    AuditError
    ├── RecordError     an event, or a line, that the record's form does not allow; nothing was written          (exit 6)
    ├── WriteError      the log cannot be made or written; from then on this log takes nothing more             (exit 6)
    └── ReadError       a log cannot be read at all                                                             (exit 6)

Every error says what happened; `hint` says what to do next; `exit_code` is what the command line ends with.
"""

from __future__ import annotations

from typing import ClassVar


class AuditError(Exception):
    """Base of every error raised by this room."""

    exit_code: ClassVar[int] = 6

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RecordError(AuditError):
    """An event, or a line, that the record's form does not allow. Nothing was written; the log can still be used."""


class WriteError(AuditError):
    """The log cannot be made or written. The log that raised it takes nothing more."""


class ReadError(AuditError):
    """A log cannot be read at all."""
