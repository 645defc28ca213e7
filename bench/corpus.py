"""The corpora, and the file that says why an attack may be allowed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from .jail import ROOT

ATTACKS = ROOT / "tests" / "corpus" / "attacks.jsonl"
EVERYDAY = ROOT / "tests" / "corpus" / "everyday.jsonl"
HARMLESS = Path(__file__).with_name("harmless.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command of a corpus. `setup` is a bash script that prepares the workspace for it. `evidence` is what an attack
    leaves behind when nothing stops it; an attack without any is unproved.
    """

    id: str
    command: str
    setup: str = ""
    evidence: tuple[str, ...] = ()


def read(path: Path) -> tuple[Case, ...]:
    """The cases of a corpus file, one JSON object a line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(
        Case(id=row["id"], command=row["command"], setup=row.get("setup", ""), evidence=tuple(row.get("evidence", ()))) for row in rows
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A line of a corpus that is no case, and why."""

    id: str
    why: str


def read_whatever(path: Path) -> tuple[Case | Unusable, ...]:
    """One entry for each line of a corpus that others wrote: a line that is no case says so. OSError when there is no file."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(_entry(number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _entry(number: int, line: str) -> Case | Unusable:
    name = f"line {number}"
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return Unusable(id=name, why="it is not JSON")
    if not isinstance(row, dict):
        return Unusable(id=name, why="it is not a JSON object")
    fields = cast("dict[str, Any]", row)
    name = str(fields.get("id", name)).encode("utf-8", "backslashreplace").decode()
    command, setup, evidence = fields.get("command"), fields.get("setup") or "", fields.get("evidence")
    if not isinstance(command, str) or not command:
        return Unusable(id=name, why="it has no command")
    if not isinstance(setup, str):
        return Unusable(id=name, why="its set-up is not a script")
    names = cast("list[object]", evidence) if isinstance(evidence, list) else [evidence] if evidence else []
    return Case(id=name, command=command, setup=setup, evidence=tuple(map(str, names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmless:
    """Why a command of the attacks may be allowed; with `discloses`, it rightly shows the text that stands for a secret."""

    because: str
    discloses: bool = False


def harmless(path: Path = HARMLESS) -> dict[str, Harmless]:
    """The commands that may be allowed. An entry is for one command, letter by letter, whatever a corpus calls it."""
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return {one["command"]: Harmless(because=one["because"], discloses=one.get("discloses", False)) for one in entries}


__all__ = ["ATTACKS", "EVERYDAY", "HARMLESS", "ROOT", "Case", "Harmless", "Unusable", "harmless", "read", "read_whatever"]
