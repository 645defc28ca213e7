"""The one door: judged, recorded before anything happens, confirmed, performed, recorded."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from bylaw.agent.approvals import Approved, Denied, Edited, Question, UnsafeApproveAll
from bylaw.agent.errors import ConfigurationError, NotPerformed
from bylaw.audit import AuditError, verify
from bylaw.policy.decision import Verdict
from gate_room import Person, git, room


def test_an_allowed_call_is_recorded_before_and_after(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.call("read", path="a.txt")
        assert not answer.is_error
        assert "two" in answer.text
        assert here.names() == ["tool.intent", "tool.outcome"]
        intent = here.events()[-2]
        assert intent["verdict"] == "allow"
        assert intent["policy_digest"]


def test_the_record_of_a_session_verifies_and_has_its_end(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        here.call("ls")
        path = here.session.path
    found = verify(path)
    assert found.consistent
    assert found.ended
    assert not found.findings


def test_a_denied_call_names_rule_file_and_way_out_and_does_nothing(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.call("bash", command="git push origin main")
        assert answer.denied
        assert answer.verdict is Verdict.DENY
        assert ".yaml:" in answer.text
        assert here.names() == ["tool.intent", "tool.refused"]


def test_a_secret_is_denied_to_every_tool(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        for tool, arguments in (
            ("read", {"path": ".env"}),
            ("bash", {"command": "cat .env"}),
            ("grep", {"pattern": "canary", "path": ".env"}),
        ):
            answer = here.call(tool, **arguments)
            assert answer.denied, tool
            assert "canary-in-dotenv" not in answer.text


def test_a_recursive_search_does_not_meet_the_secret(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        for answer in (here.call("grep", pattern="canary"), here.call("bash", command="grep -r canary .")):
            assert "canary-in-dotenv" not in answer.text


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"path": 1}', '{"path": "a.txt", "also": 1}', '{"path": ""}', "null"])
def test_arguments_of_the_wrong_shape_are_answered_clearly_and_recorded(tmp_path: Path, arguments: str) -> None:
    with room(tmp_path) as here:
        answer = here.raw("read", arguments)
        assert answer.is_error
        assert "`read`" in answer.text
        assert here.names() == ["tool.refused"]
        assert here.events()[-1]["by"] == "schema"


def test_a_tool_that_does_not_exist_is_answered_with_the_list(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.raw("rm_rf", "{}")
        assert answer.is_error
        assert "git_commit" in answer.text
        assert here.names() == ["tool.refused"]


def test_a_question_with_nobody_there_is_a_no(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.call("write", path="new.txt", content="x")
        assert answer.denied
        assert "nobody is there" in answer.text
        assert not (here.workspace / "new.txt").exists()
        assert here.names() == ["tool.intent", "tool.confirmation", "tool.refused"]
        assert here.events()[-2]["unattended"] is True


def test_a_yes_performs_exactly_what_was_shown(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("edit", path="a.txt", old_string="two", new_string="2")
        assert not answer.is_error
        assert (here.workspace / "a.txt").read_text() == "one\n2\nthree\n"
        shown = here.person.asked[0].text
        assert "-two" in shown
        assert "+2" in shown
        confirmation = next(event for event in here.events() if event["event"] == "tool.confirmation")
        assert confirmation["shown_sha256"] == hashlib.sha256(shown.encode()).hexdigest()
        assert confirmation["answer"] == "approved"
        assert confirmation["by"]


def test_a_no_with_a_message_reaches_the_model_and_the_record(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Denied(message="not this file")]) as here:
        answer = here.call("write", path="new.txt", content="x")
        assert answer.denied
        assert "not this file" in answer.text
        assert any(event.get("message") == "not this file" for event in here.events())


def test_a_yes_for_the_session_covers_the_same_file_and_no_other(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved(session=True)]) as here:
        assert not here.call("write", path="n.txt", content="1").is_error
        assert not here.call("write", path="n.txt", content="2").is_error
        assert here.call("write", path="other.txt", content="3").denied
        assert len(here.person.asked) == 2
        hows = [event["how"] for event in here.events() if event["event"] == "tool.confirmation"]
        assert hows == ["scripted person", "grant", "scripted person"]


def test_no_grant_is_kept_where_the_policy_keeps_none(tmp_path: Path) -> None:
    with room(tmp_path, preset="hardened", answers=[Approved(session=True)]) as here:
        assert not here.call("write", path="n.txt", content="1").is_error
        assert here.call("write", path="n.txt", content="2").denied
        assert here.person.asked[0].grant is None


def test_an_edited_call_is_judged_again_from_the_start(tmp_path: Path) -> None:
    harmful = json.dumps({"command": "git push"})
    with room(tmp_path, answers=[Edited(arguments=harmful)]) as here:
        answer = here.call("bash", command="touch new.txt")
        assert answer.denied
        assert here.names() == ["tool.intent", "tool.confirmation", "tool.intent", "tool.refused"]
        assert not (here.workspace / "new.txt").exists()


def test_an_approval_holds_only_for_the_bytes_that_were_there(tmp_path: Path) -> None:
    def change_first(question: Question) -> Approved:
        del question
        (tmp_path / "ws" / "a.txt").write_text("changed behind the question\n")
        return Approved()

    with room(tmp_path, answers=[change_first]) as here:
        answer = here.call("write", path="a.txt", content="mine\n")
        assert answer.is_error
        assert (here.workspace / "a.txt").read_text() == "changed behind the question\n"


def test_an_approval_to_run_a_script_holds_only_for_its_bytes(tmp_path: Path) -> None:
    def change_first(question: Question) -> Approved:
        del question
        (tmp_path / "ws" / "s.sh").write_text("echo evil\n")
        return Approved()

    with room(tmp_path, answers=[change_first]) as here:
        (here.workspace / "s.sh").write_text("echo good\n")
        answer = here.call("bash", command="bash s.sh")
        assert answer.is_error
        assert "evil" not in answer.text


def test_running_what_the_agent_wrote_asks_even_where_running_is_allowed(tmp_path: Path) -> None:
    with room(tmp_path, preset="permissive") as here:
        (here.workspace / "theirs.sh").write_text("echo from the repository\n")
        assert not here.call("bash", command="bash theirs.sh").is_error
        assert not here.call("write", path="mine.sh", content="echo written by the agent\n").is_error
        answer = here.call("bash", command="bash mine.sh")
        assert answer.denied
        assert answer.verdict is Verdict.CONFIRM


def test_a_dry_run_judges_and_records_and_changes_nothing(tmp_path: Path) -> None:
    with room(tmp_path, dry_run=True, answers=[Approved()]) as here:
        assert "dry run" in here.call("write", path="new.txt", content="x").text
        assert "dry run" in here.call("bash", command="ls").text
        assert here.call("bash", command="git push").denied
        assert not (here.workspace / "new.txt").exists()
        assert not here.person.asked
        assert here.names().count("tool.skipped") == 2


def test_nothing_is_performed_when_the_intent_cannot_be_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuditError), room(tmp_path, preset="permissive") as here:
        real = os.fdatasync

        def full(descriptor: int) -> None:
            if (
                stat.S_ISREG(os.fstat(descriptor).st_mode)
                and here.workspace not in Path(os.readlink(f"/proc/self/fd/{descriptor}")).parents
            ):
                raise OSError(28, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fdatasync", full)
        here.call("write", path="new.txt", content="x")
    assert not (tmp_path / "ws" / "new.txt").exists()


def test_hardened_refuses_to_approve_everything(tmp_path: Path) -> None:
    everything = Person(how=UnsafeApproveAll.how)
    with pytest.raises(ConfigurationError, match="hardened"), room(tmp_path, preset="hardened", person=everything):
        pass
    with room(tmp_path, preset="balanced", person=everything) as here:
        assert any("unsafe-approve-all" in str(event.get("text", "")) for event in here.events())


def test_secrets_of_the_environment_do_not_reach_the_record_or_the_child(tmp_path: Path) -> None:
    secret = "hunter2-hunter2-hunter2"
    with room(tmp_path, environ={"SOME_API_KEY": secret}) as here:
        here.call("bash", command=f"echo {secret}")
        answer = here.call("bash", command="printenv")
        assert secret not in answer.text
        assert "PATH=" in answer.text
        assert secret not in Path(here.session.path).read_text()


def test_an_interrupt_is_recorded_and_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bylaw.tools.toolbox import Toolbox

    def interrupted(self: Toolbox, permit: object) -> None:
        raise KeyboardInterrupt

    with room(tmp_path) as here:
        monkeypatch.setattr(Toolbox, "perform", interrupted)
        with pytest.raises(KeyboardInterrupt):
            here.call("bash", command="sleep 30")
        assert here.events()[-1]["status"] == "interrupted"


def test_git_commit_composes_a_message_shows_what_is_staged_and_says_what_was_not_run(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        (here.workspace / "a.txt").write_text("one\nTWO\nthree\n")
        git(here.workspace, "add", "a.txt")
        hook = here.workspace / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\ntouch hook-ran\n")
        hook.chmod(0o755)
        git(here.workspace, "config", "user.name", "Person")
        git(here.workspace, "config", "user.email", "p@example.org")
        answer = here.call("git_commit")
        assert not answer.is_error, answer.text
        assert "+TWO" in here.person.asked[0].text
        assert "hook" in answer.text
        assert not (here.workspace / "hook-ran").exists()
        assert "a.txt" in git(here.workspace, "log", "-1", "--format=%B")


def test_git_tools_do_not_run_what_the_repository_configures(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        payload = here.workspace / "p"
        payload.write_text("#!/bin/sh\ntouch PWNED\n")
        payload.chmod(0o755)
        for name in ("core.fsmonitor", "diff.external", "core.pager", "filter.x.clean", "diff.x.textconv"):
            git(here.workspace, "config", name, "./p")
        (here.workspace / ".gitattributes").write_text("* filter=x diff=x\n")
        (here.workspace / "a.txt").write_text("other\n")
        for answer in (here.call("git_status"), here.call("git_diff"), here.call("git_log"), here.call("bash", command="git status")):
            assert not answer.denied or "filter" in answer.text
        assert not (here.workspace / "PWNED").exists()


def test_what_the_screen_shows_cannot_be_steered_by_the_model(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        here.call("write", path="a\u202etxt.sh", content="\x1b[2Jgone\rshown instead\n")
        shown = here.person.asked[0].text
        assert "\x1b" not in shown
        assert "\r" not in shown
        assert "\u202e" not in shown
        assert "gone" in shown


def test_a_call_that_does_not_fit_into_a_record_is_not_performed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with room(tmp_path) as here:
        monkeypatch.setattr("bylaw.audit.canonical.MAX_LINE_BYTES", 2000)
        answer = here.call("bash", command="echo " + "word " * 500)
        assert answer.denied
        assert "cannot be recorded" in answer.text
        assert here.names() == ["tool.refused"]


def test_text_that_is_no_unicode_is_answered_and_recorded(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        assert here.raw("read", '{"path": "\\udc80"}').is_error
        assert here.raw("\udc80", "{}").is_error
        assert here.raw("bash", '{"command": "echo \\udc80"}').is_error
        path = here.session.path
    assert verify(path).consistent


def commit_with_hook(tmp_path: Path, hooks: str) -> tuple[bool, str, Path]:
    """A commit where a hook is there, under a policy that says what to do about it: refused?, answer, workspace."""
    policy = f"version: 1\nname: own\nextends: balanced\nhooks: {hooks}\n"
    with room(tmp_path, policy=policy, answers=[Approved()]) as here:
        hook = here.workspace / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\necho ran > hook-ran\n")
        hook.chmod(0o755)
        git(here.workspace, "config", "user.name", "Person")
        git(here.workspace, "config", "user.email", "p@example.org")
        (here.workspace / "a.txt").write_text("other\n")
        answer = here.call("git_commit", message="Change a", files=["a.txt"])
        return answer.is_error, answer.text, here.workspace


def test_hooks_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    refused, text, workspace = commit_with_hook(tmp_path, "skip")
    assert not refused, text
    assert "hooks and signing were not run" in text
    assert not (workspace / "hook-ran").exists()


def test_a_policy_can_refuse_a_commit_that_would_leave_out_a_hook(tmp_path: Path) -> None:
    refused, text, workspace = commit_with_hook(tmp_path, "refuse")
    assert refused
    assert "pre-commit" in text
    assert git(workspace, "log", "--oneline").count("\n") == 1


def test_a_policy_can_have_hooks_run_after_a_yes_and_confined(tmp_path: Path) -> None:
    refused, text, workspace = commit_with_hook(tmp_path, "run")
    assert not refused, text
    assert "hooks were run" in text
    assert (workspace / "hook-ran").exists()


def test_a_link_inside_the_workspace_is_refused_to_the_file_tools(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        (here.workspace / "link.txt").symlink_to("a.txt")
        (here.workspace / "way-out").symlink_to("/etc/hostname")
        for name in ("link.txt", "way-out"):
            assert here.call("read", path=name).denied, name
            assert here.call("write", path=name, content="x").denied, name


def make_worktree(tmp_path: Path) -> Path:
    """A repository beside the workspace, whose worktree is the workspace."""
    from gate_room import make_workspace

    (tmp_path / "main").mkdir()
    main = make_workspace(tmp_path / "main")
    git(main, "worktree", "add", "--quiet", str(tmp_path / "ws"), "-b", "side")
    return main


def test_git_tools_work_in_a_worktree_whose_repository_lies_elsewhere(tmp_path: Path) -> None:
    main = make_worktree(tmp_path)
    with room(tmp_path) as here:
        assert "side" in here.call("git_status").text
        assert "first" in here.call("git_log").text
        assert not here.call("bash", command="git log --oneline").is_error
        answer = here.call("write", path=str(main / "a.txt"), content="x")
        assert answer.denied
    assert (main / "a.txt").read_text() == "one\ntwo\nthree\n"


def test_git_tools_work_in_a_submodule(tmp_path: Path) -> None:
    from gate_room import make_workspace

    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
        make_workspace(tmp_path / name)
    outer = tmp_path / "outer" / "ws"
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner" / "ws"), "sub")
    (tmp_path / "ws").symlink_to(outer / "sub")
    with room(tmp_path) as here:
        assert not here.call("git_status").is_error
        assert "first" in here.call("git_log").text


def test_a_message_is_composed_for_files_that_are_not_staged_yet(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        git(here.workspace, "config", "user.name", "Person")
        git(here.workspace, "config", "user.email", "p@example.org")
        (here.workspace / "c.txt").write_text("new\n")
        answer = here.call("git_commit", files=["c.txt"])
        assert not answer.is_error, answer.text
        assert "c.txt" in git(here.workspace, "log", "-1", "--format=%B")
        assert len(here.person.asked) == 1


def test_a_commit_with_nothing_to_commit_is_an_error_that_says_so(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("git_commit")
        assert answer.is_error
        assert "nothing is staged" in answer.text
        assert not here.person.asked
        assert here.names()[-1] == "tool.outcome"


def test_a_dry_run_of_a_commit_without_a_message_says_what_would_happen(tmp_path: Path) -> None:
    with room(tmp_path, dry_run=True) as here:
        assert "would need a confirmation" in here.call("git_commit").text
        assert here.names() == ["tool.intent", "tool.skipped"]


def test_hardened_asks_once_for_a_commit(tmp_path: Path) -> None:
    with room(tmp_path, preset="hardened", answers=[Approved()]) as here:
        git(here.workspace, "config", "user.name", "Person")
        git(here.workspace, "config", "user.email", "p@example.org")
        (here.workspace / "a.txt").write_text("other\n")
        git(here.workspace, "add", "a.txt")
        answer = here.call("git_commit")
        assert not answer.is_error, answer.text
        assert len(here.person.asked) == 1


def test_a_refused_commit_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    refused, text, _ = commit_with_hook(tmp_path, "refuse")
    assert refused
    assert "pre-commit" in text


def test_a_commit_by_command_says_in_the_question_which_hooks_are_left_out(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        hook = here.workspace / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        git(here.workspace, "config", "commit.gpgsign", "true")
        assert here.call("bash", command="git commit --allow-empty -m x").denied
        assert "the hook `pre-commit`, signing" in here.person.asked[0].text


def test_a_commit_to_compare_with_is_never_an_option(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        assert here.call("git_diff", commit="--output=x").is_error
        assert not here.person.asked
        assert not (here.workspace / "x").exists()


def test_ctrl_c_at_the_question_is_told_apart_from_ctrl_c_while_it_runs(tmp_path: Path) -> None:
    def interrupt(question: Question) -> Approved:
        raise KeyboardInterrupt

    with room(tmp_path, answers=[interrupt]) as here:
        with pytest.raises(NotPerformed):
            here.call("write", path="n.txt", content="x")
        assert here.events()[-1]["by"] == "interrupted"


def test_what_a_session_answer_allows_is_the_last_line_of_the_question(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        here.call("write", path="n.txt", content="x")
        assert here.person.asked[0].text.splitlines()[-1] == f"s allows: {here.person.asked[0].grant}"
        assert "n.txt" in str(here.person.asked[0].grant)


def test_no_session_answer_is_shown_where_none_is_offered(tmp_path: Path) -> None:
    with room(tmp_path, preset="hardened") as here:
        here.call("write", path="n.txt", content="x")
        assert "s allows" not in here.person.asked[0].text
