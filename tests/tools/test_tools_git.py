from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy import git_formats
from bylaw.policy.plan import Invocation
from bylaw.tools.capture import Captured
from bylaw.tools.errors import ToolError
from bylaw.tools.git import compose_message, instead, parse_log, parse_status, require_done, require_no_filters, staged_filters
from bylaw.tools.process import ProcessOutcome

IDENTITY = {"GIT_AUTHOR_NAME": "A|B", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@d"}


def captured(text: str, *, truncated: bool = False) -> Captured:
    raw = text.encode("utf-8", "replace")
    return Captured(text=text, total_bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest(), truncated=truncated)


def outcome(stdout: str, stderr: str = "", code: int = 0, *, truncated: bool = False) -> ProcessOutcome:
    return ProcessOutcome(
        exit_code=code, signal=None, status="ok", stdout=captured(stdout, truncated=truncated), stderr=captured(stderr), duration_ms=1,
        layers=(), notes=(),
    )  # fmt: skip


def run(invocation: Invocation) -> ProcessOutcome:
    """Runs one program for real, without the sandbox: what is tested here is the parsing."""
    done = subprocess.run(
        invocation.argv, check=False, cwd=invocation.directory, capture_output=True, env=os.environ | IDENTITY | {"LC_ALL": "C.UTF-8"}
    )
    return outcome(done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), done.returncode)


def call(directory: Path, arguments: Sequence[str]) -> ProcessOutcome:
    return run(Invocation(argv=("git", "-c", "core.fsmonitor=false", *arguments), directory=str(directory)))


def git(directory: Path, *arguments: str) -> None:
    assert call(directory, arguments).exit_code == 0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def commit(repository: Path, message: str = "first") -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", message)


def status(repository: Path) -> dict[str, object]:
    return dict(parse_status(call(repository, git_formats.STATUS).stdout.text))


def test_a_new_repository_is_clean_and_has_its_branch(repository: Path) -> None:
    state = status(repository)
    assert (state["branch"], state["clean"]) == ("main", True)


def test_every_state_is_told_with_names_of_any_kind(repository: Path) -> None:
    for name in ("both", "moved away.txt", "gone", "a -> b", 'quote"d', "new\nline"):
        (repository / name).write_text(name + " with enough text to be recognised\n" * 3)
    commit(repository)
    (repository / "both").write_text("1")
    git(repository, "add", "both")
    (repository / "both").write_text("2")
    git(repository, "mv", "moved away.txt", "moved here.txt")
    (repository / "gone").unlink()
    (repository / "a -> b").write_text("x")
    (repository / "new\nline").write_text("x")
    (repository / "? odd").write_text("x")
    state = status(repository)
    assert state["staged"] == ["both", "moved here.txt"]
    assert state["modified"] == ["a -> b", "both", "gone", "new\\nline"]
    assert state["untracked"] == ["? odd"]
    assert state["renamed"] == [{"from": "moved away.txt", "to": "moved here.txt"}]
    assert state["clean"] is False


def test_a_conflict_is_no_staged_change(repository: Path) -> None:
    (repository / "f").write_text("base\n")
    commit(repository)
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "f").write_text("theirs\n")
    commit(repository)
    git(repository, "checkout", "-q", "main")
    (repository / "f").write_text("ours\n")
    commit(repository)
    assert call(repository, ("merge", "other")).exit_code == 1
    state = status(repository)
    assert (state["conflicted"], state["staged"]) == (["f"], [])


@pytest.mark.parametrize("text", ["1 nonsense", "x y", "1 M. N... 1 2 3"])
def test_an_answer_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="form that was asked for"):
        parse_status(text)


@given(st.text(alphabet="12u?#! .MARN\0ab/", max_size=60))
def test_no_answer_makes_the_parser_raise_anything_else(text: str) -> None:
    try:
        parse_status(text)
    except ToolError:
        pass


def test_commits_are_told_whatever_their_authors_and_messages_hold(repository: Path) -> None:
    (repository / "f").write_text("1")
    commit(repository, "subject | with\x1f\n\nbody\nof two lines")
    (repository / "f").write_text("2")
    commit(repository, "zweiter ä")
    log = parse_log(call(repository, (*git_formats.LOG, "-n", "10", "--")))
    commits = log["commits"]
    assert isinstance(commits, list)
    assert log["count"] == 2
    newest, first = commits
    assert isinstance(newest, dict)
    assert isinstance(first, dict)
    assert (newest["message"], newest["author"], newest["email"]) == ("zweiter ä", "A|B", "a@b")
    assert first["message"] == "subject | with\x1f\n\nbody\nof two lines"
    assert str(first["hash"]).startswith(str(first["short_hash"]))


def test_a_branch_without_commits_has_an_empty_log(repository: Path) -> None:
    assert parse_log(call(repository, (*git_formats.LOG, "--")))["count"] == 0


def test_a_log_that_was_cut_gives_whole_commits_only() -> None:
    text = "\0".join(["h", "s", "a", "e", "d", "m"] * 2) + "\0h3\0s3\0au\n[... 100 bytes cut ...]\nrest\0"
    assert parse_log(outcome(text, truncated=True))["count"] == 2


