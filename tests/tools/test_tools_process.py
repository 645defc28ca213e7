"""Plans are carried out as bash would, in every combination of layers, and leave nothing behind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Duplicate, Invocation, OpenFile, Pipeline, Plan, Redirection, Step, Text
from bylaw.tools.errors import ChangedError, PathError, SandboxError, ToolError
from bylaw.tools.permit import Binding
from bylaw.tools.process import ProcessOutcome, run_plan
from plan_room import COMBINATIONS, ENVIRONMENT, call, limits, pipe, program, states


def run(
    plan: Plan,
    at: Path,
    combination: str = "both",
    *,
    bounds: Limits | None = None,
    environment: Mapping[str, str] = ENVIRONMENT,
    timeout: float | None = None,
    bindings: tuple[Binding, ...] = (),
) -> ProcessOutcome:
    """The plan with `at` writable, whatever its programs are."""
    named = [one.program for one in plan.invocations()] + [
        program(word) for one in plan.invocations() for word in one.argv if not set("/\0") & set(word)
    ]
    manifest = Manifest(programs=tuple(path for path in named if path is not None), write=(PathGrant(path=str(at), recursive=True),))
    return run_plan(
        plan,
        manifest=manifest,
        limits=bounds or limits(),
        sandbox="prefer",
        environment=environment,
        timeout=timeout,
        bindings=bindings,
        states=states(combination),
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path))


# -- meaning


def from_text(text: str, at: Path) -> Plan:
    """The plan of a command line that holds only words, operators and plain redirections: a notation for the table below."""
    steps: list[Step] = []
    connector, calls, argv, redirections, negated = "then", list[Invocation](), list[str](), list[Redirection](), False

    def close_call() -> None:
        nonlocal argv, redirections
        if argv:
            calls.append(call(*argv, at=at, redirections=tuple(redirections)))
        else:
            calls.append(Invocation(argv=("true",), builtin="true", directory=str(at), redirections=tuple(redirections)))
        argv, redirections = [], []

    def close_step() -> None:
        nonlocal calls, negated
        close_call()
        steps.append(Step(connector=connector, pipeline=Pipeline(stages=tuple(calls), negated=negated)))  # type: ignore[arg-type]  # one of three words
        calls, negated = [], False

    for word in text.split():
        if word == "|":
            close_call()
        elif word in ("&&", "||", ";"):
            close_step()
            connector = {"&&": "and", "||": "or", ";": "then"}[word]
        elif word == "!":
            negated = True
        elif word == "2>&1":
            redirections.append(Duplicate(fd=2, source=1))
        elif word == "1>&2":
            redirections.append(Duplicate(fd=1, source=2))
        elif word == "2>&-":
            redirections.append(Duplicate(fd=2, source=None))
        elif word.startswith("2>"):
            redirections.append(OpenFile(fd=2, path=target(word[2:], at), mode="write"))
        elif word.startswith(">>"):
            redirections.append(OpenFile(fd=1, path=target(word[2:], at), mode="append"))
        elif word.startswith(">"):
            redirections.append(OpenFile(fd=1, path=target(word[1:], at), mode="write"))
        elif word.startswith("<"):
            redirections.append(OpenFile(fd=0, path=target(word[1:], at), mode="read"))
        else:
            argv.append(word)
    close_step()
    return Plan(steps=tuple(steps))


def target(name: str, at: Path) -> str:
    return name if name.startswith("/") else str(at / name)


LINES = (
    "echo a b",
    "false",
    "false && echo no",
    "false || echo yes",
    "true && echo yes",
    "true || echo no",
    "false ; echo after",
    "true || echo no && echo and",
    "false && echo no || echo or",
    "false || false ; echo x",
    "! false",
    "! true",
    "! true || echo x",
    "echo one | cat",
    "echo one | cat | wc -c",
    "false | true",
    "true | false",
    "! true | false",
    "yes | head -n 3",
    "seq 1 20000 | sort -rn | head -n 2",
    "seq 1 100000 | head -n 1",
    "no-such-program-here",
    "no-such-program-here || echo missing",
    "no-such-program-here | cat",
    "echo x | no-such-program-here",
    "ls no-such-file",
    "ls no-such-file 2>&1 | wc -l",
    "ls no-such-file 2>/dev/null || echo none",
    "echo text >out ; cat out",
    "echo one >out ; echo two >>out ; cat out",
    "echo one >out ; echo two >out ; cat <out",
    ">empty ; wc -c empty",
    "cat <missing",
    "cat <missing || echo failed",
    "echo x >sub ; echo x",
    "ls no-such 2>errors ; wc -l <errors",
    "ls no-such >both 2>&1 ; wc -l both",
    "ls no-such 2>&1 >both ; wc -l both",
    "echo to-error 1>&2 | cat",
    "echo gone 2>&- ; echo here",
    "cat",
    "wc -c </dev/null",
    "echo lost >/dev/null",
    "cat in in | sort | uniq -c",
    "mkdir made && echo x >made/file ; cat made/file",
    "cp in copy && mv copy moved && rm moved ; ls",
    "timeout 5 true ; timeout 0.01 sleep 5",
    "env -i printenv PATH",
    "head -c 10 /dev/zero | wc -c",
    "echo x | tee a b | cat ; cat a b",
    "sort <in | uniq >out ; cat out",
    "test -f in && echo file",
    "test -d in || echo not",
    "printf %s, a b c",
)


@pytest.mark.parametrize("combination", ["both", "none"])
def test_a_plan_does_what_bash_does(tmp_path: Path, combination: str) -> None:
    differences: list[str] = []
    for number, line in enumerate(LINES):
        seen: list[tuple[object, ...]] = []
        code: int | None
        for side in ("bash", "bylaw"):
            place = Path(os.path.realpath(tmp_path)) / f"{number}-{side}"
            (place / "sub").mkdir(parents=True)
            (place / "in").write_text("b\na\nb\n")
            if side == "bash":
                done = subprocess.run(
                    ["bash", "-c", line], cwd=place, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
                )
                code, output = done.returncode, done.stdout.decode()
            else:
                outcome = run(from_text(line, place), place, combination)
                code, output = outcome.exit_code, outcome.stdout.text
            code = code if code is None or code >= 0 else 128 - code
            files = {
                str(path.relative_to(place)): path.read_bytes()
                for path in sorted(place.rglob("*"))
                if path.is_file() and path.name not in ("errors", "both")
            }
            seen.append((code, output, files))
        if seen[0] != seen[1]:
            differences.append(f"{line!r}: bash {seen[0]}, bylaw {seen[1]}")
    assert differences == []


def test_a_program_that_a_signal_ends_is_told_from_one_that_exits(here: Path) -> None:
    killed = run(pipe(call("sh", "-c", "kill -SEGV $$", at=here)), here)
    assert (killed.exit_code, killed.signal) == (139, signal.SIGSEGV)
    ended = run(pipe(call("sh", "-c", "exit 139", at=here)), here)
    assert (ended.exit_code, ended.signal) == (139, None)


def test_a_file_that_cannot_be_executed_gives_126(here: Path) -> None:
    script = here / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o644)
    plan = pipe(Invocation(argv=("./script",), program=str(script), directory=str(here)))
    assert run(plan, here).exit_code == 126


def test_a_script_of_the_workspace_starts_with_its_interpreter(here: Path) -> None:
    script = here / "script"
    script.write_text("#!/bin/sh\necho ran $1\n")
    script.chmod(0o755)
    plan = pipe(Invocation(argv=("./script", "well"), program=str(script), directory=str(here)))
    for combination in COMBINATIONS:
        assert run(plan, here, combination).stdout.text == "ran well\n"


def test_a_program_gets_exactly_the_words_that_were_judged(here: Path) -> None:
    words = ("", " ", "a b", "*", "$HOME", "`id`", "\n", "\t", "\\", "'", '"', "é", "\U0001f600", "\udcff\udcfe", "-n", "--", "x" * 5000)
    outcome = run(pipe(call("printf", "[%s]", *words, at=here)), here, bounds=limits(output=100_000))
    expected = b"".join(b"[" + word.encode("utf-8", "surrogateescape") + b"]" for word in words)
    assert outcome.stdout.sha256 == hashlib.sha256(expected).hexdigest()


def test_the_name_of_a_program_is_the_one_that_was_written(here: Path) -> None:
    shell = program("sh")
    plan = pipe(Invocation(argv=("my-name", "-c", "echo $0"), program=shell, directory=str(here)))
    assert run(plan, here).stdout.text == "my-name\n"


def test_a_here_document_is_read_as_it_is(here: Path) -> None:
    text = "$HOME `id` \\ é\n" * 20_000
    plan = pipe(call("cat", at=here, redirections=(Text(fd=0, text=text),)), call("wc", "-c", at=here))
    assert run(plan, here).stdout.text.strip() == str(len(text.encode()))


def test_the_environment_is_the_given_one_and_nothing_else(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYLAW_SECRET", "canary")
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    plan = pipe(call("env", at=here, environment=(("EXTRA", "1"), ("LC_ALL", "C.UTF-8"))))
    for combination in COMBINATIONS:
        lines = sorted(line for line in run(plan, here, combination).stdout.text.splitlines() if not line.startswith("TMPDIR="))
        assert lines == ["EXTRA=1", "LC_ALL=C.UTF-8", f"PATH={ENVIRONMENT['PATH']}"]


def test_each_step_runs_in_its_own_directory(here: Path) -> None:
    (here / "sub").mkdir()
    calls = (call("pwd", at=here), call("cd", "sub", at=here / "sub"), call("pwd", at=here / "sub"))
    plan = Plan(steps=tuple(Step(connector="then", pipeline=Pipeline(stages=(one,))) for one in calls))
    assert run(plan, here).stdout.text == f"{here}\n{here}/sub\n"


def test_a_directory_that_cannot_be_entered_stops_the_whole_plan(here: Path) -> None:
    calls = (call("echo", "before", at=here), call("cd", "gone", at=here / "gone"), call("touch", "after", at=here))
    plan = Plan(steps=tuple(Step(connector="then", pipeline=Pipeline(stages=(one,))) for one in calls))
    outcome = run(plan, here)
    assert (outcome.status, outcome.exit_code, outcome.stdout.text) == ("error", 1, "before\n")
    assert "gone" in outcome.stderr.text
    assert not (here / "after").exists()


def test_a_directory_that_became_a_link_is_not_entered(here: Path) -> None:
    calls = (call("ln", "-s", "/usr", "sub", at=here), call("cd", "sub", at=here / "sub"), call("pwd", at=here / "sub"))
    plan = Plan(steps=tuple(Step(connector="then", pipeline=Pipeline(stages=(one,))) for one in calls))
    for combination in ("both", "none"):
        place = here / combination
        place.mkdir()
        outcome = run(plan, here, combination)
        assert outcome.status == "error"
        assert outcome.stdout.text == ""
        (here / "sub").unlink()


def test_a_redirection_does_not_follow_a_link_that_appeared(here: Path) -> None:
    outside = here / "outside"
    outside.write_text("old")
    place = here / "ws"
    place.mkdir()
    link = call("ln", "-s", str(outside), "out", at=place)
    write = call("echo", "new", at=place, redirections=(OpenFile(fd=1, path=str(place / "out"), mode="write"),))
    plan = Plan(steps=tuple(Step(connector="then", pipeline=Pipeline(stages=(one,))) for one in (link, write)))
    outcome = run(plan, place, "none")
    assert outcome.exit_code == 1
    assert outside.read_text() == "old"


@pytest.mark.parametrize("mode", ["read", "write", "append"])
def test_a_redirection_outside_the_manifest_is_refused_before_anything_runs(here: Path, mode: str) -> None:
    secret = here / "secret"
    secret.write_text("canary")
    place = here / "ws"
    place.mkdir()
    first = call("touch", "ran", at=place)
    second = call("cat", at=place, redirections=(OpenFile(fd=0 if mode == "read" else 1, path=str(secret), mode=mode),))  # type: ignore[arg-type]  # one of three
    plan = Plan(steps=tuple(Step(connector="then", pipeline=Pipeline(stages=(one,))) for one in (first, second)))
    with pytest.raises(PathError, match="secret"):
        run(plan, place, "none")
    assert not (place / "ran").exists()


def test_a_redirection_from_a_fifo_is_refused_where_only_regular_files_will_do(here: Path) -> None:
    os.mkfifo(here / "fifo")
    outcome = run(pipe(call("cat", at=here, redirections=(OpenFile(fd=0, path=str(here / "fifo"), mode="read"),))), here)
    assert outcome.exit_code == 1
    assert "not a regular file" in outcome.stderr.text


def test_a_program_that_the_manifest_does_not_name_is_refused(here: Path) -> None:
    with pytest.raises(ToolError, match="not among the programs"):
        run_plan(pipe(call("ls", at=here)), manifest=Manifest(), limits=limits(), sandbox="prefer", environment=ENVIRONMENT)


def test_standard_input_is_empty_and_signals_have_their_default_meaning(here: Path) -> None:
    outcome = run(pipe(call("grep", "^Sig[IB][gl][nk]:", "/proc/self/status", at=here), call("tr", "-d", "\t\n", at=here)), here)
    # 32 and 33 belong to the C library, which ignores them in what it spawns.
    assert outcome.stdout.text in {"SigBlk:0000000000000000SigIgn:0000000000000000", "SigBlk:0000000000000000SigIgn:0000000180000000"}


def test_the_limit_on_bytes_holds_for_a_single_granted_file(here: Path) -> None:
    out = here / "out"
    out.write_text("")
    one = call("head", "-c", "100000", "/dev/zero", at=here, redirections=(OpenFile(fd=1, path=str(out), mode="write"),))
    manifest = Manifest(programs=(one.program or "",), write=(PathGrant(path=str(out)),))
    outcome = run_plan(pipe(one), manifest=manifest, limits=limits(write=5000), sandbox="require", environment=ENVIRONMENT)
    assert out.stat().st_size == 5000
    assert outcome.signal == signal.SIGXFSZ
    assert any("5000 bytes" in note for note in outcome.notes)


# -- output


def test_much_output_is_counted_and_digested_but_not_kept(here: Path) -> None:
    tracked: list[int] = []
    plan = pipe(call("yes", "0123456789abcde", at=here), call("head", "-c", "50000000", at=here))
    tracemalloc.start()
    try:
        outcome = run(plan, here, bounds=limits(output=10_000))
        tracked.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert outcome.stdout.total_bytes == 50_000_000
    assert outcome.stdout.truncated
    assert outcome.stdout.sha256 == hashlib.sha256(b"0123456789abcde\n" * 3_125_000).hexdigest()
    assert "[... 49990000 bytes cut ...]" in outcome.stdout.text
    assert tracked[0] < 5_000_000


def test_output_is_told_as_it_comes(here: Path) -> None:
    told: list[tuple[str, bytes]] = []
    plan = pipe(call("sh", "-c", "echo out; echo err >&2", at=here))
    manifest = Manifest(programs=tuple(one.program or "" for one in plan.invocations()))
    run_plan(
        plan,
        manifest=manifest,
        limits=limits(),
        sandbox="prefer",
        environment=ENVIRONMENT,
        on_output=lambda name, data: told.append((name, data)),
    )
    assert sorted(told) == [("stderr", b"err\n"), ("stdout", b"out\n")]


# -- bindings


def test_a_bound_file_that_changed_stops_the_call(here: Path) -> None:
    script = here / "script.sh"
    script.write_text("echo old")
    bound = Binding(path=str(script), sha256=hashlib.sha256(b"echo old").hexdigest())
    plan = pipe(call("sh", "script.sh", at=here))
    assert run(plan, here, bindings=(bound,)).stdout.text == "old\n"
    script.write_text("echo new")
    with pytest.raises(ChangedError, match="changed since"):
        run(plan, here, bindings=(bound,))


def test_a_bound_file_that_is_gone_or_new_stops_the_call(here: Path) -> None:
    plan = pipe(call("true", at=here))
    with pytest.raises(ChangedError, match="is gone"):
        run(plan, here, bindings=(Binding(path=str(here / "gone"), sha256="0" * 64),))
    run(plan, here, bindings=(Binding(path=str(here / "gone"), sha256=None),))
    (here / "gone").write_text("")
    with pytest.raises(ChangedError, match="is there now"):
        run(plan, here, bindings=(Binding(path=str(here / "gone"), sha256=None),))


def test_a_bound_file_that_became_a_link_stops_the_call(here: Path) -> None:
    (here / "real").write_text("x")
    (here / "script").symlink_to(here / "real")
    with pytest.raises(ChangedError, match="cannot be opened"):
        run(pipe(call("true", at=here)), here, bindings=(Binding(path=str(here / "script"), sha256=hashlib.sha256(b"x").hexdigest()),))


# -- modes


def test_a_required_sandbox_that_cannot_be_had_refuses_with_exit_code_5(here: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        run_plan(pipe(), manifest=Manifest(), limits=limits(), sandbox="require", environment={}, states=states("none"))
    assert caught.value.exit_code == 5


def test_a_preferred_sandbox_that_cannot_be_had_is_said_loudly(here: Path) -> None:
    outcome = run(pipe(call("true", at=here)), here, "none")
    assert outcome.layers == ()
    assert any("NO SANDBOX" in note for note in outcome.notes)


@pytest.mark.parametrize("combination", ["both", "landlock", "bubblewrap"])
def test_the_layers_that_held_are_in_the_outcome(here: Path, combination: str) -> None:
    assert run(pipe(call("true", at=here)), here, combination).layers == COMBINATIONS[combination]


def test_a_null_byte_in_a_word_is_refused(here: Path) -> None:
    with pytest.raises(ToolError, match="null byte"):
        run(pipe(call("echo", "a\0b", at=here)), here)
