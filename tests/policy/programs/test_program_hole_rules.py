"""Rules against words that only the run knows: what tightens takes them for anything, what loosens for nothing."""

from __future__ import annotations

import pytest

from bylaw.policy.decision import Verdict
from bylaw.policy.effects import Effect, Execute, UseConstruct
from bylaw.policy.holes import HOLE, SPLIT
from bylaw.policy.match import matching
from bylaw.policy.model import Matcher, Rule
from bylaw.policy.paths import Walker
from made_up import MadeUp


def _matches(matcher: Matcher, effect: Effect, verdict: Verdict = Verdict.DENY, excepts: tuple[Matcher, ...] = ()) -> bool:
    rule = Rule(id="r", verdict=verdict, because="b", match=matcher, source="s", excepts=excepts)
    return bool(matching((rule,), effect, Walker(MadeUp({})), tool="bash"))


def _git(*operands: str, subcommand: tuple[str, ...] = (), options: frozenset[str] = frozenset()) -> Execute:
    return Execute(program="git", argv=("git",), path=None, subcommand=subcommand, operands=operands, options=options)


@pytest.mark.parametrize(
    ("matcher", "effect"),
    [
        (Matcher(operand=("secret*",)), _git(HOLE)),
        (Matcher(operand=("secret*",)), _git(f"d/{SPLIT}")),
        (Matcher(subcommand=(("push",),)), _git(HOLE)),
        (Matcher(subcommand=(("push",),)), _git(SPLIT)),
        (Matcher(subcommand=(("remote", "add"),)), _git(HOLE, "x", subcommand=("remote",))),
        (Matcher(subcommand=(("remote", "add"),)), _git(SPLIT)),
        (Matcher(option=("-r",)), _git(f"-{HOLE}")),
        (Matcher(option=("--force",)), _git(f"--{HOLE}")),
        (Matcher(option=("--force",)), _git("x", options=frozenset({HOLE}))),
        (Matcher(construct=("pipeline",), subject=("sh",)), UseConstruct(construct="pipeline", subject=HOLE)),
    ],
)
def test_a_word_that_only_the_run_knows_may_be_what_a_rule_denies(matcher: Matcher, effect: Effect) -> None:
    assert _matches(matcher, effect)
    assert not _matches(matcher, effect, Verdict.ALLOW)


def test_a_word_that_only_the_run_knows_is_no_exception() -> None:
    pipes = Matcher(construct=("pipeline",))
    assert _matches(pipes, UseConstruct(construct="pipeline", subject=HOLE), excepts=(Matcher(subject=("*",)),))
    assert not _matches(pipes, UseConstruct(construct="pipeline", subject="wc"), excepts=(Matcher(subject=("*",)),))


@pytest.mark.parametrize(
    ("matcher", "effect"),
    [
        (Matcher(subcommand=(("remote", "add"),)), _git("show", HOLE, subcommand=("remote",))),
        (Matcher(subcommand=(("remote", "add"),)), _git(HOLE)),
        (Matcher(option=("--force",)), _git(f"--color={HOLE}")),
        (Matcher(option=("-r",)), _git(HOLE)),
    ],
)
def test_what_a_known_word_rules_out_is_not_denied(matcher: Matcher, effect: Effect) -> None:
    assert not _matches(matcher, effect)
