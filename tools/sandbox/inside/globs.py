"""Globs that only the run can expand: names in the real tree, sorted by code point; no match leaves the word as it is."""

from __future__ import annotations

import os

from .state import Halt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10_000
_CLASSES: dict[str, Callable[[str], bool]] = {
    "alpha": str.isalpha,
    "digit": lambda one: one in "0123456789",
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "blank": lambda one: one in " \t",
    "punct": lambda one: one.isascii() and one.isprintable() and not one.isalnum() and one != " ",
    "xdigit": lambda one: one in "0123456789abcdefABCDEF",
}

Character = tuple[str, bool]
"""A character, and whether it is special."""


def expand(pieces: list[tuple[str, bool]]) -> list[str]:
    """The names that match the pattern; a name that begins with `-` is given as `./-name`."""
    characters = [(one, not quoted) for text, quoted in pieces for one in text]
    written = "".join(one for one, _ in characters)
    components: list[list[Character]] = [[]]
    for one in characters:
        if one[0] == "/":
            components.append([])
        else:
            components[-1].append(one)
    if not any(_special(one) for one in components):
        return [written]
    found = sorted(_search(components), key=os.fsencode)
    return [f"./{name}" if name.startswith("-") else name for name in found] or [written]


def _special(component: list[Character]) -> bool:
    text = [one if special else "" for one, special in component]
    return "*" in text or "?" in text or ("[" in text and any(one == "]" for one in text[text.index("[") + 1 :]))


def _search(components: list[list[Character]]) -> list[str]:
    found = [""]
    for index, component in enumerate(components):
        last = index == len(components) - 1
        end = "" if last else "/"
        text = "".join(one for one, _ in component)
        following: list[str] = []
        for start in found:
            if not _special(component):
                if os.path.lexists((start + text + end) or "."):
                    following.append(start + text + end)
                continue
            following += [start + name + end for name in _names(start) if _matches(component, name) and (last or _directory(start + name))]
        if len(following) > _MOST:
            raise Halt(f"a glob matches more than {_MOST} names")
        found = following
    return found


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory or ".")
    except OSError:
        return []


def _directory(path: str) -> bool:
    return os.path.isdir(path)


def _matches(pattern: list[Character], name: str) -> bool:
    """Whether a whole name matches; a leading dot is matched by a written dot only."""
    if name.startswith(".") and (not pattern or pattern[0][0] != "."):
        return False
    at = place = 0
    star = resume = -1
    while place < len(name):
        if at < len(pattern) and pattern[at] == ("*", True):
            star, resume = at, place
            at += 1
            continue
        step = _one(pattern, at, name[place]) if at < len(pattern) else 0
        if step:
            at += step
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return all(one == ("*", True) for one in pattern[at:])


def _one(pattern: list[Character], at: int, character: str) -> int:
    """How long the element at `at` is, when it matches the character; 0 when it does not."""
    one, special = pattern[at]
    if special and one == "?":
        return 1
    if special and one == "[":
        end = _bracket_end(pattern, at)
        if end:
            return end - at if _in_bracket(pattern[at + 1 : end - 1], character) else 0
    return int(one == character)


def _bracket_end(pattern: list[Character], at: int) -> int:
    """The place behind the `]` that closes the bracket, 0 when there is none."""
    place = at + 1
    if place < len(pattern) and pattern[place][0] in "!^":
        place += 1
    first = place
    while place < len(pattern):
        if pattern[place][0] == "[" and place + 1 < len(pattern) and pattern[place + 1][0] == ":":
            close = next((i for i in range(place + 2, len(pattern) - 1) if pattern[i][0] == ":" and pattern[i + 1][0] == "]"), 0)
            place = close + 2 if close else place + 1
            continue
        if pattern[place][0] == "]" and place > first:
            return place + 1
        place += 1
    return 0


def _in_bracket(inside: list[Character], character: str) -> bool:
    negated = bool(inside) and inside[0][0] in "!^" and inside[0][1]
    text = "".join(one for one, _ in inside[negated:])
    hit, at = False, 0
    while at < len(text):
        if text.startswith("[:", at) and (close := text.find(":]", at)) > 0:
            known = _CLASSES.get(text[at + 2 : close])
            hit |= known is not None and known(character)
            at = close + 2
        elif at + 2 < len(text) and text[at + 1] == "-":
            hit |= text[at] <= character <= text[at + 2]
            at += 3
        else:
            hit |= text[at] == character
            at += 1
    return hit != negated
