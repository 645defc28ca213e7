"""`bylaw doctor` on the real machine, and on one that lacks what a sandbox is made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bylaw.agent import machine
from bylaw.agent.cli import app, doctor
from bylaw.agent.held import JUDGED
from bylaw.agent.machine import Fact, advice, facts
from bylaw.tools.sandbox import LayerState, layers
from bylaw.tools.sandbox.bubblewrap import Bubblewrap
from bylaw.tools.sandbox.matrix import CAPABILITIES, LAYER_NAMES
from cli_room import BYLAW, Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def inside(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The commands run in this process, so that a layer can be left out."""
    monkeypatch.chdir(cli.workspace)
    for name, value in cli.environ.items():
        monkeypatch.setenv(name, value)
    return cli


def fixed(states: tuple[LayerState, ...]) -> Callable[[tuple[str, ...]], tuple[LayerState, ...]]:
    """Layers that are found, whatever launcher the policy names."""
    return lambda _launcher: states


def only(*names: str) -> tuple[LayerState, ...]:
    return tuple(one if one.name in names else replace(one, available=False, why="left out by the test") for one in layers())


def named(found: tuple[Fact, ...]) -> dict[str, Fact]:
    return {fact.name: fact for fact in found}


def test_it_shows_every_layer_every_capability_and_what_the_policy_makes_of_it(cli: Cli) -> None:
    done = cli("doctor", "--format", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [layer["name"] for layer in answer["layers"]] == [state.name for state in layers()]
    assert tuple(answer["matrix"]) == CAPABILITIES
    assert all(row["together"]["why"] and row["meaning"] for row in answer["matrix"].values())
    assert answer["policy"]["name"] == "balanced"
    assert answer["policy"]["met"]
    assert answer["exit_code"] == 0


def test_the_text_has_no_escape_sequence_outside_of_a_terminal_and_names_every_capability(cli: Cli) -> None:
    done = cli("doctor")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("capability "))
    rows = lines[start + 1 : lines.index("", start)]
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == list(CAPABILITIES)
    assert any(line.startswith("policy balanced: sandbox prefer") for line in lines)


def test_a_required_sandbox_that_cannot_be_had_ends_with_5(
    inside: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "layers", only)
    assert app.run(["doctor", "--preset", "strict"]) == 5
    assert "no command runs (exit code 5)" in capsys.readouterr().out
    assert app.run(["doctor", "--preset", "balanced"]) == 0
    assert "commands have to be confirmed" in capsys.readouterr().out
    assert app.run(["doctor", "--preset", "permissive", "--sandbox", "off"]) == 0
    assert "THE SANDBOX IS SWITCHED OFF" in capsys.readouterr().out


def test_what_landlock_alone_does_not_hold_is_told_with_what_becomes_of_such_calls(
    inside: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "layers", fixed(only("landlock")))
    assert app.run(["doctor", "--preset", "strict"]) == 0
    shown = capsys.readouterr().out
    assert "are denied" in shown
    assert "sandbox.lacks.protected" in shown
    assert app.run(["doctor", "--format", "json"]) == 0
    lacks = json.loads(capsys.readouterr().out)["policy"]["lacks"]
    assert {"protected", "attributes", "hosts"} <= set(lacks) <= set(JUDGED)


def test_nothing_is_lacking_where_both_walls_stand(
    inside: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = tuple(replace(one, available=True, version=7 if one.name == "landlock" else 0) for one in layers())
    monkeypatch.setattr(doctor, "layers", fixed(both))
    assert app.run(["doctor"]) == 0
    assert "the layers hold every call to what it declares" in capsys.readouterr().out


def test_a_record_that_cannot_be_written_is_broken_and_ends_with_1(cli: Cli) -> None:
    done = cli("doctor", "--format", "json", BYLAW_HOME="/proc/self/bylaw")
    assert done.returncode == 1, done.stderr
    (record,) = [fact for fact in json.loads(done.stdout)["machine"] if fact["name"] == "record"]
    assert record["state"] == "broken"
    assert record["hint"]


def test_a_record_where_there_is_no_room_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_LEAST_FREE", 1 << 80)
    assert named(facts({"BYLAW_HOME": str(tmp_path)}, layers()))["record"].state == "broken"


def test_the_record_is_looked_at_without_leaving_anything(tmp_path: Path) -> None:
    fact = named(facts({"BYLAW_HOME": str(tmp_path / "not" / "there")}, layers()))["record"]
    assert fact.state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_programs_that_are_not_there_are_told_with_what_is_lost(tmp_path: Path) -> None:
    found = named(facts({"BYLAW_HOME": str(tmp_path), "PATH": str(tmp_path)}, layers()))
    assert {found[name].state for name in ("git", "bash", "rg")} == {"note"}
    assert "the git tools do not work" in found["git"].text


def test_a_missing_bubblewrap_is_met_with_how_to_install_it() -> None:
    state = Bubblewrap(places=()).probe()
    assert not state.available
    assert "install bubblewrap" in advice(state)


def test_every_layer_that_is_missing_comes_with_what_to_do_and_one_that_works_does_not() -> None:
    for name in LAYER_NAMES:
        assert advice(LayerState(name=name, available=False, why="refused"))
        assert not advice(LayerState(name=name, available=True, why="proven"))


def test_a_switch_of_the_kernel_that_is_in_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SWITCHES", {"kernel.ostype": ("Linux", "lift it")})
    assert advice(LayerState(name="bubblewrap", available=False, why="`bwrap` cannot make a jail here")) == "lift it"


def test_an_ordinary_user_without_namespaces_and_audit_is_told_so(cli: Cli) -> None:
    code = f"unshare --user --map-user=65534 bash -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --no-new-privs {BYLAW} doctor --format json'"
    done = subprocess.run(["bash", "-c", code], cwd=cli.workspace, env=cli.environ, capture_output=True, text=True, check=False)
    if not done.stdout:
        pytest.skip("no user namespace can be made here")
    found = {fact["name"]: fact for fact in json.loads(done.stdout)["machine"]}
    assert found["user namespaces"]["state"] == "note"
    assert found["user namespaces"]["hint"]
    assert found["kernel audit"]["state"] == "note"
    assert "limited for the user" in json.loads(done.stdout)["matrix"]["limits"]["together"]["why"] or os.geteuid()


@pytest.mark.parametrize("version", [0, 6])
def test_an_audit_that_landlock_does_not_write_to_makes_no_denial_exact(tmp_path: Path, version: int) -> None:
    states = (LayerState(name="landlock", available=bool(version), why="made for the test", version=version),)
    found = named(facts({"BYLAW_HOME": str(tmp_path)}, states))
    assert found["kernel audit"].state == "note"
    assert found["landlock ABI"].text == (str(version) if version else "none")


def test_it_is_run_by_the_framework_like_any_other_command() -> None:
    done = subprocess.run([sys.executable, "-P", "-m", "bylaw", "doctor", "--help"], capture_output=True, text=True, check=True)
    assert "Ends with 0" in done.stdout
