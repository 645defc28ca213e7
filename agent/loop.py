"""The agent's loop: ask the model, pass each call through the gate, tell the model, until it asks for nothing more.

The caller frames a run with `RunStarted` and `RunFinished`; everything in between is emitted here.

INVARIANT: when `run` returns, every call of every answer has exactly one answer, however the run ended.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, assert_never

from ..audit.errors import AuditError
from ..policy.decision import Verdict
from ..policy.errors import PolicyError
from ..tools.errors import ToolError
from ..tools.result import ToolResult
from .errors import AgentError, CutOffError, LimitError, MalformedAnswerError, NotPerformed, ProviderError
from .events import CallFinished, CallRequested, Event, Notice, RunFinished, RunStatus, TurnFinished, TurnInterrupted, TurnStarted
from .providers.history import unanswered, with_new_ids
from .providers.interface import (
    NORMAL_ENDS,
    AssistantMessage,
    Message,
    ModelRequest,
    Provider,
    Retrying,
    StopReason,
    TextDelta,
    ToolCall,
    ToolMessage,
    ToolSpec,
    TurnDone,
    Usage,
    UserMessage,
)

Failure = AgentError | AuditError | PolicyError | ToolError
_INTERRUPTED: Final = 130
_ABNORMAL: Final[dict[StopReason, str]] = {"length": "at the model's limit for one answer", "filter": "by the provider's content filter"}


class Answer(Protocol):
    """What came of a call: the text for the model, and how it came about; `denied`: the policy or a person refused."""

    @property
    def text(self) -> str: ...
    @property
    def is_error(self) -> bool: ...
    @property
    def verdict(self) -> Verdict | None: ...
    @property
    def denied(self) -> bool: ...
    @property
    def result(self) -> ToolResult | None: ...


class Door(Protocol):
    """Where calls go: the gate."""

    def call(self, call: ToolCall) -> Answer:
        """Judges and performs one call. An exception ends the run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is about to leave: `size` bytes with this SHA-256 (hex), holding `messages` messages."""

    turn: int
    provider: str
    host: str
    model: str
    size: int
    sha256: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came back: the whole turn, or None and why there is none; `characters` of text were shown."""

    turn: int
    done: TurnDone | None
    error: str | None
    characters: int


class ModelRecorder(Protocol):
    """Puts what goes to a model, and what comes back, on the record."""

    def request(self, sending: Sending) -> None:
        """Returns when the record is durable; raises to keep the bytes from being sent."""
        ...

    def response(self, received: Received) -> None:
        """Called once for every request, however it ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """`turns` answers at most; an answer that broke off is asked for again `restarts` times."""

    turns: int
    restarts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended. `text` is the last text of the model, partial when it was interrupted; `messages` can be continued."""

    status: RunStatus
    exit_code: int
    text: str
    messages: tuple[Message, ...]
    turns: int
    denied: int
    usage: Usage
    error: Failure | None = None

    def finished(self) -> RunFinished:
        """The event that closes the run."""
        return RunFinished(status=self.status, exit_code=self.exit_code, turns=self.turns, denied=self.denied, usage=self.usage)


def run(
    task: str,
    *,
    provider: Provider,
    model: str,
    gate: Door,
    recorder: ModelRecorder,
    system: str,
    tools: Sequence[ToolSpec],
    limits: RunLimits,
    emit: Callable[[Event], None],
    history: Sequence[Message] = (),
) -> RunOutcome:
    """Works on the task until the model asks for nothing more. Ctrl-C and the rooms' errors end in the outcome, not in a raise."""
    state = _Run(provider, model, gate, recorder, system, tuple(tools), limits, emit, [*history, UserMessage(text=task)])
    status: RunStatus = "error"
    exit_code = 1
    error: Failure | None = None
    try:
        state.work()
        status, exit_code = "done", 0
    except KeyboardInterrupt as stop:
        status, exit_code = "interrupted", _INTERRUPTED
        if isinstance(stop, NotPerformed):
            state.running = None
    except LimitError as problem:
        status, exit_code, error = "limit", problem.exit_code, problem
    except (AgentError, AuditError, PolicyError, ToolError) as problem:
        exit_code, error = problem.exit_code, problem
    finally:
        state.settle("interrupted by the person" if status == "interrupted" else "the run ended with an error")
    text = next((one.text for one in reversed(state.messages) if isinstance(one, AssistantMessage)), "")
    messages = tuple(state.messages)
    return RunOutcome(
        status=status,
        exit_code=exit_code,
        text=text,
        messages=messages,
        turns=state.turn,
        denied=state.denied,
        usage=state.usage,
        error=error,
    )


