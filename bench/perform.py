"""Performs commands through the gate, with its sandbox and its record; started by `verdicts` where a sandbox can be put up.

    python -P -m bench.perform WORKSPACE OUTSIDE STATE PRESET

A JSON line in: `command` and `setup` (null: the workspace stays as it is). A JSON line out: `verdict`, `text` (what the
model would see), `layers` of the sandbox that held it and `granted`, what the manifest of the decision lets it touch. Nobody
is there to ask, so only what the preset allows is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from bylaw.agent.approvals.headless import Headless
from bylaw.agent.providers.interface import ToolCall
from bylaw.agent.session import SessionSettings, open_session
from bylaw.policy.actions import Action
from bylaw.policy.decision import Decision
from bylaw.policy.layers import load
from bylaw.tools.opinions import opinions_for
from bylaw.tools.sandbox import layers

from .jail import Jail, environment, lay


def main(workspace: str, outside: str, state: str, preset: str) -> int:
    """Answers every line of standard input."""
    jail = Jail(workspace=workspace, outside=outside, prefix=())
    lay(jail, "")
    home = f"{workspace}/home"
    policy = load(preset, workspace=workspace, home=home)
    settings = SessionSettings(
        policy=policy,
        workspace=workspace,
        home=home,
        environ={**environment(jail), "BYLAW_HOME": state},
        approver=Headless(),
        model="none",
        opinions=opinions_for(policy.opinions),
    )
    decisions: list[Decision] = []

    def decided(_call: str, _action: Action, decision: Decision) -> None:
        decisions.append(decision)

    settings = replace(settings, decided=decided)
    held = [one.name for one in layers() if one.available]
    for number, line in enumerate(sys.stdin):
        asked = json.loads(line)
        if asked["setup"] is not None:
            lay(jail, asked["setup"])
        with contextlib.suppress(OSError):  # nothing is there; a trace shows by it where a call begins
            os.open(f"/nonexistent/call {number}", os.O_RDONLY)
        with open_session(settings) as session:
            answer = session.call(ToolCall(id=f"c{number}", name="bash", arguments=json.dumps({"command": jail.placed(asked["command"])})))
        print(json.dumps({"verdict": str(answer.verdict), "text": answer.text, "layers": held, "granted": granted(decisions)}), flush=True)
        decisions.clear()
    return 0


def granted(decisions: Sequence[Decision]) -> dict[str, list[str]]:
    """What the manifests of these decisions name, all of them together."""
    manifests = [one.manifest for one in decisions]
    return {
        "programs": sorted({path for one in manifests for path in one.programs}),
        "write": sorted({grant.path for one in manifests for grant in one.write if not grant.recursive}),
        "write_below": sorted({grant.path for one in manifests for grant in one.write if grant.recursive}),
        "hosts": sorted({host for one in manifests for host in one.hosts}),
    }


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
