"""What happens in a run, told once: the same events drive the terminal, JSON output and every later protocol.

`to_json` gives each event a stable shape: `{"event": "<name>", ...}`. Fields may be added, none is renamed or removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, assert_never

from ..policy.decision import Verdict
from ..tools.result import JSON, Status
from .providers.interface import StopReason, TextDelta, Usage

__all__ = [
    "CallDecided",
    "CallFinished",
    "CallRequested",
    "Event",
    "Notice",
    "RunFinished",
    "RunStarted",
    "RunStatus",
    "TextDelta",
    "TurnFinished",
    "TurnInterrupted",
    "TurnStarted",
    "to_json",
    "usage_to_json",
]

RunStatus = Literal["done", "error", "limit", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run begins. `session` names the record, `host` is where content goes; empty when it stays here."""

    task: str
    provider: str
    model: str
    host: str
    session: str = ""
    workspace: str = ""
    preset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """The model is asked, for the `turn`th time, counted from 1."""

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnInterrupted:
    """The answer broke off; its text so far counts for nothing, and the same turn is asked for again."""

    turn: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished:
    """The model's answer is complete."""

    turn: int
    stop: StopReason
    raw_stop: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequested:
    """The model asks for a call; nothing has been judged yet."""

    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDecided:
    """The policy has judged a call; `rules` are those that gave the verdict, `reasons` what they say."""

    call_id: str
    tool: str
    verdict: Verdict
    rules: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """A call is answered. `text` is what the model gets; `status` is None for a call that was not performed."""

    call_id: str
    tool: str
    text: str
    is_error: bool
    verdict: Verdict | None = None
    status: Status | None = None
    exit_code: int | None = None
    truncated: bool = False
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person should know."""

    level: Literal["info", "warning", "error"]
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The run is over. `denied` counts the calls that the policy or a person refused."""

    status: RunStatus
    exit_code: int
    turns: int
    denied: int
    usage: Usage = field(default_factory=Usage)


Event = (
    RunStarted
    | TurnStarted
    | TextDelta
    | TurnInterrupted
    | TurnFinished
    | CallRequested
    | CallDecided
    | CallFinished
    | Notice
    | RunFinished
)


def to_json(event: Event) -> dict[str, JSON]:
    """The event as JSON. Tokens that a provider did not report are null, never 0."""
    match event:
        case RunStarted():
            shape: dict[str, JSON] = {"task": event.task, "provider": event.provider, "model": event.model, "host": event.host}
            shape |= {"session": event.session, "workspace": event.workspace, "preset": event.preset}
            return {"event": "run_started", **shape}
        case TurnStarted():
            return {"event": "turn_started", "turn": event.turn}
        case TextDelta():
            return {"event": "text_delta", "text": event.text}
        case TurnInterrupted():
            return {"event": "turn_interrupted", "turn": event.turn, "reason": event.reason}
        case TurnFinished():
            shape = {"turn": event.turn, "stop": event.stop, "raw_stop": event.raw_stop, "model": event.model}
            return {"event": "turn_finished", **shape, "usage": usage_to_json(event.usage)}
        case CallRequested():
            return {"event": "call_requested", "call_id": event.call_id, "tool": event.tool, "arguments": event.arguments}
        case CallDecided():
            shape = {"call_id": event.call_id, "tool": event.tool, "verdict": str(event.verdict)}
            return {"event": "call_decided", **shape, "rules": list(event.rules), "reasons": list(event.reasons)}
        case CallFinished():
            return _call_finished(event)
        case Notice():
            return {"event": "notice", "level": event.level, "text": event.text, "hint": event.hint}
        case RunFinished():
            shape = {"status": event.status, "exit_code": event.exit_code, "turns": event.turns, "denied": event.denied}
            return {"event": "run_finished", **shape, "usage": usage_to_json(event.usage)}
        case _:
            assert_never(event)


def usage_to_json(usage: Usage) -> dict[str, JSON]:
    """Tokens as JSON; null is unknown."""
    return {"input": usage.input, "output": usage.output, "cached": usage.cached, "reasoning": usage.reasoning}


def _call_finished(event: CallFinished) -> dict[str, JSON]:
    return {
        "event": "call_finished",
        "call_id": event.call_id,
        "tool": event.tool,
        "text": event.text,
        "is_error": event.is_error,
        "verdict": None if event.verdict is None else str(event.verdict),
        "status": event.status,
        "exit_code": event.exit_code,
        "truncated": event.truncated,
        "changed": list(event.changed),
        "notes": list(event.notes),
    }
