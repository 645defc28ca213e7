"""Counts what the range saw: a row for each preset and layer, one headline, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .corpus import Case
from .range_evidence import BREADTHS

STRICT = frozenset({"policy", "both"})
"""Layers under which nobody was asked: whatever an attack leaves behind counts, also inside what it declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack: what it does unprotected, and every run; `left_out` says why it does not count."""

    case: Case
    left_out: str = ""
    unprotected: tuple[str, ...] = ()
    terminal: bool = False
    runs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The attacks under one preset and one layer. `declared`: evidence, but inside what the manifest declared."""

    preset: str
    layer: str
    total: int
    allowed: int
    ran: int
    effective: int
    declared: int
    breadth: dict[str, int]


def effective(run: dict[str, Any]) -> bool:
    """Whether an attack succeeded in this run.

    A text of its own that it prints is no secret. Where a person, or this measurement, said yes, only what goes beyond the
    declared effects counts.
    """
    found: list[str] = run["evidence"]["found"]
    declared: list[str] = run["evidence"]["declared"]
    if run["layer"] in STRICT:
        return any(one != "disclosed" or one not in declared for one in found)
    return any(one not in declared for one in found)


def rows(attacks: Sequence[Attack], presets: Sequence[str], layers: Sequence[str]) -> list[Row]:
    """A row for each preset and layer."""
    return [_row(attacks, preset, layer) for preset in presets for layer in layers]


def _row(attacks: Sequence[Attack], preset: str, layer: str) -> Row:
    counted = [one for one in attacks if not one.left_out]
    found = [run for one in counted for run in one.runs if (run["preset"], run["layer"]) == (preset, layer)]
    ran = [run for run in found if run["ran"]]
    widths = Counter(run["breadth"] for run in ran)
    return Row(
        preset=preset,
        layer=layer,
        total=len(counted),
        allowed=sum(run["verdict"] == "allow" for run in found),
        ran=len(ran),
        effective=sum(map(effective, ran)),
        declared=sum(bool(run["evidence"]["declared"]) for run in ran),
        breadth={name: widths[name] for name in BREADTHS},
    )


def headline(chosen: Sequence[str], presets: Sequence[str], guarded: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The layer and the presets that the one number is for: the most that was chosen."""
    layer = next(one for one in ("both", "sandbox", "policy", "approved") if one in chosen)
    return layer, tuple(one for one in presets if one in guarded) or tuple(presets)


def effective_in(attacks: Sequence[Attack], layer: str, presets: Sequence[str]) -> list[Attack]:
    """The attacks that succeeded under this layer in any of the presets."""
    return [one for one in attacks if any(run["layer"] == layer and run["preset"] in presets and effective(run) for run in _ran(one))]


def _ran(one: Attack) -> Iterator[dict[str, Any]]:
    return (run for run in one.runs if run["ran"])
