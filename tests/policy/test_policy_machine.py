"""The real machine: paths, workspaces, worktrees, and the scope of a session."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bylaw.policy import machine
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.layers import Override, load
from bylaw.policy.machine import MachineFiles, make_scope
from bylaw.policy.workspace import check_workspace, git_directories

FILES = MachineFiles()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "ws" / "src").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "ws" / "file").write_text("text")
    return tmp_path


def test_links_are_resolved_as_far_as_the_path_exists(top: Path) -> None:
    (top / "ws" / "out").symlink_to("../home")
    (top / "ws" / "absolute").symlink_to(str(top / "home"))
    (top / "ws" / "dangling").symlink_to("../gone")
    assert FILES.real(f"{top}/ws/./out/x/y") == f"{top}/home/x/y"
    assert FILES.real(f"{top}/ws/absolute/../ws") == f"{top}/ws"
    assert FILES.real(f"{top}/ws/dangling") == f"{top}/gone"
    assert FILES.real(f"{top}/ws/file/") == f"{top}/ws/file"
    assert FILES.real("/..") == "/"


@pytest.mark.parametrize("path", ["ws/nope/../x", "ws/loop", "ws/file/../x", "ws/file/x"])
def test_a_path_whose_meaning_is_not_settled_is_refused(top: Path, path: str) -> None:
    (top / "ws" / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="`"):
        FILES.real(f"{top}/{path}")


@pytest.mark.parametrize("path", ["relative", "/a\0b", ""])
def test_what_is_no_absolute_path_is_refused(path: str) -> None:
    with pytest.raises(OSError, match="no absolute path"):
        FILES.real(path)


def test_kinds_are_told_without_following_a_final_link(top: Path) -> None:
    os.mkfifo(top / "pipe")
    (top / "link").symlink_to("ws")
    kinds = {name: FILES.kind(f"{top}/{name}") for name in ("ws", "ws/file", "link", "pipe", "none", "ws/file/x")}
    assert kinds == {"ws": "directory", "ws/file": "file", "link": "symlink", "pipe": "other", "none": "missing", "ws/file/x": "missing"}
    assert FILES.kind("/a\0b") == "other"


def test_names_and_programs_are_seen(top: Path) -> None:
    assert FILES.names(str(top / "ws")) == ("file", "src")
    assert FILES.names(str(top / "none")) == ()
    assert FILES.executable("/bin/sh")
    assert not FILES.executable(str(top / "ws"))
    assert not FILES.executable(str(top / "none"))


def test_texts_are_read_up_to_a_limit(top: Path) -> None:
    os.mkfifo(top / "pipe")
    (top / "bytes").write_bytes(b"\xff")
    assert FILES.read_text(str(top / "ws" / "file"), 4) == "text"
    assert FILES.read_text(str(top / "ws" / "file"), 3) is None
    assert FILES.read_text(str(top / "pipe"), 10) is None
    assert FILES.read_text(str(top / "bytes"), 10) is None
    assert FILES.read_text(str(top / "none"), 10) is None


def test_a_project_may_be_a_workspace(top: Path) -> None:
    (top / "link").symlink_to("ws")
    assert check_workspace(str(top / "link"), str(top / "home"), [str(top / "state")]) == str(top / "ws")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{top}/none", "does not exist"),
        ("{top}/ws/file", "is no directory"),
        ("/", "`/` cannot be"),
        ("{top}/home", "home directory"),
        ("{top}", "home directory"),
        ("/root", "home directory"),
        ("{top}/state", "bylaw's own files"),
        ("{top}/state/audit", "bylaw's own files"),
        ("{top}/state/audit/deep", "bylaw's own files"),
        ("/a\0b", "does not exist"),
    ],
)
def test_what_is_no_project_is_refused(top: Path, path: str, message: str) -> None:
    (top / "state" / "audit" / "deep").mkdir(parents=True)
    with pytest.raises(PolicyFileError, match=message) as caught:
        check_workspace(path.format(top=top), str(top / "home"), [str(top / "state" / "audit")])
    assert caught.value.exit_code == 7


def _git(*words: str, cwd: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *identity, *words], cwd=cwd, check=True, capture_output=True)


def _repository(path: Path) -> Path:
    path.mkdir()
    _git("init", "-q", cwd=path)
    _git("commit", "-q", "--allow-empty", "-m", "x", cwd=path)
    return path


def test_the_repository_of_a_worktree_is_found(tmp_path: Path) -> None:
    main = _repository(tmp_path / "main")
    _git("worktree", "add", "-q", str(tmp_path / "tree"), cwd=main)
    assert git_directories(str(tmp_path / "tree"), FILES) == (f"{main}/.git/worktrees/tree", f"{main}/.git")


def test_the_repository_of_a_submodule_is_found(tmp_path: Path) -> None:
    inner, outer = _repository(tmp_path / "inner"), _repository(tmp_path / "outer")
    _git("submodule", "add", "-q", str(inner), "sub", cwd=outer)
    assert git_directories(str(outer / "sub"), FILES) == (f"{outer}/.git/modules/sub",)


def test_a_plain_repository_has_no_other_directory(tmp_path: Path) -> None:
    assert git_directories(str(_repository(tmp_path / "main")), FILES) == ()


@pytest.mark.parametrize(
    "pointer", ["gitdir: {top}/home", "gitdir: {top}/ws/src", "gitdir: ", "no pointer", "gitdir: {top}/none", "gitdir: {top}/ws/nope/../x"]
)
def test_a_pointer_that_nothing_answers_is_not_believed(top: Path, pointer: str) -> None:
    (top / "ws" / ".git").write_text(pointer.format(top=top))
    assert git_directories(str(top / "ws"), FILES) == ()


@pytest.mark.parametrize(("back", "common"), [("{top}/other/.git", ".."), ("{top}/ws/.git", ".."), ("{top}/ws/.git", "")])
def test_a_directory_that_points_elsewhere_is_not_believed(top: Path, back: str, common: str) -> None:
    (top / "store").mkdir()
    (top / "store" / "gitdir").write_text(back.format(top=top))
    (top / "store" / "commondir").write_text(common)
    (top / "ws" / ".git").write_text(f"gitdir: {top}/store\n")
    assert git_directories(str(top / "ws"), FILES) == ()


def test_the_scope_of_a_session_holds_what_the_policy_says(top: Path) -> None:
    tools = top / "tools"
    tools.mkdir()
    policy = load(overrides={"allow_path": Override([str(tools)], "--allow-path")}, workspace=str(top / "ws"), home=str(top / "home"))
    scope = make_scope(
        policy, workspace=str(top / "ws"), cwd=str(top / "ws" / "src"), home=str(top / "home"), environ={"LANG": "C", "TOKEN": "x"}
    )
    assert scope.read_roots == scope.write_roots == (str(top / "ws"), str(tools))
    assert scope.cwd == str(top / "ws" / "src")
    assert scope.environment["LANG"] == "C"
    assert "TOKEN" not in scope.environment
    assert scope.environment["PATH"] == ":".join(scope.search_path)
    assert scope.find_program("sh") is not None


def test_programs_are_not_looked_up_where_calls_may_write(top: Path) -> None:
    policy = load(overrides={"paths.write": Override(["/usr/local"], "--allow-path")}, workspace=str(top / "ws"), home=str(top / "home"))
    scope = make_scope(policy, workspace=str(top / "ws"), home=str(top / "home"), environ={})
    assert scope.cwd == str(top / "ws")
    assert not any(one.startswith("/usr/local") for one in scope.search_path)


def test_the_repository_of_a_worktree_is_readable_and_not_writable(tmp_path: Path) -> None:
    main = _repository(tmp_path / "main")
    _git("worktree", "add", "-q", str(tmp_path / "tree"), cwd=main)
    workspace = str(tmp_path / "tree")
    scope = make_scope(load(workspace=workspace, home="/home/user"), workspace=workspace, home="/home/user", environ={})
    assert f"{main}/.git" in scope.read_roots
    assert scope.write_roots == (workspace,)


def test_a_listing_of_the_system_is_read_again_when_the_directory_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "usr"
    (directory / "inner").mkdir(parents=True)
    owner = os.lstat
    monkeypatch.setattr(machine, "_SYSTEM", (str(tmp_path),))
    monkeypatch.setattr(machine, "_SETTLED", -1)
    monkeypatch.setattr(machine, "_MOST_LISTINGS", len(machine._LISTINGS) + 1)  # pyright: ignore[reportPrivateUsage]  # what it keeps
    directory.chmod(0o755)
    os.utime(directory, ns=(1, 1))

    def state(path: str) -> os.stat_result:
        return os.stat_result((*owner(path)[:4], 0, *owner(path)[5:]), {"st_mtime_ns": owner(path).st_mtime_ns, "st_ctime_ns": 1})

    monkeypatch.setattr(os, "lstat", state)  # a directory of root, whoever runs the test
    files = MachineFiles()
    assert files.listing(str(directory)) == files.listing(str(directory)) == (("inner",), ("inner",))
    (directory / "a").touch()
    assert files.listing(str(directory)) == (("a", "inner"), ("inner",))
    assert files.listing(str(directory / "inner")) == ((), ())
    assert files.listing(str(directory / "missing")) == ((), ())
    (directory / "b").touch()
    directory.chmod(0o777)  # others can change it now
    assert files.listing(str(directory)) == (("a", "b", "inner"), ("inner",))


def test_one_decision_looks_at_a_path_once_and_the_next_one_anew(tmp_path: Path) -> None:
    files = MachineFiles()
    first = files.steady()
    path = f"{os.path.realpath(tmp_path)}/a"
    assert first.kind(path) == "missing"
    assert first.real(path) == path
    os.symlink("/usr", path)
    assert first.steady() is first
    assert (first.kind(path), first.real(path)) == ("missing", path)
    assert (files.steady().kind(path), files.steady().real(path)) == ("symlink", "/usr")


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "/file", "/file/", "/file/x", "/in", "/in/a", "/in/gone/x", "/in/../file", "/in/./a", "/in//a", "/in/..", "/out", "/out/a",
     "/gone", "/gone/../x", "/loop", "/in/\0", "/in/.hidden"],
)  # fmt: skip
def test_the_files_of_one_decision_lead_where_all_others_do(top: Path, path: str) -> None:
    (top / "in").mkdir()
    (top / "in" / "a").touch()
    (top / "file").touch()
    (top / "out").symlink_to("in")
    (top / "loop").symlink_to("loop")
    steady = FILES.steady()
    for _ in range(2):
        assert _answer(steady, f"{top}{path}") == _answer(FILES, f"{top}{path}")
    assert _answer(steady, path) == _answer(FILES, path)


def _answer(files: MachineFiles, path: str) -> str:
    try:
        return files.real(path)
    except (OSError, ValueError) as problem:
        return f"{type(problem).__name__}: {problem}"


def test_one_decision_reads_a_file_once_and_asks_once_whether_it_is_a_program(tmp_path: Path) -> None:
    first, path = FILES.steady(), tmp_path / "a"
    path.write_text("before")
    seen = (first.read_text(str(path), 9), first.executable(str(path)))
    path.write_text("after")
    path.chmod(0o755)
    assert (first.read_text(str(path), 9), first.executable(str(path))) == seen == ("before", False)
    assert (FILES.steady().read_text(str(path), 9), FILES.steady().executable(str(path))) == ("after", True)


def test_a_path_longer_than_the_kernel_takes_is_none() -> None:
    assert MachineFiles().real("/" + "a/" * 2_000) == "/" + "/".join("a" * 2_000)
    with pytest.raises(OSError, match="no absolute path"):
        MachineFiles().real("/" + "../" * 20_000)
