"""Attacks on the door: what a hostile workspace, a hostile model and bad moments do to approvals and to the record."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from bylaw.agent.approvals import Approval, Approved, Question
from bylaw.agent.errors import ConfigurationError
from bylaw.agent.gate import Answer
from bylaw.agent.providers.interface import ToolCall
from bylaw.agent.session import SessionSettings, open_session
from bylaw.audit import verify
from bylaw.policy.layers import load
from bylaw.tools import toolbox
from gate_room import Person, Room, git, make_workspace, room


def _fault(*_: object) -> None:
    raise ValueError("no such luck")


def _interrupt(_: Question) -> Approval:
    raise KeyboardInterrupt


def _complete(here: Room) -> bool:
    return not verify(here.session.path).findings


def _answered(here: Room) -> bool:
    """Whether every intent has what came of it."""
    names = here.names()
    return names.count("tool.intent") == names.count("tool.outcome") + names.count("tool.refused")


def _committer(base: Path) -> Path:
    workspace = make_workspace(base)
    git(workspace, "config", "user.name", "t")
    git(workspace, "config", "user.email", "t@example.org")
    return workspace


def test_a_fault_in_a_tool_is_on_the_record_and_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolbox, "read_file", _fault)
    with room(tmp_path) as here:
        answer = here.call("read", path="a.txt")
        assert answer.is_error
        assert "ValueError" in answer.text
        assert here.names() == ["tool.intent", "tool.outcome"]


def test_a_question_that_cannot_be_asked_is_a_refusal_on_the_record(tmp_path: Path) -> None:
    def gone(_: Question) -> Approval:
        raise OSError(5, "the terminal is gone")

    with room(tmp_path, answers=[gone]) as here:
        answer = here.call("write", path="x", content="y")
        assert answer.denied
        assert here.names() == ["tool.intent", "tool.refused"]
    assert not (tmp_path / "ws" / "x").exists()


def test_an_interrupted_question_is_on_the_record(tmp_path: Path) -> None:
    with room(tmp_path, answers=[_interrupt]) as here:
        with pytest.raises(KeyboardInterrupt):
            here.call("write", path="x", content="y")
        assert here.names() == ["tool.intent", "tool.refused"]
    assert _complete(here)
    assert not (tmp_path / "ws" / "x").exists()


def test_a_name_of_a_call_that_no_record_could_hold_is_shortened(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.session.call(ToolCall(id="x" * 9_000_000, name="ls", arguments="{}"))
        assert not answer.is_error
        assert _answered(here)
        assert all(len(str(event.get("call_id", ""))) < 200 for event in here.events())


def test_a_session_grant_for_a_commit_does_not_cover_other_changes(tmp_path: Path) -> None:
    workspace = _committer(tmp_path)
    with room(tmp_path, answers=[Approved(session=True)]) as here:
        (workspace / "a.txt").write_text("good\n")
        assert not here.call("git_commit", message="m", files=["a.txt"]).is_error
        (workspace / "a.txt").write_text("evil\n")
        assert here.call("git_commit", message="m", files=["a.txt"]).denied
    assert git(workspace, "show", "HEAD:a.txt") == "good\n"


def test_a_commit_of_other_changes_than_those_shown_is_refused(tmp_path: Path) -> None:
    workspace = _committer(tmp_path)
    (workspace / "a.txt").write_text("good\n")

    def exchange(_: Question) -> Approval:
        (workspace / "a.txt").write_text("evil\n")
        return Approved()

    with room(tmp_path, answers=[exchange]) as here:
        answer = here.call("git_commit", message="m", files=["a.txt"])
        assert answer.is_error
        assert "has changed" in answer.text
        assert _answered(here)
    assert git(workspace, "show", "HEAD:a.txt") == "one\ntwo\nthree\n"


def test_a_commit_whose_shown_diff_was_cut_is_held_to_all_of_it(tmp_path: Path) -> None:
    workspace = _committer(tmp_path)
    lines = [f"line {number}\n" for number in range(9_000)]
    (workspace / "a.txt").write_text("".join(lines))

    def exchange(_: Question) -> Approval:
        (workspace / "a.txt").write_text("".join([*lines[:4_500], "evil 4500\n", *lines[4_501:]]))
        return Approved()

    with room(tmp_path, answers=[exchange]) as here:
        assert here.call("git_commit", message="m", files=["a.txt"]).is_error
    assert git(workspace, "show", "HEAD:a.txt") == "one\ntwo\nthree\n"


def test_a_session_grant_does_not_cover_what_a_glob_matches_later(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (workspace / "old.log").write_text("x")
    with room(tmp_path, answers=[Approved(session=True)]) as here:
        assert not here.call("bash", command="rm *.log").is_error
        (workspace / "important.log").write_text("x")
        assert here.call("bash", command="rm *.log").denied
    assert (workspace / "important.log").exists()


@pytest.mark.parametrize("command", ["sh < run.sh", "cat run.sh | sh", "sh run.sh", "./run.sh"])
def test_a_script_that_is_exchanged_while_the_person_thinks_does_not_run(tmp_path: Path, command: str) -> None:
    script = make_workspace(tmp_path) / "run.sh"
    script.write_text("#!/bin/sh\necho good\n")
    script.chmod(0o755)

    def exchange(_: Question) -> Approval:
        script.write_text("#!/bin/sh\necho evil\n")
        return Approved()

    with room(tmp_path, answers=[exchange]) as here:
        answer = here.call("bash", command=command)
        assert answer.is_error
        assert "evil" not in answer.text


def test_a_large_write_is_shown_to_its_last_line(tmp_path: Path) -> None:
    person = Person(answers=[])
    content = "".join(f"line {number}\n" for number in range(5_000))
    with room(tmp_path, person=person) as here:
        here.call("write", path="x.py", content=content)
    assert all(f"+line {number}\n" in person.asked[0].text for number in range(5_000))


def test_an_approved_removal_removes(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        assert "exit code: 0" in here.call("bash", command="rm a.txt").text
    assert not (tmp_path / "ws" / "a.txt").exists()


def test_an_approved_move_replaces_what_is_there(tmp_path: Path) -> None:
    (make_workspace(tmp_path) / "b.txt").write_text("other\n")
    with room(tmp_path, answers=[Approved()]) as here:
        assert "exit code: 0" in here.call("bash", command="mv a.txt b.txt").text
    assert (tmp_path / "ws" / "b.txt").read_text() == "one\ntwo\nthree\n"


@pytest.mark.parametrize("command", ["touch new.txt", "mkdir new", "rm a.txt", "echo x > new.txt"])
def test_a_directory_that_is_opened_for_one_name_keeps_what_is_protected_and_hidden(tmp_path: Path, command: str) -> None:
    workspace = make_workspace(tmp_path)
    person = Person(answers=[])
    with room(tmp_path, person=person) as here:
        here.call("bash", command=command)
    manifest = person.asked[0].decision.manifest
    assert os.path.realpath(workspace / ".git" / "hooks") in manifest.protected
    assert os.path.realpath(workspace / ".git" / "config") in manifest.protected
    assert os.path.realpath(workspace / ".env") in manifest.hidden


def test_what_is_protected_is_kept_in_a_tree_too_large_to_look_through(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    many = workspace / "!many"
    many.mkdir()
    for number in range(20_001):
        os.mknod(many / str(number))
    (workspace / "x.sh").write_text("echo evil > .git/hooks/pre-commit\ncat .env\n")
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("bash", command="sh x.sh")
        assert "Read-only" in answer.text
        assert "canary-in-dotenv" not in answer.text
        assert "default.unknown" in answer.rules


def test_a_protected_path_that_a_command_creates_is_named(tmp_path: Path) -> None:
    (make_workspace(tmp_path) / "x.sh").write_text("echo evil > .envrc\n")
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("bash", command="sh x.sh")
        assert ".envrc" in answer.text
        outcome = here.events()[-1]
        assert ".envrc" in json.dumps(outcome["notes"])


def _open_with_log(base: Path, log: Path) -> Callable[[], Answer]:
    workspace = os.path.realpath(base / "ws")
    settings = SessionSettings(
        policy=load("balanced", workspace=workspace, home=str(base)),
        workspace=workspace,
        home=str(base),
        environ={"PATH": os.environ["PATH"]},
        approver=Person(),
        model="none",
        audit_log=str(log),
    )

    def call() -> Answer:
        with open_session(settings) as session:
            return session.call(ToolCall(id="c1", name="ls", arguments="{}"))

    return call


@pytest.mark.parametrize("log", ["ws/log.jsonl", "link/sub/log.jsonl", "ws/out/log.jsonl"])
def test_a_record_where_calls_may_write_is_refused(tmp_path: Path, log: str) -> None:
    workspace = make_workspace(tmp_path)
    (workspace / "sub").mkdir()
    (tmp_path / "link").symlink_to(workspace)
    (tmp_path / "elsewhere").mkdir()
    (workspace / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="where calls may write"):
        _open_with_log(tmp_path, tmp_path / log)()
    assert not list(tmp_path.rglob("log.jsonl"))


def test_a_record_beside_the_workspace_is_written(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    assert not _open_with_log(tmp_path, tmp_path / "log.jsonl")().is_error
    assert not verify(tmp_path / "log.jsonl").findings


def test_an_account_without_a_name_is_recorded_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setenv("LOGNAME", "somebody-else")
    with room(tmp_path, answers=[Approved()]) as here:
        monkeypatch.setattr(pwd, "getpwuid", nameless)
        here.call("write", path="x", content="y")
        (confirmation,) = (event for event in here.events() if event["event"] == "tool.confirmation")
        assert confirmation["by"] == str(os.getuid())
