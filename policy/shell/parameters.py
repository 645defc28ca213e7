"""Reads what a `$` starts: variables, `${NAME...}` with an operator, arithmetic; command substitutions are read next door.

Inside `${...}` the quoting rules of bash differ by operator, by version and by the quotes outside. Only what is the same
in every reading is read; the rest is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from ..spans import Span
from .arithmetic import read_sum
from .refusals import refusal
from .substitutions import read_backticks, read_command_substitution
from .tree import Arithmetic, Operator, Parameter, Part, Slice, Text, Variable, Word

if TYPE_CHECKING:
    from .parser import Parser

Kind = Literal["default", "pattern", "replacement"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED: Final = re.compile(r"\$\{(#?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#@*!$-])")
_OPERATOR: Final = re.compile(r":?[-=?+]|##?|%%?|/[/#%]?|\^\^?|,,?|:")
_READABLE: Final = frozenset("?#@*123456789")
_SPECIAL: Final = frozenset("?#@*!$-0123456789")
_EXPANDED: Final = _SPECIAL | {"(", "{"}
_AFTER_LITERAL_DOLLAR: Final = frozenset(" \t\n;&|)%^.,:/=+")
_DEFAULTS: Final[dict[str, Operator]] = {"-": "-", "=": "=", "?": "?", "+": "+"}
_PATTERNS: Final[dict[str, Operator]] = {
    "#": "#", "##": "##", "%": "%", "%%": "%%", "/": "/", "//": "//", "/#": "/#", "/%": "/%",
}  # fmt: skip
_CASES: Final[dict[str, Operator]] = {"^": "^", "^^": "^^", ",": ",", ",,": ",,"}
_TEXT: Final = re.compile(r"[^'\"\\$`{}~<>()/\n]+")
_QUOTED_TEXT: Final = re.compile(r"[^'\"\\$`{}\n]+")


def read_dollar(parser: Parser, *, quoted: bool) -> Part | None:
    """What the `$` at this place starts; None when it is a literal character (nothing is passed then)."""
    text, at = parser.text, parser.at
    found = _NAME.match(text, at + 1)
    if found is not None:
        if found.group() == "_":
            raise refusal("special_parameter", Span(at, found.end()), "$_")
        parser.count_expansion()
        parser.at = found.end()
        return Variable(name=found.group(), quoted=quoted, span=Span(at, parser.at))
    following = text[at + 1 : at + 2]
    if following and following in _EXPANDED:
        parser.count_expansion()
    if following == "(":
        if text.startswith("(", at + 2):
            return _read_arithmetic(parser, quoted=quoted)
        return read_command_substitution(parser, quoted=quoted)
    if following == "{":
        return _read_braced(parser, quoted=quoted)
    if following and following in _SPECIAL:
        return _read_special(parser, following, quoted=quoted)
    if following == "[":
        raise refusal("old_arithmetic", Span(at, at + 2))
    if not quoted:
        if following == '"':
            raise refusal("locale_quote", Span(at, at + 2))
        if following and following not in _AFTER_LITERAL_DOLLAR:
            raise refusal("dollar", Span(at, at + 1))
    return None


def _read_special(parser: Parser, name: str, *, quoted: bool) -> Variable:
    place = Span(parser.at, parser.at + 2)
    if name not in _READABLE or (name.isdigit() and parser.text[place.end : place.end + 1].isdigit()):
        raise refusal("special_parameter", place, f"${name}")
    parser.at = place.end
    return Variable(name=name, quoted=quoted, span=place)


def _read_arithmetic(parser: Parser, *, quoted: bool) -> Arithmetic:
    """`$((...))`. What is no expression may be a subshell in a command substitution: it is refused, not tried."""
    start = parser.at
    value, end = read_sum(parser.text, start + 3, parser.max_depth - parser.depth)
    if not parser.text.startswith("))", end):
        raise refusal("arithmetic", Span(end, min(end + 1, parser.end)) if end < parser.end else Span(start, start + 3))
    parser.at = end + 2
    return Arithmetic(value=value, quoted=quoted, span=Span(start, parser.at))


# --- ${...} -----------------------------------------------------------------------------------------------------


def _read_braced(parser: Parser, *, quoted: bool) -> Variable | Parameter:
    text, start = parser.text, parser.at
    if text.startswith("${#}", start):
        return Variable(name="#", quoted=quoted, span=parser.take(4))
    found = _BRACED.match(text, start)
    if found is None:
        raise refusal("parameter_expansion", Span(start, min(start + 2, parser.end)))
    length, name = found.groups()
    parser.at = end = found.end()
    place = Span(start, end)
    if name == "!":
        raise refusal("indirection", place)
    _check_name(name, place, alone=text.startswith("}", end) and not length)
    if text.startswith("[", end):
        raise refusal("subscript", Span(start, end + 1))
    if text.startswith("@", end):
        raise refusal("transformation", Span(start, end + 1))
    if text.startswith("}", end):
        parser.at = end + 1
        whole = Span(start, parser.at)
        if length:
            return Parameter(name=name, operator="length", quoted=quoted, span=whole, marks=(whole,))
        return Variable(name=name, quoted=quoted, span=whole)
    operator = _OPERATOR.match(text, end)
    if length or operator is None:
        raise refusal("parameter_expansion", Span(start, min(end + 1, parser.end)))
    return _read_operator(parser, name, operator, start, quoted=quoted)


def _check_name(name: str, place: Span, *, alone: bool) -> None:
    """Refuses parameters that have no value here, and operators on those that are more than one value."""
    number = name.isdigit()
    unknown = name in {"_", "$", "-"} or (number and (name.startswith("0") or len(name) > 6))
    if unknown or (not alone and name in {"?", "#", "@", "*"}):
        raise refusal("special_parameter", place, name)


def _read_operator(parser: Parser, name: str, found: re.Match[str], start: int, *, quoted: bool) -> Parameter:
    sign = found.group()
    parser.enter(start)
    parser.at = found.end()
    if sign == ":":
        made = _read_slice(parser, name, start, quoted=quoted)
    elif sign in _CASES:
        made = _whole(parser, name, _CASES[sign], start, quoted=quoted)
    elif sign in _PATTERNS:
        made = _read_pattern(parser, name, _PATTERNS[sign], start, quoted=quoted)
    else:
        opening = Span(start, parser.at)
        word = _operand(parser, "default", "}", quoted=quoted)
        closing = _close(parser, opening)
        made = Parameter(
            name=name, operator=_DEFAULTS[sign[-1]], colon=len(sign) == 2, word=word,
            quoted=quoted, span=Span(start, parser.at), marks=(opening, closing),
        )  # fmt: skip
    parser.leave()
    return made


def _whole(parser: Parser, name: str, operator: Operator, start: int, *, quoted: bool) -> Parameter:
    """`${NAME^^}`: an operator without an operand."""
    _close(parser, Span(start, parser.at))
    place = Span(start, parser.at)
    return Parameter(name=name, operator=operator, quoted=quoted, span=place, marks=(place,))


def _read_slice(parser: Parser, name: str, start: int, *, quoted: bool) -> Parameter:
    room = parser.max_depth - parser.depth
    length = None
    offset, parser.at = read_sum(parser.text, parser.at, room, choose=False)
    if parser.text.startswith(":", parser.at):
        length, parser.at = read_sum(parser.text, parser.at + 1, room, choose=False)
    made = _whole(parser, name, "slice", start, quoted=quoted)
    place = made.span
    return Parameter(name=name, operator="slice", quoted=quoted, span=place, marks=(place,), slice=Slice(offset=offset, length=length))


def _read_pattern(parser: Parser, name: str, operator: Operator, start: int, *, quoted: bool) -> Parameter:
    marks = [Span(start, parser.at)]
    replacing = operator.startswith("/")
    if operator == "//" and parser.text.startswith(("#", "%"), parser.at):
        raise refusal("parameter_operand", Span(parser.at, parser.at + 1))
    word = _operand(parser, "pattern", "/}" if replacing else "}", quoted=quoted)
    replacement = None
    if replacing and not word.parts:
        raise refusal("parameter_operand", marks[0])
    if replacing and parser.text.startswith("/", parser.at):
        marks.append(parser.take(1))
        replacement = _operand(parser, "replacement", "}", quoted=quoted)
    marks.append(_close(parser, marks[0]))
    return Parameter(
        name=name, operator=operator, word=word, replacement=replacement,
        quoted=quoted, span=Span(start, parser.at), marks=tuple(marks),
    )  # fmt: skip


def _close(parser: Parser, opening: Span) -> Span:
    if parser.at >= parser.end:
        raise refusal("unclosed_parameter", opening)
    if parser.text[parser.at] != "}":
        raise refusal("parameter_operand", Span(parser.at, parser.at + 1))
    return parser.take(1)


def _operand(parser: Parser, kind: Kind, stops: str, *, quoted: bool) -> Word:
    """The word behind an operator; blanks and most signs are plain text in it."""
    text, start, parts = parser.text, parser.at, list[Part]()
    plain = _QUOTED_TEXT if quoted and kind == "default" else _TEXT
    parser.count_word()
    while parser.at < parser.end and text[parser.at] not in stops:
        at = parser.at
        found = plain.match(text, at)
        if found is not None and not (kind == "replacement" and "&" in found.group()):
            parser.at = found.end()
            parts.append(Text(text=found.group(), quoted=quoted and kind != "pattern", span=Span(at, parser.at)))
        elif text[at] == "/":
            parts.append(Text(text="/", quoted=quoted and kind != "pattern", span=parser.take(1)))
        else:
            _operand_part(parser, parts, kind, quoted=quoted)
    return Word(parts=tuple(parts), span=Span(start, parser.at))


def _operand_part(parser: Parser, parts: list[Part], kind: Kind, *, quoted: bool) -> None:
    """A quote or an expansion in an operand, where every version of bash reads it alike."""
    at, character = parser.at, parser.text[parser.at]
    marks = not quoted or kind == "pattern"
    quote = (character in "'\\" and marks and kind != "replacement") or (character == '"' and (marks or kind == "replacement"))
    if quote:
        parser.quote(parts)
    elif character == "`" and kind != "replacement":
        parts.append(read_backticks(parser, quoted=quoted and kind == "default"))
    elif character == "$" and kind != "replacement" and not parser.text.startswith("'", at + 1):
        # The value of an unquoted expansion in a replacement may hold `&`, which stands for the match.
        part = read_dollar(parser, quoted=quoted and kind == "default")
        if part is None:
            raise refusal("parameter_operand", Span(at, at + 1))
        parts.append(part)
    else:
        raise refusal("parameter_operand", Span(at, at + 1))
