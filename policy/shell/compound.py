"""Reads compound commands: groups, `if`, loops, `for`, `case`, arithmetic, functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from ..lazy import lazily
from ..spans import Span
from .arithmetic import read_sum
from .refusals import refusal
from .tree import Arm, Branch, Calculate, Case, Compound, For, Function, Group, If, List, Loop, Word

if TYPE_CHECKING:
    from .parser import Parser

_NAME: Final = lazily(r"[A-Za-z_][A-Za-z0-9_]*")
_FUNCTION_NAME: Final = lazily(r"[A-Za-z_][A-Za-z0-9_-]*")
_PARENTHESES: Final = lazily(r"\([ \t]*\)")
_ENDS: Final[tuple[tuple[str, Literal["stop", "next", "test"]], ...]] = ((";;&", "test"), (";;", "stop"), (";&", "next"))


def read_group(parser: Parser) -> Group:
    """`{ ...; }` or `( ... )`."""
    start = parser.at
    subshell = parser.text[start] == "("
    opening = parser.take(1)
    parser.enter(start)
    body = _body(parser, opening)
    parser.leave()
    closing = _paren(parser, opening) if subshell else _keyword(parser, "}", opening)
    redirections = parser.redirections()
    return Group(body=body, subshell=subshell, redirections=redirections, span=Span(start, parser.last), marks=(opening, closing))


def read_if(parser: Parser) -> If:
    """`if ...; then ...; elif ...; else ...; fi`."""
    start = parser.at
    opening = parser.take(2)
    marks, branches, otherwise = [opening], list[Branch](), None
    parser.enter(start)
    while True:
        condition = _body(parser, opening)
        marks.append(_keyword(parser, "then", opening))
        branches.append(Branch(condition=condition, body=_body(parser, opening)))
        if not parser.at_keyword("elif"):
            break
        marks.append(parser.take(4))
    if parser.at_keyword("else"):
        marks.append(parser.take(4))
        otherwise = _body(parser, opening)
    marks.append(_keyword(parser, "fi", opening))
    parser.leave()
    redirections = parser.redirections()
    return If(branches=tuple(branches), otherwise=otherwise, redirections=redirections, span=Span(start, parser.last), marks=tuple(marks))


def read_loop(parser: Parser) -> Loop:
    """`while` or `until`."""
    start = parser.at
    until = parser.text[start] == "u"
    opening = parser.take(5)
    parser.enter(start)
    condition = _body(parser, opening)
    body, marks = _do(parser, opening)
    redirections = parser.redirections()
    return Loop(
        condition=condition, body=body, until=until, redirections=redirections,
        span=Span(start, parser.last), marks=(opening, *marks),
    )  # fmt: skip


def read_for(parser: Parser) -> For:
    """`for NAME in words; do ...; done`."""
    start = parser.at
    opening = parser.take(3)
    parser.skip()
    if parser.text.startswith("((", parser.at):
        raise refusal("arithmetic_for", Span(start, parser.at + 2))
    name = _NAME.match(parser.text, parser.at)
    if name is None or not parser.ends_word(name.end()):
        raise refusal("for_name", Span(parser.at, min(parser.at + 1, parser.end)))
    parser.enter(start)
    marks = [opening, parser.take(len(name.group()))]
    parser.skip()
    words: list[Word] | None = None
    if parser.text.startswith(";", parser.at):
        marks.append(parser.take(1))
        parser.skip(newlines=True)
    else:
        parser.skip(newlines=True)
        if parser.at_keyword("in"):
            marks.append(parser.take(2))
            words = _for_words(parser, opening, marks)
    if parser.at_keyword("{"):
        raise refusal("for_braces", parser.take(1))
    body, more = _do(parser, opening)
    redirections = parser.redirections()
    return For(
        name=name.group(), words=None if words is None else tuple(words), body=body, redirections=redirections,
        span=Span(start, parser.last), marks=(*marks, *more),
    )  # fmt: skip


def _for_words(parser: Parser, opening: Span, marks: list[Span]) -> list[Word]:
    """The words up to `;` or the end of the line."""
    text, words = parser.text, list[Word]()
    parser.skip()
    while parser.at < parser.end and text[parser.at] not in ";\n":
        if parser.ends_word(parser.at) and not text.startswith(("<(", ">("), parser.at):
            raise parser.unexpected()
        words.append(parser.word())
        parser.skip()
    if parser.at >= parser.end:
        raise refusal("unclosed_compound", opening, text[opening.start : opening.end])
    if text[parser.at] == ";":
        marks.append(parser.take(1))
    parser.skip(newlines=True)
    return words


def read_case(parser: Parser) -> Case:
    """`case word in pattern) ...;; esac`."""
    start = parser.at
    opening = parser.take(4)
    parser.enter(start)
    parser.skip()
    word = _case_word(parser)
    parser.skip(newlines=True)
    marks, arms = [opening, _keyword(parser, "in", opening)], list[Arm]()
    parser.skip(newlines=True)
    while not parser.at_keyword("esac"):
        if parser.at >= parser.end:
            raise refusal("unclosed_compound", opening, "case")
        arm, last = _arm(parser, marks)
        arms.append(arm)
        parser.skip(newlines=True)
        if last:
            break
    marks.append(_keyword(parser, "esac", opening))
    parser.leave()
    redirections = parser.redirections()
    return Case(word=word, arms=tuple(arms), redirections=redirections, span=Span(start, parser.last), marks=tuple(marks))


def _case_word(parser: Parser) -> Word:
    """The word that is compared, or a pattern; braces are text in both."""
    if parser.ends_word(parser.at):
        raise parser.unexpected()
    return parser.word(braces=False)


def _arm(parser: Parser, marks: list[Span]) -> tuple[Arm, bool]:
    """One arm, and whether it ends without a sign: then it is the last one."""
    text, patterns = parser.text, list[Word]()
    if text.startswith("(", parser.at):
        marks.append(parser.take(1))
        parser.skip()
        if parser.at_keyword("esac"):
            raise refusal("case_pattern", Span(parser.at, parser.at + 4))
    while True:
        patterns.append(_case_word(parser))
        parser.skip()
        if not text.startswith("|", parser.at):
            break
        marks.append(parser.take(1))
        parser.skip()
    if not text.startswith(")", parser.at):
        raise refusal("case_pattern", Span(parser.at, min(parser.at + 1, parser.end)))
    marks.append(parser.take(1))
    body = parser.read_list()
    for sign, end in _ENDS:
        if text.startswith(sign, parser.at):
            marks.append(parser.take(len(sign)))
            return Arm(patterns=tuple(patterns), body=body, end=end), False
    return Arm(patterns=tuple(patterns), body=body, end="stop"), True


def read_calculate(parser: Parser) -> Calculate:
    """`((...))`; what is no expression may be two subshells, so it is refused and not tried."""
    start = parser.at
    value, end = read_sum(parser.text, start + 2, parser.max_depth - parser.depth)
    if not parser.text.startswith("))", end):
        raise refusal("arithmetic_command", Span(start, start + 2))
    parser.at = end + 2
    leaf = Span(start, parser.at)
    redirections = parser.redirections()
    return Calculate(value=value, redirections=redirections, span=Span(start, parser.last), leaf=leaf)


def read_function_keyword(parser: Parser) -> Function:
    """`function NAME body` or `function NAME() body`."""
    start = parser.at
    marks = [parser.take(8)]
    parser.skip()
    found = _FUNCTION_NAME.match(parser.text, parser.at)
    if found is None or not parser.ends_word(found.end()):
        raise refusal("function_name", Span(parser.at, min(parser.at + 1, parser.end)))
    marks.append(parser.take(len(found.group())))
    parser.skip()
    parentheses = _PARENTHESES.match(parser.text, parser.at)
    if parentheses is not None:
        marks.append(parser.take(len(parentheses.group())))
    elif parser.text.startswith("(", parser.at):
        raise refusal("function_body", Span(parser.at, parser.at + 1))
    return _function(parser, found.group(), start, marks)


def read_function(parser: Parser, word: Word) -> Function:
    """`NAME() body`, from its parenthesis on."""
    start, name = word.span.start, parser.text[word.span.start : word.span.end]
    parentheses = _PARENTHESES.match(parser.text, parser.at)
    if parentheses is None:
        raise refusal("parenthesis", Span(parser.at, parser.at + 1))
    if _FUNCTION_NAME.fullmatch(name) is None:
        raise refusal("function_name", word.span, name)
    return _function(parser, name, start, [word.span, parser.take(len(parentheses.group()))])


def _function(parser: Parser, name: str, start: int, marks: list[Span]) -> Function:
    parser.enter(start)
    parser.skip(newlines=True)
    at = parser.at
    body: Compound | None = parser.compound()
    if body is None:
        raise refusal("function_body", Span(at, min(at + 1, parser.end)))
    parser.leave()
    return Function(name=name, body=body, span=Span(start, parser.last), marks=tuple(marks))


# --- what they share --------------------------------------------------------------------------------------------


def _body(parser: Parser, opening: Span) -> List:
    """A list that is not empty."""
    body = parser.read_list()
    if not body.steps:
        if parser.at >= parser.end:
            raise refusal("unclosed_compound", opening, parser.text[opening.start : opening.end])
        raise refusal("empty_command", Span(parser.at, parser.at + 1))
    return body


def _do(parser: Parser, opening: Span) -> tuple[List, tuple[Span, Span]]:
    """`do ...; done`, which ends a loop."""
    first = _keyword(parser, "do", opening)
    body = _body(parser, opening)
    last = _keyword(parser, "done", opening)
    parser.leave()
    return body, (first, last)


def _keyword(parser: Parser, word: str, opening: Span) -> Span:
    if parser.at_keyword(word):
        return parser.take(len(word))
    if parser.at >= parser.end:
        raise refusal("unclosed_compound", opening, parser.text[opening.start : opening.end])
    raise parser.unexpected()


def _paren(parser: Parser, opening: Span) -> Span:
    if parser.text.startswith(")", parser.at):
        return parser.take(1)
    if parser.at >= parser.end:
        raise refusal("unclosed_compound", opening, "(")
    raise parser.unexpected()
