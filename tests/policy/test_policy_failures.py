"""Errors on the way to an analysis: each one is something that is not accounted for, never an empty list of effects."""

from __future__ import annotations

import pytest

from bylaw.policy.actions import Action, EditFile, GitCommit, GitDiff, GitLog, GitStatus, ReadFile, RunCommand, WriteFile, parse_action
from bylaw.policy.analysis import analyse, analyse_command
from bylaw.policy.effects import Execute, Unknown
from bylaw.policy.errors import ActionError, ProfileError
from bylaw.policy.scope import PathKind, Scope
from made_up import LIMITS, TREE, MadeUp, scope, whys

REPOSITORY: dict[str, str | None] = {"/w/.git": None, "/w/.git/HEAD": "ref: x", "/w/.git/objects": None, "/w/.git/refs": None}


class _BadProfile(MadeUp):
    def kind(self, path: str) -> PathKind:
        raise ProfileError("is not YAML", source="git.yaml")


def _why(action: Action, where: Scope | None = None) -> list[str]:
    return [one.why for one in analyse(action, where or scope(REPOSITORY), LIMITS).effects if isinstance(one, Unknown)]


def test_a_profile_that_cannot_be_read_is_said_by_name() -> None:
    where = Scope(
        files=_BadProfile(TREE), workspace="/w", cwd="/w", home="/h", read_roots=(), write_roots=("/w",), search_path=("/usr/bin",)
    )
    expected = "the analysis failed: git.yaml: is not YAML"
    assert [one.why for one in analyse_command("git status", where, LIMITS).effects if isinstance(one, Unknown)] == [expected]
    assert _why(GitStatus(), where) == [expected]
    assert _why(RunCommand(command="git status"), where) == [expected]


@pytest.mark.parametrize(
    "action",
    [
        ReadFile(path="loop/x"),
        WriteFile(path="loop/x", content=""),
        EditFile(path="loop/x", new_string="a", old_string="b"),
        GitStatus(path="loop"),
    ],
)
def test_a_path_that_leads_nowhere_sure_is_not_accounted_for(action: Action) -> None:
    assert set(_why(action)) == {"where this path leads is not known"}
    assert analyse(action, scope(), LIMITS).plan is None


def test_a_directory_that_leads_nowhere_sure_is_not_accounted_for() -> None:
    where = Scope(
        files=MadeUp(TREE), workspace="/w", cwd="/w/loop", home="/h", read_roots=(), write_roots=("/w",), search_path=("/usr/bin",)
    )
    assert "where this directory leads is not known" in whys("cat /w/a", where)


def test_a_commit_that_looks_like_an_option_has_the_wrong_shape() -> None:
    with pytest.raises(ActionError, match="commit"):
        parse_action("git_diff", '{"commit": "--output=/w/x"}')
    assert not _why(GitDiff(commit="HEAD~1", staged=True, file="a"))
    assert not _why(GitLog(file="a"))


def test_a_commit_with_a_message_is_planned_whole_and_without_one_only_what_is_staged_first() -> None:
    whole = analyse(GitCommit(message="m", files=("a",)), scope(REPOSITORY), LIMITS).plan
    staged = analyse(GitCommit(files=("a",)), scope(REPOSITORY), LIMITS).plan
    assert whole is not None
    assert staged is not None
    assert [("add" in one.argv, "commit" in one.argv) for one in whole.invocations()] == [(True, False), (False, True)]
    assert ["add" in one.argv for one in staged.invocations()] == [True]


def test_a_commit_in_no_sure_place_has_no_plan() -> None:
    assert analyse(GitCommit(path="loop"), scope(REPOSITORY), LIMITS).plan is None


def test_hooks_that_may_run_are_code_of_the_workspace() -> None:
    from bylaw.policy.records import replace

    found = analyse(GitCommit(message="m"), replace(scope(REPOSITORY), hooks=True), LIMITS)
    assert any(isinstance(one, Execute) and one.origin == "workspace" for one in found.effects)
    assert not any(
        isinstance(one, Execute) and one.origin == "workspace" for one in analyse(GitCommit(message="m"), scope(REPOSITORY), LIMITS).effects
    )
