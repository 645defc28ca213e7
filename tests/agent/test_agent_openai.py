from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.agent.errors import (
    ConfigurationError,
    ConnectionFailedError,
    CutOffError,
    KeyRefusedError,
    MalformedAnswerError,
    ProviderError,
    RateLimitError,
    ResponseError,
)
from bylaw.agent.http import HttpClient, Retries
from bylaw.agent.providers.interface import (
    AssistantMessage,
    ModelRequest,
    Retrying,
    TextDelta,
    ToolCall,
    ToolMessage,
    ToolSpec,
    TurnDone,
    Usage,
    UserMessage,
)
from bylaw.agent.providers.openai import OpenAIProvider
from bylaw.agent.providers.sse import EventDecoder

KEY = "sk-test-4f1d8c2b7a90"


class Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: Sequence[bytes | Exception]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def provider(
    *pieces: bytes | Exception, status: int = 200, kind: str = "text/event-stream", headers: Mapping[str, str] | None = None
) -> OpenAIProvider:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": kind, **(headers or {})}, stream=Pieces(pieces))

    http = HttpClient(transport=httpx.MockTransport(answer), retries=Retries(attempts=1), sleep=lambda seconds: None)
    return OpenAIProvider(base_url="https://models.example/v1", key=KEY, http=http)


def turn(*pieces: bytes | Exception, **options: object) -> tuple[str, TurnDone]:
    """The text as it was streamed, and the whole turn."""
    shown: list[str] = []
    for event in provider(*pieces, **options).turn(b"{}"):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # passed through
        if isinstance(event, TextDelta):
            shown.append(event.text)
        elif isinstance(event, TurnDone):
            return "".join(shown), event
    raise AssertionError("no turn")


def chunk(delta: object = None, *, finish: str | None = None, usage: object = None, **more: object) -> bytes:
    body: dict[str, object] = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "model": "m-1",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
    }
    if usage is not None:
        body |= {"usage": usage}
    return b"data: " + json.dumps(body | more, ensure_ascii=False).encode() + b"\n\n"


def call(index: int | None, *, call_id: str | None = None, name: str | None = None, arguments: str | None = None) -> dict[str, object]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    one: dict[str, object] = {"function": function}
    if index is not None:
        one["index"] = index
    if call_id is not None:
        one |= {"id": call_id, "type": "function"}
    return {"tool_calls": [one]}


DONE = b"data: [DONE]\n\n"
STOP = chunk(finish="stop") + DONE
TEXT = "naïve – 漢字 🦀 done"
# as recorded from api.openai.com: role first, text, a usage event without choices behind the end mark
RECORDED = (
    chunk({"role": "assistant", "content": ""})
    + chunk({"content": "naïve – "})
    + chunk({"content": "漢字 🦀"})
    + chunk({"content": " done"})
    + chunk(finish="stop")
    + b'data: {"id":"c1","model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,'
    b'"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":0}}}\n\n' + DONE
)


def test_text_streams_and_usage_is_counted() -> None:
    shown, done = turn(RECORDED)
    assert shown == done.message.text == TEXT
    assert done.usage == Usage(input=9, output=5, cached=4, reasoning=0)
    assert (done.stop_reason, done.raw_stop, done.model) == ("end", "stop", "gpt-4o-2024-08-06")


@pytest.mark.parametrize("cut", range(0, len(RECORDED), 3))
def test_a_stream_may_be_cut_anywhere(cut: int) -> None:
    assert turn(RECORDED[:cut], RECORDED[cut:])[0] == TEXT


@given(st.lists(st.integers(0, len(RECORDED)), max_size=40))
def test_any_portions_give_the_same_turn(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(RECORDED)]
    pieces = [RECORDED[start:end] for start, end in pairwise(places)]
    assert turn(*pieces) == turn(RECORDED)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_every_line_end_of_the_format_is_read(newline: bytes, size: int) -> None:
    raw = RECORDED.replace(b"\n", newline) + b": end" + newline
    assert turn(*(raw[at : at + size] for at in range(0, len(raw), size)))[0] == TEXT


def test_comments_other_fields_and_a_byte_order_mark_are_passed_over() -> None:
    noise = b"\xef\xbb\xbf: hello\n\nevent: ping\nid: 3\nretry: 5\n\n"
    assert turn(noise + chunk({"content": "hi"}) + b": keep-alive\n\n" + STOP)[0] == "hi"


def test_data_over_several_lines_is_one_event() -> None:
    assert list(EventDecoder().feed(b"data: a\ndata:b\ndata\n\n")) == ["a\nb\n"]


def test_a_character_whose_escaped_halves_come_in_two_events_is_whole() -> None:
    halves = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83e"}}]}\n\ndata: {"choices":[{"index":0,"delta":{"content":"\\udd80b"}}]}\n\n'
    assert turn(halves + STOP)[0] == "a🦀b"


