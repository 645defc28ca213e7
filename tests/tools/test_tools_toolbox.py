from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bylaw.policy import git_formats
from bylaw.policy.actions import Action, parse_action
from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Step
from bylaw.tools.capture import Captured
from bylaw.tools.errors import SandboxError
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Binding, Issuer, Target
from bylaw.tools.process import ProcessOutcome
from bylaw.tools.result import Status, ToolResult
from bylaw.tools.toolbox import Toolbox

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=10_000, command_seconds=30, command_characters=1000, regular_files=True
)
GIT = os.path.realpath(shutil.which("git") or "/usr/bin/git")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


@dataclass
class Bench:
    root: Path
    descriptor: int

    def perform(
        self,
        tool: str,
        arguments: str,
        *vectors: tuple[str, ...],
        relative: str | None = None,
        grant: str | None = None,
        bindings: tuple[Binding, ...] = (),
        runner: object = None,
    ) -> ToolResult:
        action: Action = parse_action(tool, arguments)
        target = None
        if relative is not None:
            target = Target(descriptor=self.descriptor, relative=relative, shown=os.path.normpath(f"{self.root}/{relative}"))
        granted = (PathGrant(path=grant or str(self.root), recursive=True),)
        steps = [
            Step(
                connector="and" if number else "then",
                pipeline=Pipeline(stages=(Invocation(argv=argv, directory=str(self.root), program=program(argv[0])),)),
            )
            for number, argv in enumerate(vectors)
        ]
        issuer = Issuer()
        permit = issuer.issue(
            call_id="1",
            action=action,
            manifest=Manifest(programs=("*",), read=granted, write=granted, environment=tuple(ENVIRONMENT.items())),
            limits=LIMITS,
            sandbox="prefer",
            target=target,
            plan=Plan(steps=tuple(steps)) if steps else None,
            bindings=bindings,
            environment=ENVIRONMENT,
        )
        box = Toolbox(issuer) if runner is None else Toolbox(issuer, runner=runner)  # type: ignore[arg-type]  # a stand-in of a test
        return box.perform(permit)


