"""Programs that are not accounted for, and start others: shells with text, sudo, watch, parallel. What they start is judged
besides.
"""

from __future__ import annotations

import re
from typing import Final

from .interpreter import Analyst, Sheet
from .options import Opaque, Parsed, parse_words
from .wrappers import quoted

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_SOURCE: Final = re.compile(r":::\+?|::::\+?")
_PLACE: Final = re.compile(r"\{(?:[0-9]*(?:\.|//?\.?)?|#|%)\}")
_WITH_VALUE: Final = frozenset({"--rcfile", "--init-file"})
_MAX_ARGUMENTS: Final = 20


def interpret_shell(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """A shell: with `-c`, the first operand is text that it runs."""
    words = analyst.table(sheet)
    reads, at = False, 0
    while at < len(words) and words[at][:1] in {"-", "+"} and words[at] not in {"-", "--"}:
        short = not words[at].startswith("--")
        reads = reads or (short and words[at].startswith("-") and "c" in words[at])
        at += 1 + (("o" in words[at] or "O" in words[at]) if short else words[at] in _WITH_VALUE)
    at += words[at : at + 1] in {("-",), ("--",)}
    if reads and at < len(words):
        analyst.literal(sheet, words[at], words[at + 2 :])
    return words


def interpret_launcher(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """A program that is not accounted for; the last role of its operands says how it starts another."""
    words = analyst.table(sheet)
    table = sheet.profile.table
    parsed = parse_words(table, words)
    for place in _beginnings(parsed, len(table.operands) - 1):
        inner = words[place:]
        if table.operands[-1] == "joined" or " " in inner[0]:
            _text(analyst, sheet, inner)
        while inner and _ASSIGNMENT.match(inner[0]):
            inner = inner[1:]
        if inner:
            analyst.beside(sheet, inner)
    return words


def interpret_parallel(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """Lines for a shell, made of the words before `:::` and of each word behind it."""
    words = analyst.table(sheet)
    for place in _beginnings(parse_words(sheet.profile.table, words), 0):
        inner = words[place:]
        end = next((at for at, word in enumerate(inner) if _SOURCE.fullmatch(word)), len(inner))
        command, given = inner[:end], [word for word in inner[end:] if not _SOURCE.fullmatch(word)][:_MAX_ARGUMENTS]
        if not command:
            for line in given:
                analyst.literal(sheet, line)
            continue
        for arguments in (*((one,) for one in given), tuple(given)):
            _text(analyst, sheet, command, " ".join(map(quoted, arguments)))
    return words


def _beginnings(parsed: Parsed, own: int) -> list[int]:
    """Where the inner program may begin: an option that is not known may have taken the next word."""
    return [one.index for one in parsed.operands()[own : own + (2 if parsed.faults else 1)]]


def _text(analyst: Analyst, sheet: Sheet, words: tuple[str, ...], argument: str = "") -> None:
    """The words as one line, the argument at its place in it or behind it."""
    if any(isinstance(one, Opaque) for one in words):
        return
    line = " ".join(words)
    if argument:
        line = _PLACE.sub(lambda _: argument, line) if _PLACE.search(line) else f"{line} {argument}"
    analyst.literal(sheet, line)
