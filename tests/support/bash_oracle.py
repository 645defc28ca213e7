"""Real bash as the oracle: what a script starts, where, with which words, environment and input, and what it leaves.

Scripts run in a bubblewrap jail (see `oracle_driver`, which runs inside). One jail serves many scripts; each gets the same
fresh tree. The interpreter of plans runs in the same jail, with the same markers, so that the two can be compared.
"""

from __future__ import annotations

import marshal
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import oracle_driver
from oracle_driver import ENVIRONMENT, HOME, LINKS, ROOT, TREE, WATCHED, WORK, make_tree

__all__ = [
    "ENVIRONMENT", "HOME", "LINKS", "ROOT", "TREE", "WATCHED", "WORK", "Seen", "Started", "make_tree", "perform", "run", "run_all",
]  # fmt: skip

SANDBOX = pathlib.Path(__file__).resolve().parents[2] / "tools" / "sandbox"
TIMEOUT = -99
"""The exit code of what did not end."""


@dataclass(frozen=True, slots=True)
class Started:
    """One program that was started; `variables` are those of `WATCHED` as in its environment: `=VALUE`, or empty where unset."""

    argv: tuple[str, ...]
    directory: str
    stdin: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a script did. `started` is in the order of time. `written` are the files that were opened for writing, with
    their content at the end, links resolved; `gone` those that are no more.
    """

    started: tuple[Started, ...]
    written: Mapping[str, str]
    gone: tuple[str, ...]
    code: int
    output: str
    error: str


Job = tuple[Any, ...]


def perform(jobs: Sequence[Job]) -> list[Seen]:
    """What each job does: `("bash", TEXT)`, or `("plan", PROGRAM)`, compiled for the launcher (see `interpreter_jobs`).

    Raises RuntimeError when the jail does not work: nothing is skipped.
    """
    jail = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    jail += ["--tmpfs", ROOT, "--chdir", ROOT, "--clearenv", "--"]
    source = pathlib.Path(oracle_driver.__file__).read_text(encoding="utf-8")
    try:
        done = subprocess.run(
            [*jail, sys.executable, "-I", "-S", "-X", "utf8", "-c", source],
            input=marshal.dumps({"jobs": list(jobs), "sandbox": str(SANDBOX)}),
            capture_output=True,
            timeout=120 + len(jobs),
            check=False,
        )
    except FileNotFoundError as problem:
        raise RuntimeError("bubblewrap is not installed: apt-get install bubblewrap") from problem
    if done.returncode != 0:
        raise RuntimeError(f"the jail failed with {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return [_seen(one) for one in marshal.loads(done.stdout)]


def _seen(one: Mapping[str, Any]) -> Seen:
    return Seen(
        started=tuple(
            Started(argv=tuple(each["argv"]), directory=each["directory"], stdin=each["stdin"], variables=tuple(each["variables"]))
            for each in one["started"]
        ),
        written=one["written"],
        gone=tuple(one["gone"]),
        code=one["code"],
        output=one["out"],
        error=one["error"],
    )


def run_all(scripts: Sequence[str]) -> list[Seen]:
    """What bash does with each of the scripts."""
    return perform([("bash", script) for script in scripts])


def run(script: str) -> Seen:
    """What bash does with one script."""
    return run_all([script])[0]
