"""`bylaw run` from end to end against servers that none of us wrote: a protocol mock, and a real, small language model."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from cli_room import BYLAW, Cli


class Peer(Protocol):
    base_url: str

    def will(self, *behaviours: Mapping[str, object]) -> None: ...
    def verdict(self) -> dict[str, object]: ...


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def record(cli: Cli) -> list[dict[str, object]]:
    return [json.loads(line) for line in cli("audit", "show", "--format", "json").stdout.splitlines()]


def test_a_run_against_a_mock_makes_calls_and_ends(cli: Cli, peer: Peer) -> None:
    done = cli("run", "look around", "--model", "gpt-4o", "--base-url", peer.base_url, "--allow-denials", "--max-turns", "6")
    assert done.returncode == 0, done.stderr
    events = [str(event["event"]) for event in record(cli)]
    assert events.index("model.request") < events.index("model.response") < events.index("session.end")
    assert any(event.startswith("tool.") for event in events)
    assert cli("audit", "verify").returncode == 0
    assert peer.verdict()["passed"] is True


def test_a_server_that_is_busy_is_asked_again(cli: Cli, peer: Peer) -> None:
    peer.will({"type": "fail", "status": 429, "retry_after": 1, "times": 2}, {"type": "reply", "text": "patience", "times": None})
    done = cli("run", "x", "--model", "gpt-4o", "--base-url", peer.base_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "patience"
    assert peer.verdict()["passed"] is True


def test_a_wrong_key_is_a_clear_error_that_names_the_variable_and_not_the_key(cli: Cli, peer: Peer) -> None:
    peer.will({"type": "fail", "status": 401, "times": None})
    done = cli("run", "x", "--model", "gpt-4o", "--base-url", peer.base_url, OPENAI_API_KEY="sk-wrong-wrong-wrong-wrong")
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr
    assert "sk-wrong" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert cli("audit", "verify").returncode == 0


def test_an_answer_cut_off_in_the_middle_performs_nothing_and_says_so(cli: Cli, peer: Peer) -> None:
    peer.will(
        {"type": "stream_fault", "kind": "truncate", "after_chunks": 3, "times": None},
        {"type": "reply", "text": "a b c d e f g", "times": None},
    )
    done = cli("run", "look around", "--model", "gpt-4o", "--base-url", peer.base_url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not [event for event in record(cli) if str(event["event"]).startswith("tool.")]
    assert cli("audit", "verify").returncode == 0


def test_a_real_model_streams_and_ctrl_c_keeps_what_it_said(cli: Cli, small_model: str) -> None:
    process = subprocess.Popen(
        [BYLAW, "run", "Tell me a very long story about a lighthouse.", "--model", "smollm2", "--base-url", small_model],
        cwd=cli.workspace,
        env=cli.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.read(20)
    assert first.strip()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode in {0, 130}, errors
    assert len(first + rest) >= 20
    events = record(cli)
    assert events[-1]["event"] == "session.end"
    assert next(event for event in events if event["event"] == "model.response")["characters"]
    assert cli("audit", "verify").returncode == 0
