from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.model import Limits
from bylaw.tools import paths
from bylaw.tools.errors import MissingError, PathError
from bylaw.tools.paths import make_parents, open_beneath, open_root, opened, opened_file, target_for
from bylaw.tools.permit import Target

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=10, command_characters=1000, regular_files=True
)


@pytest.fixture(params=["openat2", "components"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every behaviour holds with the kernel's help and without it."""
    if request.param == "components":
        monkeypatch.setattr(paths, "has_openat2", lambda: False)
    elif not paths.has_openat2():
        pytest.skip("no openat2 here")
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    home = tmp_path / "root"
    home.mkdir()
    descriptor = open_root(str(home))
    yield home, descriptor
    os.close(descriptor)


def at(root: tuple[Path, int], relative: str) -> Target:
    return Target(descriptor=root[1], relative=relative, shown=f"{root[0]}/{relative}")


def test_a_file_below_the_root_opens(root: tuple[Path, int]) -> None:
    (root[0] / "a").mkdir()
    (root[0] / "a" / "..foo").write_text("legal")
    with opened_file(at(root, "a/..foo"), LIMITS) as descriptor:
        assert os.read(descriptor, 10) == b"legal"


def test_a_root_that_is_a_link_is_opened_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    descriptor = open_root(str(tmp_path / "link"))
    assert os.readlink(f"/proc/self/fd/{descriptor}") == str(tmp_path / "real")
    os.close(descriptor)


def test_a_root_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="nothing-here"):
        open_root(str(tmp_path / "nothing-here"))


@pytest.mark.parametrize("relative", ["..", "../x", "a/../b", "a//b", "/etc", "", "./a", "a/", "a\0b"])
def test_a_path_that_is_not_made_of_plain_names_is_refused(root: tuple[Path, int], relative: str) -> None:
    with pytest.raises(PathError, match="plain names"):
        open_beneath(at(root, relative), os.O_RDONLY)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH, os.O_WRONLY | os.O_CREAT])
@pytest.mark.parametrize("leads", ["outside.txt", "missing-outside", "/etc/passwd", "inside.txt"])
def test_a_final_link_is_refused_wherever_it_leads(root: tuple[Path, int], flags: int, leads: str) -> None:
    (root[0].parent / "outside.txt").write_text("secret")
    (root[0] / "inside.txt").write_text("x")
    (root[0] / "link").symlink_to(leads if leads.startswith(("/", "inside")) else f"../{leads}")
    with pytest.raises(PathError, match="link"):
        open_beneath(at(root, "link"), flags, 0o600)
    assert not (root[0].parent / "missing-outside").exists()


def test_a_link_as_a_parent_is_refused(root: tuple[Path, int]) -> None:
    outside = root[0].parent / "outside"
    outside.mkdir()
    (root[0] / "link").symlink_to(outside)
    with pytest.raises(PathError):
        open_beneath(at(root, "link/new"), os.O_WRONLY | os.O_CREAT, 0o600)
    with pytest.raises(PathError):
        make_parents(at(root, "link/deep/new"))
    assert list(outside.iterdir()) == []


def test_a_magic_link_is_refused() -> None:
    top = os.open("/", os.O_PATH | os.O_DIRECTORY)
    try:
        with pytest.raises(PathError):
            open_beneath(Target(descriptor=top, relative="proc/self/root/etc/hostname", shown="/proc/self/root/etc/hostname"), os.O_RDONLY)
    finally:
        os.close(top)


def test_a_named_pipe_is_refused_without_waiting(root: tuple[Path, int]) -> None:
    os.mkfifo(root[0] / "pipe")
    with pytest.raises(PathError, match="a named pipe"), opened_file(at(root, "pipe"), LIMITS):
        pass


def test_a_socket_is_refused(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root[0])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
        with pytest.raises(PathError, match="a socket"), opened_file(at(root, "sock"), LIMITS):
            pass


def test_a_device_is_refused() -> None:
    top = open_root("/dev")
    try:
        with (
            pytest.raises(PathError, match="a character device"),
            opened_file(Target(descriptor=top, relative="zero", shown="/dev/zero"), LIMITS),
        ):
            pass
    finally:
        os.close(top)


def test_a_directory_is_not_read_as_a_file(root: tuple[Path, int]) -> None:
    (root[0] / "d").mkdir()
    with pytest.raises(PathError, match="is a directory"), opened_file(at(root, "d"), LIMITS):
        pass


def test_what_is_missing_is_an_error_of_its_own(root: tuple[Path, int]) -> None:
    with pytest.raises(MissingError, match="does not exist"):
        open_beneath(at(root, "no/such"), os.O_RDONLY)


def test_missing_parents_are_made(root: tuple[Path, int]) -> None:
    os.close(make_parents(at(root, "a/b/c/file")))
    assert (root[0] / "a/b/c").is_dir()
    assert not (root[0] / "a/b/c/file").exists()


def test_a_file_in_place_of_a_parent_is_refused(root: tuple[Path, int]) -> None:
    (root[0] / "a").write_text("")
    with pytest.raises(PathError):
        make_parents(at(root, "a/b/file"))


def test_a_target_lies_below_the_nearest_root() -> None:
    target = target_for("/w/sub/x/y", {"/": 3, "/w": 4, "/w/sub": 5, "/w/su": 6})
    assert (target.descriptor, target.relative) == (5, "x/y")
    assert target_for("/w", {"/w": 4}).relative == "."
    assert target_for("/etc/x", {"/": 3}).relative == "etc/x"


@pytest.mark.parametrize("path", ["/w/../etc/passwd", "w/x", "/w/./x", "/wide/x", "/w/nope/../../escaped.txt"])
def test_a_path_outside_every_root_has_no_target(path: str) -> None:
    with pytest.raises(PathError):
        target_for(path, {"/w": 4})


SWAP = """
import os, sys
os.chdir(sys.argv[1])
while True:
    os.rename("dir", "aside"); os.symlink(sys.argv[2], "dir")
    os.unlink("dir"); os.rename("aside", "dir")
"""


def test_a_directory_that_becomes_a_link_in_a_race_never_leads_outside(root: tuple[Path, int]) -> None:
    outside = root[0].parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("outside")
    (root[0] / "dir").mkdir()
    (root[0] / "dir" / "file").write_text("inside")
    swapper = subprocess.Popen([sys.executable, "-I", "-c", SWAP, str(root[0]), str(outside)], cwd="/")
    seen: set[str] = set()
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                with opened(at(root, "dir/file"), os.O_RDONLY) as descriptor:
                    seen.add(os.read(descriptor, 20).decode())
                with opened(at(root, "dir/new"), os.O_WRONLY | os.O_CREAT, 0o600):
                    pass
            except PathError:
                seen.add("refused")
    finally:
        swapper.kill()
        swapper.wait()
    assert "inside" in seen
    assert seen <= {"inside", "refused"}
    assert sorted(path.name for path in outside.iterdir()) == ["file"]
