"""How much of a command is read and resolved at most; a policy may set each of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..records import Record

if TYPE_CHECKING:
    from ..model import Limits


MAX_BYTES: Final = 65_536
"""The longest text as UTF-8: no policy may set more. Half of what Linux takes as one word of a program (128 KiB)."""


def in_bytes(text: str) -> bool:
    """Whether a text keeps within `MAX_BYTES`."""
    return len(text) <= MAX_BYTES // 4 or (len(text) <= MAX_BYTES and len(text.encode("utf-8", "surrogatepass")) <= MAX_BYTES)


class Caps(Record):
    """`characters` are code points, and as UTF-8 at most `MAX_BYTES` bytes; `depth` counts constructs that stand in one another.
    `words` are those of the text; `expansions` are variables, substitutions, braces and rounds of a loop as they are
    resolved; `glob_results` names found. A text may hold twice as many redirections as commands, and twice as many blanks,
    comments and parts of words as words.
    """

    characters: int = MAX_BYTES
    depth: int = 16
    commands: int = 500
    words: int = 4_000
    expansions: int = 1_000
    glob_results: int = 10_000


DEFAULT: Final = Caps()


def caps_of(limits: Limits) -> Caps:
    """What a policy's limits say."""
    return Caps(
        characters=limits.command_characters,
        depth=limits.command_depth,
        commands=limits.command_count,
        words=limits.command_words,
        expansions=limits.command_expansions,
        glob_results=limits.glob_results,
    )
