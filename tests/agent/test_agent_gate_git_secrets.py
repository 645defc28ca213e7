"""git and files that hold secrets: none is destroyed by a commit, and none is printed by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.agent.approvals import Approved
from bylaw.policy.decision import Verdict
from gate_room import git, make_workspace, room

SECRET = "SECRET=canary-in-the-history\n"


def tracked(tmp_path: Path) -> Path:
    """A repository that tracks a file whose name says that it holds a secret, as test fixtures often do."""
    workspace = make_workspace(tmp_path)
    (workspace / ".gitignore").unlink()
    (workspace / "server.key").write_text(SECRET)
    (workspace / ".env").unlink()
    git(workspace, "add", "-A")
    git(workspace, "commit", "--quiet", "-m", "fixtures")
    git(workspace, "config", "user.name", "Person")
    git(workspace, "config", "user.email", "p@example.org")
    return workspace


def test_a_tracked_secret_does_not_look_changed_to_git(tmp_path: Path) -> None:
    tracked(tmp_path)
    with room(tmp_path) as here:
        assert "server.key" not in here.call("git_status").text
        for answer in (here.call("git_diff"), here.call("bash", command="git diff HEAD"), here.call("bash", command="git status")):
            assert not answer.is_error, answer.text
            assert "canary" not in answer.text
            assert "server.key" not in answer.text


@pytest.mark.parametrize("command", ["git commit -am change", "git add a.txt && git commit -m change"])
def test_a_commit_leaves_a_tracked_secret_as_it_is(tmp_path: Path, command: str) -> None:
    workspace = tracked(tmp_path)
    (workspace / "a.txt").write_text("changed\n")
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("bash", command=command)
        assert not answer.is_error, answer.text
    assert git(workspace, "show", "--name-only", "--format=", "HEAD").split() == ["a.txt"]
    assert git(workspace, "show", "HEAD:server.key") == SECRET
    assert git(workspace, "status", "--porcelain") == ""


def test_the_commit_tool_leaves_a_tracked_secret_as_it_is(tmp_path: Path) -> None:
    workspace = tracked(tmp_path)
    (workspace / "a.txt").write_text("changed\n")
    with room(tmp_path, answers=[Approved()]) as here:
        assert not here.call("git_commit", message="change", files=["a.txt"]).is_error
    assert git(workspace, "status", "--porcelain") == ""
    assert git(workspace, "show", "HEAD:server.key") == SECRET


@pytest.mark.parametrize(
    "command",
    [
        "git show HEAD:server.key",
        "git show :server.key",
        "git show :0:server.key",
        "git cat-file -p HEAD:./server.key",
        "git diff HEAD~1 HEAD:server.key",
    ],
)
def test_a_secret_that_is_named_in_a_commit_is_a_secret_that_is_read(tmp_path: Path, command: str) -> None:
    tracked(tmp_path)
    with room(tmp_path) as here:
        answer = here.call("bash", command=command)
        assert answer.verdict is Verdict.DENY
        assert "canary" not in answer.text


def test_an_ordinary_file_of_a_commit_is_shown(tmp_path: Path) -> None:
    tracked(tmp_path)
    with room(tmp_path) as here:
        assert "two" in here.call("bash", command="git show HEAD:a.txt").text
        assert "fixtures" in here.call("bash", command="git log --grep=a:b --oneline ; git log --oneline").text


@pytest.mark.parametrize("command", ["git add -A", "git add .", "git add --all", "git stash -u"])
def test_adding_everything_where_a_secret_lies_is_not_accounted_for(tmp_path: Path, command: str) -> None:
    with room(tmp_path) as here:
        answer = here.call("bash", command=command)
        assert answer.denied
        assert "default.unknown" in answer.rules
        assert "name the files" in answer.text


@pytest.mark.parametrize(
    "command", ["git commit -a --fixup=HEAD~1", "git add -A && git commit -m all", "git commit --no-such-option -am x"]
)
def test_no_approval_makes_git_commit_a_hidden_secret(tmp_path: Path, command: str) -> None:
    workspace = tracked(tmp_path)
    (workspace / "a.txt").write_text("changed\n")
    with room(tmp_path, preset="permissive", answers=[Approved()] * 3) as here:
        here.call("bash", command=command)
        here.call("bash", command=f"python3 --version && {command}")
        here.call("bash", command=f"./nothing ; {command}")
    assert git(workspace, "show", "HEAD:server.key") == SECRET
    assert git(workspace, "diff", "HEAD", "--", "server.key") == ""


def test_git_beside_a_program_that_reads_the_tree_is_denied(tmp_path: Path) -> None:
    tracked(tmp_path)
    with room(tmp_path) as here:
        answer = here.call("bash", command="grep -r two . ; git status")
        assert answer.rules == ("git.alone",)
        assert "a call of its own" in answer.text
        assert not here.call("bash", command="git log --oneline | head -1").is_error


def test_other_programs_still_get_the_tree_without_its_secrets(tmp_path: Path) -> None:
    tracked(tmp_path)
    with room(tmp_path) as here:
        assert "canary" not in here.call("bash", command="grep -r canary .").text


def test_adding_everything_where_no_secret_lies_asks_for_the_write_alone(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (workspace / ".env").unlink()
    with room(tmp_path) as here:
        assert here.call("bash", command="git add -A").rules == ("default.write.inside",)


def test_a_secret_in_another_root_does_not_concern_git(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (workspace / ".env").unlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / ".env").write_text(SECRET)
    policy = f'version: 1\nname: own\nextends: balanced\npaths: {{read: ["{other}"]}}\n'
    with room(tmp_path, policy=policy) as here:
        answer = here.call("bash", command=f"grep -r two {other} ; git status")
        assert answer.verdict is Verdict.ALLOW
        assert "canary" not in answer.text
