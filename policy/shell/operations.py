"""What `${NAME...}` does to a known text: the reference for what the runner does to one that only the run knows."""

from __future__ import annotations

import re
from typing import Literal


def trim(value: str, pattern: str, *, suffix: bool, longest: bool) -> str:
    """The text without the shortest (or longest) piece at its start (or end) that the pattern matches as a whole."""
    expression = re.compile(pattern)
    places = range(len(value) + 1)
    for at in places if suffix == longest else reversed(places):
        if suffix and expression.fullmatch(value, at):
            return value[:at]
        if not suffix and expression.fullmatch(value, 0, at):
            return value[at:]
    return value


def substitute(value: str, pattern: str, replacement: str, *, every: bool, anchor: Literal["", "start", "end"]) -> str:
    """The text with the first (or every) match replaced; of those that start at one place, the longest counts.

    A pattern that matches nothing at all is `*`, which then matches all.
    """
    expression = re.compile(pattern)
    if anchor == "end":
        kept = trim(value, pattern, suffix=True, longest=True)
        return kept + replacement if kept != value or expression.fullmatch("") else value
    if anchor == "start" or not value:
        found = expression.match(value)
        return replacement + value[found.end() :] if found else value
    made: list[str] = []
    at = 0
    while at < len(value):
        found = expression.search(value, at)
        if found is None:
            break
        made += (value[at : found.start()], replacement)
        at = found.end()
        if not every:
            break
    return "".join(made) + value[at:]


def cut(value: str, offset: int, length: int | None) -> str | None:
    """`${NAME:OFFSET:LENGTH}`; None where bash calls it an error (the end stands before the start)."""
    start = offset + len(value) if offset < 0 else offset
    if not 0 <= start <= len(value):
        return ""
    if length is None:
        return value[start:]
    end = length + len(value) if length < 0 else start + length
    return None if end < start else value[start:end]


def change_case(value: str, *, upper: bool, every: bool) -> str:
    """The first character (or every one) in the other case, each by itself, as the C library does it."""
    count = len(value) if every else 1
    return "".join(_turned(one, upper=upper) for one in value[:count]) + value[count:]


def _turned(character: str, *, upper: bool) -> str:
    found = character.upper() if upper else character.lower()
    return found if len(found) == 1 else character


def has_doubtful_case(value: str) -> bool:
    """Whether a letter is in it whose other case is not the same to Python and to the C library (or was not compared)."""
    return any(one == "\u0130" or "\u1f80" <= one <= "\u1fff" or (one > "\u2fff" and one.upper() != one.lower()) for one in value)
