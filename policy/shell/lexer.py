"""Reads one word: quoting, expansions, tilde, braces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..spans import Span
from .braces import check_left, read_brace
from .parameters import read_dollar
from .quotes import read_ansi, read_backslash, read_double, read_single
from .refusals import refusal
from .substitutions import read_backticks, read_process_substitution
from .tree import Brace, Part, Text, Tilde, Word

if TYPE_CHECKING:
    from .parser import Parser

_SIMPLE: Final = re.compile(r"[A-Za-z0-9_./:=,%@+*?\[\]^!#-]++(?=[ \t\n;|]|\Z)")
_PLAIN: Final = re.compile(r"[^ \t\n;&|<>()'\"\\$`~{},]+")
_EXTENDED_GLOB: Final = frozenset("?*+@!")
_ASSIGNMENT_LIKE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def read_word(parser: Parser, *, braces: bool = True) -> Word:
    """The word that starts here, maybe empty; without `braces` they stay as they are (assignments, `case`, `[[ ]]`)."""
    start = parser.at
    simple = _SIMPLE.match(parser.text, start)
    if simple is not None:
        parser.at = end = simple.end()
        place = Span(start, end)
        return Word(parts=(Text(text=simple.group(), quoted=False, span=place),), span=place)
    parts: list[Part] = []
    read_parts(parser, parts, start, stops="" if braces else None)
    word = Word(parts=tuple(parts), span=Span(start, parser.at))
    _check_end(parser, word)
    if braces:
        check_left(word)
        if any(isinstance(part, Brace) for part in parts) and _ASSIGNMENT_LIKE.match(parser.text, start):
            raise refusal("brace_expansion", word.span)
    return word


def read_parts(parser: Parser, parts: list[Part], start: int, *, stops: str | None) -> None:
    """Parts up to the end of the word, or to one of `stops` (inside braces); None: braces are text.

    `start` is where a tilde stands for the home directory.
    """
    text = parser.text
    while not parser.ends_word(parser.at) or _is_substitution(parser):
        at = parser.at
        parser.count_piece()
        character = text[at]
        found = _PLAIN.match(text, at)
        if found is not None:
            parser.at = found.end()
            parts.append(Text(text=found.group(), quoted=False, span=Span(at, parser.at)))
        elif character == '"':
            read_double(parser, parts)
        elif character == "'":
            read_single(parser, parts)
        elif character == "$":
            _dollar(parser, parts)
        elif stops and character in stops:
            return
        elif character == "{" and stops is not None:
            read_brace(parser, parts)
        else:
            _special(parser, parts, start)


def _is_substitution(parser: Parser) -> bool:
    return parser.at < parser.end and parser.text[parser.at] in "<>" and parser.text.startswith("(", parser.at + 1)


def _special(parser: Parser, parts: list[Part], start: int) -> None:
    """A character that is text in some places only."""
    at, character = parser.at, parser.text[parser.at]
    if character == "\\":
        read_backslash(parser, parts)
    elif character == "`":
        parts.append(read_backticks(parser, quoted=False))
    elif character in "<>":
        if parser.text[at - 1 : at].isdigit():
            # After a number this is a redirection to some readers.
            raise refusal("process_substitution", Span(at, at + 2))
        parts.append(read_process_substitution(parser))
    elif character == "~":
        _tilde(parser, parts, start)
    else:
        parts.append(Text(text=character, quoted=False, span=parser.take(1)))


def _dollar(parser: Parser, parts: list[Part]) -> None:
    at = parser.at
    if parser.text.startswith("'", at + 1):
        read_ansi(parser, parts)
        return
    part = read_dollar(parser, quoted=False)
    parts.append(part if part is not None else Text(text="$", quoted=False, span=parser.take(1)))


def _tilde(parser: Parser, parts: list[Part], start: int) -> None:
    text, at = parser.text, parser.at
    if at == start:
        if not parser.ends_word(at + 1) and text[at + 1] != "/":
            raise refusal("tilde_user", Span(at, at + 1))
        parts.append(Tilde(span=parser.take(1)))
    elif text[at - 1] in "=:" or (parts and isinstance(parts[-1], Brace)):
        # behind a brace an empty alternative brings it to the front of a word (`{,a}~/x`)
        raise refusal("tilde_in_word", Span(at, at + 1))
    else:
        parts.append(Text(text="~", quoted=False, span=parser.take(1)))


def _check_end(parser: Parser, word: Word) -> None:
    """Refuses a word that is glued to something that would give it another meaning."""
    text, at = parser.text, parser.at
    if text.startswith("(", at) and word.parts and text[at - 1] in _EXTENDED_GLOB:
        raise refusal("extended_glob", Span(at - 1, at + 1))
    if at < parser.end and text[at] in "<>" and text[at - 1] == "}" and text[word.span.start] == "{":
        raise refusal("descriptor_variable", word.span)
