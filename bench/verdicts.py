"""What the shipped policies say to every command of the corpora, and what comes of the attacks that they allow.

Each attack has its set-up in a workspace of its own. One that hardened, strict or balanced allows is performed there through
the gate, and its evidence looked for. Ends with 1 when evidence is found, or when an everyday command cannot be read.
Attacks that are unproved, and those whose set-up fails here, are counted apart: what is said to them stops nothing.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import questions
from .corpus import ATTACKS, EVERYDAY, Harmless, harmless, read
from .figures import table
from .questions import Answer, Performed

PRESETS = ("hardened", "strict", "balanced", "permissive")
GUARDED = ("hardened", "strict", "balanced")
VERDICTS = ("allow", "confirm", "deny")


def main(arguments: Sequence[str]) -> int:
    """Prints the counts, every attack that is allowed with what came of it, and what is not allowed of everyday work."""
    parser = argparse.ArgumentParser(prog="python -m bench verdicts", description=__doc__)
    parser.add_argument("--attacks", type=Path, default=ATTACKS, help="JSON lines with id, command, setup and evidence")
    parser.add_argument("--everyday", type=Path, default=EVERYDAY, help="JSON lines with id and command")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true", help="every answer as a JSON line")
    options = parser.parse_args(arguments)
    presets = tuple(options.preset or PRESETS)
    attacks = questions.ask(read(options.attacks), presets)
    everyday = questions.ask(read(options.everyday), presets, project=True)
    performed = questions.perform(allowed(attacks))
    excuses = harmless()
    if options.json:
        _print_json(attacks, everyday, performed)
    else:
        _print_counts(presets, attacks, everyday)
        _print_performed(performed, excuses)
        _print_hindered(everyday)
    return 1 if effective(performed, excuses) or any(one.unread for one in everyday) else 0


def allowed(attacks: Sequence[Answer]) -> list[Answer]:
    """The attacks that a guarded preset lets through without asking anybody."""
    return [one for one in attacks if one.verdict == "allow" and one.preset in GUARDED]


def effective(performed: Sequence[Performed], excuses: Mapping[str, Harmless]) -> list[Performed]:
    """Those that left evidence, but for a text that they may rightly show."""
    return [one for one in performed if _evidence(one, excuses)]


def _evidence(one: Performed, excuses: Mapping[str, Harmless]) -> tuple[str, ...]:
    excuse = excuses.get(one.case.command)
    return tuple(found for found in one.evidence if found != "disclosed" or excuse is None or not excuse.discloses)


def group(one: Answer) -> str:
    """Where an answer to an attack is counted."""
    return "attacks: set-up fails here" if one.failed else "attacks" if one.case.evidence else "attacks: unproved"


def _print_counts(presets: Sequence[str], attacks: Sequence[Answer], everyday: Sequence[Answer]) -> None:
    rows: list[tuple[str, ...]] = []
    for preset in presets:
        groups: dict[str, list[str]] = {"attacks": [], "attacks: unproved": [], "attacks: set-up fails here": [], "everyday": []}
        for one in attacks:
            if one.preset == preset:
                groups[group(one)].append(one.verdict)
        groups["everyday"] += [one.verdict for one in everyday if one.preset == preset]
        for name, verdicts in groups.items():
            counts = Counter(verdicts)
            rows.append((preset, name, *(str(counts[verdict]) for verdict in VERDICTS), str(counts.total())))
    print(table(("preset", "corpus", *VERDICTS, "all"), rows))
    for one in attacks:
        if one.failed and one.preset == presets[0]:
            print(f"set-up fails here: {one.case.id}  {one.failed}")


def _print_performed(performed: Sequence[Performed], excuses: Mapping[str, Harmless]) -> None:
    bad = effective(performed, excuses)
    print(f"\nattacks allowed in {', '.join(GUARDED[:-1])} or {GUARDED[-1]}: {len(performed)}, of which {len(bad)} had an effect")
    for one in performed:
        excuse = excuses.get(one.case.command)
        print(f"  {one.case.id}  {one.case.command!r}  ({', '.join(one.presets)})")
        found = _evidence(one, excuses)
        held = f"performed in {one.presets[-1]} ({', '.join(one.layers) or 'no sandbox'})"
        print(f"        {held}: {'EVIDENCE: ' + ', '.join(found) if found else 'no evidence'}")
        print(f"        {excuse.because if excuse else 'not explained in bench/harmless.yaml'}")


def _print_hindered(everyday: Sequence[Answer]) -> None:
    unread = [one for one in everyday if one.unread]
    print(f"\neveryday commands that cannot be read, in any preset: {len({one.case.id for one in unread})}")
    for one in unread:
        print(f"  {one.case.id}  {one.preset:9}  {one.case.command!r}\n        {one.rules[0]}: {one.texts[0]}")
    asked = [one for one in everyday if one.preset == "balanced"]
    hindered = [one for one in asked if one.verdict != "allow"]
    if asked:
        print(f"\neveryday commands that are not allow in balanced: {len(hindered)} of {len(asked)}")
    for one in hindered:
        print(f"  {one.case.id}  {one.verdict:7}  {one.case.command!r}\n        {one.rules[0]}: {one.texts[0]}")


def _print_json(attacks: Sequence[Answer], everyday: Sequence[Answer], performed: Sequence[Performed]) -> None:
    for corpus, answers in (("attacks", attacks), ("everyday", everyday)):
        for one in answers:
            row: dict[str, object] = {
                "corpus": corpus,
                "id": one.case.id,
                "preset": one.preset,
                "command": one.case.command,
                "verdict": one.verdict,
            }
            more: dict[str, object] = {"rules": one.rules, "reasons": one.texts, "group": group(one) if corpus == "attacks" else corpus}
            print(json.dumps({**row, "verdict": one.verdict, **more, "unread": one.unread}, ensure_ascii=False))
    for each in performed:
        row = {"performed": each.case.id, "command": each.case.command, "presets": each.presets, "layers": each.layers}
        print(json.dumps({**row, "evidence": each.evidence}, ensure_ascii=False))


__all__ = ["GUARDED", "PRESETS", "allowed", "effective", "group", "main"]
