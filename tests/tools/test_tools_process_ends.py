"""Everything that a plan started ends with it: after a timeout, Ctrl-C, a crash; and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Invocation
from bylaw.tools.process import run_plan
from bylaw.tools.sandbox.launchers import LAUNCHERS
from plan_room import COMBINATIONS, ENVIRONMENT, alive, call, limits, pipe, program, states


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path))


@pytest.mark.parametrize("combination", list(COMBINATIONS))
def test_a_timeout_ends_grandchildren_in_sessions_of_their_own(here: Path, combination: str) -> None:
    marker = f"98{os.getpid()}{len(combination)}"
    script = f"setsid sh -c 'setsid sleep {marker} & sleep {marker}' & echo started; sleep {marker}"
    plan = pipe(Invocation(argv=("sh", "-c", script), program=program("sh"), directory=str(here)))
    manifest = Manifest(programs=("*",))
    outcome = run_plan(
        plan, manifest=manifest, limits=limits(), sandbox="prefer", environment=ENVIRONMENT, timeout=0.7, states=states(combination)
    )
    assert outcome.status == "timeout"
    assert outcome.exit_code is None
    assert outcome.stdout.text == "started\n"
    assert alive(marker) == []


@pytest.mark.parametrize("combination", list(COMBINATIONS))
def test_a_background_child_that_holds_the_pipe_does_not_hold_the_call(here: Path, combination: str) -> None:
    marker = f"97{os.getpid()}{len(combination)}"
    plan = pipe(Invocation(argv=("sh", "-c", f"setsid sleep {marker} & echo done"), program=program("sh"), directory=str(here)))
    manifest = Manifest(programs=("*",))
    outcome = run_plan(
        plan, manifest=manifest, limits=limits(seconds=60), sandbox="prefer", environment=ENVIRONMENT, states=states(combination)
    )
    assert (outcome.status, outcome.exit_code, outcome.stdout.text) == ("ok", 0, "done\n")
    assert any("so ended: 1 process" in note for note in outcome.notes)
    assert alive(marker) == []


@pytest.mark.parametrize("combination", ["both", "landlock"])
def test_a_command_cannot_end_the_process_that_watches_it(here: Path, combination: str) -> None:
    marker = f"96{os.getpid()}{len(combination)}"
    plan = pipe(
        Invocation(
            argv=("sh", "-c", f"setsid sleep {marker} & kill -9 -1; kill -9 $PPID; echo late"), program=program("sh"), directory=str(here)
        )
    )
    outcome = run_plan(
        plan, manifest=Manifest(programs=("*",)), limits=limits(), sandbox="prefer", environment=ENVIRONMENT, states=states(combination)
    )
    assert (outcome.status, outcome.exit_code, outcome.stdout.text) == ("ok", 0, "late\n")
    assert alive(marker) == []


def test_ctrl_c_ends_everything_and_keeps_what_was_printed(here: Path) -> None:
    marker = f"95{os.getpid()}"
    plan = pipe(Invocation(argv=("sh", "-c", f"echo partial; setsid sleep {marker}"), program=program("sh"), directory=str(here)))
    timer = threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        outcome = run_plan(plan, manifest=Manifest(programs=("*",)), limits=limits(), sandbox="prefer", environment=ENVIRONMENT)
    finally:
        timer.join()
    assert (outcome.status, outcome.stdout.text) == ("interrupted", "partial\n")
    assert alive(marker) == []


def test_a_listener_that_fails_ends_the_call_and_is_heard(here: Path) -> None:
    marker = f"94{os.getpid()}"
    plan = pipe(Invocation(argv=("sh", "-c", f"echo x; sleep {marker}"), program=program("sh"), directory=str(here)))

    def fail(_name: str, _data: bytes) -> None:
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        run_plan(plan, manifest=Manifest(programs=("*",)), limits=limits(), sandbox="prefer", environment=ENVIRONMENT, on_output=fail)
    assert alive(marker) == []


def test_everything_ends_when_bylaw_itself_is_killed(here: Path) -> None:
    marker = f"93{os.getpid()}"
    code = (
        "import sys\n"
        "from bylaw.policy.decision import Manifest\nfrom bylaw.policy.model import Limits\nfrom bylaw.policy.plan import *\n"
        "from bylaw.tools.process import run_plan\nfrom bylaw.tools.sandbox import LayerState, layers\n"
        f"call = Invocation(argv=('sh', '-c', 'echo up; setsid sleep {marker} & sleep {marker}'), program={program('sh')!r}, directory={str(here)!r})\n"
        "plan = Plan(steps=(Step(connector='then', pipeline=Pipeline(stages=(call,))),))\n"
        "states = tuple(s if s.name in sys.argv[1:] else LayerState(name=s.name, available=False, why='test') for s in layers())\n"
        "limits = Limits(read_bytes=1, write_bytes=1, output_bytes=100, command_seconds=60, command_characters=100, regular_files=True)\n"
        "run_plan(plan, manifest=Manifest(programs=('*',)), limits=limits, sandbox='prefer', environment={'PATH': '/usr/bin:/bin'}, states=states,"
        " on_output=lambda name, data: print('up', flush=True))\n"
    )
    for combination in ("both", "landlock", "none"):
        environment = {**os.environ, "TMPDIR": str(here)}
        process = subprocess.Popen([sys.executable, "-I", "-c", code, *COMBINATIONS[combination]], stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"up\n"
            assert alive(marker) != []
            process.kill()
            process.wait()
        deadline = time.monotonic() + 10
        # The launchers notice a closed pipe: there is no call here to wait for.
        while [pid for pid in alive(marker) if pid != process.pid] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert alive(marker) == []


# -- nothing is left


def test_many_runs_leave_no_process_descriptor_or_file_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    plan = pipe(call("sh", "-c", "mkdir $TMPDIR/x; chmod 0 $TMPDIR/x; sleep 30 >/dev/null 2>&1 & echo x", at=here))
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(here), recursive=True),))

    def once(combination: str) -> None:
        run_plan(plan, manifest=manifest, limits=limits(), sandbox="prefer", environment=ENVIRONMENT, states=states(combination))

    for combination in COMBINATIONS:
        once(combination)
    LAUNCHERS.close()
    descriptors, mounts = sorted(os.listdir("/proc/self/fd")), Path("/proc/self/mounts").read_text()
    for number in range(int(os.environ.get("BYLAW_RACE_RUNS", "200"))):
        once(("both", "landlock", "none")[number % 3])
    LAUNCHERS.close()
    assert sorted(os.listdir("/proc/self/fd")) == descriptors
    assert Path("/proc/self/mounts").read_text() == mounts
    assert list(temporary.iterdir()) == []
    assert list(here.iterdir()) == []
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert children == []
