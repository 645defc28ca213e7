"""The wire format of OpenAI's Chat Completions, without any input or output: requests to bytes, stream events to a turn.

Source of the format: OpenAI API reference, "Chat Completions" and "Streaming"; what other servers do differently is said
where it is met.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from ...tools.result import JSON
from ..errors import CutOffError, MalformedAnswerError, ResponseError
from .interface import AssistantMessage, Message, ModelRequest, StopReason, TextDelta, ToolCall, ToolMessage, TurnDone, Usage, UserMessage

_STOPS: Final[Mapping[str, StopReason]] = {
    "stop": "end",
    "tool_calls": "calls",
    "function_call": "calls",
    "length": "length",
    "content_filter": "filter",
}
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_HIGH_SURROGATES = ("\ud800", "\udbff")


def encode_request(request: ModelRequest, extra: Mapping[str, JSON]) -> bytes:
    """The body of a streaming request. `extra` holds further fields, which win."""
    body: dict[str, JSON] = {
        "model": request.model,
        "messages": [{"role": "system", "content": request.system}, *map(_message, request.messages)],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [
            {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
            for tool in request.tools
        ]
        body["tool_choice"] = "auto"
    return json.dumps({**body, **extra}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _message(message: Message) -> JSON:
    match message:
        case UserMessage():
            return {"role": "user", "content": message.text}
        case ToolMessage():
            # the format has no field for a failed call
            return {
                "role": "tool",
                "tool_call_id": message.call_id,
                "content": f"error: {message.text}" if message.is_error else message.text,
            }
        case AssistantMessage():
            said: dict[str, JSON] = {"role": "assistant", "content": message.text if message.text or not message.calls else None}
            if message.calls:
                said["tool_calls"] = [_call(call) for call in message.calls]
            return said
        case _:
            assert_never(message)


def _call(call: ToolCall) -> JSON:
    """A past call as it is sent back. Servers answer 400 or 500 to a name or to arguments that they cannot read, so what a
    model got wrong is shown to it in a readable form; it was never performed.
    """
    name = call.name if _NAME.fullmatch(call.name) else "malformed"
    try:
        readable = isinstance(json.loads(call.arguments or "{}"), dict)
    except (ValueError, RecursionError):
        readable = False
    arguments = (call.arguments or "{}") if readable else json.dumps({"malformed": call.arguments})
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}


class ChatDecoder:
    """Assembles one turn from the data of its events. `limit` bounds the characters of text and arguments together."""

    def __init__(self, *, model: str, limit: int = 16 * 1024 * 1024) -> None:
        self._model = model
        self._left = limit
        self._text: list[str] = []
        self._held = ""
        self._calls: dict[int, _PartialCall] = {}
        self._usage = Usage()
        self._stop: str | None = None
        self.done = False

    def feed(self, data: str) -> Iterator[TextDelta]:
        """Takes the data of one event. Raises MalformedAnswerError, and ResponseError when the event is an error."""
        if self.done or not data.strip():
            return
        if data.strip() == "[DONE]":
            self.done = True
            return
        chunk = _object(_parse(data), "an event")
        if chunk.get("error"):
            raise ResponseError(f"the provider broke off with an error: {error_text(data.encode('utf-8', 'replace'))}")
        if isinstance(model := chunk.get("model"), str) and model:
            self._model = model
        if chunk.get("usage") is not None:
            self._usage = _usage(_object(chunk["usage"], "`usage`"))
        for choice in _array(chunk.get("choices"), "`choices`"):
            text = self._choice(_object(choice, "a choice"))
            if text:
                yield TextDelta(text=text)

    def finish(self) -> TurnDone:
        """The turn, once the stream is over. CutOffError when it had no normal end: then no call of it is given to anybody."""
        if self._stop is None:
            raise CutOffError("the answer was cut off: the stream ended without its end mark", again=True)
        self._text.append(_whole(self._held))
        stop: StopReason = _STOPS.get(self._stop, "unknown")
        calls = tuple(self._calls[index].call() for index in sorted(self._calls)) if stop in {"end", "calls"} else ()
        if stop == "calls" and not calls:
            raise MalformedAnswerError("the answer announces calls and holds none", again=True)
        if len({call.id for call in calls}) < len(calls):
            raise MalformedAnswerError("two calls of one answer have the same id", again=True)
        message = AssistantMessage(text="".join(self._text), calls=calls)
        return TurnDone(message=message, usage=self._usage, stop_reason=stop, raw_stop=clean(self._stop, 80), model=clean(self._model, 200))

    def _choice(self, choice: Mapping[str, JSON]) -> str:
        if choice.get("index") is not None and choice["index"] != 0:
            raise MalformedAnswerError("the answer holds several alternatives, which were not asked for")
        delta = _object(choice.get("delta") or {}, "`delta`")
        text = _string(delta.get("content"), "`content`") + _string(delta.get("refusal"), "`refusal`")
        calls = _array(delta.get("tool_calls"), "`tool_calls`")
        if self._stop is not None and (text or calls):
            raise MalformedAnswerError("the answer goes on after its end mark")
        for call in calls:
            self._call_delta(_object(call, "a call"))
        if choice.get("finish_reason") is not None:
            self._stop = _string(choice["finish_reason"], "`finish_reason`") or None
        return self._add_text(text)

    def _add_text(self, text: str) -> str:
        """What can be shown now: servers that cut text by UTF-16 units send the halves of one character in two events."""
        if not text:
            return ""
        self._spend(len(text))
        text, self._held = self._held + text, ""
        if _HIGH_SURROGATES[0] <= text[-1] <= _HIGH_SURROGATES[1]:
            text, self._held = text[:-1], text[-1]
        text = _whole(text)
        self._text.append(text)
        return text

    def _call_delta(self, delta: Mapping[str, JSON]) -> None:
        index = delta.get("index")
        if index is None:
            # some servers send each call whole and without an index
            index = len(self._calls) if delta.get("id") or not self._calls else max(self._calls)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 128:
            raise MalformedAnswerError("a call of the answer has no usable index")
        function = _object(delta.get("function") or {}, "`function`")
        call = self._calls.setdefault(index, _PartialCall())
        arguments = _string(function.get("arguments"), "`arguments`")
        self._spend(len(arguments))
        call.add(call_id=_string(delta.get("id"), "`id`"), name=_string(function.get("name"), "`name`"), arguments=arguments)

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise MalformedAnswerError("the answer is longer than bylaw takes")


class _PartialCall:
    """A call whose pieces are still coming."""

    def __init__(self) -> None:
        self._id = ""
        self._name = ""
        self._arguments: list[str] = []

    def add(self, *, call_id: str, name: str, arguments: str) -> None:
        # INVARIANT: pieces of two calls are never joined: a second id or name at one index is an error, not a guess
        if (call_id and self._id not in {"", call_id}) or (name and self._name not in {"", name}):
            raise MalformedAnswerError("two calls of the answer share one index", again=True)
        self._id = self._id or call_id
        self._name = self._name or name
        self._arguments.append(arguments)

    def call(self) -> ToolCall:
        call_id = self._id if _ID.fullmatch(self._id) else f"call_{secrets.token_hex(8)}"
        return ToolCall(id=call_id, name=_whole(self._name), arguments=_whole("".join(self._arguments)))


def error_text(body: bytes) -> str:
    """The message of an error body, on one line: OpenAI's shape, those of other servers, a list of them, or plain text."""
    text = body.decode("utf-8", "replace")
    try:
        found = _find_message(json.loads(text), depth=4)
    except (ValueError, RecursionError):
        found = None
        if "<html" in text[:2000].lower() or text.lstrip().lower().startswith("<!doctype"):
            title = re.search(r"<title[^>]*>([^<]{1,300})</title>", text, re.IGNORECASE)
            text = f"a web page ({title[1].strip()})" if title else "a web page"
    return clean(found if found is not None else text, 400)


