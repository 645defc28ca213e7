"""Reads `[[ ... ]]`: tests joined by `!`, `&&`, `||` and parentheses, on words that are neither split nor globbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lazy import lazily
from ..spans import Span
from .refusals import refusal
from .tree import Both, Bracketed, Check, Condition, Conditional, Either, Not, Text, Word

if TYPE_CHECKING:
    from .parser import Parser

MAX_CHECKS: Final = 64
"""A chain of `&&` is a tree as deep as it is long."""

_UNARY: Final = lazily(r"-[bcdefghknprstuwxzGLNOS](?=[ \t])")
_DASH: Final = lazily(r"-[A-Za-z]")
_BINARY: Final = lazily(r"(=~|==|!=|=|<|>|-(?:eq|ne|lt|le|gt|ge|nt|ot|ef))(?=[ \t])")
_NUMERIC: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_INTEGER: Final = lazily(r"[ \t]*-?(?:0|[1-9][0-9]{0,17})[ \t]*")
_NEGATION: Final = lazily(r"!(?=[ \t])")
_END: Final = lazily(r"\]\](?=[ \t\n;&|<>)`]|\Z)")
# What means the same to regcomp and to Python: single characters, plain brackets, one repetition after each.
_EXPRESSION: Final = lazily(
    r"\^?(?:(?:[A-Za-z0-9_/:,@%=~.-]|\[\^?(?:0-9|a-z|A-Z|[A-Za-z0-9_./:,@%=])+-?\])[*+?]?)*\$?"
)  # fmt: skip


def read_conditional(parser: Parser) -> Conditional:
    """`[[ ... ]]`, from its first bracket on."""
    start = parser.at
    opening = parser.take(2)
    parser.enter(start)
    condition = _Reader(parser).either()
    parser.skip()
    if _END.match(parser.text, parser.at) is None:
        raise _unclosed(parser, opening)
    closing = parser.take(2)
    parser.leave()
    redirections = parser.redirections()
    return Conditional(
        condition=condition, redirections=redirections, span=Span(start, parser.last), marks=(opening, closing)
    )  # fmt: skip


def _unclosed(parser: Parser, opening: Span) -> Exception:
    if parser.at >= parser.end:
        return refusal("unclosed_compound", opening, "[[")
    return refusal("conditional", Span(parser.at, parser.at + 1))


class _Reader:
    """The state of reading one condition; `&&` binds tighter than `||`, `!` tighter than both."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser
        self.checks = 0

    def either(self) -> Condition:
        left = self.both()
        while (mark := self.sign("||")) is not None:
            left = Either(left=left, right=self.both(), marks=(mark,))
        return left

    def both(self) -> Condition:
        left = self.term()
        while (mark := self.sign("&&")) is not None:
            left = Both(left=left, right=self.term(), marks=(mark,))
        return left

    def sign(self, sign: str) -> Span | None:
        self.parser.skip()
        if not self.parser.text.startswith(sign, self.parser.at):
            return None
        mark = self.parser.take(2)
        self.parser.skip(newlines=True)
        return mark

    def term(self) -> Condition:
        parser = self.parser
        parser.skip()
        self.checks += 1
        if self.checks > MAX_CHECKS:
            raise refusal("conditional_too_long", Span(parser.at, min(parser.at + 1, parser.end)), f"more than {MAX_CHECKS}")
        if _NEGATION.match(parser.text, parser.at) is not None:
            parser.enter(parser.at)
            mark = parser.take(1)
            negated = Not(condition=self.term(), marks=(mark,))
            parser.leave()
            return negated
        if parser.text.startswith("(", parser.at):
            parser.enter(parser.at)
            opening = parser.take(1)
            inner = self.either()
            parser.skip()
            if not parser.text.startswith(")", parser.at):
                raise _unclosed(parser, opening)
            parser.leave()
            return Bracketed(condition=inner, marks=(opening, parser.take(1)))
        return self.check()

    def check(self) -> Check:
        parser = self.parser
        unary = _UNARY.match(parser.text, parser.at)
        if unary is not None:
            mark = parser.take(2)
            parser.skip()
            return Check(operator=unary.group(), left=self.word(), right=None, marks=(mark,))
        if _DASH.match(parser.text, parser.at) is not None:
            raise refusal("conditional_operator", Span(parser.at, parser.at + 2))
        left = self.word()
        parser.skip()
        binary = _BINARY.match(parser.text, parser.at)
        if binary is None:
            return Check(operator="-n", left=left, right=None, marks=())
        mark = parser.take(len(binary.group(1)))
        parser.skip()
        operator = "=" if binary.group(1) == "==" else binary.group(1)
        right = self.expression() if operator == "=~" else self.word()
        if operator in _NUMERIC:
            _check_number(left)
            _check_number(right)
        return Check(operator=operator, left=left, right=right, marks=(mark,))

    def word(self) -> Word:
        parser = self.parser
        if parser.ends_word(parser.at) or _END.match(parser.text, parser.at) is not None:
            raise refusal("conditional", Span(parser.at, min(parser.at + 1, parser.end)))
        return parser.word(braces=False)

    def expression(self) -> Word:
        """The regular expression of `=~`: a quoted text, or one that every engine reads alike."""
        if self.parser.text.startswith("(", self.parser.at):
            raise refusal("regular_expression", Span(self.parser.at, self.parser.at + 1))
        right = self.word()
        texts = [part for part in right.parts if isinstance(part, Text)]
        plain = len(texts) == len(right.parts)
        quoted = plain and all(part.quoted for part in texts)
        simple = plain and not any(part.quoted for part in texts) and _EXPRESSION.fullmatch(right.written()) is not None
        if not (quoted or simple) or self.parser.text.startswith(("(", "|", "<", ">", "&"), self.parser.at):
            raise refusal("regular_expression", right.span)
        return right


def _check_number(word: Word) -> None:
    """Refuses a text that bash would evaluate as an expression (`'a[$(command)]' -eq 0` runs the command)."""
    if all(isinstance(part, Text) for part in word.parts) and _INTEGER.fullmatch(word.written()) is None:
        raise refusal("conditional_number", word.span)
    if len(word.parts) > 1 and not all(isinstance(part, Text) for part in word.parts if part.span.end > part.span.start):
        _check_only_one(word)


def _check_only_one(word: Word) -> None:
    """An expansion must be the whole operand: text around it would make an expression of both."""
    for part in word.parts:
        if isinstance(part, Text) and part.text:
            raise refusal("conditional_number", word.span)
