"""The corpora, and the file that says why an attack may be allowed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
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
class Harmless:
    """Why a command of the attacks may be allowed; with `discloses`, it rightly shows the text that stands for a secret."""

    because: str
    discloses: bool = False


def harmless(path: Path = HARMLESS) -> dict[str, Harmless]:
    """The commands that may be allowed. An entry is for one command, letter by letter, whatever a corpus calls it."""
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return {one["command"]: Harmless(because=one["because"], discloses=one.get("discloses", False)) for one in entries}
