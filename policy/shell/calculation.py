"""The value of an arithmetic expression, as bash calculates it: 64 bits that wrap, division towards zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, assert_never

from ..plan import Assign, Binary, Choose, Name, Number, Sum, Unary
from ..records import replace
from ..spans import Span
from .refusals import refusal

_LOWEST: Final = -(1 << 63)
_HIGHEST: Final = (1 << 63) - 1


class OnlyTheRunKnows(Exception):
    """A name was read that has no known value."""


Read = Callable[[str], str]
"""The text of a variable, empty where it is unset. Raises OnlyTheRunKnows."""

Store = Callable[[str, int], None]


def _plain(text: str, name: str, span: Span) -> int:
    """The value of a variable's text; everything but a plain decimal number is code to bash, and refused."""
    digits = text.removeprefix("-")
    plain = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0") and len(digits) < 20
    if not text:
        return 0
    if not plain or not _LOWEST <= int(text) <= _HIGHEST:
        raise refusal("arithmetic_value", span, f"{name}={text}")
    return int(text)


def check_text(expression: Sum, read: Read, span: Span) -> None:
    """Refuses `$NAME` (read as `+NAME`) where the text that bash puts in is no number, or makes `--` with a minus before it.

    Raises OnlyTheRunKnows where one of them is not known: it is an error even where it is not evaluated.
    """
    late = False
    for one in _all(expression):
        name, minus = _named(one)
        try:
            text = read(name) if name else "0"
        except OnlyTheRunKnows:
            late = True
            continue
        if name:
            _plain(text, name, span)
        if not text or (minus and text.startswith("-")):
            raise refusal("arithmetic_value", span, f"-${name}" if minus else f"${name}")
    if late:
        raise OnlyTheRunKnows


def _named(expression: Sum) -> tuple[str, bool]:
    """The name whose text stands here, and whether there is a minus before it."""
    minus = False
    if isinstance(expression, Unary | Binary) and expression.operator == "-":
        minus, expression = True, expression.operand if isinstance(expression, Unary) else expression.right
        while isinstance(expression, Binary | Choose):
            expression = expression.left if isinstance(expression, Binary) else expression.condition
    match expression:
        case Unary(operator="+", operand=Name(name=name)):
            return name, minus
        case _:
            return "", False


def assigned_names(expression: Sum) -> frozenset[str]:
    """Every name that the expression may assign."""
    return frozenset(one.name for one in _all(expression) if isinstance(one, Assign))


def names(expression: Sum) -> frozenset[str]:
    """Every name that the expression may read."""
    return frozenset(one.name for one in _all(expression) if isinstance(one, Name | Assign))


def name_set_for_sure(expression: Sum) -> str:
    """The name that the expression assigns if it has no error in it, and it cannot have one; else an empty text."""
    if not isinstance(expression, Assign) or names(expression.value) - {expression.name}:
        return ""
    failing = (isinstance(one, Binary) and one.operator in {"/", "%", "**"} for one in _all(expression.value))
    return "" if expression.name in names(expression.value) or expression.old or any(failing) else expression.name


def written_out(expression: Sum, read: Read, span: Span) -> Sum:
    """The expression with known names as numbers, but for those that it assigns."""
    return _Writer(read, assigned_names(expression), span).written(expression)


class _Writer:
    def __init__(self, read: Read, keep: frozenset[str], span: Span) -> None:
        self.read = read
        self.keep = keep
        self.span = span

    def written(self, expression: Sum) -> Sum:
        match expression:
            case Number():
                return expression
            case Name(name=name):
                if name in self.keep:
                    return expression
                try:
                    return Number(value=_plain(self.read(name), name, self.span))
                except OnlyTheRunKnows:
                    return expression
            case Unary(operand=operand):
                return replace(expression, operand=self.written(operand))
            case Binary(left=left, right=right):
                return replace(expression, left=self.written(left), right=self.written(right))
            case Choose(condition=condition, yes=yes, no=no):
                return Choose(condition=self.written(condition), yes=self.written(yes), no=self.written(no))
            case Assign(value=value):
                return replace(expression, value=self.written(value))
            case _:
                assert_never(expression)


def calculate(expression: Sum, read: Read, store: Store, span: Span) -> int:
    """The value; assignments are stored as they are reached. Raises OnlyTheRunKnows and ShellSyntaxError."""
    match expression:
        case Number(value=value):
            return _wrapped(value)
        case Name(name=name):
            return _plain(read(name), name, span)
        case Unary(operator=operator, operand=operand):
            return _unary(operator, calculate(operand, read, store, span))
        case Binary(operator="&&" | "||", left=left, right=right):
            # The right side is not looked at where the left one decides.
            if (calculate(left, read, store, span) != 0) == (expression.operator == "||"):
                _check_skipped(right, span)
                return int(expression.operator == "||")
            return int(calculate(right, read, store, span) != 0)
        case Binary(left=left, right=right):
            first = calculate(left, read, store, span)
            return _wrapped(_binary(expression, first, calculate(right, read, store, span), span))
        case Choose(condition=condition, yes=yes, no=no):
            chosen, skipped = (yes, no) if calculate(condition, read, store, span) else (no, yes)
            _check_skipped(skipped, span)
            return calculate(chosen, read, store, span)
        case Assign(name=name, value=value, old=old):
            before = _plain(read(name), name, span) if old else 0
            after = calculate(value, read, store, span)
            store(name, after)
            return before if old else after
        case _:
            assert_never(expression)


def _check_skipped(expression: Sum, span: Span) -> None:
    """Refuses a power in what is not looked at: an exponent below zero is an error to bash even there."""
    if any(isinstance(one, Binary) and one.operator == "**" for one in _all(expression)):
        raise refusal("negative_exponent", span)


def _unary(operator: str, value: int) -> int:
    found = {"+": value, "-": -value, "~": ~value, "!": int(value == 0)}
    return _wrapped(found[operator])


def _binary(expression: Binary, left: int, right: int, span: Span) -> int:
    match expression.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" | "%":
            if right == 0:
                raise refusal("division_by_zero", span)
            quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return quotient if expression.operator == "/" else left - quotient * right
        case "**":
            if right < 0:
                raise refusal("negative_exponent", span)
            return pow(left, right, 1 << 64)
        case "<<":
            return left << right % 64
        case ">>":
            return left >> right % 64
        case "&":
            return left & right
        case "^":
            return left ^ right
        case "|":
            return left | right
        case "&&" | "||" | ",":
            return right
        case "<" | "<=" | ">" | ">=" | "==" | "!=":
            return int(_compared(expression.operator, left, right))
        case _:
            assert_never(expression.operator)


def _compared(operator: str, left: int, right: int) -> bool:
    found = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right, "==": left == right, "!=": left != right}
    return found[operator]


def _wrapped(value: int) -> int:
    return (value - _LOWEST) % (1 << 64) + _LOWEST


def _all(expression: Sum) -> Iterator[Sum]:
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += _below(one)


def _below(expression: Sum) -> tuple[Sum, ...]:
    match expression:
        case Number() | Name():
            return ()
        case Unary():
            return (expression.operand,)
        case Binary():
            return (expression.left, expression.right)
        case Choose():
            return (expression.condition, expression.yes, expression.no)
        case Assign():
            return (expression.value,)
        case _:
            assert_never(expression)
