"""The interpreter inside the real sandbox: captures are witnessed before they run, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Plan
from bylaw.tools.errors import PathError, ToolError
from bylaw.tools.process import ProcessOutcome, run_plan
from plan_room import ENVIRONMENT, Heard, alive, launchers, limits, planned, states


def run(plan: Plan, at: Path, witness: Heard | None, *, combination: str = "both", timeout: float = 20) -> ProcessOutcome:
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(at), recursive=True),))
    return run_plan(
        plan,
        manifest=manifest,
        limits=limits(),
        sandbox="prefer",
        environment=ENVIRONMENT,
        timeout=timeout,
        states=states(combination),
        witness=witness,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    place = Path(os.path.realpath(tmp_path))
    (place / "in").write_text("b\na\n")
    (place / "sub").mkdir()
    return place


SCRIPT = 'for f in $(ls -d sub in); do read -r x < in; echo "$f $x $(echo "in $x" | cat)"; done | sort; cd sub && cat ../in'


@pytest.mark.parametrize("combination", ["both", "landlock", "bubblewrap", "none"])
def test_a_script_runs_alike_under_every_layer(here: Path, combination: str) -> None:
    outcome = run(planned(SCRIPT, here), here, Heard(), combination=combination)
    assert (outcome.status, outcome.exit_code, outcome.stderr.text) == ("ok", 0, "")
    assert outcome.stdout.text == "in b in b\nsub b in b\nb\na\n"


def test_every_capture_and_every_late_vector_is_heard_in_its_turn(here: Path) -> None:
    heard = Heard()
    run(planned(SCRIPT, here), here, heard)
    assert [(number, run) for number, run, _, _ in heard.ended] == heard.began == [(0, 1), (1, 1), (1, 2)]
    assert [size for _, _, _, size in heard.ended] == [7, 5, 5]
    assert ("echo", "sub b in b") in heard.vectors
    assert ("echo", "in b") in heard.vectors


def test_a_witness_that_refuses_stops_the_plan_before_the_capture_runs(here: Path) -> None:
    class Refusing(Heard):
        def capture(self, number: int, run: int) -> None:
            raise OSError("the record is full")

    with pytest.raises(OSError, match="the record is full"):
        run(planned("echo a; echo $(touch made; echo x)", here), here, Refusing())
    assert not (here / "made").exists()


def test_a_witness_that_refuses_a_vector_stops_the_plan_before_it_is_started(here: Path) -> None:
    class Refusing(Heard):
        def vector(self, argv: tuple[str, ...]) -> None:
            raise OSError(argv[0])

    with pytest.raises(OSError, match="touch"):
        run(planned("read -r x < in; touch -- $x", here), here, Refusing())
    assert not (here / "b").exists()


def test_nothing_more_is_done_when_the_end_of_a_capture_cannot_be_recorded(here: Path) -> None:
    class Refusing(Heard):
        def captured(self, number: int, run: int, *, status: int, size: int, sha256: str) -> None:
            raise OSError("the record is full")

    with pytest.raises(OSError, match="the record is full"):
        run(planned("x=$(cat in); touch made", here), here, Refusing())
    assert not (here / "made").exists()


def test_captures_without_a_witness_are_not_run(here: Path) -> None:
    with pytest.raises(ToolError, match="record"):
        run(planned("echo $(touch made)", here), here, None)
    assert not (here / "made").exists()


def test_a_capture_may_open_no_more_than_was_granted(here: Path) -> None:
    with pytest.raises(PathError, match="/etc/shadow"):
        run(planned("echo $(cat < /etc/shadow)", here), here, Heard(), combination="none")


@pytest.mark.parametrize("combination", ["both", "landlock"])
@pytest.mark.parametrize(
    "form", ["while true; do sleep {}; done", "x=$(sleep {})", "echo a | while read -r x; do sleep {}; done", "( sleep {}; echo b ) | cat"]
)
def test_a_timeout_ends_loops_captures_and_stages_with_all_they_started(here: Path, form: str, combination: str) -> None:
    marker = f"92{os.getpid()}{len(form)}"
    outcome = run(planned(form.format(marker), here), here, Heard(), combination=combination, timeout=0.8)
    assert outcome.status == "timeout"
    assert alive(marker) == []


def test_a_loop_of_builtins_ends_in_time(here: Path) -> None:
    assert run(planned("while true; do :; done", here), here, Heard(), timeout=0.5).status == "timeout"


def test_a_capture_that_prints_too_much_stops_the_plan_by_name(here: Path) -> None:
    outcome = run(planned("echo a; x=$(yes); echo after", here), here, Heard())
    assert (outcome.status, outcome.stdout.text) == ("error", "a\n")
    assert "more than" in outcome.stderr.text


def test_a_stage_that_cannot_go_on_stops_the_whole_plan(here: Path) -> None:
    outcome = run(planned("echo $(echo $(yes)) | cat; echo after", here), here, Heard())
    assert outcome.status == "error"
    assert "after" not in outcome.stdout.text


@pytest.mark.parametrize("combination", ["both", "landlock", "bubblewrap", "none"])
@pytest.mark.parametrize("form", ["while true; do sleep {}; done", "x=$(sleep {})", "( sleep {} | sleep {} ) | cat"])
def test_nothing_is_left_when_the_launcher_itself_is_killed(here: Path, form: str, combination: str) -> None:
    marker = f"91{os.getpid()}{len(form)}"

    def kill() -> None:
        while not alive(marker):
            time.sleep(0.02)
        for launcher in launchers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(launcher, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    outcome = run(planned(form.format(*[marker] * form.count("{}")), here), here, Heard(), combination=combination)
    killer.join()
    assert outcome.status == "killed"
    for _ in range(500):  # the kernel takes a moment
        if not alive(marker):
            return
        time.sleep(0.02)
    pytest.fail("something is still running")


@pytest.mark.parametrize(
    "script",
    [
        'x=aaaaaaaaaaaaaaaa; while true; do x="$x$x"; done',
        "read -r x < in; while true; do x+=$x; done",
    ],
)
def test_a_loop_that_doubles_a_variable_stops_by_name(here: Path, script: str) -> None:
    outcome = run(planned(script, here), here, Heard())
    assert outcome.status == "error"
    assert "longer than" in outcome.stderr.text


FORGING = """
import os
opened = []
for process in {1, 2, 3, os.getppid()} - {os.getpid()}:
    for number in range(80):
        for flags in (os.O_RDONLY, os.O_WRONLY):
            try:
                opened.append(os.open(f"/proc/{process}/fd/{number}", flags | os.O_NONBLOCK))
            except OSError:
                pass
