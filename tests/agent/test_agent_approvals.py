"""Approvals: nobody there is a no, and a person's answer on a real terminal is read as given."""

import json
import os
import pty
import threading
import time
from collections.abc import Iterator

import pytest

from bylaw.agent.approvals import Approved, Denied, Edited, Headless, Question, UnsafeApproveAll
from bylaw.agent.approvals.terminal import Terminal
from bylaw.agent.grants import proposal
from bylaw.policy.actions import Action, ReadFile, RunCommand, WriteFile
from bylaw.policy.decision import Decision, Reason, Verdict
from bylaw.policy.effects import Write
from bylaw.tools.permit import Binding


def question(grant: str | None = "allow bash with exactly these arguments", action: Action | None = None) -> Question:
    reason = Reason(rule="default.execute.workspace", verdict=Verdict.CONFIRM, text="runs code of the workspace", source="x.yaml:1")
    return Question(
        call_id="1",
        action=action or RunCommand(command="make test"),
        decision=Decision(verdict=Verdict.CONFIRM, reasons=(reason,)),
        text="bash: command = make test\n! default.execute.workspace asks (x.yaml:1)",
        grant=grant,
    )


class Screen:
    """The other end of a pseudo-terminal: what a person sees and types."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        self.terminal = Terminal(
            tty_in=os.fdopen(slave, "r", encoding="utf-8"), tty_out=os.fdopen(os.dup(slave), "w", encoding="utf-8"), color=False
        )
        self.seen = ""
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Takes the terminal down; the reader ends before the descriptor's number can be given to another test."""
        self.terminal.tty_in.close()
        self.terminal.tty_out.close()
        self._watcher.join()
        os.close(self.master)

    def _watch(self) -> None:
        while True:
            try:
                self.seen += os.read(self.master, 4096).decode("utf-8", "replace")
            except OSError:
                return

    def answer(self, *texts: str) -> None:
        """Types each text once the screen asks (again)."""

        def type_all() -> None:
            asked = 0
            for text in texts:
                deadline = time.monotonic() + 10
                while self.seen.count("] ") + self.seen.count("model: ") <= asked and time.monotonic() < deadline:
                    time.sleep(0.01)
                time.sleep(0.05)
                asked = self.seen.count("] ") + self.seen.count("model: ")
                os.write(self.master, text.encode())

        threading.Thread(target=type_all, daemon=True).start()


@pytest.fixture
def screen() -> Iterator[Screen]:
    one = Screen()
    yield one
    one.close()


def test_without_anybody_every_question_is_a_no() -> None:
    assert Headless().ask(question()) == Denied(unattended=True)


def test_the_unsafe_approver_says_yes_and_names_itself() -> None:
    approver = UnsafeApproveAll()
    assert approver.ask(question()) == Approved()
    assert approver.how == "unsafe-approve-all"


@pytest.mark.parametrize(
    ("typed", "approval"),
    [("y\n", Approved()), ("YES\n", Approved()), ("s\n", Approved(session=True)), ("n\n", Denied()), ("\n", Denied()), ("\x04", Denied())],
)
def test_an_answer_is_read_as_given_and_silence_is_a_no(screen: Screen, typed: str, approval: object) -> None:
    screen.answer(typed)
    assert screen.terminal.ask(question()) == approval


def test_a_no_can_carry_a_message_to_the_model(screen: Screen) -> None:
    screen.answer("m\n", "use pytest instead\n")
    assert screen.terminal.ask(question()) == Denied(message="use pytest instead")


def test_the_session_is_not_offered_where_the_policy_keeps_no_grants(screen: Screen) -> None:
    screen.answer("s\n", "n\n")
    assert screen.terminal.ask(question(grant=None)) == Denied()
    assert "[y/n/m/e/?]" in screen.seen


def test_help_shows_the_exact_rule_that_a_session_answer_adds(screen: Screen) -> None:
    screen.answer("?\n", "n\n")
    assert screen.terminal.ask(question()) == Denied()
    assert "allow bash with exactly these arguments" in screen.seen


