"""The command line in bad company: closed descriptors, signals, narrow encodings, text that would steer a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bylaw.audit import Verification, read, verify

_STEERING = "\x9b2J \u202e \x7f"


def _environment(base: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(base / "home"), "BYLAW_HOME": str(base / "own"), **more}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    workspace = tmp_path / "ws"
    workspace.mkdir()
    (workspace / "a.txt").write_text("one\n")
    return tmp_path


def _script(base: Path, command: str) -> str:
    path = base / "turns.yaml"
    path.write_text(
        f'- text: "before \\x9b2J \\u202e \\x7f é"\n  calls: [{{name: bash, arguments: {{command: "{command}"}}}}]\n- text: done\n'
    )
    return str(path)


def _words(base: Path, *more: str, command: str = "ls") -> list[str]:
    turns = _script(base, command)
    return [sys.executable, "-P", "-m", "bylaw", "run", "x", "--workspace", str(base / "ws"), "--model", f"scripted:{turns}", *more]


def _verified(base: Path) -> Verification:
    (log,) = (base / "own" / "audit").iterdir()
    return verify(log)


def _closing(*numbers: int) -> Callable[[], None]:
    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_run_with_closed_standard_descriptors_does_its_work(place: Path, closed: tuple[int, ...], form: str) -> None:
    done = subprocess.run(
        _words(place, "--format", form), env=_environment(place), capture_output=True, check=False, preexec_fn=_closing(*closed)
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stdout + done.stderr
    found = _verified(place)
    assert not found.findings
    outcomes = [record for record in read(found.path) if record.event == "tool.outcome"]
    assert [record.fields["exit_code"] for record in outcomes] == [0]


def test_a_task_from_a_closed_standard_input_is_no_task(place: Path) -> None:
    words = [word if word != "x" else "-" for word in _words(place)]
    done = subprocess.run(words, env=_environment(place), capture_output=True, text=True, check=False, preexec_fn=_closing(0))
    assert done.returncode == 7
    assert "there is no task" in done.stderr


def test_an_encoding_without_a_character_does_not_end_a_run(place: Path) -> None:
    done = subprocess.run(_words(place), env=_environment(place, PYTHONIOENCODING="ascii"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\\xe9" in done.stdout


def test_a_full_disk_behind_standard_output_is_said_without_a_traceback(place: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(_words(place), env=_environment(place), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert not _verified(place).findings


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_that_a_model_says_steers_the_terminal(place: Path, form: str) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        _words(place, "--format", form), env=_environment(place, TERM="xterm"), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b"".join(_chunks(ours)).decode()
    os.close(ours)
    assert process.wait() == 0
    assert "before" in shown
    assert not set(_STEERING.replace(" ", "").replace("2J", "")) & set(shown)


def _chunks(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_and_the_record_says_so(place: Path, number: signal.Signals) -> None:
    words = _words(place, "--unsafe-approve-all", "--preset", "permissive", command="sleep 300")
    process = subprocess.Popen(words, env=_environment(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for_sleep(process.pid)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said
    found = _verified(place)
    assert not found.findings
    assert found.ended
    assert [record.fields["status"] for record in read(found.path) if record.event == "tool.outcome"] == ["interrupted"]


def _wait_for_sleep(root: int) -> None:
    from bylaw.tools.sandbox.inside.keeper import descendants

    for _ in range(3_000):
        for pid in descendants(root):
            try:
                if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                    return
            except OSError:
                continue
        time.sleep(0.01)
    raise AssertionError("the command was not started")
