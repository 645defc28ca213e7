"""What must hold in any conversation, whoever it is continued with: one id for one call, and one answer for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from .interface import AssistantMessage, Message, ToolCall, ToolMessage


def with_new_ids(calls: Iterable[ToolCall], messages: Iterable[Message]) -> tuple[ToolCall, ...]:
    """The calls with ids that no call in `messages` has: some servers count each answer from 0, the record cannot."""
    taken = {call.id for message in messages if isinstance(message, AssistantMessage) for call in message.calls}
    renamed: list[ToolCall] = []
    for call in calls:
        ids = itertools.chain([call.id], (f"{call.id}-{number}" for number in itertools.count(2)))
        renamed.append(replace(call, id=next(one for one in ids if one not in taken)))
        taken.add(renamed[-1].id)
    return tuple(renamed)


def unanswered(messages: Iterable[Message]) -> tuple[ToolCall, ...]:
    """The calls that have no answer, in order."""
    open_calls: dict[str, ToolCall] = {}
    for message in messages:
        if isinstance(message, AssistantMessage):
            open_calls |= {call.id: call for call in message.calls}
        elif isinstance(message, ToolMessage):
            open_calls.pop(message.call_id, None)
    return tuple(open_calls.values())
