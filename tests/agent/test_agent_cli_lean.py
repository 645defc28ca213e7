"""The lean path of `bylaw check` gives the answer of the command-line framework, byte for byte, or leaves it the question."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bylaw.agent.cli import app, layers, lean
from bylaw.agent.cli.layers import held_here
from bylaw.agent.held import Holding
from bylaw.policy import store as keeping
from bylaw.tools.sandbox import bubblewrap
from cli_room import BYLAW, Cli
from shelf import Shelf

COMMANDS = [
    "git status",
    "ls -la | head -n 3",
    "cat .env",
    "git push --force origin main",
    "rm -rf /",
    "frobnicate --now",
    "echo 'unclosed",
    "echo a\u202eb",
    "touch n.txt && wc -l n.txt",
    "printf '%s\\t%s\\n' a b > out.txt",
    "FOO=bar make test",
    "sed -i s/a/b/ a.txt",
    'for f in a.txt; do cat "$f"; done',
    "",
]
FLAGS = [
    [],
    ["--format", "json"],
    ["--preset", "strict"],
    ["--preset=permissive", "--format=json"],
    ["--preset", "hardened"],
]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def both(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> list[tuple[object, str, str]]:
    """The code and output of the lean path and of the framework."""
    monkeypatch.chdir(cli.workspace)
    for name, value in cli.environ.items():
        monkeypatch.setenv(name, value)
    found: list[tuple[object, str, str]] = []
    ways: list[Callable[[], int | None]] = [lambda: lean.answer(arguments, os.environ), lambda: app.run(arguments)]
    for run in ways:
        code = run()
        sys.stdout.flush()
        shown = capfd.readouterr()
        found.append((code, shown.out, shown.err))
    return found


@pytest.mark.parametrize(("command", "flags"), [*itertools.product(COMMANDS, FLAGS)])
def test_the_lean_answer_is_the_answer_of_the_framework(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str, flags: list[str]
) -> None:
    first, second = both(cli, monkeypatch, capfd, ["check", *flags, "--", command])
    assert first == second
    assert first[0] in {0, 3, 10}
    assert first[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workspace", "missing", "ls"], "bylaw: missing: the workspace does not exist"),
        (["--workspace", "/", "ls"], "`/` cannot be a workspace"),
        (["--policy", "missing.yaml", "ls"], "the policy file cannot be read"),
    ],
)
def test_errors_are_those_of_the_framework(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    first, second = both(cli, monkeypatch, capfd, ["check", *arguments])
    assert first == second
    assert first[0] == 7
    assert message in first[2]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--version"],
        ["run", "x"],
        ["check"],
        ["check", "--help"],
        ["check", "-h"],
        ["check", "--stdin"],
        ["check", "--tool", "read"],
        ["check", "ls", "pwd"],
        ["check", "-x"],
        ["check", "--preset", "odd", "ls"],
        ["check", "--format", "xml", "ls"],
        ["check", "--preset", "strict", "--preset", "hardened", "ls"],
        ["check", "--workspace", "", "ls"],
        ["check", "--workspace= ", "ls"],
        ["check", "ls", "--preset"],
        ["check", "--sandbox", "off", "ls"],
    ],
)
def test_what_is_not_understood_is_left_to_the_framework(arguments: list[str]) -> None:
    assert lean.answer(arguments, {}) is None


def test_a_request_for_completions_is_left_to_the_framework() -> None:
    assert lean.answer(["check", "ls"], {"_BYLAW_COMPLETE": "complete_bash"}) is None


def modules(cli: Cli, *arguments: str) -> set[str]:
    code = "import sys; from bylaw.agent.cli import main; main(sys.argv[1:]); print('\\n' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], cwd=cli.workspace, env=cli.environ, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_second_start_loads_no_framework_and_reads_no_yaml(cli: Cli) -> None:
    heavy = {"typer", "click", "rich", "pydantic", "bashlex", "httpx", "yaml", "json", "subprocess", "pathspec"}
    assert modules(cli, "check", "git status") & heavy
    assert not modules(cli, "check", "git status") & heavy


def test_an_edited_policy_file_another_workspace_and_another_home_are_judged_anew(cli: Cli) -> None:
    policy = cli.base / "policy.yaml"

    def verdict(*flags: str, **environ: str) -> str:
        return str(json.loads(cli("check", "--policy", str(policy), "--format", "json", *flags, "cat a.txt", **environ).stdout)["verdict"])

    policy.write_text("version: 1\n")
    assert [verdict(), verdict()] == ["allow", "allow"]
    policy.write_text("version: 1\npaths: {secret: ['{workspace}/a.txt']}\n")
    assert [verdict(), verdict()] == ["deny", "deny"]
    other = cli.base / "other"
    other.mkdir()
    (other / "a.txt").touch()
    policy.write_text(f"version: 1\npaths: {{secret: ['{other}/a.txt', '{{home}}/ws/a.txt']}}\n")
    assert [verdict(), verdict("--workspace", str(other)), verdict()] == ["allow", "deny", "allow"]
    assert [verdict(HOME=str(cli.base)), verdict()] == ["deny", "allow"]


def test_tampered_entries_change_nothing(cli: Cli) -> None:
    first = cli("check", "git status")
    again = cli("check", "git status")
    assert first.stdout == again.stdout
    folder = cli.base / "home" / ".cache" / "bylaw"
    entries = sorted(folder.iterdir())
    assert {one.name.partition("-")[0] for one in entries} == {"policy", "profile", "sandbox"}
    policy, *_ = entries
    body = policy.read_bytes()
    assert b"default.execute.known" not in body
    policy.write_bytes(body.replace(b"presets/balanced.yaml", b"presets/tampered.yaml"))
    assert cli("check", "git status").stdout == first.stdout
    assert policy.read_bytes() == body
    for one in entries:
        one.write_bytes(b"")
    assert cli("check", "git status").stdout == first.stdout


def test_without_a_cache_directory_everything_works(cli: Cli) -> None:
    first = cli("check", "git status")
    (cli.base / "file").touch()
    assert cli("check", "git status", XDG_CACHE_HOME=str(cli.base / "file")).stdout == first.stdout


def test_a_cache_inside_the_workspace_is_neither_believed_nor_made(cli: Cli) -> None:
    assert cli("check", "ls", XDG_CACHE_HOME=str(cli.workspace / "cache")).returncode == 0
    assert not (cli.workspace / "cache").exists()


def test_calls_neither_read_nor_write_the_cache(cli: Cli) -> None:
    cache = cli.base / "home" / ".cache" / "bylaw"
    cli("check", "ls")
    assert cli("check", "--preset", "permissive", f"cat {cache}/x").returncode == 3
    assert cli("check", "--preset", "balanced", f"touch {cache}/x").returncode == 3


def test_a_reader_that_went_away_ends_the_lean_path_with_its_code(cli: Cli) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([BYLAW, "check", "ls"], cwd=cli.workspace, env=cli.environ, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (OSError(28, "full"), 1)])
def test_what_ends_the_lean_path_has_the_code_of_the_framework(monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int) -> None:
    def end(*_: object, **__: object) -> int:
        raise raised

    monkeypatch.setattr("bylaw.agent.cli.check.check_call", end)
    assert lean.answer(["check", "ls"], {}) == code


HERE = Holding(states=(("bubblewrap", True, "proven"),), wall=True, lacks={"grain": "no rule can name it"})


def test_what_a_probe_found_is_kept_until_it_is_old_or_the_machine_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    probes: list[None] = []

    def probe(_launcher: tuple[str, ...]) -> Holding:
        probes.append(None)
        return HERE

    monkeypatch.setattr(layers, "_probed", probe)
    now = [1e9]
    monkeypatch.setattr("time.time", lambda: now[0])
    shelf = Shelf()
    assert held_here(None) == HERE
    assert held_here(shelf) == held_here(shelf) == HERE
    assert len(probes) == 2
    now[0] += 3600
    assert held_here(shelf) == HERE
    assert len(probes) == 3
    now[0] -= 1  # a clock that was put back
    assert held_here(shelf) == HERE
    assert len(probes) == 4
    (place,) = shelf.entries
    for odd in (b"", keeping.pack("x"), keeping.pack((1, 2)), keeping.pack((now[0], HERE.states))):
        shelf.entries[place] = odd
        assert held_here(shelf) == HERE
    assert len(probes) == 8
    monkeypatch.setattr(layers, "PROGRAMS", ("/usr/bin/env",))
    monkeypatch.setattr(layers, "_SANDBOX", "/nonexistent")
    assert held_here(shelf) == HERE
    assert len(probes) == 9


def test_the_key_of_a_probe_names_the_programs_that_are_probed() -> None:
    places = bubblewrap._PLACES  # pyright: ignore[reportPrivateUsage]  # the list that the probe goes through
    assert set(places) <= set(layers.PROGRAMS)
