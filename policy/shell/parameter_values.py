"""The values of `${NAME...}` with an operator: of what is known as text, of the rest as an `Operation` for the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, assert_never

from ..plan import Fixed, Get, LateWord, Operation
from ..records import replace
from .calculation import OnlyTheRunKnows, assigned_names
from .fields import Piece, late_word
from .operations import change_case, cut, has_doubtful_case, substitute, trim
from .patterns import text_pattern
from .refusals import refusal
from .tree import Parameter, Slice, Word

if TYPE_CHECKING:
    from ..spans import Span
    from .expand import Expander
    from .state import State

MAX_WORK: Final = 4_000_000
"""Places that the patterns of a script may be tried at together: a text is tried from each place to each other one."""

Changing = Literal["length", "#", "##", "%", "%%", "/", "//", "/#", "/%", "slice", "^", "^^", ",", ",,"]
"""The operators that make another text of a value."""

_ANCHORS: Final[dict[str, Literal["", "start", "end"]]] = {"/": "", "//": "", "/#": "start", "/%": "end"}


class _OnlyAShell(Exception):
    """The plan has no words for it."""


class Parameters:
    """Works for one expander."""

    def __init__(self, expander: Expander) -> None:
        self._expander = expander
        self._work = MAX_WORK

    def pieces(self, part: Parameter, state: State) -> list[Piece]:
        """What the parameter becomes."""
        expander, name = self._expander, part.name
        expander.note("special_parameter" if name.isdigit() else "variable", name, part.span)
        known = True
        value: str | None = None
        try:
            value = expander.find(name, part.span, state)
        except OnlyTheRunKnows:
            known = False
        operator = part.operator
        if operator == "-" or operator == "=" or operator == "?" or operator == "+":  # noqa: PLR1714  # type checkers read this
            return self._chosen(part, value, state) if known else [self._late_choice(part, state)]
        text = expander.must_be_set(name, value, part.span, state) if known else ""
        if not known or value is not None or part.operator == "length":
            return [self._changed(part, operator, text, state, known=known)]
        return [self._piece(part, "", state)]

    def _piece(self, part: Parameter, text: str, state: State) -> Piece:
        self._expander.spend(len(text), part.span)
        foreign = not part.quoted and self._expander.is_foreign(part.name, state)
        return Piece(text=text, quoted=part.quoted, splits=not part.quoted, foreign=foreign)

    # -- a value or a word

    def _chosen(self, part: Parameter, value: str | None, state: State) -> list[Piece]:
        usable = bool(value) if part.colon else value is not None
        if part.operator == "+":
            return self._word(part, state) if usable else [self._piece(part, "", state)]
        if usable:
            return [self._piece(part, value or "", state)]
        if part.operator == "-":
            return self._word(part, state)
        if part.operator == "?":
            raise refusal("parameter_error", part.span, part.name)
        return [self._piece(part, self._assigned(part, state), state)]

    def _word(self, part: Parameter, state: State) -> list[Piece]:
        self._expander.spend(0, part.span)
        found = self._expander.pieces(part.word.parts if part.word else (), state, inside=not part.quoted)
        return [*found, Piece(quoted=True)] if part.quoted else found

    def _assigned(self, part: Parameter, state: State) -> str:
        value = self._expander.value(part.word, state) if part.word else ""
        if part.name.isdigit() or isinstance(value, LateWord):
            raise refusal("late_parameter", part.span, part.name)
        self._expander.assign(part.name, value, state, part.span)
        self._expander.unseen.add(part.name)
        return value

    def _late_choice(self, part: Parameter, state: State) -> Piece:
        if part.operator in {"=", "?"}:
            raise refusal("late_parameter", part.span, part.name)
        # The run may use the word or not: what it assigns is known to the run only.
        used = state.copy()
        pieces = self._word(part, used)
        for name in [name for name, value in used.variables.items() if name not in state.variables or state.variables[name] != value]:
            state.assign(name, None)
        kind: Literal["default", "alternative"] = "default" if part.operator == "-" else "alternative"
        operation = Operation(kind=kind, colon=part.colon, word=late_word(pieces, part.word.written() if part.word else ""))
        return Piece(late=Get(name=part.name, quoted=part.quoted, operation=operation))

    # -- a changed value

    def _changed(self, part: Parameter, operator: Changing, text: str, state: State, *, known: bool) -> Piece:
        try:
            operation, found = self._operation(part, operator, text, state, known=known)
        except _OnlyAShell:
            self._expander.needs_shell("a part of `${...}` that only the run knows")
            return Piece(late=Get(name=part.name, quoted=part.quoted))
        if known and found is not None:
            return self._piece(part, found, state)
        self._expander.spend(0, part.span)
        return Piece(late=Get(name=part.name, quoted=part.quoted, operation=operation))

    def _operation(self, part: Parameter, operator: Changing, text: str, state: State, *, known: bool) -> tuple[Operation, str | None]:
        """What is to be done, and what it gives for this text (None where only the run knows it)."""
        match operator:
            case "length":
                return Operation(kind="length"), str(len(text))
            case "#" | "##" | "%" | "%%":
                pattern = self._pattern(part, text, state, known=known)
                suffix, longest = part.operator[0] == "%", len(part.operator) == 2
                operation = Operation(kind="trim_suffix" if suffix else "trim_prefix", pattern=pattern, longest=longest)
                return operation, trim(text, pattern, suffix=suffix, longest=longest)
            case "/" | "//" | "/#" | "/%":
                return self._replace(part, text, state, known=known)
            case "slice":
                return self._slice(part, text, state, known=known)
            case "^" | "^^" | "," | ",,":
                if has_doubtful_case(text):
                    raise refusal("letter_case", part.span, ascii(text))
                upper, every = part.operator[0] == "^", len(part.operator) == 2
                operation = Operation(kind="upper" if upper else "lower", every=every)
                return operation, change_case(text, upper=upper, every=every)
            case _:
                assert_never(operator)

    def _pattern(self, part: Parameter, text: str, state: State, *, known: bool) -> str:
        word = part.word or Word(parts=(), span=part.span)
        pieces = self._expander.pattern_pieces(word, state)
        if pieces is None:
            raise _OnlyAShell
        found = text_pattern(pieces, word.span)
        if found.loose is not None and not known:
            raise _OnlyAShell
        if found.loose is not None and not text.isascii():
            raise refusal("glob_name", part.span, ascii(text))
        self._work -= (len(text) + 1) ** 2
        if self._work < 0:
            raise refusal("glob_too_large", part.span)
        return found.whole()

    def _replace(self, part: Parameter, text: str, state: State, *, known: bool) -> tuple[Operation, str | None]:
        pattern = self._pattern(part, text, state, known=known)
        new = self._expander.value(part.replacement, state) if part.replacement else ""
        every, anchor = part.operator == "//", _ANCHORS[part.operator]
        word = new if isinstance(new, LateWord) else LateWord(parts=(Fixed(text=new, quoted=True),), written=new)
        operation = Operation(kind="replace", pattern=pattern, every=every, anchor=anchor, word=word)
        return operation, None if isinstance(new, LateWord) else substitute(text, pattern, new, every=every, anchor=anchor)

    def _slice(self, part: Parameter, text: str, state: State, *, known: bool) -> tuple[Operation, str | None]:
        place = part.slice
        assert place is not None, "the parser gives every slice its place"
        if assigned_names(place.offset) or (place.length is not None and assigned_names(place.length)):
            raise refusal("slice_assignment", part.span)
        for one in (place.offset, place.length):
            if one is not None:
                self._expander.numbers(one, state, part.span)
        operation = Operation(kind="slice", offset=self._expander.late_sum(place.offset, state, part.span))
        if place.length is not None:
            operation = replace(operation, length=self._expander.late_sum(place.length, state, part.span))
        return operation, self._cut(place, text, state, part.span) if known else None

    def _cut(self, place: Slice, text: str, state: State, span: Span) -> str | None:
        offset = self._expander.calculate(place.offset, state, span)
        length = None if place.length is None else self._expander.calculate(place.length, state, span)
        if offset is None or (length is None and place.length is not None):
            return None
        found = cut(text, offset, length)
        if found is None:
            raise refusal("slice_length", span)
        return found
