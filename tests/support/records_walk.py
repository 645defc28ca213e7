"""Goes through records, and the tuples in them, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator

from bylaw.policy.records import Record, asdict


def everything(value: object) -> Iterator[object]:
    """The value, and all that it holds, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, tuple):
            waiting.extend(one)  # pyright: ignore[reportUnknownArgumentType]  # whatever it holds is looked at
        elif isinstance(one, Record):
            waiting.extend(asdict(one).values())
