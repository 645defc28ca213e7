"""Every construct has a rule: a policy may allow, confirm or deny it, and loosens one only by name."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from bylaw.policy import documents
from bylaw.policy.analysis import Analysis
from bylaw.policy.constructs import CONSTRUCTS, NAMED, RULES, SIGNS, rule_id
from bylaw.policy.decision import Verdict
from bylaw.policy.effects import ConstructName, OtherConstruct, UseConstruct
from bylaw.policy.engine import judge
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.examples import HOME, WORKSPACE, failures, synthetic_scope
from bylaw.policy.explain import as_json, explain, rules
from bylaw.policy.layers import load
from bylaw.policy.model import Policy
from bylaw.policy.plan import Plan
from bylaw.policy.raw import construct_rules
from bylaw.policy.yaml_source import parse

EVERY: tuple[ConstructName, ...] = get_args(ConstructName)


def _section(name: ConstructName) -> tuple[str, str]:
    sign = CONSTRUCTS[name].sign
    return ("operators", sign) if sign else ("constructs", name)


def _document(name: ConstructName, verdict: str, *more: str) -> str:
    section, key = _section(name)
    return "\n".join(["version: 1", *more, f"{section}: {{'{key}': {verdict}}}", ""])


def _load(directory: Path, *texts: str, preset: str | None = "permissive") -> Policy:
    files = [directory / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)
    return load(preset, files=[str(path) for path in files], workspace=WORKSPACE, home=HOME)


def _verdict(policy: Policy, name: ConstructName) -> tuple[str, str]:
    analysis = Analysis(effects=(UseConstruct(construct=name, subject="x"),), plan=Plan(steps=()))
    decision = judge(analysis, policy, synthetic_scope(), tool="bash")
    return str(decision.verdict), decision.reasons[0].rule


def test_the_table_has_every_construct_and_each_its_own_rule() -> None:
    assert set(CONSTRUCTS) == set(EVERY)
    assert len(RULES) == len(EVERY)
    assert get_args(documents.OperatorSign) == tuple(SIGNS)
    assert get_args(OtherConstruct) == tuple(NAMED)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("verdict", ["allow", "confirm", "deny"])
def test_a_policy_may_say_anything_of_a_construct(tmp_path: Path, name: ConstructName, verdict: str) -> None:
    policy = _load(tmp_path, _document(name, verdict))
    assert _verdict(policy, name) == (verdict, rule_id(name))
    assert all(_verdict(policy, other)[1] == "default.construct" for other in EVERY if other != name)


@pytest.mark.parametrize("name", EVERY)
def test_the_rule_of_a_construct_matches_its_example_and_not_every_command(name: ConstructName) -> None:
    (rule,) = construct_rules(parse(_document(name, "deny"), source="p.yaml"), "p.yaml")
    assert list(failures(rule)) == []


def test_a_rule_of_a_construct_is_listed_with_its_origin(tmp_path: Path) -> None:
    policy = _load(tmp_path, "version: 1\nextends: permissive\noperators:\n  '||': deny\n")
    (rule,) = [one for one in rules(policy) if one.id == "operator.or_list"]
    assert rule.source == f"{tmp_path}/0.yaml:4"
    assert rule.suggest
    assert "operator.or_list" in str(as_json(policy))
    assert "if this one fails" in explain(policy, "operator.or_list")


def test_a_construct_that_no_line_names_is_explained_with_its_default() -> None:
    policy = load("balanced", workspace=WORKSPACE, home=HOME)
    assert explain(policy, "operator.pipeline").startswith("operator.pipeline: allow\n")
    assert 'operators: {"|": deny}' in explain(policy, "operator.pipeline")
    assert "constructs: {glob: deny}" in explain(policy, "construct.glob")


def test_a_stricter_line_replaces_the_one_below(tmp_path: Path) -> None:
    policy = _load(tmp_path, _document("background", "deny"), preset="balanced")
    assert _verdict(policy, "background") == ("deny", "operator.background")
    assert [one.source for one in policy.rules if one.id == "operator.background"] == [f"{tmp_path}/0.yaml:2"]


def test_an_equal_line_changes_nothing_but_the_origin(tmp_path: Path) -> None:
    assert _load(tmp_path, _document("background", "confirm"), preset="balanced").digest == _load(tmp_path, preset="balanced").digest


def test_a_laxer_line_is_refused_and_says_what_to_override(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="`allow` would loosen it") as refused:
        _load(tmp_path, _document("background", "allow"), preset="strict")
    assert refused.value.hint == "to loosen it, add `override: [operator.background]`"
    assert refused.value.source == f"{tmp_path}/0.yaml:2"


def test_a_laxer_line_counts_when_it_overrides_by_name(tmp_path: Path) -> None:
    policy = _load(tmp_path, _document("background", "allow", "override: [operator.background]"), preset="strict")
    assert _verdict(policy, "background") == ("allow", "operator.background")


def test_a_file_cannot_loosen_another_in_silence(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="would loosen it"):
        _load(tmp_path, _document("pipeline", "deny"), _document("pipeline", "confirm"))


def test_an_allow_lifts_the_default_and_no_rule_that_denies(tmp_path: Path) -> None:
    text = (
        "version: 1\ndefaults: {construct: deny}\noperators: {'|': allow}\nrules:\n"
        "  - id: my.pipes\n    verdict: confirm\n    match: {construct: pipeline, subject: tee}\n    because: only for a reason\n"
    )
    policy = _load(tmp_path, text)
    assert _verdict(policy, "pipeline") == ("allow", "operator.pipeline")
    assert _verdict(policy, "sequence") == ("deny", "default.construct")
    analysis = Analysis(effects=(UseConstruct(construct="pipeline", subject="tee"),), plan=Plan(steps=()))
    assert judge(analysis, policy, synthetic_scope(), tool="bash").verdict is Verdict.CONFIRM


BAD = [
    ("operators: {'|||': deny}", "the key `operators.|||` is not known", "did you mean `||`?"),
    ("operators: {'|': blocked}", "`operators.|` should be", "schema"),
    ("constructs: {globb: deny}", "the key `constructs.globb` is not known", "did you mean `glob`?"),
    ("constructs: {pipeline: deny}", "the key `constructs.pipeline` is not known", "it is a sign: `operators: {'|': ...}`"),
    ("constructs: [glob]", "`constructs` should be", "schema"),
    (
        "rules: [{id: operator.background, verdict: allow, match: {program: x}, because: a rule of mine}]",
        "the id `operator.background` is that of a construct",
        "`operators:`",
    ),
]


@pytest.mark.parametrize(("text", "message", "hint"), BAD, ids=[text for text, _, _ in BAD])
def test_what_is_no_construct_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(PolicyFileError) as refused:
        _load(tmp_path, f"version: 1\n{text}\n")
    assert message in refused.value.message
    assert hint in (refused.value.hint or "")
    assert (refused.value.source or "").startswith(f"{tmp_path}/0.yaml:2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("operators: {'|||': deny}", "the key `operators.|||` is not known"),
        ("constructs: {glob: blocked}", "a construct is allowed, confirmed or denied"),
        ("constructs: {glob: denied}", "`denied` is no verdict"),
        ("constructs: [glob]", "a mapping is expected"),
    ],
)
def test_a_shipped_document_is_checked_without_pydantic(text: str, message: str) -> None:
    with pytest.raises(PolicyFileError, match=message.replace("|", "\\|").replace("*", "\\*")):
        list(construct_rules(parse(text, source="presets/x.yaml"), "presets/x.yaml"))


def test_the_presets_differ_in_what_outlives_a_command_and_stands_in_for_a_file() -> None:
    seen = {
        preset: [
            _verdict(load(preset, workspace=WORKSPACE, home=HOME), name)[0] for name in ("background", "process_substitution", "pipeline")
        ]
        for preset in ("hardened", "strict", "balanced", "permissive")
    }
    assert seen == {
        "hardened": ["deny", "deny", "allow"],
        "strict": ["deny", "deny", "allow"],
        "balanced": ["confirm", "confirm", "allow"],
        "permissive": ["allow", "allow", "allow"],
    }