def test_no_repository_is_an_error_and_no_empty_diff(tmp_path: Path) -> None:
    done = call(tmp_path, (*git_formats.DIFF, "--"))
    with pytest.raises(ToolError, match="failed"):
        require_done(done, "git diff")


def test_a_repository_cannot_have_helpers_run_by_our_formats(repository: Path) -> None:
    (repository / "f").write_text("1\n")
    (repository / ".gitattributes").write_text("f diff=evil\n")
    commit(repository)
    (repository / "f").write_text("2\n")
    helper = repository / "evil.sh"
    helper.write_text(f"#!/bin/sh\ntouch {repository}/owned\n")
    helper.chmod(0o755)
    for name in ("diff.external", "diff.evil.textconv", "diff.evil.command", "gpg.program", "core.pager"):
        git(repository, "config", name, str(helper))
    git(repository, "config", "color.ui", "always")
    git(repository, "config", "diff.noprefix", "true")
    diff = call(repository, (*git_formats.DIFF, "--")).stdout.text
    assert diff.startswith("diff --git a/f b/f\n")
    assert parse_log(call(repository, (*git_formats.LOG, "-n", "5", "--")))["count"] == 1
    assert not (repository / "owned").exists()


def test_another_subcommand_keeps_the_pins_of_git() -> None:
    one = Invocation(argv=("git", "-c", "a=b", "--no-pager", "-C", "commit", "commit", "-m", "log"), directory="/w", program="/usr/bin/git")
    assert instead(one, ("rev-parse", "HEAD")).argv == ("git", "-c", "a=b", "--no-pager", "-C", "commit", "rev-parse", "HEAD")


def commit_call(directory: Path) -> Invocation:
    return Invocation(argv=("git", "-c", "core.fsmonitor=false", "--literal-pathspecs", "commit", "-m", "x"), directory=str(directory))


def test_a_staged_path_with_a_filter_is_refused_by_name(repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "big file.bin").write_text("x")
    (repository / "plain").write_text("x")
    git(repository, "add", "-A")
    (repository / ".gitattributes").write_text("*.bin filter=evil\n")
    assert staged_filters(commit_call(repository), (), run) == ("sub/big file.bin",)
    assert staged_filters(commit_call(repository / "sub"), (), run) == ("../sub/big file.bin",)
    with pytest.raises(ToolError, match=r"`sub/big file\.bin`"):
        require_no_filters(commit_call(repository), (), run)


def test_a_path_that_would_be_staged_is_checked_without_running_the_filter(repository: Path) -> None:
    (repository / "d").mkdir()
    (repository / "d" / "x.bin").write_text("x")
    (repository / ".gitattributes").write_text("*.bin filter=evil\n")
    git(repository, "config", "filter.evil.clean", f"touch {repository}/owned; cat")
    assert staged_filters(commit_call(repository), ("d",), run) == ("d/x.bin",)
    assert not (repository / "owned").exists()


def test_plain_paths_have_no_filter(repository: Path) -> None:
    (repository / "plain").write_text("x")
    git(repository, "add", "-A")
    (repository / ".gitattributes").write_text("plain -filter text\n")
    assert staged_filters(commit_call(repository), ("plain",), run) == ()


def test_a_name_that_cannot_be_checked_is_refused(repository: Path) -> None:
    (repository / os.fsdecode(b"caf\xe9")).write_text("x")
    git(repository, "add", "-A")
    with pytest.raises(ToolError, match="not UTF-8"):
        staged_filters(commit_call(repository), (), run)


def composed(repository: Path) -> str:
    git(repository, "add", "-A")
    diff = call(repository, (*git_formats.DIFF, "--find-renames", "--cached", "--")).stdout.text
    return compose_message(parse_status(call(repository, git_formats.STATUS).stdout.text), diff)


def test_a_message_is_composed_from_what_is_staged(repository: Path) -> None:
    (repository / "src").mkdir()
    (repository / "src" / "a.py").write_text("1\n")
    assert composed(repository) == "feat: add src/a.py"
    commit(repository)
    (repository / "src" / "a.py").write_text("2\n3\n")
    (repository / "README.md").write_text("r\n")
    assert composed(repository) == "chore: update README.md, a.py\n\n- add README.md (+1 -0)\n- update src/a.py (+2 -1)".replace(
        "chore", "feat"
    )
    commit(repository)
    git(repository, "mv", "src/a.py", "src/b.py")
    assert composed(repository) == "chore: rename src/a.py to src/b.py"
    commit(repository)
    (repository / "README.md").unlink()
    assert composed(repository) == "docs: remove README.md"


def test_no_message_is_made_of_nothing(repository: Path) -> None:
    with pytest.raises(ToolError, match="nothing is staged"):
        composed(repository)


def test_a_message_is_the_same_for_the_same_change_and_short() -> None:
    state = {"staged": [f"long/directory/name/number/{number}/file{number}.py" for number in range(200)], "renamed": []}
    assert compose_message(state, "") == compose_message(state, "")
    assert max(len(line) for line in compose_message(state, "").split("\n")) <= 72
    assert "- and 150 more" in compose_message(state, "")
