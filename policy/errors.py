"""The errors of this room.

    PolicyError
    ├── PolicyFileError        a policy document cannot be used: unreadable, malformed, failing example   (exit 7)
    ├── ProfileError           a program profile is malformed                                             (exit 1)
    ├── ShellSyntaxError       text outside the shell language that bylaw reads                           (exit 3)
    └── ActionError            the arguments of a tool call have the wrong shape                          (exit 3)

Every error says what happened; `hint` says what to do next; `exit_code` is what the command line ends with.
"""

from __future__ import annotations

from typing import ClassVar

from .spans import Span


class PolicyError(Exception):
    """Base of every error raised by this room."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PolicyFileError(PolicyError):
    """A policy document cannot be used; `source` is `file:line:column` where known."""

    exit_code: ClassVar[int] = 7

    def __init__(self, message: str, *, source: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class ProfileError(PolicyError):
    """A program profile is malformed; `source` is the file, with the key where known."""

    def __init__(self, message: str, *, source: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class ShellSyntaxError(PolicyError):
    """Text that is not in the shell language bylaw reads; `construct` names what was met, `span` says where."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, construct: str, span: Span, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.construct = construct
        self.span = span


class ActionError(PolicyError):
    """The arguments of a tool call do not fit the tool's schema."""

    exit_code: ClassVar[int] = 3
