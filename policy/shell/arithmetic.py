"""Reads arithmetic: text to a `Sum`, by the precedence that bash has.

Numbers, names, `$NAME` and `${NAME}` only: no subscripts, no substitutions, nothing that is code in a second reading.
"""

from __future__ import annotations

from typing import Final, Literal

from ..lazy import lazily
from ..plan import Assign, Binary, Choose, Name, Number, Sum, Unary
from ..spans import Span
from .refusals import refusal

MAX_OPERATIONS: Final = 64
"""A chain of operators is a tree as deep as it is long."""

BinaryOperator = Literal[
    "+", "-", "*", "/", "%", "**", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&", "^", "|", "&&", "||", ","
]  # fmt: skip
UnaryOperator = Literal["+", "-", "!", "~"]

_TOKEN: Final = lazily(
    r"[ \t\n]*(?:(?P<number>[0-9][0-9A-Za-z_#@]*)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\$(?:(?P<variable>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\})"
    r"|(?P<sign><<=|>>=|\*\*|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&^|]=|[-+*/%<>=!~&^|?:,()]))"
)
_NUMBER: Final = lazily(r"0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*")
_BINARY: Final[dict[str, tuple[int, BinaryOperator]]] = {
    ",": (1, ","), "||": (4, "||"), "&&": (5, "&&"), "|": (6, "|"), "^": (7, "^"), "&": (8, "&"),
    "==": (9, "=="), "!=": (9, "!="), "<": (10, "<"), "<=": (10, "<="), ">": (10, ">"), ">=": (10, ">="),
    "<<": (11, "<<"), ">>": (11, ">>"), "+": (12, "+"), "-": (12, "-"),
    "*": (13, "*"), "/": (13, "/"), "%": (13, "%"), "**": (14, "**"),
}  # fmt: skip
_UNARY: Final[dict[str, UnaryOperator]] = {"+": "+", "-": "-", "!": "!", "~": "~"}
_ASSIGN: Final[dict[str, BinaryOperator]] = {
    "+=": "+", "-=": "-", "*=": "*", "/=": "/", "%=": "%", "<<=": "<<", ">>=": ">>", "&=": "&", "^=": "^", "|=": "|",
}  # fmt: skip
_COMMA, _ASSIGNMENT, _CHOICE, _POWER = 1, 2, 3, 14
_SIGNED: Final = 2**63


def read_sum(text: str, at: int, depth: int, *, choose: bool = True) -> tuple[Sum, int]:
    """The expression that starts here, and the place of the first character that does not belong to it.

    `depth` is how much deeper it may nest; without `choose`, `?` is refused (inside `${x:...}`, where `:` ends it).
    """
    reader = _Reader(text, at, depth, choose=choose)
    value = reader.expression(_COMMA)
    both = reader.expanded & reader.assigned
    if both:
        # bash puts in the value of `$NAME` before it evaluates anything, so it is not the value after the assignment.
        raise refusal("arithmetic_expanded", Span(at, reader.at), f"${min(both)}")
    return value, reader.place if reader.kind else reader.at


