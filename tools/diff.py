"""Unified diffs in linear time for hostile sizes: what is the same at both ends is set aside, and a middle that would
cost too much to compare is shown as replaced whole.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator

from .text import cap, visible

_CONTEXT = 3
_COST = 2_000_000
_Opcode = tuple[str, int, int, int, int]


def lines_of(text: str) -> list[str]:
    """The lines with their line feeds; only a line feed ends a line, as in every tool that applies a diff."""
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def unified(old: str | None, new: str, *, path: str, limit: int) -> str:
    """The unified diff from `old` (None: no file) to `new`, capped at about `limit` bytes; empty when nothing differs."""
    before, after = lines_of(old or ""), lines_of(new)
    if before == after and old is not None:
        return ""
    name = visible(path).lstrip("/")
    head = [f"--- {'/dev/null' if old is None else f'a/{name}'}", f"+++ b/{name}"]
    return cap("\n".join([*head, *_hunks(before, after)]) + "\n", limit).text


def _hunks(before: list[str], after: list[str]) -> Iterator[str]:
    for group in _grouped(_opcodes(before, after)):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from _marked(" ", before[old_from:old_to])
            else:
                yield from _marked("-", before[old_from:old_to])
                yield from _marked("+", after[new_from:new_to])


def _grouped(codes: list[_Opcode]) -> Iterator[list[_Opcode]]:
    """The changes with a few equal lines around each; those that lie near each other together."""
    group: list[_Opcode] = []
    for place, (tag, old_from, old_to, new_from, new_to) in enumerate(codes):
        if tag != "equal":
            group.append((tag, old_from, old_to, new_from, new_to))
            continue
        length = old_to - old_from
        behind = 0 if place == 0 else min(_CONTEXT, length)
        ahead = 0 if place == len(codes) - 1 else min(_CONTEXT, length)
        if place and ahead and length <= 2 * _CONTEXT:
            group.append((tag, old_from, old_to, new_from, new_to))
            continue
        if behind:
            group.append((tag, old_from, old_from + behind, new_from, new_from + behind))
        if group:
            yield group
        group = [(tag, old_to - ahead, old_to, new_to - ahead, new_to)] if ahead else []
    if any(tag != "equal" for tag, *_ in group):
        yield group


def _opcodes(before: list[str], after: list[str]) -> list[_Opcode]:
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    middle: list[_Opcode]
    if _cost(old, new) <= _COST:
        found = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        middle = [(tag, a + start, b + start, c + start, d + start) for tag, a, b, c, d in found]
    else:
        middle = [("replace", start, len(before) - end, start, len(after) - end)]
    head: list[_Opcode] = [("equal", 0, start, 0, start)] if start else []
    tail: list[_Opcode] = [("equal", len(before) - end, len(before), len(after) - end, len(after))] if end else []
    return head + middle + tail


def _cost(old: list[str], new: list[str]) -> int:
    """How many pairs of equal lines difflib would look at, and how often at worst."""
    theirs = Counter(new)
    return sum(count * theirs[line] for line, count in Counter(old).items()) * max(1, min(len(old), len(new)) // 64)


def _range(start: int, stop: int) -> str:
    length = stop - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line.removesuffix("\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"
