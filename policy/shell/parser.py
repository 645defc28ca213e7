"""Reads a text into a tree: lists, pipelines, commands. What stands inside them is read by the modules next door.

One pass without a step back, so time is linear in the length of the text; what stands in something else is counted, so
that no text is too deep. What is not understood completely is refused by name, and at the end every character must have
found its place.
"""

from __future__ import annotations

import re
from typing import Final

from ..spans import Span
from .caps import DEFAULT, MAX_BYTES, Caps, in_bytes
from .characters import check_characters
from .compound import (
    read_calculate,
    read_case,
    read_for,
    read_function,
    read_function_keyword,
    read_group,
    read_if,
    read_loop,
)
from .conditional import read_conditional
from .cursor import Cursor
from .documents import read_body
from .lexer import read_parts, read_word
from .quotes import read_backslash, read_double, read_single
from .redirections import Sign, read_redirection, read_sign
from .refusals import Construct, refusal
from .tree import (
    Assignment,
    Calculate,
    Command,
    Compound,
    Conditional,
    Connector,
    List,
    Node,
    Part,
    Pipeline,
    Redirection,
    Script,
    Separator,
    Step,
    Trivia,
    Word,
)
from .walk import tiles

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?=|\[)")
_KEYWORD: Final = re.compile(r"(?:\[\[|\]\]|[{}!]|[a-z]+)(?=[ \t\n;&|<>()`]|\Z)")
_CLOSING: Final = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_RESERVED: Final = _CLOSING | {"if", "for", "while", "until", "case", "function", "{", "!", "time", "[[", "]]", "in", "select", "coproc"}
_REFUSED: Final[dict[str, Construct]] = {"select": "select", "coproc": "coproc", "!": "negation", "time": "time"}
_STARTS: Final = frozenset("[]{}!tifdewucs")
_TIME_OPTION: Final = re.compile(r"time[ \t]+-")


def parse(text: str, caps: Caps = DEFAULT) -> Script:
    """The tree of a script.

    Raises ShellSyntaxError for everything that is not understood completely, and nothing else.
    """
    limit = caps.characters
    if len(text) > limit:
        raise refusal("too_long", Span(limit, len(text)), f"{len(text)} characters, {limit} are allowed")
    if not in_bytes(text):
        raise refusal("too_long", Span(0, len(text)), f"more than {MAX_BYTES} bytes")
    check_characters(text)
    script = Parser(text, caps).script()
    # INVARIANT: every character of an accepted text belongs to exactly one leaf or piece of trivia.
    if not tiles(script):
        raise refusal("unaccounted_text", Span(0, len(text)))
    return script


