"""The command line as a person and a script meet it: exit codes, what goes to which stream, clear errors."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli_room import BYLAW, Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_the_version_is_printed(cli: Cli) -> None:
    done = cli("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("bylaw ")


def test_without_arguments_help_is_shown(cli: Cli) -> None:
    assert "Usage: bylaw" in cli().stdout


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["check"], ["check", "ls", "--tool", "ls"], ["check", "ls", "--stdin"], ["run"], ["check", "ls", "--preset", "x"]],
)
def test_wrong_usage_ends_with_2_and_says_so_on_standard_error(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("command", "code", "verdict"), [("ls", 0, "allow"), ("git push", 3, "deny"), ("touch x", 10, "confirm"), ("ls |", 3, "deny")]
)
def test_check_ends_with_the_code_of_its_verdict(cli: Cli, command: str, code: int, verdict: str) -> None:
    done = cli("check", "--format", "json", command)
    assert done.returncode == code, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["verdict"] == verdict
    assert all({"rule", "text", "source"} <= reason.keys() for reason in answer["reasons"])
    assert answer["sandbox"]["mode"] == "prefer"
    assert not (cli.workspace / "x").exists()


def test_check_judges_the_other_tools_too(cli: Cli) -> None:
    assert cli("check", "--tool", "read", "--arguments", '{"path": "a.txt"}').returncode == 0
    assert cli("check", "--tool", "read", "--arguments", '{"path": ".env"}').returncode == 3
    assert cli("check", "--tool", "read", "--arguments", '{"path": 1}').returncode == 2


def test_check_reads_lines_and_answers_each_in_order(cli: Cli) -> None:
    lines = [
        '{"id": 1, "command": "ls"}',
        "not json",
        '{"id": "b", "command": "git push"}',
        '{"id": 3}',
        json.dumps({"id": 4, "command": "x" * (1 << 20)}),
        '{"id": 5, "command": "pwd"}',
    ]
    done = cli("check", "--stdin", stdin="\n".join(lines) + "\n")
    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [1, None, "b", 3, None, 5]
    assert [answer["verdict"] for answer in answers] == ["allow", "deny", "deny", "deny", "deny", "allow"]
    assert [answer["reasons"][0]["rule"] for answer in answers if answer["id"] is None] == ["input.not_json", "input.too_long"]


def test_a_program_that_is_not_installed_is_judged_by_its_profile_and_marked(cli: Cli) -> None:
    system = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    program = next(name for name in ("bazel", "gradle", "poetry", "deno", "vitest") if shutil.which(name, path=system) is None)
    answer = json.loads(cli("check", "--format", "json", f"{program} --version").stdout)
    assert answer["not_installed"] == [program]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1\nname: x\nnonsense: 1\n", "nonsense"),
        ("version: 1\nname: x\nlimits: {read_bytes: many}\n", "read_bytes"),
        ("version: 1\nversion: 1\nname: x\n", "version"),
        (
            "version: 1\nname: x\nrules:\n  - {id: r, verdict: deny, because: long enough to be a reason, match: {program: [rm]}, examples: {match: [ls]}}\n",
            "ls",
        ),
        ("a: [\n", "policy.yaml:"),
    ],
)
def test_a_policy_that_cannot_be_used_ends_with_7_names_the_line_and_runs_nothing(cli: Cli, text: str, expected: str) -> None:
    (cli.base / "policy.yaml").write_text(text)
    done = cli("check", "--policy", str(cli.base / "policy.yaml"), "ls")
    assert done.returncode == 7
    assert "policy.yaml:" in done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_policy_that_is_not_there_ends_with_7(cli: Cli) -> None:
    assert cli("check", "--policy", "/nonexistent/policy.yaml", "ls").returncode == 7


@pytest.mark.parametrize("workspace", ["/", "/nonexistent", "~"])
def test_a_workspace_that_must_not_be_one_is_refused(cli: Cli, workspace: str) -> None:
    place = cli.environ["HOME"] if workspace == "~" else workspace
    done = cli("check", "--workspace", place, "ls")
    assert done.returncode == 7
    assert "Traceback" not in done.stderr


def test_a_flag_counts_whatever_its_value(cli: Cli) -> None:
    shown = cli("policy", "show", "--preset", "hardened", "--max-file-read-bytes", "1000000").stdout
    line = next(line for line in shown.splitlines() if line.startswith("limits.read_bytes"))
    assert "1000000" in line
    assert "--max-file-read-bytes" in line


def test_policy_show_names_the_origin_of_every_value_also_as_json(cli: Cli) -> None:
    values = json.loads(cli("policy", "show", "--format", "json").stdout)["values"]
    assert all(one["origin"] for found in values.values() for one in found)


def test_the_schema_is_json_schema(cli: Cli) -> None:
    assert "properties" in json.loads(cli("policy", "schema").stdout)


def test_a_run_prints_the_models_words_on_standard_output_and_all_else_beside(cli: Cli) -> None:
    model = cli.script('- text: "hello"\n  calls: [{name: bash, arguments: {command: "cat a.txt"}}]\n- text: "done"\n')
    done = cli("run", "look", "--model", model)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["hello", "done"]
    assert "cat a.txt" in done.stderr


def test_a_run_with_denials_is_not_silently_a_success(cli: Cli) -> None:
    model = cli.script('- calls: [{name: bash, arguments: {command: "git push"}}]\n- text: "gave up"\n')
    assert cli("run", "x", "--model", model).returncode == 3
    assert cli("run", "x", "--model", model, "--allow-denials").returncode == 0


def test_json_output_is_json_lines_only(cli: Cli) -> None:
    model = cli.script('- calls: [{name: ls, arguments: {}}]\n- text: "done"\n')
    done = cli("run", "-", "--model", model, "--format", "json", stdin="the task\n")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1] == {**events[-1], "event": "run_finished", "exit_code": 0}


def test_the_limit_of_turns_ends_with_4(cli: Cli) -> None:
    turn = "- calls: [{name: ls, arguments: {}}]\n"
    done = cli("run", "x", "--model", cli.script(turn * 5), "--max-turns", "2")
    assert done.returncode == 4
    assert "--max-turns" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "x"], "--model"),
        (["run", "x", "--model", "nobody/nothing"], "nobody"),
        (["run", "x", "--model", "scripted:/nonexistent"], "nonexistent"),
        (["run", " ", "--model", "scripted:x"], "task"),
    ],
)
def test_a_configuration_that_cannot_work_ends_with_7_and_says_what_to_do(cli: Cli, arguments: list[str], expected: str) -> None:
    done = cli(*arguments)
    assert done.returncode == 7
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_approving_everything_is_loud_recorded_and_refused_by_hardened(cli: Cli) -> None:
    model = cli.script('- calls: [{name: write, arguments: {path: n.txt, content: x}}]\n- text: "done"\n')
    assert cli("run", "x", "--model", model, "--preset", "hardened", "--unsafe-approve-all").returncode == 7
    assert not (cli.workspace / "n.txt").exists()
    done = cli("run", "x", "--model", model, "--unsafe-approve-all")
    assert done.returncode == 0, done.stderr
    assert "EVERY CONFIRMATION" in done.stderr
    assert (cli.workspace / "n.txt").read_text() == "x"
    assert "unsafe-approve-all" in cli("audit", "show", "--format", "json").stdout


def test_a_record_that_cannot_be_written_ends_with_6_and_nothing_runs(cli: Cli) -> None:
    existing = cli.base / "log.jsonl"
    existing.write_text("somebody else's\n")
    model = cli.script('- calls: [{name: bash, arguments: {command: "ls"}}]\n- text: "done"\n')
    done = cli("run", "x", "--model", model, "--audit-log", str(existing))
    assert done.returncode == 6
    assert existing.read_text() == "somebody else's\n"
    assert not done.stdout


def test_the_record_can_be_shown_and_verified_and_an_edit_is_found(cli: Cli) -> None:
    log = cli.base / "own.jsonl"
    cli("run", "x", "--model", cli.script('- calls: [{name: ls, arguments: {}}]\n- text: "done"\n'), "--audit-log", str(log))
    assert log.stat().st_mode & 0o777 == 0o600
    assert "tool.intent" in cli("audit", "show", str(log)).stdout
    verified = cli("audit", "verify", str(log))
    assert verified.returncode == 0
    assert "unanchored" in verified.stdout
    log.write_text(log.read_text().replace('"tool":"ls"', '"tool":"rm"', 1))
    assert cli("audit", "verify", str(log)).returncode == 1


def test_a_log_that_is_not_there_is_a_clear_error(cli: Cli) -> None:
    for arguments in (("audit", "verify", "/nonexistent.jsonl"), ("audit", "show"), ("audit", "verify")):
        done = cli(*arguments)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
    assert cli("audit", "list").returncode == 0


def test_ctrl_c_stops_the_running_command_and_ends_with_130_and_a_complete_record(cli: Cli) -> None:
    model = cli.script('- text: "I will wait."\n  calls: [{name: bash, arguments: {command: "sleep 60"}}]\n- text: "never"\n')
    process = subprocess.Popen(
        [BYLAW, "run", "x", "--model", model], cwd=cli.workspace, env=cli.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log = None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        logs = list((Path(cli.environ["HOME"]) / ".local/state/bylaw/audit").glob("*.jsonl"))
        if logs and "tool.intent" in logs[0].read_text():
            log = logs[0]
            break
        time.sleep(0.05)
    assert log is not None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "I will wait." in out
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[-1]["event"] == "session.end"
    assert any(event["event"] == "tool.outcome" and event["status"] == "interrupted" for event in events)


def test_an_answer_that_never_comes_is_a_clear_error_with_a_complete_record(cli: Cli) -> None:
    done = cli("run", "x", "--model", "openai/m", "--base-url", "http://127.0.0.1:9/v1", OPENAI_API_KEY="sk-not-a-real-key-at-all")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "sk-not-a-real-key" not in done.stderr
    assert cli("audit", "verify").returncode == 0
