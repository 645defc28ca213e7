from __future__ import annotations

import contextlib
import email.utils
import logging
import pathlib
import ssl
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Protocol

import httpx
import pytest

from bylaw.agent.errors import ConnectionFailedError, CutOffError, MalformedAnswerError
from bylaw.agent.http import Answer, HttpClient, Post, Retries, Timeouts, Waiting, host_of, is_loopback

URL = "https://models.example/v1/chat/completions"
KEY = "sk-test-4f1d8c2b7a90"


class Server(Protocol):
    base_url: str
    requests: list[bytes]


class StartServer(Protocol):
    def __call__(self, *answers: bytes, hold: bool = False) -> Server: ...


class Pieces(httpx.SyncByteStream):
    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def reply(status: int, *pieces: bytes | Exception, headers: Mapping[str, str] | None = None) -> httpx.Response:
    encoded = {name.encode(): value.encode() for name, value in (headers or {}).items()}
    return httpx.Response(status, headers=encoded, stream=Pieces(*pieces))


class Network:
    """Answers with what it was given, in order: responses or exceptions. Keeps the requests and the waits."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, *, retries: Retries | None = None, timeouts: Timeouts | None = None) -> HttpClient:
        return HttpClient(transport=httpx.MockTransport(self), sleep=self.slept.append, retries=retries, timeouts=timeouts)

    def post(self, *, retries: Retries | None = None) -> tuple[int, bytes, list[Waiting]]:
        """Status, body and waits of one request."""
        waits: list[Waiting] = []
        with contextlib.closing(self.client(retries=retries).post(post())) as steps:
            for step in steps:
                if isinstance(step, Waiting):
                    waits.append(step)
                else:
                    return step.status, step.read(1000), waits
        raise AssertionError("no answer")


def post(url: str = URL) -> Post:
    return Post(url=url, headers={"authorization": f"Bearer {KEY}"}, body=b"{}")


@contextlib.contextmanager
def answering(response: httpx.Response, timeouts: Timeouts | None = None) -> Generator[Answer]:
    with contextlib.closing(Network(response).client(timeouts=timeouts).post(post())) as steps:
        answer = next(steps)
        assert isinstance(answer, Answer)
        yield answer


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
def test_a_failure_that_may_pass_is_tried_again(status: int) -> None:
    network = Network(reply(status), reply(200, b"yes"))
    assert network.post()[:2] == (200, b"yes")
    assert len(network.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_failure_that_stays_is_not_tried_again(status: int) -> None:
    network = Network(reply(status, b"no"))
    assert network.post() == (status, b"no", [])


def test_attempts_are_bounded_and_the_last_answer_is_given() -> None:
    network = Network(*(reply(503, b"busy") for _ in range(9)))
    status, body, waits = network.post(retries=Retries(attempts=3))
    assert (status, body, len(network.requests)) == (503, b"busy", 3)
    assert [wait.attempt for wait in waits] == [1, 2]


def test_waits_grow() -> None:
    network = Network(*(reply(503) for _ in range(4)))
    network.post(retries=Retries(attempts=4, first=1.0, longest=100.0))
    assert network.slept == sorted(network.slept)
    assert 0.75 <= network.slept[0] <= 1.0
    assert 3.0 <= network.slept[2] <= 4.0


@pytest.mark.parametrize(
    ("header", "value", "seconds"), [("retry-after", "7", 7.0), ("retry-after", "0.5", 0.5), ("retry-after-ms", "250", 0.25)]
)
def test_the_server_says_how_long_to_wait(header: str, value: str, seconds: float) -> None:
    network = Network(reply(429, headers={header: value}), reply(200))
    network.post()
    assert network.slept == [seconds]


def test_a_date_says_how_long_to_wait() -> None:
    network = Network(reply(503, headers={"retry-after": email.utils.formatdate(time.time() + 40, usegmt=True)}), reply(200))
    network.post()
    assert 30 <= network.slept[0] <= 40


@pytest.mark.parametrize("value", ["soon", "-3", "1e9", "NaN", "²", "9" * 400, "Fri, 99 Foo 2026"])
def test_an_unreadable_wait_is_replaced_by_our_own(value: str) -> None:
    network = Network(reply(429, headers={"retry-after": value}), reply(200))
    network.post(retries=Retries(first=1.0))
    assert 0.75 <= network.slept[0] <= 1.0


def test_a_wait_that_is_too_long_ends_the_attempts() -> None:
    network = Network(reply(429, b"later", headers={"retry-after": "3600"}))
    assert network.post() == (429, b"later", [])


@pytest.mark.parametrize(
    "problem",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("slow"),
    ],
)
def test_a_connection_that_fails_before_the_answer_is_tried_again(problem: Exception) -> None:
    assert Network(problem, reply(200, b"yes")).post()[:2] == (200, b"yes")


def test_a_server_that_cannot_be_reached_is_named() -> None:
    network = Network(*(httpx.ConnectError("[Errno 111] Connection refused") for _ in range(2)))
    with pytest.raises(ConnectionFailedError, match=r"cannot reach `models\.example`: \[Errno 111\]"):
        network.post(retries=Retries(attempts=2))


def test_an_untrusted_certificate_is_not_tried_again() -> None:
    problem = httpx.ConnectError("ssl")
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "self-signed certificate"
    problem.__cause__ = cause
    with pytest.raises(ConnectionFailedError, match=r"certificate of `models\.example` is not trusted: self-signed") as caught:
        Network(problem).post()
    assert caught.value.hint == "add the certificate authority to the system's trust store"


def test_a_request_that_cannot_be_sent_does_not_show_its_headers() -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        Network(httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'")).post()
    assert KEY not in f"{caught.value} {caught.value.hint}"


def test_redirects_are_not_followed() -> None:
    network = Network(reply(307, headers={"location": "https://elsewhere.example/"}))
    assert network.post()[0] == 307
    assert len(network.requests) == 1


def test_identity_is_asked_for_and_an_encoded_answer_is_refused() -> None:
    network = Network(reply(200, b"\x1f\x8b", headers={"content-encoding": "gzip"}))
    with contextlib.closing(network.client().post(post())) as steps:
        answer = next(steps)
        assert isinstance(answer, Answer)
        assert network.requests[0].headers["accept-encoding"] == "identity"
        with pytest.raises(MalformedAnswerError, match="encoded"):
            list(answer.chunks())


@pytest.mark.parametrize("problem", [httpx.ReadError("reset"), httpx.RemoteProtocolError("incomplete"), httpx.ReadTimeout("idle")])
def test_an_answer_that_breaks_off_is_an_error_and_is_not_sent_again(problem: Exception) -> None:
    with answering(reply(200, b"half", problem)) as answer:
        chunks = answer.chunks()
        assert next(chunks) == b"half"
        with pytest.raises(CutOffError):
            next(chunks)


def test_a_whole_answer_has_its_time() -> None:
    with answering(reply(200, b"drip", b"drip"), Timeouts(total=-1.0)) as answer, pytest.raises(CutOffError, match="too long"):
        list(answer.chunks())


@pytest.mark.parametrize(("limit", "body"), [(4, b"abcd"), (100, b"abcdef")])
def test_the_text_of_an_error_is_bounded_and_survives_a_broken_connection(limit: int, body: bytes) -> None:
    with answering(reply(400, b"abc", b"def", httpx.ReadError("reset"))) as answer:
        assert answer.read(limit) == body


def test_no_log_and_no_representation_holds_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Network(reply(503), reply(200)).post()
    assert KEY not in caplog.text
    assert KEY not in repr(post())


def test_a_netrc_file_gives_no_password(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine models.example login me password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    network = Network(reply(200))
    with contextlib.closing(network.client().post(Post(url=URL, headers={}, body=b""))) as steps:
        next(steps)
    assert "authorization" not in network.requests[0].headers


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes"


def over_the_wire(url: str) -> bytes:
    client = HttpClient(retries=Retries(attempts=1))
    try:
        with contextlib.closing(client.post(post(url))) as steps:
            answer = next(steps)
            assert isinstance(answer, Answer)
            return answer.read(100)
    finally:
        client.close()


def test_a_proxy_of_the_environment_is_obeyed(raw_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = raw_server(OK)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
    assert over_the_wire("http://models.example/v1/x") == b"yes"
    assert proxy.requests[0].startswith(b"POST http://models.example/v1/x HTTP/1.1")


def test_a_server_on_this_machine_is_reached_without_the_proxy(raw_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = raw_server(OK), raw_server(OK)
    monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
    assert over_the_wire(f"{server.base_url}/x") == b"yes"
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.openai.com/v1", "api.openai.com"),
        ("http://127.0.0.1:8080/v1", "127.0.0.1"),
        ("http://[::1]:8080", "::1"),
        ("https://me:pw@host/v1", None),
        ("https://host/v1?key=x", None),
        ("https://host/v1#x", None),
        ("ftp://host/", None),
        ("file:///etc/passwd", None),
        ("host/v1", None),
        ("", None),
        ("http://", None),
        ("http://host:99999999/", None),
    ],
)
def test_the_host_of_a_base_url(url: str, host: str | None) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LocalHost.", True),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local
