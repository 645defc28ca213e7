"""Plans as jobs for the oracle's jail: compiled as for a real call, then run there by the interpreter of the sandbox."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import cast
from unittest import mock

import bash_oracle
from bash_oracle import ENVIRONMENT, ROOT, Job, Seen
from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Conditional, Invocation, Plan
from bylaw.policy.records import Record, asdict, replace
from bylaw.tools import specification
from bylaw.tools.sandbox.grants import Grants

LIMITS = Limits(
    read_bytes=1 << 20, write_bytes=1 << 20, output_bytes=1 << 20, command_seconds=5, command_characters=1 << 16, regular_files=True
)
MANIFEST = Manifest(write=(PathGrant(path="/", recursive=True),))
GRANTS = Grants(
    system=("/",), trees=("/",), files=(), lists=(), write_trees=("/",), write_files=(), hidden=(), protected=(), missing_protected=(),
    programs=None, hosts=(), overlays=(), notes=(),
)  # fmt: skip


def job(plan: Plan, real: Callable[[str], str]) -> Job:
    """The plan compiled; `real` resolves links as they are in the jail, where this process is not."""
    there = SimpleNamespace(path=SimpleNamespace(**{**vars(os.path), "realpath": real}))
    with mock.patch.object(specification, "os", there):
        compiled = specification.compile_plan(
            real_directories(plan, real), manifest=MANIFEST, grants=GRANTS, limits=LIMITS, environment=ENVIRONMENT, witnessed=True
        )
    program = {**compiled.program, "start": compiled.program["start"] if compiled.directories else bash_oracle.WORK}
    return ("plan", program)


def real_directories(plan: Plan, real: Callable[[str], str]) -> Plan:
    """The plan with its directories made real, as the analysis of a call does it."""

    def rebuilt(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(rebuilt(one) for one in cast("tuple[object, ...]", value))
        if not isinstance(value, Record):
            return value
        changes = {name: rebuilt(one) for name, one in asdict(value).items()}
        if isinstance(value, (Invocation, Conditional)) and value.directory:
            first, *others = dict.fromkeys(real(one) for one in (value.directory, *value.elsewhere))
            changes |= {"directory": first, "elsewhere": tuple(others)}
        return replace(value, **changes)

    return cast("Plan", rebuilt(plan))


def perform(jobs: Sequence[Job]) -> list[Seen]:
    """What each job does."""
    return bash_oracle.perform(jobs)


@cache
def answered_by_bash() -> frozenset[str]:
    """The names that bash answers itself, so that no program of that name is ever started by it."""
    done = subprocess.run(["bash", "--norc", "-c", "compgen -b"], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def has_twin(plan: Plan) -> bool:
    """Whether a program of the plan is one that bash answers itself: what is started then differs by design."""
    return any(one.builtin is None and one.argv[0] in answered_by_bash() for one in plan.invocations())


def starts_bash(plan: Plan) -> bool:
    """Whether a program of the plan is bash: what it makes of its words is not in the plan, its profile answers for it."""
    return any(posixpath.basename(one.argv[0]) in {"bash", "sh"} and "/" in one.argv[0] for one in plan.invocations())


__all__ = ["ROOT", "answered_by_bash", "has_twin", "job", "perform", "starts_bash"]
