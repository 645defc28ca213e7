"""What a tool gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from .sandbox.denials import Denial

JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None"

Status = Literal["ok", "error", "timeout", "killed", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file that the call changed: SHA-256 (hex) before and after; None where there was or is no file."""

    path: str
    before: str | None
    after: str | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """The outcome of one call.

    `text` goes to the model. `data` is the same in fields, for JSON output. `output_bytes` counts what was produced
    before any cap, `truncated` says that some of it was cut. `read_bytes` counts what our own tools read of files; what a
    program reads is not known. `sandbox` names the layers that held, `notes` says what a person must know (a missing layer, hooks
    that were not run), `denials` what the sandbox refused.
    """

    status: Status
    text: str
    data: Mapping[str, JSON] = field(default_factory=dict[str, "JSON"])
    exit_code: int | None = None
    signal: int | None = None
    output_bytes: int = 0
    read_bytes: int = 0
    output_sha256: str | None = None
    truncated: bool = False
    changes: tuple[Change, ...] = ()
    sandbox: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    denials: tuple[Denial, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the call failed as a call; a command that ends with a non-zero code did not."""
        return self.status != "ok"
