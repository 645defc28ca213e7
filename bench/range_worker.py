"""Runs cases in a jail; started by `range`, a JSON line in, a JSON line out.

    python -P -m bench.range_worker WORKSPACE OUTSIDE STATE plain|gate free|confined [PRESET...]

`plain` runs each case without protection and answers what that left behind; `gate` passes it through the gate. `confined`
confines the worker itself first, where no jail is around it. The first line out says `failed`: why it cannot
work, empty where it can. A line in: `command`, `setup`, and for `gate` the `layers`; or `project`, a set-up, after which the
lines are everyday `command`s, run both without protection and in the sandbox.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict
from typing import Any

from bylaw.tools.sandbox.inside import confine

from .corpus import Case
from .jail import Jail, confine_here, environment, lay
from .range_everyday import compare
from .range_evidence import Canary, before, disclosed, marks
from .range_gate import LAYERS, Layer, Range
from .range_plain import end_children, on_terminal, plain


def main(jail: Jail, kind: str, presets: tuple[str, ...]) -> int:
    """Answers every line of standard input."""
    ground = Range(jail=jail, canary=Canary.fresh(), presets=presets)
    print(json.dumps({"failed": ""}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _answer(ground, kind, asked)
        except (OSError, ValueError, AssertionError) as problem:  # a text that no system call takes, a place that cannot be emptied
            answer = {"failed": f"it cannot be run here: {type(problem).__name__}: {problem}"}
        finally:
            end_children()
        print(json.dumps(answer), flush=True)
    return 0


def _answer(ground: Range, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    if "project" in asked:
        ground.dirty = False
        return {"failed": lay(ground.jail, asked["project"], canary=ground.canary.outside)}
    case = Case(id="", command=ground.jail.placed(asked["command"]), setup=ground.jail.placed(asked.get("setup", "")))
    if "setup" not in asked:
        return compare(ground, case.command)
    failed = lay(ground.jail, case.setup, canary=ground.canary.outside)
    if failed:
        return {"failed": f"its set-up: {failed}"}
    if kind == "plain":
        return _unprotected(ground, case)
    layers: tuple[Layer, ...] = tuple(one for one in LAYERS if one in asked["layers"])
    ground.dirty = False

    def relay() -> None:
        lay(ground.jail, case.setup, canary=ground.canary.outside)

    return {"failed": "", "runs": [asdict(run) for run in ground.runs(case, layers, relay)]}


def _unprotected(ground: Range, case: Case) -> dict[str, Any]:
    """What the command does when nothing stands in its way, first without a terminal, then on one."""
    jail, start = ground.jail, before(ground.jail, ground.canary)
    surroundings = environment(jail, token=ground.canary.token)

    def done() -> bool:
        return bool(marks(jail, start))

    ended = plain(case.command, jail.workspace, surroundings, done=done)
    found = list(marks(jail, start)) + ["disclosed"] * disclosed(ended.stdout + ended.stderr)
    if found:
        return {"failed": "", "evidence": found, "terminal": False}
    if again := lay(jail, case.setup, canary=ground.canary.outside):
        return {"failed": f"its set-up: {again}"}
    start = before(jail, ground.canary)
    shown = on_terminal(case.command, jail.workspace, surroundings, done=done)
    found = list(marks(jail, start)) + ["disclosed"] * disclosed(shown)
    if found:
        return {"failed": "", "evidence": found, "terminal": True}
    if ended.missing:
        return {"failed": f"`{ended.missing}` is not installed"}
    how = "it does not end" if ended.code is None else f"it ends with {ended.code}"
    return {"failed": f"no effect without protection: {how}", "said": (ended.stderr or ended.stdout)[-300:]}


def _start(workspace: str, outside: str, state: str, kind: str, held: str, *presets: str) -> int:
    confine.become_subreaper()
    temporary = ""
    if held == "confined":
        temporary = os.environ["TMPDIR"] = tempfile.tempdir = state
        if problem := confine_here((workspace, outside, state), apart=os.getppid() <= 1):
            print(json.dumps({"failed": problem}), flush=True)
            return 1
    return main(Jail(workspace=workspace, outside=outside, prefix=(), state=state, temporary=temporary), kind, presets)


if __name__ == "__main__":
    raise SystemExit(_start(*sys.argv[1:]))
