"""Reads one redirection: its sign, its descriptor, and what it is tied to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from ..lazy import lazily
from ..spans import Span
from .cursor import PendingDocument
from .documents import read_delimiter
from .lexer import read_word
from .refusals import refusal
from .tree import Brace, DuplicateRedirection, FileRedirection, HereString, Redirection

if TYPE_CHECKING:
    from .parser import Parser

_SIGN: Final = re.compile(r"([0-9]*)(<<<|<<-|<<|<>|<&|<(?!\()|>>|>&|>\||>(?!\())|(&>>|&>)")
_DUPLICATE: Final = lazily(r"[0-9]|-")
_MODES: Final[dict[str, Literal["read", "write", "append"]]] = {
    "<": "read",
    ">": "write",
    ">|": "write",
    ">>": "append",
    "&>": "write",
    "&>>": "append",
}


class Sign:
    """The sign of a redirection: `2>>` has the descriptor 2."""

    __slots__ = ("fd", "sign", "span")

    def __init__(self, sign: str, fd: int, span: Span) -> None:
        self.sign = sign
        self.fd = fd
        self.span = span


def read_sign(text: str, at: int) -> Sign | None:
    """The sign that starts here, if one does; digits count only when they touch it."""
    found = _SIGN.match(text, at)
    if found is None:
        return None
    digits, sign, both = found.groups()
    place = Span(found.start(), found.end())
    if len(digits or "") > 1:
        raise refusal("descriptor", place, digits)
    sign = both or sign
    default = 0 if sign.startswith("<") else 1
    return Sign(sign, int(digits) if digits else default, place)


def read_redirection(parser: Parser, sign: Sign) -> Redirection:
    """The redirection that starts with this sign."""
    parser.count_redirection()
    parser.at = sign.span.end
    if sign.sign == "<>":
        raise refusal("redirect_read_write", sign.span)
    if sign.sign in {"<<", "<<-"}:
        document = read_delimiter(parser, sign.fd, sign.span.start)
        if parser.substitutions and (parser.depth > parser.base or parser.pending or parser.body_end):
            raise refusal("here_document_substitution", document.operator)
        parser.pending.append(PendingDocument(document, strip_tabs=sign.sign == "<<-"))
        return document
    if sign.sign in {">&", "<&"}:
        return _duplicate(parser, sign)
    parser.blanks()
    return _target(parser, sign)


def _duplicate(parser: Parser, sign: Sign) -> DuplicateRedirection:
    """`>&1`, `<&0`, `>&-`: the number touches the sign and is a word of its own."""
    found = _DUPLICATE.match(parser.text, sign.span.end)
    if found is None or not parser.ends_word(found.end()):
        raise refusal("duplicate_target", sign.span)
    if parser.text.startswith(("<", ">"), found.end()):
        # `>&1>f` is read rightly by bash, but what follows a digit here is too easily misread.
        raise refusal("duplicate_target", sign.span)
    parser.at = found.end()
    source = None if found.group() == "-" else int(found.group())
    return DuplicateRedirection(fd=sign.fd, source=source, operator=Span(sign.span.start, found.end()))


def _target(parser: Parser, sign: Sign) -> FileRedirection | HereString:
    """The file or the text of a redirection; the blanks behind the sign are passed."""
    text, at = parser.text, parser.at
    substitution = text.startswith(("<(", ">("), at)
    if (parser.ends_word(at) and not (substitution and at > sign.span.end)) or text[at] == "#":
        raise refusal("redirect_target", sign.span)
    target = read_word(parser, braces=sign.sign != "<<<")
    if text.startswith(("<", ">"), parser.at) and text[at : parser.at].isdigit():
        # bash takes these digits for the descriptor of the next sign.
        raise refusal("redirect_target", target.span)
    if sign.sign == "<<<":
        return HereString(fd=sign.fd, operator=sign.span, word=target)
    if any(isinstance(part, Brace) for part in target.parts):
        raise refusal("ambiguous_redirection", target.span)
    return FileRedirection(fd=sign.fd, mode=_MODES[sign.sign], operator=sign.span, target=target, both=sign.sign.startswith("&"))
