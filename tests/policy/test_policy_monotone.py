"""What can only tighten: a rule that denies, one more command, a stricter preset. And no text goes unjudged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import script_grammar
from bylaw.policy.actions import RunCommand
from bylaw.policy.analysis import analyse_command
from bylaw.policy.decision import Decision, Verdict
from bylaw.policy.effects import Unknown
from bylaw.policy.engine import decide
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import load
from bylaw.policy.model import Matcher, Policy, Rule
from bylaw.policy.records import replace
from bylaw.policy.shell import parse

CORPUS = Path(__file__).parents[1] / "corpus"
PRESETS = ("permissive", "balanced", "strict", "hardened")
POLICIES = {name: load(name, workspace=WORKSPACE, home=HOME) for name in PRESETS}
SCOPE = synthetic_scope()


def corpus(name: str) -> list[str]:
    return [json.loads(line)["command"] for line in (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line]


COMMANDS = corpus("everyday") + corpus("attacks")
SCRIPTS = st.integers(min_value=0, max_value=2**32).map(lambda seed: script_grammar.scripts(1, seed, COMMANDS)[0])
TEXTS = st.one_of(st.sampled_from(COMMANDS), SCRIPTS)
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
SHELLISH = st.text(min_size=1, alphabet=" \t\n'\"\\$`(){}<>&|;#!*?[]=~-+.,:/%^@0129aEmx_é\r\0\u200b", max_size=40)
MATCHERS = st.sampled_from(
    (
        Matcher(program=("cat",)),
        Matcher(program=("git",), subcommand=(("diff",), ("log",))),
        Matcher(category=("shell",)),
        Matcher(path=("src/**",)),
        Matcher(path=("/**",)),
        Matcher(construct=("pipeline", "command_substitution")),
        Matcher(program=("*",)),
        Matcher(option=("-n", "--recursive")),
    )
)


def judged(command: str, policy: Policy) -> Decision:
    return decide(RunCommand(command=command), policy, SCOPE)


def denying(match: Matcher) -> Rule:
    return Rule(id="test.denies", verdict=Verdict.DENY, because="the test says so", match=match, source="test:1", suggest=None, excepts=())


@given(TEXTS, MATCHERS, st.sampled_from(PRESETS))
def test_one_more_rule_that_denies_never_loosens_a_verdict(command: str, match: Matcher, preset: str) -> None:
    policy = POLICIES[preset]
    more = replace(policy, rules=(*policy.rules, denying(match)))
    assert judged(command, more).verdict >= judged(command, policy).verdict


def test_a_rule_that_denies_does_tighten() -> None:
    policy = POLICIES["balanced"]
    more = replace(policy, rules=(*policy.rules, denying(Matcher(program=("cat",)))))
    assert judged("cat README.md", policy).verdict is Verdict.ALLOW
    assert judged("cat README.md", more).verdict is Verdict.DENY


@given(TEXTS, TEXTS, st.sampled_from(("\n", " ; ", " && ", " || ", " | ")))
def test_one_more_command_at_the_end_never_loosens_a_verdict(command: str, other: str, joint: str) -> None:
    """A newline and what follows it may become part of an open quote or here-document: such a text is no list."""
    whole = command + joint + other
    if refused(command) or refused(other) or "<<" in command or "#" in command or command.rstrip(" \t\n").endswith(("\\", ";", "&", "|")):
        return
    assert refused(whole) or judged(whole, POLICIES["balanced"]).verdict >= judged(command, POLICIES["balanced"]).verdict, whole


@given(TEXTS, st.sampled_from(("true", "echo a", "pwd", "ls", "date", "cat README.md", "git status", ":")), st.sampled_from(("\n", "; ")))
def test_a_harmless_command_in_front_never_loosens_a_verdict(command: str, first: str, joint: str) -> None:
    whole = first + joint + command
    assert judged(whole, POLICIES["balanced"]).verdict >= judged(command, POLICIES["balanced"]).verdict, whole


@given(TEXTS)
def test_a_stricter_preset_is_never_laxer(command: str) -> None:
    verdicts = [judged(command, POLICIES[name]).verdict for name in PRESETS]
    assert verdicts == sorted(verdicts)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_text_that_cannot_be_read_is_anything_but_denied(preset: str) -> None:
    unread = [command for command in corpus("tricky") if refused(command)]
    assert len(unread) > 20
    assert [command for command in unread if judged(command, POLICIES[preset]).verdict is not Verdict.DENY] == []


@given(st.one_of(ANY, SHELLISH, SCRIPTS))
def test_no_text_that_cannot_be_read_is_allowed(command: str) -> None:
    decision = judged(command, POLICIES["permissive"])
    if refused(command):
        assert decision.verdict is Verdict.DENY


@given(st.one_of(ANY, SHELLISH, SCRIPTS, st.sampled_from(COMMANDS)))
def test_the_analysis_of_no_text_fails(command: str) -> None:
    analysis = analyse_command(command, SCOPE, POLICIES["balanced"].limits)
    assert [one for one in analysis.effects if isinstance(one, Unknown) and one.why.startswith("the analysis failed")] == []


def refused(text: str) -> bool:
    try:
        parse(text)
    except ShellSyntaxError:
        return True
    return False
