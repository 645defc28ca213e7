"""Reads brace expansion: exactly what bash expands; braces that it leaves alone are text, and what is doubtful is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..lazy import lazily
from ..spans import Span
from .refusals import refusal
from .tree import Brace, Part, Text, Variable, Word

if TYPE_CHECKING:
    from .parser import Parser

_SEQUENCE: Final = lazily(r"\{(?:(-?[0-9]{1,9})\.\.(-?[0-9]{1,9})|([a-z])\.\.([a-z])|([A-Z])\.\.([A-Z]))(?:\.\.(-?[0-9]{1,9}))?\}")


def read_brace(parser: Parser, parts: list[Part]) -> None:
    """What the unquoted `{` at this place starts: an expansion, or text."""
    text, start = parser.text, parser.at
    found = _SEQUENCE.match(text, start)
    if found is not None:
        _check_before(parser, parts, start)
        parser.count_expansion()
        parser.at = found.end()
        place = Span(start, parser.at)
        parts.append(Brace(alternatives=(), span=place, marks=(place,), sequence=_sequence(parser, found)))
        return
    parser.enter(start)
    marks = [parser.take(1)]
    alternatives = [_alternative(parser)]
    while text.startswith(",", parser.at):
        marks.append(parser.take(1))
        alternatives.append(_alternative(parser))
    parser.leave()
    closed = text.startswith("}", parser.at)
    if closed and len(alternatives) > 1:
        marks.append(parser.take(1))
        _check_before(parser, parts, start)
        for one in alternatives:
            _check_alternative(parser, one)
        parts.append(Brace(alternatives=tuple(alternatives), span=Span(start, parser.at), marks=tuple(marks)))
        return
    for mark, one in zip(marks, alternatives, strict=True):
        parts.append(Text(text=text[mark.start], quoted=False, span=mark))
        parts += one.parts
    if closed:
        parts.append(Text(text="}", quoted=False, span=parser.take(1)))


def check_left(word: Word) -> None:
    """Refuses braces that were left as text although a later comma or `..` may make bash expand them (`{a},b}`)."""
    opened, separated, dot = False, False, False
    for part in word.parts:
        if not isinstance(part, Text):
            dot = False
            continue
        for character in part.text:
            separated = separated or (opened and ((character == "," and not part.quoted) or (dot and character == ".")))
            dot = character == "."
            if character == "}" and separated and not part.quoted:
                raise refusal("brace_expansion", word.span)
            opened = opened or (character == "{" and not part.quoted)


def _alternative(parser: Parser) -> Word:
    start, parts = parser.at, list[Part]()
    parser.count_word()
    parser.parts(parts, stops=",}")
    return Word(parts=tuple(parts), span=Span(start, parser.at))


def _check_before(parser: Parser, parts: list[Part], start: int) -> None:
    """Braces are expanded before variables: `$x{a,b}` means `$xa $xb`."""
    if parts and isinstance(parts[-1], Variable) and parser.text[start - 1] != "}":
        raise refusal("brace_expansion", Span(start, start + 1))


def _check_alternative(parser: Parser, word: Word) -> None:
    """Refuses an alternative that would have another meaning once the text around the braces is glued to it."""
    first, last = (word.parts[0], word.parts[-1]) if word.parts else (None, None)
    tilde = isinstance(first, Text) and not first.quoted and first.text.startswith("~")
    dollar = isinstance(last, Text) and not last.quoted and last.text.endswith("$")
    glued = isinstance(last, Variable) and not last.quoted and not parser.ends_word(parser.at)
    if tilde or dollar or glued:
        raise refusal("brace_expansion", word.span)
    check_left(word)


def _sequence(parser: Parser, found: re.Match[str]) -> tuple[str, ...]:
    """The texts of `{1..9..2}` or `{a..e}`; a number with a leading zero fills all of them up."""
    low, high, small, small_end, large, large_end, by = found.groups()
    letters = low is None
    first, last = (ord(small or large), ord(small_end or large_end)) if letters else (int(low), int(high))
    step = abs(int(by)) if by is not None else 1
    if step == 0:
        raise refusal("brace_expansion", Span(found.start(), found.end()))
    if abs(last - first) // step >= parser.caps.expansions:
        raise refusal("too_many_expansions", Span(found.start(), found.end()))
    values = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    if letters:
        return tuple(chr(one) for one in values)
    padded = any(len(one) > 1 and one.lstrip("-").startswith("0") for one in (low, high))
    width = max(len(low), len(high)) if padded else 0
    return tuple(f"{one:0{width}d}" for one in values)
