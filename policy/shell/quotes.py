"""Reads what is quoted: single and double quotes, `$'...'`, a backslash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..lazy import lazily
from ..spans import Span
from .characters import check_decoded
from .parameters import read_dollar
from .refusals import refusal
from .substitutions import read_backticks
from .tree import Part, Text

if TYPE_CHECKING:
    from .parser import Parser

_PLAIN: Final = re.compile(r"[^\"\\$`]+")
_ESCAPE: Final = lazily(r"\\(?:([abeEfnrtv\\'\"?])|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8}))")
_LETTERS: Final = {"a": 7, "b": 8, "e": 27, "E": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


def read_single(parser: Parser, parts: list[Part]) -> None:
    """`'...'`: every character stands for itself."""
    at = parser.at
    end = parser.text.find("'", at + 1)
    if end < 0:
        raise refusal("unclosed_quote", Span(at, at + 1), "'")
    parts.append(Text(text=parser.text[at + 1 : end], quoted=True, span=Span(at, end + 1)))
    parser.at = end + 1


def read_backslash(parser: Parser, parts: list[Part]) -> None:
    """A backslash outside quotes: the next character stands for itself."""
    at = parser.at
    following = parser.text[at + 1 : at + 2]
    if not following:
        raise refusal("trailing_backslash", Span(at, at + 1))
    if following == "\n":
        raise refusal("line_continuation", Span(at, at + 1))
    parts.append(Text(text=following, quoted=True, span=Span(at, at + 2)))
    parser.at = at + 2


def read_double(parser: Parser, parts: list[Part]) -> None:
    """`"..."`. Quote characters belong to the text beside them, which may be empty: that is what keeps `"$x"` a word."""
    text, opening = parser.text, parser.at
    if parser.in_backticks and parser.quoted_backticks:
        raise refusal("backtick_quote", Span(opening, opening + 1))
    simple = _PLAIN.match(text, opening + 1)
    end = simple.end() if simple else opening + 1
    if text.startswith('"', end):
        parts.append(Text(text=text[opening + 1 : end], quoted=True, span=Span(opening, end + 1)))
        parser.at = end + 1
        return
    start = read_quoted(parser, parts, opening, opening + 1, closing='"', end=parser.end)
    if start is None:
        raise refusal("unclosed_quote", Span(opening, opening + 1), '"')


def read_quoted(parser: Parser, parts: list[Part], start: int, at: int, *, closing: str, end: int) -> int | None:
    """Text and expansions up to `closing` (behind it), or with an empty `closing` up to `end`; None: it is not closed.

    `start` is where the first text begins, with the quote that opens it.
    """
    text, held = parser.text, list[str]()

    def close_text(stop: int) -> None:
        if held or start < stop:
            parts.append(Text(text="".join(held), quoted=True, span=Span(start, stop)))
        held.clear()

    while at < end:
        character = text[at]
        if character == closing:
            close_text(at + 1)
            parser.at = at + 1
            return parser.at
        if character in "$`":
            parser.at = at
            part = read_backticks(parser, quoted=True) if character == "`" else read_dollar(parser, quoted=True)
            if part is not None:
                close_text(at)
                parts.append(part)
                start = at = parser.at
                continue
        stop = _quoted_step(parser, at, end, glued=at == start and at > 0 and bool(parts), document=not closing)
        held.append(_quoted_value(text[at:stop], document=not closing))
        at = stop
    if closing:
        return None
    close_text(end)
    parser.at = at
    return at


def _quoted_step(parser: Parser, at: int, end: int, *, glued: bool, document: bool) -> int:
    """Where the next stretch of literal text ends; `glued` means that an expansion stands right before."""
    text = parser.text
    found = (_PLAIN_LINES if document else _PLAIN).match(text, at, end)
    if found:
        return found.end()
    if text[at] == "$":
        if text.startswith("\\\n", at + 1):
            raise refusal("line_continuation", Span(at, at + 3))
        return at + 1
    if at + 1 >= end:
        raise refusal("unclosed_quote", Span(at, at + 1), '"')
    if text[at + 1] == "\n" and glued:
        raise refusal("line_continuation", Span(at, at + 2))
    return at + 2


_PLAIN_LINES: Final = lazily(r"[^\\$`]+")


def _quoted_value(piece: str, *, document: bool) -> str:
    """What a stretch of text stands for (a backslash is removed only before these and a newline)."""
    if piece[0] != "\\":
        return piece
    if piece == "\\\n":
        return ""
    return piece[1] if piece[1] in ("$`\\" if document else '$`"\\') else piece


def read_ansi(parser: Parser, parts: list[Part]) -> None:
    """`$'...'`: escapes decoded, as bytes of UTF-8; what bash decodes by locale or drops is refused."""
    text, start = parser.text, parser.at
    at, held = start + 2, bytearray()
    while True:
        stop = _ANSI_PLAIN.match(text, at)
        if stop is not None:
            held += stop.group().encode()
            at = stop.end()
        if at >= parser.end:
            raise refusal("unclosed_quote", Span(start, start + 2), "$'")
        if text[at] == "'":
            break
        found = _ESCAPE.match(text, at)
        place = Span(at, min(at + 2, parser.end))
        if found is None:
            raise refusal("ansi_c_quote", place, text[at : at + 2])
        value = _escaped(found)
        wide = found.lastindex in {4, 5}
        if value == 0 or value > (0x7F if wide else 0xFF):
            raise refusal("ansi_c_quote", place, found.group())
        held.append(value)
        at = found.end()
    place = Span(start, at + 1)
    try:
        decoded = held.decode()
    except UnicodeDecodeError:
        raise refusal("ansi_c_quote", place) from None
    check_decoded(decoded, place)
    parts.append(Text(text=decoded, quoted=True, span=place))
    parser.at = at + 1


_ANSI_PLAIN: Final = lazily(r"[^\\']+")


def _escaped(found: re.Match[str]) -> int:
    letter, hexadecimal, octal, short, long = found.groups()
    if letter is not None:
        return _LETTERS.get(letter) or ord(letter)
    if octal is not None:
        return int(octal, 8)
    return int(hexadecimal or short or long, 16)
