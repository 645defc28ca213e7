from __future__ import annotations

import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.agent.errors import ConfigurationError, CutOffError, LimitError, MalformedAnswerError
from bylaw.agent.events import CallFinished, CallRequested, Event, Notice, TurnFinished, TurnInterrupted, TurnStarted
from bylaw.agent.loop import Received, RunLimits, RunOutcome, Sending, run
from bylaw.agent.providers.history import unanswered
from bylaw.agent.providers.interface import (
    AssistantMessage,
    Message,
    ModelRequest,
    Retrying,
    StopReason,
    TextDelta,
    ToolCall,
    ToolMessage,
    TurnDone,
    TurnEvent,
    Usage,
    UserMessage,
)
from bylaw.agent.providers.scripted import ScriptedProvider, read_script
from bylaw.audit.errors import AuditError
from bylaw.policy.decision import Verdict
from bylaw.tools.errors import SandboxError
from bylaw.tools.result import Change, ToolResult


@dataclass(frozen=True, kw_only=True)
class Reply:
    text: str = "ok"
    is_error: bool = False
    verdict: Verdict | None = Verdict.ALLOW
    denied: bool = False
    result: ToolResult | None = None


@dataclass
class Gate:
    """Stands in for the gate: keeps the calls, answers with what it was given."""

    replies: list[Reply | BaseException] = field(default_factory=list[Reply | BaseException])
    calls: list[ToolCall] = field(default_factory=list[ToolCall])

    def call(self, call: ToolCall) -> Reply:
        self.calls.append(call)
        reply = self.replies.pop(0) if self.replies else Reply()
        if isinstance(reply, BaseException):
            raise reply
        return reply


Step = TurnEvent | BaseException


@dataclass
class Model:
    """A provider that gives what it was told to; keeps the requests and whether each turn was closed."""

    turns: list[Sequence[Step]]
    name: str = "fake"
    host: str = "models.example"
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])
    log: list[str] = field(default_factory=list[str])
    closed: int = 0

    def encode(self, request: ModelRequest) -> bytes:
        self.requests.append(request)
        return repr(request.messages).encode()

    def turn(self, body: bytes) -> Generator[TurnEvent, None, None]:
        self.log.append(f"sent {hashlib.sha256(body).hexdigest()}")
        try:
            for step in self.turns.pop(0):
                if isinstance(step, BaseException):
                    raise step
                yield step
        finally:
            self.closed += 1


@dataclass
class Record:
    log: list[str]
    sent: list[Sending] = field(default_factory=list[Sending])
    received: list[Received] = field(default_factory=list[Received])
    problem: Exception | None = None

    def request(self, sending: Sending) -> None:
        if self.problem:
            raise self.problem
        self.log.append(f"recorded {sending.sha256}")
        self.sent.append(sending)

    def response(self, received: Received) -> None:
        self.received.append(received)


@dataclass
class Scene:
    model: Model
    gate: Gate
    record: Record
    events: list[Event] = field(default_factory=list[Event])

    def run(self, *, turns: int = 9, restarts: int = 1, history: tuple[Message, ...] = ()) -> RunOutcome:
        return run(
            "do it",
            provider=self.model,
            model="m",
            gate=self.gate,
            recorder=self.record,
            system="be good",
            tools=(),
            limits=RunLimits(turns=turns, restarts=restarts),
            emit=self.events.append,
            history=history,
        )


def scene(*turns: Sequence[Step], replies: tuple[Reply | BaseException, ...] = (), problem: Exception | None = None) -> Scene:
    model = Model(turns=list(turns))
    return Scene(model, Gate(list(replies)), Record(model.log, problem=problem))


def call(call_id: str, name: str = "bash", arguments: str = '{"command": "ls"}') -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def done(text: str = "", *calls: ToolCall, stop: StopReason | None = None, usage: Usage | None = None, final: bool = False) -> TurnDone:
    reason = stop or ("calls" if calls else "end")
    message = AssistantMessage(text=text, calls=calls)
    return TurnDone(
        message=message,
        usage=usage or Usage(input=1, output=2, cached=0, reasoning=0),
        stop_reason=reason,
        raw_stop=f"raw {reason}",
        model="m-1",
        final=final,
    )


