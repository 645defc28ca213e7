"""Judges commands in a workspace; started by `verdicts` inside the jail, one JSON line in, one JSON line out.

    python -P -m bench.judge WORKSPACE OUTSIDE PRESET...

A line in: `setup` (null: the workspace stays as it is) and `commands`. A line out: `failed` (why the set-up did not work)
and `answers`, for each command what each preset says.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from unittest import mock

from bylaw.policy import manifest
from bylaw.policy.actions import RunCommand
from bylaw.policy.decision import Manifest
from bylaw.policy.engine import PARSER, decide
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.tools.opinions import opinions_for

from .jail import Jail, environment, lay

if TYPE_CHECKING:
    from bylaw.policy.model import Policy
    from bylaw.policy.shell.opinions import Opinion


def answer(policy: Policy, jail: Jail, command: str, opinions: tuple[Opinion, ...]) -> dict[str, object]:
    """What a policy says to a command in the workspace as it is now."""
    scope = make_scope(policy, workspace=jail.workspace, home=f"{jail.workspace}/home", environ=environment(jail))
    decision = decide(RunCommand(command=command), policy, scope, opinions)
    strictest = [reason for reason in decision.reasons if reason.verdict is decision.verdict]
    return {
        "verdict": str(decision.verdict),
        "rules": [one.rule for one in strictest],
        "texts": [one.text for one in strictest],
        "unread": any(one.source == PARSER for one in decision.reasons),
        "not_installed": list(decision.not_installed),
    }


def main(workspace: str, outside: str, presets: list[str]) -> int:
    """Answers every line of standard input."""
    jail = Jail(workspace=workspace, outside=outside, prefix=())
    lay(jail, "")
    policies = {name: load(name, workspace=workspace, home=f"{workspace}/home") for name in presets}
    heard = {name: opinions_for(policy.opinions) for name, policy in policies.items()}
    # A verdict is all that is asked for: what the kernel would be told needs a walk through the file system.
    with mock.patch.object(manifest, "build", return_value=Manifest()):
        for line in sys.stdin:
            asked = json.loads(line)
            failed = "" if asked["setup"] is None else lay(jail, asked["setup"])
            answers = [
                {name: answer(policy, jail, jail.placed(command), heard[name]) for name, policy in policies.items()}
                for command in asked["commands"]
            ]
            print(json.dumps({"failed": failed, "answers": answers}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
