"""The presets: their limits, the table of the design cell by cell, and the examples of every shipped rule."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from bylaw.policy import shipped
from bylaw.policy.actions import RunCommand
from bylaw.policy.analysis import Analysis
from bylaw.policy.documents import check
from bylaw.policy.effects import Connect, Delete, Effect, Execute, Read, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.engine import decide, judge
from bylaw.policy.examples import HOME, WORKSPACE, failures, synthetic_scope
from bylaw.policy.explain import explain
from bylaw.policy.layers import load
from bylaw.policy.model import Kind, Limits, Policy
from bylaw.policy.paths import write_kind
from bylaw.policy.plan import Plan
from bylaw.policy.raw import RawRule
from bylaw.policy.records import replace
from bylaw.policy.shell.caps import DEFAULT, Caps, caps_of
from bylaw.policy.yaml_source import Items

TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data" / "preset_table.yaml").read_text())
POLICIES: dict[str, Policy] = {name: load(name, workspace=WORKSPACE, home=HOME) for name in shipped.PRESETS}


def _document(name: str) -> Any:
    return shipped.preset(name, source="test") if name in shipped.PRESETS else shipped.rule_set(name, source="test")


def _file(name: str) -> str:
    return f"presets/{name}.yaml" if name in shipped.PRESETS else f"presets/sets/{name}.yaml"


DOCUMENTS = [*shipped.PRESETS, *shipped.SETS]


def _shipped_rules() -> list[RawRule]:
    found: list[RawRule] = []
    for name in DOCUMENTS:
        rules = _document(name).nodes.get("rules")
        if isinstance(rules, Items):
            found += [RawRule.read(node, _file(name), user=False) for node in rules.nodes]
    return found


RULES = _shipped_rules()


def _effect(described: dict[str, Any]) -> Effect:
    recursive = bool(described.get("recursive"))
    match next(iter(described.items())):
        case "read", str(path):
            return Read(path=path, recursive=recursive)
        case "write", str(path):
            return Write(path=path, recursive=recursive, size=described.get("size"))
        case "delete", str(path):
            return Delete(path=path, recursive=recursive)
        case "execute", str(program):
            return Execute(
                program=program,
                argv=(program,),
                path=f"/usr/bin/{program}",
                origin=described.get("origin", "known"),
                category=described.get("category", "test"),
                subcommand=tuple(described.get("subcommand", ())),
                options=frozenset(described.get("options", ())),
            )
        case "connect", str(host):
            return Connect(host=host)
        case "environment", str(name):
            return SetEnvironment(name=name, value="x")
        case "construct", construct:
            return UseConstruct(construct=construct, subject=described["subject"])
        case "unknown", str(subject):
            return Unknown(why=described.get("why", "not accounted for"), subject=subject)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("preset", shipped.PRESETS)
@pytest.mark.parametrize("row", TABLE, ids=[row["row"] for row in TABLE])
def test_every_cell_of_the_table_holds(row: dict[str, Any], preset: str) -> None:
    analysis = Analysis(effects=tuple(map(_effect, row["effects"])), plan=Plan(steps=()))
    decision = judge(analysis, POLICIES[preset], synthetic_scope(), tool=row.get("tool", "bash"))
    assert str(decision.verdict) == row["verdicts"][shipped.PRESETS.index(preset)], decision.reasons


def test_the_limits_are_those_that_are_documented() -> None:
    assert {name: policy.limits for name, policy in POLICIES.items()} == {
        "permissive": _limits("permissive", 2_000_000, 32_000, 180, 65_536, regular=False),
        "balanced": _limits("balanced", 1_000_000, 16_000, 120, 65_536, regular=True),
        "strict": _limits("strict", 750_000, 8_000, 90, 2_048, regular=True),
        "hardened": _limits("hardened", 500_000, 4_000, 60, 1_024, regular=True),
    }


def test_the_caps_on_the_analysis_are_those_of_the_design_in_every_preset() -> None:
    for policy in POLICIES.values():
        assert caps_of(policy.limits) == replace(DEFAULT, characters=policy.limits.command_characters)


def test_a_policy_may_set_every_cap(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nlimits: {command_characters: 10, command_depth: 2, command_count: 3, command_words: 4, command_expansions: 5, glob_results: 6}\n"
    )
    policy = load(files=(str(tmp_path / "p.yaml"),), workspace=WORKSPACE, home=HOME)
    assert caps_of(policy.limits) == Caps(characters=10, depth=2, commands=3, words=4, expansions=5, glob_results=6)
    assert policy.digest != POLICIES["balanced"].digest


PASSED = {
    "command_characters: 8": ("ls README.md", "limits.command_characters"),
    "command_depth: 1": ("echo $(echo $(echo a))", "shell.too_deep"),
    "command_count: 1": ("ls; pwd", "shell.too_many_commands"),
    "command_words: 2": ("echo a b", "shell.too_many_words"),
    "command_expansions: 1": ("echo $HOME $HOME $HOME", "shell.too_many_expansions"),
    "glob_results: 1": ("echo src tests *", "shell.glob_too_large"),
}


@pytest.mark.parametrize("limit", PASSED)
def test_a_limit_that_is_passed_is_refused_by_name(tmp_path: Path, limit: str) -> None:
    (tmp_path / "p.yaml").write_text(f"version: 1\nlimits: {{{limit}}}\n")
    policy = load(files=(str(tmp_path / "p.yaml"),), workspace=WORKSPACE, home=HOME)
    command, rule = PASSED[limit]
    assert str(decide(RunCommand(command=command), POLICIES["balanced"], synthetic_scope()).verdict) == "allow"
    decision = decide(RunCommand(command=command), policy, synthetic_scope())
    assert str(decision.verdict) == "deny"
    assert [one.rule for one in decision.reasons] == [rule]


Held = tuple[int, int, int, int, int, int, int, int, int]
HELD: dict[str, Held] = {
    "permissive": (8_192, 32 << 30, 8 << 30, 16_384, 3_600, 5_000_000_000, 2_000_000_000, 200_000_000, 50_000),
    "balanced": (2_048, 8 << 30, 1 << 30, 4_096, 600, 500_000_000, 200_000_000, 20_000_000, 5_000),
    "strict": (512, 4 << 30, 512 << 20, 2_048, 120, 100_000_000, 25_000_000, 5_000_000, 500),
    "hardened": (256, 2 << 30, 256 << 20, 1_024, 60, 50_000_000, 10_000_000, 2_000_000, 200),
}


def _limits(preset: str, size: int, output: int, seconds: float, characters: int, *, regular: bool) -> Limits:
    processes, memory, file, files, cpu, read, written, shown, changed = HELD[preset]
    return Limits(
        hard_links="refuse" if preset == "hardened" else "allow",
        processes=processes,
        memory_bytes=memory,
        file_bytes=file,
        open_files=files,
        cpu_seconds=cpu,
        session_read_bytes=read,
        session_write_bytes=written,
        session_output_bytes=shown,
        session_files=changed,
        read_bytes=size,
        write_bytes=size,
        output_bytes=output,
        command_seconds=seconds,
        command_characters=characters,
        regular_files=regular,
    )


def test_sandboxes_grants_and_opinions_are_those_of_the_table() -> None:
    seen = {
        name: (one.sandbox.mode, str(one.sandbox.degraded), one.grants, one.approve_all, one.opinions) for name, one in POLICIES.items()
    }
    assert seen == {
        "hardened": ("require", "deny", "none", False, ("bashlex", "tree-sitter")),
        "strict": ("require", "deny", "session", True, ("bashlex", "tree-sitter")),
        "balanced": ("prefer", "confirm", "always", True, ()),
        "permissive": ("prefer", "allow", "always", True, ()),
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_shipped_document_has_the_form_of_a_policy(name: str) -> None:
    check(_document(name), source=_file(name))


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_shipped_rule_says_why_and_has_examples_both_ways_that_hold(rule: RawRule) -> None:
    assert rule.because
    assert rule.suggest or rule.verdict == "allow"
    assert rule.examples_match
    assert rule.examples_not_match
    assert list(failures(rule)) == []


@pytest.mark.parametrize("preset", shipped.PRESETS)
def test_every_reason_of_a_preset_can_be_explained(preset: str) -> None:
    policy = POLICIES[preset]
    for name in [*(rule.id for rule in policy.rules), *(f"default.{kind}" for kind in get_args(Kind))]:
        assert explain(policy, name).startswith(name)


def test_presets_get_looser_from_left_to_right() -> None:
    order = [POLICIES[name] for name in shipped.PRESETS]
    for tighter, looser in pairwise(order):
        for kind, default in looser.defaults.items():
            assert default.verdict <= tighter.defaults[kind].verdict
        assert {rule.id for rule in tighter.rules} >= {rule.id for rule in looser.rules}


def test_a_preset_loads_without_pydantic() -> None:
    code = (
        "import sys; from bylaw.policy.layers import load; import bylaw.policy.engine; "
        "load('balanced', workspace='/workspace', home='/home/user'); print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_digests_of_presets_differ() -> None:
    assert len({policy.digest for policy in POLICIES.values()}) == len(POLICIES)


INPUTS = (
    "Makefile", "sub/GNUmakefile", "rules.mk", "CMakeLists.txt", "package.json", "pyproject.toml", "setup.py", "setup.cfg", "build.rs",
    "Cargo.toml", "pom.xml", "build.gradle.kts", "Rakefile", "tox.ini", "noxfile.py", "tests/conftest.py", "Justfile", "Taskfile.yml",
    "meson.build", "BUILD.bazel", "WORKSPACE.bazel",
)  # fmt: skip
ALWAYS = (".npmrc", ".envrc", ".vscode/tasks.json", "AGENTS.md", ".github/workflows/ci.yml", ".gitlab-ci.yml", ".git/hooks/pre-commit")


@pytest.mark.parametrize("name", INPUTS)
def test_the_inputs_of_a_build_are_protected_by_hardened_alone_and_elsewhere_where_a_policy_includes_them(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\ninclude: [build]\n")
    more = load(files=(str(tmp_path / "p.yaml"),), workspace=WORKSPACE, home=HOME)
    path = f"{WORKSPACE}/{name}"
    seen = {preset: write_kind(path, policy.paths, synthetic_scope()) for preset, policy in {**POLICIES, "more": more}.items()}
    inside, protected = "write.inside", "write.protected"
    assert seen == {"hardened": protected, "strict": inside, "balanced": inside, "permissive": inside, "more": protected}


@pytest.mark.parametrize("name", ["build/app", "src/build.py", "workspace/x", "src/makefile.py", "package-lock.json", "src/setup/py"])
def test_what_a_build_makes_and_what_is_only_named_alike_is_no_input(name: str) -> None:
    assert write_kind(f"{WORKSPACE}/{name}", POLICIES["hardened"].paths, synthetic_scope()) == "write.inside"


@pytest.mark.parametrize("name", ALWAYS)
@pytest.mark.parametrize("preset", shipped.PRESETS)
def test_what_runs_by_itself_later_is_protected_everywhere(preset: str, name: str) -> None:
    assert write_kind(f"{WORKSPACE}/{name}", POLICIES[preset].paths, synthetic_scope()) == "write.protected"
