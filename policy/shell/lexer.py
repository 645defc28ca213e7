"""Reads one word: quoting, variables, tilde. Everything else that a shell would act on is refused by name.

Every reading function takes the text and a place, and never looks back further than one character.
"""

from __future__ import annotations

import re
from typing import Final

from ..spans import Span
from .refusals import refusal
from .tree import Part, Text, Tilde, Variable, Word

BLANKS: Final = frozenset(" \t")
METACHARACTERS: Final = frozenset(" \t\n;&|<>()")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_PLAIN: Final = re.compile(r"[^ \t\n;&|<>()'\"\\$`~]+")
_PLAIN_IN_QUOTES: Final = re.compile(r"[^\"\\$`]+")
_BRACED: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BRACED_SPECIAL: Final = re.compile(r"\$\{(?:[0-9]+|[?#@*!$_-])\}")
_SPECIAL: Final = frozenset("?#@*!$-0123456789")
_AFTER_LITERAL_DOLLAR: Final = frozenset(" \t\n;&|)%^.,:/=+")
_EXTENDED_GLOB: Final = frozenset("?*+@!")


def read_word(text: str, at: int, *, max_depth: int, in_assignment: bool = False) -> Word:
    """The word that starts here. In an assignment it may be empty, and braces stay as they are."""
    reader = _WordReader(text, at)
    reader.read()
    word = Word(parts=tuple(reader.parts), span=Span(at, reader.at))
    _check_end(text, reader.at, word)
    if not in_assignment:
        _check_braces(word, max_depth)
    return word


def at_word_end(text: str, at: int) -> bool:
    """Whether a word that reaches to here ends here."""
    return at >= len(text) or text[at] in METACHARACTERS


