"""The words of a plan compiled for the launcher: late ones part by part, sums node by node."""

from __future__ import annotations

import re
from typing import assert_never

from ..policy import plan as planned
from .errors import ToolError
from .sandbox.inside import shapes

_FAULT = "this is a fault in bylaw; please report it"


class Words:
    """Compiles words, which may take the output of so many captured commands."""

    def __init__(self, *, captures: int) -> None:
        self._captures = captures

    def word(self, word: str | planned.LateWord) -> shapes.Word:
        if isinstance(word, planned.LateWord):
            return self.late(word)
        encoded(word)
        return word

    def late(self, word: planned.LateWord) -> list[shapes.Part]:
        return [self._part(part) for part in word.parts]

    def _part(self, part: planned.LatePart) -> shapes.Part:
        match part:
            case planned.Fixed():
                encoded(part.text)
                return shapes.Fixed(kind="fixed", text=part.text, quoted=part.quoted)
            case planned.Get():
                operation = None if part.operation is None else self._operation(part.operation)
                return shapes.Get(kind="get", name=part.name, quoted=part.quoted, operation=operation)
            case planned.Output():
                if not 0 <= part.number < self._captures:
                    raise ToolError(f"the plan has no captured command {part.number}", hint=_FAULT)
                return shapes.Output(kind="output", number=part.number, quoted=part.quoted)
            case planned.Compute():
                return shapes.Compute(kind="compute", value=self.sum(part.value), quoted=part.quoted)
            case _:
                assert_never(part)

    def _operation(self, one: planned.Operation) -> shapes.Operation:
        return shapes.Operation(
            name=one.kind,
            colon=one.colon,
            word=None if one.word is None else self.late(one.word),
            pattern=self.pattern(one.pattern),
            longest=one.longest,
            every=one.every,
            anchor=one.anchor,
            offset=None if one.offset is None else self.sum(one.offset),
            length=None if one.length is None else self.sum(one.length),
        )

    def pattern(self, pattern: str) -> str:
        """A regular expression that Python reads; ToolError where it does not."""
        try:
            re.compile(pattern, re.DOTALL)
        except re.error as problem:
            raise ToolError(f"a pattern of the plan cannot be read: {problem}", hint=_FAULT) from problem
        return pattern

    def sum(self, value: planned.Sum) -> shapes.Sum:
        match value:
            case planned.Number():
                return shapes.Number(kind="number", value=value.value)
            case planned.Name():
                return shapes.Name(kind="name", name=value.name)
            case planned.Unary():
                return shapes.Unary(kind="unary", operator=value.operator, operand=self.sum(value.operand))
            case planned.Binary():
                return shapes.Binary(kind="binary", operator=value.operator, left=self.sum(value.left), right=self.sum(value.right))
            case planned.Choose():
                condition, yes, no = (self.sum(one) for one in (value.condition, value.yes, value.no))
                return shapes.Choose(kind="choose", condition=condition, yes=yes, no=no)
            case planned.Assign():
                return shapes.Assign(kind="assign", name=value.name, value=self.sum(value.value), old=value.old)
            case _:
                assert_never(value)


def encoded(word: str, *, what: str = "argument") -> bytes:
    """The bytes of a word: UTF-8, and undecodable bytes as they were; ToolError for what no program can be given."""
    try:
        data = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as problem:
        raise ToolError(f"an {what} holds half a character, which has no bytes") from problem
    if b"\0" in data and what != "here-document":
        raise ToolError("an argument holds a null byte, which no program can be given")
    return data
