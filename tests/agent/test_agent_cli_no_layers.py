"""What the presets' sandbox modes mean on a machine that has no layer, on the real kernel: bubblewrap is masked, and a
system-call filter answers Landlock's calls as a kernel without Landlock does."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path

import pytest

from bylaw.tools.sandbox.interface import WALLS
from cli_room import BYLAW, Cli

ENOSYS = 38


def without_landlock() -> bytes:
    """A BPF program for seccomp: landlock_create_ruleset (444 everywhere) does not exist, all else is allowed."""
    load, equal, give = 0x20, 0x15, 0x06
    steps = ((load, 0, 0, 0), (equal, 0, 1, 444), (give, 0, 0, 0x00050000 | ENOSYS), (give, 0, 0, 0x7FFF0000))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def landlock_only(cli: Cli, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The console script on a machine without bubblewrap."""
    return subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", "--ro-bind", "/dev/null", "/usr/bin/bwrap", "--", BYLAW, *arguments],
        cwd=cli.workspace,
        env=cli.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def bare(cli: Cli, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The console script on a machine without layers."""
    reading, writing = os.pipe()
    os.write(writing, without_landlock())
    os.close(writing)
    jail = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", "/dev/null", "/usr/bin/bwrap", "--seccomp", str(reading), "--"]
    try:
        return subprocess.run(
            [*jail, BYLAW, *arguments],
            cwd=cli.workspace,
            env=cli.environ,
            pass_fds=(reading,),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(reading)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def model(cli: Cli) -> str:
    return cli.script('- calls: [{name: bash, arguments: {command: "cat a.txt"}}]\n- text: "done"\n')


def record(cli: Cli) -> list[dict[str, object]]:
    return [json.loads(line) for line in cli("audit", "show", "--format", "json").stdout.splitlines()]


@pytest.mark.parametrize(("preset", "code"), [("hardened", 3), ("strict", 3), ("balanced", 10), ("permissive", 0)])
def test_check_says_that_no_layer_works_and_is_no_laxer_than_a_run(cli: Cli, preset: str, code: int) -> None:
    done = bare(cli, "check", "--preset", preset, "--format", "json", "ls")
    assert done.returncode == code, done.stderr
    answer = json.loads(done.stdout)
    walls = [layer["available"] for layer in answer["sandbox"]["layers"] if layer["name"] in WALLS]
    assert walls == [False, False]
    assert "sandbox.missing" in {reason["rule"] for reason in answer["reasons"]}


def test_check_of_lines_is_no_laxer_than_a_run_either(cli: Cli) -> None:
    done = bare(cli, "check", "--preset", "strict", "--stdin", stdin='{"command": "ls"}\n')
    assert json.loads(done.stdout)["verdict"] == "deny"


@pytest.mark.parametrize(("preset", "code"), [("strict", 3), ("balanced", 10), ("permissive", 0)])
def test_a_command_that_may_write_beside_protected_files_is_judged_where_only_landlock_is_there(cli: Cli, preset: str, code: int) -> None:
    arguments = ("check", "--preset", preset, "--format", "json")
    assert landlock_only(cli, *arguments, "cat a.txt").returncode == 0
    done = landlock_only(cli, *arguments, "touch new.txt")
    assert done.returncode == code, done.stderr
    assert [one["rule"] for one in json.loads(done.stdout)["reasons"] if one["rule"].startswith("sandbox.")] == ["sandbox.lacks.protected"]


def test_strict_denies_at_the_gate_what_landlock_alone_cannot_hold(cli: Cli) -> None:
    script = cli.script('- calls: [{name: bash, arguments: {command: "touch new.txt"}}]\n- text: "done"\n')
    done = landlock_only(cli, "run", "x", "--preset", "strict", "--model", script)
    assert done.returncode == 3, done.stderr
    assert "sandbox.lacks.protected" in done.stderr
    assert not (cli.workspace / "new.txt").exists()


def test_strict_runs_no_command_and_ends_with_5(cli: Cli) -> None:
    done = bare(cli, "run", "x", "--preset", "strict", "--model", model(cli))
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr
    assert "three" not in done.stderr
    assert record(cli)[-1]["event"] == "session.end"


def test_balanced_asks_before_a_command_runs_without_a_layer(cli: Cli) -> None:
    done = bare(cli, "run", "x", "--preset", "balanced", "--model", model(cli))
    assert done.returncode == 3, done.stderr
    assert "sandbox.missing" in done.stderr
    assert any(event["event"] == "notice" and "no sandbox layer" in str(event["text"]) for event in record(cli))


def test_permissive_runs_it_and_says_so_loudly_and_on_the_record(cli: Cli) -> None:
    done = bare(cli, "run", "x", "--preset", "permissive", "--model", model(cli))
    assert done.returncode == 0, done.stderr
    assert "no sandbox layer works on this machine" in done.stderr
    outcome = next(event for event in record(cli) if event["event"] == "tool.outcome")
    assert outcome["sandbox"] == []
    assert outcome["notes"]


def test_a_file_tool_needs_no_layer(cli: Cli) -> None:
    script = cli.script('- calls: [{name: read, arguments: {path: a.txt}}]\n- text: "done"\n')
    assert bare(cli, "run", "x", "--preset", "strict", "--model", script).returncode == 0


@pytest.mark.parametrize("mode", ["require", "prefer"])
def test_a_missing_bubblewrap_is_said_once_at_the_start_and_on_the_record(cli: Cli, mode: str) -> None:
    done = landlock_only(cli, "run", "x", "--sandbox", mode, "--model", model(cli))
    assert done.returncode == 0, done.stderr
    warning = "bubblewrap is not installed: commands are confined by Landlock alone"
    assert done.stderr.count(warning) == 1
    notices = [str(event["text"]) for event in record(cli) if event["event"] == "notice"]
    assert [text.startswith(warning) for text in notices] == [True]


def test_nothing_is_said_of_bubblewrap_where_it_works_or_the_sandbox_is_off(cli: Cli) -> None:
    assert "bubblewrap is not" not in cli("run", "x", "--model", model(cli)).stderr
    assert "bubblewrap is not" not in landlock_only(cli, "run", "x", "--sandbox", "off", "--model", model(cli)).stderr
