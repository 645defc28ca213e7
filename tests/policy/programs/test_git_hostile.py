"""git on repositories that try to run something: the planned words and environment are really executed.

Every case runs twice: as git runs by itself, where the marker must appear (or the case proves nothing), and as planned.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bylaw.policy.actions import GitCommit, GitDiff, GitLog, GitStatus
from bylaw.policy.analysis import Analysis, analyse, analyse_command
from bylaw.policy.effects import Connect, Read, Unknown, Write
from bylaw.policy.machine import MachineFiles
from bylaw.policy.model import Limits
from bylaw.policy.plan import Plan
from bylaw.policy.scope import Scope

LIMITS = Limits(read_bytes=10**6, write_bytes=10**6, output_bytes=10**6, command_seconds=60, command_characters=4096, regular_files=True)


@dataclass(frozen=True)
class Hostile:
    name: str
    setup: str
    command: str
    unknown: bool = False


CASES = [
    Hostile(
        "filter with a name of two parts",
        "echo 'f filter=x.y' > .git/info/attributes; printf '[filter.x \"y\"]\\n clean = ../helper\\n' >> .git/config",
        "git diff",
    ),
    Hostile(
        "filter without a name",
        "echo 'f filter=' > .git/info/attributes; printf '[filter \"\"]\\n clean = ../helper\\n' >> .git/config",
        "git diff",
    ),
    Hostile("amending", "cp ../helper .git/hooks/post-rewrite; git add f", "git commit --amend --no-edit"),
    Hostile(
        "remote with a program of its own",
        "git config remote.r.url x; git config remote.r.vcs ext; git config protocol.ext.allow always; git config remote.r.url '../helper'",
        "git ls-remote r",
    ),
    Hostile("fsmonitor", "git config core.fsmonitor ../helper", "git status"),
    Hostile("fsmonitor in diff", "git config core.fsmonitor ../helper", "git diff"),
    Hostile("pre-commit hook", "cp ../helper .git/hooks/pre-commit; git add f", "git commit -m x"),
    Hostile("commit-msg hook", "cp ../helper .git/hooks/commit-msg; git add f", "git commit -m x"),
    Hostile("post-commit hook", "cp ../helper .git/hooks/post-commit; git add f", "git commit -m x"),
    Hostile("prepare-commit-msg hook", "cp ../helper .git/hooks/prepare-commit-msg; git add f", "git commit -m x"),
    Hostile("hooks path", "mkdir h; cp ../helper h/pre-commit; git config core.hooksPath h; git add f", "git commit -m x"),
    Hostile("post-checkout hook", "cp ../helper .git/hooks/post-checkout", "git checkout -b other"),
    Hostile(
        "reference-transaction hook",
        "cp ../helper .git/hooks/reference-transaction",
        "git tag -l; git branch -a; git update-ref refs/x HEAD",
    ),
    Hostile("post-index-change hook", "cp ../helper .git/hooks/post-index-change", "git add f"),
    Hostile("external diff", "git config diff.external ../helper", "git diff"),
    Hostile("external diff driver", "echo 'f diff=z' > .gitattributes; git config diff.z.command ../helper", "git diff"),
    Hostile("textconv", "echo 'f diff=z' > .gitattributes; git config diff.z.textconv ../helper", "git diff"),
    Hostile("textconv in show", "echo 'f diff=z' > .gitattributes; git config diff.z.textconv ../helper", "git show HEAD"),
    Hostile("textconv in log", "echo 'f diff=z' > .gitattributes; git config diff.z.textconv ../helper", "git log -p -1"),
    Hostile("textconv in pickaxe", "echo 'f diff=z' > .gitattributes; git config diff.z.textconv ../helper", "git log -Sone"),
    Hostile("textconv in blame", "echo 'f diff=z' > .gitattributes; git config diff.z.textconv ../helper", "git blame f"),
    Hostile("textconv in status", "echo 'f diff=z' > .gitattributes; git config diff.z.textconv ../helper", "git status -vv"),
    Hostile("textconv in reflog", "echo 'f diff=z' > .git/info/attributes; git config diff.z.textconv ../helper", "git reflog -p"),
    Hostile(
        "clean filter in status", "echo 'f filter=z' > .git/info/attributes; git config filter.z.clean ../helper; touch f", "git status"
    ),
    Hostile("clean filter in diff", "echo 'f filter=z' > .git/info/attributes; git config filter.z.clean ../helper", "git diff"),
    Hostile(
        "required filter",
        "echo 'f filter=z' > .git/info/attributes; git config filter.z.clean ../helper; git config filter.z.required true",
        "git diff",
    ),
    Hostile("process filter", "echo 'f filter=z' > .git/info/attributes; git config filter.z.process ../helper", "git diff"),
    Hostile(
        "filter with a strange name", "echo 'f filter=Z.y' > .git/info/attributes; git config 'filter.Z.y.clean' ../helper", "git diff"
    ),
    Hostile(
        "filter with an old heading",
        "echo 'f filter=zz' > .git/info/attributes; printf '[FILTER.ZZ]\\n clean = ../helper\\n' >> .git/config",
        "git diff",
    ),
    Hostile(
        "filter while adding", "echo 'f filter=z' > .git/info/attributes; git config filter.z.clean ../helper", "git add f", unknown=True
    ),
    Hostile(
        "smudge filter",
        "echo 'f filter=z' > .git/info/attributes; git config filter.z.smudge ../helper; rm f",
        "git checkout -- f",
        unknown=True,
    ),
    Hostile(
        "merge driver",
        "echo 'f merge=z' > .git/info/attributes; git config merge.z.driver ../helper; git checkout -q f; git checkout -qb o; echo o > f; git commit -qam o; git checkout -q -; echo m > f; git commit -qam m",
        "git merge o",
        unknown=True,
    ),
    Hostile(
        "gpg program",
        "git config gpg.program ../helper; printf 'tree %s\\nauthor a <a@b> 1 +0000\\ncommitter a <a@b> 1 +0000\\ngpgsig -----BEGIN PGP SIGNATURE-----\\n x\\n -----END PGP SIGNATURE-----\\n\\nm\\n' $(git rev-parse HEAD^{tree}) > c; git update-ref HEAD $(git hash-object -t commit -w c)",
        "git log --format=%G?",
    ),
    Hostile(
        "show signature",
        "git config log.showSignature true; git config gpg.program ../helper; printf 'tree %s\\nauthor a <a@b> 1 +0000\\ncommitter a <a@b> 1 +0000\\ngpgsig -----BEGIN PGP SIGNATURE-----\\n x\\n -----END PGP SIGNATURE-----\\n\\nm\\n' $(git rev-parse HEAD^{tree}) > c; git update-ref HEAD $(git hash-object -t commit -w c)",
        "git log",
    ),
    Hostile("signing a commit", "git config commit.gpgSign true; git config gpg.program ../helper; git add f", "git commit -m x"),
    Hostile(
        "signing a commit with ssh",
        "git config commit.gpgSign true; git config gpg.format ssh; git config user.signingKey x; git config gpg.ssh.program ../helper; git add f",
        "git commit -m x",
    ),
    Hostile("editor", "git config core.editor ../helper; git add f", "git commit"),
    Hostile("ssh command", "git config core.sshCommand ../helper", "git ls-remote ssh://h/x"),
    Hostile("ext transport", "git config protocol.ext.allow always; git remote add r 'ext::../helper'", "git ls-remote r"),
    Hostile(
        "ext transport by rewriting",
        "git config protocol.ext.allow always; git config url.'ext::../helper x'.insteadOf https://e/",
        "git ls-remote https://e/",
    ),
    Hostile("upload-pack of a remote", "git remote add r .; git config remote.r.uploadpack ../helper", "git fetch r"),
    Hostile("receive-pack of a remote", "git remote add r .; git config remote.r.receivepack ../helper", "git push r HEAD:refs/heads/z"),
    Hostile("proxy command", "git config core.gitProxy ../helper", "git ls-remote git://127.0.0.1/x"),
    Hostile("alias", "git config alias.x '!../helper'", "git x", unknown=True),
    Hostile("trailer command", "git config trailer.z.command ../helper; git add f", "git commit -m x --trailer z=1", unknown=True),
    Hostile(
        "included configuration",
        "printf '[filter \"z\"]\\n clean = ../helper\\n' > inc; git config include.path ../inc; echo 'f filter=z' > .git/info/attributes",
        "git diff",
        unknown=True,
    ),
    Hostile(
        "configuration of a worktree",
        "git config extensions.worktreeConfig true; git config --worktree filter.z.clean ../helper; echo 'f filter=z' > .git/info/attributes",
        "git diff",
    ),
    Hostile(
        "embedded bare repository",
        "git init -q --bare sub; git -C sub config core.bare false; git -C sub config core.worktree $PWD; git -C sub config core.fsmonitor $PWD/../helper",
        "git -C sub status",
        unknown=True,
    ),
    Hostile(
        "repository below",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config core.fsmonitor ../../helper; cd ..",
        "git -C sub status",
    ),
    Hostile(
        "filter of a repository below",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config filter.z.clean ../../helper; echo 'f filter=z' > .git/info/attributes; echo y > f; cd ..",
        "git -C sub diff",
    ),
    Hostile(
        "filter of a submodule in status",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config filter.z.clean $PWD/../../helper; echo 'f filter=z' > .git/info/attributes; cd ..; git add sub 2>/dev/null; git commit -qm sub; touch -d 2001-01-01 sub/f",
        "git status",
    ),
    Hostile(
        "filter of a submodule in diff",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config filter.z.clean $PWD/../../helper; echo 'f filter=z' > .git/info/attributes; cd ..; git add sub 2>/dev/null; git commit -qm sub; touch -d 2001-01-01 sub/f",
        "git diff",
    ),
    Hostile(
        "filter of a submodule while describing",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config filter.z.clean $PWD/../../helper; echo 'f filter=z' > .git/info/attributes; cd ..; git add sub 2>/dev/null; git commit -qm sub; git tag -a t -m t; touch -d 2001-01-01 sub/f; git checkout -q f",
        "git describe --dirty",
        unknown=True,
    ),
    Hostile(
        "filter of a submodule while adding",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config filter.z.clean $PWD/../../helper; echo 'f filter=z' > .git/info/attributes; cd ..; git add sub 2>/dev/null; git commit -qm sub; touch -d 2001-01-01 sub/f",
        "git add .",
        unknown=True,
    ),
    Hostile(
        "submodules asked for",
        "git init -q sub; cp f sub; cd sub; git add f; git commit -qm s; git config filter.z.clean $PWD/../../helper; echo 'f filter=z' > .git/info/attributes; cd ..; git add sub 2>/dev/null; git commit -qm sub; touch -d 2001-01-01 sub/f",
        "git diff --ignore-submodules=none",
        unknown=True,
    ),
    Hostile(
        "credential helper",
        "git config credential.helper '!../helper'",
        "printf 'protocol=https\\nhost=x\\n\\n' | git credential fill",
        unknown=True,
    ),
    Hostile("difftool", "git config difftool.z.cmd ../helper; git config diff.tool z", "git difftool -y", unknown=True),
]


def _place(base: Path, setup: str) -> Scope:
    workspace = base / "w"
    home = base / "home"
    for one in (workspace, home):
        one.mkdir(parents=True)
    helper = base / "helper"
    helper.write_text(f"#!/bin/sh\ntouch {base}/marker\nexit 1\n")
    helper.chmod(0o755)
    (home / ".gitconfig").write_text("[user]\n name = a\n email = a@b\n")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    first = "git init -q .; echo one > f; git add f; git commit -qm first; echo two > f;"
    subprocess.run(["bash", "-c", first + setup], cwd=workspace, env=environment, check=True, capture_output=True)
    (base / "marker").unlink(missing_ok=True)
    where = str(workspace)
    return Scope(
        files=MachineFiles(), workspace=where, cwd=where, home=str(home), read_roots=(where,), write_roots=(where,), environment=environment
    )


def _perform(plan: Plan, scope: Scope) -> list[subprocess.CompletedProcess[bytes]]:
    done: list[subprocess.CompletedProcess[bytes]] = []
    for one in plan.invocations():
        assert one.program is not None
        environment = {**scope.environment, **dict(one.environment)}
        done.append(
            subprocess.run(
                list(one.argv), executable=one.program, cwd=one.directory, env=environment, check=False, capture_output=True,
                stdin=subprocess.DEVNULL, timeout=60,
            )
        )  # fmt: skip
    return done


def _unknown(analysis: Analysis) -> bool:
    return any(isinstance(one, Unknown) for one in analysis.effects)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_repository_starts_nothing(case: Hostile, tmp_path: Path) -> None:
    bare = _place(tmp_path / "bare", case.setup)
    subprocess.run(
        ["bash", "-c", case.command], cwd=bare.cwd, env=dict(bare.environment), check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert (tmp_path / "bare" / "marker").exists(), "git by itself did not fall for it: the case proves nothing"
    scope = _place(tmp_path / "planned", case.setup)
    analysis = analyse_command(case.command, scope, LIMITS)
    assert analysis.refusal is None
    assert _unknown(analysis) == case.unknown, analysis.effects
    if not case.unknown:
        assert analysis.plan is not None
        _perform(analysis.plan, scope)
        assert not (tmp_path / "planned" / "marker").exists()


def test_a_commit_keeps_the_identity_of_the_user(tmp_path: Path) -> None:
    scope = _place(tmp_path, "true")
    analysis = analyse(GitCommit(message="-a message", files=("f",)), scope, LIMITS)
    assert analysis.plan is not None
    assert not _unknown(analysis)
    assert all(one.returncode == 0 for one in _perform(analysis.plan, scope))
    log = analyse(GitLog(), scope, LIMITS)
    assert log.plan is not None
    assert b"a@b" in _perform(log.plan, scope)[0].stdout
    assert b"-a message" in _perform(log.plan, scope)[0].stdout


def test_the_git_tools_work_in_a_plain_repository(tmp_path: Path) -> None:
    scope = _place(tmp_path, "true")
    for action, shown in (
        (GitStatus(), b"f\0"),
        (GitDiff(), b"+two"),
        (GitDiff(commit="HEAD", file="f"), b"+two"),
        (GitLog(file="f"), b"first"),
    ):
        analysis = analyse(action, scope, LIMITS)
        assert analysis.plan is not None
        assert not _unknown(analysis)
        done = _perform(analysis.plan, scope)
        assert done[0].returncode == 0, done[0].stderr
        assert shown in done[0].stdout


def test_a_commit_without_message_is_judged_but_not_planned(tmp_path: Path) -> None:
    analysis = analyse(GitCommit(files=("f",)), _place(tmp_path, "true"), LIMITS)
    assert analysis.plan is not None
    assert [one.argv[:3] for one in analysis.plan.invocations()] == [("git", "--literal-pathspecs", "add")]
    assert any(isinstance(one, Write) for one in analysis.effects)


def test_files_to_commit_are_never_options(tmp_path: Path) -> None:
    analysis = analyse(GitCommit(message="m", files=("-A",)), _place(tmp_path, "true"), LIMITS)
    assert analysis.plan is not None
    assert analysis.plan.invocations()[0].argv == ("git", "--literal-pathspecs", "add", "--", "-A")


@pytest.mark.parametrize(
    "command",
    [
        "git -c core.fsmonitor=x status", "git --config-env=a=B status", "git --exec-path=. status", "git ls-remote --upload-pa=x .",
        "GIT_DIR=x git status", "env GIT_EXTERNAL_DIFF=x git diff", "GIT_CONFIG_COUNT=0 git status", "env -i git status",
        "git grep -Ox y", "git diff --ext-diff", "git log --textconv -p", "git submodule update", "git submodule foreach x", "git rebase -x y HEAD",
        "git bisect run x", "git help status", "git diff --no-index a b", "git difft", "git filter-branch", "git send-email x", "git instaweb",
        "git clone --template=x https://e/y", "git commit -S -m x", "git add -p", "git verify-commit HEAD", "git cat-file --filters HEAD:f",
        "git archive --remote=. HEAD", "git log --show-signature", "git config -f x a.b", "git hash-object -w f",
    ],
)  # fmt: skip
def test_what_can_start_a_program_is_unknown(command: str, tmp_path: Path) -> None:
    assert _unknown(analyse_command(command, _place(tmp_path, "true"), LIMITS))


def test_two_paths_outside_of_the_repository_are_read(tmp_path: Path) -> None:
    found = analyse_command("git diff /dev/null /etc/hosts", _place(tmp_path, "true"), LIMITS).effects
    assert any(isinstance(one, Read) and one.path == "/etc/hosts" for one in found)


@pytest.mark.parametrize(
    "command",
    [
        "git push",
        "git push origin main",
        "git fetch",
        "git pull",
        "git ls-remote https://e.org/x",
        "git send-pack e:x",
        "git remote update",
    ],
)
def test_talking_to_a_remote_connects(command: str, tmp_path: Path) -> None:
    scope = _place(tmp_path, "git remote add origin https://e.org/y")
    found = [one.host for one in analyse_command(command, scope, LIMITS).effects if isinstance(one, Connect)]
    assert found and set(found) <= {"e.org", "*"}


def test_setting_a_value_writes_the_configuration(tmp_path: Path) -> None:
    scope = _place(tmp_path, "true")
    for command, writes in (
        ("git config a.b c", True),
        ("git config --get a.b", False),
        ("git config a.b", False),
        ("git config --unset a.b", True),
    ):
        found = analyse_command(command, scope, LIMITS).effects
        assert (Write in {type(one) for one in found}) == writes, command


def test_the_repository_is_that_of_the_directory_given(tmp_path: Path) -> None:
    scope = _place(tmp_path, "git init -q sub")
    found = analyse_command("git -C sub status", scope, LIMITS).effects
    assert Read(path=f"{scope.cwd}/sub", recursive=True) in {
        type(one)(path=one.path, recursive=one.recursive) for one in found if isinstance(one, Read)
    }


def test_a_worktree_reads_the_repository_it_belongs_to(tmp_path: Path) -> None:
    scope = _place(tmp_path, "git worktree add -q ../tree")
    found = analyse_command("git -C ../tree status", scope, LIMITS).effects
    paths = {one.path for one in found if isinstance(one, Read)}
    assert f"{scope.cwd}/.git" in paths
    assert os.path.realpath(tmp_path / "tree") in paths
