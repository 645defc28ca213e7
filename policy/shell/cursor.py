"""Where the reader stands in the text: what it has passed, what is due at the next line, how deep it is."""

from __future__ import annotations

import re
from typing import Final

from ..spans import Span
from .caps import Caps
from .refusals import refusal
from .tree import HereDocument, Trivia, TriviaKind

METACHARACTERS: Final = frozenset(" \t\n;&|<>()")
HARD_DEPTH: Final = 32
"""No policy may ask for more: the reader, and all that walks the tree, goes down by calling itself."""

_PIECES: Final = 2
"""For each word that is allowed."""
_REDIRECTIONS: Final = 2
"""For each command that is allowed."""

_BLANKS: Final = re.compile(r"[ \t]+")
_JOINS: Final = frozenset("|;(&")


class PendingDocument:
    """A here-document whose body comes after the end of the line."""

    __slots__ = ("document", "strip_tabs")

    def __init__(self, document: HereDocument, *, strip_tabs: bool) -> None:
        self.document = document
        self.strip_tabs = strip_tabs


class Cursor:
    """A place in a text that only moves forward."""

    def __init__(self, text: str, caps: Caps) -> None:
        self.text = text
        self.end = len(text)
        self.at = 0
        self.caps = caps
        self.max_depth = min(caps.depth, HARD_DEPTH)
        self.depth = 0
        self.words = 0
        self.commands = 0
        self.pieces = 0
        self.redirected = 0
        self.expansions = 0
        self.substitutions = 0
        self.base = 0
        self.body_end = 0
        self.in_backticks = False
        self.trivia: list[Trivia] = []
        self.pending: list[PendingDocument] = []

    def take(self, length: int) -> Span:
        """Moves on; the place that was passed."""
        at = self.at
        self.at = at + length
        return Span(at, at + length)

    def enter(self, at: int) -> None:
        """Counts one construct that stands in another."""
        self.depth += 1
        if self.depth > self.max_depth:
            raise refusal("too_deep", Span(at, at + 1), f"more than {self.max_depth}")

    def leave(self) -> None:
        """The construct that was entered last is read."""
        self.depth -= 1

    def count_word(self) -> None:
        """Counts a word, a redirection or an assignment."""
        self.words += 1
        if self.words > self.caps.words:
            raise refusal("too_many_words", Span(self.at, self.at + 1), f"more than {self.caps.words}")

    def count_command(self) -> None:
        """Counts a command, simple or compound."""
        self.commands += 1
        if self.commands > self.caps.commands:
            raise refusal("too_many_commands", Span(self.at, self.at + 1), f"more than {self.caps.commands}")

    def count_piece(self) -> None:
        """Counts trivia and the parts of words that are more than plain text: before it is made, so that a text that is
        made to be slow is refused early.
        """
        self.pieces += 1
        if self.pieces > _PIECES * self.caps.words:
            raise refusal("too_many_words", Span(self.at, self.at + 1), f"more than {_PIECES * self.caps.words} parts of words")

    def count_redirection(self) -> None:
        """Counts a redirection, of any command."""
        self.redirected += 1
        if self.redirected > _REDIRECTIONS * self.caps.commands:
            detail = f"more than {_REDIRECTIONS * self.caps.commands} redirections"
            raise refusal("too_many_commands", Span(self.at, self.at + 1), detail)

    def count_expansion(self) -> None:
        """Counts what will be expanded; what is written once may still be resolved many times, and is counted there too."""
        self.expansions += 1
        if self.expansions > self.caps.expansions:
            raise refusal("too_many_expansions", Span(self.at, self.at + 1))

    def ends_word(self, at: int) -> bool:
        """Whether a word that reaches to this place ends there."""
        if at >= self.end:
            return True
        character = self.text[at]
        return character in METACHARACTERS or (character == "`" and self.in_backticks)

    def blanks(self) -> None:
        """Moves behind blanks on this line, and nothing else."""
        found = _BLANKS.match(self.text, self.at)
        if found is not None:
            self.note("blank", found.end())

    def note(self, kind: TriviaKind, end: int) -> None:
        """What stands before `end` is trivia."""
        self.count_piece()
        self.trivia.append(Trivia(kind=kind, span=Span(self.at, end)))
        self.at = end

    def skip(self, *, newlines: bool = False) -> None:
        """Moves behind blanks, continuations and comments; with `newlines`, behind empty lines too."""
        text = self.text
        while self.at < self.end:
            character = text[self.at]
            if character in " \t":
                self.blanks()
            elif character == "#":
                # A comment ends at the line's end, whatever stands before that: a backslash there joins nothing.
                end = text.find("\n", self.at)
                self.note("comment", self.end if end < 0 else end)
            elif character == "\\" and text.startswith("\n", self.at + 1):
                self.continuation()
            elif newlines and character == "\n":
                self.note("newline", self.at + 1)
                self.documents()
            else:
                return

    def continuation(self) -> None:
        """A backslash at the line's end joins what touches it; it is read only where nothing does."""
        text, at = self.text, self.at
        if self.pending:
            raise refusal("here_document_line", Span(at, at + 1))
        before = text[at - 1] if at else "\n"
        continued = bool(self.trivia) and self.trivia[-1].kind == "continuation" and self.trivia[-1].span.end == at
        joined = before in _JOINS and (text[at - 2 : at] in {"&&", "||"} or text.startswith((" ", "\t", "\n"), at + 2))
        if not (before in " \t\n" or continued or joined):
            raise refusal("line_continuation", Span(at, at + 1))
        self.note("continuation", at + 2)

    # Reads the bodies that are due at the start of this line: the parser's part.
    def documents(self) -> None: ...
