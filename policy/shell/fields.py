"""From values to words: what an expansion leaves is put together, and unquoted values are split at blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..plan import Fixed, LatePart, LateWord
from ..records import Record
from ..spans import Span
from .patterns import Piece as PatternPiece
from .refusals import refusal

_BLANKS: Final = re.compile(r"[ \t\n]+")


class Piece(Record):
    """A part of a word after expansion: known text, or what only the run knows.

    `splits`: it came from an unquoted value, which blanks end; `foreign`: that of the environment, which the text does
    not show. `ends`: the word ends here (between the words of `$@`).
    """

    text: str = ""
    quoted: bool = False
    splits: bool = False
    foreign: bool = False
    ends: bool = False
    late: LatePart | None = None


class Field:
    """A word after splitting; `foreign`: its first character came from an unquoted value of the environment."""

    __slots__ = ("foreign", "pieces")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.foreign = False

    def text(self) -> str:
        """The known text."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def late(self) -> bool:
        """Whether only the run knows a part of it."""
        return any(piece.late is not None for piece in self.pieces)

    def add(self, piece: Piece) -> None:
        """Puts a piece at the end."""
        if piece.foreign and piece.text and not self.late and not self.text():
            self.foreign = True
        self.pieces.append(piece)

    def may_begin_with_a_dash(self) -> bool:
        """Whether a name that this pattern finds may begin with `-`; where only the run knows its start, the judge says so."""
        first = next((piece for piece in self.pieces if piece.text or piece.late is not None), None)
        return first is not None and (first.text[:1] == "-" or (not first.quoted and first.text[:1] in {"*", "?", "["}))

    def patterns(self) -> list[PatternPiece]:
        """The known text, and what of it is quoted."""
        return [(piece.text, piece.quoted) for piece in self.pieces]


def fields(pieces: Iterable[Piece], span: Span) -> list[Field]:
    """The words that the pieces make: none, one or many."""
    found: list[Field] = []
    current: Field | None = None
    for piece in pieces:
        if not (piece.splits or piece.ends):
            current = current or Field()
            current.add(piece)
            continue
        if "\\" in piece.text:
            raise refusal("backslash_in_value", span, piece.text)
        for index, text in enumerate(["", ""] if piece.ends else _BLANKS.split(piece.text)):
            if index and current is not None:
                found.append(current)
                current = None
            if text:
                current = current or Field()
                current.add(Piece(text=text, foreign=piece.foreign))
    return [*found, current] if current is not None else found


def late_parts(pieces: Iterable[Piece]) -> tuple[LatePart, ...]:
    """The pieces as parts of a late word; text that stands side by side is put together."""
    found: list[LatePart] = []
    for piece in pieces:
        last = found[-1] if found else None
        if piece.late is not None:
            found.append(piece.late)
        elif isinstance(last, Fixed) and last.quoted == piece.quoted:
            found[-1] = Fixed(text=last.text + piece.text, quoted=piece.quoted)
        else:
            found.append(Fixed(text=piece.text, quoted=piece.quoted))
    return tuple(found)


def late_word(pieces: Iterable[Piece], written: str) -> LateWord:
    """The pieces as one late word."""
    return LateWord(parts=late_parts(pieces), written=written)
