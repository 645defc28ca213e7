"""What flags, streams and lines of input mean on the command line: nothing given is passed over, nothing shown is cut short."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pexpect
import pytest

from cli_room import BYLAW, Cli


class Server(Protocol):
    base_url: str
    requests: list[bytes]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        *(("run", flag) for flag in ("--base-url", "--model", "--workspace", "--audit-log", "--allow-path", "--policy")),
        *(("check", flag) for flag in ("--workspace", "--allow-path", "--policy", "--sandbox-command")),
    ],
)
@pytest.mark.parametrize("value", ["", " "])
def test_a_flag_with_nothing_in_it_is_wrong_usage(cli: Cli, command: str, flag: str, value: str) -> None:
    model = cli.script("- text: done\n")
    done = cli(command, "ls", flag, value, BYLAW_MODEL=model, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert f"{flag} must not be empty" in done.stderr
    assert not done.stdout


def test_a_path_that_does_not_exist_is_named(cli: Cli) -> None:
    done = cli("check", "ls", "--allow-path", "/no/such/place")
    assert done.returncode == 7
    assert "`/no/such/place` cannot be found" in done.stderr


SHOWN = [
    ("--max-processes", "9", "limits.processes", "9"),
    ("--max-memory-bytes", "99999999", "limits.memory_bytes", "99999999"),
    ("--max-file-bytes", "5000", "limits.file_bytes", "5000"),
    ("--max-open-files", "777", "limits.open_files", "777"),
    ("--max-cpu-seconds", "7", "limits.cpu_seconds", "7"),
    ("--max-session-read-bytes", "5001", "limits.session_read_bytes", "5001"),
    ("--max-session-write-bytes", "5002", "limits.session_write_bytes", "5002"),
    ("--max-session-output-bytes", "5003", "limits.session_output_bytes", "5003"),
    ("--max-session-files", "5", "limits.session_files", "5"),
    ("--allow-host", "Packages.example:443", "network", "packages.example:443"),
    ("--sandbox-command", "/bin/x,--dir={cwd} '{shell}' \"a, b\"", "sandbox.launcher", "/bin/x --dir={cwd} {shell} a, b"),
]


def test_every_flag_of_a_value_is_that_value_with_the_flag_as_its_origin(cli: Cli) -> None:
    done = cli("policy", "show", "--format", "json", *(word for flag, given, _, _ in SHOWN for word in (flag, given)))
    values = json.loads(done.stdout)["values"]
    assert [(str(values[name][0]["value"]), values[name][0]["origin"]) for _, _, name, _ in SHOWN] == [
        (value, flag) for flag, _, _, value in SHOWN
    ]


def test_a_launcher_may_be_given_word_by_word(cli: Cli) -> None:
    done = cli("policy", "show", "--format", "json", "--sandbox-command", "/bin/x", "--sandbox-command", "{shell}")
    assert json.loads(done.stdout)["values"]["sandbox.launcher"][0]["value"] == "/bin/x {shell}"


@pytest.mark.parametrize(
    ("flag", "value", "code", "message"),
    [
        ("--sandbox-command", "/bin/x 'a", 2, "--sandbox-command cannot be read: no closing quotation"),
        ("--sandbox-command", "x", 7, "`sandbox.launcher` names the program `x`"),
        ("--allow-host", "a.org", 7, "`a.org` in `network` has no port"),
        ("--allow-host", "", 7, "has no port"),
        ("--max-processes", "1", 7, "from 8 to 1,000,000"),
        ("--max-session-files", "many", 2, "--max-session-files"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_its_flag(cli: Cli, flag: str, value: str, code: int, message: str) -> None:
    done = cli("check", "ls", flag, value)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert flag in done.stderr


def test_a_host_of_the_command_line_needs_no_question(cli: Cli) -> None:
    assert cli("check", "curl https://example.org/x").returncode == 10
    assert cli("check", "curl https://example.org/x", "--allow-host", "example.org:443").returncode == 0
    assert cli("check", "curl http://example.org/x", "--allow-host", "example.org:443").returncode == 10


@pytest.mark.parametrize("name", ["a,b", "*", "mak?", "to kei", " ls", "ls ", "", "/bin/ls", "./x", "[a]", "-x", "a\n"])
def test_only_the_plain_name_of_a_program_can_be_allowed(cli: Cli, name: str) -> None:
    done = cli("check", "ls", f"--allow-command={name}")
    assert done.returncode == 7
    assert "--allow-command" in done.stderr
    assert "repeat the flag; a plain program name" in done.stderr


@pytest.mark.parametrize("name", ["tokei", "g++", "python3.11", "apt-get", "_x", "7z"])
def test_the_plain_name_of_a_program_is_allowed(cli: Cli, name: str) -> None:
    assert cli("check", "ls", "--allow-command", name).returncode == 0


def test_hardened_refuses_to_approve_everything_before_anything_is_said_or_looked_for(cli: Cli) -> None:
    done = cli("run", "x", "--model", "nobody/nothing", "--preset", "hardened", "--unsafe-approve-all")
    assert done.returncode == 7
    assert "refuses --unsafe-approve-all" in done.stderr
    assert "nobody" not in done.stderr
    assert "EVERY CONFIRMATION" not in done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_approving_everything_is_said_once(cli: Cli, form: str) -> None:
    done = cli("run", "x", "--model", cli.script("- text: done\n"), "--unsafe-approve-all", "--format", form)
    assert done.returncode == 0
    assert done.stderr.lower().count("every confirmation is answered with yes") == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"id": NaN, "command": "ls"}',
        '{"id": Infinity, "command": "ls"}',
        '{"id": -Infinity, "command": "ls"}',
        '{"id": 1e999, "command": "ls"}',
        '{"id": 1.5, "command": "ls"}',
        '{"id": true, "command": "ls"}',
        '{"id": [1], "command": "ls"}',
        '{"id": {"a": 1}, "command": "ls"}',
        '{"id": 1, "id": 2, "command": "ls"}',
        '{"id": 1, "command": "git push", "command": "ls"}',
        '{"id": 1, "command": "git push", "c\\u006fmmand": "ls"}',
    ],
)
def test_a_line_that_says_no_one_thing_is_denied_in_valid_json(cli: Cli, line: str) -> None:
    done = cli("check", "--stdin", stdin=line + "\n")
    assert done.returncode == 0

    def never(name: str) -> None:
        raise AssertionError(name)

    answer = json.loads(done.stdout, parse_constant=never)
    assert answer["verdict"] == "deny"
    assert [reason["rule"] for reason in answer["reasons"]] == ["input.shape"]
    assert answer["id"] is None


@pytest.mark.parametrize(
    ("line", "identity"),
    [('{"command": "ls"}', None), ('{"id": "a", "command": "ls"}', "a"), ('{"id": -7, "command": "ls"}', -7)],
)
def test_an_id_comes_back_and_one_that_is_absent_is_null(cli: Cli, line: str, identity: object) -> None:
    answer = json.loads(cli("check", "--stdin", stdin=line + "\n").stdout)
    assert (answer["id"], answer["verdict"]) == (identity, "allow")


@pytest.mark.parametrize("group", [[], ["audit"], ["policy"]])
def test_a_suggestion_is_made_once(cli: Cli, group: list[str]) -> None:
    done = cli(*group, {"audit": "vrify", "policy": "shw"}.get("".join(group), "audt"))
    assert done.returncode == 2
    assert done.stderr.count("Did you mean") == 1


def on_a_terminal(cli: Cli, *arguments: str, **environ: str) -> str:
    """What a person sees, who cannot be asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [BYLAW, *arguments],
        cwd=cli.workspace,
        env={**cli.environ, "TERM": "xterm-256color", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    process.wait()
    return seen.decode()


def test_no_color_leaves_no_escape_sequence_and_bold_and_dim_go_too(cli: Cli) -> None:
    model = cli.script('- calls: [{name: bash, arguments: {command: "git push"}}]\n- text: "done"\n')
    for arguments in (("run", "x", "--model", model), ("check", "git push"), ("audit", "show")):
        assert "\x1b" in on_a_terminal(cli, *arguments)
        assert "\x1b" not in on_a_terminal(cli, *arguments, NO_COLOR="1", FORCE_COLOR="1")


def asked(cli: Cli, **environ: str) -> str:
    """What stands on the terminal of a person who is asked, and says no, until the run has ended."""
    model = cli.script('- calls: [{name: bash, arguments: {command: "touch n.txt"}}]\n- text: "done"\n')
    child: pexpect.spawn[str] = pexpect.spawn(
        BYLAW,
        ["run", "x", "--model", model],
        cwd=str(cli.workspace),
        env={**cli.environ, "TERM": "xterm", **environ},
        dimensions=(50, 400),
        encoding="utf-8",
        timeout=60,
    )
    child.expect_exact("allow this? [y/s/n/m/e/?] ")
    before = child.before or ""
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    return before + (child.before or "")


def test_no_color_holds_for_the_question_too_and_the_grant_stands_before_the_prompt(cli: Cli) -> None:
    assert "\x1b" in asked(cli)
    plain = asked(cli, NO_COLOR="1")
    assert "\x1b" not in plain
    assert "s allows: allow bash `touch n.txt` with exactly these arguments and effects for this session" in plain


def test_a_refusal_is_shown_to_its_end_and_one_turn_is_one_turn(cli: Cli) -> None:
    name = "n" * 180
    model = cli.script(f'- calls: [{{name: read, arguments: {{path: "../{name}"}}}}]\n- text: "done"\n')
    shown = cli("run", "x", "--model", model).stderr
    assert f"{name}`: reading outside the roots" in shown
    assert "done after 2 turns" in shown
    assert "done after 1 turn\n" in cli("run", "x", "--model", cli.script("- text: done\n")).stderr


@pytest.mark.parametrize("arguments", [["check", "ls"], ["check", "git push"], ["policy", "schema"], ["audit", "list"], ["--help"]])
def test_a_reader_that_went_away_is_no_error_and_no_answer(cli: Cli, arguments: list[str]) -> None:
    cli("run", "x", "--model", cli.script("- text: done\n"))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [BYLAW, *arguments], cwd=cli.workspace, env=cli.environ, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_reader_of_standard_error_that_went_away_ends_a_run_quietly_with_its_record_whole(cli: Cli) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    model = cli.script("- text: done\n")
    done = subprocess.run([BYLAW, "run", "x", "--model", model], cwd=cli.workspace, env=cli.environ, stderr=writing, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert cli("audit", "verify").returncode == 0


ANSWER = (
    b'data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", '
    b'"choices": [{"index": 0, "delta": {"role": "assistant", "content": "done"}, "finish_reason": null}]}\n\n'
    b'data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", '
    b'"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
)


def sent(cli: Cli, server: Server, place: Path) -> str:
    """The system prompt that reaches the provider of a run that was started in a place."""
    done = subprocess.run(
        [BYLAW, "run", "x", "--workspace", str(cli.workspace), "--model", "m", "--base-url", server.base_url],
        cwd=place,
        env=cli.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text: str = json.loads(server.requests[0].split(b"\r\n\r\n", 1)[1])["messages"][0]["content"]
    return text


def test_the_text_for_agents_that_is_nearest_to_the_current_directory_comes_first(cli: Cli, raw_server: Callable[..., Server]) -> None:
    near = cli.workspace / "a" / "b"
    near.mkdir(parents=True)
    (near / "AGENTS.md").write_text("near words")
    (cli.workspace / "AGENTS.md").write_text("far words")
    text = sent(cli, raw_server(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + ANSWER), near)
    assert f"work in the directory `{near}`" in text
    assert 0 < text.index("| near words") < text.index("| far words")


def test_a_current_directory_outside_counts_as_the_workspace(cli: Cli, raw_server: Callable[..., Server]) -> None:
    (cli.workspace / "AGENTS.md").write_text("far words")
    (cli.base / "AGENTS.md").write_text("foreign words")
    text = sent(cli, raw_server(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + ANSWER), cli.base)
    assert f"work in the directory `{cli.workspace}`" in text
    assert "| far words" in text
    assert "foreign words" not in text


def test_a_current_directory_that_was_removed_counts_as_the_workspace(cli: Cli) -> None:
    gone = cli.base / "gone"
    gone.mkdir()
    model = cli.script("- text: done\n")
    program = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"
    words = [BYLAW, "run", "x", "--workspace", str(cli.workspace), "--model", model]
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=gone, env=cli.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
