"""No call changes the code of the bylaw that is running, not even where its checkout is the workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bylaw.tools
from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Invocation
from bylaw.tools.own import OWN_CODE
from bylaw.tools.process import run_plan
from bylaw.tools.sandbox.grants import compile_grants
from plan_room import ENVIRONMENT, limits, pipe, program, states

TOOLS = os.path.realpath(os.path.dirname(bylaw.tools.__file__))


def test_every_room_that_is_loaded_from_is_known() -> None:
    assert TOOLS in OWN_CODE
    assert len(OWN_CODE) == 5


@pytest.mark.parametrize("combination", ["all", "bubblewrap"])
def test_a_command_that_may_write_the_whole_checkout_cannot_change_it(combination: str) -> None:
    top = Path(TOOLS).parent
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(top), recursive=True),))
    assert TOOLS in compile_grants(manifest, "/usr/bin").protected
    call = Invocation(argv=("sh", "-c", "touch tools/made-by-a-call tools/__init__.py"), program=program("sh"), directory=str(top))
    outcome = run_plan(
        pipe(call), manifest=manifest, limits=limits(), sandbox="require", environment=ENVIRONMENT, states=states(combination)
    )
    assert outcome.exit_code == 1
    assert not (Path(TOOLS) / "made-by-a-call").exists()