class _WordReader:
    """The state of reading one word."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.start = at
        self.at = at
        self.parts: list[Part] = []

    def read(self) -> None:
        text = self.text
        while not at_word_end(text, self.at):
            match text[self.at]:
                case "'":
                    self._single_quotes()
                case '"':
                    self._double_quotes()
                case "\\":
                    self._backslash()
                case "$":
                    self._dollar()
                case "`":
                    raise refusal("backtick", Span(self.at, self.at + 1))
                case "~":
                    self._tilde()
                case _:
                    found = _PLAIN.match(text, self.at)
                    self._text(self.at, found.end() if found else self.at + 1)

    def _text(self, start: int, end: int) -> None:
        self.parts.append(Text(text=self.text[start:end], quoted=False, span=Span(start, end)))
        self.at = end

    def _single_quotes(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise refusal("unclosed_quote", Span(self.at, self.at + 1), "'")
        self.parts.append(Text(text=self.text[self.at + 1 : end], quoted=True, span=Span(self.at, end + 1)))
        self.at = end + 1

    def _backslash(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if not following:
            raise refusal("trailing_backslash", Span(self.at, self.at + 1))
        if following == "\n":
            raise refusal("line_continuation", Span(self.at, self.at + 1))
        self.parts.append(Text(text=following, quoted=True, span=Span(self.at, self.at + 2)))
        self.at += 2

    def _tilde(self) -> None:
        place = Span(self.at, self.at + 1)
        if self.at == self.start:
            if not at_word_end(self.text, self.at + 1) and self.text[self.at + 1] != "/":
                raise refusal("tilde_user", place)
            self.parts.append(Tilde(span=place))
            self.at += 1
        elif self.text[self.at - 1] in "=:":
            raise refusal("tilde_in_word", place)
        else:
            self._text(self.at, self.at + 1)

    def _dollar(self) -> None:
        part = read_variable(self.text, self.at, quoted=False)
        if part is None:
            following = self.text[self.at + 1 : self.at + 2]
            if following and following not in _AFTER_LITERAL_DOLLAR:
                raise refusal("dollar", Span(self.at, self.at + 1))
            self._text(self.at, self.at + 1)
        else:
            self.parts.append(part)
            self.at = part.span.end

    def _double_quotes(self) -> None:
        """Quote characters belong to the text beside them, which may be empty: that is what keeps `"$x"` a word."""
        text, opening = self.text, self.at
        start, at, held = opening, opening + 1, list[str]()

        def close_text(end: int) -> None:
            if held or start < end:
                self.parts.append(Text(text="".join(held), quoted=True, span=Span(start, end)))
            held.clear()

        while True:
            character = text[at : at + 1]
            if not character:
                raise refusal("unclosed_quote", Span(opening, opening + 1), '"')
            if character == '"':
                close_text(at + 1)
                self.at = at + 1
                return
            if character == "`":
                raise refusal("backtick", Span(at, at + 1))
            if character == "$" and (variable := read_variable(text, at, quoted=True)) is not None:
                close_text(at)
                self.parts.append(variable)
                start = at = variable.span.end
                continue
            end = _quoted_step(text, at, glued=at == start and at > opening)
            held.append(_quoted_value(text[at:end]))
            at = end


def _quoted_step(text: str, at: int, *, glued: bool) -> int:
    """Where the next stretch of literal text in double quotes ends; `glued` means that a variable stands right before."""
    found = _PLAIN_IN_QUOTES.match(text, at)
    if found:
        return found.end()
    following = text[at + 1 : at + 2]
    if text[at] == "$":
        if text.startswith("\\\n", at + 1):
            raise refusal("line_continuation", Span(at, at + 3))
        return at + 1
    if not following:
        raise refusal("unclosed_quote", Span(at, at + 1), '"')
    if following == "\n" and glued:
        raise refusal("line_continuation", Span(at, at + 2))
    return at + 2


def _quoted_value(piece: str) -> str:
    """What a stretch of text in double quotes stands for (a backslash is removed only before these four and a newline)."""
    if piece[0] != "\\":
        return piece
    if piece == "\\\n":
        return ""
    return piece[1] if piece[1] in '$`"\\' else piece


def read_variable(text: str, at: int, *, quoted: bool) -> Variable | None:
    """The variable that a `$` at this place names; None when the `$` is a literal character."""
    following = text[at + 1 : at + 2]
    found = NAME.match(text, at + 1) or _BRACED.match(text, at)
    if found:
        name = found.group(found.lastindex or 0)
        if name == "_":
            raise refusal("special_parameter", Span(at, found.end()), f"${name}")
        return Variable(name=name, quoted=quoted, span=Span(at, found.end()))
    place = Span(at, min(at + 2, len(text)))
    if following == "(":
        raise refusal("arithmetic_expansion" if text.startswith("((", at + 1) else "command_substitution", place)
    if following == "[":
        raise refusal("arithmetic_expansion", place)
    if following == "{":
        raise refusal("special_parameter" if _BRACED_SPECIAL.match(text, at) else "parameter_expansion", place)
    if following and following in _SPECIAL:
        raise refusal("special_parameter", place, f"${following}")
    if not quoted and following in {"'", '"'}:
        raise refusal("ansi_c_quote" if following == "'" else "locale_quote", place)
    return None


def _check_end(text: str, at: int, word: Word) -> None:
    """Refuses a word that is glued to something that would give it another meaning."""
    if text.startswith("(", at):
        if word.parts and at > 0 and text[at - 1] in _EXTENDED_GLOB:
            raise refusal("extended_glob", Span(at - 1, at + 1))
        return
    if at < len(text) and text[at] in "<>" and text[word.span.start : at].startswith("{") and text[at - 1] == "}":
        raise refusal("descriptor_variable", word.span)


def _check_braces(word: Word, max_depth: int) -> None:
    """Refuses braces around an unquoted comma or around `..`: more than what bash expands, never less."""
    depth, opened, separated, dot = 0, False, False, False
    for part in word.parts:
        if not isinstance(part, Text):
            continue
        for character in part.text:
            separated = separated or (opened and ((character == "," and not part.quoted) or (dot and character == ".")))
            dot = character == "."
            if part.quoted or character not in "{}":
                continue
            if character == "}" and separated:
                raise refusal("brace_expansion", word.span)
            opened = True if character == "{" else opened
            depth = max(0, depth + (1 if character == "{" else -1))
            if depth > max_depth:
                raise refusal("too_deep", word.span)