def test_what_was_typed_before_the_question_answers_nothing(screen: Screen) -> None:
    os.write(screen.master, b"y\ny\ny\n")
    time.sleep(0.2)
    screen.answer("n\n")
    assert screen.terminal.ask(question()) == Denied()


def test_an_edited_command_comes_back_as_arguments(screen: Screen) -> None:
    screen.answer("e\n")

    def edit() -> None:
        deadline = time.monotonic() + 20
        while "make test" not in screen.seen.split("edit, then")[-1] and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        os.write(screen.master, b" -n\r")

    threading.Thread(target=edit, daemon=True).start()
    approval = screen.terminal.ask(question())
    assert isinstance(approval, Edited)
    assert json.loads(approval.arguments) == {"command": "make test -n"}


def test_markup_in_the_text_is_shown_and_not_obeyed(screen: Screen) -> None:
    screen.answer("n\n")
    tricky = question()
    screen.terminal.ask(
        Question(call_id="1", action=tricky.action, decision=tricky.decision, text="bash: [bold red]echo[/] [link=x]y[/link]", grant=None)
    )
    assert "[bold red]echo[/] [link=x]y[/link]" in screen.seen


def test_without_colours_no_escape_sequence_is_written(screen: Screen) -> None:
    screen.answer("n\n")
    screen.terminal.ask(question())
    assert "! default.execute.workspace asks" in screen.seen
    assert "\x1b" not in screen.seen


def decided(*effects: Write, rules: tuple[str, ...] = ("default.execute.workspace",)) -> Decision:
    reasons = tuple(Reason(rule=rule, verdict=Verdict.CONFIRM, text="x", source="x.yaml:1") for rule in rules)
    return Decision(verdict=Verdict.CONFIRM, reasons=reasons, effects=effects)


BOUND = (Binding(path="/w/t.py", sha256="0" * 64),)
GRANTS = [
    (RunCommand(command="python3 -m unittest"), (), "bash `python3 -m unittest` with exactly these arguments and effects"),
    (RunCommand(command="make"), BOUND, "bash `make` with exactly these arguments, effects and bytes"),
    (RunCommand(command="echo \u202eab\n'`'"), (), "bash `echo \\u{202e}ab\\u{a}'\\u{60}'` with exactly these arguments and effects"),
    (ReadFile(path="../x"), (), "read `path = ../x` with exactly these arguments and effects"),
]


@pytest.mark.parametrize(("action", "bindings", "text"), GRANTS)
def test_a_grant_names_the_call_that_it_is_for(action: Action, bindings: tuple[Binding, ...], text: str) -> None:
    assert proposal(action, decided(), bindings).text == f"allow {text} for this session, although default.execute.workspace asks"


def test_a_grant_to_write_names_the_path_and_every_rule_that_asks() -> None:
    grant = proposal(WriteFile(path="a", content="x"), decided(Write(path="/w/a\u200b"), rules=("b", "a")), ())
    assert grant.text == "allow write of `/w/a\\u{200b}` for this session, although a and b ask"


def test_a_long_command_is_shortened_in_its_grant() -> None:
    assert len(proposal(RunCommand(command="x" * 5000), decided(), ()).text) < 400


@pytest.mark.parametrize("command", ["echo \u202etxt.exe", "echo a\u200bb", "echo a\rb", "echo \x1b[2J"])
def test_a_command_that_cannot_be_seen_is_not_edited(screen: Screen, command: str) -> None:
    screen.answer("e\n", "n\n")
    assert screen.terminal.ask(question(action=RunCommand(command=command))) == Denied()
    assert "cannot be edited here" in screen.seen
    assert "edit, then" not in screen.seen


def test_the_json_form_of_a_call_is_edited_with_its_characters_escaped(screen: Screen) -> None:
    screen.answer("e\n")

    def edit() -> None:
        deadline = time.monotonic() + 20
        while "u202e" not in screen.seen and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        os.write(screen.master, b"\x1b\r")

    threading.Thread(target=edit, daemon=True).start()
    approval = screen.terminal.ask(question(action=WriteFile(path="a\u202eb", content="x")))
    assert isinstance(approval, Edited)
    assert json.loads(approval.arguments) == {"path": "a\u202eb", "content": "x"}
    assert "\u202e" not in screen.seen
