"""The gate over coverage finds what it is there to find."""

from __future__ import annotations

from typing import Any

import coverage_gate as gate

REPORT: dict[str, Any] = {
    "files": {
        "policy/engine.py": {"missing_lines": [3], "missing_branches": [[7, -1]]},
        "policy/shell/parser.py": {"missing_lines": [], "missing_branches": []},
        "tools/files.py": {"missing_lines": [1, 2, 3], "missing_branches": []},
    }
}


def test_only_guarded_files_are_looked_at() -> None:
    assert set(gate.missed(REPORT)) == {"policy/engine.py", "policy/shell/parser.py"}


def test_a_missed_branch_that_is_not_listed_is_named() -> None:
    assert gate.faults(gate.missed(REPORT), {}) == ["policy/engine.py: 2 missed: lines [3]; branches 7->exit; listed are 0"]


def test_a_listed_count_with_a_reason_is_accepted() -> None:
    listed = {"policy/engine.py": {"missed": 2, "because": "no machine of ours has it"}}
    assert gate.faults(gate.missed(REPORT), listed) == []


def test_a_reason_must_be_a_sentence() -> None:
    listed = {"policy/engine.py": {"missed": 2, "because": "hard"}}
    assert gate.faults(gate.missed(REPORT), listed) == ["policy/engine.py: say why in a sentence"]


def test_a_listed_file_that_is_gone_is_named() -> None:
    listed = {
        "policy/gone.py": {"missed": 1, "because": "it was hard to reach"},
        "policy/engine.py": {"missed": 2, "because": "it is hard to reach"},
    }
    assert gate.faults(gate.missed(REPORT), listed) == ["policy/gone.py: listed, but there is no such file in the report"]
