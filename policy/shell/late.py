"""Words that only the run can know: how they are made, and what the judge sees of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, assert_never

from ..holes import HOLE, SPLIT
from ..plan import Compute, Fixed, Get, LatePart, LateWord, Operation, Output
from ..profiles.options import Several

if TYPE_CHECKING:
    from .state import State

_SPECIAL: Final = re.compile(r"[*?\[]")
_NUMBERS: Final = frozenset({"?", "#"})


def judged(word: str | LateWord) -> str:
    """The word as text, with holes where only the run knows it; a late glob is given as what may be below its directory."""
    if isinstance(word, str):
        return word
    fixed = [part for part in word.parts if isinstance(part, Fixed)]
    if len(fixed) == len(word.parts):
        return Several(_directory(fixed))
    return "".join(_seen(part) for part in word.parts)


def is_one_word(word: LateWord) -> bool:
    """Whether the run makes exactly one word of it."""
    return all(_seen(part) != SPLIT for part in word.parts)


def is_integer(word: LateWord, state: State) -> bool:
    """Whether the run makes a plain decimal number of it."""
    match word.parts:
        case (Compute(),):
            return True
        case (Get(name=name, operation=None),):
            return name in _NUMBERS or name in state.integers
        case (Get(operation=Operation(kind="length")),):
            return True
        case _:
            return False


def quoted(word: LateWord) -> LateWord:
    """The same as one word that is neither split nor globbed."""
    return LateWord(parts=tuple(_quoted(part) for part in word.parts), written=word.written)


def _quoted(part: LatePart) -> LatePart:
    match part:
        case Fixed(text=text):
            return Fixed(text=text, quoted=True)
        case Get(name=name, operation=operation):
            return Get(name=name, operation=operation, quoted=True)
        case Output(number=number):
            return Output(number=number, quoted=True)
        case Compute(value=value):
            return Compute(value=value, quoted=True)
        case _:
            assert_never(part)


def _seen(part: LatePart) -> str:
    match part:
        case Fixed(text=text):
            return text if part.quoted or not _SPECIAL.search(text) else SPLIT
        case Get(name=name, operation=operation):
            number = name in _NUMBERS or (operation is not None and operation.kind == "length")
            return HOLE if part.quoted or number else SPLIT
        case Output():
            return HOLE if part.quoted else SPLIT
        case Compute():
            # Digits, whatever the quotes: one word.
            return HOLE
        case _:
            assert_never(part)


def _directory(parts: Iterable[Fixed]) -> str:
    """The directory that is written before the first sign of a pattern."""
    marked = "".join(part.text if part.quoted else _SPECIAL.sub("\0", part.text) for part in parts)
    directory, slash, _ = marked.partition("\0")[0].rpartition("/")
    return directory or slash or "."
