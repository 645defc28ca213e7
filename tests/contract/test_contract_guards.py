"""The guards that every test stands on, and what a cold start may not import."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 80)])
def test_a_connection_to_elsewhere_fails_the_test(address: tuple[str, int]) -> None:
    with socket.socket() as one, pytest.raises(pytest.fail.Exception, match="loopback only"):
        one.connect(address)


def test_a_name_is_not_looked_up_elsewhere() -> None:
    with pytest.raises(pytest.fail.Exception, match="loopback only"):
        socket.create_connection(("example.org", 80))


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(("localhost", server.getsockname()[1])) as client:
        assert client.getpeername()[0] == "127.0.0.1"


def test_home_is_nobodys() -> None:
    assert not (Path.home() / ".config").exists()


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (("--version",), ("pydantic", "yaml", "httpx", "bashlex", "prompt_toolkit", "rich.console", "asyncio")),
        (("check", "ls"), ("httpx", "bashlex", "prompt_toolkit", "asyncio")),
    ],
    ids=["version", "check"],
)
def test_a_cold_start_does_not_import_what_it_does_not_need(tmp_path: Path, words: tuple[str, ...], heavy: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-m", "bylaw", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    imported = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "bylaw.agent.cli" in imported
    assert imported & set(heavy) == set()


def test_judging_needs_no_pydantic() -> None:
    program = "import sys, bylaw.policy.engine, bylaw.policy.analysis, bylaw.policy.shell; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
