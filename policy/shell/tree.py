"""The tree of a script: what was read, before anything is looked up.

Every node knows its place in the text. Leaves and trivia together tile the text (`pieces`): the parser checks
this, so that no character of an accepted script is without a meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from ..spans import Span

Connector = Literal["then", "and", "or"]
TriviaKind = Literal["blank", "newline", "continuation", "comment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Literal characters, quotes and backslashes removed; only unquoted ones can be special (`*`)."""

    text: str
    quoted: bool
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """`$NAME` or `${NAME}`; quoted, its value is neither split nor globbed."""

    name: str
    quoted: bool
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Tilde:
    """An unquoted `~` that stands for the home directory."""

    span: Span


Part = Text | Variable | Tilde


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word as written; a quoted empty text keeps an empty word alive."""

    parts: tuple[Part, ...]
    span: Span

    def written(self) -> str:
        """The word without its quotes, variables by their name (`$HOME`): what a reader would call it."""
        return "".join(_written(part) for part in self.parts)


def _written(part: Part) -> str:
    match part:
        case Text(text=text):
            return text
        case Variable(name=name):
            return f"${name}"
        case Tilde():
            return "~"
        case _:
            assert_never(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`NAME=value`; `head` is the place of `NAME=`, `value` may have no parts."""

    name: str
    head: Span
    value: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRedirection:
    """`<`, `>`, `>>`, `>|`; with `both`, `&>` or `&>>`: standard error follows standard output."""

    fd: int
    mode: Literal["read", "write", "append"]
    operator: Span
    target: Word
    both: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateRedirection:
    """`N>&M` or `N<&M`; `source` None is `-`: the descriptor is closed."""

    fd: int
    source: int | None
    operator: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class HereDocument:
    """`<<'WORD'`: the body is literal text. `operator` reaches to the end of the delimiter, `body` holds the closing line too."""

    fd: int
    delimiter: str
    text: str
    operator: Span
    body: Span


Redirection = FileRedirection | DuplicateRedirection | HereDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A simple command; one of the three is not empty. Redirections are in the order of the text."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Commands joined by `|`; `pipes` has one place less than `commands`."""

    commands: tuple[Command, ...]
    pipes: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A pipeline and how it is joined to the one before; `operator` is the place of `&&` or `||`, else None."""

    connector: Connector
    operator: Span | None
    pipeline: Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Separator:
    """A `;`, or a newline that separates two commands."""

    kind: Literal["sequence", "newline"]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Trivia:
    """Text between the nodes: it has a place, and no effect."""

    kind: TriviaKind
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A whole text that was understood."""

    text: str
    steps: tuple[Step, ...]
    separators: tuple[Separator, ...]
    trivia: tuple[Trivia, ...]

    def commands(self) -> Iterator[Command]:
        """Every simple command, in the order of the text."""
        for step in self.steps:
            yield from step.pipeline.commands


def pieces(script: Script) -> list[Span]:
    """The places of all leaves and trivia, in order; in a script that was read they tile the text."""
    found = [one.span for one in script.trivia]
    found += [one.span for one in script.separators]
    for step in script.steps:
        found += [step.operator] if step.operator else []
        found += step.pipeline.pipes
        for command in step.pipeline.commands:
            found += _pieces_of(command)
    return sorted(found, key=lambda span: (span.start, span.end))


def tiles(script: Script) -> bool:
    """Whether the pieces cover the text without a gap and without an overlap."""
    at = 0
    for span in pieces(script):
        if span.start != at or span.end <= at:
            return False
        at = span.end
    return at == len(script.text)


def _pieces_of(command: Command) -> Iterator[Span]:
    for assignment in command.assignments:
        yield assignment.head
        yield from (part.span for part in assignment.value.parts)
    for word in command.words:
        yield from (part.span for part in word.parts)
    for redirection in command.redirections:
        yield redirection.operator
        match redirection:
            case FileRedirection(target=target):
                yield from (part.span for part in target.parts)
            case HereDocument(body=body):
                yield body
            case DuplicateRedirection():
                pass
            case _:
                assert_never(redirection)
