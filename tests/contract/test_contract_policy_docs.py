"""The page on writing a policy: its documents load, and its lists are those of the code."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from bylaw.policy.actions import ACTIONS, RunCommand
from bylaw.policy.constructs import CONSTRUCTS, RULES, rule_id
from bylaw.policy.decision import Verdict
from bylaw.policy.documents import MatchForm
from bylaw.policy.effects import Origin
from bylaw.policy.engine import decide
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.explain import REASONS
from bylaw.policy.layers import load
from bylaw.policy.match import EFFECT_NAMES
from bylaw.policy.model import LIMIT_BOUNDS, Limits, Policy
from bylaw.policy.records import fields
from bylaw.policy.shipped import SETS
from bylaw.policy.words import MEANINGS
from contract_repository import text

PAGE = "docs/policy.md"
BLOCKS = tuple(re.findall(r"^```yaml\n(.*?)^```$", text(PAGE), re.DOTALL | re.MULTILINE))
KEYS = tuple(field.alias or name for name, field in MatchForm.model_fields.items())


@cache
def _rows(title: str) -> tuple[tuple[str, ...], ...]:
    """The cells of the table below a heading."""
    section = text(PAGE).split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    return tuple(tuple(cell.strip() for cell in row.split(" |")) for row in rows)


def _lines(title: str) -> list[str]:
    section = text(PAGE).split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    found: list[str] = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    return found


def _keys(title: str) -> list[str]:
    return [row[0].strip("`| ") for row in _rows(title)]


def _load(directory: Path, document: str) -> Policy:
    (directory / "p.yaml").write_text(document)
    return load(files=(str(directory / "p.yaml"),), workspace=WORKSPACE, home=HOME)


def _verdict(policy: Policy, command: str) -> Verdict:
    return decide(RunCommand(command=command), policy, synthetic_scope()).verdict


def test_every_block_is_a_whole_document() -> None:
    assert len(BLOCKS) >= 5
    assert [block for block in BLOCKS if not block.startswith("version: 1\n")] == []


@pytest.mark.parametrize("document", BLOCKS, ids=range(len(BLOCKS)))
def test_a_document_loads_and_its_examples_hold(tmp_path: Path, document: str) -> None:
    policy = _load(tmp_path, document)
    own = {rule.id for rule in policy.rules if rule.source.startswith(str(tmp_path))}
    assert own - RULES.keys() == set(re.findall(r"^  - id: (\S+)$", document, re.MULTILINE))
    assert bool(own & RULES.keys()) is ("\noperators:" in document)


def test_an_example_that_does_not_hold_would_be_found(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="does not match its example"):
        _load(tmp_path, BLOCKS[0].replace("npm i left-pad", "npm test"))


def test_the_sample_denies_what_it_names_and_the_network(tmp_path: Path) -> None:
    policy = _load(tmp_path, BLOCKS[0])
    assert _verdict(policy, "npm i left-pad") is Verdict.DENY
    assert _verdict(policy, "curl https://example.org") is Verdict.DENY
    assert _verdict(policy, "git status") is Verdict.ALLOW


def test_an_allow_lifts_a_default_and_no_rule_that_denies(tmp_path: Path) -> None:
    (document,) = [block for block in BLOCKS if "my.tests" in block]
    policy = _load(tmp_path, document)
    assert _verdict(policy, "go test ./...") is Verdict.ALLOW
    assert _verdict(policy, "tokei") is Verdict.ALLOW
    assert _verdict(policy, "cat fixtures/.env") is Verdict.ALLOW
    assert _verdict(policy, "cat .env") is Verdict.DENY
    assert _verdict(policy, "go run .") is Verdict.CONFIRM


def test_an_allow_does_not_lift_a_rule_that_denies(tmp_path: Path) -> None:
    rule = "{id: my.rm, verdict: allow, match: {effect: [execute, delete]}, because: everything may go}"
    policy = _load(tmp_path, f"version: 1\nrules: [{rule}]\n")
    assert _verdict(policy, "rm build/app") is Verdict.ALLOW
    assert _verdict(policy, "rm -rf build") is Verdict.DENY


def test_the_kinds_and_their_meanings_are_those_of_the_code() -> None:
    assert {key: row[1] for key, row in zip(_keys("Defaults"), _rows("Defaults"), strict=True)} == dict(MEANINGS)


def test_the_limits_and_their_bounds_are_those_of_the_code() -> None:
    assert _keys("Limits") == list(fields(Limits))
    for name, row in zip(_keys("Limits"), _rows("Limits"), strict=True):
        if name in LIMIT_BOUNDS:
            assert tuple(float(cell.strip("| ").replace(",", "")) for cell in row[2:4]) == LIMIT_BOUNDS[name]


def test_the_keys_of_a_match_are_those_of_the_code() -> None:
    assert _keys("Rules") == list(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_the_example_of_a_key_can_be_loaded(tmp_path: Path, key: str) -> None:
    (row,) = [row for row in _rows("Rules") if row[0].strip("`| ") == key]
    example = row[1].strip("`| ")
    assert example.startswith(f"{key}: ")
    rule = f"{{id: my.rule, verdict: deny, because: only an example, match: {{{example}}}}}"
    assert "my.rule" in {one.id for one in _load(tmp_path, f"version: 1\nrules: [{rule}]\n").rules}


@pytest.mark.parametrize(
    ("key", "words"),
    [("effect", EFFECT_NAMES), ("tool", tuple(ACTIONS)), ("origin", get_args(Origin))],
)
def test_the_words_of_a_key_are_those_of_the_code(key: str, words: tuple[str, ...]) -> None:
    (row,) = [row for row in _rows("Rules") if row[0].strip("`| ") == key]
    assert set(re.findall(r"`([a-z_]+)`", row[2])) == set(words)


def test_the_operators_and_constructs_are_those_of_the_code() -> None:
    page = [tuple(cell.replace("\\|", "|") for cell in re.split(r" (?<!\\)\| ", row)) for row in _lines("Operators and constructs")]
    code = [
        (f"`{one.sign or name}`", f"`{rule_id(name)}`", one.meaning, "`" + one.example.replace("\n", "\\n") + "`")
        for name, one in CONSTRUCTS.items()
    ]
    assert page == code


def test_reasons_that_come_from_no_rule_are_named() -> None:
    section = text(PAGE).split("## Reasons that come from no rule", 1)[1]
    assert [reason for reason in REASONS if f"`{reason}`" not in section] == []


def test_the_rule_sets_are_named() -> None:
    assert [name for name in SETS if f"`{name}`" not in text(PAGE).split("## Defaults", 1)[0]] == []
