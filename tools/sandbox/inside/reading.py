"""`read`: one line, byte by byte from what cannot be wound back, so that the rest is left for others."""

from __future__ import annotations

import os

from .builtins import Wrong
from .state import Halt, decoded, why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .steps import Runner

_CHUNK = 4096
_MOST = 1 << 20
_WHITE = " \t\n"

Character = tuple[str, bool]
"""A character, and whether a backslash stood before it."""


def read(runner: Runner, words: list[str], table: Table) -> int:
    """0 when the delimiter (or the count) was reached, else 1; the names are assigned in both cases."""
    raw, delimiter, count, names = _options(words)
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise Wrong(f"`{name}': not a valid identifier")
    if 0 not in table:
        raise Wrong("read error: 0: Bad file descriptor")
    try:
        text, complete = _line(table[0], delimiter, count, raw=raw)
    except OSError as problem:
        raise Wrong(f"read error: 0: {why(problem)}") from problem
    _assign(runner, names, text)
    return int(not complete)


def _options(words: list[str]) -> tuple[bool, bytes, int, list[str]]:
    raw, delimiter, count = False, b"\n", 0
    words = list(words)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == "r":
                raw = True
                continue
            if letter not in "dnN" or (not letters and not words):
                raise Halt(f"read {word} is not supported")
            value, letters = (letters or words.pop(0)), ""
            if letter == "d":
                delimiter = value[:1].encode("utf-8", "surrogateescape") or b"\0"
            elif letter == "N" or not value.isdigit():
                raise Halt(f"read {word} {value} is not supported")
            else:
                count = int(value) or -1
    return raw, delimiter, count, words


def _line(descriptor: int, delimiter: bytes, count: int, *, raw: bool) -> tuple[list[Character], bool]:
    """The characters up to the delimiter; whether it was there."""
    if count < 0:
        return [], True
    source = _Source(descriptor)
    line = bytearray()
    marks: set[int] = set()
    characters, complete = 0, False
    try:
        while not complete and (one := source.next()):
            if one in (b"\\", delimiter) and _is_cut_short(line):
                # Bash takes this byte into the character that is not whole.
                raise Halt("read was given a line that ends in the middle of a character")
            if not raw and one == b"\\":
                one = source.next()
                if one in (b"\n", b""):
                    continue
                marks.add(len(line))
            elif one == delimiter:
                complete = True
                break
            if one == b"\0":
                continue
            characters += one[0] & 0xC0 != 0x80
            if count and characters == count:
                line += one + source.rest_of(one)
                complete = True
                break
            line += one
            if len(line) > _MOST:
                raise Halt(f"read was given a line of more than {_MOST} bytes")
    finally:
        source.close()
    return _characters(bytes(line), marks), complete


def _is_cut_short(line: bytearray) -> bool:
    """Whether the bytes end with the first ones of a character."""
    for size in range(1, min(len(line), 5) + 1):
        one = line[-size]
        if one & 0xC0 != 0x80:
            length = (
                1
                if one >= 0xFE
                else 6
                if one >= 0xFC
                else 5
                if one >= 0xF8
                else 4
                if one >= 0xF0
                else 3
                if one >= 0xE0
                else 2
                if one >= 0xC0
                else 1
            )
            return size < length
    return False


def _characters(line: bytes, marks: set[int]) -> list[Character]:
    if not marks:
        return [(one, False) for one in decoded(line)]
    found: list[Character] = []
    at = 0
    for one in decoded(line):
        found.append((one, at in marks))
        at += len(one.encode("utf-8", "surrogateescape"))
    return found


class _Source:
    """Bytes of a descriptor; what was read too far is given back where the descriptor can be wound back."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self._at = 0
        try:
            os.lseek(descriptor, 0, os.SEEK_CUR)
            self._size = _CHUNK
        except OSError:
            self._size = 1

    def next(self) -> bytes:
        if self._at == len(self._buffer):
            self._buffer, self._at = os.read(self._descriptor, self._size), 0
        one = self._buffer[self._at : self._at + 1]
        self._at += len(one)
        return one

    def rest_of(self, first: bytes) -> bytes:
        """What belongs to the character that begins with this byte."""
        more = 3 if first[0] >= 0xF0 else 2 if first[0] >= 0xE0 else 1 if first[0] >= 0xC0 else 0
        return b"".join(self.next() for _ in range(more))

    def close(self) -> None:
        if self._size > 1 and self._at < len(self._buffer):
            os.lseek(self._descriptor, self._at - len(self._buffer), os.SEEK_CUR)


def _assign(runner: Runner, names: list[str], text: list[Character]) -> None:
    """Splits at IFS: its blanks in runs, its other characters one by one; the last name takes the rest."""
    variables = runner.state.variables
    if not names:
        variables["REPLY"] = "".join(one for one, _ in text)
        return
    separators = variables.get("IFS", _WHITE)
    white = {one for one in separators if one in _WHITE}
    at = _skip(text, 0, white)
    for name in names[:-1]:
        start = at
        while at < len(text) and not _separates(text[at], separators):
            at += 1
        variables[name] = "".join(one for one, _ in text[start:at])
        at = _past(text, at, separators, white)
    rest = text[at:]
    end = len(rest)
    while end and not rest[end - 1][1] and rest[end - 1][0] in white:
        end -= 1
    variables[names[-1]] = "".join(one for one, _ in _only_field(rest[:end], rest, separators, white))


def _only_field(rest: list[Character], whole: list[Character], separators: str, white: set[str]) -> list[Character]:
    """The last name loses one separator at the end, where it is the only one in it."""
    first = next((index for index, one in enumerate(whole) if _separates(one, separators)), None)
    if first is not None and _past(whole, first, separators, white) >= len(whole):
        return whole[:first]
    return rest


def _past(text: list[Character], at: int, separators: str, white: set[str]) -> int:
    at = _skip(text, at, white)
    if at < len(text) and _separates(text[at], separators) and text[at][0] not in white:
        at = _skip(text, at + 1, white)
    return at


def _skip(text: list[Character], at: int, white: set[str]) -> int:
    while at < len(text) and not text[at][1] and text[at][0] in white:
        at += 1
    return at


def _separates(one: Character, separators: str) -> bool:
    return not one[1] and one[0] in separators