@dataclass(slots=True)
class _Run:
    provider: Provider
    model: str
    gate: Door
    recorder: ModelRecorder
    system: str
    tools: tuple[ToolSpec, ...]
    limits: RunLimits
    emit: Callable[[Event], None]
    messages: list[Message]
    partial: list[str] = field(default_factory=list[str])
    running: ToolCall | None = None
    turn: int = 0
    denied: int = 0
    usage: Usage = field(default_factory=lambda: Usage(input=0, output=0, cached=0, reasoning=0))

    def work(self) -> None:
        while self.turn < self.limits.turns:
            self.turn += 1
            self.emit(TurnStarted(turn=self.turn))
            done = self.answer()
            for call in done.message.calls:
                self.perform(call)
            if done.final or not done.message.calls:
                return
        raise LimitError(f"the limit of {self.limits.turns} turns was reached", hint="raise it with --max-turns, or give a smaller task")

    def answer(self) -> TurnDone:
        """One whole answer, its calls under names that no other call of the conversation has."""
        restarts = 0
        while True:
            try:
                done = self.ask()
            except ProviderError as problem:
                if not problem.again or restarts >= self.limits.restarts:
                    raise
                restarts += 1
                self.usage += Usage()  # what the broken answer cost is not known, and so neither is the sum
                self.emit(TurnInterrupted(turn=self.turn, reason=problem.message))
            else:
                break
        normal = done.stop_reason in NORMAL_ENDS
        # INVARIANT: a call of an answer without its normal end is never performed, whatever the provider made of it
        calls = with_new_ids(done.message.calls, self.messages) if normal else ()
        done = replace(done, message=replace(done.message, calls=calls, interrupted=not normal))
        self.partial.clear()
        self.messages.append(done.message)
        self.usage += done.usage
        self.emit(TurnFinished(turn=self.turn, stop=done.stop_reason, raw_stop=done.raw_stop, model=done.model, usage=done.usage))
        if not normal:
            why = _ABNORMAL.get(done.stop_reason, f"for a reason that bylaw does not know: `{done.raw_stop}`")
            raise CutOffError(
                f"the answer was cut off {why}", hint="nothing of it was performed; ask for smaller steps, or use another model"
            )
        return done

    def ask(self) -> TurnDone:
        self.partial.clear()
        request = ModelRequest(model=self.model, system=self.system, messages=tuple(self.messages), tools=self.tools)
        body = self.provider.encode(request)
        digest = hashlib.sha256(body).hexdigest()
        about = Sending(
            turn=self.turn,
            provider=self.provider.name,
            host=self.provider.host,
            model=self.model,
            size=len(body),
            sha256=digest,
            messages=len(request.messages),
        )
        self.recorder.request(about)
        done: TurnDone | None = None
        error = "interrupted"
        try:
            done = self.receive(body)
        except ProviderError as problem:
            error = problem.message
            raise
        else:
            return done
        finally:
            shown = sum(map(len, self.partial))
            self.recorder.response(Received(turn=self.turn, done=done, error=None if done else error, characters=shown))

    def receive(self, body: bytes) -> TurnDone:
        done: TurnDone | None = None
        with contextlib.closing(self.provider.turn(body)) as events:
            for event in events:
                match event:
                    case TextDelta():
                        self.partial.append(event.text)
                        self.emit(event)
                    case Retrying():
                        self.emit(Notice(level="warning", text=f"{event.reason}; trying again in {event.seconds:.1f} s"))
                    case TurnDone():
                        done = event
                    case _:
                        assert_never(event)
        if done is None:
            raise MalformedAnswerError(f"the provider `{self.provider.name}` gave no answer")
        return done

    def perform(self, call: ToolCall) -> None:
        self.running = call
        self.emit(CallRequested(call_id=call.id, tool=call.name, arguments=call.arguments))
        answer = self.gate.call(call)
        self.messages.append(ToolMessage(call_id=call.id, name=call.name, text=answer.text, is_error=answer.is_error))
        self.running = None
        self.denied += answer.denied
        self.emit(_finished(call, answer))

    def settle(self, why: str) -> None:
        """Keeps the text that was shown, and answers every call that has no answer yet."""
        if self.partial:
            self.messages.append(AssistantMessage(text="".join(self.partial), interrupted=True))
            self.partial.clear()
        running = self.running
        for call in unanswered(self.messages):
            text = f"{why} while it ran; it may have done part of its work" if call is running else f"not started: {why}"
            self.messages.append(ToolMessage(call_id=call.id, name=call.name, text=text, is_error=True))
            if call is running:
                # who presses Ctrl-C again must not lose the answers of the calls behind this one
                with contextlib.suppress(KeyboardInterrupt):
                    self.emit(CallFinished(call_id=call.id, tool=call.name, text=text, is_error=True))


def _finished(call: ToolCall, answer: Answer) -> CallFinished:
    result = answer.result
    return CallFinished(
        call_id=call.id,
        tool=call.name,
        text=answer.text,
        is_error=answer.is_error,
        verdict=answer.verdict,
        status=result.status if result else None,
        exit_code=result.exit_code if result else None,
        truncated=result.truncated if result else False,
        changed=tuple(change.path for change in result.changes) if result else (),
        notes=result.notes if result else (),
    )
