"""What every model provider speaks: messages in, the events of one turn out.

The loop asks a provider for the bytes that it would send (`encode`), puts them on the record, and then has exactly those
sent (`turn`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ...tools.result import JSON

StopReason = Literal["end", "calls", "length", "filter", "unknown"]
"""Why an answer ended. `end` and `calls` are the normal ends; after any other no call of the answer is performed."""

NORMAL_ENDS: frozenset[StopReason] = frozenset({"end", "calls"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the model asks for. `arguments` is its JSON text, untouched: whether it is JSON is for the gate to say."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as the model is told of it; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    """What the person said."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantMessage:
    """What the model said and asked for; `interrupted`: it was stopped before it was done."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolMessage:
    """The answer to one call."""

    call_id: str
    name: str
    text: str
    is_error: bool = False


Message = UserMessage | AssistantMessage | ToolMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them; None: it did not say. `cached` is part of `input`, `reasoning` of `output`."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None

    def __add__(self, other: Usage) -> Usage:
        """The sum; what one of the two does not know, the sum does not know."""
        return Usage(
            input=_sum(self.input, other.input),
            output=_sum(self.output, other.output),
            cached=_sum(self.cached, other.cached),
            reasoning=_sum(self.reasoning, other.reasoning),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """All that a turn depends on. Tools keep their order, so that a provider's prompt cache holds."""

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A further piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """The request did not get through; it is sent again after `seconds`."""

    attempt: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDone:
    """The whole answer. `raw_stop` is the provider's own word for why it ended, `model` what it says it ran.

    `final`: there is nothing to ask this provider after this turn (a script that has ended).
    """

    message: AssistantMessage
    usage: Usage
    stop_reason: StopReason
    raw_stop: str
    model: str
    final: bool = False


TurnEvent = TextDelta | Retrying | TurnDone


class Provider(Protocol):
    """Answers requests, one turn at a time."""

    @property
    def name(self) -> str:
        """The provider's name, as in `name/model`."""
        ...

    @property
    def host(self) -> str:
        """The host that the bytes go to; empty when they do not leave this process."""
        ...

    def encode(self, request: ModelRequest) -> bytes:
        """The bytes that `turn` will send."""
        ...

    def turn(self, body: bytes) -> Generator[TurnEvent, None, None]:
        """Sends the bytes; yields text as it comes and one TurnDone at the end. Raises ProviderError.

        Closing the iterator stops the turn at once.
        """
        ...
