"""Launchers that stay between calls: nothing of one call is left for the next, and nothing that was replaced comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Invocation
from bylaw.policy.records import replace
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.sandbox import bubblewrap, known
from bylaw.tools.sandbox.bubblewrap import Bubblewrap
from bylaw.tools.sandbox.inside import keeper
from bylaw.tools.sandbox.launchers import LAUNCHERS
from plan_room import ENVIRONMENT, alive, launchers, limits, pipe, program, states


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
kept = pytest.mark.parametrize("combination", ["all", "unjailed"])


@kept
def test_an_equal_call_is_served_by_the_launcher_that_is_there(here: Path, combination: str) -> None:
    sh("true", here, combination)
    before = launchers()
    sh("echo other words", here, combination)
    assert launchers() == before


@pytest.mark.parametrize("combination", ["bubblewrap", "both", "landlock"])
def test_a_place_that_no_rule_or_filter_keeps_clean_is_used_once(here: Path, combination: str) -> None:
    sh("echo left > /tmp/left", here, combination)
    assert sh("cat /tmp/left", here, combination).stdout.text == ""


@pytest.mark.parametrize(
    ("leave", "find"),
    [
        ("echo left > $TMPDIR/left", "cat $TMPDIR/left"),
        ("echo left > /dev/shm/left", "cat /dev/shm/left"),
        ("setsid sleep 97 &", "cat /proc/[0-9]*/cmdline | grep -c '[s]leep.97'"),
        ("ipcmk -M 4096", "ipcs -m | grep 4096"),
        ("touch -d @4242 $TMPDIR /dev/shm", "stat -c %Y $TMPDIR /dev/shm | grep 4242"),
        ("chmod 700 /dev/shm", "stat -c %a /dev/shm | grep 700"),
        ("for i in 1 2 3; do (sleep 0.01 &) ; done; sleep 0.1", "ps -e -o stat | grep Z"),
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


@kept
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


def test_what_a_private_view_was_given_is_gone_in_the_next_call(here: Path) -> None:
    (here / "ws").mkdir()
    cache = here / "cache"
    cache.mkdir()
    (cache / "package").write_text("good\n")
    (cache / "token").write_text("canary\n")
    manifest = Manifest(
        programs=("*",),
        write=(PathGrant(path=str(here / "ws"), recursive=True),),
        overlay=(str(cache),),
        hidden=(str(cache / "token"),),
    )

    def once(script: str) -> str:
        call = Invocation(argv=("sh", "-c", script), program=program("sh"), directory=str(here / "ws"))
        return run_plan(
            pipe(call), manifest=manifest, limits=limits(), sandbox="require", environment=ENVIRONMENT, states=states("all")
        ).stdout.text

    assert once(f"echo bad > {cache}/package; echo more > {cache}/new; cat {cache}/package; ls {cache}") == "bad\nnew\npackage\n"
    assert once(f"cat {cache}/*; ls {cache}") == "good\npackage\n"
    assert (cache / "package").read_text() == "good\n"
    assert sorted(os.listdir(cache)) == ["package", "token"]


def test_devices_and_entries_of_the_process_file_system_keep_their_mode_and_owner(here: Path) -> None:
    before = [os.stat(path) for path in ("/dev/full", "/dev/null", "/proc/uptime")]
    sh("chmod 600 /dev/full /dev/null /proc/uptime; chown 7:7 /dev/full /proc/uptime; touch /dev/full; echo x > /dev/null", here)
    after = [os.stat(path) for path in ("/dev/full", "/dev/null", "/proc/uptime")]
    assert [(one.st_mode, one.st_uid) for one in before] == [(one.st_mode, one.st_uid) for one in after]


def test_a_program_that_was_replaced_is_started_in_its_new_form(here: Path) -> None:
    tool = here / "tools" / "tool"
    tool.parent.mkdir()
    (here / "ws").mkdir()

    def write(text: str) -> None:
        new = tool.with_suffix(".new")
        new.write_text(f"#!/bin/sh\necho {text}\n")
        new.chmod(0o755)
        new.rename(tool)

    def once() -> str:
        programs = tuple(os.path.realpath(path) for path in (str(tool), "/bin/sh"))
        manifest = Manifest(programs=programs, read=(PathGrant(path=str(here / "ws"), recursive=True), PathGrant(path=str(tool))))
        call = Invocation(argv=(str(tool),), program=str(tool), directory=str(here / "ws"))
        return run_plan(
            pipe(call), manifest=manifest, limits=limits(), sandbox="require", environment=ENVIRONMENT, states=states("all")
        ).stdout.text

    write("old")
    assert once() == "old\n"
    write("new")
    assert once() == "new\n"


@pytest.mark.skipif(program("python3") is None, reason="the machine has no Python of its own")
def test_nothing_lives_on_when_a_program_kills_the_thread_of_its_call(here: Path) -> None:
    """Without a jail, a thread in the domain of the programs is theirs to kill: the answer waits until all is gone."""
    script = """
import ctypes, os, sys, time
if os.fork() == 0:
    os.setsid()
    while True:
        open("alive", "w").write(str(time.monotonic()))
        time.sleep(0.001)
time.sleep(0.05)
launcher = os.getppid()
for thread in os.listdir(f"/proc/{launcher}/task") if os.access("/proc/self/stat", os.R_OK) else map(str, range(launcher, launcher + 400)):
    ctypes.CDLL(None).syscall(234, launcher, int(thread), 9)
time.sleep(30)
"""
    (here / "x.py").write_text(script)
    call = Invocation(argv=("python3", "-I", "-S", "x.py"), program=program("python3"), directory=str(here))
    manifest = Manifest(
        programs=("*",),
        read=(PathGrant(path="/proc", recursive=True),),
        write=(PathGrant(path=str(here), recursive=True),),
    )
    outcome = run_plan(
        pipe(call), manifest=manifest, limits=limits(seconds=5), sandbox="require", environment=ENVIRONMENT, states=states("unjailed")
    )
    assert (here / "alive").exists(), outcome.stderr
    last = (here / "alive").read_text()
    time.sleep(0.3)
    assert (here / "alive").read_text() == last, outcome


def test_a_launcher_goes_before_its_own_time_counts_against_its_programs(here: Path) -> None:
    tight = replace(limits(), cpu_seconds=1)
    call = Invocation(argv=("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"), program=program("sh"), directory=str(here))
    for _ in range(30):
        outcome = run_plan(
            pipe(call),
            manifest=Manifest(programs=("*",)),
            limits=tight,
            sandbox="require",
            environment=ENVIRONMENT,
            states=states("unjailed"),
        )
        assert outcome.exit_code == 0


def test_a_jail_without_a_process_file_system_is_used_once_and_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = known()[0]
    assert isinstance(layer, Bubblewrap)
    assert layer.probe().available
    monkeypatch.setattr(layer, "_variant", bubblewrap.Variant(user=os.geteuid() != 0, proc=False))
    assert sh("setsid sleep 96 & echo left > /tmp/left; ls /proc | wc -l", here).stdout.text == "0\n"
    assert sh("cat /tmp/left; echo again", here).stdout.text == "again\n"
    assert alive("sleep\x0096") == []