def test_half_a_character_never_reaches_anybody() -> None:
    shown, done = turn(b'data: {"choices":[{"index":0,"delta":{"content":"\\udd80x\\ud83e"}}]}\n\n' + STOP)
    assert (shown + done.message.text).encode() == "�x�x�".encode()


def test_calls_are_assembled_by_their_index() -> None:
    raw = (
        chunk(call(0, call_id="call_a", name="bash", arguments=""))
        + chunk(call(1, call_id="call_b", name="read", arguments='{"pa'))
        + chunk(call(0, arguments='{"command":'))
        + chunk(call(1, arguments='th": "x"}'))
        + chunk(call(0, arguments=' "ls"}'))
        + chunk(finish="tool_calls")
        + DONE
    )
    _, done = turn(raw)
    assert done.stop_reason == "calls"
    assert done.message.calls == (
        ToolCall(id="call_a", name="bash", arguments='{"command": "ls"}'),
        ToolCall(id="call_b", name="read", arguments='{"path": "x"}'),
    )


def test_text_beside_calls_is_kept() -> None:
    _, done = turn(chunk({"content": "Looking."}) + chunk(call(0, call_id="a", name="ls", arguments="{}")) + chunk(finish="tool_calls"))
    assert (done.message.text, len(done.message.calls)) == ("Looking.", 1)


def test_whole_calls_without_an_index_are_calls_of_their_own() -> None:
    raw = chunk(call(None, call_id="a", name="ls", arguments="{}")) + chunk(call(None, call_id="b", name="read", arguments="{}"))
    _, done = turn(raw + chunk(finish="stop"))
    assert [one.name for one in done.message.calls] == ["ls", "read"]


@pytest.mark.parametrize("arguments", ['{"command": "ls"', "", "not json", '{"a": 1}{"b": 2}', "[1]", "\x00"])
def test_arguments_are_passed_on_as_they_are(arguments: str) -> None:
    _, done = turn(chunk(call(0, call_id="a", name="bash", arguments=arguments)) + chunk(finish="tool_calls"))
    assert done.message.calls[0].arguments == arguments


def test_a_call_without_a_name_is_passed_on_without_one() -> None:
    _, done = turn(chunk(call(0, call_id="a", arguments="{}")) + chunk(finish="tool_calls"))
    assert done.message.calls[0].name == ""


@pytest.mark.parametrize("call_id", [None, "", "a b", "x" * 129, "é", "a\nb"])
def test_a_call_without_a_usable_id_gets_one(call_id: str | None) -> None:
    _, done = turn(chunk(call(0, call_id=call_id, name="ls", arguments="{}")) + chunk(finish="tool_calls"))
    assert done.message.calls[0].id.startswith("call_")


HALF_A_CALL = chunk(call(0, call_id="a", name="bash", arguments='{"command": "rm'))


@pytest.mark.parametrize(
    "raw", [b"", RECORDED[:60], chunk({"content": "half"}), HALF_A_CALL, HALF_A_CALL + DONE, chunk({"content": "x"}) + DONE]
)
def test_an_answer_without_its_end_mark_is_cut_off(raw: bytes) -> None:
    with pytest.raises(CutOffError) as caught:
        turn(raw)
    assert caught.value.again


def test_an_answer_whose_connection_breaks_is_cut_off() -> None:
    with pytest.raises(CutOffError, match=r"the connection to `models\.example` broke"):
        turn(HALF_A_CALL, httpx.ReadError("reset"))


@pytest.mark.parametrize(("finish", "reason"), [("length", "length"), ("content_filter", "filter"), ("eos_token", "unknown")])
@pytest.mark.parametrize("calls", [HALF_A_CALL, chunk(call(0, call_id="a", name="bash", arguments='{"command": "ls"}'))])
def test_an_answer_with_another_end_gives_no_calls(finish: str, reason: str, calls: bytes) -> None:
    _, done = turn(calls + chunk(finish=finish) + DONE)
    assert (done.stop_reason, done.raw_stop, done.message.calls) == (reason, finish, ())


def test_a_connection_that_breaks_behind_the_end_mark_does_no_harm() -> None:
    assert turn(RECORDED, httpx.ReadError("reset"))[0] == TEXT


def test_an_end_mark_without_the_last_event_is_an_end() -> None:
    assert turn(chunk({"content": "hi"}) + chunk(finish="stop"))[0] == "hi"


