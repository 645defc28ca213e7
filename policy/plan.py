"""A command resolved for running: argument vectors, no text that is read again.

`policy.shell` makes a plan from a parsed script, `tools.process` runs it without a shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .spans import Span

Builtin = Literal["cd", "true"]
"""What the runner does itself: `cd` (checks that the directory can be entered), `true` (for `:` and for a step
that holds assignments or redirections only)."""

Connector = Literal["then", "and", "or"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """Descriptor `fd` reads from, writes to or appends to the file at absolute path `path`."""

    fd: int
    path: str
    mode: Literal["read", "write", "append"]
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Descriptor `fd` becomes a copy of `source` (`2>&1`); None closes it (`2>&-`)."""

    fd: int
    source: int | None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Descriptor `fd` reads this text (a here-document)."""

    fd: int
    text: str
    span: Span | None = None


Redirection = OpenFile | Duplicate | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One program to start, or one builtin.

    `argv` is exactly what the program gets, `argv[0]` the name as written. `program` is the real file that is
    executed (None for a builtin, and while the program is not installed). `environment` holds the assignments
    written before the command. Redirections apply in order. `directory` is absolute.
    """

    argv: tuple[str, ...]
    directory: str
    program: str | None = None
    builtin: Builtin | None = None
    environment: tuple[tuple[str, str], ...] = ()
    redirections: tuple[Redirection, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Invocations that run side by side, each reading what the one before it writes; `!` makes it `negated`."""

    invocations: tuple[Invocation, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A pipeline, and when it runs: always (`then`), after success (`and`), after failure (`or`) of what ran last."""

    connector: Connector
    pipeline: Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a command does, in order."""

    steps: tuple[Step, ...]

    def invocations(self) -> tuple[Invocation, ...]:
        """Every program and builtin of the plan, in the order of the text."""
        return tuple(one for step in self.steps for one in step.pipeline.invocations)
