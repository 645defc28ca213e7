"""Reads here-documents: the delimiter where it stands, the body when its line comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lazy import lazily
from ..spans import Span
from .quotes import read_quoted
from .refusals import refusal
from .tree import HereDocument, Part, Text, Word

if TYPE_CHECKING:
    from .cursor import PendingDocument
    from .parser import Parser

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_DELIMITER: Final = lazily(rf"'({_NAME})'|\"({_NAME})\"|({_NAME})")
_ODD_BACKSLASHES: Final = lazily(r"(?<!\\)(?:\\\\)*\\\Z")


def read_delimiter(parser: Parser, fd: int, start: int) -> HereDocument:
    """The delimiter: one plain name, maybe in quotes, and nothing glued to it. The body follows later.

    Other spellings are where parsers and bash disagree about where the body ends.
    """
    text, at = parser.text, parser.at
    while text.startswith((" ", "\t"), at):
        at += 1
    found = _DELIMITER.match(text, at)
    place = Span(start, found.end() if found else at)
    if found is None or not parser.ends_word(found.end()):
        raise refusal("here_document_delimiter", place)
    if parser.in_backticks:
        raise refusal("backtick_quote", place)
    parser.at = found.end()
    single, double, plain = found.groups()
    nowhere = Span(parser.at, parser.at)
    return HereDocument(
        fd=fd, delimiter=single or double or plain, literal=plain is None, operator=place,
        content=Word(parts=(), span=nowhere), body=nowhere,
    )  # fmt: skip


def read_body(parser: Parser, pending: PendingDocument) -> None:
    """Reads the body at the start of this line into its here-document."""
    document, text, start = pending.document, parser.text, parser.at
    lines: list[tuple[int, int]] = []
    at = start
    while True:
        if at >= parser.end:
            raise refusal("unclosed_here_document", document.operator)
        end = text.find("\n", at)
        stop = parser.end if end < 0 else end
        first = at
        while pending.strip_tabs and text.startswith("\t", first):
            first += 1
        if text[first:stop] == document.delimiter:
            break
        lines.append((first, stop + 1))
        at = stop + 1
    body_end = parser.end if end < 0 else end + 1
    content = _literal(text, lines, at, start) if document.literal else _expanding(parser, lines, at, start)
    parser.at = body_end
    # The document was made by this reader, and nobody else has seen it: it is completed, not changed.
    object.__setattr__(document, "content", content)
    object.__setattr__(document, "body", Span(start, body_end))


def _literal(text: str, lines: list[tuple[int, int]], end: int, start: int) -> Word:
    place = Span(start, end)
    return Word(parts=(Text(text="".join(text[first:last] for first, last in lines), quoted=True, span=place),), span=place)


def _expanding(parser: Parser, lines: list[tuple[int, int]], end: int, start: int) -> Word:
    """Line by line, as between double quotes: an expansion that reaches over a line is refused.

    The body is one piece of the text: what is trivia inside its expansions is not counted a second time.
    """
    parts: list[Part] = []
    trivia = len(parser.trivia)
    waiting, parser.pending = parser.pending, []
    outside, parser.end = parser.end, end
    for first, last in lines:
        if _ODD_BACKSLASHES.search(parser.text, first, last - 1):
            raise refusal("line_continuation", Span(last - 2, last - 1))
        parser.at = first
        read_quoted(parser, parts, first, first, closing="", end=last)
        if parser.at != last:
            raise refusal("here_document_expansion", Span(first, last - 1))
    parser.end, parser.pending = outside, waiting
    del parser.trivia[trivia:]
    return Word(parts=tuple(parts), span=Span(start, end))
