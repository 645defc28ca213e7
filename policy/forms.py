"""The form of the groups of values in a policy document; `documents` has the form of the whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .model import LIMIT_BOUNDS, HardLinks, SandboxMode

VerdictWord = Literal["allow", "confirm", "deny"]
Word = Annotated[str, Field(min_length=1, max_length=400)]

_LOW = {name: low for name, (low, _) in LIMIT_BOUNDS.items()}
_HIGH = {name: high for name, (_, high) in LIMIT_BOUNDS.items()}


class Form(BaseModel):
    """What every mapping of a document is: its keys are known, its values are of their type as they stand."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LimitsForm(Form):
    """Limits of one call."""

    read_bytes: int | None = Field(default=None, ge=_LOW["read_bytes"], le=_HIGH["read_bytes"], description="Bytes that one read may take.")
    write_bytes: int | None = Field(
        default=None, ge=_LOW["write_bytes"], le=_HIGH["write_bytes"], description="Bytes that one write may put."
    )
    output_bytes: int | None = Field(
        default=None, ge=_LOW["output_bytes"], le=_HIGH["output_bytes"], description="Bytes of output that a call may give the model."
    )
    command_seconds: float | None = Field(
        default=None, ge=_LOW["command_seconds"], le=_HIGH["command_seconds"], description="Seconds that a command may run."
    )
    command_characters: int | None = Field(
        default=None, ge=_LOW["command_characters"], le=_HIGH["command_characters"], description="Characters that a command may have."
    )
    regular_files: bool | None = Field(default=None, description="Refuse links, pipes and devices as targets of reads and writes.")
    command_depth: int | None = Field(
        default=None, ge=_LOW["command_depth"], le=_HIGH["command_depth"], description="Constructs that may stand in one another."
    )
    command_count: int | None = Field(
        default=None, ge=_LOW["command_count"], le=_HIGH["command_count"], description="Simple commands in the text of a command."
    )
    command_words: int | None = Field(
        default=None, ge=_LOW["command_words"], le=_HIGH["command_words"], description="Words in the text of a command."
    )
    command_expansions: int | None = Field(
        default=None,
        ge=_LOW["command_expansions"],
        le=_HIGH["command_expansions"],
        description="Variables, substitutions, braces and rounds of loops that a command may take.",
    )
    glob_results: int | None = Field(
        default=None, ge=_LOW["glob_results"], le=_HIGH["glob_results"], description="Names that the patterns of a command may find."
    )
    hard_links: HardLinks | None = Field(default=None, description="Whether a tool may read a file that has several names.")
    processes: int | None = Field(
        default=None, ge=_LOW["processes"], le=_HIGH["processes"], description="Processes that a command may have at once."
    )
    memory_bytes: int | None = Field(
        default=None, ge=_LOW["memory_bytes"], le=_HIGH["memory_bytes"], description="Bytes of data that one process of a command may have."
    )
    file_bytes: int | None = Field(
        default=None, ge=_LOW["file_bytes"], le=_HIGH["file_bytes"], description="Bytes of the largest file that a command may make."
    )
    open_files: int | None = Field(
        default=None, ge=_LOW["open_files"], le=_HIGH["open_files"], description="Files that one process of a command may have open."
    )
    cpu_seconds: int | None = Field(
        default=None,
        ge=_LOW["cpu_seconds"],
        le=_HIGH["cpu_seconds"],
        description="Seconds of processor time that one process of a command may take.",
    )
    session_read_bytes: int | None = Field(
        default=None,
        ge=_LOW["session_read_bytes"],
        le=_HIGH["session_read_bytes"],
        description="Bytes that the reads of a session may take.",
    )
    session_write_bytes: int | None = Field(
        default=None,
        ge=_LOW["session_write_bytes"],
        le=_HIGH["session_write_bytes"],
        description="Bytes that the writes of a session may put.",
    )
    session_output_bytes: int | None = Field(
        default=None,
        ge=_LOW["session_output_bytes"],
        le=_HIGH["session_output_bytes"],
        description="Bytes of output that the calls of a session may give the model.",
    )
    session_files: int | None = Field(
        default=None, ge=_LOW["session_files"], le=_HIGH["session_files"], description="Files that the writes of a session may change."
    )


class PathsForm(Form):
    """Roots are absolute; globs are gitignore patterns. `{workspace}` and `{home}` stand for those directories."""

    read: list[Word] = Field(default=[], description="Directories that may be read.")
    write: list[Word] = Field(default=[], description="Directories that may be written (and read).")
    system: list[Word] = Field(default=[], description="Paths of the system that hold no secret and may be read.")
    secret: list[Word] = Field(default=[], description="Patterns of what is never shown to a model.")
    protected: list[Word] = Field(default=[], description="Patterns of what is never changed by a call.")
    toolchains: list[Word] = Field(default=[], description="Directories of programs and libraries under the home directory.")
    caches: list[Word] = Field(default=[], description="Directories of package caches under the home directory.")


class SandboxForm(Form):
    """What the kernel must hold."""

    mode: SandboxMode | None = Field(default=None, description="require: no command without a layer. prefer: said loudly. off: none.")
    degraded: VerdictWord | None = Field(default=None, description="The verdict of what only a missing layer would hold.")
    launcher: list[Word] = Field(
        default=[], max_length=256, description="A launcher around each command: {shell}, {command} and {cwd} stand in it."
    )
