"""The proxy as its clients meet it, on real sockets: what is let through, what is refused, and what is told of it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import cast

import pytest

from bylaw.tools.sandbox.proxy import Allowed, Bounds, Connection, Proxy, environment
from proxy_room import HERE, SITE, echo, everything, exactly, granted, proxied, serving, site

SOCKS_HELLO = b"\5\1\0"


def socks(host: str, port: int) -> bytes:
    return b"\5\1\0\3" + bytes((len(host),)) + host.encode() + port.to_bytes(2, "big")


def http_head(answer: bytes) -> str:
    return answer.partition(b"\r\n")[0].decode()


def test_connect_leads_to_a_granted_host() -> None:
    with serving(echo) as port, proxied(*granted(port), names=HERE) as room:
        with room.tunnel(f"{SITE}:{port}") as client:
            client.sendall(b"hello")
            assert exactly(client, 5) == b"hello"
            client.shutdown(socket.SHUT_WR)
            assert everything(client) == b""
        wanted = Connection(protocol="connect", host=SITE, port=port, verdict="opened", address="127.0.0.1", sent=5, received=5)
        assert room.end() == wanted


def test_what_follows_the_head_at_once_is_not_lost() -> None:
    with serving(echo) as port, proxied(*granted(port), names=HERE) as room, room.client() as client:
        client.sendall(f"CONNECT {SITE}:{port} HTTP/1.1\r\n\r\nearly".encode())
        client.shutdown(socket.SHUT_WR)
        assert everything(client).partition(b"\r\n\r\n")[2] == b"early"


def test_the_intent_is_told_before_a_name_is_looked_up() -> None:
    seen: list[tuple[list[str], Connection]] = []
    with serving(echo) as port:
        with proxied(*granted(port), names=HERE, on_open=lambda one: seen.append((list(room.looked_up), one))) as room:
            room.tunnel(f"{SITE}:{port}").close()
        assert seen == [([], Connection(protocol="connect", host=SITE, port=port, verdict="opened"))]
        assert room.looked_up == [SITE]


def test_what_cannot_be_put_on_record_does_not_happen() -> None:
    def broken(_: Connection) -> None:
        raise ValueError("the disk is full")

    with serving(echo) as port, proxied(*granted(port), names=HERE, on_open=broken) as room:
        answer = room.say(f"CONNECT {SITE}:{port} HTTP/1.1\r\n\r\n".encode())
        assert http_head(answer) == "HTTP/1.1 403 Forbidden"
        assert b"could not be put on record" in answer
        assert b"disk" not in answer
        assert room.end().verdict == "refused"
        assert room.looked_up == []
        assert str(room.proxy.fault) == "the disk is full"


def test_a_record_that_fails_at_the_end_is_a_fault_for_the_owner() -> None:
    def broken(_: Connection) -> None:
        raise ValueError("the disk is full")

    with serving(echo) as port, proxied(*granted(port), names=HERE, on_end=broken) as room:
        assert room.proxy.fault is None
        room.tunnel(f"{SITE}:{port}").close()
        room.tunnel(f"{SITE}:{port}").close()
        room.ends(2)
    assert str(room.proxy.fault) == "the disk is full"


def test_connect_to_a_host_that_is_not_granted_is_answered_with_what_to_do() -> None:
    with proxied("example.org:443") as room:
        answer = room.say(b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n")
        assert http_head(answer) == "HTTP/1.1 403 Forbidden"
        assert b"the sandbox did not grant network access to evil.example:443" in answer
        assert b"`network`" in answer
        end = room.end()
        assert (end.protocol, end.host, end.port, end.verdict, end.address) == ("connect", "evil.example", 443, "refused", "")
        assert room.opens() == []
        assert room.looked_up == []


def test_a_refused_client_that_sends_much_still_gets_its_answer() -> None:
    with proxied() as room, room.client() as client:
        client.sendall(b"POST http://evil.example/ HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000))
        assert http_head(everything(client)) == "HTTP/1.1 403 Forbidden"


@pytest.mark.parametrize(
    "addresses",
    [("10.0.0.1",), ("169.254.169.254",), ("::1",), ("::ffff:127.0.0.1",), ("64:ff9b::7f00:1",), ("fe80::1%eth0",), ("8.8.8.8", "192.168.0.1"),
     (*("8.8.8.8",) * 20, "127.0.0.1")],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused_whole(addresses: Sequence[str]) -> None:
    with proxied("*", names={SITE: addresses}) as room:
        assert http_head(room.say(f"CONNECT {SITE}:443 HTTP/1.1\r\n\r\n".encode())) == "HTTP/1.1 403 Forbidden"
        assert room.end().verdict == "refused"
        assert "address" in room.end().why


def test_an_address_inside_is_refused_before_it_is_an_intent() -> None:
    with proxied("*") as room:
        assert http_head(room.say(b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n")) == "HTTP/1.1 403 Forbidden"
        assert room.opens() == []
        assert room.end().address == "127.0.0.1"


def test_a_name_is_looked_up_once_for_each_connection() -> None:
    """A name that leads elsewhere the second time changes nothing: the address that was judged is connected to."""
    with serving(echo) as port, proxied(*granted(port), names=HERE) as room:
        room.tunnel(f"{SITE}:{port}").close()
        assert room.end().address == "127.0.0.1"
        assert room.looked_up == [SITE]


def test_the_next_address_of_a_name_is_tried_where_one_does_not_answer() -> None:
    with serving(echo) as port:
        hosts = (*granted(port), f"127.0.0.2:{port}")
        with proxied(*hosts, names={SITE: ("127.0.0.2", "127.0.0.1")}) as room:
            room.tunnel(f"{SITE}:{port}").close()
            assert room.end().address == "127.0.0.1"


def test_a_host_that_refuses_is_a_failure_and_not_a_refusal() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with proxied(*granted(port), names=HERE) as room:
        assert http_head(room.say(f"CONNECT {SITE}:{port} HTTP/1.1\r\n\r\n".encode())) == "HTTP/1.1 502 Bad Gateway"
        assert (room.end().verdict, len(room.opens())) == ("failed", 1)


@pytest.mark.parametrize("names", [{}, {SITE: ()}], ids=["unknown", "no address"])
def test_a_name_without_an_address_is_a_failure(names: dict[str, Sequence[str]]) -> None:
    with proxied(f"{SITE}:443", names=names) as room:
        assert http_head(room.say(f"CONNECT {SITE}:443 HTTP/1.1\r\n\r\n".encode())) == "HTTP/1.1 502 Bad Gateway"
        assert room.end().verdict == "failed"


def test_a_name_server_that_does_not_answer_holds_nobody() -> None:
    never = threading.Event()

    def silent(name: str, port: int) -> Sequence[str]:
        never.wait()
        return ()

    told: list[Connection] = []
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    bounds = Bounds(lookup=0.2, linger=1.0)
    try:
        with Proxy(listener, Allowed.parse(["*"]), on_open=lambda _: None, on_end=told.append, resolver=silent, bounds=bounds):
            with socket.create_connection(address) as client:
                client.sendall(b"CONNECT a.example:443 HTTP/1.1\r\n\r\n")
                assert http_head(everything(client)) == "HTTP/1.1 504 Gateway Timeout"
            assert "in time" in until_told(told).why
    finally:
        never.set()


def test_a_resolver_that_breaks_is_a_name_without_address() -> None:
    def broken(name: str, port: int) -> Sequence[str]:
        raise UnicodeError("label too long")

    told: list[Connection] = []
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with Proxy(listener, Allowed.parse(["*"]), on_open=lambda _: None, on_end=told.append, resolver=broken) as proxy:
        with socket.create_connection(address) as client:
            client.sendall(b"CONNECT a.example:443 HTTP/1.1\r\n\r\n")
            assert http_head(everything(client)) == "HTTP/1.1 502 Bad Gateway"
        assert until_told(told).verdict == "failed"
        assert proxy.fault is None


def test_a_fault_in_serving_one_client_is_told_and_ends_no_other() -> None:
    def wrong(name: str, port: int) -> Sequence[str]:
        return cast("Sequence[str]", None)

    told: list[Connection] = []
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with serving(echo) as port:
        allowed = Allowed.parse(["*", f"127.0.0.1:{port}"])
        with Proxy(listener, allowed, on_open=lambda _: None, on_end=told.append, resolver=wrong) as proxy:
            with socket.create_connection(address) as client:
                client.sendall(b"CONNECT a.example:443 HTTP/1.1\r\n\r\n")
                assert everything(client) == b""
            assert until_told(told).why == "a fault in the proxy (TypeError)"
            assert isinstance(proxy.fault, TypeError)
            with socket.create_connection(address) as client:
                client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nhello".encode())
                client.shutdown(socket.SHUT_WR)
                assert everything(client).endswith(b"hello")


def test_a_host_that_does_not_answer_is_given_up() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(8):  # what the queue of a listener does not hold is dropped, and its client waits
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        room = stack.enter_context(proxied(*granted(port), names=HERE, bounds=Bounds(connect=0.3)))
        assert http_head(room.say(f"CONNECT {SITE}:{port} HTTP/1.1\r\n\r\n".encode())) == "HTTP/1.1 504 Gateway Timeout"
        assert room.end().why == f"{SITE}:{port} did not answer in time"


def test_a_host_that_cannot_be_reached_is_a_failure() -> None:
    with proxied("127.255.255.255:80") as room:  # the broadcast address of loopback, to which nothing connects
        assert http_head(room.say(b"CONNECT 127.255.255.255:80 HTTP/1.1\r\n\r\n")) == "HTTP/1.1 502 Bad Gateway"
        assert room.end().why == "127.255.255.255:80 cannot be reached"


def test_a_proxy_that_gets_no_thread_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = set(os.listdir("/proc/self/fd"))
    proxy = Proxy(socket.create_server(("127.0.0.1", 0)), Allowed(), on_open=lambda _: None, on_end=lambda _: None)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="new thread"):
        patch.setattr(threading.Thread, "start", full)
        proxy.start()
    proxy.close()
    assert set(os.listdir("/proc/self/fd")) == before


def test_the_resolver_of_this_machine_gives_addresses() -> None:
    from bylaw.tools.sandbox.proxy.resolver import system_resolver

    assert set(system_resolver("localhost", 80)) <= {"127.0.0.1", "::1"}


def until_told(told: list[Connection]) -> Connection:
    for _ in range(3000):
        if told:
            return told[0]
        threading.Event().wait(0.01)
    raise AssertionError("no end was told")


def test_a_plain_request_reaches_the_site_in_origin_form() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        asked = f"GET http://{SITE}:{web.port}/page?q HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic eA==\r\n\r\n"
        answer = room.say(asked.encode())
        assert http_head(answer) == "HTTP/1.1 200 OK"
        assert answer.endswith(b"hello from the site\n")
        assert web.requests == [("GET /page?q HTTP/1.1", {"host": [f"{SITE}:{web.port}"], "connection": ["close"]})]
        end = room.end()
        assert (end.protocol, end.verdict, end.why) == ("http", "opened", "")


def test_a_request_that_hides_behind_another_stays_with_the_judged_host() -> None:
    with site() as inner, site() as web, proxied(*granted(web.port), names=HERE) as room:
        hidden = f"GET http://127.0.0.1:{inner.port}/ HTTP/1.1\r\nHost: 127.0.0.1:{inner.port}\r\n\r\n"
        room.say(f"GET http://{SITE}:{web.port}/ HTTP/1.1\r\n\r\n{hidden}".encode())
        room.end()
        assert inner.requests == []


def test_a_client_is_not_let_keep_a_connection_for_its_next_host() -> None:
    def keeping(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-")
        client.sendall(b"alive\r\nKeep-Alive: timeout=99\r\nContent-Length: 2\r\n\r\nok")
        client.recv(1)

    with serving(keeping) as port, proxied(*granted(port), names=HERE) as room, room.client() as client:
        client.sendall(f"GET http://{SITE}:{port}/ HTTP/1.1\r\n\r\n".encode())
        wanted = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
        assert exactly(client, len(wanted)) == wanted


def test_an_answer_whose_head_does_not_end_is_cut_off() -> None:
    def endless(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nX: " + bytes(1 << 20))

    with serving(endless) as port, proxied(*granted(port), names=HERE) as room:
        with contextlib.suppress(ConnectionResetError):
            assert room.say(f"GET http://{SITE}:{port}/ HTTP/1.1\r\n\r\n".encode()) == b""
        assert "head of the answer" in room.end().why


def test_nothing_of_a_request_but_its_host_is_told() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        room.say(f"POST http://{SITE}:{web.port}/s3cret HTTP/1.1\r\nCookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret".encode())
        room.say(f"CONNECT evil.example:{web.port} HTTP/1.1\r\nCookie: s3cret\r\n\r\n".encode())
        room.say(b"GET http://evil.example/s3cret HTTP/1.1\r\n\r\n")
        room.say(b"GET http://user:s3cret@evil.example/ HTTP/1.1\r\n\r\n")
        room.ends(4)
        assert "s3cret" not in repr(room.told)


def test_socks_leads_to_a_granted_name() -> None:
    with serving(echo) as port, proxied(*granted(port), names=HERE) as room, room.client() as client:
        client.sendall(SOCKS_HELLO)
        assert exactly(client, 2) == b"\5\0"
        client.sendall(socks(SITE, port))
        assert exactly(client, 10) == b"\5\0\0\1" + bytes(6)
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"hello"
        assert (room.end().protocol, room.end().host, room.end().sent) == ("socks5", SITE, 5)


def test_socks_leads_to_a_granted_address() -> None:
    with serving(echo) as port, proxied(f"127.0.0.1:{port}") as room, room.client() as client:
        client.sendall(SOCKS_HELLO + b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big") + b"early")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"\5\0" + b"\5\0\0\1" + bytes(6) + b"early"
        assert room.looked_up == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (SOCKS_HELLO + socks("evil.example", 443), b"\5\0\5\2"),
        (SOCKS_HELLO + socks("127.1", 443), b"\5\0\5\2"),
        (SOCKS_HELLO + b"\5\1\0\1\x7f\0\0\1\0\x50", b"\5\0\5\2"),
        (SOCKS_HELLO + socks(SITE, 443), b"\5\0\5\4"),
        (SOCKS_HELLO + b"\5\2\0\1\x7f\0\0\1\0\x50", b"\5\0\5\7"),
        (SOCKS_HELLO + b"\5\3\0\1\x7f\0\0\1\0\x50", b"\5\0\5\7"),
        (SOCKS_HELLO + b"\5\1\0\2\x7f\0\0\1\0\x50", b"\5\0\5\x08"),
        (SOCKS_HELLO + b"\4\1\0\1\x7f\0\0\1\0\x50", b"\5\0\5\1"),
        (b"\5\1\2", b"\5\xff\5\1"),
        (b"\5\0", b"\5\xff\5\1"),
    ],
    ids=["not granted", "odd name", "address", "no such name", "bind", "udp", "kind", "version", "password", "no method"],
)
def test_socks_refusals_have_their_codes(words: bytes, answer: bytes) -> None:
    with proxied(f"{SITE}:443") as room:
        assert room.say(words)[:4] == answer
        assert room.end().verdict in {"refused", "failed"}


def test_socks_tells_a_host_that_refuses() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with proxied(*granted(port), names=HERE) as room:
        assert room.say(SOCKS_HELLO + socks(SITE, port))[2:4] == b"\5\5"


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"\4\1\0\x50\x7f\0\0\1\0",
        b"\0" * 64,
        b"\xff\xfe",
        b"\r\n\r\n",
        b"get http://a.example/ HTTP/1.1\r\n\r\n",
    ],
    ids=["tls", "socks 4", "zeroes", "bytes", "blank", "lower case"],
)
def test_what_is_no_protocol_of_a_proxy_is_ended_and_told(words: bytes) -> None:
    with proxied("*") as room, room.client() as client:
        client.sendall(words)
        with contextlib.suppress(ConnectionResetError):
            assert everything(client) == b""
        assert (room.end().protocol, room.end().verdict) == ("unknown", "refused")


@pytest.mark.parametrize("words", [b"G", b"CONNECT a.example", b"GET / HTTP/1.1\r\n\r\n", b"X\x00\xff\r\n\r\n"])
def test_a_broken_request_is_answered_as_one(words: bytes) -> None:
    with proxied("*") as room, room.client() as client:
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        assert http_head(everything(client)) == "HTTP/1.1 400 Bad Request"
        assert room.end().verdict == "refused"


def test_a_client_that_says_nothing_is_told_too() -> None:
    with proxied("*") as room:
        room.client().close()
        assert room.end().why == "the client said nothing"


def test_an_endless_head_is_cut_off() -> None:
    with proxied("*") as room, room.client() as client:
        client.sendall(b"GET http://a.example/ HTTP/1.1\r\nX: " + b"x" * 16384)
        client.shutdown(socket.SHUT_WR)
        assert http_head(everything(client)) == "HTTP/1.1 431 Request Header Fields Too Large"
        room.end()


def test_a_client_that_never_comes_to_the_point_is_cut_off() -> None:
    with proxied("*", bounds=Bounds(handshake=0.2, linger=0.2)) as room, room.client() as client:
        client.sendall(b"GET http://a.example/ HTTP/1.1\r\n")
        assert http_head(everything(client)) == "HTTP/1.1 408 Request Timeout"
        assert room.end().verdict == "failed"


def test_a_connection_on_which_nothing_moves_is_cut_off() -> None:
    with serving(echo) as port, proxied(*granted(port), names=HERE, bounds=Bounds(idle=0.2)) as room:
        with room.tunnel(f"{SITE}:{port}") as client:
            assert everything(client) == b""
        assert (room.end().verdict, room.end().why) == ("opened", "nothing moved for too long")


def test_a_side_that_has_ended_still_hears_the_other() -> None:
    def late(client: socket.socket) -> None:
        heard = everything(client)
        client.sendall(heard * 2)

    with serving(late) as port, proxied(*granted(port), names=HERE) as room, room.tunnel(f"{SITE}:{port}") as client:
        client.sendall(b"all of it")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"all of itall of it"
        assert room.end().why == ""


def test_megabytes_go_both_ways_unchanged() -> None:
    content = os.urandom(3 << 20)
    with serving(echo) as port, proxied(*granted(port), names=HERE) as room, room.tunnel(f"{SITE}:{port}") as client:

        def send() -> None:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert everything(client) == content
        sender.join()
        assert (room.end().sent, room.end().received) == (len(content), len(content))


def test_a_reader_that_does_not_read_stops_the_writer() -> None:
    """What is not taken stays with its sender: the proxy holds one chunk, the rest fills the buffers of the kernel."""
    stopped = threading.Event()

    def deaf(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stopped.wait(60)

    with serving(deaf) as port, proxied(*granted(port), names=HERE) as room, room.tunnel(f"{SITE}:{port}") as client:
        client.settimeout(1.0)
        went = 0
        with pytest.raises(TimeoutError):
            while went < 64 << 20:
                went += client.send(bytes(65536))
        stopped.set()
        assert went < 64 << 20


@pytest.mark.parametrize("side", ["client", "host"])
def test_a_connection_that_is_reset_ends_on_both_sides(side: str) -> None:
    gone = threading.Event()

    def talk(host: socket.socket) -> None:
        if side == "host":
            host.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            host.recv(1)
            host.close()
            return
        with contextlib.suppress(OSError):
            everything(host)
        gone.set()

    with serving(talk) as port, proxied(*granted(port), names=HERE) as room:
        with room.tunnel(f"{SITE}:{port}") as client:
            client.sendall(b"xy")
            if side == "client":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                assert gone.wait(30)
            else:
                with contextlib.suppress(ConnectionResetError):
                    everything(client)
        assert (room.end().verdict, room.end().why) == ("opened", "the connection broke off (Connection reset by peer)")


def test_more_clients_than_may_be_at_once_wait_and_are_served() -> None:
    bounds = Bounds(connections=2, handshake=30.0, idle=30.0)
    with serving(echo) as port, proxied(*granted(port), names=HERE, bounds=bounds) as room, contextlib.ExitStack() as stack:
        first, _ = (stack.enter_context(room.tunnel(f"{SITE}:{port}")) for _ in range(2))
        third = stack.enter_context(room.client())
        third.sendall(f"CONNECT {SITE}:{port} HTTP/1.1\r\n\r\n".encode())
        third.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.recv(1)
        assert len(room.opens()) == 2
        first.close()
        third.settimeout(30)
        assert exactly(third, 12) == b"HTTP/1.1 200"


def test_closing_ends_every_connection_and_leaves_nothing() -> None:
    before, threads = set(os.listdir("/proc/self/fd")), set(threading.enumerate())
    with serving(echo) as port:
        inner = set(os.listdir("/proc/self/fd"))
        with proxied(*granted(port), names=HERE, bounds=Bounds()) as room, contextlib.ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(room.tunnel(f"{SITE}:{port}")).sendall(b"x")
            waiting = stack.enter_context(room.client())
            waiting.sendall(b"CONN")
            room.proxy.close()
            room.proxy.close()
            assert len([one for one in room.ends(5) if one.why == "the sandbox ended first" and one.host]) == 5
            with contextlib.suppress(ConnectionResetError):
                assert everything(waiting) == b""
            with pytest.raises(ConnectionRefusedError):
                room.client()
        for _ in range(3000):  # the server's own side of the connections
            if set(os.listdir("/proc/self/fd")) == inner:
                break
            threading.Event().wait(0.01)
        assert set(os.listdir("/proc/self/fd")) == inner
    assert set(os.listdir("/proc/self/fd")) == before
    assert set(threading.enumerate()) == threads


def test_a_proxy_that_never_started_closes_its_listener() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(listener, Allowed(), on_open=lambda _: None, on_end=lambda _: None)
    proxy.close()
    assert listener.fileno() == -1
    assert proxy.fault is None


def test_clients_of_a_unix_socket_are_served_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(serving(echo))
        stack.enter_context(Proxy(listener, Allowed.parse([f"127.0.0.1:{port}"]), on_open=lambda _: None, on_end=lambda _: None))
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.connect(path)
        client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nhello".encode())
        client.shutdown(socket.SHUT_WR)
        assert everything(client).endswith(b"\r\n\r\nhello")


def test_a_proxy_goes_on_when_descriptors_ran_out() -> None:
    """In a process of its own, where there are none to have for a while."""
    program = (
        "import os, resource, socket, sys\n"
        "from bylaw.tools.sandbox.proxy import Allowed, Proxy\n"
        "listener = socket.create_server(('127.0.0.1', 0)); where = listener.getsockname()\n"
        "with Proxy(listener, Allowed(), on_open=print, on_end=lambda _: None):\n"
        "    client = socket.create_connection(where)\n"
        "    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "    late = socket.socket(); late.settimeout(30)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, hard))\n"
        "    late.connect(where)\n"
        "    import time; time.sleep(0.3)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))\n"
        "    late.sendall(b'CONNECT a.example:1 HTTP/1.1\\r\\n\\r\\n')\n"
        "    sys.stdout.write(late.makefile('rb').read(12).decode())\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("HTTP/1.1 403", "")


def test_the_package_is_imported_without_the_loop() -> None:
    program = "import sys, bylaw.tools.sandbox.proxy; print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_programs_are_told_where_the_proxy_is() -> None:
    told = environment(3128)
    assert told["http_proxy"] == told["HTTP_PROXY"] == told["https_proxy"] == told["HTTPS_PROXY"] == "http://127.0.0.1:3128"
    assert told["ALL_PROXY"] == told["all_proxy"] == "http://127.0.0.1:3128"
    assert told["NO_PROXY"] == told["no_proxy"] == "localhost,127.0.0.1,::1"


def test_programs_ask_the_proxy_for_a_granted_address_of_the_outer_loopback() -> None:
    assert environment(3128, Allowed.parse(["127.0.0.1:8080"]))["no_proxy"] == "localhost"
    assert environment(3128, Allowed.parse(["10.0.0.1:8080", "localhost:80"]))["no_proxy"] == "localhost,127.0.0.1,::1"
