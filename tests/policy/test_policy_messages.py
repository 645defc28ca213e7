"""What is said of a document that is not a policy: in words of the document, not of the library that found the fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy.errors import PolicyFileError
from bylaw.policy.layers import load

RULE = """version: 1
rules:
  - id: my.rule
    verdict: deny
    match: {program: touch}
    because: touching is not wanted here
"""
BECAUSE = "touching is not wanted here"
QUOTE = "quote it: `yes`, `no`, `on`, `off`, `true` and `false` are booleans in YAML"


def _refused(directory: Path, text: str) -> PolicyFileError:
    (directory / "p.yaml").write_text(text)
    with pytest.raises(PolicyFileError) as caught:
        load(files=(str(directory / "p.yaml"),), workspace="/workspace", home="/home/user")
    return caught.value


def test_a_text_that_is_too_short_says_how_many_characters_it_needs(tmp_path: Path) -> None:
    problem = _refused(tmp_path, RULE.replace(BECAUSE, "short"))
    assert problem.message == "`rules[0].because` should have at least 10 characters, not `short`"


def test_a_list_that_is_empty_says_how_many_items_it_needs(tmp_path: Path) -> None:
    assert _refused(tmp_path, RULE.replace("touch}", "[]}")).message == "`rules[0].match.program` should have at least 1 item"


@pytest.mark.parametrize(("word", "boolean"), [("no", "false"), ("off", "false"), ("yes", "true")])
def test_a_word_that_yaml_takes_for_a_boolean_has_to_be_quoted(tmp_path: Path, word: str, boolean: str) -> None:
    problem = _refused(tmp_path, RULE.replace(BECAUSE, word))
    assert problem.message == f"`rules[0].because` should be a text, and YAML reads this word as the boolean `{boolean}`"
    assert problem.hint == QUOTE


def test_off_that_yaml_takes_for_a_boolean_has_to_be_quoted(tmp_path: Path) -> None:
    assert _refused(tmp_path, "version: 1\nsandbox: {mode: off}\n").hint == QUOTE


def test_a_boolean_that_is_no_verdict_in_quotes_either_is_not_to_be_quoted(tmp_path: Path) -> None:
    assert _refused(tmp_path, "version: 1\ndefaults: {connect: no}\n").hint != QUOTE


def test_several_faults_are_named_with_their_lines(tmp_path: Path) -> None:
    problem = _refused(tmp_path, "version: 1\nlimits:\n  read_bytes: 1\n  write_bytes: 1\n")
    assert problem.source == f"{tmp_path}/p.yaml:3:3"
    assert problem.message == (
        "`limits.read_bytes` should be greater than or equal to 1024, not `1`; "
        "line 4: `limits.write_bytes` should be greater than or equal to 1024, not `1`"
    )


def test_of_many_faults_three_are_named_and_the_others_counted(tmp_path: Path) -> None:
    problem = _refused(tmp_path, "version: 1\na: 1\nb: 1\nc: 1\nd: 1\ne: 1\n")
    assert problem.message == "the key `a` is not known; line 3: the key `b` is not known; line 4: the key `c` is not known (and 2 more)"


@pytest.mark.parametrize("place", ["match: {command: touch}", "match: {program: touch}\n    except: [{command: touch}]"])
def test_a_rule_that_matches_a_command_learns_what_commands_are_matched_by(tmp_path: Path, place: str) -> None:
    problem = _refused(tmp_path, RULE.replace("match: {program: touch}", place))
    assert problem.hint == "commands are matched by `program`, `subcommand`, `option` and `operand`"


def test_an_override_inside_a_rule_is_sent_to_the_top_level(tmp_path: Path) -> None:
    problem = _refused(tmp_path, RULE + "    override: [git.push]\n")
    assert problem.message == "the key `rules[0].override` is not known"
    assert problem.hint == "`override` belongs at the top level of the document: `override: [RULE_ID]`"


def test_a_default_that_is_not_known_lists_the_defaults_once(tmp_path: Path) -> None:
    problem = _refused(tmp_path, "version: 1\ndefaults: {network: deny}\n")
    assert problem.message == "the key `defaults.network` is not known"
    assert (problem.hint or "").startswith("known here: read.inside, read.system")


def test_a_value_that_is_none_of_a_few_lists_them_once(tmp_path: Path) -> None:
    problem = _refused(tmp_path, "version: 1\ngrants: zzzz\n")
    assert problem.message == "`grants` should be 'none', 'session' or 'always', not `zzzz`"
    assert "always" not in (problem.hint or "")
