"""Executes every attack of a corpus, unprotected, under the policy alone, under the sandbox alone, and under both.

Only attacks that have an effect here without protection count. Under `sandbox` the decision is overridden to allow, with
the manifest that its effects declare: what counts is what goes beyond that. `approved` is both, with a person who says yes
to every question. Everyday commands must give the same in the sandbox as outside. Ends with 1 when an attack is effective
under both in hardened, strict or balanced.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .corpus import ATTACKS, EVERYDAY, Case, Unusable, read_whatever
from .figures import table
from .range_count import Attack, Row, effective, effective_in, headline, rows
from .range_everyday import differences, excuse
from .range_fleet import Hopeless, attack, everyday, in_parallel
from .verdicts import GUARDED, PRESETS

LAYERS = ("policy", "sandbox", "both", "approved")


def main(arguments: Sequence[str]) -> int:
    """Prints a row for each preset and layer, every attack that succeeds, what was left out, and what differs of everyday work."""
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this wants its jails gone too
    try:
        return _main(options)
    finally:
        signal.signal(signal.SIGTERM, before)


def _main(options: argparse.Namespace) -> int:
    presets = tuple(one for one in PRESETS if one in (options.preset or PRESETS))
    layers = (options.layers,) if options.layers else LAYERS
    daily = options.everyday or (EVERYDAY if options.layers is None and options.corpus is None else None)
    try:
        entries = read_whatever(options.corpus or ATTACKS)
        work = read_whatever(daily) if daily else ()
    except OSError as problem:
        print(f"`{problem.filename}` cannot be read: {problem.strerror}", file=sys.stderr)
        return 2
    try:
        attacks = executed(entries, presets, layers)
        compared = _compared(work, presets)
    except Hopeless as problem:
        print(f"the attacks were not run: {problem}", file=sys.stderr)
        return 1
    layer, counted = headline(layers, presets, GUARDED)
    if options.json:
        print(json.dumps(_json(attacks, compared, rows(attacks, presets, layers), layer=layer, counted=counted)))
    else:
        _print_rows(attacks, rows(attacks, presets, layers))
        _print_effective(attacks)
        _print_left_out(attacks)
        _print_compared(compared)
    return int("both" in layers and any(one in GUARDED for one in presets) and bool(effective_in(attacks, "both", counted)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench range", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="JSON lines with id, command, setup and evidence")
    parser.add_argument("--layers", choices=("policy", "sandbox", "both"), help="only this one")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="only this one; may be repeated")
    parser.add_argument("--everyday", type=Path, help="JSON lines with id and command; the shipped ones where no corpus is given")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def executed(entries: Sequence[Case | Unusable], presets: Sequence[str], layers: Sequence[str]) -> list[Attack]:
    """Every attack, executed; what is twice in the corpus is run once and counts twice."""
    cases = {(one.command, one.setup): one for one in entries if isinstance(one, Case)}
    questions: list[dict[str, object]] = [{"command": command, "setup": setup, "layers": layers} for command, setup in cases]
    answers = dict(zip(cases, in_parallel(questions, presets, attack), strict=True))
    found: list[Attack] = []
    for one in entries:
        if isinstance(one, Unusable):
            found.append(Attack(case=Case(id=one.id, command=""), left_out=one.why))
            continue
        answer = answers[one.command, one.setup]
        unprotected: dict[str, Any] = answer.get("unprotected", {})
        found.append(
            Attack(
                case=one,
                left_out=answer.get("left_out", ""),
                unprotected=tuple(unprotected.get("evidence", ())),
                terminal=unprotected.get("terminal", False),
                runs=tuple(answer.get("runs", ())),
            )
        )
    return found


def _compared(work: Sequence[Case | Unusable], presets: Sequence[str]) -> list[dict[str, Any]]:
    cases = [one for one in work if isinstance(one, Case)]
    known = differences()
    answers = everyday([one.command for one in cases], presets)
    return [
        {"id": case.id, "command": case.command, "because": why.because, "class": why.kind, **answer}
        for case, answer, why in zip(cases, answers, (excuse(one.command, known) for one in cases), strict=True)
    ]


def _print_rows(attacks: Sequence[Attack], found: Sequence[Row]) -> None:
    counted = [one for one in attacks if not one.left_out]
    print(f"{len(attacks)} attacks, of which {len(counted)} have an effect here without protection", end="")
    print(f" ({sum(one.terminal for one in counted)} of them only on a terminal)\n")
    head = (
        "preset",
        "layer",
        "total",
        "allowed",
        "ran",
        "effective",
        "inside what was declared",
        "read-only",
        "files",
        "directory",
        "tier",
    )
    print(table(head, [_cells(one) for one in found]))
    print("\nallowed: without a question. The last four columns: how far the manifests of the calls that ran let them write.")
    print("policy, both: whatever an attack leaves behind is effective. sandbox, approved: what goes beyond the declared effects.")
    print("In the sandbox, every change of a name that the manifest does not let the call write counts as well (`stray`).")


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (row.total, row.allowed, row.ran, row.effective, row.declared, *row.breadth.values())
    return (row.preset, row.layer, *map(str, numbers))


def _print_effective(attacks: Sequence[Attack]) -> None:
    for one in attacks:
        where: dict[str, list[str]] = {}
        for run in one.runs:
            if run["ran"] and effective(run):
                found, strays = ", ".join(run["evidence"]["found"]), " ".join(run["evidence"]["strays"])
                where.setdefault(f"{run['layer']}: {found} ({run['breadth']}) {strays}".rstrip(), []).append(run["preset"])
        if where:
            print(f"\n{one.case.id}  {one.case.command!r}")
        for what, presets in where.items():
            print(f"    {what} in {', '.join(presets)}")


def _print_left_out(attacks: Sequence[Attack]) -> None:
    left = [one for one in attacks if one.left_out]
    print(f"\nleft out: {len(left)}")
    for one in left:
        print(f"  {one.case.id}  {one.left_out}  {one.case.command[:100]!r}")


def _same(one: dict[str, Any]) -> bool:
    return bool(one.get("same"))


def _print_compared(compared: Sequence[dict[str, Any]]) -> None:
    if not compared:
        return
    summed = _sums(compared)
    print(f"\neveryday commands: {summed['identical']} of {summed['of']} identical in exit code and output in the sandbox", end="")
    print(f"; {summed['must_differ']} more are in a class that must differ, {summed['unexplained']} are not explained")
    for one in compared:
        if _same(one):
            continue
        print(f"  {one['id']}  {one['command']!r}  {one['class']}\n        {one['because'] or 'not explained in bench/differences.yaml'}")
        if not one["because"]:
            print(f"        {one['failed'] or ''}outside {one.get('outside')}\n        inside  {one.get('inside')}")


def _sums(compared: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Commands of a class that must differ are no part of `of`, unless they are the same all the same."""
    differ = [one for one in compared if not _same(one)]
    must = sum(bool(one["class"]) for one in differ)
    return {
        "of": len(compared) - must,
        "identical": len(compared) - len(differ),
        "must_differ": must,
        "unexplained": sum(not one["because"] for one in differ),
    }


def _json(
    attacks: Sequence[Attack], compared: Sequence[dict[str, Any]], found: Sequence[Row], *, layer: str, counted: Sequence[str]
) -> dict[str, object]:
    return {
        "total": sum(not one.left_out for one in attacks),
        "effective": len(effective_in(attacks, layer, counted)),
        "effective_in": {"layer": layer, "presets": counted},
        "cases": len(attacks),
        "rows": [asdict(one) for one in found],
        "attacks": [_detail(one) for one in attacks if not one.left_out],
        "left_out": [{"id": one.case.id, "command": one.case.command, "why": one.left_out} for one in attacks if one.left_out],
        "everyday": {**_sums(compared), "different": [one for one in compared if not _same(one)]} if compared else None,
    }


def _detail(one: Attack) -> dict[str, object]:
    runs = [{**run, "effective": bool(run["ran"]) and effective(run)} for run in one.runs]
    unprotected = {"evidence": one.unprotected, "terminal": one.terminal}
    return {"id": one.case.id, "command": one.case.command, "unprotected": unprotected, "runs": runs}


__all__ = ["LAYERS", "executed", "main"]
