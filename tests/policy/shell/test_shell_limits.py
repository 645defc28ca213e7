"""What is too large, too deep or broken is refused, by counts and not by clocks."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import FrameType

import pytest

from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.records import replace
from bylaw.policy.scope import PathKind, Scope
from bylaw.policy.shell import Script, parse, parser, resolve
from bylaw.policy.shell.caps import DEFAULT, Caps
from bylaw.policy.shell.cursor import HARD_DEPTH
from bylaw.policy.shell.expand import MAX_EXPANDED
from bylaw.policy.shell.globs import MAX_NAMES, MAX_RESULTS
from bylaw.policy.shell.patterns import MAX_PATTERN, MAX_STARS
from bylaw.policy.shell.walk import tiles


class CountingFiles:
    """A directory full of names, that counts how often it is listed."""

    def __init__(self, names: tuple[str, ...], kind: PathKind = "directory") -> None:
        self.all = names
        self.is_a: PathKind = kind
        self.listed = 0

    def real(self, path: str) -> str:
        return path

    def kind(self, path: str) -> PathKind:
        return self.is_a

    def names(self, directory: str) -> tuple[str, ...]:
        self.listed += 1
        return self.all

    def executable(self, path: str) -> bool:
        return False

    def read_text(self, path: str, limit: int) -> str | None:
        return None


class BrokenFiles(CountingFiles):
    """A file system that answers with an error."""

    def names(self, directory: str) -> tuple[str, ...]:
        raise OSError("a loop of links")


def refused(text: str, scope: Scope | None = None, *, caps: Caps = DEFAULT) -> str:
    with pytest.raises(ShellSyntaxError) as error:
        script = parse(text, caps)
        if scope is not None:
            resolve(script, scope)
    return error.value.construct


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, '"' * 1_000_001, "$(" * 500_000, "a;" * 500_000, "\\\n" * 500_000, "{" * 1_000_000, "'" + "a" * 1_000_000],
    ids=["word", "quotes", "substitutions", "list", "continuations", "braces", "unclosed"],
)
def test_a_megabyte_is_refused_before_it_is_read(text: str) -> None:
    assert refused(text) == "too_long"


def test_the_length_limit_is_exact() -> None:
    assert parse("m0 aa", Caps(characters=5))
    assert refused("m0 aaa", caps=Caps(characters=5)) == "too_long"


def test_a_sequence_with_too_many_values_is_refused_as_that() -> None:
    assert parse("m0 {1..1000}")
    assert refused("m0 {1..1001}") == "too_many_expansions"
    assert refused("m0 {1..99999}") == "too_many_expansions"


def test_a_text_is_no_longer_in_bytes_than_in_characters() -> None:
    assert parse("m0 '" + "é" * ((65_536 - 6) // 2) + "a'")
    assert refused("m0 '" + "é" * ((65_536 - 6) // 2) + "aaa'") == "too_long"
    assert refused("m0 '" + "\N{GRINNING FACE}" * 16_400 + "'") == "too_long"


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("m0 " + "a " * DEFAULT.words, "too_many_words"),
        ("A=1 " * (DEFAULT.words + 1), "too_many_words"),
        (">f " * (2 * DEFAULT.commands + 1), "too_many_commands"),
        ("m0" + " 2>&1" * (2 * DEFAULT.commands + 1), "too_many_commands"),
        ("m0 " + "\\a" * (2 * DEFAULT.words), "too_many_words"),
        ("m0 " + "''" * (2 * DEFAULT.words), "too_many_words"),
        ("m0 " + "~/" * 30_000, "too_many_words"),
        ("m0" + " \\\n" * (2 * DEFAULT.words), "too_many_words"),
        ("m0" + "\n" * (2 * DEFAULT.words + 2) + "m1", "too_many_words"),
        ("m0\n" + "# a\n" * (DEFAULT.words + 1), "too_many_words"),
        ("m0 " + "$X0" * (DEFAULT.expansions + 1), "too_many_expansions"),
        ("m0 " + "$?" * (DEFAULT.expansions + 1), "too_many_expansions"),
        ('m0 "' + "${X0}" * (DEFAULT.expansions + 1) + '"', "too_many_expansions"),
        ("m0 " + "{1..9}" * (DEFAULT.expansions + 1), "too_many_expansions"),
        ("m0;" * (DEFAULT.commands + 1), "too_many_commands"),
        ("m0|" * DEFAULT.commands + "m0", "too_many_commands"),
        ("m0&&" * DEFAULT.commands + "m0", "too_many_commands"),
        ("m0 " + "{" * (DEFAULT.depth + 1), "too_deep"),
        ("m0 {" + "a," * DEFAULT.words + "}", "too_many_words"),
        ("m0 \ud800", "surrogate"),
        ("( " * 30_000, "too_deep"),
        ("(" * 60_000, "too_deep"),
        ("((" * 30_000, "too_deep"),
        ("$(" * 30_000, "too_deep"),
        ('"$(' * 20_000, "too_deep"),
        ("<(" * 30_000, "too_deep"),
        ("${a:-" * 12_000, "too_deep"),
        ('"${a#' * 12_000, "too_deep"),
        ("$((" * 20_000, "arithmetic_substitution"),
        ("$(((" + "(" * 60_000, "too_deep"),
        ("$((" + "a=" * 30_000, "too_deep"),
        ("$((" + "1?" * 30_000, "too_deep"),
        ("$((" + "1**" * 20_000, "too_deep"),
        ("$((" + "-" * 60_000, "arithmetic"),
        ("((" + "- " * 30_000, "arithmetic_too_long"),
        ("((" + "1+" * 30_000, "arithmetic_too_long"),
        ("{ " * 30_000, "too_deep"),
        ("if " * 20_000, "too_deep"),
        ("while " * 10_000, "too_deep"),
        ("for x do " * 7_000, "too_deep"),
        ("case x in x) " * 5_000, "too_deep"),
        ("f() { " * 10_000, "too_deep"),
        ("f()" * 20_000, "function_body"),
        ("[[ " + "( " * 30_000, "too_deep"),
        ("[[ " + "! " * 30_000, "too_deep"),
        ("[[ " + "a && " * 12_000, "conditional_too_long"),
        ("! " * 30_000, "negation"),
        ("m0 " + "{a," * 20_000, "too_deep"),
        ("m0 ${" * 10_000, "parameter_expansion"),
        ("if m0; then m1; " + "elif m0; then m1; " * 3_000, "too_many_commands"),
        ("cat " + "<<'E' " * 900 + "\n" + "E\n" * 899, "unclosed_here_document"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_more_than_the_limit_is_refused_by_name(text: str, construct: str) -> None:
    assert refused(text) == construct


@pytest.mark.parametrize(
    "text",
    [
        "m0 " + "a " * (DEFAULT.words - 1),
        "m0;" * DEFAULT.commands,
        "m0 " + "{" * DEFAULT.depth,
        "m0 '" + "a" * 60_000 + "'",
        'm0 "' + "\\$" * 30_000 + '"',
        "m0 " + "\\a" * (2 * DEFAULT.words - 1),
        "m0 " + "''" * (2 * DEFAULT.words - 1),
        "m0" + " \\\n" * (DEFAULT.words - 1),
        "m0" + "\n" * (2 * DEFAULT.words) + "m1",
        "m0" + " 2>&1" * (2 * DEFAULT.commands),
        "cat <<'E'\n" + "\n" * 60_000 + "E",
        "m0 " + "$X0" * DEFAULT.expansions,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_long_but_within_the_limits_is_read(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    "piece",
    [
        "a'b'~ ",
        "$x",
        '"$x"',
        "${x:-a}",
        "$(m0 a)",
        "`m0`",
        "{a,b}",
        "{a",
        "$((1+x))",
        "\\a",
        "$'\\n'",
        "a;",
        "m0|m1&&",
        "x=1 ",
        "{1..9}",
        " \\\n",
    ],
)
def test_twice_the_text_is_at_most_about_twice_the_steps(piece: str) -> None:
    caps = Caps(words=100_000, commands=100_000, depth=32)

    def steps(count: int) -> int:
        """How often a function is called while a text of so many pieces is read."""
        taken = 0

        def seen(_frame: FrameType, _event: str, _argument: object) -> None:
            nonlocal taken
            taken += 1

        sys.setprofile(seen)
        try:
            with suppress(ShellSyntaxError):
                parse("m0 " + piece * count + "m1", caps)
        finally:
            sys.setprofile(None)
        return taken

    steps(1)  # patterns are compiled when they are first used
    assert steps(400) <= 2.2 * steps(200) + 100


def test_no_policy_can_ask_for_more_depth_than_the_reader_has() -> None:
    assert refused("( " * 30_000, caps=Caps(depth=1_000_000)) == "too_deep"
    assert parse("( " * HARD_DEPTH + "m0" + " )" * HARD_DEPTH, Caps(depth=1_000_000))


def test_values_that_double_are_stopped(scope: Scope) -> None:
    assert refused("x=aaaaaaaaaaaaaaaa;" + "x=$x$x;" * 60 + "m0 $x", scope) == "argument_too_long"


def test_a_large_value_used_often_is_stopped(scope: Scope) -> None:
    large = replace(scope, environment={"BIG": "a" * (MAX_EXPANDED // 10)})
    assert refused("m0 " + '"$BIG" ' * 20, large) == "argument_too_long"


def test_a_glob_that_matches_too_much_is_refused(scope: Scope) -> None:
    files = CountingFiles(tuple(f"f{number}" for number in range(MAX_RESULTS + 1)))
    assert refused("m0 *", replace(scope, files=files)) == "glob_too_large"


def test_nested_globs_list_a_bounded_number_of_directories(scope: Scope) -> None:
    files = CountingFiles(("a", "b", "c", "d"))
    assert refused("m0 " + "/".join("*" * 60), replace(scope, files=files)) == "glob_too_large"
    assert files.listed <= MAX_RESULTS


def test_globs_of_one_script_share_one_budget(scope: Scope) -> None:
    files = CountingFiles(tuple(f"f{number}" for number in range(MAX_NAMES // 50)))
    assert refused("m0 " + "nothing* " * 100, replace(scope, files=files)) == "glob_too_large"
    assert files.listed <= 51


@pytest.mark.parametrize("pattern", ["*a" * (MAX_STARS + 1), "a" * MAX_PATTERN + "*"])
def test_a_pattern_that_is_too_large_is_refused(pattern: str, scope: Scope) -> None:
    assert refused(f"m0 {pattern}", replace(scope, files=CountingFiles(("x",)))) == "glob_too_large"


def test_stars_do_not_backtrack_into_each_other(scope: Scope) -> None:
    files = CountingFiles(("a" * 255,) * 50)
    found = resolve(parse("m0 " + "*a" * (MAX_STARS - 2) + "*b"), replace(scope, files=files))
    assert found.plan.invocations()[0].argv[1].endswith("*b")


def test_a_name_that_is_not_utf8_is_refused(scope: Scope) -> None:
    assert refused("m0 *", replace(scope, files=CountingFiles(("a\udcff",)))) == "glob_name"


def test_an_error_of_the_file_system_is_a_refusal(scope: Scope) -> None:
    assert refused("m0 *", replace(scope, files=BrokenFiles(()))) == "unresolvable"


def test_a_text_that_is_not_wholly_accounted_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def loses_one(script: Script) -> bool:
        return tiles(replace(script, trivia=script.trivia[1:]))

    monkeypatch.setattr(parser, "tiles", loses_one)
    assert refused("m0 a") == "unaccounted_text"
