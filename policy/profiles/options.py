"""Command lines, read as the program itself reads them: options with their values, and operands, in order."""

from __future__ import annotations

from typing import Final, assert_never

from ..holes import HOLE, SPLIT, has_hole
from ..records import Record
from .model import Option, Table

_MARKS: Final = (HOLE, SPLIT)
_NOTHING: Final = frozenset[str]()
DATA: Final = frozenset({"flag", "text"})
"""Roles of words that nothing outside the program depends on: the only ones in which unknown text may stand."""


class Opaque(str):
    """A word that is only known to be a path at or below this one (`{}` of find, what xargs appends).

    INVARIANT: it is equal to no plain text: the name below a directory `help` is no subcommand `help`.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and type(other) is type(self) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other


class Several(Opaque):
    """One or more such words: the ones after the first may stand where the program expects something else."""

    __slots__ = ()


class Given(Record):
    """An option that was given; `value` is None when it has none."""

    option: Option
    value: str | None = None


class Operand(Record):
    """A word that is no option; `index` is its place in the words that were read."""

    word: str
    index: int


class Parsed:
    """What was read. `faults` are words that the table does not explain, `doubts` words of which a part is not known, and
    that may be options, or take the next word with them, or become several. From the place `settled` on, every word is
    an operand whatever it looks like. `anything`: a word that is data all the same may be any option.
    """

    __slots__ = ("anything", "doubts", "faults", "items", "settled")

    def __init__(self, items: list[Given | Operand] | None = None, *, settled: int = 0) -> None:
        self.items: list[Given | Operand] = [] if items is None else items
        self.faults: list[str] = []
        self.doubts: list[str] = []
        self.settled = settled
        self.anything = False

    def spellings(self) -> frozenset[str]:
        """Every spelling of every option given."""
        return _NOTHING.union(*(one.option.spellings for one in self.items if isinstance(one, Given)))

    def operands(self) -> list[Operand]:
        return [one for one in self.items if isinstance(one, Operand)]

    def given(self, *spellings: str) -> list[Given]:
        """The options given that have one of these spellings."""
        return [one for one in self.items if isinstance(one, Given) and not set(spellings).isdisjoint(one.option.spellings)]


def parse_words(table: Table, words: tuple[str, ...]) -> Parsed:
    """Reads the words of a program as its style says. Never raises: what does not fit is a fault."""
    parsed = _parsed(table, words)
    if any(isinstance(word, Several) for word in words) and not all_data(table):
        # The names after the first would stand where the next words are expected.
        parsed.doubts += [one.value for one in parsed.items if isinstance(one, Given) and isinstance(one.value, Several)]
    if table.response:
        parsed.faults += [word for word in words if word.startswith("@")]
    if any(map(has_hole, words)):
        _doubt(table, words, parsed)
    return parsed


def _doubt(table: Table, words: tuple[str, ...], parsed: Parsed) -> None:
    """INVARIANT: whatever text takes the place of a hole in a word that is no doubt, the words are read just as they were."""
    if not all_data(table):
        parsed.doubts += [word for word in words if SPLIT in word or (table.response and word.startswith(HOLE))]
        parsed.doubts += [one.word for one in parsed.operands() if one.word.startswith(_MARKS) and one.index < parsed.settled]
        parsed.doubts += [word for word in parsed.faults if has_hole(word)]
    else:
        parsed.doubts.clear()
        parsed.anything = any(has_hole(word) and (SPLIT in word or word.startswith((HOLE, "-"))) for word in words)
    parsed.faults[:] = [word for word in parsed.faults if not has_hole(word)]


def all_data(table: Table) -> bool:
    """Whether every word is data, in every place and however many there are: none can be an option that does something."""
    return (
        (table.style == "words" or (table.loose and table.style != "dd"))
        and not (table.commands or table.bare or table.response or table.always_unless)
        and DATA.issuperset(table.operands or (("text",) if table.loose else ("none",)))
        and all(option.role in DATA for option in table.options.values())
    )


def _parsed(table: Table, words: tuple[str, ...]) -> Parsed:
    match table.style:
        case "gnu" | "posix":
            return _Getopt(table, words).run()
        case "single":
            return _single(table, words)
        case "words":
            return Parsed([Operand(word=word, index=index) for index, word in enumerate(words)])
        case "dd":
            return _assignments(table, words)
        case _:
            assert_never(table.style)


class _Getopt:
    """getopt_long of glibc. With `posix`, options end at the first operand."""

    def __init__(self, table: Table, words: tuple[str, ...]) -> None:
        self.table = table
        self.words = words
        self.at = 0
        self.parsed = Parsed(settled=len(words))

    def run(self) -> Parsed:
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word == "--":
                self.parsed.settled = self.at
                self._rest()
            elif isinstance(word, Opaque) or word == "-" or not word.startswith("-"):
                if self.table.style == "posix":
                    self.parsed.settled = self.at
                    self.at -= 1
                    self._rest()
                else:
                    self.parsed.items.append(Operand(word=word, index=self.at - 1))
            elif self.table.numeric and word[1:].isdecimal() and word.isascii():
                continue
            elif word.startswith("--"):
                self._long(word)
            else:
                self._cluster(word)
        return self.parsed

    def _rest(self) -> None:
        self.parsed.items += [Operand(word=self.words[index], index=index) for index in range(self.at, len(self.words))]
        self.at = len(self.words)

    def _long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        option = self.table.options.get(name)
        if option is None and self.table.abbreviations:
            # getopt_long takes any unambiguous beginning; spellings of one option are not ambiguous.
            candidates = {
                id(one): one for spelling, one in self.table.options.items() if spelling.startswith("--") and spelling.startswith(name)
            }
            option = next(iter(candidates.values())) if len(candidates) == 1 else None
        if option is None or (equals and option.argument == "none"):
            self.parsed.faults.append(word)
        elif equals:
            self._add(option, value)
        elif option.argument == "required":
            self._take(option, word)
        else:
            self._add(option, None)

    def _cluster(self, word: str) -> None:
        at = 1
        while at < len(word):
            option = self.table.options.get(f"-{word[at]}")
            at += 1
            if option is None:
                self.parsed.faults.append(word)
                return
            if option.argument == "none":
                self._add(option, None)
                continue
            if at < len(word) and self.table.detached:
                self.parsed.faults.append(word)
            elif at < len(word):
                if option.argument == "required" and not word[at:].replace(HOLE, ""):
                    # where the value turns out to be empty, the next word is taken for it
                    self.parsed.doubts.append(word)
                self._add(option, word[at:])
            elif option.argument == "required":
                self._take(option, word)
            else:
                self._add(option, None)
            return

    def _take(self, option: Option, word: str) -> None:
        if self.at >= len(self.words):
            self.parsed.faults.append(word)
            return
        value = self.words[self.at]
        self.at += 1
        self._add(option, value)

    def _add(self, option: Option, value: str | None) -> None:
        self.parsed.items.append(Given(option=option, value=value))
        if option.role in {"end", "module"}:
            self.parsed.settled = self.at
            self._rest()


def _single(table: Table, words: tuple[str, ...]) -> Parsed:
    parsed = Parsed(settled=len(words))
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if isinstance(word, Opaque) or word == "-" or not word.startswith("-"):
            # What follows the first operand is an operand too, whatever it looks like.
            parsed.items += [Operand(word=words[index], index=index) for index in range(at - 1, len(words))]
            parsed.settled = at
            break
        name, equals, value = word.partition("=")
        option = table.options.get(name)
        if option is None or (equals and option.argument == "none"):
            parsed.faults.append(word)
        elif equals or option.argument != "required":
            parsed.items.append(Given(option=option, value=value if equals else None))
        elif at < len(words):
            parsed.items.append(Given(option=option, value=words[at]))
            at += 1
        else:
            parsed.faults.append(word)
    return parsed


def _assignments(table: Table, words: tuple[str, ...]) -> Parsed:
    parsed = Parsed()
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        option = table.options.get(name)
        if isinstance(word, Opaque) or not equals or option is None:
            parsed.faults.append(word) if word else parsed.items.append(Operand(word=word, index=index))
        else:
            parsed.items.append(Given(option=option, value=value))
    return parsed
