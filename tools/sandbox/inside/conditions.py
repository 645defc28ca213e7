"""What is true: the builtins `test` and `[`, and `[[ ]]`."""

from __future__ import annotations

import os

from .state import Failed, Halt, sure
from .sums import number, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .shapes import Check, Condition, Word
    from .steps import Runner

_KINDS = {"f": 0o100000, "d": 0o040000, "p": 0o010000, "S": 0o140000, "b": 0o060000, "c": 0o020000, "h": 0o120000, "L": 0o120000}
_BITS = {"u": 0o4000, "g": 0o2000, "k": 0o1000}
_MODES = {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}
UNARY = frozenset("abcdefghknoprstuvwxzGLNORS")
BINARY = frozenset({"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"})


class Wrong(Exception):
    """`test` was given what it cannot read: it ends with 2."""


# -- one test


def unary(letter: str, operand: str, table: Table) -> bool:
    """The answer of `-X operand`; Halt for what needs what a shell has and a plan has not."""
    if letter in "nz":
        return bool(operand) == (letter == "n")
    if letter == "t":
        return _is_terminal(operand, table)
    if letter in "voR":
        raise Halt(f"the test `-{letter}` is not supported")
    try:
        status = os.lstat(operand) if letter in "hL" else os.stat(operand)
    except (OSError, ValueError):
        return False
    if letter in "ae":
        return True
    if letter in _KINDS:
        return status.st_mode & 0o170000 == _KINDS[letter]
    if letter in _BITS:
        return bool(status.st_mode & _BITS[letter])
    if letter in _MODES:
        return os.access(operand, _MODES[letter], effective_ids=os.access in os.supports_effective_ids)
    match letter:
        case "s":
            return status.st_size > 0
        case "O":
            return status.st_uid == os.geteuid()
        case "G":
            return status.st_gid == os.getegid()
        case _:
            return status.st_mtime_ns > status.st_atime_ns


def _is_terminal(operand: str, table: Table) -> bool:
    descriptor = _integer(operand, None)
    return descriptor in table and os.isatty(table[descriptor])


def binary(left: str, operator: str, right: str) -> bool:
    """Strings and files; numbers are compared by the caller's own rules."""
    match operator:
        case "=" | "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case ">":
            return left > right
        case _:
            return _files(left, operator, right)


def _files(left: str, operator: str, right: str) -> bool:
    first, second = _stat(left), _stat(right)
    if operator == "-ef":
        return first is not None and second is not None and (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
    if operator == "-ot":
        first, second = second, first
    if first is None:
        return False
    return second is None or first.st_mtime_ns > second.st_mtime_ns


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def compare(left: int, operator: str, right: int) -> bool:
    """`-eq` and its like."""
    return {
        "-eq": left == right, "-ne": left != right, "-lt": left < right,
        "-le": left <= right, "-gt": left > right, "-ge": left >= right,
    }[operator]  # fmt: skip


# -- test and [


def test(words: list[str], table: Table) -> bool:
    """The answer to the words of `test`, by bash's rules for their number; Wrong for what it cannot read."""
    if len(words) == 4 and words[0] == "!":
        return not test(words[1:], table)
    if len(words) == 3:
        if words[1] in BINARY or words[1] in ("-a", "-o"):
            return _three(words)
        if words[0] == "!":
            return not test(words[1:], table)
        if words[0] == "(" and words[2] == ")":
            return bool(words[1])
        raise Wrong(f"{words[1]}: binary operator expected")
    if len(words) == 2:
        if words[0] == "!":
            return not words[1]
        if len(words[0]) == 2 and words[0][0] == "-" and words[0][1] in UNARY:
            return unary(words[0][1], words[1], table)
        raise Wrong(f"{words[0]}: unary operator expected")
    if len(words) < 2:
        return bool(words and words[0])
    if len(words) == 4 and words[0] == "(" and words[3] == ")":
        return test(words[1:3], table)
    if len(words) > 4:
        raise Halt(f"a test of {len(words)} words is read differently by every shell")
    return _Reader(words, table).whole()


def _three(words: list[str]) -> bool:
    left, operator, right = words
    if operator == "-a":
        return bool(left) and bool(right)
    if operator == "-o":
        return bool(left) or bool(right)
    if operator in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
        return compare(_integer(left, left), operator, _integer(right, right))
    return binary(left, operator, right)


def _integer(text: str, shown: str | None) -> int:
    digits = text.strip(" \t\n\v\f\r")
    bare = digits[1:] if digits[:1] in ("+", "-") else digits
    if not (bare.isascii() and bare.isdigit()) or len(bare) > 1000 or wrapped(int(bare)) != int(bare):
        if shown is None:
            return -1
        raise Wrong(f"{shown}: integer expression expected")
    return int(digits)


class _Reader:
    """`-a` binds closer than `-o`; both sides are always looked at, as in bash."""

    def __init__(self, words: list[str], table: Table) -> None:
        self._words = words
        self._table = table
        self._at = 0

    def whole(self) -> bool:
        result = self._either()
        if self._at < len(self._words):
            raise Wrong("too many arguments")
        return result

    def _either(self) -> bool:
        result = self._both()
        while self._peek() == "-o":
            self._at += 1
            result = self._both() or result
        return result

    def _both(self) -> bool:
        result = self._term()
        while self._peek() == "-a":
            self._at += 1
            result = self._term() and result
        return result

    def _peek(self) -> str | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def _term(self) -> bool:
        rest = self._words[self._at :]
        if not rest:
            raise Wrong("argument expected")
        if rest[0] == "!":
            self._at += 1
            return not self._term()
        if rest[0] == "(":
            self._at += 1
            result = self._either()
            if self._peek() != ")":
                raise Wrong("`)' expected")
            self._at += 1
            return result
        if len(rest) >= 3 and rest[1] in BINARY:
            self._at += 3
            return _three(rest[:3])
        if len(rest[0]) == 2 and rest[0][0] == "-" and rest[0][1] in UNARY and len(rest) >= 2:
            self._at += 2
            return unary(rest[0][1], rest[1], self._table)
        self._at += 1
        return bool(rest[0])


# -- [[ ]]


def holds(runner: Runner, condition: Condition, table: Table) -> bool:
    """The answer of `[[ ]]`; Failed where an operand is no number."""
    match condition["kind"]:
        case "not":
            return not holds(runner, condition["condition"], table)
        case "both":
            return holds(runner, condition["left"], table) and holds(runner, condition["right"], table)
        case "either":
            return holds(runner, condition["left"], table) or holds(runner, condition["right"], table)
        case "check":
            return _check(runner, condition, table)


def _check(runner: Runner, check: Check, table: Table) -> bool:
    from .words import value

    operator, left = check["operator"], value(runner, check["left"], table)
    if check["right"] is None:
        return unary(operator[1:], left, table)
    if operator in ("=", "==", "!="):
        return _same(left, check["right"]) == (operator != "!=")
    right = value(runner, check["right"], table)
    if operator == "=~":
        import re

        return re.search(right, sure(left)) is not None
    if operator in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
        return compare(number(left, "the left side"), operator, number(right, "the right side"))
    return binary(left, operator, right)


def _same(left: str, right: Word) -> bool:
    """Whether the text as a whole is what the pattern says (a regular expression)."""
    if not isinstance(right, str):
        raise Halt("the pattern of a comparison is known to the run only")
    import re

    return re.fullmatch(right, sure(left), re.DOTALL) is not None


__all__ = ["Failed", "Wrong", "holds", "test"]
