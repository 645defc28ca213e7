"""Real bash is the oracle: what it starts and writes is what the plan names, and what the interpreter does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

import bash_oracle
import fuzz_shell
import plan_comparison
from bash_oracle import Job, Seen
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Fixed, Get, Invocation, LateWord, OpenFile, Pipeline, Plan, Step
from bylaw.policy.records import replace
from bylaw.policy.scope import PathKind, Scope
from bylaw.policy.shell import parse, resolve
from plan_comparison import Comparison, compare
from plan_names import unnamed_files, unnamed_programs

Against = Callable[[Sequence[str]], Comparison]

SCRIPTS = int(os.environ.get("BYLAW_FUZZ_SCRIPTS") or "5000")
SEED = int(os.environ.get("BYLAW_FUZZ_SEED") or "1")
SHARES = 10
CORPUS = Path(__file__).parents[2] / "corpus"
TRICKY = fuzz_shell.corpus("tricky")


class MadeUpFiles:
    """A machine on which every path is a directory that is empty."""

    def real(self, path: str) -> str:
        return path

    def kind(self, path: str) -> PathKind:
        return "directory"

    def names(self, directory: str) -> tuple[str, ...]:
        return ()

    def executable(self, path: str) -> bool:
        return False

    def read_text(self, path: str, limit: int) -> str | None:
        return None


# --- bash, the plan and the interpreter ---------------------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(4))
def test_bash_does_with_every_tricky_script_what_the_plan_says(against_bash: Against, share: int) -> None:
    found = against_bash(TRICKY[share::4])
    assert found.differences == []
    assert found.accepted >= 90
    assert found.exact >= 80


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_bash_does_with_random_scripts_what_the_plan_says(against_bash: Against, share: int) -> None:
    """BYLAW_FUZZ_SCRIPTS and BYLAW_FUZZ_SEED choose another number and start; `make fuzz` runs many more."""
    size = -(-SCRIPTS // SHARES)
    found = against_bash(fuzz_shell.chunk(SEED, share, size))
    print(f"seed {SEED}, share {share}: {found}")
    assert found.differences == []
    assert found.accepted >= size * 3 // 10, "the generator hardly makes anything that is accepted"
    assert found.exact >= found.accepted * 8 // 10, "most plans run without a shell"


def test_bash_does_with_made_up_scripts_what_the_plan_says(against_bash: Against) -> None:
    scripts: list[str] = yaml.safe_load((Path(__file__).parent / "cases" / "against_bash.yaml").read_text(encoding="utf-8"))
    found = against_bash(scripts)
    assert found.differences == []
    assert found.accepted >= len(scripts) * 9 // 10


@pytest.mark.parametrize("name", ["everyday", "attacks"])
def test_everyday_commands_and_attacks_are_read(scope: Scope, name: str) -> None:
    """What is said to an attack is said to what it does: hardly any is refused for the way in which it is written."""
    commands = fuzz_shell.corpus(name)
    there = replace(scope, environment={"HOME": scope.home, "USER": "u"}, files=MadeUpFiles())
    refused: list[tuple[str, str]] = []
    for command in commands:
        try:
            resolve(parse(command), there)
        except ShellSyntaxError as error:
            refused.append((error.construct, command))
    print(f"{name}: {len(commands) - len(refused)} of {len(commands)} are read")
    if name == "everyday":
        assert refused == []
    else:
        assert len(refused) < len(commands) // 4


def test_the_chunks_of_a_seed_are_the_same_every_time() -> None:
    assert fuzz_shell.chunk(3, 1, 20) == fuzz_shell.chunk(3, 1, 20)
    assert set(fuzz_shell.chunk(3, 1, 20)).isdisjoint(fuzz_shell.chunk(3, 2, 20))


# --- the oracle itself --------------------------------------------------------------------------------------------------


def test_the_oracle_sees_what_bash_starts_and_writes() -> None:
    seen = bash_oracle.run("A=1 m0 a 'b c' >f0; n0 || m1 $(m2) <<E\n$X0\nE\ncd d; m3; exit 3")
    assert [one.argv for one in seen.started] == [("m0", "a", "b c"), ("n0",), ("m2",), ("m1",), ("m3",)]
    assert seen.started[4].directory == "/mnt/w/d"
    assert (seen.started[0].variables[0], seen.started[1].variables[0], seen.started[3].stdin) == ("=1", "", "plain\n")
    assert (dict(seen.written), seen.code, seen.output) == ({"/mnt/w/f0": "a b c\n"}, 3, "\n\n\n")


def test_the_oracle_sees_a_file_that_is_opened_and_left_as_it_is() -> None:
    assert dict(bash_oracle.run(": >> a.txt").written) == {"/mnt/w/a.txt": "a\n"}


def test_the_oracle_tells_exported_variables_from_others() -> None:
    seen = bash_oracle.run("A=1; m0; export A; m1; B=2 m2")
    assert [one.variables[:2] for one in seen.started] == [("", ""), ("=1", ""), ("=1", "=2")]


def test_each_script_starts_in_the_same_tree() -> None:
    first, second = bash_oracle.run_all(["m0 >new; cd d; m1 >one.py", "m0 *"])
    assert set(first.written) == {"/mnt/w/new", "/mnt/w/d/one.py"}
    assert "new" not in second.started[0].argv


def test_a_script_without_an_end_is_ended() -> None:
    assert bash_oracle.run("while :; do :; done").code == bash_oracle.TIMEOUT


def test_the_comparison_would_see_a_hidden_command(scope: Scope) -> None:
    def with_more(jobs: Sequence[Job]) -> list[Seen]:
        return bash_oracle.perform([("bash", f"{job[1]}; m9 >f9") if job[0] == "bash" else job for job in jobs])

    problems = compare(["m0 a"], scope, with_more).differences
    assert len(problems) == 3
    assert "('m9',)" in problems[0]
    assert "/mnt/w/f9" in problems[1]


@pytest.mark.parametrize(
    ("bash", "plan", "label"),
    [
        ("m0 b", "m0 a", "started"),
        ("m0 a; m1", "m1; m0 a", "started"),
        ("cd d; m0", "(cd d); m0", "started"),
        ("A=1 m0", "A=2 m0", "started"),
        ("m0 <<< a", "m0 <<< b", "started"),
        ("m0 a >f0", "m0 b >f0", "written"),
        ("m0; exit 1", "m0", "code"),
        ("m0 a; echo b", "m0 a; echo c", "output"),
    ],
)
def test_the_comparison_would_see_another_run(scope: Scope, bash: str, plan: str, label: str) -> None:
    def exchanged(jobs: Sequence[Job]) -> list[Seen]:
        return bash_oracle.perform([("bash", bash) if job[0] == "bash" else job for job in jobs])

    (*_, problem) = compare([plan], scope, exchanged).differences
    assert f"    {label}: bash" in problem


def test_what_races_may_come_in_any_order_and_nothing_else(scope: Scope) -> None:
    assert compare(["m0 a | m1 b | m2 c"] * 10, scope).differences == []
    assert plan_comparison.is_parallel(resolve(parse("if m0; then m1 | m2; fi"), scope).plan)
    assert not plan_comparison.is_parallel(resolve(parse("if m0; then m1; fi"), scope).plan)


def plan_of(*words: str | LateWord, writes: str = "") -> Plan:
    late = tuple((at, word) for at, word in enumerate(words) if isinstance(word, LateWord))
    argv = tuple(word.written if isinstance(word, LateWord) else word for word in words)
    opened = (OpenFile(fd=1, path=writes, mode="write"),) if writes else ()
    one = Invocation(argv=argv, late=late, directory="/mnt/w", redirections=opened)
    return Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(one,))),))


def seen_of(*argv: str, writes: str = "") -> Seen:
    started = (bash_oracle.Started(argv=argv, directory="/mnt/w", stdin="", variables=()),)
    return Seen(started=started, written={writes: ""} if writes else {}, gone=(), code=0, output="", error="")


QUOTED = LateWord(parts=(Fixed(text="a", quoted=False), Get(name="x", quoted=True)), written='a"$x"')
SPLIT = LateWord(parts=(Get(name="x", quoted=False), Fixed(text="b", quoted=False)), written="${x}b")


@pytest.mark.parametrize(
    ("plan", "argv", "named"),
    [
        (plan_of("m0", "a"), ("m0", "a"), True),
        (plan_of("m0", "a"), ("m0", "a", "b"), False),
        (plan_of("m0", "a"), ("m0",), False),
        (plan_of("m0", "./-rf"), ("m0", "-rf"), True),
        (plan_of("m0", QUOTED), ("m0", "a 1"), True),
        (plan_of("m0", QUOTED), ("m0", "a", "1"), False),
        (plan_of("m0", QUOTED), ("m0", "b"), False),
        (plan_of("m0", SPLIT, "c"), ("m0", "1", "2b", "c"), True),
        (plan_of("m0", SPLIT, "c"), ("m0", "1", "2", "c"), False),
        (plan_of("m0", SPLIT, "c"), ("m1", "b", "c"), False),
    ],
)
def test_a_late_word_allows_for_what_its_known_parts_allow(plan: Plan, argv: tuple[str, ...], named: bool) -> None:
    assert (unnamed_programs(plan, seen_of(*argv)) == []) is named


def test_a_file_is_named_by_the_path_that_its_links_lead_to() -> None:
    assert unnamed_files(plan_of("m0", writes="/mnt/w/link/f"), seen_of("m0", writes="/mnt/w/d/f")) == []
    assert unnamed_files(plan_of("m0", writes="/mnt/w/f"), seen_of("m0", writes="/mnt/w/d/f")) == ["/mnt/w/d/f"]


def test_the_corpora_hold_no_command_twice() -> None:
    for name in ("tricky", "everyday", "attacks"):
        lines = [json.loads(line) for line in (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line]
        assert len({line["id"] for line in lines}) == len(lines)
