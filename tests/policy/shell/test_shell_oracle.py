"""Real bash is the oracle: what it starts and writes must be what the plan says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import bash_oracle
import script_grammar
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.scope import PathKind, Scope
from bylaw.policy.shell import parse, resolve

CORPUS = Path(__file__).parents[2] / "corpus"


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


def corpus(name: str) -> list[str]:
    return [json.loads(line)["command"] for line in (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line]


def test_bash_starts_and_writes_nothing_in_tricky_scripts_that_the_plan_does_not_name(
    compare_with_bash: Callable[[Sequence[str]], tuple[int, list[str]]],
) -> None:
    accepted, differences = compare_with_bash(corpus("tricky"))
    assert differences == []
    assert accepted >= 150


def test_bash_does_with_random_scripts_what_the_plan_says(
    compare_with_bash: Callable[[Sequence[str]], tuple[int, list[str]]], request: pytest.FixtureRequest
) -> None:
    """BYLAW_FUZZ_SCRIPTS and BYLAW_FUZZ_SEED choose another number and start."""
    count = int(os.environ.get("BYLAW_FUZZ_SCRIPTS", "1500"))
    seed = int(os.environ.get("BYLAW_FUZZ_SEED") or str(request.config.getoption("randomly_seed", "1")))
    accepted, differences = compare_with_bash(script_grammar.scripts(count, seed, corpus("tricky") + corpus("everyday")))
    assert differences == [], f"seed {seed}"
    assert accepted >= count // 5, f"seed {seed}: the generator hardly makes anything that is accepted"


# What this subset leaves out of the everyday commands, and under which name.
NOT_READ = {
    "e051": "builtin_type",
    "e054": "special_parameter",
    "e070": "for",
    "e071": "for",
    "e072": "if",
    "e076": "subshell",
    "e080": "command_substitution",
    "e081": "command_substitution",
    "e087": "time",
}


def test_everyday_commands_are_read_but_for_those_named(scope: Scope) -> None:
    environment = {"HOME": scope.home, "USER": "u"}
    files = MadeUpFiles()
    refused: dict[str, str] = {}
    lines = [json.loads(line) for line in (CORPUS / "everyday.jsonl").read_text(encoding="utf-8").split("\n") if line]
    for line in lines:
        try:
            resolve(parse(line["command"]), replace(scope, environment=environment, files=files))
        except ShellSyntaxError as error:
            refused[line["id"]] = error.construct
    print(f"everyday: {len(lines) - len(refused)} of {len(lines)} are read")
    assert refused == NOT_READ


def test_the_oracle_sees_what_bash_starts_and_writes() -> None:
    seen = bash_oracle.run("A=1 m0 a 'b c' >f0; n0 || m1 $(m2) <<E\n$X0\nE\ncd d; m3")
    started = {one.argv: one for one in seen.started}
    assert sorted(started) == [("m0", "a", "b c"), ("m1",), ("m2",), ("m3",), ("n0",)]
    assert started["m3",].directory == "/mnt/w/d"
    assert (started["m0", "a", "b c"].variables[0], started["m1",].stdin) == ("1", "plain\n")
    assert list(seen.written) == ["/mnt/w/f0"]


def test_the_oracle_would_see_a_hidden_command(
    compare_with_bash: Callable[[Sequence[str]], tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bash_oracle.run_all

    def with_more(scripts: Sequence[str]) -> list[bash_oracle.Seen]:
        return real([f"{one}; m9 >f9" for one in scripts])

    monkeypatch.setattr(bash_oracle, "run_all", with_more)
    assert len(compare_with_bash(["m0 a"])[1]) == 2


def test_bash_does_with_made_up_scripts_what_the_plan_says(compare_with_bash: Callable[[Sequence[str]], tuple[int, list[str]]]) -> None:
    scripts: list[str] = yaml.safe_load((Path(__file__).parent / "cases" / "against_bash.yaml").read_text(encoding="utf-8"))
    accepted, differences = compare_with_bash(scripts)
    assert differences == []
    assert accepted >= len(scripts) * 9 // 10
