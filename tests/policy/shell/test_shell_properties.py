"""What holds for every text."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import script_grammar
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Plan
from bylaw.policy.records import replace
from bylaw.policy.scope import Scope
from bylaw.policy.shell import Script, names, parse, resolve
from bylaw.policy.shell.walk import pieces, tiles

CORPUS = Path(__file__).parents[2] / "corpus"
COMMANDS: list[str] = [
    json.loads(line)["command"]
    for name in ("tricky", "everyday", "attacks")
    for line in (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    if line
]
SHELLISH = st.text(alphabet=" \t\n'\"\\$`(){}<>&|;#!*?[]=~-+.,:/%^@0129aEmx_é\r\0\u200b\ud800", max_size=40)
TEXTS = st.one_of(st.text(max_size=60), SHELLISH, st.sampled_from(COMMANDS))
PATTERNS = st.lists(
    st.sampled_from(
        ["[", "]", "!", "^", "-", ":", "*", "?", "a", "z", "1", ".", "é", "'a'", '"]"', "\\[", "/", "[:alpha:]", "[:", ":]", "=", "x"]
    ),
    min_size=1,
    max_size=9,
).map(lambda parts: "m0 " + "".join(parts))
SCRIPTS = st.integers(min_value=0, max_value=2**32).map(lambda seed: script_grammar.scripts(1, seed, COMMANDS)[0])
WORDS = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("é𝒳\n\t"), min_size=1, max_size=12)


def accepted(text: str) -> Script | None:
    try:
        return parse(text)
    except ShellSyntaxError:
        return None


@given(st.one_of(TEXTS, SCRIPTS, PATTERNS))
def test_no_text_makes_parsing_or_resolving_raise_anything_else(scope: Scope, text: str) -> None:
    try:
        script = parse(text)
        resolve(script, scope)
        names(script)
    except ShellSyntaxError as error:
        assert error.construct
        assert error.hint
        assert 0 <= error.span.start <= error.span.end


@given(st.one_of(TEXTS, SCRIPTS))
def test_every_character_of_an_accepted_text_has_its_place(text: str) -> None:
    script = accepted(text)
    if script is not None:
        assert tiles(script)
        assert "".join(text[span.start : span.end] for span in pieces(script)) == text


@given(SHELLISH, st.integers(min_value=0, max_value=40))
def test_a_gap_or_an_overlap_is_found(text: str, at: int) -> None:
    script = accepted(f"m0 a # {text}".replace("\n", " "))
    if script is not None:
        assert not tiles(replace(script, trivia=script.trivia[: at % len(script.trivia)]))
        assert not tiles(replace(script, trivia=(*script.trivia, script.trivia[at % len(script.trivia)])))


def single(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def double(word: str) -> str:
    return '"' + "".join(f"\\{one}" if one in '$`"\\' else one for one in word) + '"'


def escaped(word: str) -> str:
    return "".join("'\n'" if one == "\n" else f"\\{one}" for one in word)


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_a_word_is_the_same_however_it_is_quoted(scope: Scope, words: list[str]) -> None:
    for quote in (single, double, escaped):
        text = "m0 " + " ".join(quote(word) for word in words)
        assert resolve(parse(text), scope).plan.invocations()[0].argv == ("m0", *words)


def vectors(plan: Plan) -> list[tuple[tuple[str, ...], str]]:
    return [(one.argv, one.directory) for one in plan.invocations()]


@given(SCRIPTS)
def test_blanks_and_comments_around_a_script_change_nothing(scope: Scope, text: str) -> None:
    try:
        plain = resolve(parse(text), scope)
    except ShellSyntaxError:
        return
    wrapped = resolve(parse(f" \t\n# c\n \\\n{text}\n# d\n\n"), scope)
    assert vectors(wrapped.plan) == vectors(plain.plan)


@given(SCRIPTS)
def test_the_same_text_gives_the_same_plan(scope: Scope, text: str) -> None:
    script = accepted(text)
    if script is not None:
        assert accepted(text) == script
        try:
            assert resolve(script, scope) == resolve(script, scope)
        except ShellSyntaxError as error:
            assert error.construct