class Parser(Cursor):
    """The state of reading one script."""

    def __init__(self, text: str, caps: Caps) -> None:
        super().__init__(text, caps)
        self.last = 0
        self.quoted_backticks = False
        self.closable = False

    def script(self) -> Script:
        """The whole text."""
        body = self.read_list()
        if self.at < self.end:
            raise self.unexpected()
        if not body.steps:
            raise refusal("empty_command", Span(0, self.end))
        if self.pending:
            raise refusal("unclosed_here_document", self.pending[0].document.operator)
        return Script(text=self.text, body=body, trivia=tuple(self.trivia))

    # -- lists

    def read_list(self) -> List:
        """Commands up to what closes the list (it is not passed); maybe none."""
        steps: list[Step] = []
        separators: list[Separator] = []
        connector: Connector = "then"
        operator: Span | None = None
        self.skip(newlines=True)
        while not self.at_list_end():
            pipeline = self.pipeline()
            sign = self.text[self.at : self.at + 2]
            background = sign[:1] == "&" and sign != "&&"
            steps.append(Step(connector=connector, operator=operator, pipeline=pipeline, background=background))
            connector, operator = "then", None
            if sign in {"&&", "||"}:
                self.check_document_line()
                connector = "and" if sign == "&&" else "or"
                operator = self.take(2)
                self.skip(newlines=True)
            elif not self.separator(sign, separators):
                break
        if operator is not None:
            raise refusal("unfinished_list", operator)
        return List(steps=tuple(steps), separators=tuple(separators))

    def separator(self, sign: str, separators: list[Separator]) -> bool:
        """Passes what separates commands; False where nothing does, and so the list ends."""
        first = sign[:1]
        if first == "\n":
            self.newline(separators)
        elif first == "&":
            self.check_document_line()
            separators.append(Separator(kind="background", span=self.take(1)))
            self.skip(newlines=True)
        elif first == ";" and sign not in {";;", ";&"}:
            self.check_document_line()
            separators.append(Separator(kind="sequence", span=self.take(1)))
            self.skip(newlines=True)
        else:
            if self.keyword() and not self.closable:
                raise refusal("unexpected", Span(self.at, self.at + 1))
            return False
        return True

    def check_document_line(self) -> None:
        """Refuses what stands behind a here-document in a substitution: bash 5.2 loses the `;`, and joins two commands to one.

        It writes out what it has read, and reads that again: here-documents in compound commands, or several of them, or
        `&&` behind a pipeline with one, come out wrong too.
        """
        if self.pending and self.substitutions:
            raise refusal("here_document_substitution", self.pending[0].document.operator)

    def newline(self, separators: list[Separator]) -> None:
        """A newline behind a command: it separates when another command follows, else it only ends the line."""
        place, noted = self.take(1), len(self.trivia)
        self.documents()
        self.skip(newlines=True)
        if self.at_list_end():
            self.trivia.insert(noted, Trivia(kind="newline", span=place))
        else:
            separators.append(Separator(kind="newline", span=place))

    def documents(self) -> None:
        """Reads the bodies that are due at the start of this line."""
        pending, self.pending = self.pending, []
        for one in pending:
            read_body(self, one)
            self.body_end = self.at

    def at_list_end(self) -> bool:
        """Whether what stands here closes a list, or the text is over."""
        if self.at >= self.end:
            return True
        character = self.text[self.at]
        if character == ")":
            return True
        if character == ";":
            return self.text.startswith((";;", ";&"), self.at)
        if character == "`":
            return self.in_backticks
        return self.keyword() in _CLOSING

    def keyword(self) -> str:
        """The reserved word that stands here, or an empty text."""
        if self.at >= self.end or self.text[self.at] not in _STARTS:
            return ""
        found = _KEYWORD.match(self.text, self.at)
        if found is None or found.group() not in _RESERVED or not self.ends_word(found.end()):
            return ""
        return found.group()

    def at_keyword(self, word: str) -> bool:
        """Whether this word stands here."""
        return self.text.startswith(word, self.at) and self.ends_word(self.at + len(word))

    def unexpected(self) -> Exception:
        """The refusal for what stands here and cannot."""
        place = Span(self.at, min(self.at + 1, self.end))
        character = self.text[self.at : self.at + 1]
        if character in {"(", ")"}:
            return refusal("parenthesis", place)
        if self.text.startswith((";;", ";&"), self.at):
            return refusal("case_terminator", Span(self.at, self.at + 2))
        word = self.keyword()
        if word:
            return refusal("reserved_word", Span(self.at, self.at + len(word)), word)
        return refusal("unexpected", place)

    # -- pipelines

    def pipeline(self) -> Pipeline:
        """`! time one | two`."""
        marks: list[Span] = []
        negated = timed = False
        while (word := self.keyword()) in {"!", "time"}:
            if (negated and word == "!") or (timed and word == "time") or self.text.startswith("!(", self.at):
                raise refusal(_REFUSED[word], Span(self.at, self.at + len(word)))
            negated, timed = negated or word == "!", timed or word == "time"
            if word == "time" and (self.substitutions or _TIME_OPTION.match(self.text, self.at)):
                # bash itself misreads `$(time (command))`.
                raise refusal("time", Span(self.at, self.at + 4))
            marks.append(self.take(len(word)))
            self.skip()
        commands, pipes = [self.command()], list[Span]()
        while self.text.startswith("|", self.at) and not self.text.startswith("||", self.at):
            if self.text.startswith("|&", self.at):
                raise refusal("pipe_stderr", Span(self.at, self.at + 2))
            pipes.append(self.take(1))
            self.skip(newlines=True)
            if self.at_list_end():
                raise refusal("unfinished_list", pipes[-1])
            if (word := self.keyword()) in {"!", "time"}:
                raise refusal(_REFUSED[word], Span(self.at, self.at + len(word)))
            commands.append(self.command())
        if pipes:
            self.check_stages(commands)
        return Pipeline(commands=tuple(commands), pipes=tuple(pipes), negated=negated, timed=timed, marks=tuple(marks))

    def check_stages(self, commands: list[Node]) -> None:
        """Refuses a stage that is only a redirection: bash does not wait for it, so its status is sometimes another."""
        for one in commands:
            if isinstance(one, Command) and one.redirections and not one.words:
                raise refusal("redirection_stage", one.span)

    def command(self) -> Node:
        """A simple or a compound command, or a function; blanks behind it are passed."""
        waiting, made = bool(self.pending), self.any_command()
        if waiting and not isinstance(made, Command):
            self.check_document_line()
        return made

    def any_command(self) -> Node:
        """The command that starts here."""
        self.count_command()
        self.closable = False
        if self.keyword() == "function":
            made: Node = read_function_keyword(self)
            self.closable = False
            return made
        return self.compound() or self.simple()

    def compound(self) -> Compound | None:
        """The compound command that starts here, if one does."""
        text, at = self.text, self.at
        if text.startswith("(", at):
            made: Compound = read_calculate(self) if text.startswith("((", at) else read_group(self)
        else:
            match self.keyword():
                case "{":
                    made = read_group(self)
                case "if":
                    made = read_if(self)
                case "for":
                    made = read_for(self)
                case "while" | "until":
                    made = read_loop(self)
                case "case":
                    made = read_case(self)
                case "[[" if not text.startswith("(", at + 2):
                    made = read_conditional(self)
                case _:
                    return None
        # Behind a redirection bash takes a keyword for a word; behind `]]` and `))` versions differ.
        self.closable = not made.redirections and not isinstance(made, Conditional | Calculate)
        return made

    def redirections(self) -> tuple[Redirection, ...]:
        """The redirections of a compound command, which ends here."""
        found: list[Redirection] = []
        self.last = self.at
        self.skip()
        while (sign := read_sign(self.text, self.at)) is not None:
            self.redirection(sign, found)
            self.last = self.at
            self.skip()
        return tuple(found)

    # -- simple commands

    def simple(self) -> Node:
        """Assignments, words and redirections."""
        text, start = self.text, self.at
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while not self.ends_word(self.at) or text.startswith(("<", ">", "&>"), self.at):
            before = self.at
            self.count_word()
            sign = read_sign(text, before)
            if sign is not None:
                self.redirection(sign, redirections)
            elif not words and (found := _ASSIGNMENT.match(text, before)):
                assignments.append(self.assignment(found))
            else:
                if not words and (word := self.keyword()):
                    raise refusal(_REFUSED.get(word, "reserved_word"), Span(before, before + len(word)), word)
                words.append(read_word(self))
            if sign is None and self.pending and "\n" in text[before : self.at]:
                raise refusal("here_document_line", Span(before, self.at))
            self.last = self.at
            self.skip()
        if text.startswith("(", self.at):
            if len(words) == 1 and not (assignments or redirections):
                function = read_function(self, words[0])
                self.closable = False
                return function
            raise refusal("parenthesis", Span(self.at, self.at + 1))
        if self.at == start:
            raise refusal("empty_command", Span(start, min(start + 1, self.end)))
        return Command(
            assignments=tuple(assignments), words=tuple(words), redirections=tuple(redirections), span=Span(start, self.last)
        )  # fmt: skip

    def redirection(self, sign: Sign, found: list[Redirection]) -> None:
        """Reads one redirection."""
        waiting = bool(self.pending)
        found.append(read_redirection(self, sign))
        if waiting and "\n" in self.text[sign.span.start : self.at]:
            raise refusal("here_document_line", sign.span)

    def assignment(self, found: re.Match[str]) -> Assignment:
        """`NAME=value` or `NAME+=value`."""
        name, sign = found.groups()
        head = Span(found.start(), found.end())
        if sign == "[" or self.text.startswith("(", head.end):
            raise refusal("array_assignment", head, name)
        self.at = head.end
        return Assignment(name=name, head=head, value=read_word(self, braces=False), append=sign == "+=")

    # -- words

    def word(self, *, braces: bool = True) -> Word:
        """The word that starts here, counted."""
        before = self.at
        self.count_word()
        word = read_word(self, braces=braces)
        if self.pending and "\n" in self.text[before : self.at]:
            raise refusal("here_document_line", Span(before, self.at))
        return word

    def quote(self, parts: list[Part]) -> None:
        """The quotes or the backslash that stand here."""
        match self.text[self.at]:
            case "'":
                read_single(self, parts)
            case '"':
                read_double(self, parts)
            case _:
                read_backslash(self, parts)

    def parts(self, parts: list[Part], *, stops: str) -> None:
        """The parts of one alternative in braces."""
        read_parts(self, parts, -1, stops=stops)