def _find_message(value: JSON, *, depth: int) -> str | None:
    if depth == 0 or value is None:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, Mapping):
        for key in ("error", "message", "detail", "msg", "error_message"):
            if (found := _find_message(value.get(key), depth=depth - 1)) is not None:
                return found
    elif isinstance(value, list | tuple):
        for one in value:
            if (found := _find_message(one, depth=depth - 1)) is not None:
                return found
    return None


def clean(text: str, limit: int) -> str:
    """Foreign text on one line of at most `limit` characters, without control characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _parse(data: str) -> JSON:
    try:
        parsed: JSON = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise MalformedAnswerError("the answer holds an event that is not JSON", again=True) from problem
    return parsed


def _object(value: JSON, what: str) -> Mapping[str, JSON]:
    if not isinstance(value, Mapping):
        raise MalformedAnswerError(f"{what} of the answer is not an object")
    return value


def _array(value: JSON, what: str) -> list[JSON]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedAnswerError(f"{what} of the answer is not a list")
    return list(value)


def _string(value: JSON, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedAnswerError(f"{what} of the answer is not a text")
    return value


def _usage(usage: Mapping[str, JSON]) -> Usage:
    return Usage(
        input=_count(usage, "prompt_tokens"),
        output=_count(usage, "completion_tokens"),
        cached=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        reasoning=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(fields: JSON, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _whole(text: str) -> str:
    """The text with pairs of surrogates joined and single ones replaced, so that it can be written anywhere."""
    if not _LONE_SURROGATES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
