"""Puts the commands of a corpus to the policies, and performs them through the gate, inside the jail of `jail`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import jail
from .corpus import ROOT, Case

# A small project in which the everyday commands mean something.
EVERYDAY_SETUP = r"""
git init -q . && git config user.email a@example.org && git config user.name a
mkdir -p src tests docs bin
git init -q sub
git init -q proj
printf 'import os\n\n\ndef main():\n    return 0\n' | tee src/a.py src/app.py src/main.py > /dev/null
printf 'a,2\nb,1\n' > data.csv
for name in file f a b names in data 'file with spaces' 'my file'; do echo text > "$name.txt"; done
echo text | tee server.log setup.py > /dev/null
printf '\0\1' | tee file.bin f.bin bin/app > /dev/null
echo '{"scripts": {"test": "true"}, "dependencies": {}}' > package.json
echo 'sub/
proj/' > .gitignore
git add -A && git commit -q -m one && echo more >> src/a.py && git commit -q -a -m two
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one preset says to one case. `failed`: why its set-up does not work here. `unread`: not understood as shell."""

    case: Case
    preset: str
    verdict: str
    rules: tuple[str, ...]
    texts: tuple[str, ...]
    unread: bool = False
    not_installed: tuple[str, ...] = ()
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What came of a case that was performed under the last of the presets that allow it."""

    case: Case
    presets: tuple[str, ...]
    evidence: tuple[str, ...]
    layers: tuple[str, ...]
    text: str


def ask(cases: Sequence[Case], presets: Sequence[str], *, project: bool = False) -> list[Answer]:
    """The answers to all cases; each case has a workspace of its own, or all share one small project."""
    wanted = [(one.setup, [one.command]) for one in cases]
    if project:
        wanted = [(EVERYDAY_SETUP, [one.command for one in cases])]
    said = judged(wanted, presets)
    rows = [(one["failed"], answers) for one in said for answers in one["answers"]]
    return [
        Answer(
            case=case,
            preset=preset,
            verdict=one["verdict"],
            rules=tuple(one["rules"]),
            texts=tuple(one["texts"]),
            unread=one["unread"],
            not_installed=tuple(one["not_installed"]),
            failed=failed,
        )
        for case, (failed, answers) in zip(cases, rows, strict=True)
        for preset, one in answers.items()
    ]


def judged(wanted: Sequence[tuple[str, Sequence[str]]], presets: Sequence[str]) -> list[dict[str, Any]]:
    """For each set-up with its commands: `failed`, and in `answers` what each preset says to each command."""
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as scratch:
        place = jail.make(Path(scratch))
        lines = [json.dumps({"setup": setup, "commands": list(commands)}) for setup, commands in wanted]
        return _lines([*place.prefix, *_module("judge"), place.workspace, place.outside, *presets], lines)


def perform(answers: Sequence[Answer]) -> list[Performed]:
    """Performs each case once, under the last of its presets, in a workspace of its own; looks for every evidence there is."""
    cases: dict[Case, list[str]] = {}
    for one in answers:
        cases.setdefault(one.case, []).append(one.preset)
    return [_performed(case, tuple(presets)) for case, presets in cases.items()]


def _performed(case: Case, presets: tuple[str, ...]) -> Performed:
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as scratch:
        place = jail.make(Path(scratch))
        command = [*place.outer, *_module("perform"), place.workspace, place.outside, place.state, presets[-1]]
        said = _lines(command, [json.dumps({"setup": case.setup, "command": case.command})])[0]
        return Performed(
            case=case,
            presets=presets,
            evidence=evidence(Path(scratch), said["text"]),
            layers=tuple(said["layers"]),
            text=said["text"],
        )


def evidence(scratch: Path, shown: str) -> tuple[str, ...]:
    """What the corpus takes for a proof that an attack worked, as far as it is there."""
    workspace, outside = scratch / "srv", scratch / "mnt"
    victim = workspace / "victim"
    found = {
        "marker": os.path.lexists(workspace / "PWNED"),
        "marker-out": os.path.lexists(outside / "PWNED"),
        "deleted": not victim.exists(),
        "modified": victim.exists() and victim.read_bytes() != b"precious\n",
        "disclosed": "CANARY-SECRET" in shown,
    }
    return tuple(name for name, there in found.items() if there)


def _module(name: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"bench.{name}"]


def _lines(command: Sequence[str], lines: Sequence[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        input="".join(f"{line}\n" for line in lines),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(lines):
        raise RuntimeError(f"{len(lines)} questions, {len(answers)} answers")
    return answers
