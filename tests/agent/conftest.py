"""Servers that none of us wrote, on loopback, and small servers that send exactly the bytes that a test wants."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

HERE = pathlib.Path(__file__).parent
COUNTERPARTS = HERE.parent / "counterparts"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def server_process(command: list[str], port: int, health: str) -> Generator[None]:
    """A server of its own process, stopped by its id; fails with its output when it does not come up."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    assert process.stdout is not None
    output: list[bytes] = []
    stream = process.stdout
    reader = threading.Thread(target=lambda: output.extend(iter(stream.readline, b"")), daemon=True)
    reader.start()
    try:
        for _ in range(600):
            assert process.poll() is None, b"".join(output).decode()
            with contextlib.suppress(OSError, http.client.HTTPException):
                if fetch(port, "GET", health)[0] == 200:
                    break
            time.sleep(0.1)
        else:
            pytest.fail(f"{command[:3]} did not come up: {b''.join(output).decode()}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        reader.join(10)
        stream.close()


@dataclass(frozen=True)
class Llmock:
    """The protocol mock `llmock`, which also judges its clients."""

    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def will(self, *behaviours: Mapping[str, object]) -> None:
        status, body = fetch(self.port, "POST", "/_llmock/scenario", {"behaviors": list(behaviours)})
        assert status == 201, body

    def reset(self) -> None:
        assert fetch(self.port, "POST", "/_llmock/reset")[0] == 200

    def verdict(self) -> dict[str, object]:
        status, body = fetch(self.port, "GET", "/_llmock/verdict")
        assert status == 200
        verdict: dict[str, object] = json.loads(body)
        return verdict


@pytest.fixture(scope="module")
def llmock_process() -> Iterator[Llmock]:
    port = free_port()
    command = [str(pathlib.Path(sys.executable).parent / "llmock"), "serve", "-h", "127.0.0.1", "-p", str(port), "--log-level", "warning"]
    with server_process(command, port, "/_llmock/scenario"):
        yield Llmock(port)


@pytest.fixture
def peer(llmock_process: Llmock) -> Llmock:
    llmock_process.reset()
    return llmock_process


def model_server(*options: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-I", str(COUNTERPARTS / "model_server.py"), "--port", str(port), "--context", "4096", *options]
    with server_process(command, port, "/health"):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="module")
def small_model() -> Iterator[str]:
    """The base URL of a real language model that answers with text."""
    yield from model_server()


@pytest.fixture(scope="module")
def small_model_with_tools() -> Iterator[str]:
    """The base URL of a real language model that is made to call tools."""
    yield from model_server("--tools")


@dataclass
class RawServer:
    """Answers connection after connection with the bytes it was given; keeps what it was sent."""

    port: int
    requests: list[bytes] = field(default_factory=list[bytes])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Starts a server that answers with the given byte strings, one a connection; `hold` keeps the last one open."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    release = threading.Event()

    def start(*answers: bytes, hold: bool = False) -> RawServer:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        server = RawServer(listener.getsockname()[1])

        def serve() -> None:
            for number, answer in enumerate(answers, start=1):
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    server.requests.append(read_request(connection))
                    connection.sendall(answer)
                    if hold and number == len(answers):
                        release.wait(60)

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return server

    yield start
    release.set()
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(10)
