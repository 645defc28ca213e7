"""A proxy that runs, servers on loopback for it to reach, and what it told about its connections."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bylaw.tools.sandbox.proxy import Allowed, Bounds, Connection, Proxy

SITE = "site.example"
QUICK = Bounds(handshake=5.0, lookup=5.0, connect=5.0, idle=5.0, linger=1.0)


@dataclass(slots=True)
class Room:
    """A running proxy: its port, and what was told of its connections."""

    port: int
    proxy: Proxy
    told: list[tuple[str, Connection]] = field(default_factory=list[tuple[str, Connection]])
    looked_up: list[str] = field(default_factory=list[str])
    news: threading.Condition = field(default_factory=threading.Condition)

    def opens(self) -> list[Connection]:
        return [one for what, one in self.told if what == "open"]

    def ends(self, count: int) -> list[Connection]:
        """The ends that were told, once there are so many."""
        with self.news:
            assert self.news.wait_for(lambda: len(self._ends()) >= count, timeout=30), self.told
        return self._ends()

    def end(self) -> Connection:
        (only,) = self.ends(1)
        return only

    def _ends(self) -> list[Connection]:
        return [one for what, one in self.told if what == "end"]

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def say(self, words: bytes) -> bytes:
        """All that the proxy answers to these bytes, until it ends the connection."""
        with self.client() as client:
            client.sendall(words)
            return everything(client)

    def tunnel(self, where: str) -> socket.socket:
        """A connection that CONNECT opened."""
        client = self.client()
        client.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
        said = b""
        while b"\r\n\r\n" not in said:
            chunk = client.recv(1)
            assert chunk, said
            said += chunk
        assert said.startswith(b"HTTP/1.1 200 "), said
        return client


@contextlib.contextmanager
def proxied(
    *hosts: str,
    names: Mapping[str, Sequence[str]] | None = None,
    bounds: Bounds = QUICK,
    on_open: Callable[[Connection], None] | None = None,
    on_end: Callable[[Connection], None] | None = None,
    listener: socket.socket | None = None,
) -> Generator[Room, None, None]:
    """A proxy on loopback for these hosts; names lead where `names` says and nowhere else."""
    known = names or {}
    taken = listener or socket.create_server(("127.0.0.1", 0))

    def opened(connection: Connection) -> None:
        if on_open is not None:
            on_open(connection)
        room.told.append(("open", connection))

    def ended(connection: Connection) -> None:
        with room.news:
            room.told.append(("end", connection))
            room.news.notify_all()
        if on_end is not None:
            on_end(connection)

    def resolver(name: str, port: int) -> Sequence[str]:
        room.looked_up.append(name)
        if name not in known:
            raise OSError("no such name")
        return known[name]

    proxy = Proxy(taken, Allowed.parse(hosts), on_open=opened, on_end=ended, resolver=resolver, bounds=bounds)
    room = Room(taken.getsockname()[1], proxy)
    with proxy:
        yield room


def exactly(client: socket.socket, count: int) -> bytes:
    """So many bytes, in however many pieces they come."""
    found = bytearray()
    while len(found) < count and (chunk := client.recv(count - len(found))):
        found += chunk
    return bytes(found)


def everything(client: socket.socket) -> bytes:
    """All bytes until the other side ends."""
    found = bytearray()
    while chunk := client.recv(65536):
        found += chunk
    return bytes(found)


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Generator[int, None, None]:
    """A server on loopback that talks to each client in a thread; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                talk(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def echo(client: socket.socket) -> None:
    while chunk := client.recv(65536):
        client.sendall(chunk)


@dataclass(slots=True)
class Site:
    """A web site on loopback, and the requests that came: request line and headers."""

    port: int
    requests: list[tuple[str, dict[str, list[str]]]]


@contextlib.contextmanager
def site(body: bytes = b"hello from the site\n", redirect: str = "") -> Generator[Site, None, None]:
    """A web site whose every page is `body`; `/away` leads to `redirect`."""
    requests: list[tuple[str, dict[str, list[str]]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            headers: dict[str, list[str]] = {}
            for name, value in self.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            requests.append((self.requestline, headers))
            posted = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            away = self.path == "/away"
            content = b"" if away else (posted or body)
            self.send_response(302 if away else 200)
            if away:
                self.send_header("Location", redirect)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 the names that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name that the base class gives it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield Site(server.server_address[1], requests)
        finally:
            server.shutdown()
            thread.join()


def granted(port: int) -> tuple[str, str]:
    """The grants by which a name may lead to loopback, for a server of a test: the name, and the address literally."""
    return f"{SITE}:{port}", f"127.0.0.1:{port}"


HERE: Mapping[str, Sequence[str]] = {SITE: ("127.0.0.1",)}
