"""What an action would do, on a real file system and on a made-up one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bylaw.policy.actions import EditFile, FindFiles, GitStatus, ListDirectory, ReadFile, RunCommand, SearchText, WriteFile
from bylaw.policy.analysis import Analysis, analyse, analyse_command
from bylaw.policy.effects import Connect, Delete, Effect, Execute, Read, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.machine import MachineFiles
from bylaw.policy.model import Limits
from bylaw.policy.scope import PathKind, Scope
from bylaw.policy.shell.opinions import Heard

CORPUS = Path(__file__).parents[1] / "corpus"
LIMITS = Limits(read_bytes=10**6, write_bytes=10**6, output_bytes=10**6, command_seconds=60, command_characters=8192, regular_files=True)
HARMLESS = json.loads((Path(__file__).parent / "programs" / "harmless_attacks.json").read_text())


class MadeUp:
    """A file system in a dictionary: None is a directory, a text that begins with `->` a link, any other a file."""

    def __init__(self, tree: dict[str, str | None]) -> None:
        self.tree = {"/": None, **tree}

    def real(self, path: str) -> str:
        done = ""
        waiting = [part for part in path.split("/") if part not in {"", "."}]
        for _ in range(64):
            if not waiting:
                return done or "/"
            part = waiting.pop(0)
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            found = self.tree.get(f"{done}/{part}")
            if found is not None and found.startswith("->"):
                target = found[2:]
                waiting = [*(one for one in target.split("/") if one), *waiting]
                done = "" if target.startswith("/") else done
            else:
                done = f"{done}/{part}"
        raise OSError("a loop")

    def kind(self, path: str) -> PathKind:
        if path not in self.tree:
            return "missing"
        found = self.tree[path]
        return "directory" if found is None else "symlink" if found.startswith("->") else "file"

    def names(self, directory: str) -> tuple[str, ...]:
        prefix = directory.rstrip("/") + "/"
        return tuple(
            sorted(one[len(prefix) :] for one in self.tree if one.startswith(prefix) and "/" not in one[len(prefix) :] and one != "/")
        )

    def executable(self, path: str) -> bool:
        return self.tree.get(self.real(path)) == "program"

    def read_text(self, path: str, limit: int) -> str | None:
        found = self.tree.get(self.real(path))
        return found if found is not None and len(found) <= limit else None


TREE: dict[str, str | None] = {
    "/w": None, "/w/a": "x", "/w/d": None, "/w/d/b": "x", "/w/p": "program", "/w/out": "->/etc/secret", "/w/ls": "program",
    "/etc": None, "/etc/secret": "x", "/usr": None, "/usr/bin": None,
    **{f"/usr/bin/{name}": "program" for name in ("cat", "ls", "git", "find", "xargs", "wc", "bash", "grep", "odd", "timeout", "env", "sh")},
    "/usr/bin/busybox": "program", "/usr/bin/sort": "->/usr/bin/busybox", "/usr/bin/mine": "->/w/p", "/opt": None, "/opt/cat": "program",
}  # fmt: skip


def scope(tree: dict[str, str | None] | None = None, agent_files: frozenset[str] = frozenset()) -> Scope:
    return Scope(
        files=MadeUp({**TREE, **(tree or {})}), workspace="/w", cwd="/w", home="/home/u", read_roots=("/w",), write_roots=("/w",),
        search_path=("/usr/bin",), agent_files=agent_files,
    )  # fmt: skip


def run(command: str, where: Scope | None = None) -> Analysis:
    return analyse_command(command, where or scope(), LIMITS)


def kinds(analysis: Analysis) -> set[str]:
    return {type(one).__name__ for one in analysis.effects}


def execute(analysis: Analysis) -> Execute:
    return next(one for one in analysis.effects if isinstance(one, Execute))


# --- which program -------------------------------------------------------------------------------------------------


def test_a_plain_name_is_found_on_the_search_path() -> None:
    found = run("cat a")
    assert found.plan is not None
    assert found.plan.invocations()[0].program == "/usr/bin/cat"
    assert execute(found).origin == "known"


@pytest.mark.parametrize("command", ["/usr/bin/cat a", "/usr/bin/../bin/cat a"])
def test_a_full_path_of_the_search_path_is_the_same_program(command: str) -> None:
    assert "Unknown" not in kinds(run(command))


@pytest.mark.parametrize("command", ["./ls", "/w/ls", "../w/p", "d/../p", "./missing", "mine"])
def test_a_program_of_the_workspace_is_its_code_whatever_its_name(command: str) -> None:
    assert execute(run(command)).origin == "workspace"


@pytest.mark.parametrize("command", ["/opt/cat a", "odd", "nosuchprogram", "/etc/secret"])
def test_a_program_that_no_profile_describes_is_unknown(command: str) -> None:
    assert "Unknown" in kinds(run(command))


def test_a_program_that_is_not_installed_is_judged_by_its_profile() -> None:
    found = run("head a")
    assert found.not_installed == ("head",)
    assert Read(path="/w/a", span=execute(found).span) in found.effects
    assert "Unknown" not in kinds(found)


@pytest.mark.parametrize("command", ["./p", "sh p", "bash p", "timeout 1 ./p"])
def test_a_file_the_agent_wrote_is_said_to_be_run(command: str) -> None:
    assert "Unknown" not in kinds(run(command))
    assert any(
        isinstance(one, Unknown) and "agent wrote" in one.why for one in run(command, scope(agent_files=frozenset({"/w/p"}))).effects
    )


# --- paths ---------------------------------------------------------------------------------------------------------


def test_a_link_is_read_where_it_leads() -> None:
    assert "/etc/secret" in {one.path for one in run("cat out").effects if isinstance(one, Read)}


@pytest.mark.parametrize("command", ["cat /proc/self/environ", "cat /proc/1/root/x", "cat /dev/fd/9", "cat < /proc/self/mem"])
def test_what_depends_on_the_process_is_unknown(command: str) -> None:
    assert "Unknown" in kinds(run(command)) or run(command).refusal is not None


def test_output_to_nowhere_writes_nothing() -> None:
    assert "Write" not in kinds(run("cat a > /dev/null 2>&1"))


def test_redirections_read_and_write() -> None:
    found = run("cat < a >> b").effects
    assert {(type(one).__name__, one.path) for one in found if isinstance(one, Read | Write)} == {("Read", "/w/a"), ("Write", "/w/b")}


def test_a_removal_takes_the_link_not_its_target() -> None:
    assert [one.path for one in run("rm out").effects if isinstance(one, Delete)] == ["/w/out"]


# --- programs that start programs ----------------------------------------------------------------------------------


def test_the_inner_program_runs_by_its_full_path() -> None:
    found = run("timeout 5 cat a")
    assert found.plan is not None
    assert found.plan.invocations()[0].argv == ("timeout", "5", "/usr/bin/cat", "a")
    assert [one.program for one in found.effects if isinstance(one, Execute)] == ["cat", "timeout"]


def test_pins_of_an_inner_git_reach_the_outer_program() -> None:
    found = run("timeout 5 git status")
    assert found.plan is not None
    assert dict(found.plan.invocations()[0].environment)["GIT_PAGER"] == "cat"
    assert "--ignore-submodules=dirty" in found.plan.invocations()[0].argv


def test_found_names_below_the_workspace_are_known_to_xargs() -> None:
    found = run("find . -name '*.py' | xargs wc -l", scope({"/w/out": "x"}))
    assert "Unknown" not in kinds(found)
    assert found.plan is not None
    assert found.plan.invocations()[1].argv == ("xargs", "-r", "/usr/bin/wc", "-l")


@pytest.mark.parametrize("name", ["x y", 'x"y', "x'y", "x\\y"], ids=["blank", "double quote", "single quote", "backslash"])
def test_names_that_xargs_would_split_are_unknown(name: str) -> None:
    tree: dict[str, str | None] = {"/w/out": "x", f"/w/{name}": "x"}
    assert "Unknown" in kinds(run("find . | xargs cat", scope(tree)))
    assert "Unknown" not in kinds(run("find . -print0 | xargs -0 cat", scope(tree)))


@pytest.mark.parametrize("command", ["cat a | xargs cat", "find . | xargs -a a cat", "find . | sed s/x/y/ | xargs cat", "xargs cat < a"])
def test_names_from_elsewhere_are_unknown_to_xargs(command: str) -> None:
    assert "Unknown" in kinds(run(command, scope({"/w/out": "x"})))


@pytest.mark.parametrize("command", ["find . -exec cat {} +", "find . | xargs cat", "grep -R x ."])
def test_a_link_that_leaves_the_tree_is_unknown_where_links_are_followed(command: str) -> None:
    assert "Unknown" in kinds(run(command))
    assert "Unknown" not in kinds(run(command, scope({"/w/out": "x"})))


def test_a_program_below_find_is_judged_with_its_own_profile() -> None:
    assert any(isinstance(one, Unknown) and "`bash` runs" in one.why for one in run("find . -exec bash -c x ';'").effects)


# --- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "effects"),
    [
        (ReadFile(path="a"), {Read(path="/w/a")}),
        (ReadFile(path="out"), {Read(path="/etc/secret", given="/w/out")}),
        (WriteFile(path="n/é", content="é"), {Write(path="/w/n/é", size=2)}),
        (EditFile(path="a", old_string="x", new_string="y"), {Read(path="/w/a"), Write(path="/w/a")}),
        (SearchText(pattern="x"), {Read(path="/w", recursive=True)}),
        (FindFiles(pattern="*", path="d"), {Read(path="/w/d", recursive=True)}),
        (ListDirectory(path="/etc"), {Read(path="/etc")}),
    ],
)
def test_a_file_tool_has_its_effects(action: ReadFile, effects: set[Effect]) -> None:
    found = analyse(action, scope(), LIMITS)
    assert set(found.effects) == effects
    assert found.plan is None


def test_a_git_tool_has_a_plan() -> None:
    found = analyse(GitStatus(), scope(), LIMITS)
    assert found.plan is not None
    assert found.plan.invocations()[0].program == "/usr/bin/git"


def test_a_pattern_may_not_lead_out() -> None:
    assert "Unknown" in kinds(analyse(FindFiles(pattern="../*"), scope(), LIMITS))


# --- refusals, opinions, failures ----------------------------------------------------------------------------------


def test_a_command_that_is_too_long_is_refused_by_name() -> None:
    found = analyse(RunCommand(command="echo " + "x" * 9000), scope(), LIMITS)
    assert found.refusal is not None
    assert found.refusal.construct == "too_long"
    assert found.plan is None


def test_a_refusal_has_no_plan_and_keeps_the_text() -> None:
    found = run("echo $[1]")
    assert found.refusal is not None
    assert found.plan is None
    assert found.text == "echo $[1]"


class _Other:
    name = "other"

    def hear(self, text: str) -> Heard | None:
        return Heard(commands=frozenset({"rm"}))


def test_an_opinion_that_differs_is_unknown() -> None:
    found = analyse_command("cat a", scope(), LIMITS, opinions=(_Other(),))
    assert any(isinstance(one, Unknown) and one.why.startswith("other reads this command differently") for one in found.effects)


class _Broken(MadeUp):
    def kind(self, path: str) -> PathKind:
        raise RuntimeError(path)


def test_an_error_while_analysing_is_unknown() -> None:
    where = Scope(files=_Broken(TREE), workspace="/w", cwd="/w", home="/h", read_roots=(), write_roots=("/w",), search_path=("/usr/bin",))
    assert kinds(analyse_command("git status", where, LIMITS)) == {"Unknown"}
    assert kinds(analyse(GitStatus(), where, LIMITS)) == {"Unknown"}


_WORDS = st.sampled_from(
    [
        "cat",
        "ls",
        "git",
        "find",
        "sort",
        "sed",
        "awk",
        "xargs",
        "-exec",
        "{}",
        "+",
        ";",
        "-o",
        "--output=x",
        "-e",
        "-f",
        "a",
        "d",
        "..",
        "/",
        "s/a/b/",
        "-c",
        "-C",
        "status",
        "diff",
        "--",
        "-",
        "|",
        "&&",
        ">",
        "<",
        "'$(x)'",
        "jq",
        "env",
        "A=b",
        "timeout",
        "5",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_WORDS | st.text(max_size=6), max_size=9))
def test_no_text_makes_the_analysis_raise(words: list[str]) -> None:
    found = run(" ".join(words))
    assert found.refusal is not None or found.plan is not None or "Unknown" in kinds(found)


# --- corpora -------------------------------------------------------------------------------------------------------


def _lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (CORPUS / name).read_text().splitlines()]


def _only_reads_inside(analysis: Analysis, workspace: str) -> bool:
    def fine(one: Effect) -> bool:
        match one:
            case Read():
                return one.path == workspace or one.path.startswith(f"{workspace}/")
            case Execute():
                return one.origin == "known"
            case UseConstruct():
                return True
            case _:
                return False

    return analysis.refusal is None and all(fine(one) for one in analysis.effects)


def _real(base: Path, setup: str) -> Scope:
    workspace = base / "srv"
    (workspace / "home").mkdir(parents=True)
    (workspace / "p").write_text("#!/bin/sh\n")
    (workspace / "p").chmod(0o755)
    (workspace / "victim").write_text("precious\n")
    where = str(workspace)
    if setup:
        environment = {"HOME": f"{where}/home", "PATH": "/usr/bin:/bin"}
        subprocess.run(
            ["bash", "-c", setup.replace("/srv", where)], cwd=where, env=environment, check=False, capture_output=True, timeout=60
        )
    return Scope(files=MachineFiles(), workspace=where, cwd=where, home=f"{where}/home", read_roots=(where,), write_roots=(where,))


@pytest.mark.parametrize("attack", _lines("attacks.jsonl"), ids=lambda attack: attack["id"])
def test_no_attack_looks_like_reading(attack: dict[str, str], tmp_path: Path) -> None:
    where = _real(tmp_path.resolve(), attack["setup"])
    found = analyse_command(attack["command"].replace("/srv", where.workspace), where, LIMITS)
    assert not any(isinstance(one, Unknown) and "analysis failed" in one.why for one in found.effects), found.effects
    assert _only_reads_inside(found, where.workspace) == (attack["id"] in HARMLESS), found.effects


def test_every_exception_has_its_reason() -> None:
    known = {attack["id"] for attack in _lines("attacks.jsonl")}
    assert all(one in known and reason for one, reason in HARMLESS.items())


def test_everyday_commands_are_accounted_for(tmp_path: Path) -> None:
    """Unknown effects are not what everyday work meets; what the parser refuses is counted apart."""
    where = _real(tmp_path.resolve(), "mkdir src tests sub; git init -q .; git -C sub init -q; touch src/a.py src/a.ts")
    read = [(one["command"], analyse_command(one["command"], where, LIMITS)) for one in _lines("everyday.jsonl")]
    parsed = [(command, found) for command, found in read if found.refusal is None]
    unknown = [command for command, found in parsed if any(isinstance(one, Unknown) for one in found.effects)]
    assert unknown == []
    assert len(parsed) >= 90
    assert sum(_only_reads_inside(found, where.workspace) for _, found in parsed) >= 80
    assert not any(isinstance(one, Connect | SetEnvironment) for command, found in parsed if command == "ls" for one in found.effects)
