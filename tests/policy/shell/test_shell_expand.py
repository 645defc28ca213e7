"""Words become what bash makes of them: parameters, splitting, braces and globs, compared with bash in one directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bash_words import Case, bash_all, ours
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import LateWord

VALUES = (
    None, "", "abc", "a b", " a  b ", "a.tar.gz", "/usr/lib/x", "*", "a*b", "été", "ßx", "-n", "a/b/c.py", "aXbXa", "]",
    "12", "{a,b}", "~", "x\ny", "$(m)", "'q'", "*.py", "[!a]", "\t",
)  # fmt: skip
PARAMETERS = (
    "$x", '"$x"', "a$x", '"a$x"b', "${x:-d e}", '"${x:-d e}"', "${x-d}", "${x:+s t}", '"${x+s}"', '${x:-"d e"f}', "${x:-}",
    '"${x:-}"', "${#x}", "${x#a}", "${x#*.}", '"${x#*.}"', "${x##*/}", '"${x%.*}"', '"${x%%.*}"', '"${x%/*}"', '"${x/a/Z}"',
    '"${x//a/Z}"', '"${x//[ab]/-}"', '"${x/#a/Z}"', '"${x/%c/Z}"', '"${x/*/Z}"', '"${x//?/Z}"', '"${x/#*/Z}"', '"${x/%*/Z}"',
    '"${x:1}"', '"${x:1:2}"', '"${x: -2}"', '"${x: -2:1}"', '"${x:5}"', '"${x: -9}"', '"${x^}"', '"${x^^}"', '"${x,}"',
    '"${x,,}"', '"${x#"a"}"', '"${x#[!a]}"', '"${x%%[[:digit:]]*}"', "${x:=new v}", '"${x:=n}"$x', '"${x//b}"', "${x:-*}",
    "$x$x", '$x""', '""$x', "\"$x\"''", "${x:-''}", "a${x:-b c}d", '"${x/ /"&"}"', '${x:+"$x"}', "${x:+$x}", '"${x#$x}"',
    '"${x%"$x"}"', "${x:-${y:-z}}", '"${x%%*}"', '"${x#*}"', "${x:-$((1+1))}",
)  # fmt: skip
POSITIONAL = (
    "$@", '"$@"', '"a$@b"', "$*", '"$*"', 'x"$@"y', '"$@"""', "$#", '"$1"', "$2", "${2:-d}", "${1#a}", '"$@$@"', "$@$@", "''$@",
    "a$@", '"${#1}"',
)  # fmt: skip
LISTS = ((), ("",), ("a",), ("a", "b"), ("a b", " c "), ("", "x"), ("x", ""), ("", ""), ("*.py", "b"))
BRACES = (
    "{a,b}", "{a,b}{c,d}", "x{a,,b}y", "{1..5}", "{1..10..3}", "{5..1}", "{01..10}", "{a..e}", "a{b,c{d,e}f}g", "{a,b}$x",
    '"{a,b}"', "{a}", '{a,"b c"}', "{,a}", "{$x,y}", "${x}{a,b}", '{a,b}"$x"', "{-1..2}", "{a..c}{1..2}", "{a,b}{,c}", "{a,d}*",
    "d/{e,f}.py", "{a,b}.*", "$'a\\tb'$x", "~/{a,b}",
)  # fmt: skip
GLOBS = (
    "*.py", "d/*", "*", ".h*", "[ab].py", "?.py", "'*'.py", '"a"*', "*/e.py", "nothing*", "[!a].py", "*/", "./*.py", "[[:alpha:]]*",
    "[a-c].py", "x*y*z", "$x*", "*$x", '"$x"*', "${x:-*.py}",
)  # fmt: skip


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    root: Path = tmp_path_factory.mktemp("tree")
    for name in ("a.py", "b.py", "-x", "c d", "d/e.py", "d/-y", ".h"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    return str(root)


def _alike(mine: str | LateWord, theirs: str) -> bool:
    """Whether a word is bash's, but for the one allowed difference: `./-name` for a name that begins with a dash."""
    return mine == theirs or (theirs.startswith("-") and mine == f"./{theirs}")


def differences(cases: list[Case], directory: str) -> tuple[list[str], set[str]]:
    """Where we differ from bash, and the names of what was refused."""
    found: list[str] = []
    refused: set[str] = set()
    for case, bash in zip(cases, bash_all(cases, directory), strict=True):
        try:
            words = ours(case, directory)
        except ShellSyntaxError as problem:
            refused.add(problem.construct)
            continue
        if bash is None or len(words) != len(bash) or not all(_alike(mine, theirs) for mine, theirs in zip(words, bash, strict=True)):
            found.append(f"{case}: {words}, bash: {bash}")
    return found, refused


def test_every_operator_gives_what_bash_gives_for_every_value(directory: str) -> None:
    cases = [Case(text, {} if value is None else {"x": value}) for text in PARAMETERS for value in VALUES]
    assert differences(cases, directory) == ([], set())


def test_positional_parameters_become_the_words_that_bash_makes(directory: str) -> None:
    assert differences([Case(text, {}, one) for text in POSITIONAL for one in LISTS], directory) == ([], set())


def test_braces_are_expanded_before_everything_else_in_the_order_of_bash(directory: str) -> None:
    assert differences([Case(text, {"x": value}) for text in BRACES for value in ("v", "p q", "", "*")], directory) == ([], set())


def test_globs_find_the_names_that_bash_finds(directory: str) -> None:
    assert differences([Case(text, {"x": value}) for text in GLOBS for value in ("a", "", "b c")], directory) == ([], set())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text("ab* ./-é[]?\n'\"", max_size=8), st.text("ab*?./-", min_size=1, max_size=5)), min_size=20, max_size=40))
