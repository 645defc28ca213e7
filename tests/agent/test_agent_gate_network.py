"""The network of a call at the gate: granted by the policy, through the proxy alone, and on the record before it is used."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_room import Yes, room

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
def served() -> Iterator[int]:
    """The port of a server on the machine's loopback, which greets everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(4096)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_host_that_the_policy_lists_is_reached_without_a_question_and_told_before_and_after(tmp_path: Path, served: int) -> None:
    policy = f"version: 1\nextends: balanced\nnetwork: ['127.0.0.1:{served}']\n"
    with room(tmp_path, policy=policy) as here:
        answer = here.call("bash", command=f"curl -sS http://127.0.0.1:{served}/")
        assert "hello" in answer.text, answer.text
        names = [str(event["event"]) for event in here.events()]
        opening, ending = names.index("network.opening"), names.index("network.connection")
        assert names.index("tool.intent") < opening < ending < names.index("tool.outcome")
        told = here.events()[ending]
        assert (told["call_id"], told["host"], told["port"], told["verdict"]) == ("c1", "127.0.0.1", served, "opened")
        assert told["received_bytes"]
        assert here.person.asked == []


def test_a_program_reaches_no_other_host_than_those_of_its_call_and_the_refusal_is_a_denial(tmp_path: Path, served: int) -> None:
    policy = "version: 1\nextends: permissive\nnetwork: ['127.0.0.1:1']\n"
    with room(tmp_path, policy=policy, person=Yes()) as here:
        (here.workspace / "go.sh").write_text(f"curl -sS http://127.0.0.1:{served}/\n")
        answer = here.call("bash", command="sh go.sh")
        assert "hello" not in answer.text
        assert f"did not grant network access to `127.0.0.1:{served}`" in answer.text
        (refused,) = [event for event in here.events() if event["event"] == "network.connection"]
        assert (refused["verdict"], refused["port"]) == ("refused", served)
        (denial,) = [event for event in here.events() if event["event"] == "sandbox.denial"]
        assert (denial["kind"], denial["certainty"], denial["source"]) == ("network", "exact", "proxy")
