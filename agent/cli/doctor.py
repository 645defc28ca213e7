"""`bylaw doctor`: what each layer of the sandbox can do here and why not, and whether that is what the policy wants."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ... import __version__
from ...policy.decision import Verdict
from ...tools.sandbox import LayerState, layers
from ...tools.sandbox.matrix import CAPABILITIES, MEANINGS, Coverage, Held, alone, coverage
from ..held import JUDGED, LOST, Holding, holding
from ..machine import Fact, advice, facts
from ..visible import visible, visible_json
from .options import PolicyOptions, load_policy

if TYPE_CHECKING:
    from rich.table import Table

    from ...policy.model import Policy
    from ...tools.result import JSON

_STYLES: Final[Mapping[str, str]] = {
    "yes": "green", "works": "green", "ok": "green", "partly": "yellow", "note": "yellow", "no": "red", "missing": "red", "broken": "red",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found; `lacks` maps what the layers cannot hold, where that decides on a verdict, to what it means."""

    policy: Policy
    states: tuple[LayerState, ...]
    together: Coverage
    here: Holding
    machine: tuple[Fact, ...]

    @property
    def lacks(self) -> Mapping[str, str]:
        """What the layers cannot hold of some calls, with why."""
        return {name: f"{LOST[name]}: {self.here.lacks[name]}" for name in JUDGED if name in self.here.lacks}

    @property
    def met(self) -> bool:
        """Whether commands run at all under this policy."""
        return self.here.wall or self.policy.sandbox.mode != "require"

    @property
    def exit_code(self) -> int:
        """5 where a sandbox is required and there is none, 1 where something else is broken, else 0."""
        return 5 if not self.met else 1 if any(fact.state == "broken" for fact in self.machine) else 0


def diagnose(options: PolicyOptions, environ: Mapping[str, str], form: str) -> int:
    """Probes the machine, prints what was found, and returns the exit code."""
    policy = load_policy(options, environ).policy
    states = layers(policy.sandbox.launcher)
    found = Diagnosis(
        policy=policy,
        states=states,
        together=coverage(states),
        here=holding(states),
        machine=facts(environ, states),
    )
    if form == "json":
        print(visible_json(json.dumps(_as_json(found), ensure_ascii=False, indent=2)))
    else:
        _print(found)
    return found.exit_code


def _as_json(found: Diagnosis) -> dict[str, JSON]:
    sandbox = found.policy.sandbox
    matrix: dict[str, JSON] = {}
    for name in CAPABILITIES:
        row: dict[str, JSON] = {state.name: _held(alone(state)[name]) for state in found.states}
        matrix[name] = {"meaning": MEANINGS[name], **row, "together": _held(found.together[name])}
    return {
        "bylaw_version": __version__,
        "layers": [
            {"name": one.name, "available": one.available, "why": one.why, "gaps": list(one.gaps), "advice": advice(one)}
            for one in found.states
        ],
        "matrix": matrix,
        "policy": {
            "name": found.policy.name,
            "mode": sandbox.mode,
            "degraded": str(sandbox.degraded),
            "met": found.met,
            "wall": found.here.wall,
            "lacks": dict(found.lacks) if sandbox.mode != "off" else {},
        },
        "machine": [{"name": one.name, "state": one.state, "text": one.text, "hint": one.hint} for one in found.machine],
        "exit_code": found.exit_code,
    }


def _held(held: Held) -> dict[str, JSON]:
    return {"grade": held.grade, "why": held.why}


def _print(found: Diagnosis) -> None:
    from .console import console_for

    # in a file, lines are as long as they need to be
    console = console_for(sys.stdout, wrap=True, width=None if sys.stdout.isatty() else 160)
    layer_rows = [(one.name, "works" if one.available else "missing", one.why, advice(one)) for one in found.states]
    console.print(_table(("layer", "here", "why", "what to do"), layer_rows), "")
    columns = tuple(state.name for state in found.states)
    lone = [(state.available, alone(state)) for state in found.states]
    rows = [
        (name, *(one[name].grade if there else "-" for there, one in lone), found.together[name].grade, found.together[name].why)
        for name in CAPABILITIES
    ]
    console.print(_table(("capability", *columns, "together", "why"), rows), "")
    console.print(_table(("machine", "", "found", "what to do"), [(one.name, one.state, one.text, one.hint) for one in found.machine]), "")
    for line in _wants(found):
        console.print(visible(line), markup=False)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, title in enumerate(titles):
        if not listed or any(row[place] for row in listed):
            made.add_column(title, overflow="fold", no_wrap=title not in {"why", "found", "what to do"})
    for row in listed:
        shown = [cell for place, cell in enumerate(row) if any(one[place] for one in listed)]
        made.add_row(*(Text(visible(cell, keep_newlines=False), style=_STYLES.get(cell, "")) for cell in shown))
    return made


def _wants(found: Diagnosis) -> Iterable[str]:
    """What the policy wants of the sandbox, and what this machine makes of it."""
    sandbox, name = found.policy.sandbox, found.policy.name
    yield f"policy {name}: sandbox {sandbox.mode}, what no layer holds: {sandbox.degraded}"
    if sandbox.mode == "off":
        yield "THE SANDBOX IS SWITCHED OFF: nothing but the policy holds a command"
        return
    becomes = {Verdict.ALLOW: "run, with a warning", Verdict.CONFIRM: "have to be confirmed", Verdict.DENY: "are denied"}[sandbox.degraded]
    if not found.here.wall:
        ending = "no command runs (exit code 5)" if not found.met else f"commands {becomes}"
        yield f"NO SANDBOX: no layer that keeps a command from files can be had here, so {ending}"
        return
    if not found.lacks:
        yield "the layers hold every call to what it declares"
        return
    yield f"calls that depend on what the layers do not hold {becomes}:"
    for capability, why in found.lacks.items():
        yield f"  sandbox.lacks.{capability}: {why}"
