"""What it costs to start `true` in the sandbox, as a ratio to a plain `posix_spawn` and to `bwrap true`.

`call` is a call that was compiled before, handed to a launcher and watched to its end: what takes the place of a spawn. `run` is
all of `run_plan`: grants looked up, the plan compiled, the call, its outcome. A warm launcher has served an equal call before; a
cold one, and the jail around it, is made for this call.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from unittest import mock

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Step
from bylaw.tools import launch, process
from bylaw.tools.capture import Capture
from bylaw.tools.sandbox import LayerState, layers
from bylaw.tools.sandbox.launchers import LAUNCHERS

from .figures import in_turns, quantile, table

TRUE = "/usr/bin/true"
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
LIMITS = Limits(
    read_bytes=1 << 20, write_bytes=1 << 20, output_bytes=10_000, command_seconds=60, command_characters=1_000, regular_files=True
)
ALONE = frozenset({"landlock", "seccomp"})
JAILED = ALONE | {"bubblewrap"}
SPAWN, BWRAP = "posix_spawn", "bwrap true"


def main(arguments: Sequence[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench spawn", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds: int = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as workspace:
        sides = _sides(os.path.realpath(workspace))
        taken = in_turns(sides, rounds=rounds)
    LAUNCHERS.close()
    rows = [
        (
            name,
            f"{statistics.median(seconds) * 1000:.2f} ms",
            f"{quantile(seconds, 0.99) * 1000:.2f} ms",
            *(_ratios(seconds, taken, base) for base in (SPAWN, BWRAP)),
        )
        for name, seconds in taken.items()
    ]
    print(table(("started", "p50", "p99", f"ratio to `{SPAWN}` (p50, p99)", f"ratio to `{BWRAP}` (p50, p99)"), rows))
    return 0


def _ratios(seconds: Sequence[float], taken: dict[str, list[float]], base: str) -> str:
    if base not in taken:
        return "not here"
    return f"{statistics.median(seconds) / statistics.median(taken[base]):.2f}, {quantile(seconds, 0.99) / quantile(taken[base], 0.99):.2f}"


def _sides(workspace: str) -> dict[str, Callable[[], object]]:
    """What is timed, leaving out what cannot be had here."""
    here = {state.name for state in layers() if state.available}
    sides: dict[str, Callable[[], object]] = {SPAWN: _spawn}
    if "bubblewrap" in here:
        sides[BWRAP] = _bwrap
    if here >= ALONE:
        alone = _call(workspace, ALONE)
        sides |= {"call, landlock + seccomp": alone, "run, landlock + seccomp": lambda: _run(workspace, ALONE)}
    if here >= JAILED:
        warm = _call(workspace, JAILED)
        sides |= {"call, warm jail": warm, "run, warm jail": lambda: _run(workspace, JAILED), "call, cold jail": _cold(workspace)}
    return sides


def _spawn() -> None:
    os.waitpid(os.posix_spawn(TRUE, ["true"], ENVIRONMENT), 0)


def _bwrap() -> None:
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"]
    words += ["--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    pid = os.posix_spawn("/usr/bin/bwrap", [*words, "--", TRUE], ENVIRONMENT)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("`bwrap true` failed")


def _plan(workspace: str) -> Plan:
    call = Invocation(argv=("true",), directory=workspace, program=os.path.realpath(TRUE))
    return Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(call,))),))


def _states(wanted: frozenset[str]) -> tuple[LayerState, ...]:
    return tuple(one if one.name in wanted else LayerState(name=one.name, available=False, why="left out of this row") for one in layers())


def _run(workspace: str, wanted: frozenset[str]) -> None:
    manifest = Manifest(programs=(os.path.realpath(TRUE),), read=(PathGrant(path=workspace, recursive=True),))
    outcome = process.run_plan(
        _plan(workspace), manifest=manifest, limits=LIMITS, sandbox="require", environment=ENVIRONMENT, states=_states(wanted)
    )
    if outcome.exit_code != 0:
        raise RuntimeError(f"`true` failed: {outcome}")


def _prepared(workspace: str, wanted: frozenset[str]) -> dict[str, object]:
    """What `run_plan` gives to `start`, by running it once."""
    found: list[dict[str, object]] = []

    def caught(specification: object, **named: object) -> object:
        found.append({"specification": specification, **{name: value for name, value in named.items() if name != "stack"}})
        return launch.start(specification, **named)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # handed on as it came

    with mock.patch.object(process, "start", caught):
        _run(workspace, wanted)
    return found[-1]


def _call(workspace: str, wanted: frozenset[str]) -> Callable[[], object]:
    prepared = _prepared(workspace, wanted)

    def once() -> None:
        with contextlib.ExitStack() as stack:
            captures: dict[launch.Stream, Capture] = {"stdout": Capture(1000), "stderr": Capture(1000)}
            running = launch.start(stack=stack, **prepared)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # as above
            launch.watch(running, captures, seconds=60, on_output=None)
            if running.said.get("exit") != "0":
                raise RuntimeError(f"`true` failed: {running.said}")

    return once


def _cold(workspace: str) -> Callable[[], object]:
    """A jail that no call had before: what makes its shape differ is a number that nobody looks at."""
    prepared, count = _prepared(workspace, JAILED), iter(range(1 << 30))

    def once() -> None:
        with contextlib.ExitStack() as stack:
            captures: dict[launch.Stream, Capture] = {"stdout": Capture(1000), "stderr": Capture(1000)}
            arguments = {**prepared, "identity": ["cold", next(count)], "again": False}
            running = launch.start(stack=stack, **arguments)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # as above
            launch.watch(running, captures, seconds=60, on_output=None)
            if running.said.get("exit") != "0":
                raise RuntimeError(f"`true` failed: {running.said}")

    return once
