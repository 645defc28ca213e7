"""What goes wrong at the door: said to the model, on the record, and nothing more is done than was judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bylaw.agent import preparation
from bylaw.agent.approvals import Approval, Approved, Question
from bylaw.agent.errors import NotPerformed
from bylaw.agent.recorder import Recorder
from bylaw.audit import AuditError
from bylaw.policy.actions import Action
from bylaw.policy.decision import Decision, Verdict
from bylaw.tools.errors import SandboxError
from bylaw.tools.permit import Permit
from bylaw.tools.result import ToolResult
from bylaw.tools.sandbox import LayerState, layers
from bylaw.tools.toolbox import Toolbox
from gate_room import room


def _no_layers(_launcher: tuple[str, ...]) -> tuple[LayerState, ...]:
    return ()


def _landlock_alone(_launcher: tuple[str, ...]) -> tuple[LayerState, ...]:
    return tuple(one if one.name == "landlock" else replace(one, available=False, why="left out by the test") for one in layers())


def test_what_cannot_be_done_is_not_asked_about(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("edit", path="a.txt", old_string="not there", new_string="x")
        assert answer.is_error
        assert not answer.denied
        assert not here.person.asked
        assert here.names() == ["tool.intent", "tool.outcome"]
        assert here.events()[-1]["status"] == "error"


@pytest.mark.parametrize(("preset", "verdict"), [("balanced", Verdict.CONFIRM), ("permissive", Verdict.ALLOW)])
def test_a_command_without_any_layer_gets_what_the_policy_says_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str, verdict: Verdict
) -> None:
    monkeypatch.setattr(preparation, "layers", _no_layers)
    with room(tmp_path, preset=preset) as here:
        answer = here.call("bash", command="cat a.txt")
        assert answer.verdict is verdict
        assert "sandbox.missing" in answer.rules
        assert answer.denied is (verdict is Verdict.CONFIRM)
        assert here.call("read", path="a.txt").verdict is Verdict.ALLOW


def test_a_person_who_is_asked_without_any_layer_is_told_where_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "layers", _no_layers)
    with room(tmp_path) as here:
        assert "presets/balanced.yaml:" in here.call("bash", command="cat a.txt").text
        assert "no sandbox layer works here" in here.person.asked[0].text


@pytest.mark.parametrize(("preset", "verdict"), [("strict", Verdict.DENY), ("balanced", Verdict.CONFIRM), ("permissive", Verdict.ALLOW)])
def test_what_the_layers_that_are_there_cannot_hold_gets_what_the_policy_says_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str, verdict: Verdict
) -> None:
    monkeypatch.setattr(preparation, "layers", _landlock_alone)
    with room(tmp_path, preset=preset) as here:
        answer = here.call("bash", command="touch new.txt")
        assert answer.verdict is verdict
        assert "sandbox.lacks.protected" in answer.rules
        assert "sandbox.missing" not in answer.rules
        assert here.call("bash", command="cat a.txt").verdict is Verdict.ALLOW


def test_a_sandbox_that_is_off_is_judged_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "layers", _no_layers)
    with room(tmp_path, policy="version: 1\nextends: balanced\nsandbox: {mode: 'off'}\n") as here:
        answer = here.call("bash", command="cat a.txt")
        assert answer.verdict is Verdict.ALLOW
        assert not any(rule.startswith("sandbox.") for rule in answer.rules)


def test_a_required_layer_that_is_missing_ends_the_run_and_is_on_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Toolbox, permit: Permit) -> ToolResult:
        raise SandboxError("no layer works here", hint="install bubblewrap")

    monkeypatch.setattr(Toolbox, "perform", missing)
    with room(tmp_path, preset="strict", answers=[Approved()]) as here:
        with pytest.raises(SandboxError):
            here.call("bash", command="cat a.txt")
        assert here.names()[-1] == "tool.outcome"
        assert here.events()[-1]["status"] == "error"


def test_a_tool_that_was_interrupted_keeps_its_output_on_the_record_and_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: Toolbox, permit: Permit) -> ToolResult:
        return ToolResult(status="interrupted", text="half of it")

    monkeypatch.setattr(Toolbox, "perform", stopped)
    with room(tmp_path) as here:
        with pytest.raises(KeyboardInterrupt):
            here.call("bash", command="cat a.txt")
        assert here.events()[-1]["status"] == "interrupted"


def test_an_interrupt_between_intent_and_effect_leaves_a_refusal_on_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Recorder.intent

    def interrupted(self: Recorder, call_id: str, action: Action, decision: Decision) -> None:
        written(self, call_id, action, decision)
        raise KeyboardInterrupt

    with room(tmp_path, preset="permissive") as here:
        monkeypatch.setattr(Recorder, "intent", interrupted)
        with pytest.raises(KeyboardInterrupt):
            here.call("write", path="new.txt", content="x")
        assert here.names() == ["tool.intent", "tool.refused"]
        assert not (here.workspace / "new.txt").exists()


def test_an_interrupt_while_a_person_is_asked_leaves_a_refusal_on_the_record(tmp_path: Path) -> None:
    with room(tmp_path, answers=[_raising(KeyboardInterrupt())]) as here:
        with pytest.raises(KeyboardInterrupt):
            here.call("write", path="new.txt", content="x")
        assert here.names() == ["tool.intent", "tool.refused"]
        assert here.events()[-1]["by"] == "interrupted"
        assert not (here.workspace / "new.txt").exists()


def test_a_fault_while_a_person_is_asked_is_a_refusal(tmp_path: Path) -> None:
    with room(tmp_path, answers=[_raising(RuntimeError("the screen is gone"))]) as here:
        answer = here.call("write", path="new.txt", content="x")
        assert answer.denied
        assert "the screen is gone" in answer.text
        assert here.events()[-1]["by"] == "fault"
        assert not (here.workspace / "new.txt").exists()


def test_an_answer_that_cannot_be_recorded_performs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Recorder, *arguments: object) -> None:
        raise AuditError("the record cannot be written")

    with room(tmp_path, answers=[Approved()]) as here:
        monkeypatch.setattr(Recorder, "confirmation", full)
        with pytest.raises(AuditError):
            here.call("write", path="new.txt", content="x")
        assert len(here.person.asked) == 1
        assert not (here.workspace / "new.txt").exists()


def test_a_fault_in_a_tool_is_answered_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(self: Toolbox, permit: Permit) -> ToolResult:
        raise RuntimeError("half done")

    monkeypatch.setattr(Toolbox, "perform", faulty)
    with room(tmp_path) as here:
        answer = here.call("read", path="a.txt")
        assert answer.is_error
        assert "a fault in bylaw, please report it: RuntimeError: half done" in answer.text
        assert here.names() == ["tool.intent", "tool.outcome"]
        assert here.events()[-1]["status"] == "error"


def _raising(problem: BaseException) -> Callable[[Question], Approval]:
    def ask(question: Question) -> Approval:
        raise problem

    return ask


def test_a_hook_that_a_command_made_is_said_to_the_model_and_recorded(tmp_path: Path) -> None:
    with room(tmp_path, preset="permissive") as here:
        (here.workspace / "s.sh").write_text("mkdir -p .husky .vscode; echo x > .vscode/tasks.json; echo x > .husky/pre-commit\n")
        answer = here.call("bash", command="bash s.sh")
        assert (here.workspace / ".vscode" / "tasks.json").exists()
        assert "PROTECTED PATHS CREATED by this command" in answer.text
        assert ".vscode" in answer.text
        assert any("PROTECTED PATHS CREATED" in str(event.get("notes")) for event in here.events())


def test_a_layer_that_a_nested_call_misses_ends_the_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Toolbox, permit: Permit) -> ToolResult:
        raise SandboxError("no layer works here")

    monkeypatch.setattr(Toolbox, "perform", missing)
    with room(tmp_path) as here:
        with pytest.raises(SandboxError):
            here.call("git_commit", message="a message of its own")
        with pytest.raises(SandboxError):
            here.call("git_commit")
        assert here.names().count("tool.intent") == here.names().count("tool.outcome")


def test_ctrl_c_while_a_message_is_composed_is_on_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(action: Action, nested: object) -> Action:
        raise KeyboardInterrupt

    monkeypatch.setattr("bylaw.agent.gate.compose", interrupted)
    with room(tmp_path) as here:
        with pytest.raises(NotPerformed):
            here.call("git_commit")
        assert here.names() == ["tool.intent", "tool.refused"]
        assert here.events()[-1]["by"] == "interrupted"


def test_a_fault_while_a_message_is_composed_is_on_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(action: Action, nested: object) -> Action:
        raise ValueError("a fault of ours")

    monkeypatch.setattr("bylaw.agent.gate.compose", broken)
    with room(tmp_path) as here:
        answer = here.call("git_commit")
        assert answer.is_error
        assert here.names() == ["tool.intent", "tool.refused"]
        assert here.events()[-1]["by"] == "fault"


def test_a_captured_command_that_cannot_be_recorded_ends_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = Recorder.intent

    def full(self: Recorder, call_id: str, action: Action, decision: Decision) -> None:
        if "." in call_id:
            raise AuditError("the record cannot be written")
        intent(self, call_id, action, decision)

    with room(tmp_path) as here:
        monkeypatch.setattr(Recorder, "intent", full)
        with pytest.raises(AuditError):
            here.call("bash", command='echo "lines: $(wc -l < a.txt)"')
        assert here.names() == ["tool.intent"]