def test_calls_are_answered_in_order_until_nothing_more_is_asked_for() -> None:
    it = scene(
        [TextDelta(text="Look"), TextDelta(text="ing."), done("Looking.", call("a"), call("b"))],
        [done("Done.")],
        replies=(Reply(text="x.py"), Reply(text="no", is_error=True, denied=True)),
    )
    outcome = it.run()
    assert (outcome.status, outcome.exit_code, outcome.text, outcome.turns, outcome.denied, outcome.error) == (
        "done",
        0,
        "Done.",
        2,
        1,
        None,
    )
    assert outcome.messages == (
        UserMessage(text="do it"),
        AssistantMessage(text="Looking.", calls=(call("a"), call("b"))),
        ToolMessage(call_id="a", name="bash", text="x.py"),
        ToolMessage(call_id="b", name="bash", text="no", is_error=True),
        AssistantMessage(text="Done."),
    )
    assert it.model.requests[1].messages == outcome.messages[:-1]
    assert outcome.usage == Usage(input=2, output=4, cached=0, reasoning=0)


def test_events_come_as_things_happen() -> None:
    result = ToolResult(status="ok", text="x", exit_code=3, changes=(Change(path="/w/a", before=None, after="0", size=1),), notes=("n",))
    it = scene([TextDelta(text="hi"), done("hi", call("a"))], [done("bye")], replies=(Reply(text="x", result=result),))
    it.run()
    assert it.events == [
        TurnStarted(turn=1),
        TextDelta(text="hi"),
        TurnFinished(turn=1, stop="calls", raw_stop="raw calls", model="m-1", usage=Usage(input=1, output=2, cached=0, reasoning=0)),
        CallRequested(call_id="a", tool="bash", arguments='{"command": "ls"}'),
        CallFinished(
            call_id="a",
            tool="bash",
            text="x",
            is_error=False,
            verdict=Verdict.ALLOW,
            status="ok",
            exit_code=3,
            changed=("/w/a",),
            notes=("n",),
        ),
        TurnStarted(turn=2),
        TurnFinished(turn=2, stop="end", raw_stop="raw end", model="m-1", usage=Usage(input=1, output=2, cached=0, reasoning=0)),
    ]


def test_what_is_sent_is_on_the_record_first() -> None:
    it = scene([done("", call("a"))], [done("Done.")])
    it.run()
    assert [line.split()[0] for line in it.model.log] == ["recorded", "sent", "recorded", "sent"]
    assert it.model.log[0].split()[1] == it.model.log[1].split()[1]
    assert (it.record.sent[0].provider, it.record.sent[0].host, it.record.sent[0].model, it.record.sent[0].messages) == (
        "fake",
        "models.example",
        "m",
        1,
    )
    assert it.record.sent[0].size > 0
    assert [one.done is not None for one in it.record.received] == [True, True]


def test_nothing_is_sent_when_the_record_cannot_be_written() -> None:
    it = scene([done("hi")], problem=AuditError("the disk is full"))
    outcome = it.run()
    assert (outcome.status, outcome.exit_code) == ("error", 6)
    assert it.model.log == []


def test_the_limit_of_turns_ends_the_run() -> None:
    it = scene(*([done("", call(str(number)))] for number in range(5)))
    outcome = it.run(turns=3)
    assert (outcome.status, outcome.exit_code, outcome.turns) == ("limit", 4, 3)
    assert isinstance(outcome.error, LimitError)
    assert len(it.gate.calls) == 3
    assert unanswered(outcome.messages) == ()


def test_a_run_that_ends_in_its_last_turn_has_not_reached_the_limit() -> None:
    assert scene([done("hi")]).run(turns=1).status == "done"


def test_a_final_turn_ends_the_run_when_its_calls_are_answered() -> None:
    it = scene([done("", call("a"), final=True)])
    assert (it.run().status, len(it.gate.calls)) == ("done", 1)


@pytest.mark.parametrize("stop", ["length", "filter", "unknown"])
def test_no_call_of_an_answer_without_its_normal_end_is_performed(stop: StopReason) -> None:
    it = scene([TextDelta(text="hi"), done("hi", call("a"), stop=stop)])
    outcome = it.run()
    assert it.gate.calls == []
    assert (outcome.status, outcome.exit_code, outcome.text) == ("error", 1, "hi")
    assert isinstance(outcome.error, CutOffError)
    assert outcome.error.hint
    assert outcome.messages[-1] == AssistantMessage(text="hi", interrupted=True)


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    it = scene([TextDelta(text="half"), CutOffError("cut", again=True)], [TextDelta(text="whole"), done("whole")])
    outcome = it.run()
    assert (outcome.status, outcome.turns) == ("done", 1)
    assert outcome.messages == (UserMessage(text="do it"), AssistantMessage(text="whole"))
    assert TurnInterrupted(turn=1, reason="cut") in it.events
    assert [one.error for one in it.record.received] == ["cut", None]
    assert outcome.usage == Usage()