class _Reader:
    """The state of reading one expression: always one token ahead."""

    def __init__(self, text: str, at: int, depth: int, *, choose: bool) -> None:
        self.text = text
        self.start = at
        self.at = at
        self.depth = depth
        self.choose = choose
        self.operations = 0
        self.expanded: set[str] = set()
        self.assigned: set[str] = set()
        self.kind = ""
        self.sign = ""
        self.place = at
        self.next()

    def next(self) -> None:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            self.kind = self.sign = ""
            while self.text.startswith((" ", "\t", "\n"), self.at):
                self.at += 1
            return
        self.kind = found.lastgroup or ""
        self.sign = found[self.kind]
        self.place = found.end() - len(found.group().lstrip(" \t\n"))
        self.at = found.end()

    def error(self) -> Exception:
        place = self.place if self.kind else self.at
        if self.text.startswith(("$(", "`"), place):
            return refusal("arithmetic_substitution", Span(place, place + 1))
        return refusal("arithmetic", Span(min(place, len(self.text)), min(place + 1, len(self.text))), self.sign)

    def count(self) -> None:
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise refusal("arithmetic_too_long", Span(self.start, self.at), f"more than {MAX_OPERATIONS}")

    def expression(self, least: int) -> Sum:
        """An expression of operators that bind at least so tightly."""
        self.depth -= 1
        if self.depth < 0:
            raise refusal("too_deep", Span(self.place, self.place + 1))
        value = self.operand(assignable=least <= _ASSIGNMENT)
        while self.kind == "sign":
            if self.sign == "?" and least <= _CHOICE:
                value = self.choice(value)
                continue
            level, operator = _BINARY.get(self.sign, (0, ","))
            if level < least:
                break
            self.count()
            self.next()
            # `**` binds to the right, all others to the left; behind a comma an assignment may stand.
            above = _ASSIGNMENT if operator == "," else level if level == _POWER else level + 1
            value = Binary(operator=operator, left=value, right=self.expression(above))
        self.depth += 1
        return value

    def choice(self, condition: Sum) -> Sum:
        if not self.choose:
            raise self.error()
        self.count()
        self.next()
        yes = self.expression(_COMMA)
        if self.sign != ":":
            raise self.error()
        self.next()
        return Choose(condition=condition, yes=yes, no=self.expression(_CHOICE))

    def operand(self, *, assignable: bool) -> Sum:
        signs: list[UnaryOperator] = []
        while self.kind == "sign" and self.sign in _UNARY:
            self.count()
            signs.append(_UNARY[self.sign])
            self.next()
        value = self.primary(assignable=assignable and not signs)
        for sign in reversed(signs):
            value = Unary(operator=sign, operand=value)
        return value

    def primary(self, *, assignable: bool) -> Sum:
        kind, sign = self.kind, self.sign
        if kind == "number":
            value = self.number()
            self.next()
            return Number(value=value)
        if kind in {"variable", "braced"}:
            self.expanded.add(sign)
            self.next()
            # The plus marks that the variable's text stands here, before anything is calculated (`1 - $x` needs a value).
            return Unary(operator="+", operand=Name(name=sign))
        if kind == "name":
            return self.name(assignable=assignable)
        if sign in {"++", "--"}:
            self.next()
            if self.kind != "name":
                raise self.error()
            name = self.sign
            self.subscript()
            self.next()
            return self.step(name, sign, old=False)
        if sign != "(":
            raise self.error()
        self.next()
        inner = self.expression(_COMMA)
        if self.sign != ")":
            raise self.error()
        self.next()
        return inner

    def subscript(self) -> None:
        if self.text.startswith("[", self.at):
            raise refusal("subscript", Span(self.place, self.at + 1))

    def name(self, *, assignable: bool) -> Sum:
        name = self.sign
        self.subscript()
        self.next()
        if self.kind == "sign" and self.sign in {"++", "--"}:
            sign = self.sign
            self.next()
            return self.step(name, sign, old=True)
        if not (self.kind == "sign" and assignable and (self.sign == "=" or self.sign in _ASSIGN)):
            return Name(name=name)
        sign = self.sign
        self.count()
        self.next()
        self.assigned.add(name)
        value = self.expression(_ASSIGNMENT)
        if sign != "=":
            value = Binary(operator=_ASSIGN[sign], left=Name(name=name), right=value)
        return Assign(name=name, value=value)

    def step(self, name: str, sign: str, *, old: bool) -> Sum:
        self.count()
        self.assigned.add(name)
        changed = Binary(operator="+" if sign == "++" else "-", left=Name(name=name), right=Number(value=1))
        return Assign(name=name, value=changed, old=old)

    def number(self) -> int:
        found = _NUMBER.fullmatch(self.sign)
        if found is None or len(self.sign) > 24:
            raise self.error()
        value = int(self.sign, 16 if self.sign[:2] in {"0x", "0X"} else 8 if self.sign.startswith("0") else 10)
        if value >= _SIGNED:
            raise self.error()
        return value
