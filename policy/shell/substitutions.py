"""Reads commands that stand inside a word: `$(...)`, backticks, `<(...)` and `>(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spans import Span
from .refusals import refusal
from .tree import CommandSubstitution, List, ProcessSubstitution

if TYPE_CHECKING:
    from .parser import Parser


def read_command_substitution(parser: Parser, *, quoted: bool) -> CommandSubstitution:
    """`$(...)`: a list of its own, in which quoting starts anew."""
    start = parser.at
    opening = parser.take(2)
    body = _inner(parser, opening)
    closing = _close(parser, opening, ")")
    return CommandSubstitution(body=body, quoted=quoted, span=Span(start, parser.at), marks=(opening, closing))


def read_process_substitution(parser: Parser) -> ProcessSubstitution:
    """`<(...)` or `>(...)`."""
    start = parser.at
    opening = parser.take(2)
    body = _inner(parser, opening)
    if not body.steps:
        raise refusal("empty_command", opening)
    closing = _close(parser, opening, ")")
    writes = parser.text[start] == ">"
    return ProcessSubstitution(body=body, writes=writes, span=Span(start, parser.at), marks=(opening, closing))


def read_backticks(parser: Parser, *, quoted: bool) -> CommandSubstitution:
    """Backticks. They end at the next one, whatever quotes stand between: so no piece of the inner text may reach over it.

    A backslash in them is read twice by bash, so the readers of quotes refuse it there.
    """
    start = parser.at
    if parser.in_backticks:
        raise refusal("backtick_quote", Span(start, start + 1))
    end = parser.text.find("`", start + 1)
    if end < 0:
        raise refusal("unclosed_quote", Span(start, start + 1), "`")
    opening = parser.take(1)
    backslash = parser.text.find("\\", start, end)
    if backslash >= 0:
        raise refusal("backtick_quote", Span(backslash, backslash + 1))
    parser.in_backticks, parser.quoted_backticks = True, quoted
    body = _inner(parser, opening)
    parser.in_backticks = False
    if parser.at != end:
        raise refusal("backtick_quote", opening)
    closing = parser.take(1)
    return CommandSubstitution(body=body, quoted=quoted, span=Span(start, parser.at), marks=(opening, closing))


def _inner(parser: Parser, opening: Span) -> List:
    """The list inside; here-documents that wait outside stay outside."""
    parser.enter(opening.start)
    outside, parser.pending = parser.pending, []
    around = parser.base, parser.body_end
    parser.base, parser.body_end = parser.depth, 0
    first = parser.at
    parser.substitutions += 1
    body = parser.read_list()
    parser.substitutions -= 1
    if parser.body_end and parser.text[parser.body_end : parser.at].strip(" \t\n"):
        raise refusal("here_document_substitution", Span(parser.body_end, parser.at))
    parser.base, parser.body_end = around
    if parser.pending:
        raise refusal("unclosed_here_document", parser.pending[0].document.operator)
    if outside and "\n" in parser.text[first : parser.at]:
        raise refusal("here_document_line", opening)
    parser.pending = outside
    parser.leave()
    return body


def _close(parser: Parser, opening: Span, closing: str) -> Span:
    if not parser.text.startswith(closing, parser.at):
        if parser.at >= parser.end:
            raise refusal("unclosed_substitution", opening)
        raise parser.unexpected()
    return parser.take(1)
