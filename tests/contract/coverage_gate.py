"""Every branch of the policy, the record and the gate is taken by a test, or counted in coverage.yaml with its reason.

    python tests/contract/coverage_gate.py coverage.json

A file that is not listed must be complete. A listed file may miss as many lines and branches as the list says.
"""

from __future__ import annotations

import fnmatch
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GUARDED = ("policy/*.py", "audit/*.py", "agent/gate.py")
LIST = Path(__file__).with_name("coverage.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What the tests did not reach in one file."""

    name: str
    lines: tuple[int, ...]
    branches: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        return len(self.lines) + len(self.branches)

    def __str__(self) -> str:
        jumps = ", ".join(f"{here}->{'exit' if there < 0 else there}" for here, there in self.branches)
        return f"{self.name}: {self.count} missed: lines {list(self.lines)}; branches {jumps or 'none'}"


def missed(report: dict[str, Any]) -> dict[str, Missed]:
    """What a report of `coverage json` says of the guarded files."""
    return {
        name: Missed(
            name=name,
            lines=tuple(one["missing_lines"]),
            branches=tuple((here, there) for here, there in one["missing_branches"]),
        )
        for name, one in report["files"].items()
        if any(fnmatch.fnmatch(name, pattern) for pattern in GUARDED)
    }


def faults(found: dict[str, Missed], listed: dict[str, Any]) -> list[str]:
    """What is wrong, one sentence each; empty when the gate is passed."""
    wrong: list[str] = []
    for name, one in sorted(found.items()):
        entry = listed.get(name, {"missed": 0, "because": "not listed"})
        if one.count > entry["missed"]:
            wrong.append(f"{one}; listed are {entry['missed']}")
    for name, entry in listed.items():
        if name not in found:
            wrong.append(f"{name}: listed, but there is no such file in the report")
        if len(entry["because"].split()) < 4:
            wrong.append(f"{name}: say why in a sentence")
    return wrong


def main(arguments: list[str]) -> int:
    """Prints what is wrong and returns 1, or says that all is well and returns 0."""
    report = json.loads(Path(arguments[0]).read_text())
    found = missed(report)
    wrong = faults(found, yaml.safe_load(LIST.read_text()) or {})
    if not found:
        wrong.append("the report speaks of no guarded file")
    print(
        "\n".join(wrong) or f"{len(found)} guarded files, {sum(one.count for one in found.values())} lines and branches missed, all listed"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
