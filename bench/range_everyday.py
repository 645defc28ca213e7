"""Everyday commands, run with bash and through the sandbox in one project: they must give the same."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bylaw.policy.actions import RunCommand
from bylaw.policy.engine import decide

from .jail import environment
from .range_gate import Range, SaysYes, allowed
from .range_plain import Plain, plain

_SPEAKER = re.compile(r"^bash: line \d+: ", re.MULTILINE)
"""Who speaks is no difference: bash outside, inside it is bylaw that looks for programs and opens files."""

DIFFERENCES = Path(__file__).with_name("differences.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Commands (`command` is a glob) whose answer differs in the sandbox, and why; with a `kind` it must."""

    command: str
    because: str
    kind: str = ""


def differences(path: Path = DIFFERENCES) -> tuple[Difference, ...]:
    """What is known to differ."""
    entries: list[dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return tuple(Difference(command=one["command"], because=one["because"], kind=one.get("class", "")) for one in entries)


def excuse(command: str, known: Sequence[Difference]) -> Difference:
    """Why a command may differ; an empty reason where nothing says so."""
    return next((one for one in known if fnmatch.fnmatchcase(command, one.command)), Difference(command=command, because=""))


def compare(ground: Range, command: str) -> dict[str, Any]:
    """Runs a command outside, inside, and where the two differ outside once more: some differ from themselves."""
    preset = ground.presets[-1]
    policy = ground.policy(preset)
    decision = decide(RunCommand(command=command), policy, ground.scope(policy), ground.opinions[preset])
    if decision.plan is None:
        return {"failed": "it was not read, so there is no plan"}
    outside = _outside(ground, command)
    ended = ground.call(command, policy, SaysYes(), instead=allowed(decision, policy, ground.scope(policy)))
    result = ended.answer.result if ended.answer is not None else None
    if result is None:
        return {"failed": ended.why or "the gate refused it"}
    inside = (result.exit_code, ended.text("stdout"), ended.text("stderr"))
    steady = True
    if inside != _fields(outside):
        again = _outside(ground, command)
        steady = _fields(again) == _fields(outside)
        outside = again if inside == _fields(again) else outside
    return {
        "failed": "",
        "same": inside == _fields(outside),
        "steady": steady,
        "outside": _fields(outside),
        "inside": inside,
        "notes": list(result.notes),
    }


def _outside(ground: Range, command: str) -> Plain:
    return plain(command, ground.jail.workspace, environment(ground.jail, token=ground.canary.token))


def _fields(ended: Plain) -> tuple[int | None, str, str]:
    return ended.code, ended.stdout, _SPEAKER.sub("bylaw: ", ended.stderr)
