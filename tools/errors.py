"""The errors of this room.

    ToolError
    ├── PermitError      a tool was called without a permit of this gate, or a permit was used twice
    ├── PathError        a path cannot be opened as it was judged: changed, a link, not a regular file
    │   └── MissingError     there is nothing at the path
    ├── LimitError       a byte limit of the policy was reached
    ├── HostError        a host cannot be read, or can never be granted
    ├── ChangedError     the bytes that an approval was bound to are not there any more
    ├── LaunchError      the sandbox could not be put up for one call, though its layers work here
    └── SandboxError     a layer that the policy requires cannot be had                               (exit 5)

Every error says what happened; `hint` says what to do next; `exit_code` is what the command line ends with.
"""

from __future__ import annotations

from typing import ClassVar


class ToolError(Exception):
    """Base of every error raised by this room; its text may be shown to the model."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PermitError(ToolError):
    """A tool was called without a permit of this gate, or a permit was used twice."""


class PathError(ToolError):
    """A path cannot be opened as it was judged."""


class MissingError(PathError):
    """There is nothing at the path."""


class LimitError(ToolError):
    """A byte limit of the policy was reached."""


class HostError(ToolError):
    """A host of the manifest cannot be read in one way only, or is one that no policy can grant."""


class ChangedError(ToolError):
    """The bytes that an approval was bound to have changed since."""


class LaunchError(ToolError):
    """The sandbox could not be put up for one call: something that it holds was exchanged at that moment, or is out."""


class SandboxError(ToolError):
    """A sandbox layer that the policy requires cannot be had on this machine."""

    exit_code: ClassVar[int] = 5
