"""Against servers that none of us wrote: the protocol mock llmock, with its own verdict, and a real, small language model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from bylaw.agent.errors import CutOffError, MalformedAnswerError, ProviderError, RateLimitError, ResponseError
from bylaw.agent.events import Event, Notice, TextDelta, TurnInterrupted
from bylaw.agent.http import HttpClient, Retries
from bylaw.agent.loop import Received, RunLimits, RunOutcome, Sending, run
from bylaw.agent.prompt import tool_specs
from bylaw.agent.providers import provider_for
from bylaw.agent.providers.interface import AssistantMessage, ModelRequest, Provider, ToolCall, ToolMessage, ToolSpec, TurnDone, UserMessage
from bylaw.agent.providers.openai import OpenAIProvider
from bylaw.policy.decision import Verdict
from bylaw.tools.result import JSON, ToolResult


class Peer(Protocol):
    base_url: str

    def will(self, *behaviours: Mapping[str, object]) -> None: ...
    def verdict(self) -> dict[str, object]: ...


@dataclass(frozen=True)
class Done:
    text: str = "README.md src tests"
    is_error: bool = False
    verdict: Verdict | None = Verdict.ALLOW
    denied: bool = False
    result: ToolResult | None = None


@dataclass
class Gate:
    calls: list[ToolCall] = field(default_factory=list[ToolCall])

    def call(self, call: ToolCall) -> Done:
        self.calls.append(call)
        return Done()


class Record:
    def request(self, sending: Sending) -> None:
        assert sending.size > 100

    def response(self, received: Received) -> None:
        assert (received.done is None) != (received.error is None)


@dataclass
class Work:
    outcome: RunOutcome
    calls: list[ToolCall]
    events: list[Event]

    @property
    def shown(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


def work(
    provider: Provider, task: str, *, tools: tuple[ToolSpec, ...] = (), turns: int = 4, restarts: int = 1, system: str = "You are brief."
) -> Work:
    events: list[Event] = []
    gate = Gate()
    limits = RunLimits(turns=turns, restarts=restarts)
    outcome = run(
        task, provider=provider, model="gpt-4o", gate=gate, recorder=Record(), system=system, tools=tools, limits=limits, emit=events.append
    )
    return Work(outcome, gate.calls, events)


@pytest.fixture
def openai(peer: Peer) -> Iterator[OpenAIProvider]:
    http = HttpClient(retries=Retries(first=0.1))
    yield OpenAIProvider(base_url=peer.base_url, key="sk-test-4f1d8c2b7a90", http=http)
    http.close()


def assert_passed(peer: Peer, *, faults: int) -> None:
    verdict = peer.verdict()
    assert verdict["findings"] == [], verdict
    assert verdict["faults_injected"] == faults, verdict


def test_a_conversation_with_every_tool_of_ours(peer: Peer, openai: OpenAIProvider) -> None:
    peer.will(
        {
            "type": "reply",
            "text": "Let me look – 漢字 🦀.",
            "tool_calls": [{"name": "bash", "arguments": {"command": "ls -la"}}, {"name": "read", "arguments": {"path": "README.md"}}],
        },
        {"type": "reply", "text": "All is well."},
    )
    it = work(openai, "look around", tools=tool_specs())
    assert (it.outcome.status, it.outcome.text) == ("done", "All is well.")
    assert [(call.name, json.loads(call.arguments)) for call in it.calls] == [
        ("bash", {"command": "ls -la"}),
        ("read", {"path": "README.md"}),
    ]
    assert it.shown == "Let me look – 漢字 🦀.All is well."
    assert it.outcome.usage.input is not None
    assert it.outcome.usage.input > 0
    assert_passed(peer, faults=0)


def test_a_rate_limit_is_waited_for_as_long_as_asked(peer: Peer, openai: OpenAIProvider) -> None:
    peer.will({"type": "fail", "status": 429, "retry_after": 1, "times": 2}, {"type": "reply", "text": "ok"})
    it = work(openai, "hi")
    assert it.outcome.text == "ok"
    assert [event.text for event in it.events if isinstance(event, Notice)] == [
        "`127.0.0.1` answered with status 429; trying again in 1.0 s"
    ] * 2
    assert_passed(peer, faults=2)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
def test_a_server_error_is_tried_again(peer: Peer, openai: OpenAIProvider, status: int) -> None:
    peer.will({"type": "fail", "status": status, "times": 2}, {"type": "reply", "text": "ok"})
    assert work(openai, "hi").outcome.text == "ok"
    assert_passed(peer, faults=2)


def test_a_server_that_keeps_failing_is_given_up_on(peer: Peer, openai: OpenAIProvider) -> None:
    peer.will({"type": "fail", "status": 500, "times": None})
    error = work(openai, "hi").outcome.error
    assert isinstance(error, ResponseError)
    assert error.message.startswith("`127.0.0.1` answered with status 500: ")
    assert peer.verdict()["attempts"] == 4
    assert_passed(peer, faults=4)


def test_a_rate_limit_that_stays_is_an_error_with_a_next_step(peer: Peer, openai: OpenAIProvider) -> None:
    peer.will({"type": "fail", "status": 429, "retry_after": 3600, "times": None})
    error = work(openai, "hi").outcome.error
    assert isinstance(error, RateLimitError)
    assert error.hint == "wait, or check the account's limits and credit"
    assert peer.verdict()["passed"] is True


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(peer: Peer, openai: OpenAIProvider, status: int) -> None:
    peer.will({"type": "fail", "status": status, "times": None, "message": "not like this"})
    outcome = work(openai, "hi").outcome
    assert (outcome.status, outcome.exit_code) == ("error", 1)
    assert isinstance(outcome.error, ProviderError)
    assert "not like this" in outcome.error.message
    assert "sk-test" not in f"{outcome.error.message} {outcome.error.hint}"
    assert peer.verdict()["attempts"] == 1
    assert_passed(peer, faults=1)


@pytest.mark.parametrize("kind", ["truncate", "disconnect", "malformed"])
def test_a_broken_stream_is_asked_for_again_once(peer: Peer, openai: OpenAIProvider, kind: str) -> None:
    peer.will({"type": "stream_fault", "kind": kind, "after_chunks": 3}, {"type": "reply", "text": "one two three four", "times": None})
    it = work(openai, "hi")
    assert (it.outcome.status, it.outcome.text) == ("done", "one two three four")
    assert len([event for event in it.events if isinstance(event, TurnInterrupted)]) == 1
    verdict = peer.verdict()
    assert (verdict["passed"], verdict["attempts"], verdict["faults_injected"]) == (True, 2, 1), verdict


@pytest.mark.parametrize(("kind", "error"), [("truncate", CutOffError), ("disconnect", CutOffError), ("malformed", MalformedAnswerError)])
@pytest.mark.parametrize("after", [2, 3, 4])
def test_no_call_of_a_broken_stream_is_performed(peer: Peer, openai: OpenAIProvider, kind: str, error: type[Exception], after: int) -> None:
    reply = {"type": "reply", "text": "x", "tool_calls": [{"name": "bash", "arguments": {"command": "rm -rf build"}}], "times": None}
    peer.will({"type": "stream_fault", "kind": kind, "after_chunks": after, "times": None}, reply)
    it = work(openai, "hi", tools=tool_specs(), restarts=0)
    assert it.calls == []
    assert isinstance(it.outcome.error, error)


def test_an_answer_that_reached_its_limit_runs_nothing(peer: Peer, openai: OpenAIProvider) -> None:
    peer.will({"type": "reply", "tool_calls": [{"name": "bash", "arguments": {"command": "rm -rf build"}}], "finish_reason": "length"})
    it = work(openai, "hi", tools=tool_specs())
    assert it.calls == []
    assert isinstance(it.outcome.error, CutOffError)
    assert_passed(peer, faults=0)


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
def test_a_malformed_call_reaches_the_gate_as_it_is_and_the_conversation_goes_on(peer: Peer, openai: OpenAIProvider, kind: str) -> None:
    peer.will(
        {"type": "tool_fault", "kind": kind},
        {"type": "reply", "tool_calls": [{"name": "bash", "arguments": {"command": "ls"}}]},
        {"type": "reply", "text": "ok"},
    )
    it = work(openai, "hi", tools=tool_specs())
    assert it.outcome.text == "ok"
    if kind == "unknown_tool":
        assert it.calls[0].name == "llmock_unknown_tool"
    else:
        with pytest.raises(json.JSONDecodeError):
            json.loads(it.calls[0].arguments)
    assert peer.verdict()["passed"] is True


def test_a_model_is_found_by_its_name_and_base_url(peer: Peer) -> None:
    peer.will({"type": "reply", "text": "ok"})
    provider, model = provider_for("gpt-4o", base_url=peer.base_url, environ=os.environ)
    events = list(provider.turn(provider.encode(ModelRequest(model=model, system="s", messages=(UserMessage(text="hi"),)))))
    assert isinstance(events[-1], TurnDone)
    assert events[-1].message.text == "ok"


# so small a model does not end by itself: a grammar leaves it the words and holds it to a sentence
SENTENCE: dict[str, JSON] = {"temperature": 0, "seed": 1, "max_tokens": 64, "grammar": 'root ::= "The capital" [a-zA-Z ]{10,40} "."'}
SHORT: dict[str, JSON] = {"temperature": 0, "seed": 1, "max_tokens": 64}


def test_a_real_model_answers_with_text(small_model: str) -> None:
    it = work(OpenAIProvider(base_url=small_model, extra=SENTENCE), "What is the capital of France?")
    assert (it.outcome.status, it.outcome.error) == ("done", None)
    assert it.outcome.text == it.shown
    assert it.outcome.text.startswith("The capital")
    assert len([event for event in it.events if isinstance(event, TextDelta)]) > 3
    assert it.outcome.usage.input is not None
    assert it.outcome.usage.input > 5
    assert it.outcome.usage.output is not None
    assert it.outcome.usage.output > 2


def test_a_real_model_that_is_cut_off_by_its_limit_is_told_as_such(small_model: str) -> None:
    it = work(OpenAIProvider(base_url=small_model, extra={"max_tokens": 3}), "Count to one hundred.")
    assert isinstance(it.outcome.error, CutOffError)
    assert it.outcome.text == it.shown != ""


COMMAND = ToolSpec(
    name="bash",
    description="Run a command.",
    parameters={
        "type": "object",
        "properties": {"command": {"type": "string", "maxLength": 20}},
        "required": ["command"],
        "additionalProperties": False,
    },
)


def test_a_real_model_calls_a_tool_and_is_told_what_came_of_it(small_model_with_tools: str) -> None:
    it = work(
        OpenAIProvider(base_url=small_model_with_tools, extra={"tool_choice": "required", "temperature": 0, "seed": 1}),
        "List the files.",
        tools=(COMMAND,),
        turns=1,
    )
    assert it.outcome.status == "limit"
    assert [call.name for call in it.calls] == ["bash"]
    assert set(json.loads(it.calls[0].arguments)) == {"command"}
    answered = OpenAIProvider(base_url=small_model_with_tools, extra=SHORT)
    request = ModelRequest(model="m", system="You are brief.", messages=it.outcome.messages)
    done = list(answered.turn(answered.encode(request)))[-1]
    assert isinstance(done, TurnDone)
    assert isinstance(it.outcome.messages[-2], AssistantMessage)
    assert isinstance(it.outcome.messages[-1], ToolMessage)
    assert done.stop_reason in {"end", "length"}
    assert done.message.text


def test_an_error_of_a_real_server_is_told_in_its_words(small_model_with_tools: str) -> None:
    http = HttpClient(retries=Retries(attempts=2, first=0.01))
    it = work(OpenAIProvider(base_url=small_model_with_tools, http=http), "word " * 6000)
    assert isinstance(it.outcome.error, ResponseError)
    assert "exceed" in it.outcome.error.message
