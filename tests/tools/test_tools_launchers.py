"""Launchers that stay between calls: nothing of one call is left for the next, and nothing that was replaced comes back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Invocation
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.sandbox.inside import keeper
from bylaw.tools.sandbox.launchers import LAUNCHERS
from plan_room import ENVIRONMENT, launchers, limits, pipe, program, states


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    LAUNCHERS.close()
    yield Path(os.path.realpath(tmp_path))
    LAUNCHERS.close()


def sh(script: str, at: Path, combination: str = "all", *, hidden: tuple[str, ...] = ()) -> ProcessOutcome:
    call = Invocation(argv=("sh", "-c", script), program=program("sh"), directory=str(at))
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(at), recursive=True),), hidden=hidden)
    return run_plan(
        pipe(call),
        manifest=manifest,
        limits=limits(),
        sandbox="require",
        environment=ENVIRONMENT,
        states=states(combination),
    )


def forker() -> int:
    return next(pid for pid in keeper.children(os.getpid()) if b"launcher.py" in Path(f"/proc/{pid}/cmdline").read_bytes())


every = pytest.mark.parametrize("combination", ["all", "both", "landlock"])


@every
def test_an_equal_call_is_served_by_the_launcher_that_is_there(here: Path, combination: str) -> None:
    sh("true", here, combination)
    before = launchers()
    sh("echo other words", here, combination)
    assert launchers() == before


@pytest.mark.parametrize("combination", ["bubblewrap"])
def test_a_jail_that_no_rule_keeps_clean_is_used_once(here: Path, combination: str) -> None:
    sh("echo left > /tmp/left", here, combination)
    assert sh("cat /tmp/left", here, combination).stdout.text == ""


@pytest.mark.parametrize(
    ("leave", "find"),
    [
        ("echo left > $TMPDIR/left", "cat $TMPDIR/left"),
        ("echo left > /dev/shm/left", "cat /dev/shm/left"),
        ("setsid sleep 97 &", "cat /proc/[0-9]*/cmdline | grep -c '[s]leep.97'"),
        ("ipcmk -M 4096", "ipcs -m | grep 4096"),
        ("cd /; umask 000; exec 9>/dev/null", "ls -l /proc/self/fd | grep -c ' 9 '; umask | grep 0000"),
    ],
)
def test_the_next_call_finds_nothing_of_the_one_before(here: Path, leave: str, find: str) -> None:
    sh(leave, here)
    assert sh(find, here).stdout.text.strip() in {"", "0"}


@every
def test_a_file_that_replaces_a_hidden_one_is_hidden_in_the_next_call(here: Path, combination: str) -> None:
    secret = here / ".env"
    secret.write_text("canary-old\n")
    assert "canary" not in sh("cat .env; cat *", here, combination, hidden=(str(secret),)).stdout.text
    secret.unlink()
    secret.write_text("canary-new\n")
    assert "canary" not in sh("cat .env; cat *", here, combination, hidden=(str(secret),)).stdout.text


@every
def test_a_launcher_that_was_killed_while_it_waited_is_replaced(here: Path, combination: str) -> None:
    sh("true", here, combination)
    for pid in launchers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert sh("echo again", here, combination).stdout.text == "again\n"


@every
def test_the_process_that_forks_launchers_is_replaced_when_it_was_killed(here: Path, combination: str) -> None:
    sh("true", here, combination)
    os.kill(forker(), signal.SIGKILL)
    (here / "sub").mkdir()
    assert sh("echo again", here / "sub", combination).stdout.text == "again\n"


def test_a_fork_of_bylaw_does_not_speak_to_the_launchers_of_its_parent(here: Path) -> None:
    sh("true", here)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = int(sh("echo child", here).stdout.text != "child\n")
            LAUNCHERS.close()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert sh("echo parent", here).stdout.text == "parent\n"


@every
def test_a_command_that_signals_its_group_does_not_reach_the_launcher(here: Path, combination: str) -> None:
    assert sh("kill -9 0", here, combination).signal == signal.SIGKILL
    assert sh("echo again", here, combination).stdout.text == "again\n"


@every
def test_no_more_launchers_wait_than_are_kept(here: Path, combination: str) -> None:
    for number in range(9):
        place = here / str(number)
        place.mkdir()
        sh("true", place, combination)
    waiting = LAUNCHERS.waiting()
    assert 0 < waiting <= 6


@pytest.mark.parametrize("combination", ["all", "landlock"])
def test_a_builtin_that_never_ends_is_ended_with_its_launcher(here: Path, combination: str) -> None:
    from bylaw.policy.plan import Plan
    from plan_room import planned

    plan: Plan = planned("while true; do true; done", here)
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(here), recursive=True),))
    outcome = run_plan(
        plan, manifest=manifest, limits=limits(), sandbox="require", environment=ENVIRONMENT, timeout=0.5, states=states(combination)
    )
    assert outcome.status == "timeout"
    assert launchers() == []