BROKEN = {
    "not json": b"data: {oops\n\n",
    "not an object": b"data: []\n\n",
    "choices": b'data: {"choices": 3}\n\n',
    "choice": b'data: {"choices": [3]}\n\n',
    "delta": b'data: {"choices": [{"delta": "x"}]}\n\n',
    "content": b'data: {"choices": [{"delta": {"content": [1]}}]}\n\n',
    "alternative": b'data: {"choices": [{"index": 1, "delta": {"content": "x"}}]}\n\n',
    "call index": chunk(call(-1, call_id="a", name="ls")),
    "call index text": chunk({"tool_calls": [{"index": "0"}]}),
    "call index huge": chunk(call(10**6, call_id="a", name="ls")),
    "two ids at one index": chunk(call(0, call_id="a", name="ls")) + chunk(call(0, call_id="b", name="ls")),
    "two names at one index": chunk(call(0, call_id="a", name="ls")) + chunk(call(0, name="bash")),
    "one id twice": chunk(call(0, call_id="a", name="ls")) + chunk(call(1, call_id="a", name="ls")) + chunk(finish="tool_calls"),
    "behind the end": chunk(finish="stop") + chunk({"content": "more"}),
    "a call behind the end": chunk(finish="stop") + chunk(call(0, call_id="a", name="ls")),
    "calls announced": chunk(finish="tool_calls") + DONE,
    "not utf-8": b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
    "deep": b"data: " + b"[" * 200_000 + b"\n\n",
    "long number": b'data: {"choices": ' + b"9" * 5000 + b"}\n\n",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_read_is_an_error(raw: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        turn(raw + STOP)


def test_an_endless_event_is_refused_before_memory_is_filled() -> None:
    decoder = EventDecoder(limit=1000)
    with pytest.raises(MalformedAnswerError, match="longer than 1000 bytes"):
        for _ in range(20):
            list(decoder.feed(b"x" * 100))
    many = EventDecoder(limit=1000)
    with pytest.raises(MalformedAnswerError):
        for _ in range(20):
            list(many.feed(b"data: " + b"x" * 100 + b"\n"))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_provider_error(raw: bytes) -> None:
    try:
        turn(raw, raw)
    except ProviderError:
        return
    raise AssertionError("random bytes are no answer")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "delta",
                        "index",
                        "tool_calls",
                        "function",
                        "name",
                        "arguments",
                        "id",
                        "finish_reason",
                        "usage",
                        "content",
                        "error",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_raises_anything_but_a_provider_error(value: object) -> None:
    try:
        turn(b"data: " + json.dumps({"choices": [value]}).encode() + b"\n\ndata: " + json.dumps(value).encode() + b"\n\n")
    except ProviderError:
        return


def test_an_error_in_the_middle_of_a_stream_is_told_without_the_key() -> None:
    with pytest.raises(ResponseError, match="overloaded, said") as caught:
        turn(chunk({"content": "x"}) + b'data: {"error": {"message": "overloaded, said ' + KEY.encode() + b'"}}\n\n')
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "no such model", "type": "invalid_request_error", "code": null}}', "no such model"),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"message": "no such model"}', "no such model"),
        (b'{"detail": "no such model"}', "no such model"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', "field required"),
        (b'[{"error": {"message": "no such model", "code": 400}}]', "no such model"),
        (b"plain words", "plain words"),
        (b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>", "a web page (502 Bad Gateway)"),
        (b"bad \x1b[31m\x07 news\r\nhere \xe2\x80\xae!", "bad [31m news here !"),
        (b"", "no explanation"),
        (b"[" * 100_000, "["),
        (b"x" * 100_000, "xxx…"),
    ],
)
def test_the_words_of_an_error_are_found(body: bytes, said: str) -> None:
    with pytest.raises(ResponseError) as caught:
        turn(body, status=400, kind="application/json")
    message = caught.value.message
    assert message.startswith("`models.example` answered with status 400: ")
    assert said.removesuffix("…") in message
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_named_by_its_variable_and_never_shown(status: int) -> None:
    with pytest.raises(KeyRefusedError) as caught:
        turn(b'{"error": {"message": "Incorrect API key provided: ' + KEY.encode() + b'"}}', status=status, kind="application/json")
    told = f"{caught.value.message} {caught.value.hint}"
    assert "OPENAI_API_KEY" in told
    assert KEY not in told


def test_a_rate_limit_that_stays_is_told_as_one() -> None:
    with pytest.raises(RateLimitError, match="quota"):
        turn(b'{"error": {"message": "quota exceeded"}}', status=429, kind="application/json")


def test_a_redirect_is_named_and_not_followed() -> None:
    with pytest.raises(ResponseError, match=r"points to `evil\.example` \(status 307\)"):
        turn(b"", status=307, headers={"location": "https://evil.example/v1"})


def test_an_answer_that_is_no_stream_is_refused() -> None:
    with pytest.raises(MalformedAnswerError, match="not answer with a stream but with `text/html`: a web page"):
        turn(b"<html><title>Welcome</title></html>", kind="text/html; charset=utf-8")


