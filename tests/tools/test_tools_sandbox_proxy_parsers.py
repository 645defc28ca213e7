"""What the proxy reads from its clients: HTTP heads and SOCKS requests, taken apart strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.tools.sandbox.proxy import http, socks
from bylaw.tools.sandbox.proxy.interface import RequestError


def head(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def test_connect_names_a_host_and_a_port() -> None:
    request = http.parse_head(head("CONNECT Example.ORG:443 HTTP/1.1", "Host: other.example:443"))
    assert str(request.target) == "example.org:443"
    assert request.first == b""


def test_connect_names_an_address_in_brackets() -> None:
    assert str(http.parse_head(head("CONNECT [2001:DB8::1]:443 HTTP/1.1")).target) == "[2001:db8::1]:443"


@pytest.mark.parametrize(
    ("asked", "line", "host"),
    [
        ("http://example.org/a?b=c", "GET /a?b=c HTTP/1.1", "example.org"),
        ("http://example.org", "GET / HTTP/1.1", "example.org"),
        ("http://example.org?b", "GET /?b HTTP/1.1", "example.org"),
        ("HTTP://EXAMPLE.org:8080/", "GET / HTTP/1.1", "example.org:8080"),
        ("http://example.org:80/", "GET / HTTP/1.1", "example.org"),
        ("http://[2001:db8::1]/x", "GET /x HTTP/1.1", "[2001:db8::1]"),
    ],
)
def test_a_plain_request_goes_on_in_origin_form_to_the_host_that_is_judged(asked: str, line: str, host: str) -> None:
    request = http.parse_head(head(f"GET {asked} HTTP/1.1", "Host: other.example", "HOST: third.example"))
    assert request.first.decode().split("\r\n") == [line, f"Host: {host}", "Connection: close", "", ""]
    assert request.granted == b""


def test_headers_for_the_proxy_alone_do_not_go_on() -> None:
    fields = ("Proxy-Authorization: Basic c2VjcmV0", "Proxy-Connection: keep-alive", "Connection: keep-alive, X-Mine", "X-Mine: 1",
              "Keep-Alive: 1", "TE: trailers", "Upgrade: h2c", "Accept: */*", "X-Text: caf\xe9")  # fmt: skip
    passed = http.parse_head(head("GET http://example.org/ HTTP/1.1", *fields)).first
    assert passed == b"GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nX-Text: caf\xe9\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("name", ["Content-Length: 3", "Transfer-Encoding: chunked"])
def test_the_length_of_the_body_goes_on_also_where_it_is_called_a_header_of_the_connection(name: str) -> None:
    passed = http.parse_head(head("POST http://example.org/ HTTP/1.1", name, f"Connection: {name.partition(':')[0]}")).first
    assert name.encode() in passed


@pytest.mark.parametrize(
    "fields",
    [("Content-Length: 3", "Content-Length: 4"), ("Content-Length: 3", "transfer-encoding: chunked"),
     ("Transfer-Encoding: x", "Transfer-Encoding: chunked")],
)  # fmt: skip
def test_a_body_with_two_lengths_is_refused(fields: tuple[str, ...]) -> None:
    with pytest.raises(RequestError, match="given twice"):
        http.parse_head(head("POST http://example.org/ HTTP/1.1", *fields))


@pytest.mark.parametrize(
    "lines",
    [("GET / HTTP/1.1",), ("GET https://example.org/ HTTP/1.1",), ("GET ftp://example.org/ HTTP/1.1",), ("CONNECT example.org HTTP/1.1",),
     ("CONNECT example.org:x HTTP/1.1",), ("GET http://a@example.org/ HTTP/1.1",), ("GET http://example.org/#x HTTP/1.1",),
     ("GET http://example.org\\@evil.example/ HTTP/1.1",), ("GET http://example.org/ HTTP/2.0",), ("GET  http://example.org/ HTTP/1.1",),
     ("get http://example.org/ HTTP/1.1",), ("GET http://example.org/ HTTP/1.1", "A: b", " folded"), ("GET http://example.org/",),
     ("GET http://example.org/ HTTP/1.1", "Host : x"), ("GET http://example.org/ HTTP/1.1", "no colon"),
     ("GET http://example.org/ HTTP/1.1", "A: b\nHost: evil.example"), ("GET http://example.org/ HTTP/1.1", "A: b\0")],
)  # fmt: skip
def test_what_servers_could_read_in_several_ways_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(RequestError) as refused:
        http.parse_head(head(*lines))
    assert refused.value.answer == "bad"


@pytest.mark.parametrize("host", ["0x7f.1", "127.1", "a%00b", "2001:db8::1", "[x]", "a_-.b"])
def test_an_odd_host_is_refused_by_its_name(host: str) -> None:
    with pytest.raises(RequestError) as refused:
        http.parse_head(head(f"CONNECT {host}:80 HTTP/1.1"))
    assert refused.value.answer == "forbidden"
    assert host in refused.value.why


def test_a_socks_request_names_a_host_or_an_address() -> None:
    port = (443).to_bytes(2, "big")
    for raw, wanted in (
        (b"\5\1\0\3\x0bexample.org" + port, "example.org:443"),
        (b"\5\1\0\3\x097f.0.0.ab" + port, "7f.0.0.ab:443"),
        (b"\5\1\0\1\x7f\0\0\1" + port, "127.0.0.1:443"),
        (b"\5\1\0\4" + bytes(15) + b"\1" + port, "[::1]:443"),
    ):
        assert socks.length(raw[:5]) == len(raw)
        assert str(socks.parse_request(raw).target) == wanted


@pytest.mark.parametrize("name", [b"127.1", b"a\0b", "bücher".encode(), b"", b"a b", b"\xff"])
def test_an_odd_name_in_socks_is_refused(name: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        socks.parse_request(b"\5\1\0\3" + bytes((len(name),)) + name + b"\0\x50")
    assert refused.value.answer == "forbidden"


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"GET ", b"CONNECT ", b"http://", b"a", b":", b"/", b" HTTP/1.1", b"\r\n", b"@", b"[", b"]", b"\n"])).map(
        b"".join
    )
)
def test_no_head_makes_the_parser_raise_anything_but_its_own_error(raw: bytes) -> None:
    try:
        request = http.parse_head(raw + b"\r\n\r\n")
    except RequestError as problem:
        assert problem.why.isascii()
        assert http.refused(problem).count(b"\r\n\r\n") == 1
        return
    assert request.first == b"" or request.first.count(b"\r\n\r\n") == 1


@given(st.binary(min_size=5, max_size=5), st.binary(min_size=300, max_size=300))
def test_no_socks_request_makes_the_parser_raise_anything_but_its_own_error(start: bytes, more: bytes) -> None:
    for one in (start, b"\5\1\0" + start[3:], b"\5\1\0\3" + start[4:]):
        try:
            socks.parse_request(one + more[: socks.length(one) - 5])
        except RequestError as problem:
            assert problem.why.isascii()


@given(st.binary(min_size=1, max_size=60))
def test_no_header_of_a_client_gets_a_second_host_past_the_head(value: bytes) -> None:
    try:
        request = http.parse_head(b"GET http://example.org/ HTTP/1.1\r\nX: " + value + b"\r\n\r\n")
    except RequestError:
        return
    hosts = [line for line in request.first.split(b"\n") if line.lower().startswith(b"host")]
    assert hosts == [b"Host: example.org\r"]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_an_answer_says_that_the_connection_ends_with_it(end: bytes) -> None:
    lines = (
        b"HTTP/1.0 200 OK",
        b"connection : keep-alive,",
        b" folded",
        b"A: b",
        b"\tfolded",
        b"Proxy-Connection: keep-alive",
        b"",
        b"body\n\n",
    )
    assert http.Closing()(end.join(lines)) == b"HTTP/1.0 200 OK\r\nConnection: close\r\nA: b\r\n\tfolded\r\n\r\nbody\n\n"


def test_an_answer_that_ends_early_goes_on_as_far_as_it_came() -> None:
    closing = http.Closing()
    assert closing(b"HTTP/1.1 200") == b""
    assert closing(b"") == b"HTTP/1.1 200"


@given(st.lists(st.binary(max_size=20), max_size=20), st.binary())
def test_the_pieces_that_an_answer_comes_in_change_nothing(pieces: list[bytes], body: bytes) -> None:
    whole = b"HTTP/1.1 200 OK\r\n" + b"".join(pieces) + b"\r\n\r\n" + body
    once, apart = http.Closing(), http.Closing()
    assert b"".join(apart(whole[at : at + 1]) for at in range(len(whole))) + apart(b"") == once(whole) + once(b"")
