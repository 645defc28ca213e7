"""Reads one redirection: its sign, its descriptor, and what it is tied to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from ..spans import Span
from .lexer import at_word_end, read_word
from .refusals import Construct, refusal
from .tree import DuplicateRedirection, FileRedirection

_SIGN: Final = re.compile(r"([0-9]*)(<<<|<<-|<<|<>|<&|<|>>|>&|>\||>)|(&>>|&>)")
_DUPLICATE: Final = re.compile(r"[0-9]|-")
_DELIMITER: Final = re.compile(r"'([A-Za-z_][A-Za-z0-9_]*)'|\"([A-Za-z_][A-Za-z0-9_]*)\"")
_OUTSIDE: Final[dict[str, Construct]] = {"<<<": "here_string", "<>": "redirect_read_write"}
_MODES: Final[dict[str, Literal["read", "write", "append"]]] = {
    "<": "read",
    ">": "write",
    ">|": "write",
    ">>": "append",
    "&>": "write",
    "&>>": "append",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """The sign of a redirection: `2>>` has the descriptor 2."""

    sign: str
    fd: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDocument:
    """A here-document whose body comes after the end of the line."""

    fd: int
    delimiter: str
    strip_tabs: bool
    operator: Span


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
    return Sign(sign=sign, fd=int(digits) if digits else default, span=place)


def read_duplicate(text: str, sign: Sign) -> DuplicateRedirection:
    """`>&1`, `<&0`, `>&-`: the number touches the sign and is a word of its own."""
    found = _DUPLICATE.match(text, sign.span.end)
    if found is None or not at_word_end(text, found.end()):
        raise refusal("duplicate_target", sign.span)
    if text.startswith(("<", ">"), found.end()):
        # `>&1>f` is read rightly by bash, but what follows a digit here is too easily misread.
        raise refusal("duplicate_target", sign.span)
    source = None if found.group() == "-" else int(found.group())
    return DuplicateRedirection(fd=sign.fd, source=source, operator=Span(sign.span.start, found.end()))


def read_target(text: str, at: int, sign: Sign, *, max_depth: int) -> FileRedirection:
    """The file of a redirection; `at` is behind the blanks that may follow the sign."""
    if sign.sign in _OUTSIDE:
        raise refusal(_OUTSIDE[sign.sign], sign.span)
    if text.startswith(("(", "<(", ">("), at):
        raise refusal("process_substitution", Span(sign.span.start, at + 1))
    if at_word_end(text, at) or text[at] == "#":
        raise refusal("redirect_target", sign.span)
    target = read_word(text, at, max_depth=max_depth)
    return FileRedirection(fd=sign.fd, mode=_MODES[sign.sign], operator=sign.span, target=target, both=sign.sign.startswith("&"))


def read_delimiter(text: str, sign: Sign) -> PendingDocument:
    """The delimiter of a here-document: one plain name in quotes, and nothing glued to it.

    Other spellings are where parsers and bash disagree about where the body ends.
    """
    at = sign.span.end
    while text.startswith((" ", "\t"), at):
        at += 1
    found = _DELIMITER.match(text, at)
    place = Span(sign.span.start, found.end() if found else at)
    if found is None or not at_word_end(text, found.end()):
        plain = not at_word_end(text, at) and text[at] not in "'\"\\$`"
        raise refusal("here_document_expansion" if plain else "here_document_delimiter", place)
    return PendingDocument(fd=sign.fd, delimiter=found.group(1) or found.group(2), strip_tabs=sign.sign == "<<-", operator=place)
