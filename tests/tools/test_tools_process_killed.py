"""`kill -9` in the middle of a loop or of a capture: nothing that was started lives on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.tools.process import run_plan
from plan_room import ENVIRONMENT, Heard, launchers, limits, planned, states

FORMS = [
    "while true; do sleep {}; done",
    "x=$(sleep {}); echo after",
    "for f in $(ls); do sleep {} | cat; done",
    "( while true; do sleep {}; done ) | cat",
]
PARENT = """
import sys
from pathlib import Path
from test_tools_process_killed import perform
perform(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
"""


def perform(here: Path, script: str, combination: str) -> None:
    """Runs a script in the sandbox."""
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(here), recursive=True),))
    run_plan(
        planned(script, here), manifest=manifest, limits=limits(), sandbox="prefer", environment=ENVIRONMENT, states=states(combination),
        witness=Heard(),
    )  # fmt: skip


def with_words(*words: str) -> list[int]:
    """The processes that have each of these in their command line, but not this one."""
    found: list[int] = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if all(word.encode() in line for word in words):
                found.append(int(name))
    return found


def until_there(*words: str) -> list[int]:
    end = time.monotonic() + 15
    while not (found := with_words(*words)):
        assert time.monotonic() < end, words
        time.sleep(0.02)
    return found


def is_gone(*words: str) -> bool:
    end = time.monotonic() + 10
    while with_words(*words):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def here(tmp_path: Path) -> Path:
    place = Path(os.path.realpath(tmp_path))
    (place / "in").write_text("a\n")
    return place


@pytest.mark.parametrize("combination", ["both", "landlock"])
@pytest.mark.parametrize("form", FORMS)
def test_nothing_outlives_a_parent_that_is_killed(here: Path, form: str, combination: str) -> None:
    marker = f"93{os.getpid()}{len(form)}.{len(combination)}"
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent / "support")])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(here), form.format(marker), combination], env={**os.environ, "PYTHONPATH": paths}
    )
    try:
        until_there("sleep\0", marker)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert is_gone("sleep\0", marker)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_outlives_a_launcher_that_is_killed(here: Path, form: str) -> None:
    marker = f"94{os.getpid()}{len(form)}"
    running = threading.Thread(target=perform, args=(here, form.format(marker), "both"))
    running.start()
    try:
        until_there("sleep\0", marker)
        for pid in launchers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    finally:
        running.join(30)
    assert not running.is_alive()
    assert is_gone("sleep\0", marker)
