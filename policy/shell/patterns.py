"""Shell patterns as regular expressions: `*`, `?` and simple brackets; the bracket forms on which shells differ are refused.

INVARIANT: matching is linear. All stars but the last are atomic: what a pattern matches first behind a star is as good
as anything later, so that matching never goes back beyond one star.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ..records import Record
from ..spans import Span
from .refusals import refusal

MAX_STARS: Final = 16
MAX_PATTERN: Final = 1_000

Piece = tuple[str, bool]
"""Text, and whether it was quoted."""

_SPECIAL: Final = re.compile(r"[*?\[]")
_EXTENDED: Final = re.compile(r"[?*+@!]\(")
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = _LOWER.upper()
_DIGITS: Final = "0123456789"
_PUNCTUATION: Final = r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"""
_IN_BRACKET: Final = frozenset(_LOWER + _UPPER + _DIGITS + "_.,+@%=:")
_ALIKE: Final = (_LOWER, _UPPER, _DIGITS)
_POSIX_CLASSES: Final = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9a-fA-F",
    "space": r" \t\n\r\f\v",
    "punct": re.escape(_PUNCTUATION),
}
_EVERYWHERE_ALIKE: Final = frozenset({"digit", "xdigit"})


class Pattern(Record):
    """What stands between the stars: one expression for each character.

    `loose` reads every class such as `[:alpha:]` as any character: what is in a class outside ASCII is the locale's.
    """

    runs: tuple[tuple[str, ...], ...]
    loose: tuple[tuple[str, ...], ...] | None = None

    def whole(self) -> str:
        """For a whole text (`fullmatch`); with `match`, the longest piece that starts at a place."""
        return _joined(self.runs)

    def loosely(self) -> str | None:
        """The same with every class taken for any character; None without a class."""
        return None if self.loose is None else _joined(self.loose)


class Unclosed(Exception):
    """A `[` that nothing closes: bash reads it as text."""


def has_pattern(pieces: Iterable[Piece]) -> bool:
    """Whether anything unquoted could be a pattern."""
    for text, quoted in pieces:  # noqa: SIM110  # asked of every word, and a generator costs more than the answer
        if not quoted and _SPECIAL.search(text):
            return True
    return False


def characters_of(pieces: Iterable[Piece], span: Span) -> list[Piece]:
    """The characters of a pattern; refuses one that is longer than patterns are meant to be."""
    found = [(character, quoted) for text, quoted in pieces for character in text]
    if len(found) > MAX_PATTERN:
        raise refusal("glob_too_large", span)
    return found


def text_pattern(pieces: Iterable[Piece], span: Span) -> Pattern:
    """The pattern of `case`, `[[ ]]` and `${NAME#...}`: slashes and leading dots are characters like all others."""
    part = characters_of(pieces, span)
    text = "".join(character for character, _ in part)
    # `[[ ]]` reads extended patterns without being told to, also where they come from a variable.
    if any(not quoted and _EXTENDED.match(text, at) for at, (_, quoted) in enumerate(part)):
        raise refusal("extended_glob", span, text)
    try:
        return read_pattern(part, span)
    except Unclosed:
        if sum(not quoted and bool(_SPECIAL.match(one)) for one, quoted in part) > 1:
            raise refusal("glob_bracket", span, text) from None
        return read_pattern([(text, True)], span)


def read_pattern(part: Sequence[Piece], span: Span) -> Pattern:
    """Pieces of one character each (or quoted text) as a pattern; raises Unclosed, refuses too many stars."""
    exact: list[list[str]] = [[]]
    loose: list[list[str]] = [[]]
    has_class, at = False, 0
    while at < len(part):
        character, quoted = part[at]
        at += 1
        if not quoted and character == "*":
            if exact[-1] or len(exact) == 1:
                exact.append([])
                loose.append([])
            continue
        expression, classed = re.escape(character), False
        if not quoted and character == "?":
            expression = "."
        elif not quoted and character == "[":
            expression, at, classed = _bracket(part, at, span)
        exact[-1].append(expression)
        loose[-1].append("." if classed else expression)
        has_class = has_class or classed
    if len(exact) > MAX_STARS:
        raise refusal("glob_too_large", span, "".join(character for character, _ in part))
    return Pattern(runs=tuple(map(tuple, exact)), loose=tuple(map(tuple, loose)) if has_class else None)


def _joined(runs: Sequence[Sequence[str]]) -> str:
    """The expression for runs with stars between them; a dot is any character."""
    first, *others = ("".join(run) for run in runs)
    middle = "".join(f"(?>.*?{run})" for run in others[:-1])
    return f"(?s:{first}{middle}{f'.*{others[-1]}' if others else ''})"


def _bracket(part: Sequence[Piece], at: int, span: Span) -> tuple[str, int, bool]:
    """A bracket whose `[` ends at `at`: its expression, where it ends, and whether it names a class of the locale."""
    if not any(character == "]" and not quoted for character, quoted in part[at:]):
        raise Unclosed
    text = "".join(character for character, _ in part)
    start = at
    negated = at < len(part) and part[at] in {("!", False), ("^", False)}
    at += negated
    body, has_class = "", False
    while part[at][0] != "]" or part[at][1]:
        found = re.match(r"\[:([a-z]+):\]", text[at : at + 12])
        if found and found.group(1) in _POSIX_CLASSES:
            body, has_class = body + _POSIX_CLASSES[found.group(1)], has_class or found.group(1) not in _EVERYWHERE_ALIKE
            at += found.end()
        elif text[at + 1 : at + 2] == "-" and text[at + 2 : at + 3] != "]":
            body += _range(text[at], text[at + 2 : at + 3], span)
            at += 3
        elif text[at] in _IN_BRACKET or (text[at] == "-" and (not body or text[at + 1 : at + 2] == "]")):
            body += re.escape(text[at])
            at += 1
        else:
            raise refusal("glob_bracket", span, text)
        if at >= len(part):
            raise refusal("glob_bracket", span, text)
    if not body or any(quoted for _, quoted in part[start:at]):
        raise refusal("glob_bracket", span, text)
    return f"[{'^' if negated else ''}{body}]", at + 1, has_class


def _range(first: str, last: str, span: Span) -> str:
    if not any(first in alike and last and last in alike for alike in _ALIKE) or first > last:
        raise refusal("glob_bracket", span, f"{first}-{last}")
    return f"{first}-{last}"
