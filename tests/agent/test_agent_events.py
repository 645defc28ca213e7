from __future__ import annotations

import json
from typing import get_args

import pytest
from inline_snapshot import snapshot

from bylaw.agent.events import (
    CallDecided,
    CallFinished,
    CallRequested,
    Event,
    Notice,
    RunFinished,
    RunStarted,
    TextDelta,
    TurnFinished,
    TurnInterrupted,
    TurnStarted,
    to_json,
)
from bylaw.agent.providers.interface import Usage
from bylaw.policy.decision import Verdict

ALL: tuple[Event, ...] = (
    RunStarted(task="t", provider="openai", model="m", host="h", session="s", workspace="/w", preset="balanced"),
    TurnStarted(turn=1),
    TextDelta(text="é"),
    TurnInterrupted(turn=1, reason="r"),
    TurnFinished(turn=1, stop="calls", raw_stop="tool_calls", model="m-1", usage=Usage(input=1, output=2)),
    CallRequested(call_id="c", tool="bash", arguments="{}"),
    CallDecided(call_id="c", tool="bash", verdict=Verdict.CONFIRM, rules=("a.b",), reasons=("because",)),
    CallFinished(call_id="c", tool="bash", text="x", is_error=False, verdict=Verdict.ALLOW, status="ok", exit_code=0, changed=("/w/a",)),
    Notice(level="warning", text="w", hint="h"),
    RunFinished(status="done", exit_code=0, turns=1, denied=0, usage=Usage(input=1, output=2)),
)


def test_every_event_has_a_stable_shape() -> None:
    assert [to_json(event) for event in ALL] == snapshot(
        [
            {
                "event": "run_started",
                "task": "t",
                "provider": "openai",
                "model": "m",
                "host": "h",
                "session": "s",
                "workspace": "/w",
                "preset": "balanced",
            },
            {"event": "turn_started", "turn": 1},
            {"event": "text_delta", "text": "é"},
            {"event": "turn_interrupted", "turn": 1, "reason": "r"},
            {
                "event": "turn_finished",
                "turn": 1,
                "stop": "calls",
                "raw_stop": "tool_calls",
                "model": "m-1",
                "usage": {"input": 1, "output": 2, "cached": None, "reasoning": None},
            },
            {"event": "call_requested", "call_id": "c", "tool": "bash", "arguments": "{}"},
            {"event": "call_decided", "call_id": "c", "tool": "bash", "verdict": "confirm", "rules": ["a.b"], "reasons": ["because"]},
            {
                "event": "call_finished",
                "call_id": "c",
                "tool": "bash",
                "text": "x",
                "is_error": False,
                "verdict": "allow",
                "status": "ok",
                "exit_code": 0,
                "truncated": False,
                "changed": ["/w/a"],
                "notes": [],
            },
            {"event": "notice", "level": "warning", "text": "w", "hint": "h"},
            {
                "event": "run_finished",
                "status": "done",
                "exit_code": 0,
                "turns": 1,
                "denied": 0,
                "usage": {"input": 1, "output": 2, "cached": None, "reasoning": None},
            },
        ]
    )


def test_every_event_of_the_union_is_tried() -> None:
    assert {type(event) for event in ALL} == set(get_args(Event))


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_every_shape_is_json_and_named_like_its_event(event: Event) -> None:
    shape = to_json(event)
    assert json.loads(json.dumps(shape)) == shape
    assert str(shape["event"]).replace("_", "") == type(event).__name__.lower()
