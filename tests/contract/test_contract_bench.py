"""What the tables of bench/ promise, held by a test: no attack that is allowed has an effect, and nobody calls an effect harmless."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench import jail, questions, verdicts
from bench.corpus import ATTACKS, EVERYDAY, Case, Harmless, harmless, read
from bench.questions import Answer, Performed
from contract_repository import ROOT

EXPECTED = yaml.safe_load((EVERYDAY.parent / "everyday-expected.yaml").read_text(encoding="utf-8"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(6))
def test_every_attack_that_a_guarded_preset_allows_has_no_effect_and_is_answered_for(share: int) -> None:
    answers = questions.ask(read(ATTACKS)[share::6], verdicts.GUARDED)
    assert [one.case.id for one in answers if one.failed] == []
    performed = questions.perform(verdicts.allowed(answers))
    assert verdicts.effective(performed, harmless()) == []
    assert [one.case.command for one in performed if one.case.command not in harmless()] == []
    assert [one.case.command for one in performed if not one.layers] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("preset", verdicts.PRESETS)
def test_everyday_commands_get_the_verdicts_that_are_written_down(preset: str) -> None:
    said = {one.case.command: one.verdict for one in questions.ask(read(EVERYDAY), [preset], project=True)}
    others = {one["command"]: one["verdicts"][preset] for one in EXPECTED["others"]}
    assert said == {command: others.get(command, EXPECTED["usual"][preset]) for command in said}
    assert set(others) <= set(said)


def test_of_everyday_commands_that_only_read_at_least_95_of_100_are_allowed_in_balanced() -> None:
    """Those that need a network, a daemon or code of the workspace are not among them."""
    commands = {case.command for case in read(EVERYDAY)}
    elsewhere = {one["command"] for one in EXPECTED["others"] if not one["because"].startswith("names that a program prints")}
    hindered = {one["command"] for one in EXPECTED["others"] if one["verdicts"]["balanced"] != "allow"} - elsewhere
    assert len(hindered) <= len(commands - elsewhere) * 5 // 100
    assert all(len(one["because"].split()) > 4 for one in EXPECTED["others"])


@pytest.mark.timeout(300)
def test_no_everyday_command_is_refused_for_the_way_in_which_it_is_written() -> None:
    answers = questions.ask(read(EVERYDAY), verdicts.PRESETS, project=True)
    assert [(one.case.command, one.preset) for one in answers if one.unread] == []


def test_no_excuse_is_stale() -> None:
    assert set(harmless()) <= {case.command for case in read(ATTACKS)}


def test_every_excuse_is_a_sentence() -> None:
    assert [name for name, excuse in harmless().items() if len(excuse.because.split()) < 4] == []


def test_the_corpora_have_an_id_for_each_command() -> None:
    for corpus in (ATTACKS, EVERYDAY):
        ids = [case.id for case in read(corpus)]
        assert len(ids) == len(set(ids)) > 50


def test_an_effect_is_seen(tmp_path: Path) -> None:
    """What is allowed in the most lenient preset does leave its evidence: the test above would see it."""
    case = Case(id="x", command="echo changed > victim; echo CANARY-SECRET", evidence=("marker",))
    answers = questions.ask([case], ["permissive"])
    assert [one.verdict for one in answers] == ["allow"]
    (performed,) = questions.perform(answers)
    assert performed.evidence == ("modified", "disclosed")
    assert verdicts.effective([performed], {}) == [performed]


def test_only_a_shown_text_is_excused() -> None:
    case = Case(id="x", command="c", evidence=("marker",))
    shown = Performed(case=case, presets=("balanced",), evidence=("disclosed",), layers=(), text="")
    marked = Performed(case=case, presets=("balanced",), evidence=("marker", "disclosed"), layers=(), text="")
    excuse = {"c": Harmless(because="it may be shown", discloses=True)}
    assert verdicts.effective([shown, marked], excuse) == [marked]
    assert verdicts.effective([shown], {"c": Harmless(because="nothing is shown")}) == [shown]


def test_what_is_unproved_or_not_set_up_is_counted_apart() -> None:
    proved, unproved = Case(id="a", command="true", evidence=("marker",)), Case(id="b", command="true")
    broken = Case(id="c", command="true", setup="no-such-program; true", evidence=("marker",))
    answers = questions.ask([proved, unproved, broken], ["balanced"])
    assert [verdicts.group(one) for one in answers] == ["attacks", "attacks: unproved", "attacks: set-up fails here"]
    assert "no-such-program" in answers[2].failed


def test_nothing_depends_on_the_name_of_an_attack(tmp_path: Path) -> None:
    attacks, everyday = tmp_path / "attacks.jsonl", tmp_path / "everyday.jsonl"
    rows = [{"id": "z1", "class": "x", "command": "printenv", "setup": "", "kind": "disclose", "evidence": ["disclosed"]}]
    attacks.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    everyday.write_text('{"id": "z2", "command": "ls"}\n')
    words = ["verdicts", "--attacks", str(attacks), "--everyday", str(everyday), "--json", "--preset", "balanced"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench", *words], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["corpus"], one["id"], one["verdict"]) for one in said[:2]] == [("attacks", "z1", "allow"), ("everyday", "z2", "allow")]
    assert (said[2]["performed"], said[2]["evidence"]) == ("z1", [])


def test_a_jail_lays_the_workspace_anew(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "mnt").mkdir()
    here = jail.Jail(workspace=str(tmp_path / "srv"), outside=str(tmp_path / "mnt"), prefix=())
    assert jail.lay(here, "echo left > /srv/left; echo out > /mnt/out") == ""
    assert (tmp_path / "srv" / "left").read_text() == "left\n"
    assert (tmp_path / "mnt" / "out").read_text() == "out\n"
    assert jail.lay(here, "") == ""
    assert sorted(one.name for one in (tmp_path / "srv").iterdir()) == ["home", "p", "victim"]
    assert [one.name for one in (tmp_path / "mnt").iterdir()] == ["secret"]


@pytest.mark.parametrize(("setup", "failed"), [("false; true", "1 false"), ("exit 3", "it ends with 3"), ("false || true", "")])
def test_a_set_up_that_fails_is_noticed(tmp_path: Path, setup: str, failed: str) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "mnt").mkdir()
    assert jail.lay(jail.Jail(workspace=str(tmp_path / "srv"), outside=str(tmp_path / "mnt"), prefix=()), setup) == failed


def test_only_whole_places_are_rewritten() -> None:
    here = jail.Jail(workspace="/a", outside="/b", prefix=())
    assert here.placed("cat /srv/x /mnt/secret ./srv/x /usr/srv /srvx") == "cat /a/x /b/secret ./srv/x /usr/srv /srvx"


def test_the_tables_are_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench"], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert all(name in done.stdout for name in ("startup", "verdicts", "decisions", "audit"))


def test_an_answer_knows_its_case() -> None:
    (answer,) = questions.ask([Case(id="q", command="echo ${")], ["permissive"])
    assert isinstance(answer, Answer)
    assert (answer.case.id, answer.verdict, answer.unread) == ("q", "deny", True)
