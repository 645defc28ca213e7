"""Reads a text into a tree: lists, pipelines, simple commands, here-documents.

One pass, no recursion, no step back: time is linear in the length of the text. What is not understood completely
is refused by name, and at the end every character must have found its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ..spans import Span
from .characters import check_characters
from .lexer import BLANKS, read_word
from .redirections import PendingDocument, Sign, read_delimiter, read_duplicate, read_sign, read_target
from .refusals import Construct, refusal
from .tree import (
    Assignment,
    Command,
    Connector,
    HereDocument,
    Pipeline,
    Redirection,
    Script,
    Separator,
    Step,
    Trivia,
    TriviaKind,
    Word,
    tiles,
)

MAX_CHARACTERS: Final = 65536
MAX_DEPTH: Final = 16
MAX_COMMANDS: Final = 500
MAX_WORDS: Final = 4000

_BLANKS: Final = re.compile(r"[ \t]+")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?=|\[)")
_RESERVED: Final[dict[str, Construct]] = {
    "{": "group",
    "}": "group",
    "!": "negation",
    "[[": "conditional_expression",
    "]]": "conditional_expression",
    "if": "if",
    "then": "if",
    "elif": "if",
    "else": "if",
    "fi": "if",
    "for": "for",
    "while": "while",
    "until": "until",
    "case": "case",
    "esac": "case",
    "select": "select",
    "function": "function",
    "coproc": "coproc",
    "time": "time",
    "do": "reserved_word",
    "done": "reserved_word",
    "in": "reserved_word",
}


def parse(text: str, *, max_characters: int = MAX_CHARACTERS, max_depth: int = MAX_DEPTH) -> Script:
    """The tree of a script; `max_characters` counts code points, `max_depth` braces that stand in one another.

    Raises ShellSyntaxError for everything that is not understood completely, and nothing else.
    """
    if len(text) > max_characters:
        raise refusal("too_long", Span(max_characters, len(text)), f"{len(text)} characters, {max_characters} are allowed")
    check_characters(text)
    script = _Parser(text, max_depth).script()
    # INVARIANT: every character of an accepted text belongs to exactly one leaf or piece of trivia.
    if not tiles(script):
        raise refusal("unaccounted_text", Span(0, len(text)))
    return script


@dataclass(slots=True)
class _Draft:
    """A command while its here-documents have no bodies yet (None in `redirections`)."""

    start: int
    end: int = 0
    assignments: list[Assignment] = field(default_factory=list[Assignment])
    words: list[Word] = field(default_factory=list[Word])
    redirections: list[Redirection | None] = field(default_factory=list["Redirection | None"])

    def empty(self) -> bool:
        return not (self.assignments or self.words or self.redirections)

    def finish(self) -> Command:
        return Command(
            assignments=tuple(self.assignments),
            words=tuple(self.words),
            redirections=tuple(one for one in self.redirections if one is not None),
            span=Span(self.start, self.end),
        )


@dataclass(slots=True)
class _DraftStep:
    connector: Connector
    operator: Span | None
    commands: list[_Draft] = field(default_factory=list[_Draft])
    pipes: list[Span] = field(default_factory=list[Span])

    def finish(self) -> Step:
        pipeline = Pipeline(commands=tuple(one.finish() for one in self.commands), pipes=tuple(self.pipes))
        return Step(connector=self.connector, operator=self.operator, pipeline=pipeline)


class _Parser:
    """The state of reading one script."""

    def __init__(self, text: str, max_depth: int) -> None:
        self.text = text
        self.at = 0
        self.max_depth = max_depth
        self.commands = 0
        self.words = 0
        self.trivia: list[Trivia] = []
        self.separators: list[Separator] = []
        self.pending: list[tuple[PendingDocument, _Draft, int]] = []

    def script(self) -> Script:
        steps: list[_DraftStep] = []
        connector: Connector = "then"
        operator: Span | None = None
        self.skip(newlines=True)
        while not self.ended():
            steps.append(self.pipeline(_DraftStep(connector, operator)))
            connector, operator = self.after_pipeline()
        if not steps:
            raise refusal("empty_command", Span(0, len(self.text)))
        if operator is not None:
            raise refusal("unfinished_list", operator)
        if self.pending:
            raise refusal("unclosed_here_document", self.pending[0][0].operator)
        return Script(
            text=self.text,
            steps=tuple(one.finish() for one in steps),
            separators=tuple(self.separators),
            trivia=tuple(self.trivia),
        )

    # -- between commands

    def ended(self) -> bool:
        return self.at >= len(self.text)

    def take(self, length: int) -> Span:
        place = Span(self.at, self.at + length)
        self.at += length
        return place

    def note(self, kind: TriviaKind, end: int) -> None:
        self.trivia.append(Trivia(kind=kind, span=Span(self.at, end)))
        self.at = end

    def skip(self, *, newlines: bool = False) -> None:
        """Moves behind blanks, continuations and comments; with `newlines`, behind empty lines too."""
        text = self.text
        while not self.ended():
            found = _BLANKS.match(text, self.at)
            if found:
                self.note("blank", found.end())
            elif text[self.at] == "#":
                end = text.find("\n", self.at)
                self.note("comment", len(text) if end < 0 else end)
            elif text.startswith("\\\n", self.at):
                self.continuation()
            elif newlines and text[self.at] == "\n":
                self.note("newline", self.at + 1)
                self.documents()
            else:
                return

    def continuation(self) -> None:
        """A backslash at the line's end joins what touches it; it is read only where nothing does."""
        before = self.text[self.at - 1] if self.at else "\n"
        operator = self.text[max(0, self.at - 2) : self.at] in {"&&", "||"}
        continued = bool(self.trivia) and self.trivia[-1].kind == "continuation" and self.trivia[-1].span.end == self.at
        place = Span(self.at, self.at + 1)
        if self.pending:
            raise refusal("here_document_line", place)
        if not (before in BLANKS or operator or continued or before == "\n"):
            raise refusal("line_continuation", place)
        self.note("continuation", self.at + 2)

    def after_pipeline(self) -> tuple[Connector, Span | None]:
        """What joins the next pipeline; a separator is noted."""
        text = self.text
        if self.ended():
            return "then", None
        if text.startswith(("&&", "||"), self.at):
            connector: Connector = "and" if text[self.at] == "&" else "or"
            operator = self.take(2)
            self.skip(newlines=True)
            return connector, operator
        if text[self.at] == ";":
            if text.startswith((";;", ";&"), self.at):
                raise refusal("case_terminator", Span(self.at, self.at + 2))
            self.separators.append(Separator(kind="sequence", span=self.take(1)))
            self.skip(newlines=True)
            return "then", None
        self.newline()
        return "then", None

    def newline(self) -> None:
        """A newline behind a command: it separates when another command follows, else it only ends the text."""
        place, noted = self.take(1), len(self.trivia)
        self.documents()
        self.skip(newlines=True)
        if self.ended():
            self.trivia.insert(noted, Trivia(kind="newline", span=place))
        else:
            self.separators.append(Separator(kind="newline", span=place))

    def documents(self) -> None:
        """Reads the bodies that are due at the start of this line."""
        for pending, draft, index in self.pending:
            draft.redirections[index] = self.body(pending)
        self.pending.clear()

    def body(self, pending: PendingDocument) -> HereDocument:
        text, start, lines = self.text, self.at, list[str]()
        while not self.ended():
            end = text.find("\n", self.at)
            line = text[self.at :] if end < 0 else text[self.at : end]
            self.at = len(text) if end < 0 else end + 1
            line = line.lstrip("\t") if pending.strip_tabs else line
            if line == pending.delimiter:
                return HereDocument(
                    fd=pending.fd,
                    delimiter=pending.delimiter,
                    text="".join(f"{one}\n" for one in lines),
                    operator=pending.operator,
                    body=Span(start, self.at),
                )
            lines.append(line)
        raise refusal("unclosed_here_document", pending.operator)

    # -- commands

    def pipeline(self, step: _DraftStep) -> _DraftStep:
        while True:
            step.commands.append(self.command())
            if not self.text.startswith("|", self.at) or self.text.startswith("||", self.at):
                return step
            if self.text.startswith("|&", self.at):
                raise refusal("pipe_stderr", Span(self.at, self.at + 2))
            step.pipes.append(self.take(1))
            self.skip(newlines=True)
            if self.ended():
                raise refusal("unfinished_list", step.pipes[-1])

    def command(self) -> _Draft:
        text, draft = self.text, _Draft(start=self.at)
        while not self.ended():
            if text[self.at] in "\n;|" or text.startswith("&&", self.at):
                break
            if text[self.at] == "&" and not text.startswith("&>", self.at):
                raise refusal("background", Span(self.at, self.at + 1))
            if text[self.at] in "()":
                raise self.parenthesis(draft)
            self.element(draft)
            draft.end = self.at
            self.skip()
        if draft.empty():
            raise refusal("empty_command", Span(self.at, min(self.at + 1, len(text))))
        self.commands += 1
        if self.commands > MAX_COMMANDS:
            raise refusal("too_many_commands", Span(draft.start, draft.end), f"more than {MAX_COMMANDS}")
        return draft

    def element(self, draft: _Draft) -> None:
        """A redirection, an assignment or a word."""
        self.words += 1
        if self.words > MAX_WORDS:
            raise refusal("too_many_words", Span(self.at, self.at + 1), f"more than {MAX_WORDS}")
        start = self.at
        sign = read_sign(self.text, start)
        if sign is not None:
            self.redirection(draft, sign)
        elif not draft.words and (found := _ASSIGNMENT.match(self.text, start)):
            self.assignment(draft, found)
        else:
            word = read_word(self.text, start, max_depth=self.max_depth)
            self.at = word.span.end
            if not draft.words and (written := self.text[start : self.at]) in _RESERVED:
                raise refusal(_RESERVED[written], word.span, written)
            draft.words.append(word)
        if self.pending and "\n" in self.text[start : self.at]:
            raise refusal("here_document_line", Span(start, self.at))

    def redirection(self, draft: _Draft, sign: Sign) -> None:
        self.at = sign.span.end
        if sign.sign in {"<<", "<<-"}:
            pending = read_delimiter(self.text, sign)
            self.at = pending.operator.end
            self.pending.append((pending, draft, len(draft.redirections)))
            draft.redirections.append(None)
        elif sign.sign in {">&", "<&"}:
            duplicate = read_duplicate(self.text, sign)
            self.at = duplicate.operator.end
            draft.redirections.append(duplicate)
        else:
            found = _BLANKS.match(self.text, self.at)
            if found:
                self.note("blank", found.end())
            target = read_target(self.text, self.at, sign, max_depth=self.max_depth)
            self.at = target.target.span.end
            draft.redirections.append(target)

    def assignment(self, draft: _Draft, found: re.Match[str]) -> None:
        name, sign = found.groups()
        head = Span(found.start(), found.end())
        if sign == "[" or self.text.startswith("(", head.end):
            raise refusal("array_assignment", head, name)
        if sign == "+=":
            raise refusal("append_assignment", head, name)
        value = read_word(self.text, head.end, max_depth=self.max_depth, in_assignment=True)
        self.at = value.span.end
        draft.assignments.append(Assignment(name=name, head=head, value=value))

    def parenthesis(self, draft: _Draft) -> Exception:
        place = Span(self.at, self.at + 1)
        if self.text[self.at] == ")" or len(draft.words) > 1 or not (draft.words or draft.empty()):
            return refusal("parenthesis", place)
        if draft.words:
            return refusal("function", place, draft.words[0].written())
        return refusal("arithmetic_command" if self.text.startswith("((", self.at) else "subshell", place)
