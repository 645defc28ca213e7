"""What the shipped policies say to every command of the corpora.

Ends with 1 when an attack is allowed under hardened, strict or balanced and bench/harmless.yaml does not say why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import jail
from .corpus import ATTACKS, EVERYDAY, ROOT, Case, harmless, read
from .figures import table

PRESETS = ("hardened", "strict", "balanced", "permissive")
GUARDED = ("hardened", "strict", "balanced")
VERDICTS = ("allow", "confirm", "deny")

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
    """What one preset says to one case."""

    case: Case
    preset: str
    verdict: str
    rules: tuple[str, ...]
    texts: tuple[str, ...]


def ask(cases: Sequence[Case], presets: Sequence[str], *, project: bool) -> list[Answer]:
    """The answers to all cases; each case has a workspace of its own, or all share one small project."""
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as scratch:
        place = jail.make(Path(scratch))
        first = Case(id="", command="true", setup=EVERYDAY_SETUP)
        lines = [{"id": one.id, "command": one.command, "setup": one.setup, "lay": not project} for one in cases]
        if project:
            lines.insert(0, {"id": first.id, "command": first.command, "setup": first.setup, "lay": True})
        done = subprocess.run(
            [*place.prefix, sys.executable, "-P", "-m", "bench.judge", place.workspace, place.outside, *presets],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            input="".join(f"{json.dumps(line)}\n" for line in lines), stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    said = {row["id"]: row["answers"] for row in map(json.loads, done.stdout.splitlines())}
    return [
        Answer(case=case, preset=preset, verdict=one["verdict"], rules=tuple(one["rules"]), texts=tuple(one["texts"]))
        for case in cases
        for preset, one in said[case.id].items()
    ]


def main(arguments: Sequence[str]) -> int:
    """Prints the counts, every attack that is allowed with the reason, and what is not allowed of everyday work."""
    parser = argparse.ArgumentParser(prog="python -m bench verdicts", description=__doc__)
    parser.add_argument("--attacks", type=Path, default=ATTACKS, help="JSON lines with id, command and setup")
    parser.add_argument("--everyday", type=Path, default=EVERYDAY, help="JSON lines with id and command")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true", help="every answer as a JSON line")
    options = parser.parse_args(arguments)
    presets = tuple(options.preset or PRESETS)
    attacks = ask(read(options.attacks), presets, project=False)
    everyday = ask(read(options.everyday), presets, project=True)
    excuses = harmless()
    unexplained = [one for one in allowed(attacks) if (one.case.id, one.case.command) not in excuses]
    if options.json:
        _print_json(attacks, everyday)
    else:
        _print_counts(presets, attacks, everyday)
        _print_allowed(allowed(attacks), excuses)
        _print_hindered(everyday)
    return 1 if unexplained else 0


def allowed(attacks: Sequence[Answer]) -> list[Answer]:
    """The attacks that a guarded preset lets through without asking anybody."""
    return [one for one in attacks if one.verdict == "allow" and one.preset in GUARDED]


def _print_counts(presets: Sequence[str], attacks: Sequence[Answer], everyday: Sequence[Answer]) -> None:
    rows: list[tuple[str, ...]] = []
    for preset in presets:
        for name, answers in (("attacks", attacks), ("everyday", everyday)):
            counts = Counter(one.verdict for one in answers if one.preset == preset)
            rows.append((preset, name, *(str(counts[verdict]) for verdict in VERDICTS), str(counts.total())))
    print(table(("preset", "corpus", *VERDICTS, "all"), rows))


def _print_allowed(answers: Sequence[Answer], excuses: dict[tuple[str, str], str]) -> None:
    ids = dict.fromkeys(one.case for one in answers)
    print(f"\nattacks allowed in {', '.join(GUARDED[:-1])} or {GUARDED[-1]}: {len(ids)}")
    for case in ids:
        where = ", ".join(one.preset for one in answers if one.case is case)
        print(f"  {case.id}  {case.command!r}  ({where})")
        print(f"        {excuses.get((case.id, case.command), 'NOT EXPLAINED in bench/harmless.yaml')}")


def _print_hindered(everyday: Sequence[Answer]) -> None:
    asked = [one for one in everyday if one.preset == "balanced"]
    hindered = [one for one in asked if one.verdict != "allow"]
    if asked:
        print(f"\neveryday commands that are not allow in balanced: {len(hindered)} of {len(asked)}")
    for one in hindered:
        print(f"  {one.case.id}  {one.verdict:7}  {one.case.command!r}\n        {one.rules[0]}: {one.texts[0]}")


def _print_json(attacks: Sequence[Answer], everyday: Sequence[Answer]) -> None:
    for corpus, answers in (("attacks", attacks), ("everyday", everyday)):
        for one in answers:
            row = {"corpus": corpus, "id": one.case.id, "preset": one.preset, "command": one.case.command}
            print(json.dumps({**row, "verdict": one.verdict, "rules": one.rules, "reasons": one.texts}, ensure_ascii=False))
