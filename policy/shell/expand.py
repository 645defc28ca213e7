"""Turns words into values: variables, tilde, splitting and globs, in the order in which bash does it.

INVARIANT: what comes out is exactly what bash would pass, but for one rule: a name found by a glob that begins
with `-` is given as `./-name`, so that a file's name is never an option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from ..effects import ConstructName, UseConstruct
from ..scope import Scope
from ..spans import Span
from .globs import Budget, Piece, expand_glob, has_pattern
from .refusals import refusal
from .tree import Text, Tilde, Variable, Word
from .variables import is_made_by_the_shell

MAX_EXPANDED: Final = 1_000_000
"""Characters that all values put into the words of a script may have together."""

_BLANKS: Final = re.compile(r"[ \t\n]+")
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(slots=True)
class _Field:
    """A word after splitting; `from_value`: its first character came from an unquoted variable."""

    pieces: list[Piece]
    from_value: bool

    def text(self) -> str:
        return "".join(text for text, _ in self.pieces)


class Expander:
    """Knows the variables and the directory of a script while it is gone through, and notes the constructs it meets."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.directory = scope.cwd
        self.variables: dict[str, str] = {}
        self.effects: list[UseConstruct] = []
        self.tree_may_change = False
        self._globs = Budget()
        self._left = MAX_EXPANDED

    def words(self, words: Sequence[Word]) -> list[str]:
        """The arguments that these words become; globs see the files that are there now (`tree_may_change` refuses them)."""
        return [argument for word in words for argument in self.word(word)]

    def word(self, word: Word) -> list[str]:
        """The arguments that one word becomes: none, one or many."""
        return [argument for field in self._fields(word) for argument in self._globbed(field, word.span)]

    def value(self, word: Word, assigned: Mapping[str, str] = _NOTHING) -> str:
        """The value of an assignment, neither split nor globbed; `assigned` are those that stand before it in the same command."""
        found: list[str] = []
        for part in word.parts:
            match part:
                case Text(text=text):
                    found.append(text)
                case Variable():
                    found.append(self._lookup(part, assigned) or "")
                case Tilde(span=span):
                    found.append(self._home(span, assigned))
                case _:
                    assert_never(part)
        return "".join(found)

    def _fields(self, word: Word) -> list[_Field]:
        fields: list[_Field] = []
        current: _Field | None = None
        for part in word.parts:
            match part:
                case Text(text=text, quoted=quoted):
                    current = _extend(current, text, quoted=quoted)
                case Tilde(span=span):
                    current = _extend(current, self._home(span, _NOTHING), quoted=True)
                case Variable(quoted=True):
                    current = _extend(current, self._lookup(part, _NOTHING) or "", quoted=True)
                case Variable():
                    current = self._split(part, fields, current)
                case _:
                    assert_never(part)
        return [*fields, current] if current else fields

    def _split(self, variable: Variable, fields: list[_Field], current: _Field | None) -> _Field | None:
        """Adds an unquoted value: blanks in it end the word, as with the default IFS."""
        value = self._lookup(variable, _NOTHING) or ""
        if "\\" in value:
            raise refusal("backslash_in_value", variable.span, f"${variable.name}")
        for index, text in enumerate(_BLANKS.split(value)):
            if index and current is not None:
                fields.append(current)
                current = None
            if text:
                from_value = current is None or not current.text()
                current = _extend(current, text, quoted=False)
                current.from_value = current.from_value or from_value
        return current

    def _globbed(self, field: _Field, span: Span) -> list[str]:
        text = field.text()
        if has_pattern(field.pieces):
            found = expand_glob(field.pieces, self.scope.files, self.directory, self._globs, span)
            if found is not None:
                self.note("glob", text, span)
                # What an earlier command of the script adds would be missing, in silence.
                if self.tree_may_change:
                    raise refusal("glob_after_change", span, text)
            if found:
                self._spend(sum(map(len, found)), span)
                return [f"./{name}" if name.startswith("-") else name for name in found]
        if field.from_value and text.startswith("-"):
            raise refusal("option_from_value", span, text)
        return [text]

    def _home(self, span: Span, assigned: Mapping[str, str]) -> str:
        self.note("tilde", "~", span)
        home = assigned.get("HOME", self.scope.home)
        self._spend(len(home), span)
        return home

    def _lookup(self, variable: Variable, assigned: Mapping[str, str]) -> str | None:
        name, span = variable.name, variable.span
        self.note("variable", name, span)
        value = self._find(name, span, assigned)
        self._spend(len(value or ""), span)
        return value

    def _find(self, name: str, span: Span, assigned: Mapping[str, str]) -> str | None:
        environment = self.scope.environment
        if name in assigned:
            return assigned[name]
        if name in self.variables:
            return self.variables[name]
        if name == "PWD" and environment.get(name, self.scope.cwd) == self.scope.cwd:
            return self.directory
        if is_made_by_the_shell(name, inherited=name in environment):
            raise refusal("shell_variable", span, f"${name}")
        return environment.get(name, self.scope.home if name == "HOME" else None)

    def _spend(self, characters: int, span: Span) -> None:
        self._left -= characters
        if self._left < 0:
            raise refusal("argument_too_long", span, f"more than {MAX_EXPANDED} characters")

    def note(self, construct: ConstructName, subject: str, span: Span) -> None:
        """Records the use of a construct."""
        self.effects.append(UseConstruct(construct=construct, subject=subject, span=span))


def _extend(field: _Field | None, text: str, *, quoted: bool) -> _Field:
    if field is None:
        return _Field([(text, quoted)], from_value=False)
    field.pieces.append((text, quoted))
    return field
