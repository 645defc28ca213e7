"""Taking times in turns, and printing them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def in_turns(sides: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds that each side took in each round; one round more is thrown away first."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            before = time.perf_counter()
            side()
            if turn:
                taken[name].append(time.perf_counter() - before)
    return taken


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratio(values: Sequence[float], baseline: Sequence[float]) -> float:
    """Median to median."""
    return statistics.median(values) / statistics.median(baseline)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned so that it can be read as it is."""
    widths = [max(len(one[column]) for one in (head, *rows)) for column in range(len(head))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)) for one in (head, *rows)]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))
