"""Arithmetic as bash does it: 64 bit, two's complement; a value that is no plain number ends the plan and is never code."""

from __future__ import annotations

from .state import Failed, Halt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Binary, Sum
    from .state import State

_SIGN = 1 << 63
_ALL = 1 << 64


def wrapped(number: int) -> int:
    """The number in 64 bits."""
    return (number + _SIGN) % _ALL - _SIGN


def calculate(state: State, value: Sum) -> int:
    """The value of an expression; assignments in it are made. Failed where there is none."""
    _check(state, value, minus=False)
    return _value(state, value)


def _check(state: State, value: Sum, *, minus: bool, plus: bool = False) -> None:
    """Halts where `$NAME` (told as `+NAME`) has no plain number: its text is put in before anything is read, wherever it stands.

    With a `minus` before it, it may not begin with one either: `--` is another sign. `plus`: that sign stands before it.
    """
    match value["kind"]:
        case "name" if plus:
            _check_text(state, value["name"], minus=minus)
        case "unary":
            operator = value["operator"]
            _check(state, value["operand"], minus=operator == "-" or (minus and operator == "+"), plus=operator == "+")
        case "binary":
            _check(state, value["left"], minus=minus)
            _check(state, value["right"], minus=value["operator"] == "-")
        case "choose":
            _check(state, value["condition"], minus=minus)
            _check(state, value["yes"], minus=False)
            _check(state, value["no"], minus=False)
        case "assign":
            _check(state, value["value"], minus=False)
        case _:
            return


def _check_text(state: State, name: str, *, minus: bool) -> None:
    plain(state, name)
    text = (_text(state, name) or "").strip(" \t\n")
    if not text or text.startswith("+") or (minus and text.startswith("-")):
        raise Halt(f"`${name}` puts {text[:60]!r} into an expression, where a plain number is needed")


def _value(state: State, value: Sum) -> int:
    match value["kind"]:
        case "number":
            return wrapped(value["value"])
        case "name":
            return plain(state, value["name"])
        case "unary":
            one = _value(state, value["operand"])
            return {"+": one, "-": wrapped(-one), "!": int(not one), "~": ~one}[value["operator"]]
        case "binary":
            return _binary(state, value)
        case "choose":
            return _value(state, value["yes"] if _value(state, value["condition"]) else value["no"])
        case "assign":
            before = plain(state, value["name"]) if value["old"] else 0
            after = _value(state, value["value"])
            state.variables[value["name"]] = str(after)
            return before if value["old"] else after


def plain(state: State, name: str) -> int:
    """The value of a variable: a decimal number without a leading zero, or nothing (0)."""
    text = _text(state, name)
    if text is None and state.nounset:
        raise Failed(f"{name}: unbound variable", 127)
    return number(text or "", f"`{name}`")


def _text(state: State, name: str) -> str | None:
    if name.isdigit():
        index = int(name)
        return state.positional[index - 1] if 0 < index <= len(state.positional) else None
    if name in ("?", "#"):
        return str(state.status if name == "?" else len(state.positional))
    return state.variables.get(name)


def number(text: str, what: str) -> int:
    """A plain decimal number, or nothing (0); Halt for all else, which bash would read as an expression."""
    stripped = text.strip(" \t\n")
    digits = stripped.lstrip("+-") if len(stripped) - len(stripped.lstrip("+-")) < 2 else ""
    if not stripped:
        return 0
    if not (digits.isascii() and digits.isdigit()) or (digits.startswith("0") and digits != "0"):
        raise Halt(f"{what} holds {text[:60]!r}, which is no plain decimal number")
    if len(digits) > 1000:
        raise Halt(f"{what} holds a number of {len(digits)} digits")
    return wrapped(-int(digits) if stripped.startswith("-") else int(digits))


def _binary(state: State, value: Binary) -> int:
    operator = value["operator"]
    left = _value(state, value["left"])
    if operator == "&&":
        return int(left != 0 and _value(state, value["right"]) != 0)
    if operator == "||":
        return int(left != 0 or _value(state, value["right"]) != 0)
    right = _value(state, value["right"])
    if operator in _COMPARISONS:
        return int(_COMPARISONS[operator](left, right))
    if operator in ("/", "%"):
        return _divided(operator, left, right)
    if operator == "**":
        if right < 0:
            raise Failed("exponent less than 0")
        return wrapped(pow(left, right, _ALL))
    if operator in ("<<", ">>"):
        # The processor takes the lowest six bits of the count.
        return wrapped(left << (right & 63)) if operator == "<<" else left >> (right & 63)
    return right if operator == "," else wrapped(_PLAIN[operator](left, right))


def _divided(operator: str, left: int, right: int) -> int:
    if right == 0:
        raise Failed("division by 0")
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return wrapped(quotient) if operator == "/" else wrapped(left - quotient * right)


_COMPARISONS = {
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
    "==": int.__eq__,
    "!=": int.__ne__,
}
_PLAIN = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "&": int.__and__,
    "^": int.__xor__,
    "|": int.__or__,
}
