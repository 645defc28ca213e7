"""What a plan holds besides words: directories, redirections, environment, connectors, and the constructs used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bylaw.policy.effects import SetEnvironment, UseConstruct
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.machine import MachineFiles
from bylaw.policy.plan import Duplicate, Invocation, OpenFile, Text
from bylaw.policy.records import replace
from bylaw.policy.scope import Scope
from bylaw.policy.shell import parse, resolve


def invocations(text: str, scope: Scope) -> tuple[Invocation, ...]:
    return resolve(parse(text), scope).plan.invocations()


def constructs(text: str, scope: Scope) -> list[tuple[str, str]]:
    return [(one.construct, one.subject) for one in resolve(parse(text), scope).effects if isinstance(one, UseConstruct)]


def opened(text: str, scope: Scope) -> list[tuple[int, str, str]]:
    found = [each for one in invocations(text, scope) for each in one.redirections]
    return [(one.fd, one.path, one.mode) for one in found if isinstance(one, OpenFile)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m0 >f", [(1, "/mnt/w/f", "write")]),
        ("m0 2>>f", [(2, "/mnt/w/f", "append")]),
        ("m0 >|f", [(1, "/mnt/w/f", "write")]),
        ("m0 <f", [(0, "/mnt/w/f", "read")]),
        ("m0 >/x/f", [(1, "/x/f", "write")]),
        ("m0 >../a/../f", [(1, "/mnt/w/../a/../f", "write")]),
        ("cd d && m0 >../f", [(1, "/mnt/w/d/../f", "write")]),
        ("m0 >~/f", [(1, "/mnt/home/f", "write")]),
        ('m0 > "$X1"', [(1, "/mnt/w/two words", "write")]),
        ("cd / && m0 >f", [(1, "/f", "write")]),
        (">f0 m0 >f1", [(1, "/mnt/w/f0", "write"), (1, "/mnt/w/f1", "write")]),
    ],
)
def test_a_target_is_joined_to_the_directory_and_not_normalised(text: str, expected: list[tuple[int, str, str]], scope: Scope) -> None:
    assert opened(text, scope) == expected


def test_redirections_keep_their_order_and_both_streams_are_spelled_out(scope: Scope) -> None:
    (invocation,) = invocations("m0 2>&1 >f 3>&- &>>g", scope)
    assert [replace(one, span=None) for one in invocation.redirections] == [
        Duplicate(fd=2, source=1),
        OpenFile(fd=1, path="/mnt/w/f", mode="write"),
        Duplicate(fd=3, source=None),
        OpenFile(fd=1, path="/mnt/w/g", mode="append"),
        Duplicate(fd=2, source=1),
    ]


def test_a_here_document_is_literal_text(scope: Scope) -> None:
    (invocation,) = invocations("cat <<-'E'\n\t$HOME `x`\n\t\\\n  E\nE\n", scope)
    (text,) = invocation.redirections
    assert isinstance(text, Text)
    assert (text.fd, text.text) == (0, "$HOME `x`\n\\\n  E\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1 m0", (("A", "1"),)),
        ("A=1 B=$A m0", (("A", "1"), ("B", "1"))),
        ("A=1 A=2 m0", (("A", "1"), ("A", "2"))),
        ("A= m0", (("A", ""),)),
        ("A=* B=$X1 m0", (("A", "*"), ("B", "two words"))),
        ("A=~ B=~/x m0", (("A", "/mnt/home"), ("B", "/mnt/home/x"))),
        ("HOME=/x A=~ m0", (("HOME", "/x"), ("A", "/x"))),
        (">f0 A=1 m0", (("A", "1"),)),
        ("x=1; m0", ()),
    ],
)
def test_assignments_before_a_command_are_its_environment(text: str, expected: tuple[tuple[str, str], ...], scope: Scope) -> None:
    assert invocations(text, scope)[-1].environment == expected


def test_an_assignment_before_a_command_sets_the_environment_and_a_bare_one_does_not(scope: Scope) -> None:
    effects = resolve(parse("x=1; A=b m0"), scope).effects
    assert [(one.name, one.value) for one in effects if isinstance(one, SetEnvironment)] == [("A", "b")]


W, D = "/mnt/w", "/mnt/w/d"


@pytest.mark.parametrize(
    ("text", "directories"),
    [
        ("cd d && m0; m1", [[W], [D], [D, W]]),
        ("m0; cd d; m1", [[W], [W], [D, W]]),
        ("cd; m0", [[W], ["/mnt/home", W]]),
        ("cd -- d/sub && cd ../.. && m0", [[W], [f"{D}/sub"], [W]]),
        ("cd link && m0", [[W], ["/mnt/w/link"]]),
        ("cd link/.. && m0", [[W], [W]]),
        ("cd /mnt/w/./d// && m0", [[W], [D]]),
        ("cd ../../.. && m0", [[W], ["/"]]),
        ("m0 && cd d && m1", [[W], [W], [D]]),
        ("m0 && cd d; m1", [[W], [W], [D, W]]),
        ("m0 || cd d; m1", [[W], [W], [W, D]]),
        ("cd d || m0; m1", [[W], [W], [D, W]]),
        ("cd d || exit; m1", [[W], [W], [D]]),
        ("cd d || cd d/sub; m0", [[W], [W], [D, f"{D}/sub", W]]),
        ("! cd d || m0", [[W], [D]]),
        ("cd d >/dev/null 2>&1 && m0", [[W], [D]]),
        ("cd d | m0; m1", [[W], [W], [W]]),
        ("(cd d && m0); m1", [[W], [D], [W]]),
        ("{ cd d && m0; } && m1", [[W], [D], [D]]),
        ("if cd d; then m0; else m1; fi; m2", [[W], [D], [W], [D, W]]),
        ("while cd d; do m0; break; done; m1", [[W], [D], [D], [W, D]]),
        ("f() { cd d && m0; }; f && m1", [[W], [W], [D], [D]]),
        ("pushd d && m0 && popd && m1", [[W], [D], [D], [D], [W], [W]]),
        ("for x in 1 2; do (cd d && m0); done", [[W], [D], [W], [D]]),
        ("cd d; [ -f a ] && m0 >f", [[W], [D, W], [D, W]]),
    ],
)
def test_every_invocation_knows_each_directory_it_may_start_in(text: str, directories: list[list[str]], scope: Scope) -> None:
    assert [[one.directory, *one.elsewhere] for one in invocations(text, scope)] == directories


def test_a_redirection_names_its_file_under_each_directory(scope: Scope) -> None:
    (*_, last) = invocations("cd d; m0 >f", scope)
    (opened,) = last.redirections
    assert isinstance(opened, OpenFile)
    assert (opened.path, opened.relative, opened.others) == ("/mnt/w/d/f", "f", ("/mnt/w/f",))


def test_builtins_are_named_and_programs_are_not_looked_up(scope: Scope) -> None:
    found = invocations("cd d; :; x=1; >f0; echo a; m0; true; kill 1; type m0; export B=1", scope)
    assert [one.builtin for one in found] == ["cd", "true", "assign", "assign", "echo", None, "true", None, "type", "export"]
    assert all(one.program is None for one in found)


def test_connectors_are_kept(scope: Scope) -> None:
    plan = resolve(parse("m0 && m1 || m2 | m3; m4\nm5"), scope).plan
    assert [(step.connector, len(step.pipeline.stages)) for step in plan.steps] == [
        ("then", 1), ("and", 1), ("or", 2), ("then", 1), ("then", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m0 | m1 | 'm2'", [("pipeline", "m1"), ("pipeline", "m2")]),
        ("m0 && m1 || m2", [("and_list", ""), ("or_list", "")]),
        ("m0; m1;", [("sequence", ""), ("sequence", "")]),
        ("m0\nm1\n\n", [("newline", "")]),
        ("m0 # x\n", [("comment", "")]),
        ("m0 <a >b >>c", [("redirect_input", "a"), ("redirect_output", "b"), ("redirect_append", "c")]),
        ("m0 >/dev/null 2>&1", [("redirect_output", "/dev/null"), ("redirect_duplicate", "&1")]),
        ("m0 &>f 3>&-", [("redirect_output", "f"), ("redirect_duplicate", "&1"), ("redirect_duplicate", "&-")]),
        ("m0 >$X0", [("redirect_output", "plain"), ("variable", "X0")]),
        ("m0 <<'E'\nE", [("here_document", "E")]),
        ("A=b m0", [("assignment", "A")]),
        ("x=b", [("assignment", "x")]),
        ('m0 $X0 "${X1}"', [("variable", "X0"), ("variable", "X1")]),
        ("m0 *.txt '*'", [("glob", "*.txt")]),
        ("m0 ~ ~/x", [("tilde", "~"), ("tilde", "~")]),
        ("cd d", [("change_directory", "/mnt/w/d")]),
        ("m0 a b", []),
        ("m0 'a;b|c' \"x && y > z\" '*'", []),
        ("m0 [ a", []),
    ],
)
def test_every_use_of_a_construct_is_told_in_the_order_of_the_text(text: str, expected: list[tuple[str, str]], scope: Scope) -> None:
    assert constructs(text, scope) == expected


def test_effects_point_into_the_text(scope: Scope) -> None:
    text = "cd d && A=b m0 $X0 >f | m1 ~ # c"
    spans = [text[one.span.start : one.span.end] for one in resolve(parse(text), scope).effects if one.span]
    assert spans == ["cd", "&&", "A=", "A=b", "$X0", ">f", "|", "~", "# c"]


@pytest.mark.parametrize("name", ["BASHOPTS", "GLOBIGNORE", "POSIXLY_CORRECT", "SHELLOPTS"])
def test_an_environment_that_would_switch_the_shell_is_refused(name: str, scope: Scope) -> None:
    switched = replace(scope, environment={**scope.environment, name: "x"})
    with pytest.raises(ShellSyntaxError) as refused:
        resolve(parse("m0"), switched)
    assert refused.value.construct == "special_variable"


def test_a_search_path_for_directories_is_refused_by_name(scope: Scope) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        resolve(parse("cd d"), replace(scope, environment={"CDPATH": "/"}))
    assert refused.value.construct == "cd_path_variable"


def test_the_home_directory_of_the_scope_stands_for_a_missing_home(scope: Scope) -> None:
    found = resolve(parse("m0 $HOME ~"), replace(scope, environment={}))
    assert found.plan.invocations()[0].argv == ("m0", scope.home, scope.home)


def test_a_working_directory_of_another_spelling_is_not_guessed(scope: Scope) -> None:
    elsewhere = replace(scope, environment={"PWD": "/mnt/link/to/w"})
    with pytest.raises(ShellSyntaxError) as refused:
        resolve(parse("m0 $PWD"), elsewhere)
    assert refused.value.construct == "shell_variable"


def test_globs_on_the_real_machine_find_what_bash_finds(tmp_path: Path, scope: Scope) -> None:
    for name in ("d", "ü", "d/e"):
        (tmp_path / name).mkdir()
    (tmp_path / "a").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "l").symlink_to("d")
    os.mkfifo(tmp_path / "d" / "p")
    here = replace(scope, files=MachineFiles(), cwd=str(tmp_path), environment={})
    for words in ("*", "*/", "*/p", "?/*", "loop*/", "l*", "*/nothing", "/usr/*/bash", "./?", "*/*/", "../*/a"):
        argv = resolve(parse(f"printf '%s|' {words}"), here).plan.invocations()[0].argv
        done = subprocess.run(
            ["/bin/bash", "--norc", "-c", f"printf '%s|' {words}"], cwd=tmp_path, env={"LC_ALL": "C.UTF-8"}, capture_output=True, check=True
        )
        assert "".join(f"{word}|" for word in argv[2:]) == done.stdout.decode("utf-8")
