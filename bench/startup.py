"""What a start of the program costs, as a ratio to `python -c pass`."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .figures import in_turns, ratio, table

BASELINE = "python -c pass"


def commands() -> dict[str, tuple[str, ...]]:
    """What is started, by the name that the table gives it."""
    program = str(Path(sys.executable).parent / "bylaw")
    return {
        BASELINE: (sys.executable, "-I", "-c", "pass"),
        "bylaw --version": (program, "--version"),
        "bylaw check 'git status'": (program, "check", "git status"),
        "bylaw check --preset strict ls": (program, "check", "--preset", "strict", "ls"),
        "bylaw check --help": (program, "check", "--help"),
    }


def main(arguments: Sequence[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds: int = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-") as workspace, tempfile.TemporaryDirectory(prefix="bylaw-home-") as home:
        # the round that is thrown away fills the caches, Python's own too: what is measured is every start but the first
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"BYLAW_HOME": home}

        def start(command: tuple[str, ...]) -> None:
            # `check` answers by its exit code, so no code is a failure here but those of errors
            done = subprocess.run(command, cwd=workspace, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode not in (0, 3, 10):
                raise RuntimeError(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.decode()[-400:]}")

        taken = in_turns({name: partial(start, command) for name, command in commands().items()}, rounds=rounds)
    rows = [
        (name, f"{statistics.median(seconds) * 1000:.0f} ms", f"{ratio(seconds, taken[BASELINE]):.1f}") for name, seconds in taken.items()
    ]
    print(table(("started", "median", f"ratio to `{BASELINE}`"), rows))
    return 0
