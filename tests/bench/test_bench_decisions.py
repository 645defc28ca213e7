"""The table of what decisions cost: what is in it, with a corpus of two commands and peers of one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import decisions, peers
from bench.corpus import Case
from bench.pathological import LARGEST, inputs
from bench.peers import Peer, measure


def test_every_input_has_a_name_of_its_own_and_none_is_longer_than_said() -> None:
    given = list(inputs())
    assert len({name for name, _ in given}) == len(given) > 500
    assert max(len(text) for _, text in given) <= LARGEST


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands, three inputs."""

    def read(_path: Path) -> tuple[Case, ...]:
        return Case(id="1", command="ls"), Case(id="2", command="(")

    monkeypatch.setattr(decisions, "read", read)
    monkeypatch.setattr(decisions, "inputs", lambda: iter([("many", "a;" * 300), ("few", "ls"), ("long", "a" * 100_000)]))


@pytest.mark.usefixtures("small")
def test_the_table_names_the_slowest_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert decisions.main(["--rounds", "1", "--worst", "2"]) == 0
    shown = capsys.readouterr().out
    assert "everyday: 2 commands" in shown
    assert "rounds of a loop" in shown
    assert "ms, for many\n" in shown
    assert "of 3 inputs" in shown
    assert "| few " not in shown or "| long " not in shown


@pytest.mark.usefixtures("small")
def test_peers_stand_beside_with_their_ratio_or_the_reason(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def install(_scratch: str, *, dippy: str | None, codex: str | None) -> list[Peer]:
        assert (dippy, codex) == (None, None)
        return [
            Peer(name="quick 1.0", worker="def judge(command): sorted(range(1000))\n"),
            Peer(name="broken 2.0", worker="raise SystemExit('no such thing')\n"),
            Peer(name="absent 3.0", missing="cannot be had"),
        ]

    monkeypatch.setattr(decisions, "install", install)
    assert decisions.main(["--rounds", "1", "--worst", "1", "--peers"]) == 0
    captured = capsys.readouterr()
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in captured.out.splitlines() if "|" in line
    }
    assert float(rows["quick 1.0"][-1]) > 0
    assert rows["broken 2.0"][0] == "failed"
    assert rows["absent 3.0"][0] == "cannot be had"
    assert "broken 2.0 failed: no such thing" in captured.err


def test_a_peer_that_fails_on_a_command_is_measured_all_the_same(tmp_path: Path) -> None:
    failing = Peer(name="x", worker="def judge(command): raise ValueError\n")
    assert len(measure(failing, ["a", "b"], str(tmp_path))) == 6
    assert measure(Peer(name="x", missing="gone"), ["a"], str(tmp_path)) == []


def test_what_cannot_be_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(place: Path, **_options: bool) -> None:
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").write_text("#!/bin/sh\necho 'no index' >&2\nexit 1\n")
        (place / "bin" / "python").chmod(0o755)

    monkeypatch.setattr("venv.create", create)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {one.name.partition(" ")[0]: one.missing for one in peers.install(str(tmp_path), dippy=None, codex=None)}
    assert found == {
        "shlex.split": "",
        "safecmd": "does not install: no index",
        "bashlex": "does not install: no index",
        "Dippy": "not on PyPI: give --dippy a checkout",
        "codex": "npm does not install @openai/codex@0.169.0 here: give --codex the program",
    }


def test_a_checkout_and_a_program_that_are_given_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dippy" / "src").mkdir(parents=True)

    def create(place: Path, **_options: bool) -> None:
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").symlink_to("/bin/true")

    monkeypatch.setattr("venv.create", create)
    found = peers.install(str(tmp_path / "scratch"), dippy=str(tmp_path / "dippy"), codex="/opt/codex")
    assert [one.missing for one in found] == [""] * 5
    assert "'/opt/codex'" in found[-1].worker