def test_trims_and_replacements_by_any_pattern_are_those_of_bash(drawn: list[tuple[str, str]]) -> None:
    forms = ("#", "##", "%", "%%", "/", "//")
    cases: list[Case] = []
    for index, (value, pattern) in enumerate(drawn):
        form = forms[index % len(forms)]
        written = pattern.replace("/", "\\/") if "/" in form else pattern
        if not ("/" in form and pattern[0] in "#%/"):
            cases.append(Case(f'"${{x{form}{written}{"/R" if "/" in form else ""}}}"', {"x": value}))
            cases.append(Case(f'"${{x{form}$p{"/R" if "/" in form else ""}}}"', {"x": value, "p": pattern}))
    found, refused = differences(cases, "/")
    assert found == []
    assert refused <= {"parameter_operand", "glob_too_large"}


@pytest.mark.parametrize(
    ("text", "value", "construct"),
    [
        ("${x:?}", "", "parameter_error"),
        ('"${x:0:-3}"', "a", "slice_length"),
        ('"${x:i++}"', "a", "slice_assignment"),
        ("$x", "a\\*", "backslash_in_value"),
        ('"${x#$x}"', "a\\*", "backslash_in_value"),
        ('"${x##*[[:space:]]}"', "é", "glob_name"),
        ('"${x#@$x}"', "(a)", "extended_glob"),
        ("${x:=1}${HOME:+}${IFS:=2}", "a", "shell_variable"),
        ("${PS9:=2}${COMP_X:=1}", "a", "shell_variable"),
        ("${LC_X:=1}", "a", "special_variable"),
        ("$RANDOM", "a", "shell_variable"),
        ("$OLDPWD", "a", "shell_variable"),
        ('"${x//a*b*c/-}"', "a" * 3_000, "glob_too_large"),
        ("{1..900}{1..900}", "a", "too_many_expansions"),
        ("${1:=a}", "a", "late_parameter"),
    ],
)
def test_what_bash_calls_an_error_or_shells_differ_on_is_refused_by_name(text: str, value: str, construct: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        ours(Case(text, {"x": value}))
    assert refused.value.construct == construct


def test_every_letter_has_the_other_case_that_bash_gives_it_or_is_refused() -> None:
    letters = "".join(
        chr(one) for one in range(0xA1, 0x3000) if chr(one).isprintable() and chr(one) != "\u0130" and not 0x1F80 <= one < 0x2000
    )
    assert differences([Case('"${x^^}"', {"x": letters}), Case('"${x,,}"', {"x": letters})], "/") == ([], set())
    assert differences([Case('"${x^^}"', {"x": one}) for one in ("\u1f80", "\U00010428")], "/") == ([], {"letter_case"})
