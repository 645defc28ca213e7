"""What one decision costs, as a ratio to splitting the same text with `shlex.split`, and to `json.loads` of 1 kB."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

from bylaw.policy.actions import RunCommand
from bylaw.policy.engine import decide
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope

from .corpus import EVERYDAY, read
from .figures import quantile, table

DOCUMENT = json.dumps([{"id": number, "name": "a" * 20, "ok": True} for number in range(20)])


def _split(text: str) -> None:
    try:
        shlex.split(text)
    except ValueError:
        return  # an unclosed quote: the time until it was found counts all the same


def main(arguments: Sequence[str]) -> int:
    """Prints the table over all everyday commands, each taken `--rounds` times."""
    parser = argparse.ArgumentParser(prog="python -m bench decisions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--preset", default="balanced")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as scratch:
        workspace = os.path.realpath(scratch)
        policy = load(options.preset, workspace=workspace, home=workspace)
        scope = make_scope(policy, workspace=workspace, home=workspace, environ={"HOME": workspace, "PATH": os.environ["PATH"]})
        sides: dict[str, Callable[[str], object]] = {
            "shlex.split": _split,
            "json.loads of 1 kB": lambda _text: json.loads(DOCUMENT),
            f"decision ({options.preset})": lambda text: decide(RunCommand(command=text), policy, scope),
        }
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(options.rounds + 1):
            for case in read(EVERYDAY):
                for name, side in sides.items():
                    before = time.perf_counter()
                    side(case.command)
                    if turn:
                        taken[name].append(time.perf_counter() - before)
    base, document, *_ = (statistics.median(seconds) for seconds in taken.values())
    rows = [
        (
            name,
            f"{statistics.median(seconds) * 1e6:.0f} µs",
            f"{quantile(seconds, 0.99) * 1e6:.0f} µs",
            f"{statistics.median(seconds) / base:.1f}",
            f"{statistics.median(seconds) / document:.1f}",
        )
        for name, seconds in taken.items()
    ]
    print(table(("one command", "median", "p99", "to shlex.split", "to json.loads"), rows))
    return 0
