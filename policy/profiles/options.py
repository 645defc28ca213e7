"""Command lines, read as the program itself reads them: options with their values, and operands, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from .model import Option, Table


class Opaque(str):
    """A word that is only known to be a path at or below this one (`{}` of find, what xargs appends)."""

    __slots__ = ()


class Several(Opaque):
    """One or more such words: the ones after the first may stand where the program expects something else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An option that was given; `value` is None when it has none."""

    option: Option
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A word that is no option; `index` is its place in the words that were read."""

    word: str
    index: int


@dataclass(slots=True)
class Parsed:
    """What was read. `faults` are words that the table does not explain."""

    items: list[Given | Operand] = field(default_factory=list["Given | Operand"])
    faults: list[str] = field(default_factory=list[str])

    def spellings(self) -> frozenset[str]:
        """Every spelling of every option given."""
        return frozenset(spelling for one in self.items if isinstance(one, Given) for spelling in one.option.spellings)

    def operands(self) -> list[Operand]:
        return [one for one in self.items if isinstance(one, Operand)]

    def given(self, *spellings: str) -> list[Given]:
        """The options given that have one of these spellings."""
        return [one for one in self.items if isinstance(one, Given) and not set(spellings).isdisjoint(one.option.spellings)]


def parse_words(table: Table, words: tuple[str, ...]) -> Parsed:
    """Reads the words of a program as its style says. Never raises: what does not fit is a fault."""
    parsed = _parsed(table, words)
    if table.response:
        parsed.faults += [word for word in words if word.startswith("@")]
    return parsed


def _parsed(table: Table, words: tuple[str, ...]) -> Parsed:
    match table.style:
        case "gnu" | "posix":
            return _Getopt(table, words).run()
        case "single":
            return _single(table, words)
        case "words":
            return Parsed(items=[Operand(word=word, index=index) for index, word in enumerate(words)])
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
        self.parsed = Parsed()

    def run(self) -> Parsed:
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word == "--":
                self._rest()
            elif isinstance(word, Opaque) or word == "-" or not word.startswith("-"):
                if self.table.style == "posix":
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
            self._rest()


def _single(table: Table, words: tuple[str, ...]) -> Parsed:
    parsed = Parsed()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if isinstance(word, Opaque) or word == "-" or not word.startswith("-"):
            # What follows the first operand is an operand too, whatever it looks like.
            parsed.items += [Operand(word=words[index], index=index) for index in range(at - 1, len(words))]
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
