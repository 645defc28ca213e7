"""Turns words into values: braces, variables, tilde, substitutions, splitting and globs, in the order in which bash does it.

INVARIANT: what comes out is exactly what bash would pass, but for one rule: a name found by a glob that begins with `-`
is given as `./-name`, so that a file's name is never an option. What only the run knows comes out as a `LateWord`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, assert_never

from ..effects import ConstructName, Unknown, UseConstruct
from ..plan import Compute, Fixed, Get, LateWord, Output, Sum
from ..scope import Scope
from ..spans import Span
from .calculation import OnlyTheRunKnows, assigned_names, calculate, check_text, name_set_for_sure, names, written_out
from .caps import Caps
from .fields import Field, Piece, fields, late_word
from .globs import Budget, Glob, read_glob
from .late import quoted as as_quoted
from .parameter_values import Parameters
from .patterns import has_pattern, text_pattern
from .refusals import refusal
from .state import State
from .tree import (
    Arithmetic,
    Brace,
    CommandSubstitution,
    Parameter,
    Part,
    ProcessSubstitution,
    Text,
    Tilde,
    Variable,
    Word,
)
from .variables import changes_the_shell, is_made_by_the_shell

MAX_EXPANDED: Final = 1_000_000
"""Characters that all values put into the words of a script may have together."""

Run = Callable[[CommandSubstitution | ProcessSubstitution, State], int]
"""Resolves the commands of a substitution, and answers the number of its place in the plan."""

_ALL: Final = frozenset("@*")
_SPECIAL: Final = frozenset("?#@*")


class Expander:
    """Expands the words of one script, and notes the constructs it meets.

    `unseen` are variables that a word has set (`${NAME:=value}`): the run does not know their values. `code` are values in
    arithmetic that only the run knows: a shell would read them again, as an expression that may run commands. A glob may
    stand there too: a shell does not write `./` before the names it finds. `globs` are all, with where they look.
    """

    def __init__(self, scope: Scope, caps: Caps, run: Run) -> None:
        self.scope = scope
        self.effects: list[UseConstruct] = []
        self.shell: list[str] = []
        self.unseen: set[str] = set()
        self.code: list[Unknown] = []
        self.globs: dict[tuple[Glob, str], Span] = {}
        self._run = run
        self._globs = Budget(results=caps.glob_results)
        self._characters = MAX_EXPANDED
        self._expansions = caps.expansions
        self._parameters = Parameters(self)

    # -- what others ask for

    def words(self, words: Sequence[Word], state: State) -> list[str | LateWord]:
        """The arguments that these words become, each none, one or many."""
        found: list[str | LateWord] = []
        for word in words:
            first = word.parts[0] if len(word.parts) == 1 else None
            if isinstance(first, Text) and first.text and not has_pattern(((first.text, first.quoted),)):
                found.append(first.text)  # most words are: a shorter way to the same answer
                continue
            for one in self._braces(word):
                for field in fields(self.pieces(one.parts, state), one.span):
                    found += self._globbed(field, one, state)
        return found

    def value(self, word: Word, state: State) -> str | LateWord:
        """The value of an assignment or the like, neither split nor globbed."""
        pieces = self._plain(word.parts, state)
        if any(piece.late is not None for piece in pieces):
            plain = [Piece(text=piece.text, quoted=True, late=piece.late) for piece in pieces]
            return as_quoted(late_word(plain, word.written()))
        return "".join(piece.text for piece in pieces)

    def document(self, word: Word, state: State) -> str | LateWord:
        """The content of a here-document."""
        return self.value(word, state)

    def pattern(self, word: Word, state: State) -> str | None:
        """A regular expression for a whole text (Python's), or None where only the run knows the pattern."""
        pieces = self.pattern_pieces(word, state)
        if pieces is None:
            return None
        found = text_pattern(pieces, word.span)
        if found.loose is not None:
            self.needs_shell("a class of characters that depends on the locale")
        return found.whole()

    def calculate(self, value: Sum, state: State, span: Span | None = None) -> int | None:
        """The value of an expression, None where only the run knows it; what it assigns is assigned in the state."""
        place = span or Span(0, 0)

        def read(name: str) -> str:
            return self._text(name, state, place)

        def store(name: str, number: int) -> None:
            self.assign(name, str(number), state, place)

        try:
            check_text(value, read, place)
            return calculate(value, read, store, place)
        except OnlyTheRunKnows:
            self.numbers(value, state, place)
            sure = name_set_for_sure(value)
            for name in sorted(assigned_names(value)):
                self.assign(name, None, state, place, integer=name == sure or state.is_whole(name))
            return None

    def numbers(self, value: Sum, state: State, span: Span) -> None:
        """Notes each variable of an expression that is not known to be a number."""
        for name in sorted(names(value)):
            if state.variables.get(name, "") is None and name not in state.integers:
                self.read_again(f"${name}", span)

    def read_again(self, subject: str, span: Span) -> None:
        """Notes a value that a shell would read as an expression."""
        self.code.append(Unknown(why="bash would run what this value holds", subject=subject, span=span))

    def late_sum(self, value: Sum, state: State, span: Span | None = None) -> Sum:
        """The expression with known names as numbers; to be asked for before `calculate`, which assigns."""
        place = span or Span(0, 0)
        return written_out(value, lambda name: self._text(name, state, place), place)

    def note(self, construct: ConstructName, subject: str, span: Span) -> None:
        """Records the use of a construct."""
        self.effects.append(UseConstruct(construct=construct, subject=subject, span=span))

    def needs_shell(self, why: str) -> None:
        """The plan cannot express the script."""
        if why not in self.shell:
            self.shell.append(why)

    def spend(self, characters: int, span: Span, *, count: int = 1) -> None:
        """Counts expansions, and the characters that they put into words."""
        self._expansions -= count
        self._characters -= characters
        if self._expansions < 0:
            raise refusal("too_many_expansions", span)
        if self._characters < 0:
            raise refusal("argument_too_long", span, f"more than {MAX_EXPANDED} characters")

    # -- variables

    def assign(self, name: str, value: str | None, state: State, span: Span, *, integer: bool = False) -> None:
        """Sets a variable from inside a word; programs must not get it, since the plan does not tell them."""
        if changes_the_shell(name):
            raise refusal("special_variable", span, name)
        if name in self.scope.environment or name in state.exported:
            raise refusal("assignment_to_environment", span, name)
        state.assign(name, value, integer=integer)

    def find(self, name: str, span: Span, state: State) -> str | None:
        """The value of a variable, None when it is unset; raises OnlyTheRunKnows."""
        if name.isdigit():
            return _positional(int(name), state)
        if name == "#":
            return str(len(state.positional))
        if name == "?" or (name in state.variables and state.variables[name] is None):
            if name in self.unseen:
                self.needs_shell("a variable that a word has set")
            raise OnlyTheRunKnows
        if name in state.variables or name in state.unset:
            return state.variables.get(name)
        environment = self.scope.environment
        if name == "PWD" and environment.get(name, self.scope.cwd) == self.scope.cwd:
            here, *others = state.directories
            if others:
                raise OnlyTheRunKnows
            return here
        if is_made_by_the_shell(name, inherited=name in environment):
            raise refusal("shell_variable", span, f"${name}")
        return environment.get(name, self.scope.home if name == "HOME" else None)

    def must_be_set(self, name: str, value: str | None, span: Span, state: State) -> str:
        """The value, empty where it is unset; under `set -u`, that is refused."""
        if value is None and state.nounset:
            raise refusal("unset_variable", span, name)
        return value or ""

    def is_foreign(self, name: str, state: State) -> bool:
        """Whether the value is not to be seen in the script."""
        return name in self.scope.environment and name not in state.variables

    def _text(self, name: str, state: State, span: Span) -> str:
        return self.must_be_set(name, self.find(name, span, state), span, state)

    # -- from parts to pieces

    def pieces(self, parts: Iterable[Part], state: State, *, inside: bool = False) -> list[Piece]:
        """What the parts become; `inside` the word of an operator, unquoted text is split too."""
        found: list[Piece] = []
        for part in parts:
            match part:
                case Text(text="", quoted=True) if part.span.end - part.span.start == 1:
                    # A quotation mark alone; what stands beside it keeps the word alive, or is an empty `"$@"`.
                    pass
                case Text(text=text):
                    found.append(Piece(text=text, quoted=part.quoted, splits=inside and not part.quoted))
                case Variable():
                    found += self._variable(part, state)
                case Parameter():
                    self.note("parameter_expansion", part.name, part.span)
                    found += self._parameters.pieces(part, state)
                case CommandSubstitution() | ProcessSubstitution():
                    found.append(self._substitution(part, state))
                case Arithmetic():
                    found.append(self._arithmetic(part, state))
                case Tilde():
                    self.note("tilde", "~", part.span)
                    found.append(self._named("HOME", part.span, state, quoted=True))
                case Brace():
                    # Only where words become arguments are braces expanded; there, none is left.
                    raise refusal("brace_expansion", part.span)
                case _:
                    assert_never(part)
        return found

    def pattern_pieces(self, word: Word, state: State) -> list[tuple[str, bool]] | None:
        """The word as a pattern; None where only the run knows it."""
        pieces = self._plain(word.parts, state)
        if any(piece.late is not None for piece in pieces):
            return None
        for piece in pieces:
            if piece.splits and "\\" in piece.text:
                raise refusal("backslash_in_value", word.span, piece.text)
        return [(piece.text, piece.quoted) for piece in pieces]

    def _plain(self, parts: Iterable[Part], state: State) -> list[Piece]:
        """The pieces where nothing is split: the words of `$@` are joined by blanks."""
        pieces = self.pieces(parts, state)
        return [Piece(text=" ", quoted=True) if piece.ends else piece for piece in pieces]

    def _variable(self, part: Variable, state: State) -> list[Piece]:
        name = part.name
        self.note("special_parameter" if name in _SPECIAL or name.isdigit() else "variable", name, part.span)
        if name in _ALL:
            return self._all(part, state)
        return [self._named(name, part.span, state, quoted=part.quoted)]

    def _named(self, name: str, span: Span, state: State, *, quoted: bool) -> Piece:
        try:
            value = self.must_be_set(name, self.find(name, span, state), span, state)
        except OnlyTheRunKnows:
            self.spend(0, span)
            # A number is one word, quoted or not.
            return Piece(late=Get(name=name, quoted=quoted or name in state.integers))
        self.spend(len(value), span)
        return Piece(text=value, quoted=quoted, splits=not quoted, foreign=not quoted and self.is_foreign(name, state))

    def _all(self, part: Variable, state: State) -> list[Piece]:
        """`$@` and `$*`; `"$*"` is one word."""
        found: list[Piece] = []
        joined = part.quoted and part.name == "*"
        for index in range(len(state.positional)):
            if index:
                found.append(Piece(text=" ", quoted=True) if joined else Piece(ends=True))
            found.append(self._named(str(index + 1), part.span, state, quoted=part.quoted))
        return found or ([Piece(quoted=True)] if joined else [])

    def _substitution(self, part: CommandSubstitution | ProcessSubstitution, state: State) -> Piece:
        self.spend(0, part.span)
        if isinstance(part, CommandSubstitution):
            self.note("command_substitution", "", part.span)
            return Piece(late=Output(number=self._run(part, state), quoted=part.quoted))
        self.note("process_substitution", "", part.span)
        self.needs_shell("a process substitution")
        return Piece(late=Output(number=self._run(part, state), quoted=True))

    def _arithmetic(self, part: Arithmetic, state: State) -> Piece:
        self.spend(0, part.span)
        self.note("arithmetic_expansion", "", part.span)
        late = self.late_sum(part.value, state, part.span)
        number = self.calculate(part.value, state, part.span)
        # What assigns must be run, so that the run knows the variable's value too.
        if number is None or assigned_names(part.value):
            return Piece(late=Compute(value=late, quoted=part.quoted))
        return Piece(text=str(number), quoted=True)

    # -- from words to arguments

    def _braces(self, word: Word) -> list[Word]:
        """The words that braces make of one: the leftmost brace changes slowest."""
        if not any(isinstance(part, Brace) for part in word.parts):
            return [word]
        made: list[tuple[Part, ...]] = [()]
        for part in word.parts:
            if not isinstance(part, Brace):
                made = [(*one, part) for one in made]
                continue
            self.note("brace_expansion", word.written(), part.span)
            choices: list[tuple[Part, ...]] = [(Text(text=text, quoted=False, span=part.span),) for text in part.sequence]
            for alternative in part.alternatives:
                choices += [one.parts for one in self._braces(alternative)]
            self.spend(0, part.span, count=len(made) * len(choices))
            made = [(*one, *choice) for one in made for choice in choices]
        for parts in made:
            self.spend(sum(len(part.text) for part in parts if isinstance(part, Text)), word.span, count=0)
        return [Word(parts=parts, span=word.span) for parts in made]

    def _globbed(self, field: Field, word: Word, state: State) -> list[str | LateWord]:
        span, text = word.span, field.text()
        if field.foreign and text.startswith("-"):
            raise refusal("option_from_value", span, text)
        glob = read_glob(field.patterns(), span) if has_pattern(field.patterns()) else None
        if glob is not None:
            self.note("glob", text, span)
            if field.may_begin_with_a_dash():
                why = "bash would take a name that begins with `-` for an option"
                self.code.append(Unknown(why=why, subject=text, span=span))
        if field.late:
            return [late_word(field.pieces, word.written())]
        if glob is None:
            return [text]
        self.globs.update(dict.fromkeys(((glob, one) for one in state.directories), span))
        here, *others = state.directories
        if state.tree_may_change or (others and not glob.absolute):
            # What an earlier command of the script adds would be missing, in silence: the run looks.
            if text.startswith("-"):
                raise refusal("option_from_value", span, text)
            return [LateWord(parts=tuple(Fixed(text=one, quoted=quoted) for one, quoted in field.patterns()), written=text)]
        found = glob.find(self.scope.files, here, self._globs, span)
        self.spend(sum(map(len, found)), span)
        return [f"./{name}" if name.startswith("-") else name for name in found] or [text]


def _positional(number: int, state: State) -> str | None:
    """A positional parameter; a late one is a single word, so that those behind it keep their numbers."""
    if not 0 < number <= len(state.positional):
        return None
    found = state.positional[number - 1]
    if isinstance(found, LateWord):
        raise OnlyTheRunKnows
    return found
