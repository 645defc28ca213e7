"""What our own tree says, in the form in which other parsers can be asked: names of commands, substitutions, writes.

The whole tree is gone through field by field, so that no kind of node can be forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..records import Record
from ..spans import Span
from .opinions import Heard
from .tree import (
    Calculate,
    Command,
    CommandSubstitution,
    FileRedirection,
    HereDocument,
    Parameter,
    Pipeline,
    ProcessSubstitution,
    Script,
    Trivia,
    Word,
)

Substitution = CommandSubstitution | ProcessSubstitution


@dataclass(slots=True)
class Facts:
    """The nodes of a script by what they are, in no order."""

    text: str
    commands: list[Command] = field(default_factory=list[Command])
    substitutions: list[Substitution] = field(default_factory=list[Substitution])
    files: list[FileRedirection] = field(default_factory=list[FileRedirection])
    documents: list[HereDocument] = field(default_factory=list[HereDocument])
    parameters: list[Parameter] = field(default_factory=list[Parameter])
    pipelines: list[Pipeline] = field(default_factory=list[Pipeline])
    words: list[Word] = field(default_factory=list[Word])
    sums: list[Calculate] = field(default_factory=list[Calculate])
    trivia: tuple[Trivia, ...] = ()

    @property
    def heard(self) -> Heard:
        """What there is to compare."""
        return Heard(
            commands=frozenset(self.spelled(one.words[0].span) for one in self.commands if one.words),
            substitutions=len(self.substitutions),
            writes=frozenset(self.spelled(one.target.span) for one in self.files if one.mode != "read"),
        )

    def spelled(self, span: Span) -> str:
        """The text at this place."""
        return self.text[span.start : span.end]


def facts(script: Script) -> Facts:
    """Every node of the script."""
    found = Facts(script.text, trivia=script.trivia)
    waiting: list[object] = [script.body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting += one
        elif isinstance(one, Record) and not isinstance(one, Span):
            _sort(one, found)
            waiting += [getattr(one, name) for name in one.__fields__]
    return found


def _sort(one: Record, found: Facts) -> None:
    match one:
        case Command():
            found.commands.append(one)
        case CommandSubstitution() | ProcessSubstitution():
            found.substitutions.append(one)
        case FileRedirection():
            found.files.append(one)
        case HereDocument():
            found.documents.append(one)
        case Parameter():
            found.parameters.append(one)
        case Pipeline():
            found.pipelines.append(one)
        case Word():
            found.words.append(one)
        case Calculate():
            found.sums.append(one)
        case _:
            pass
