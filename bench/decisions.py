"""What one decision costs, warm and in process: over the corpora, beside the peers that install, and at its worst.

Times are processor time of one thread, so that other work on the machine disturbs them little; a loop of plain Python that
never changes is measured in the same run, to tell a slow machine from slow code.
`--peers` makes a virtual environment for this run, installs the peers there and measures each in a process of its own, on
the same commands, in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence

from bylaw.policy.engine import decide_command
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.policy.model import Policy
from bylaw.policy.scope import Scope
from bylaw.policy.shell import parse

from .corpus import ATTACKS, EVERYDAY, read
from .figures import quantile, table
from .pathological import LARGEST, inputs
from .peers import CODEX, DIPPY, Peer, install, measure


def _decided(policy: Policy, scope: Scope, text: str) -> str:
    return str(decide_command(text, policy, scope).verdict)


def _parsed(text: str) -> None:
    try:
        parse(text)
    except ShellSyntaxError:
        return  # the time until it was refused counts all the same


def _times(policy: Policy, scope: Scope, commands: Sequence[str], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of every decision, and of every parse; the first round only warms up."""
    decisions: list[float] = []
    parses: list[float] = []
    for turn in range(rounds + 1):
        for command in commands:
            start = time.thread_time()
            _decided(policy, scope, command)
            middle = time.thread_time()
            _parsed(command)
            end = time.thread_time()
            if turn:
                decisions.append(middle - start)
                parses.append(end - middle)
    return decisions, parses


def _row(name: str, seconds: Sequence[float], ours: Sequence[float]) -> tuple[str, ...]:
    median = statistics.median(seconds)
    return (
        name,
        f"{len(seconds) / sum(seconds):,.0f}",
        f"{median * 1e6:,.0f} µs",
        f"{quantile(seconds, 0.99) * 1e6:,.0f} µs",
        f"{statistics.median(ours) / median:.2f}",
    )


def _loop() -> float:
    """Seconds of a fixed amount of plain Python: the same on every version of bylaw."""
    start, total = time.thread_time(), 0
    for number in range(2_000):
        total += number * number % 7
    return time.thread_time() - start


def _timed(policy: Policy, scope: Scope, text: str) -> tuple[float, str]:
    start = time.thread_time()
    verdict = _decided(policy, scope, text)
    return time.thread_time() - start, verdict


def _worst(policy: Policy, scope: Scope, given: Sequence[tuple[str, str]], *, shown: int) -> list[tuple[str, ...]]:
    """Every input once; those that were slowest three times more, of which the least counts. The slowest first."""
    once = sorted(((*_timed(policy, scope, text), name, text) for name, text in given), reverse=True)
    found = [
        (min(_timed(policy, scope, text)[0] for _ in range(3)), name, len(text), verdict) for _, verdict, name, text in once[: 5 * shown]
    ]
    found.sort(reverse=True)
    return [(name, f"{length:,}", verdict, f"{seconds * 1000:.1f} ms") for seconds, name, length, verdict in found[:shown]]


def main(arguments: Sequence[str]) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench decisions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--worst", type=int, default=12, help="how many of the slowest inputs to print")
    parser.add_argument("--peers", action="store_true", help="install and measure other judges of shell commands")
    parser.add_argument("--dippy", metavar="DIR", help=f"a checkout of Dippy, which is not on PyPI ({DIPPY})")
    parser.add_argument("--codex", metavar="FILE", help=f"the codex program, which npm installs as {CODEX} otherwise")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as scratch:
        workspace = os.path.join(os.path.realpath(scratch), "workspace")
        os.mkdir(workspace)
        policy = load(options.preset, workspace=workspace, home=scratch)
        scope = make_scope(policy, workspace=workspace, home=scratch, environ={"HOME": scratch, "PATH": os.environ["PATH"]})
        peers: list[Peer] = install(scratch, dippy=options.dippy, codex=options.codex) if options.peers else []
        for name, corpus in (("everyday", EVERYDAY), ("attacks", ATTACKS)):
            commands = [case.command for case in read(corpus)]
            decisions, parses = _times(policy, scope, commands, options.rounds)
            rows = [
                _row(f"bylaw ({options.preset})", decisions, decisions),
                _row("of which parsing", parses, decisions),
                _row("2,000 rounds of a loop", [_loop() for _ in range(200)], decisions),
            ]
            for peer in peers:
                seconds = measure(peer, commands, workspace)
                rows.append(_row(peer.name, seconds, decisions) if seconds else (peer.name, peer.missing or "failed", "", "", ""))
            head = (f"{name}: {len(commands)} commands", "a second", "median", "p99", "bylaw's median to it")
            print(table(head, rows), end="\n\n", flush=True)
        given = list(inputs())
        rows = _worst(policy, scope, given, shown=options.worst)
        print(table((f"the slowest of {len(given)} inputs of up to {LARGEST:,} characters", "characters", "verdict", "time"), rows))
        print(f"\nat its worst: {rows[0][-1]}, for {rows[0][0]}")
    return 0
