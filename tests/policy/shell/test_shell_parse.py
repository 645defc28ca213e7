"""What is read and what is refused, by construct; real bash is asked about everything that is read."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import script_grammar
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Assign, Binary, Choose, Name, Number, Sum, Unary
from bylaw.policy.shell import Script, parse
from bylaw.policy.shell.tree import (
    Arithmetic,
    Brace,
    Command,
    CommandSubstitution,
    Group,
    HereDocument,
    Text,
    Word,
)
from bylaw.policy.shell.walk import commands, pieces

CASES = Path(__file__).parent / "cases"
CORPUS = Path(__file__).parents[2] / "corpus"
PARSED: dict[str, list[str]] = yaml.safe_load((CASES / "parsed.yaml").read_text(encoding="utf-8"))
UNREAD: dict[str, list[str]] = yaml.safe_load((CASES / "parse_refused.yaml").read_text(encoding="utf-8"))
COMMANDS: list[str] = [
    json.loads(line)["command"]
    for name in ("tricky", "everyday", "attacks")
    for line in (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    if line
]
_HOSTILE = (
    "(", "((", "$(", "$((", "`", '"', "'", "{", "}", "${", "${a:-", "${a#", "${a/", "[[", "]]", "!", "time", "if", "then", "fi", "for", "x",
    "in", "do", "done", "while", "case", "esac", "a)", ";;", ";&", ";;&", "f()", "function", "<<E", "<<-E", "<<'E'", "<<<", "<(", ">", "2>",
    "&", "&&", "||", "|", "|&", ";", ")", "#", "\\", "$'", "~", ",", "..", "=", "+=", "-eq", "=~", "1", "a", "$x", "$?", "+", "*", "**", "?",
    ":", "))", " ", " ", " ", "\n", "\\\n", "\nE\n", "\t",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(_HOSTILE), max_size=30).map("".join)


def accepted(texts: Sequence[str]) -> list[str]:
    found: list[str] = []
    for text in texts:
        try:
            parse(text)
        except ShellSyntaxError:
            continue
        found.append(text)
    return found


def bash_refuses(texts: Sequence[str]) -> list[str]:
    """Those that `bash -n` does not read, or warns about: one bash asks all the others."""
    asks = 'while IFS= read -r -d "" text; do [ -z "$(bash -n -c -- "$text" 2>&1)" ] || printf "%s\\0" "$text"; done'
    given_texts = "".join(f"{text}\0" for text in texts).encode()
    done = subprocess.run(["bash", "--norc", "-c", asks], input=given_texts, capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def bash_prints(script: str) -> str:
    done = subprocess.run(
        ["bash", "--norc", "/dev/stdin"],
        input=script.encode(),
        capture_output=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    return done.stdout.decode()


@pytest.mark.parametrize(("construct", "text"), [(name, one) for name, texts in PARSED.items() for one in texts])
def test_a_text_of_the_language_is_read(construct: str, text: str) -> None:
    script = parse(text)
    assert "".join(text[span.start : span.end] for span in pieces(script)) == text, construct


@pytest.mark.parametrize(("construct", "text"), [(name, one) for name, texts in UNREAD.items() for one in texts])
def test_a_text_outside_the_language_is_refused_by_its_name_with_a_hint(construct: str, text: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        parse(text)
    assert refused.value.construct == construct
    assert refused.value.hint
    assert 0 <= refused.value.span.start <= refused.value.span.end <= len(text)


def test_bash_reads_everything_that_is_read() -> None:
    texts = accepted([*COMMANDS, *(one for texts in PARSED.values() for one in texts), *script_grammar.scripts(300, 7, COMMANDS)])
    assert len(texts) > 900
    assert bash_refuses(texts) == []


@given(HOSTILE)
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        script = parse(text)
    except ShellSyntaxError as error:
        assert error.construct
        assert error.hint
    else:
        assert "".join(text[span.start : span.end] for span in pieces(script)) == text


def first(text: str) -> Command:
    node = parse(text).steps[0].pipeline.commands[0]
    assert isinstance(node, Command)
    return node


def names(script: Script) -> list[str]:
    return [one.words[0].written() for one in commands(script) if one.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('m0 "$(m1 `m2` <(m3))"', "m0 m1 m2 m3"),
        ("m0 <<E\n$(m1) ${x:-`m2`}\nE\nm3", "m0 m1 m2 m3"),
        ("f() { m0; }; if m1; then m2; elif m3; then m4; else m5; fi", "m0 m1 m2 m3 m4 m5"),
        ("for x in $(m0); do m1; done; while m2; do m3; done; (m4); { m5; }", "m0 m1 m2 m3 m4 m5"),
        ("case $(m0) in $(m1)) m2;; esac; [[ $(m3) && ! ( a = $(m4) ) ]]", "m0 m1 m2 m3 m4"),
        ("x=$(m0) m1 >$(m2) <<<$(m3); m4 {a,$(m5)} ${x/$(m6)/a}", "m0 m1 m2 m3 m4 m5 m6"),
    ],
)
def test_every_command_is_found_wherever_it_stands(text: str, expected: str) -> None:
    assert sorted(names(parse(text))) == expected.split()


def test_an_ampersand_sends_the_whole_chain_before_it_to_the_background() -> None:
    assert [step.background for step in parse("m0; m1 && m2 & m3").steps] == [False, False, True, False]


def test_a_here_document_belongs_to_its_command_even_where_its_body_follows_later() -> None:
    piped = parse("{ m0 <<A; } | m1 <<'B' &&\na $x\nA\n$y\nB\nm2").steps[0].pipeline
    group, command = piped.commands
    assert isinstance(group, Group)
    assert isinstance(command, Command)
    held = group.body.steps[0].pipeline.commands[0]
    assert isinstance(held, Command)
    inner, outer = held.redirections[0], command.redirections[0]
    assert isinstance(inner, HereDocument)
    assert inner.content.written() == "a $x\n"
    assert isinstance(outer, HereDocument)
    assert outer.content.parts == (Text(text="$y\n", quoted=True, span=outer.content.span),)


def test_tabs_before_the_lines_of_a_here_document_are_dropped_only_with_a_dash() -> None:
    contents = [first(f"m0 <<{dash}E\n\t\ta\t$x\n{end}E").redirections[0] for dash, end in (("-", "\t"), ("", ""))]
    assert [one.content.written() for one in contents if isinstance(one, HereDocument)] == ["a\t$x\n", "\t\ta\t$x\n"]


def test_a_substitution_between_quotes_is_quoted_and_what_stands_in_it_is_not() -> None:
    part = first('m0 "$(m1 a)"').words[1].parts[1]
    assert isinstance(part, CommandSubstitution)
    assert part.quoted
    inner = part.body.steps[0].pipeline.commands[0]
    assert isinstance(inner, Command)
    assert inner.words[1].parts == (Text(text="a", quoted=False, span=inner.words[1].span),)


# --- against real bash ------------------------------------------------------------------------------------------


def expression(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(["1", "2", "7", "0", "010", "0x1f", "a", "b", "$c", "${c}", "a++", "--b"])
    kind = chance.randrange(6)
    inner = [expression(chance, depth - 1) for _ in range(3)]
    if kind == 0:
        return f"({inner[0]})"
    if kind == 1:
        return f"{chance.choice('!~+-')} {inner[0]}"
    if kind == 2:
        return f"{inner[0]} ? {inner[1]} : {inner[2]}"
    if kind == 3:
        return f"(a {chance.choice(['=', '+=', '-=', '*=', '<<=', '|='])} {inner[0]})"
    signs = ["+", "-", "*", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&", "^", "|", "&&", "||", ","]
    return f"{inner[0]} {chance.choice(signs)} {inner[1]}"


def written(value: Sum) -> str:
    """The expression with every parenthesis written, so that no precedence is left to bash."""
    match value:
        case Number():
            return str(value.value)
        case Name():
            return value.name
        case Unary():
            return f"({value.operator} {written(value.operand)})"
        case Binary():
            return f"({written(value.left)} {value.operator} {written(value.right)})"
        case Choose():
            return f"({written(value.condition)} ? {written(value.yes)} : {written(value.no)})"
        case Assign(old=True):
            undo = "-" if isinstance(value.value, Binary) and value.value.operator == "+" else "+"
            return f"(({value.name} = {written(value.value)}) {undo} 1)"
        case Assign():
            return f"({value.name} = {written(value.value)})"


def test_an_expression_with_all_its_parentheses_written_has_the_value_that_bash_gives_it() -> None:
    chance = random.Random(11)
    texts = [expression(chance, 3) for _ in range(400)] + ["-2 ** 2", "2 ** 3 ** 2", "1 - 2 - 3", "1 ? 2 : 0 ? 3 : 4", "1,2", "7 % 4 / 2"]
    lines: list[str] = []
    for text in texts:
        part = first(f"m0 $(({text}))").words[1].parts[0]
        assert isinstance(part, Arithmetic)
        lines.append(f"(a=3 b=5 c=4; echo $(({text})) $a $b); (a=3 b=5 c=4; echo $(({written(part.value)})) $a $b)")
    answers = bash_prints("\n".join(lines)).splitlines()
    assert len(answers) == 2 * len(texts)
    assert [texts[at] for at in range(len(texts)) if answers[2 * at] != answers[2 * at + 1]] == []


def expanded(word: Word) -> list[str]:
    """The texts of a word of literal text and braces."""
    found = [""]
    for part in word.parts:
        if isinstance(part, Brace):
            ends = list(part.sequence) or [one for alternative in part.alternatives for one in expanded(alternative)]
        else:
            assert isinstance(part, Text)
            ends = [part.text]
        found = [f"{start}{end}" for start in found for end in ends]
    return found


def test_braces_make_the_words_that_bash_makes_of_them() -> None:
    chance = random.Random(5)
    pieces_ = [
        "{",
        "}",
        ",",
        "a",
        "b",
        "{",
        "}",
        ",",
        "..",
        "1",
        "3",
        "{1..3}",
        "{a,b}",
        "{03..1}",
        "{c..a..2}",
        "'{'",
        "\\,",
        "-",
        "{-2..2}",
        "{9..011}",
    ]
    texts = {"".join(chance.choice(pieces_) for _ in range(chance.randint(1, 9))) for _ in range(6_000)}
    read: list[tuple[str, list[str]]] = []
    for text in sorted(texts):
        try:
            words = first(f"m0 {text}").words
        except ShellSyntaxError:
            continue
        read.append((text, [one for one in expanded(words[1]) if one or "'" in text]))
    assert len(read) > 2_000
    assert sum(len(one) > 1 for _, one in read) > 500
    answers = bash_prints("\n".join(f"printf '%s\\1' {text}; printf '\\2'" for text, _ in read)).split("\2")[:-1]
    wrong = [(text, words) for (text, words), seen in zip(read, answers, strict=True) if seen.split("\1")[:-1] != (words or [""])]
    assert wrong == []


def test_escapes_are_decoded_as_bash_decodes_them() -> None:
    chance = random.Random(3)
    pieces_ = [
        "\\n",
        "\\t",
        "\\x41",
        "\\x4",
        "\\101",
        "\\7",
        "\\060",
        "\\'",
        "\\\\",
        '\\"',
        "\\u0041",
        "\\U0000005a",
        "a",
        "1",
        " ",
        "\\e",
        "\\xc3\\xa9",
        "é",
        "\\a\\b\\E\\f\\r\\v\\?",
    ]
    read: list[tuple[str, str]] = []
    for _ in range(500):
        text = "$'" + "".join(chance.choice(pieces_) for _ in range(chance.randint(0, 6))) + "'"
        part = first(f"m0 {text}").words[1].parts[0]
        assert isinstance(part, Text)
        read.append((text, part.text))
    answers = bash_prints("\n".join(f"printf '%s\\2' {text}" for text, _ in read)).split("\2")[:-1]
    assert answers == [value for _, value in read]
