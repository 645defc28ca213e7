"""The subset, case by case: what is read and what it becomes, what is refused and by which name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, get_args

import pytest
import yaml

from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.scope import Scope
from bylaw.policy.shell import parse, resolve
from bylaw.policy.shell.refusals import REFUSALS, Construct

CASES = Path(__file__).parent / "cases"
# These need a long text, a broken file system or a fault of our own; test_shell_limits.py holds them.
ELSEWHERE = {
    "argument_too_long", "arithmetic_too_long", "cd_path_variable", "conditional_too_long", "glob_too_large", "pins_of_directories", "pins_of_shell", "surrogate", "too_deep", "too_long", "too_many_commands", "too_many_expansions", "too_many_words",
    "unaccounted_text", "unresolvable",
}  # fmt: skip


class Accepted(TypedDict):
    text: str
    argv: list[list[str]]


class Refused(TypedDict):
    text: str
    construct: str


ACCEPTED: list[Accepted] = yaml.safe_load((CASES / "accepted.yaml").read_text(encoding="utf-8"))
REFUSED: list[Refused] = yaml.safe_load((CASES / "refused.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: ascii(case["text"])[:60])
def test_an_accepted_text_becomes_these_arguments(case: Accepted, arguments: Callable[[str], list[tuple[str, ...]]]) -> None:
    assert [list(one) for one in arguments(case["text"])] == case["argv"]


def test_bash_agrees_with_every_accepted_case(compare_with_bash: Callable[[Sequence[str]], tuple[int, list[str]]]) -> None:
    accepted, differences = compare_with_bash([case["text"] for case in ACCEPTED])
    assert differences == []
    assert accepted == len(ACCEPTED)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: ascii(case["text"])[:60])
def test_a_text_outside_the_subset_is_refused_by_name_with_a_hint(case: Refused, scope: Scope) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        resolve(parse(case["text"]), scope)
    assert refused.value.construct == case["construct"]
    assert refused.value.hint
    assert 0 <= refused.value.span.start <= refused.value.span.end <= max(1, len(case["text"]))


def test_every_construct_has_a_text_that_is_refused_by_it() -> None:
    unread: dict[str, list[str]] = yaml.safe_load((CASES / "parse_refused.yaml").read_text(encoding="utf-8"))
    assert unread.keys() | {case["construct"] for case in REFUSED} | ELSEWHERE >= set(get_args(Construct)) - {"builtin"}


def test_every_construct_has_a_message_and_a_hint() -> None:
    assert set(REFUSALS) == set(get_args(Construct))
    assert all(message and hint and not message.endswith(".") for message, hint in REFUSALS.values())


def test_a_refusal_points_at_what_it_names() -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        parse("ls\necho a $[x]")
    assert refused.value.span.position("ls\necho a $[x]") == (2, 8)
    assert refused.value.span.caret("ls\necho a $[x]") == "echo a $[x]\n       ^^"