for number in range(3, 80):
    try:
        os.write(number, b"exit 99\\ncaptured 0000000000000000 0 0 0 " + b"0" * 64 + b"\\n")
        opened.append(number)
    except OSError:
        pass
print("opened", opened)
"""


@pytest.mark.parametrize("combination", ["both", "landlock", "bubblewrap", "none"])
@pytest.mark.parametrize("script", ["x=$(cat in); python3 forge.py", 'echo a | while read -r x; do echo "$(python3 forge.py)"; done'])
def test_a_program_of_the_plan_cannot_speak_for_the_runner(here: Path, script: str, combination: str) -> None:
    (here / "forge.py").write_text(FORGING)
    outcome = run(planned(script, here), here, Heard(), combination=combination)
    assert (outcome.stdout.text, outcome.stderr.text, outcome.exit_code) == ("opened []\n", "", 0)


@pytest.mark.parametrize("combination", ["both", "none"])
@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("mkdir new && cd new && pwd && cat ../in", "{here}/new\nb\na\n"),
        ("cd new; cat in", "b\na\n"),
        ("ln -s /etc new && cd new && pwd && cat passwd", ""),
        ("ln -s sub new && cd new && pwd && cat ../in", ""),
    ],
)
def test_a_directory_that_was_not_there_is_entered_as_it_was_judged_or_not_at_all(
    here: Path, script: str, output: str, combination: str
) -> None:
    done = run(planned(script, here), here, Heard(), combination=combination)
    assert done.stdout.text == output.format(here=here)
