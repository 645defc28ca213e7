"""The errors of this room.

    AgentError
    ├── ConfigurationError       a setting, a name or a file that bylaw was given cannot be used          (exit 7)
    ├── ProviderError            a model did not answer as it should
    │   ├── KeyRefusedError      the provider refused the key, or wants one
    │   ├── RateLimitError       the provider asked to wait longer than bylaw waits
    │   ├── ResponseError        the provider answered with any other error
    │   ├── CutOffError          an answer ended without its normal end
    │   ├── MalformedAnswerError an answer cannot be read
    │   └── ConnectionFailedError no answer came: no connection, no certificate, no bytes in time
    └── LimitError               a limit of the run was reached                                            (exit 4)

Every error says what happened; `hint` says what to do next; `exit_code` is what the command line ends with.
INVARIANT: no message and no hint holds a key.
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Base of every error raised by this room."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(AgentError):
    """Something that bylaw was given cannot be used; `source` is `file:line` where known."""

    exit_code: ClassVar[int] = 7

    def __init__(self, message: str, *, source: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.message}" if self.source else self.message


class ProviderError(AgentError):
    """A model did not answer as it should; `again` says that the same request, sent again, may succeed."""

    def __init__(self, message: str, *, hint: str | None = None, again: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.again = again


class KeyRefusedError(ProviderError):
    """The provider refused the key, or wants one."""


class RateLimitError(ProviderError):
    """The provider asked to wait longer than bylaw waits."""


class ResponseError(ProviderError):
    """The provider answered with an error."""


class CutOffError(ProviderError):
    """An answer ended without its normal end; nothing of it may be acted on."""


class MalformedAnswerError(ProviderError):
    """An answer cannot be read."""


class ConnectionFailedError(ProviderError):
    """No answer came."""


class LimitError(AgentError):
    """A limit of the run was reached."""

    exit_code: ClassVar[int] = 4


class NotPerformed(KeyboardInterrupt):
    """Ctrl-C before anything of a call was performed: at the question, or while it was prepared."""
