"""Second opinions: other parsers read the same text, and must name the same commands, substitutions and writes.

An opinion never makes a verdict milder. It stays silent (`None`) on what it cannot read, and where it is known to
be wrong: here-documents with a quoted delimiter, which bashlex rejects or swallows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .tree import FileRedirection, HereDocument, Script


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a parser finds in a text, quotes removed and nothing expanded (`$HOME` stays `$HOME`).

    `commands` are the names of programs, `substitutions` counts command and process substitutions, `writes` are the
    targets of redirections that write.
    """

    commands: frozenset[str]
    substitutions: int = 0
    writes: frozenset[str] = frozenset()


class Opinion(Protocol):
    """Another parser. `name` is what a policy calls it."""

    @property
    def name(self) -> str: ...

    def hear(self, text: str) -> Heard | None:
        """What it finds in the text; None when it has no opinion. Never raises, and answers in bounded time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A second opinion that differs, by whom and in what."""

    opinion: str
    why: str


def names(script: Script) -> Heard:
    """What our own tree says, in the form in which opinions are given."""
    commands = frozenset(command.words[0].written() for command in script.commands() if command.words)
    writes = frozenset(
        redirection.target.written()
        for command in script.commands()
        for redirection in command.redirections
        if isinstance(redirection, FileRedirection) and redirection.mode != "read"
    )
    return Heard(commands=commands, writes=writes)


def disagreement(ours: Heard, heard: Heard) -> str | None:
    """In what the two differ, in words; None when they agree."""
    if heard.commands != ours.commands:
        return f"commands: {_difference(ours.commands, heard.commands)}"
    if heard.substitutions != ours.substitutions:
        return f"substitutions: {ours.substitutions} here, {heard.substitutions} there"
    if heard.writes != ours.writes:
        return f"written files: {_difference(ours.writes, heard.writes)}"
    return None


def compare(script: Script, opinions: Sequence[Opinion]) -> tuple[Disagreement, ...]:
    """Every opinion that differs from ours; empty when all agree or are silent."""
    if not can_be_compared(script):
        return ()
    ours = names(script)
    found: list[Disagreement] = []
    for opinion in opinions:
        heard = opinion.hear(script.text)
        why = None if heard is None else disagreement(ours, heard)
        if why is not None:
            found.append(Disagreement(opinion=opinion.name, why=why))
    return tuple(found)


def can_be_compared(script: Script) -> bool:
    """Whether other parsers are known to read this kind of script rightly: not so with here-documents."""
    return not any(isinstance(one, HereDocument) for command in script.commands() for one in command.redirections)


def _difference(ours: Iterable[str], theirs: Iterable[str]) -> str:
    return f"{_listing(set(ours) - set(theirs))} only here, {_listing(set(theirs) - set(ours))} only there"


def _listing(found: set[str]) -> str:
    shown = ", ".join(f"`{one[:80]}`" for one in sorted(found)[:5])
    return (shown + (", ..." if len(found) > 5 else "")) or "none"
