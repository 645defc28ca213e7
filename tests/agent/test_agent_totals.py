"""Totals over a session: each is held before a call runs, by name, on the record, and in the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bylaw.agent.cli.run import exit_code
from bylaw.agent.loop import RunOutcome
from bylaw.agent.providers.interface import Usage
from bylaw.policy.decision import Verdict
from gate_room import Room, Yes, room


def held(here: Room, name: str, tool: str, **arguments: object) -> bool:
    """Whether this call is refused for the total, in words that say what to do, and on the record."""
    answer = here.call(tool, **arguments)
    if not answer.denied:
        return False
    assert f"limits.{name}" in answer.text
    assert "another session" in answer.text
    assert answer.verdict is Verdict.DENY
    intent, refused = here.events()[-2:]
    assert (intent["event"], refused["event"]) == ("tool.intent", "tool.refused")
    assert refused["rules"] == [f"limits.{name}"]
    return True


def end(here: Room) -> dict[str, object]:
    """The last record of a session that is over."""
    return here.events()[-1]


def test_without_totals_nothing_is_held_and_the_end_says_what_was_taken(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes()) as here:
        said = here.call("write", path="x", content="12345").text + here.call("read", path="x").text
    assert end(here)["totals"] == {
        "session_output_bytes": len(said.encode()),
        "session_read_bytes": 5,
        "session_write_bytes": 5,
        "session_files": 1,
    }
    assert end(here)["limits_reached"] == []
    assert here.session.limits_reached == ()


def test_bytes_that_are_written_are_counted_and_the_write_that_would_pass_the_total_does_not_run(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes(), limits={"session_write_bytes": 10}) as here:
        assert not held(here, "session_write_bytes", "write", path="x", content="123456")
        assert held(here, "session_write_bytes", "write", path="y", content="12345")
        assert not (here.workspace / "y").exists()
        assert not held(here, "session_write_bytes", "write", path="y", content="1234")
        assert held(here, "session_write_bytes", "edit", path="a.txt", old_string="one", new_string="1")
        assert held(here, "session_write_bytes", "bash", command="echo x > z")
        assert held(here, "session_write_bytes", "bash", command="sh a.txt")
        assert not here.call("bash", command="cat a.txt > /dev/null").is_error
        assert not here.call("read", path="a.txt").is_error
        assert not here.call("bash", command="rm y").is_error
    assert (here.workspace / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert end(here)["limits_reached"] == ["session_write_bytes"]


def test_an_edit_counts_the_whole_new_file(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes(), limits={"session_write_bytes": 14}) as here:
        assert not held(here, "session_write_bytes", "edit", path="a.txt", old_string="one", new_string="two")
        assert held(here, "session_write_bytes", "write", path="x", content="1")


def test_files_are_counted_once_each_and_also_those_that_a_command_declares(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes(), limits={"session_files": 2}) as here:
        assert not held(here, "session_files", "write", path="x", content="1")
        assert not held(here, "session_files", "write", path="x", content="2")
        assert not held(here, "session_files", "bash", command="echo 1 > y")
        assert held(here, "session_files", "write", path="z", content="1")
        assert held(here, "session_files", "bash", command="cp a.txt w")
        assert held(here, "session_files", "bash", command="sh a.txt")
        assert not held(here, "session_files", "edit", path="x", old_string="2", new_string="3")
        assert not here.call("read", path="a.txt").is_error
    assert not (here.workspace / "z").exists()
    assert (here.workspace / "x").read_text() == "3"


def test_bytes_that_are_read_are_counted_by_every_tool_that_reads(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes(), limits={"session_read_bytes": 3 * 14}) as here:
        assert not here.call("read", path="a.txt").is_error
        assert not here.call("grep", pattern="one", path="a.txt").is_error
        assert not here.call("edit", path="a.txt", old_string="one", new_string="two").is_error
        for tool, arguments in (
            ("read", {"path": "a.txt"}),
            ("grep", {"pattern": "x"}),
            ("edit", {"path": "a.txt", "old_string": "three", "new_string": "3"}),
            ("ls", {}),
            ("bash", {"command": "cat a.txt"}),
            ("bash", {"command": "touch new"}),
        ):
            assert held(here, "session_read_bytes", tool, **arguments), tool
        assert not here.call("write", path="x", content="1").is_error
    totals = end(here)["totals"]
    assert isinstance(totals, dict)
    assert totals["session_read_bytes"] == 3 * 14


def test_every_answer_counts_as_output_and_then_nothing_more_is_performed(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes(), limits={"session_output_bytes": 200}) as here:
        counted, answer = 0, here.raw("nothing", "{}")
        counted += len(answer.text.encode())
        for number in range(100):
            answer = here.call("bash", command=f"echo {number}") if number % 2 else here.raw("nothing", "{}")
            if answer.denied:
                break
            counted += len(answer.text.encode())
        assert counted >= 200
        assert counted - len(answer.text.encode()) < 400
        for tool, arguments in (("read", {"path": "a.txt"}), ("write", {"path": "x", "content": ""}), ("bash", {"command": "true"})):
            assert held(here, "session_output_bytes", tool, **arguments), tool
    assert not (here.workspace / "x").exists()


def test_a_call_that_the_policy_denies_anyway_does_not_say_that_a_total_was_reached(tmp_path: Path) -> None:
    with room(tmp_path, limits={"session_output_bytes": 1}) as here:
        assert "limits." not in here.call("bash", command="git push").text
        assert here.session.limits_reached == ()


def test_nobody_is_asked_for_a_call_that_a_total_refuses(tmp_path: Path) -> None:
    person = Yes()
    with room(tmp_path, person=person, limits={"session_files": 1}) as here:
        here.call("write", path="x", content="1")
        here.call("write", path="y", content="1")
    assert len(person.asked) == 1


@pytest.mark.parametrize(("code", "expected"), [(0, 4), (1, 1), (130, 130)])
def test_a_run_that_met_a_total_ends_with_the_code_of_a_limit(tmp_path: Path, code: int, expected: int) -> None:
    outcome = RunOutcome(status="done", exit_code=code, text="", messages=(), turns=1, denied=1, usage=Usage(input=0, output=0))
    with room(tmp_path, person=Yes(), limits={"session_files": 1}) as here:
        here.call("write", path="x", content="1")
        assert exit_code(outcome, here.session, allow_denials=False) == code
        here.call("write", path="y", content="1")
        assert exit_code(outcome, here.session, allow_denials=False) == expected
        assert exit_code(outcome, here.session, allow_denials=True) == expected


def test_the_numbers_of_a_refusal_are_those_of_the_policy(tmp_path: Path) -> None:
    with room(tmp_path, person=Yes(), limits={"session_write_bytes": 1234}) as here:
        text = here.call("write", path="x", content="y" * 2000).text
        assert "this session is at 0 bytes written to files, its limit is 1,234, and this call would add to them" in text
        reasons = here.events()[-2]["reasons"]
        assert json.dumps(reasons).count("limits.session_write_bytes") == 1
