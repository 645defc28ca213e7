"""Kinds of effects, and the names that an effect is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy import engine, paths
from bylaw.policy.actions import RunCommand
from bylaw.policy.analysis import Analysis
from bylaw.policy.decision import Verdict
from bylaw.policy.effects import Execute, SetEnvironment, Unknown, UseConstruct
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import load
from bylaw.policy.model import DIFFERS
from bylaw.policy.plan import Plan
from bylaw.policy.profiles.ledger import Ledger
from made_up import scope


@pytest.mark.parametrize(("value", "unknown"), [("/etc/secret", True), ("C:~/x", True), ("a:../x", True), ("C.UTF-8", False), ("", False)])
def test_a_variable_whose_value_names_a_file_is_not_accounted_for(value: str, unknown: bool) -> None:
    policy = load("balanced", workspace=WORKSPACE, home=HOME)
    analysis = Analysis(effects=(SetEnvironment(name="LANG", value=value),), plan=Plan(steps=()))
    decision = engine.judge(analysis, policy, synthetic_scope(), tool="bash")
    assert any("names a file" in reason.text for reason in decision.reasons) is unknown
    assert not (unknown and decision.verdict is Verdict.ALLOW)


@pytest.mark.parametrize(
    ("word", "name"), [("l", "/w/l"), ("d/../l", "/w/l"), ("a", ""), ("d/", ""), ("..", ""), ("loop/x", ""), ("up/b", ""), ("up/", "/w/up")]
)
def test_a_name_is_told_only_where_it_is_not_the_real_path(word: str, name: str) -> None:
    assert Ledger(scope({"/w/l": "->a", "/w/up": "->d"})).name(word, "/w") == name


def test_code_of_a_workspace_too_large_to_look_through_is_not_accounted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_ENTRIES", 2)
    policy = load("permissive", workspace=WORKSPACE, home=HOME)
    analysis = Analysis(effects=(Execute(program="make", argv=("make",), path="/usr/bin/make", origin="workspace"),), plan=Plan(steps=()))
    decision = engine.judge(analysis, policy, synthetic_scope(), tool="bash")
    assert any("there is too much below" in reason.text for reason in decision.reasons)
    assert decision.verdict is not Verdict.ALLOW


def test_a_script_that_bash_runs_is_of_its_own_kind_and_bash_itself_is_not() -> None:
    policy = load("balanced", workspace=WORKSPACE, home=HOME)
    script = Execute(program="bash", argv=("bash", "-c", "ls &"), path="/usr/bin/bash", category="shell")
    decision = engine.judge(Analysis(effects=(script,), plan=Plan(steps=())), policy, synthetic_scope(), tool="bash")
    assert [(one.rule, one.verdict) for one in decision.reasons] == [("default.execute.shell", Verdict.CONFIRM)]
    assert "as text" in decision.reasons[0].text
    version = engine.decide(RunCommand(command="bash --version"), policy, synthetic_scope())
    assert [(one.rule, one.verdict) for one in version.reasons] == [("default.execute.known", Verdict.ALLOW)]


def test_no_rule_and_no_default_allows_what_another_parser_reads_differently(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nextends: permissive\ndefaults: {unknown: allow}\nrules:\n"
        "  - {id: my.unknown, verdict: allow, match: {effect: unknown}, because: everything may be unknown}\n"
    )
    policy = load(files=(str(tmp_path / "p.yaml"),), workspace=WORKSPACE, home=HOME)

    def verdict(why: str) -> tuple[Verdict, set[str]]:
        analysis = Analysis(effects=(Unknown(why=why, subject="ls"),), plan=Plan(steps=()))
        decision = engine.judge(analysis, policy, synthetic_scope(), tool="bash")
        return decision.verdict, {one.rule for one in decision.reasons}

    assert verdict("not known") == (Verdict.ALLOW, {"my.unknown"})
    assert verdict(f"bashlex {DIFFERS}: x") == (Verdict.CONFIRM, {"my.unknown", "opinions.disagreement"})


def test_uses_of_a_construct_with_one_subject_are_judged_once_and_all_kept(tmp_path: Path) -> None:
    policy = load("balanced", workspace=WORKSPACE, home=str(tmp_path))
    decision = engine.decide(RunCommand(command="echo a # b\n# c\necho $HOME $HOME $LANG"), policy, synthetic_scope())
    uses = [one for one in decision.effects if isinstance(one, UseConstruct)]
    assert [one.construct for one in uses].count("comment") == 2
    assert sum(one.rule == "construct.comment" or "comment" in one.text for one in decision.reasons) == 1
    assert len({(one.construct, one.subject) for one in uses}) == sum(
        one.rule.startswith(("construct.", "operator.", "default.construct")) for one in decision.reasons
    )
