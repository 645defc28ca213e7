"""What the shell's tests share: a real tree, a scope in it, and the comparison with real bash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

import plan_comparison
from bylaw.policy.scope import Scope
from bylaw.policy.shell import parse, resolve
from oracle_scope import oracle_scope
from plan_comparison import Comparison


@pytest.fixture(scope="session")
def scope(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    """A scope whose directory and environment are those of the oracle."""
    return oracle_scope(tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="session")
def arguments(scope: Scope) -> Callable[[str], list[tuple[str, ...]]]:
    """The argument vectors that a text becomes."""

    def resolved(text: str) -> list[tuple[str, ...]]:
        return [one.argv for one in resolve(parse(text), scope).plan.invocations()]

    return resolved


@pytest.fixture(scope="session")
def against_bash(scope: Scope) -> Callable[[Sequence[str]], Comparison]:
    """Runs those of the scripts that are accepted in real bash and from their plans, and compares."""
    return lambda scripts: plan_comparison.compare(scripts, scope)


@pytest.fixture(scope="session")
def compare_with_bash(scope: Scope) -> Callable[[Sequence[str]], tuple[int, list[str]]]:
    """The same, in short: how many scripts were accepted, and every difference."""

    def compared(scripts: Sequence[str]) -> tuple[int, list[str]]:
        found = plan_comparison.compare(scripts, scope)
        return found.accepted, found.differences

    return compared