def program(name: str) -> str:
    return os.path.realpath(shutil.which(name, path="/usr/bin:/bin") or f"/usr/bin/{name}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    descriptor = open_root(str(tmp_path))
    yield Bench(tmp_path, descriptor)
    os.close(descriptor)


def test_every_file_tool_answers_through_the_toolbox(bench: Bench) -> None:
    assert bench.perform("write", '{"path": "d/f.txt", "content": "one\\ntwo\\n"}', relative="d/f.txt").text.startswith("created")
    assert bench.perform("read", '{"path": "d/f.txt"}', relative="d/f.txt").text == "     1\tone\n     2\ttwo"
    result = bench.perform("edit", '{"path": "d/f.txt", "old_string": "two", "new_string": "2"}', relative="d/f.txt")
    assert "-two\n+2" in result.text
    assert result.changes[0].after == hashlib.sha256(b"one\n2\n").hexdigest()
    assert bench.perform("grep", '{"pattern": "o.e"}', relative=".").text.endswith("d/f.txt:1: one")
    assert bench.perform("find", '{"pattern": "*.txt"}', relative=".").text.endswith("d/f.txt")
    assert bench.perform("ls", "{}", relative=".").text.endswith("[dir]  d")


def test_an_answer_is_measured(bench: Bench) -> None:
    (bench.root / "f").write_text("x\n")
    result = bench.perform("read", '{"path": "f"}', relative="f")
    assert result.output_bytes == len(result.text)
    assert result.output_sha256 == hashlib.sha256(result.text.encode()).hexdigest()


def test_a_failure_of_the_call_is_a_result_with_its_next_step(bench: Bench) -> None:
    result = bench.perform("read", '{"path": "nothing"}', relative="nothing")
    assert (result.status, result.is_error) == ("error", True)
    assert "`" + str(bench.root) + "/nothing` does not exist" in result.text
    assert "ls" in result.text.split("\n")[1]


def test_a_path_that_was_not_declared_is_neither_read_nor_written(bench: Bench) -> None:
    (bench.root / "f").write_text("x")
    for tool, arguments in (("read", '{"path": "f"}'), ("write", '{"path": "f", "content": "y"}')):
        result = bench.perform(tool, arguments, relative="f", grant=f"{bench.root}/other")
        assert result.is_error
        assert "was not declared" in result.text
    assert (bench.root / "f").read_text() == "x"


def test_an_approval_for_other_bytes_changes_nothing(bench: Bench) -> None:
    (bench.root / "f").write_text("changed since")
    binding = Binding(path=f"{bench.root}/f", sha256=hashlib.sha256(b"seen").hexdigest())
    result = bench.perform("write", '{"path": "f", "content": "y"}', relative="f", bindings=(binding,))
    assert "has changed since it was judged" in result.text
    assert (bench.root / "f").read_text() == "changed since"


def captured(text: str) -> Captured:
    return Captured(text=text, total_bytes=len(text), sha256="", truncated=False)


def fake(status: Status, *, out: str = "", err: str = "", code: int | None = 0, signal: int | None = None) -> object:
    def run(plan: Plan, **_: object) -> ProcessOutcome:
        return ProcessOutcome(
            exit_code=code,
            signal=signal,
            status=status,
            stdout=captured(out),
            stderr=captured(err),
            duration_ms=1500,
            layers=("landlock",),
            notes=("a note",),
        )

    return run


COMMANDS: list[tuple[str, object, str]] = [
    ("both streams", fake("ok", out="o\n", err="e\n", code=3), "o\nSTDERR:\ne\nexit code: 3\n[a note]"),
    ("silence", fake("ok"), "(no output)\nexit code: 0\n[a note]"),
    (
        "a timeout",
        fake("timeout", out="part", code=None),
        "part\ntimed out after 1.5 seconds; what it printed until then is above\n[a note]",
    ),
    ("a signal", fake("ok", code=137, signal=9), "(no output)\nkilled by signal 9 (SIGKILL)\n[a note]"),
]


@pytest.mark.parametrize(("runner", "text"), [case[1:] for case in COMMANDS], ids=[case[0] for case in COMMANDS])
def test_a_command_is_told_in_words(bench: Bench, runner: object, text: str) -> None:
    result = bench.perform("bash", '{"command": "x"}', ("true",), runner=runner)
    assert result.text == text
    assert result.sandbox == ("landlock",)
    wanted = {"command", "exit_code", "signal", "timed_out", "stdout", "stderr", "duration_ms", "truncated", "sandbox", "denials"}
    assert set(result.data) == wanted


def test_a_missing_sandbox_is_not_made_into_an_answer(bench: Bench) -> None:
    def refuse(*_: object, **__: object) -> ProcessOutcome:
        raise SandboxError("no layer")

    with pytest.raises(SandboxError):
        bench.perform("bash", '{"command": "x"}', ("true",), runner=refuse)


def test_a_command_runs_for_real(bench: Bench) -> None:
    result = bench.perform("bash", '{"command": "x"}', ("echo", "a b"), ("sh", "-c", "echo err >&2; exit 4"))
    assert result.text.startswith("a b\nSTDERR:\nerr\nexit code: 4")
    assert result.data["command"] == [["echo", "a b"], ["sh", "-c", "echo err >&2; exit 4"]]
    assert not result.is_error


def git(bench: Bench, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=bench.root, env=ENVIRONMENT, check=True, capture_output=True)


def test_git_tools_answer_for_real(bench: Bench) -> None:
    git(bench, "init", "-q", "-b", "main")
    (bench.root / "f").write_text("one\n")
    assert bench.perform("git_status", "{}", ("git", *git_formats.STATUS)).data["untracked"] == ["f"]
    hook = bench.root / ".git/hooks/commit-msg"
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    add, made = ("git", *git_formats.ADD, "f"), ("git", *git_formats.COMMIT, "-m", "first")
    result = bench.perform("git_commit", '{"message": "first", "files": ["f"]}', add, made)
    assert result.status == "ok", result.text
    assert result.data["files"] == ["f"]
    assert "hooks and signing were not run" in result.text
    assert not (bench.root / "hooked").exists()
    assert bench.perform("git_log", "{}", ("git", *git_formats.LOG, "-n", "5", "--")).data["count"] == 1
    (bench.root / "f").write_text("two\n")
    assert "+two" in bench.perform("git_diff", "{}", ("git", *git_formats.DIFF, "--")).text
    git(bench, "add", "f")
    assert bench.perform("git_diff", "{}", ("git", *git_formats.DIFF, "--")).data == {"diff": "", "truncated": False, "empty": True}


def test_no_repository_is_an_error(bench: Bench) -> None:
    for tool, arguments in (("git_status", git_formats.STATUS), ("git_diff", (*git_formats.DIFF, "--")), ("git_log", git_formats.LOG)):
        result = bench.perform(tool, "{}", ("git", *arguments))
        assert result.is_error, tool
        assert "not a git repository" in result.text.lower()


def test_a_filter_that_the_repository_names_refuses_the_commit_and_never_runs(bench: Bench) -> None:
    git(bench, "init", "-q")
    git(bench, "config", "filter.evil.clean", "touch owned; cat")
    (bench.root / ".gitattributes").write_text("*.bin filter=evil\n")
    (bench.root / "x.bin").write_text("x")
    add, made = ("git", *git_formats.ADD, "x.bin"), ("git", *git_formats.COMMIT, "-m", "m")
    result = bench.perform("git_commit", '{"message": "m", "files": ["x.bin"]}', add, made)
    assert result.is_error
    assert "`x.bin`" in result.text
    assert not (bench.root / "owned").exists()
