"""What one decision costs, warm and in process: over the corpora, beside the peers that install, and at its worst.

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

from bylaw.policy.analysis import analyse_command
from bylaw.policy.engine import judge
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
    return str(judge(analyse_command(text, scope, policy.limits), policy, scope, tool="bash").verdict)


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
            start = time.perf_counter()
            _decided(policy, scope, command)
            middle = time.perf_counter()
            _parsed(command)
            end = time.perf_counter()
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
        f"{median / statistics.median(ours):.2f}",
    )


def _worst(policy: Policy, scope: Scope) -> list[tuple[str, ...]]:
    """Every input once warm and then three times; the slowest first."""
    found: list[tuple[float, str, int, str]] = []
    for name, text in inputs():
        verdict = _decided(policy, scope, text)
        taken: list[float] = []
        for _ in range(3):
            start = time.perf_counter()
            _decided(policy, scope, text)
            taken.append(time.perf_counter() - start)
        found.append((min(taken), name, len(text), verdict))
    found.sort(reverse=True)
    return [(name, f"{length:,}", verdict, f"{seconds * 1000:.2f} ms") for seconds, name, length, verdict in found]


def main(arguments: Sequence[str]) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench decisions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--peers", action="store_true", help="install and measure other judges of shell commands")
    parser.add_argument("--dippy", metavar="DIR", help=f"a checkout of Dippy, which is not on PyPI ({DIPPY})")
    parser.add_argument("--codex", metavar="FILE", help=f"the codex program, which is not on PyPI ({CODEX})")
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
            rows = [_row(f"bylaw ({options.preset})", decisions, decisions), _row("of which parsing", parses, decisions)]
            for peer in peers:
                seconds = measure(peer, commands, workspace)
                rows.append(_row(peer.name, seconds, decisions) if seconds else (peer.name, peer.missing or "failed", "", "", ""))
            head = (f"{name}: {len(commands)} commands", "a second", "median", "p99", "median to bylaw's")
            print(table(head, rows), end="\n\n", flush=True)
        print(table((f"at its worst, up to {LARGEST:,} characters", "characters", "verdict", "time"), _worst(policy, scope)))
    return 0