def test_an_answer_that_breaks_off_every_time_is_an_error_and_its_text_is_kept() -> None:
    it = scene([CutOffError("cut", again=True)], [TextDelta(text="half"), CutOffError("cut", again=True)], [done("never")])
    outcome = it.run()
    assert (outcome.status, outcome.exit_code, outcome.text) == ("error", 1, "half")
    assert outcome.messages[-1] == AssistantMessage(text="half", interrupted=True)


def test_an_error_that_stays_is_not_asked_for_again() -> None:
    it = scene([CutOffError("cut")], [done("never")])
    assert it.run().status == "error"
    assert len(it.record.sent) == 1


def test_a_provider_that_says_nothing_is_an_error() -> None:
    outcome = scene([]).run()
    assert isinstance(outcome.error, MalformedAnswerError)


def test_waits_are_told_to_the_person() -> None:
    it = scene([Retrying(attempt=1, seconds=2.0, reason="busy"), done("hi")])
    it.run()
    assert Notice(level="warning", text="busy; trying again in 2.0 s") in it.events


def test_ids_that_come_again_are_made_new() -> None:
    it = scene([done("", call("0"))], [done("", call("0"))], [done("Done.")])
    outcome = it.run()
    assert [one.id for one in it.gate.calls] == ["0", "0-2"]
    assert [message.call_id for message in outcome.messages if isinstance(message, ToolMessage)] == ["0", "0-2"]


def test_a_conversation_is_continued() -> None:
    before: tuple[Message, ...] = (UserMessage(text="hi"), AssistantMessage(text="hello"))
    it = scene([done("Done.")])
    assert it.run(history=before).messages == (*before, UserMessage(text="do it"), AssistantMessage(text="Done."))


def test_an_interrupt_in_the_text_keeps_what_was_said() -> None:
    it = scene([TextDelta(text="I was "), TextDelta(text="saying"), KeyboardInterrupt()])
    outcome = it.run()
    assert (outcome.status, outcome.exit_code, outcome.text) == ("interrupted", 130, "I was saying")
    assert outcome.messages[-1] == AssistantMessage(text="I was saying", interrupted=True)
    assert it.model.closed == 1
    assert [(one.done, one.error, one.characters) for one in it.record.received] == [(None, "interrupted", 12)]


def test_an_interrupt_in_a_call_answers_it_and_all_that_were_not_started() -> None:
    it = scene([done("", call("a"), call("b"), call("c"))], replies=(Reply(text="fine"), KeyboardInterrupt()))
    outcome = it.run()
    assert (outcome.status, outcome.exit_code) == ("interrupted", 130)
    assert [one.text for one in outcome.messages if isinstance(one, ToolMessage)] == [
        "fine",
        "interrupted by the person while it ran; it may have done part of its work",
        "not started: interrupted by the person",
    ]
    assert [event.call_id for event in it.events if isinstance(event, CallFinished)] == ["a", "b"]


@pytest.mark.parametrize(("problem", "exit_code"), [(AuditError("a"), 6), (SandboxError("s"), 5), (ConfigurationError("c"), 7)])
def test_an_error_of_a_room_ends_the_run_with_its_code(problem: Exception, exit_code: int) -> None:
    it = scene([done("", call("a"), call("b"))], replies=(problem,))
    outcome = it.run()
    assert (outcome.status, outcome.exit_code, outcome.error) == ("error", exit_code, problem)
    assert unanswered(outcome.messages) == ()


def test_a_fault_of_ours_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        scene([done("", call("a"))], replies=(ZeroDivisionError(),)).run()


