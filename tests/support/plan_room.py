"""Plans to run, and the layers that a call is to count on, for the tests of the process runner."""

from __future__ import annotations

import os
from pathlib import Path

from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Redirection, Step
from bylaw.tools.sandbox import layers
from bylaw.tools.sandbox.interface import LayerName, LayerState

SEARCH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
ENVIRONMENT = {"PATH": ":".join(SEARCH), "LC_ALL": "C"}
COMBINATIONS: dict[str, tuple[LayerName, ...]] = {
    "both": ("bubblewrap", "landlock"),
    "landlock": ("landlock",),
    "bubblewrap": ("bubblewrap",),
    "none": (),
}


def states(combination: str) -> tuple[LayerState, ...]:
    """The layers that the call is to count on; the others are said to be missing."""
    wanted = COMBINATIONS[combination]
    return tuple(
        state if state.name in wanted else LayerState(name=state.name, available=False, why="left out by the test") for state in layers()
    )


def limits(*, output: int = 20_000, write: int = 1 << 20, seconds: float = 20.0, regular: bool = True) -> Limits:
    return Limits(
        read_bytes=1 << 20,
        write_bytes=write,
        output_bytes=output,
        command_seconds=seconds,
        command_characters=10_000,
        regular_files=regular,
    )


def program(name: str) -> str | None:
    found = (f"{directory}/{name}" for directory in SEARCH)
    return next((os.path.realpath(path) for path in found if os.access(path, os.X_OK)), None)


def call(
    *argv: str, at: Path | str, redirections: tuple[Redirection, ...] = (), environment: tuple[tuple[str, str], ...] = ()
) -> Invocation:
    if argv[0] == "cd":
        return Invocation(argv=argv, directory=str(at), builtin="cd")
    return Invocation(argv=argv, directory=str(at), program=program(argv[0]), redirections=redirections, environment=environment)


def pipe(*calls: Invocation) -> Plan:
    return Plan(steps=(Step(connector="then", pipeline=Pipeline(invocations=calls)),))