TOOLS = (
    ToolSpec(name="zed", description="z", parameters={"type": "object"}),
    ToolSpec(name="alpha", description="a", parameters={"type": "object"}),
)


def encoded(*messages: UserMessage | AssistantMessage | ToolMessage, tools: tuple[ToolSpec, ...] = (), **extra: str) -> dict[str, Any]:
    one = OpenAIProvider(base_url="http://127.0.0.1:1/v1", extra=extra)
    body: dict[str, Any] = json.loads(one.encode(ModelRequest(model="m", system="be good", messages=messages, tools=tools)))
    return body


def test_a_request_streams_and_asks_for_usage() -> None:
    body = encoded(UserMessage(text="hi"))
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "be good"}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_tools_keep_their_order_and_the_choice_is_the_models() -> None:
    body = encoded(UserMessage(text="hi"), tools=TOOLS)
    tools = body["tools"]
    assert [tool["function"]["name"] for tool in tools] == ["zed", "alpha"]
    assert body["tool_choice"] == "auto"
    assert encoded(UserMessage(text="hi"), tools=TOOLS, tool_choice="required")["tool_choice"] == "required"


def test_calls_and_their_answers_are_sent_back_with_the_text() -> None:
    wanted = ToolCall(id="a", name="bash", arguments='{"command": "ls"}')
    body = encoded(
        UserMessage(text="hi"),
        AssistantMessage(text="Looking.", calls=(wanted,)),
        ToolMessage(call_id="a", name="bash", text="x.py"),
        ToolMessage(call_id="b", name="bash", text="refused", is_error=True),
    )
    messages = body["messages"]
    assert messages[2:] == [
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "x.py"},
        {"role": "tool", "tool_call_id": "b", "content": "error: refused"},
    ]


@pytest.mark.parametrize("arguments", ["{oops", "[1]", "3", "[" * 100_000])
def test_a_malformed_call_is_sent_back_in_a_form_that_servers_read(arguments: str) -> None:
    body = encoded(AssistantMessage(text="", calls=(ToolCall(id="a", name="no such name!", arguments=arguments),)))
    messages = body["messages"]
    function = messages[1]["tool_calls"][0]["function"]
    assert function["name"] == "malformed"
    assert json.loads(function["arguments"]) == {"malformed": arguments}


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_key_is_wanted_but_on_this_machine(key: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpenAIProvider(key=key)
    assert caught.value.hint == "set OPENAI_API_KEY in the environment"
    assert OpenAIProvider(base_url="http://localhost:1/v1", key=key).host == "localhost"


@pytest.mark.parametrize("key", ["sk-x y", "sk-\nX: 1", "sk-é"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpenAIProvider(key=key)
    assert key not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("base", ["api.openai.com/v1", "ftp://x/", "https://u:p@x/v1", "https://x/v1?a=b"])
def test_a_base_url_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL"):
        OpenAIProvider(base_url=base, key=KEY)


@pytest.mark.parametrize("base", ["/v1", "/v1/", "/v1/chat/completions"])
def test_the_request_goes_to_the_completions_below_the_base(base: str, raw_server: Callable[..., object]) -> None:
    server = raw_server(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + RECORDED)
    root = str(getattr(server, "base_url")).removesuffix("/v1")  # noqa: B009  # the fixture's type lives in conftest
    one = OpenAIProvider(base_url=root + base, key=KEY)
    events = list(one.turn(b'{"x": 1}'))
    one.close()
    assert isinstance(events[-1], TurnDone)
    head, _, body = getattr(server, "requests")[0].partition(b"\r\n\r\n")  # noqa: B009  # the fixture's type lives in conftest
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization: bearer " + KEY.encode() in head.lower().replace(b"Bearer", b"bearer")
    assert body == b'{"x": 1}'


def test_waits_are_told_before_they_happen() -> None:
    answers = [
        httpx.Response(503, stream=Pieces([])),
        httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces([RECORDED])),
    ]
    http = HttpClient(transport=httpx.MockTransport(lambda request: answers.pop(0)), sleep=lambda seconds: None)
    events = list(OpenAIProvider(base_url="https://models.example/v1", key=KEY, http=http).turn(b"{}"))
    assert isinstance(events[0], Retrying)
    assert events[0].reason == "`models.example` answered with status 503"
    assert isinstance(events[-1], TurnDone)


def test_a_server_that_is_not_there_is_an_error_with_a_next_step(raw_server: Callable[..., object]) -> None:
    http = HttpClient(retries=Retries(attempts=2), sleep=lambda seconds: None)
    with pytest.raises(ConnectionFailedError) as caught:
        list(OpenAIProvider(base_url="http://127.0.0.1:1/v1", http=http).turn(b"{}"))
    assert caught.value.hint == "check the network and the base URL"
