"""The corpora, and the file that says why an attack may be allowed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ATTACKS = ROOT / "tests" / "corpus" / "attacks.jsonl"
EVERYDAY = ROOT / "tests" / "corpus" / "everyday.jsonl"
HARMLESS = Path(__file__).with_name("harmless.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command of a corpus; `setup` is a bash script that prepares the workspace for it."""

    id: str
    command: str
    setup: str = ""


def read(path: Path) -> tuple[Case, ...]:
    """The cases of a corpus file, one JSON object a line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(Case(id=row["id"], command=row["command"], setup=row.get("setup", "")) for row in rows)


def harmless(path: Path = HARMLESS) -> dict[tuple[str, str], str]:
    """Why an attack may be allowed, by id and command: an entry whose command is another one excuses nothing."""
    return {(name, entry["command"]): entry["because"] for name, entry in _entries(path).items()}


def disclosing(path: Path = HARMLESS) -> frozenset[str]:
    """The ids of those that rightly show the text which the corpus takes for a secret."""
    return frozenset(name for name, entry in _entries(path).items() if entry.get("discloses"))


def _entries(path: Path) -> dict[str, dict[str, str]]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
