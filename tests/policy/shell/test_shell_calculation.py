"""Arithmetic, compared with bash: what we calculate is what bash calculates, and what we refuse is an error or code there."""

from __future__ import annotations

import random

import pytest

from bash_words import Case, bash_all, expander, ours, read_words, state
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Assign, Compute, LateWord, Name, Number
from bylaw.policy.shell.tree import Arithmetic

VARIABLES = {"a": "5", "b": "-9", "e": "", "n": "-9223372036854775808", "v": "3"}
NUMBERS = ("0", "1", "2", "7", "-3", "9223372036854775807", "63", "64", "65", "0x1F", "010")
NAMES = ("a", "b", "u", "e", "n", "$a", "${b}", "$e", "$v")
SIGNS = ("+", "-", "-", "*", "/", "%", "**", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&", "^", "|", "&&", "||", ",")
SETS = ("=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|=")


def expression(pick: random.Random, depth: int) -> str:
    if depth == 0:
        return pick.choice((*NUMBERS, *NAMES))

    def below() -> str:
        return expression(pick, depth - 1)

    kind = pick.random()
    blank = pick.choice(("", " "))
    if kind < 0.55:
        return f"{below()}{blank}{pick.choice(SIGNS)}{blank}{below()}"
    if kind < 0.7:
        return f"({below()})"
    if kind < 0.78:
        return f"{pick.choice('+-!~')}{blank}{below()}"
    if kind < 0.86:
        return f"({below()} ? {below()} : {below()})"
    if kind < 0.93:
        return f"(v{blank}{pick.choice(SETS)}{blank}{below()})"
    return pick.choice(("v++", "++v", "v--", "--w", "w++"))


def calculated(case: Case) -> str | None:
    """Our value as text, None where it is refused."""
    try:
        part = read_words(case.text)[0].parts[0]
        assert isinstance(part, Arithmetic)
        return str(expander().calculate(part.value, state(case), part.span))
    except ShellSyntaxError:
        return None


def test_random_expressions_have_the_value_that_bash_gives_them() -> None:
    pick = random.Random(20)
    cases = [Case(f"$(({expression(pick, pick.randint(0, 4))}))", VARIABLES) for _ in range(3_000)]
    answers = [(case, calculated(case), bash) for case, bash in zip(cases, bash_all(cases), strict=True)]
    assert [(case.text, value, bash) for case, value, bash in answers if value is not None and [value] != bash] == []
    assert sum(value is not None for _, value, _ in answers) > 2_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x", "08"), ("x", "0x1F"), ("x", "1+1"), ("x", "y"), ("x", "a[$(m0)]"), ("x", " 5"), ("x", "99999999999999999999"),
        ("x", "9223372036854775808"), ("x", "--5"), ("x", "٣"), ("$x", "08"), ("-$x", "-1"), ("1 -$x*2", "-1"), ("1 - $x ? 1 : 2", "-1"),
    ],
)  # fmt: skip
def test_a_value_that_is_no_plain_number_is_refused_by_name(text: str, value: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        ours(Case(f"$(({text}))", {"x": value}))
    assert refused.value.construct == "arithmetic_value"


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("1 / 0", "division_by_zero"),
        ("1 % x", "division_by_zero"),
        ("2 ** -1", "negative_exponent"),
        ("0 && 2 ** -1", "negative_exponent"),
        ("1 ? 1 : 2 ** 3", "negative_exponent"),
        ("1 - $x - 3", "arithmetic_value"),
        ("x = 5, $x", "arithmetic_expanded"),
        ("PATH = 5", "special_variable"),
        ("HOME = 1", "special_variable"),
        ("RANDOM", "shell_variable"),
    ],
)
def test_what_is_an_error_or_depends_on_the_shell_is_refused_by_name(text: str, construct: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        ours(Case(f"$(({text}))"))
    assert refused.value.construct == construct


def test_an_assignment_changes_the_state_and_stays_in_the_plan() -> None:
    case = Case("$((i += n))", {"i": "2", "n": "3"})
    known = state(case)
    (word,) = expander().words(read_words(case.text), known)
    assert known.variables["i"] == "5"
    assert isinstance(word, LateWord)
    (part,) = word.parts
    assert isinstance(part, Compute)
    assert isinstance(part.value, Assign)
    assert "Number(value=3)" in repr(part.value)
    assert "Name(name='i')" in repr(part.value)


def test_a_name_that_only_the_run_knows_makes_the_sum_late_and_what_it_assigns_unknown() -> None:
    known = state(Case("", {"k": "4"}))
    known.variables["late"] = None
    (word,) = expander().words(read_words("$(((x = late - $late) ? k : -k ))"), known)
    assert isinstance(word, LateWord)
    assert known.variables["x"] is None
    assert "Number(value=4)" in repr(word)
    assert "Name(name='late')" in repr(word)


def test_an_unset_name_is_zero_and_refused_under_nounset() -> None:
    known = state(Case(""))
    (part,) = read_words("$((x + 1))")[0].parts
    assert isinstance(part, Arithmetic)
    assert expander().calculate(part.value, known) == 1
    assert expander().late_sum(Name(name="x"), known) == Number(value=0)
    known.nounset = True
    with pytest.raises(ShellSyntaxError) as refused:
        expander().calculate(part.value, known)
    assert refused.value.construct == "unset_variable"
