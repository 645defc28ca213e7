"""The attack range: small corpora, run for real, unprotected and through the gate."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import range as attack_range
from bench import range_everyday
from bench.corpus import ROOT, Case, Unusable, read_whatever
from bench.jail import Jail, lay
from bench.range_count import Attack, effective, effective_in, headline
from bench.range_everyday import Difference, excuse
from bench.range_evidence import Canary, before, evidence
from bench.range_fleet import Hopeless, Worker
from bylaw.policy.decision import Manifest, PathGrant

ATTACKS = (
    {"id": "writes", "class": "x", "command": "touch sub/../PWNED", "setup": "mkdir sub", "evidence": ["marker"]},
    {"id": "reads", "command": "cat /mnt/secret"},
    {"id": "strays", "command": "git status", "setup": "git init -q . && git config core.fsmonitor ./p", "evidence": ["no such evidence"]},
    {"id": "terminal", "command": "[ ! -t 1 ] || touch PWNED", "evidence": ["marker-pty"]},
    {"id": "prints", "command": "echo CANARY-SECRET", "evidence": ["disclosed"]},
    {"id": "tells", "command": "printenv AGENT_TOKEN"},
    {"id": "nothing", "command": "true"},
    {"id": "missing", "command": "no-such-program-anywhere ./p"},
    {"id": "unprepared", "command": "touch PWNED", "setup": "false"},
    {"id": "left", "command": "true", "setup": "touch PWNED; rm victim; mkdir -p deep/er; chmod 0 deep/er deep"},
    {"id": "daemon", "command": "(setsid sleep 0.3; touch PWNED) > /dev/null 2>&1 &"},
    {"id": "writes", "command": "touch sub/../PWNED", "setup": "mkdir sub"},
    {"id": "unusable"},
)


def ran(corpus: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON object of a range over a corpus, as anybody would start it."""
    command = [sys.executable, "-P", "-m", "bench", "range", "--corpus", str(corpus), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode in {0, 1}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The small corpus under the laxest preset and the default."""
    corpus = tmp_path_factory.mktemp("range") / "attacks.jsonl"
    corpus.write_text("".join(json.dumps(one) + "\n" for one in ATTACKS) + "no json\n[1]\n\n", encoding="utf-8")
    code, found = ran(corpus, "--preset", "permissive", "--preset", "balanced")
    assert code == 0
    return found


def run(result: dict[str, Any], name: str, preset: str, layer: str) -> dict[str, Any]:
    """One run of one attack."""
    attack = next(one for one in result["attacks"] if one["id"] == name)
    found: dict[str, Any] = next(one for one in attack["runs"] if (one["preset"], one["layer"]) == (preset, layer))
    return found


def left_out(result: dict[str, Any]) -> dict[str, str]:
    """Why attacks do not count."""
    return {one["id"]: one["why"] for one in result["left_out"]}


def test_only_attacks_with_an_effect_here_count(result: dict[str, Any]) -> None:
    assert [one["id"] for one in result["attacks"]] == ["writes", "reads", "strays", "terminal", "prints", "tells", "writes"]
    assert (result["total"], result["cases"]) == (7, len(ATTACKS) + 2)


def test_what_is_left_out_says_why(result: dict[str, Any]) -> None:
    why = left_out(result)
    assert why["missing"] == "`no-such-program-anywhere` is not installed"
    assert why["unprepared"].startswith("its set-up: 1 false")
    assert why["nothing"] == "no effect without protection: it ends with 0"
    assert why["unusable"] == "it has no command"
    assert why["line 14"] == "it is not JSON"
    assert why["line 15"] == "it is not a JSON object"


def test_what_the_set_up_left_is_no_evidence(result: dict[str, Any]) -> None:
    assert left_out(result)["left"].startswith("no effect")


def test_what_a_command_left_running_is_ended_with_it(result: dict[str, Any]) -> None:
    assert left_out(result)["daemon"].startswith("no effect")


def test_an_effect_that_needs_a_terminal_is_found_on_one(result: dict[str, Any]) -> None:
    assert {one["id"] for one in result["attacks"] if one["unprotected"]["terminal"]} == {"terminal"}


def test_a_write_that_the_policy_allows_is_effective_under_the_policy_alone(result: dict[str, Any]) -> None:
    one = run(result, "writes", "permissive", "policy")
    assert one["verdict"] == "allow"
    assert one["evidence"]["found"] == ["marker"]
    assert one["held"] == []
    assert one["effective"]


def test_a_write_that_was_declared_is_no_escape_from_the_sandbox(result: dict[str, Any]) -> None:
    assert not run(result, "writes", "permissive", "sandbox")["effective"]


def test_what_would_be_confirmed_does_not_run_when_nobody_is_there(result: dict[str, Any]) -> None:
    one = run(result, "writes", "balanced", "both")
    assert (one["verdict"], one["ran"]) == ("confirm", False)


def test_a_refused_command_runs_under_the_sandbox_alone_with_what_it_declared(result: dict[str, Any]) -> None:
    one = run(result, "reads", "balanced", "sandbox")
    assert one["verdict"] == "deny"
    assert one["ran"]
    assert one["breadth"] == "read-only"
    assert one["evidence"] == {"found": ["disclosed"], "declared": ["disclosed"], "strays": []}
    assert not run(result, "reads", "balanced", "both")["ran"]


def test_what_the_policy_lets_through_is_stopped_in_the_sandbox(result: dict[str, Any]) -> None:
    for preset in ("balanced", "permissive"):
        one = run(result, "tells", preset, "both")
        assert one["ran"]
        assert not one["evidence"]["found"]


def test_a_text_of_the_command_itself_is_no_secret(result: dict[str, Any]) -> None:
    one = run(result, "prints", "balanced", "both")
    assert one["evidence"] == {"found": ["disclosed"], "declared": ["disclosed"], "strays": []}
    assert not one["effective"]


def test_the_headline_is_for_both_layers_in_the_guarded_presets(result: dict[str, Any]) -> None:
    assert result["effective"] == 0
    assert result["effective_in"] == {"layer": "both", "presets": ["balanced"]}


def test_each_preset_and_layer_has_a_row_with_its_breadth(result: dict[str, Any]) -> None:
    rows = {(one["preset"], one["layer"]): one for one in result["rows"]}
    assert set(rows) == {(preset, layer) for preset in ("balanced", "permissive") for layer in attack_range.LAYERS}
    sandbox = rows["balanced", "sandbox"]
    assert sandbox["total"] == 7
    assert sum(sandbox["breadth"].values()) == sandbox["ran"]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "{}\n", '{"id": 1, "command": 7}\n', "\x00\n", '{"command": "a\\u0000b"}\n', '{"command": "\\ud800"}\n']
)
def test_a_corpus_without_a_usable_attack_is_no_failure(tmp_path: Path, text: str) -> None:
    corpus = tmp_path / "attacks.jsonl"
    corpus.write_text(text, encoding="utf-8")
    code, found = ran(corpus, "--layers", "both", "--preset", "strict")
    assert (code, found["total"], found["effective"]) == (0, 0, 0)
    assert not found["attacks"]


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert attack_range.main(["--corpus", str(tmp_path / "none")]) == 2
    assert "none` cannot be read: No such file" in capsys.readouterr().err


def test_without_bubblewrap_attacks_run_all_the_same_and_reach_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shutil.which

    def which(name: str, path: str | None = None) -> str | None:
        return None if name == "bwrap" else found(name, path=path)

    monkeypatch.setattr("shutil.which", which)
    beside = tmp_path / "beside"
    corpus = tmp_path / "attacks.jsonl"
    attacks = [{"command": "touch /srv/PWNED"}, {"command": f"echo > {beside}; touch PWNED"}, {"command": "kill -9 $PPID; touch PWNED"}]
    corpus.write_text("".join(json.dumps(one) + "\n" for one in attacks), encoding="utf-8")
    assert attack_range.main(["--corpus", str(corpus), "--json", "--preset", "strict", "--layers", "both"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["total"] >= 2
    assert shown["effective"] == 0
    assert not beside.exists()


def test_everyday_work_is_the_same_in_the_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, daily = tmp_path / "attacks.jsonl", tmp_path / "everyday.jsonl"
    corpus.touch()
    commands = ["ls src", "git log --oneline", "cat none", "no-such-program-anywhere", "ps aux"]
    daily.write_text("".join(json.dumps({"id": one, "command": one}) + "\n" for one in commands), encoding="utf-8")
    assert attack_range.main(["--corpus", str(corpus), "--everyday", str(daily), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["everyday"]
    assert [one["command"] for one in shown["different"]] == ["ps aux"]
    assert (shown["of"], shown["identical"], shown["must_differ"], shown["unexplained"]) == (4, 4, 1, 0)


def test_the_tables_are_for_people_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, daily = tmp_path / "attacks.jsonl", tmp_path / "everyday.jsonl"
    corpus.write_text('{"id": "a", "command": "touch PWNED"}\n{"id": "b", "command": "true"}\n', encoding="utf-8")
    daily.write_text('{"id": "c", "command": "echo x"}\n', encoding="utf-8")
    assert attack_range.main(["--corpus", str(corpus), "--everyday", str(daily), "--preset", "permissive", "--layers", "policy"]) == 0
    shown = capsys.readouterr().out
    assert "2 attacks, of which 1 have an effect here without protection" in shown
    assert "policy: marker (directory) in permissive" in shown
    assert "left out: 1\n  b  no effect without protection" in shown
    assert "1 of 1 identical" in shown


def test_a_worker_that_cannot_start_is_no_success() -> None:
    worker = Worker(command=("false",))
    with pytest.raises(Hopeless, match="does not start"):
        worker.ask({"command": "true", "setup": ""})


def test_a_command_that_ends_its_worker_is_left_out_and_the_next_one_runs(tmp_path: Path) -> None:
    corpus = tmp_path / "attacks.jsonl"
    corpus.write_text('{"id": "a", "command": "kill -9 $PPID"}\n{"id": "b", "command": "touch PWNED"}\n', encoding="utf-8")
    _, found = ran(corpus, "--layers", "both", "--preset", "strict")
    assert [one["id"] for one in found["attacks"]] == ["b"]
    assert left_out(found)["a"].startswith("it ended the process that ran it")


def test_nothing_of_the_range_is_left_behind(tmp_path: Path) -> None:
    corpus, temporary = tmp_path / "attacks.jsonl", tmp_path / "tmp"
    temporary.mkdir()
    corpus.write_text('{"command": "mkdir -p a/b; touch PWNED; chmod 0 a/b a; sleep 60 &"}\n', encoding="utf-8")
    command = [
        sys.executable,
        "-P",
        "-m",
        "bench",
        "range",
        "--corpus",
        str(corpus),
        "--json",
        "--preset",
        "permissive",
        "--layers",
        "both",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert json.loads(done.stdout)["total"] == 1
    assert not list(temporary.iterdir())


def test_an_attack_is_effective_only_by_what_goes_beyond_its_declaration_where_somebody_said_yes() -> None:
    found: dict[str, Any] = {"found": ["marker", "disclosed"], "declared": ["marker", "disclosed"]}
    assert effective({"layer": "policy", "evidence": found})
    assert effective({"layer": "both", "evidence": found})
    assert not effective({"layer": "sandbox", "evidence": found})
    assert not effective({"layer": "approved", "evidence": found})
    assert effective({"layer": "sandbox", "evidence": {**found, "declared": ["disclosed"]}})


def test_a_change_that_nothing_declared_is_found_whatever_it_is(tmp_path: Path) -> None:
    workspace, outside = tmp_path / "srv", tmp_path / "mnt"
    workspace.mkdir()
    outside.mkdir()
    place, canary = Jail(workspace=str(workspace), outside=str(outside), prefix=()), Canary.fresh()
    lay(place, "", canary=canary.outside)
    earlier = before(place, canary)
    (workspace / "named").write_text("x")
    (outside / "other").write_text("x")
    (workspace / "p").chmod(0o700)
    manifest = Manifest(write=(PathGrant(path=f"{workspace}/named"),))
    found = evidence(place, earlier, "", canary=canary, manifest=manifest, own="", confined=True)
    assert found.strays == (f"{outside}/other", f"{workspace}/p")
    assert found.undeclared == ("stray",)
    assert not evidence(place, earlier, "", canary=canary, manifest=manifest, own="", confined=False).found


def test_a_file_of_the_workspace_that_holds_the_secret_is_shown_only_by_those_who_declared_it(tmp_path: Path) -> None:
    workspace, outside = tmp_path / "srv", tmp_path / "mnt"
    workspace.mkdir()
    outside.mkdir()
    place, canary = Jail(workspace=str(workspace), outside=str(outside), prefix=()), Canary.fresh()
    lay(place, "cp /mnt/secret copy", canary=canary.outside)
    earlier = before(place, canary)
    may = Manifest(read=(PathGrant(path=f"{workspace}/copy"),))
    for manifest, declared in ((may, ("disclosed",)), (Manifest(), ()), (Manifest(read=may.read, hidden=(f"{workspace}/copy",)), ())):
        assert evidence(place, earlier, canary.outside, canary=canary, manifest=manifest, own="", confined=True).declared == declared
    assert evidence(place, earlier, canary.token, canary=canary, manifest=may, own=canary.token, confined=True).declared == ()


def test_an_attack_that_succeeds_anywhere_counts_once() -> None:
    one: dict[str, Any] = {"layer": "both", "ran": True, "evidence": {"found": ["marker"], "declared": []}}
    attack = Attack(case=Case(id="a", command="b"), runs=({**one, "preset": "strict"}, {**one, "preset": "balanced"}))
    assert effective_in([attack], "both", ("strict", "balanced")) == [attack]
    assert effective_in([attack], "both", ("hardened",)) == []


def test_the_headline_is_for_the_most_that_was_chosen() -> None:
    assert headline(("policy",), ("permissive",), ("strict",)) == ("policy", ("permissive",))
    assert headline(("policy", "sandbox"), ("strict", "permissive"), ("strict",)) == ("sandbox", ("strict",))


def test_a_corpus_of_others_is_read_line_by_line(tmp_path: Path) -> None:
    corpus = tmp_path / "attacks.jsonl"
    corpus.write_text('{"id": "a", "command": "x", "setup": null, "evidence": "marker"}\n{"command": "y", "setup": 1}\n', encoding="utf-8")
    assert read_whatever(corpus) == (
        Case(id="a", command="x", evidence=("marker",)),
        Unusable(id="line 2", why="its set-up is not a script"),
    )


def test_every_difference_has_its_reason() -> None:
    known = range_everyday.differences()
    assert all(one.because for one in known)
    assert {one.kind for one in known} <= {"", "disks", "processes", "daemons", "network", "times"}
    assert excuse("df -h", known).kind == "disks"
    assert excuse("x", known) == Difference(command="x", because="")
