"""Where something stands in the text of a command."""

from __future__ import annotations

from .records import Record


class Span(Record):
    """A half-open range of characters, counted from 0 in the text that was given."""

    start: int
    end: int

    def __init__(self, start: int, end: int) -> None:
        _START(self, start)
        _END(self, end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.start == other.start and self.end == other.end

    def __hash__(self) -> int:
        return hash((self.start, self.end))

    def position(self, text: str) -> tuple[int, int]:
        """Line and column of the start, both counted from 1."""
        before = text[: self.start]
        return before.count("\n") + 1, self.start - (before.rfind("\n") + 1) + 1

    def caret(self, text: str) -> str:
        """The line that holds the start, and under it carets below the range (cut at the line's end)."""
        line_start = text.rfind("\n", 0, self.start) + 1
        line_end = text.find("\n", self.start)
        line_end = len(text) if line_end < 0 else line_end
        width = max(1, min(self.end, line_end) - self.start)
        return f"{text[line_start:line_end]}\n{' ' * (self.start - line_start)}{'^' * width}"


# a span is made for every leaf of a tree: two calls of what sets a slot are the least that one can cost
(_, _START), (_, _END) = Span.__puts__
