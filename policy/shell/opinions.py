"""Second opinions: other parsers read the same text, and must find the same commands, substitutions and writes.

An opinion never makes a verdict milder. It is not asked where it is known to be wrong (`differences`), and it has none on
what it cannot read (`None`). One that gives no answer at all, because it hangs or is not there, counts as one that differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ..records import Record
from .tree import Script


class Heard(Record):
    """What a parser finds in a text, each as it is spelled there, quotes and all.

    `commands` are the words that name programs, `substitutions` counts command and process substitutions, `writes` are the
    targets of redirections that write.
    """

    commands: frozenset[str]
    substitutions: int = 0
    writes: frozenset[str] = frozenset()


class Unheard(Record):
    """No answer: the parser hangs, ends, or is not there. Not the same as having no opinion."""

    why: str


class Opinion(Protocol):
    """Another parser. `name` is what a policy calls it."""

    @property
    def name(self) -> str: ...

    def hear(self, text: str) -> Heard | Unheard | None:
        """What it finds in the text; None when it cannot read it. Never raises, and answers in bounded time."""
        ...


class Disagreement(Record):
    """A second opinion that differs, by whom and in what."""

    opinion: str
    why: str


def names(script: Script) -> Heard:
    """What our own tree says, in the form in which opinions are given."""
    from .facts import facts

    return facts(script).heard


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
    """Every opinion that differs from ours; empty when all agree or have none."""
    if not opinions:
        return ()
    from .differences import differences  # imported late: the default policy hears nobody
    from .facts import facts

    known = facts(script)
    ours, unasked = known.heard, differences(known)
    found: list[Disagreement] = []
    for opinion in opinions:
        if opinion.name in unasked:
            continue
        heard = opinion.hear(script.text)
        if isinstance(heard, Unheard):
            found.append(Disagreement(opinion=opinion.name, why=f"it gave no answer: {heard.why}"))
        elif heard is not None and (why := disagreement(ours, heard)) is not None:
            found.append(Disagreement(opinion=opinion.name, why=why))
    return tuple(found)


def _difference(ours: Iterable[str], theirs: Iterable[str]) -> str:
    return f"{_listing(set(ours) - set(theirs))} only here, {_listing(set(theirs) - set(ours))} only there"


def _listing(found: set[str]) -> str:
    shown = ", ".join(f"`{one[:80]}`" for one in sorted(found)[:5])
    return (shown + (", ..." if len(found) > 5 else "")) or "none"