class InterruptAt:
    """An emitter that is interrupted at its nth event."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, event: Event) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@given(number=st.integers(1, 14), broken=st.integers(0, 4))
def test_every_call_has_one_answer_wherever_a_run_is_interrupted(number: int, broken: int) -> None:
    replies: tuple[Reply | BaseException, ...] = (*[Reply()] * broken, KeyboardInterrupt())
    it = scene(
        [TextDelta(text="x"), done("x", call("a"), call("b"))],
        [TextDelta(text="y"), done("y", call("a"), call("c"))],
        [done("z")],
        replies=replies,
    )
    outcome = run(
        "t",
        provider=it.model,
        model="m",
        gate=it.gate,
        recorder=it.record,
        system="s",
        tools=(),
        limits=RunLimits(turns=9),
        emit=InterruptAt(number),
    )
    assert (outcome.status, outcome.exit_code) == ("interrupted", 130)
    asked = [one.id for message in outcome.messages if isinstance(message, AssistantMessage) for one in message.calls]
    answered = [message.call_id for message in outcome.messages if isinstance(message, ToolMessage)]
    assert asked == answered
    assert len(it.record.sent) == len(it.record.received)


def test_a_script_runs_through_the_loop(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "s.yaml"
    script.write_text(
        "- text: Let me see.\n  calls: [{name: ls, arguments: {path: .}}]\n- text: All is well.\n  calls: [{name: bash, arguments: {command: ls}}]\n"
    )
    events: list[Event] = []
    gate = Gate()
    outcome = run(
        "look",
        provider=ScriptedProvider(read_script(str(script))),
        model="s",
        gate=gate,
        recorder=Record([]),
        system="s",
        tools=(),
        limits=RunLimits(turns=5),
        emit=events.append,
    )
    assert (outcome.status, outcome.text, outcome.turns) == ("done", "All is well.", 2)
    assert [(one.id, one.name, one.arguments) for one in gate.calls] == [
        ("call_1_1", "ls", '{"path": "."}'),
        ("call_2_1", "bash", '{"command": "ls"}'),
    ]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Let me see.All is well."


CHILD = """
import json, signal, sys, time
from bylaw.agent.loop import RunLimits, run
from bylaw.agent.providers.scripted import ScriptedProvider, read_script
from bylaw.agent.providers.openai import OpenAIProvider
signal.signal(signal.SIGINT, signal.default_int_handler)
class Gate:
    def call(self, call):
        print("ready", flush=True)
        time.sleep(60)
class Record:
    def request(self, sending): pass
    def response(self, received): print("received", received.error, flush=True)
def emit(event):
    if type(event).__name__ == "TextDelta" and sys.argv[1] == "openai":
        print("ready", flush=True)
provider = ScriptedProvider(read_script(sys.argv[2])) if sys.argv[1] == "scripted" else OpenAIProvider(base_url=sys.argv[2])
outcome = run("t", provider=provider, model="m", gate=Gate(), recorder=Record(), system="s", tools=(), limits=RunLimits(turns=5), emit=emit)
print(json.dumps([outcome.status, outcome.exit_code, outcome.text, [getattr(m, "text") for m in outcome.messages]]), flush=True)
sys.exit(outcome.exit_code)
"""


def interrupted(kind: str, target: str) -> tuple[int, list[str]]:
    """Starts a run in a process of its own, interrupts it once it says `ready`; its exit code and what it printed."""
    process = subprocess.Popen([sys.executable, "-I", "-c", textwrap.dedent(CHILD), kind, target], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        with process.stdout as output:
            lines: list[str] = []
            for line in output:
                lines.append(line.strip())
                if line.strip() == "ready":
                    process.send_signal(signal.SIGINT)
        return process.wait(30), lines
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_control_c_in_a_call_ends_a_real_process_with_130(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "s.yaml"
    script.write_text("- text: Wait.\n  calls: [{name: bash, arguments: {command: a}}, {name: bash, arguments: {command: b}}]\n")
    code, lines = interrupted("scripted", str(script))
    assert code == 130
    assert json.loads(lines[-1]) == [
        "interrupted",
        130,
        "Wait.",
        [
            "t",
            "Wait.",
            "interrupted by the person while it ran; it may have done part of its work",
            "not started: interrupted by the person",
        ],
    ]


def test_control_c_in_a_stream_keeps_the_text_of_a_real_process(raw_server: Callable[..., object]) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    server = raw_server(head + b'data: {"choices":[{"index":0,"delta":{"content":"I was saying"}}]}\n\n', hold=True)
    code, lines = interrupted("openai", str(getattr(server, "base_url")))  # noqa: B009  # the fixture's type lives in conftest
    assert code == 130
    assert "received interrupted" in lines
    assert json.loads(lines[-1]) == ["interrupted", 130, "I was saying", ["t", "I was saying"]]
