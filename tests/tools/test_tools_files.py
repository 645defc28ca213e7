from __future__ import annotations

import hashlib
import os
import re
import signal
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.actions import ReadFile, WriteFile
from bylaw.policy.model import Limits
from bylaw.policy.records import replace
from bylaw.tools.errors import ChangedError, LimitError, MissingError, PathError, ToolError
from bylaw.tools.files import read_file, write_file
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Binding, Target
from bylaw.tools.result import ToolResult

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=10, command_characters=1000, regular_files=True
)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    descriptor = open_root(str(tmp_path))
    yield tmp_path, descriptor
    os.close(descriptor)


def at(root: tuple[Path, int], relative: str) -> Target:
    return Target(descriptor=root[1], relative=relative, shown=f"{root[0]}/{relative}")


def read(root: tuple[Path, int], content: bytes, limits: Limits = LIMITS, offset: int = 1, limit: int | None = None) -> ToolResult:
    (root[0] / "f").write_bytes(content)
    return read_file(ReadFile(path="f", offset=offset, limit=limit), at(root, "f"), limits)


def write(root: tuple[Path, int], relative: str, content: str, *bindings: Binding) -> ToolResult:
    return write_file(WriteFile(path=relative, content=content), at(root, relative), LIMITS, bindings)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def names(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir())


# read


def test_lines_are_numbered(root: tuple[Path, int]) -> None:
    assert read(root, b"a\nb\n").text == "     1\ta\n     2\tb"


def test_offset_and_limit_choose_lines_and_say_that_there_are_more(root: tuple[Path, int]) -> None:
    result = read(root, b"a\nb\nc\nd\n", offset=2, limit=2)
    assert result.text == "     2\tb\n     3\tc\n[lines 2 to 3 shown; there are more: continue with offset=4]"
    assert result.truncated


def test_an_empty_file_is_said_to_be_empty(root: tuple[Path, int]) -> None:
    assert read(root, b"").text == "[the file is empty]"


def test_an_offset_past_the_end_is_said(root: tuple[Path, int]) -> None:
    assert read(root, b"a\nb\n", offset=7).text == "[offset 7 is past the end: the file has 2 lines]"


def test_a_long_line_is_cut_with_a_mark(root: tuple[Path, int]) -> None:
    text = read(root, b"x" * 90_000 + b"\nshort\n").text
    assert "x [... line cut, 90000 bytes in all]\n     2\tshort" in text
    assert "[1 line longer than 2000 characters cut]" in text


def test_a_line_of_wide_characters_that_fits_is_not_cut(root: tuple[Path, int]) -> None:
    assert read(root, ("ä" * 2000).encode() + b"\n").text == "     1\t" + "ä" * 2000


def test_a_binary_file_is_refused(root: tuple[Path, int]) -> None:
    with pytest.raises(PathError, match="binary"):
        read(root, b"ELF\0\1")


def test_utf16_is_refused_by_name(root: tuple[Path, int]) -> None:
    with pytest.raises(PathError, match="UTF-16"):
        read(root, "hello".encode("utf-16"))


def test_bytes_that_are_not_utf8_are_replaced_and_said(root: tuple[Path, int]) -> None:
    result = read(root, b"caf\xe9\nok\n")
    assert "     1\tcaf\ufffd\n" in result.text
    assert "[not UTF-8: 1 line shown with replacement characters]" in result.text


def test_carriage_returns_are_said(root: tuple[Path, int]) -> None:
    assert read(root, b"a\r\nb\r\n").text.startswith("     1\ta\n     2\tb\n[2 lines shown without the carriage return")


def test_a_file_over_the_limit_is_refused_with_both_sizes(root: tuple[Path, int]) -> None:
    with pytest.raises(LimitError, match=r"5000 bytes.*2000"):
        read(root, b"x\n" * 2500, replace(LIMITS, read_bytes=2000))


def test_a_part_of_a_file_over_the_limit_is_read(root: tuple[Path, int]) -> None:
    result = read(root, b"x\n" * 2500, replace(LIMITS, read_bytes=2000), offset=2400, limit=2)
    assert result.text.startswith("  2400\tx\n  2401\tx\n[")


def test_a_part_that_would_pass_the_limit_says_where_to_go_on(root: tuple[Path, int]) -> None:
    result = read(root, b"0123456789\n" * 2500, replace(LIMITS, read_bytes=2000), limit=2500)
    shown, _, note = result.text.rpartition("\n")
    assert len(shown) <= 2000
    following = re.search(r"continue with offset=(\d+)", note)
    assert following is not None
    assert int(following[1]) == shown.count("\n") + 2


def test_memory_is_bounded_by_the_limits_and_not_by_the_file(root: tuple[Path, int]) -> None:
    with open(root[0] / "f", "wb") as file:
        file.write(b"a\n")
        file.seek(80_000_000)
        file.write(b"\nlast\n")
    (root[0] / "g").write_bytes(b"head\n" + b"y" * 30_000_000 + b"\nlast\n")
    tracemalloc.start()
    result = read_file(ReadFile(path="g", offset=3, limit=1), at(root, "g"), LIMITS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.text == "     3\tlast"
    assert peak < 3_000_000


def test_a_missing_file_is_named(root: tuple[Path, int]) -> None:
    with pytest.raises(MissingError, match=r"nothing\.txt"):
        read_file(ReadFile(path="nothing.txt"), at(root, "nothing.txt"), LIMITS)


def test_where_irregular_files_are_allowed_an_empty_pipe_is_not_waited_for(root: tuple[Path, int]) -> None:
    os.mkfifo(root[0] / "pipe")
    holder = os.open(root[0] / "pipe", os.O_RDWR)
    try:
        with pytest.raises(PathError, match="nothing to read now"):
            read_file(ReadFile(path="pipe"), at(root, "pipe"), replace(LIMITS, regular_files=False))
    finally:
        os.close(holder)


# write


def test_a_new_file_is_created_with_its_parents(root: tuple[Path, int]) -> None:
    old = os.umask(0o027)
    try:
        result = write(root, "a/b/new.txt", "häh\n")
    finally:
        os.umask(old)
    assert (root[0] / "a/b/new.txt").read_text() == "häh\n"
    assert stat.S_IMODE((root[0] / "a").stat().st_mode) == 0o750
    assert stat.S_IMODE((root[0] / "a/b/new.txt").stat().st_mode) == 0o640
    assert result.data == {"path": f"{root[0]}/a/b/new.txt", "bytes_written": 5, "created": True}
    assert [(one.before, one.after) for one in result.changes] == [(None, sha("häh\n".encode()))]


def test_an_existing_file_keeps_its_mode_and_leaves_nothing_beside_it(root: tuple[Path, int]) -> None:
    (root[0] / "run.sh").write_text("old")
    (root[0] / "run.sh").chmod(0o751)
    assert write(root, "run.sh", "new").data["created"] is False
    assert stat.S_IMODE((root[0] / "run.sh").stat().st_mode) == 0o751
    assert names(root[0]) == ["run.sh"]


def test_extended_attributes_are_kept(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    os.setxattr(root[0] / "f", "user.note", b"kept")
    write(root, "f", "new")
    assert os.getxattr(root[0] / "f", "user.note") == b"kept"


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An ACL as the kernel stores it: version 2, then tag, permissions, id (linux/posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NONE = 0xFFFFFFFF


def test_an_access_list_is_kept(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    wanted = acl((1, 6, NONE), (2, 4, 12345), (4, 0, NONE), (0x10, 4, NONE), (0x20, 0, NONE))
    os.setxattr(root[0] / "f", "system.posix_acl_access", wanted)
    before = (root[0] / "f").stat().st_mode
    write(root, "f", "new")
    assert os.getxattr(root[0] / "f", "system.posix_acl_access") == wanted
    assert (root[0] / "f").stat().st_mode == before


def test_a_default_access_list_of_the_directory_does_not_open_a_file_that_had_none(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    (root[0] / "f").chmod(0o600)
    os.setxattr(root[0], "system.posix_acl_default", acl((1, 7, NONE), (2, 7, 12345), (4, 5, NONE), (0x10, 7, NONE), (0x20, 5, NONE)))
    write(root, "f", "new")
    assert os.listxattr(root[0] / "f") == []
    assert stat.S_IMODE((root[0] / "f").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    os.chown(root[0] / "f", 12345, 54321)
    write(root, "f", "new")
    status = (root[0] / "f").stat()
    assert (status.st_uid, status.st_gid) == (12345, 54321)


def test_attributes_that_cannot_be_kept_refuse_the_write(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    (root[0] / "f").write_text("old")
    os.setxattr(root[0] / "f", "user.note", b"kept")

    def no(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setxattr", no)
    with pytest.raises(PathError, match="cannot be kept"):
        write(root, "f", "new")
    assert (root[0] / "f").read_text() == "old"
    assert names(root[0]) == ["f"]


def test_a_program_with_other_privileges_is_not_replaced(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    (root[0] / "f").chmod(0o4755)
    with pytest.raises(PathError, match="privileges"):
        write(root, "f", "new")
    assert (root[0] / "f").read_text() == "old"


def test_a_read_only_file_is_not_replaced(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    (root[0] / "f").chmod(0o444)
    with pytest.raises(PathError, match="read-only"):
        write(root, "f", "new")


def test_another_name_of_the_file_keeps_the_old_content_and_that_is_said(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("old")
    os.link(root[0] / "f", root[0] / "other")
    result = write(root, "f", "new")
    assert (root[0] / "other").read_text() == "old"
    assert "hard links" in result.notes[0]


@pytest.mark.parametrize("leads", ["inside", "missing", "/tmp"])
def test_a_final_link_is_never_followed(root: tuple[Path, int], leads: str) -> None:
    (root[0] / "inside").write_text("old")
    (root[0] / "link").symlink_to(leads)
    with pytest.raises(PathError):
        write(root, "link", "new")
    assert (root[0] / "inside").read_text() == "old"
    assert names(root[0]) == ["inside", "link"]


def test_a_pipe_is_not_replaced(root: tuple[Path, int]) -> None:
    os.mkfifo(root[0] / "pipe")
    with pytest.raises(PathError, match="a named pipe"):
        write(root, "pipe", "x")


def test_content_over_the_limit_is_refused_before_anything_is_made(root: tuple[Path, int]) -> None:
    with pytest.raises(LimitError):
        write(root, "a/f", "x" * 100_001)
    assert names(root[0]) == []


def test_half_a_character_is_refused(root: tuple[Path, int]) -> None:
    with pytest.raises(ToolError, match="surrogate"):
        write_file(WriteFile.model_construct(path="f", content="\ud800"), at(root, "f"), LIMITS, ())


def test_an_approval_holds_for_the_bytes_that_were_seen(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("seen")
    path = f"{root[0]}/f"
    write(root, "f", "new", Binding(path=path, sha256=sha(b"seen")))
    with pytest.raises(ChangedError):
        write(root, "f", "newer", Binding(path=path, sha256=sha(b"seen")))
    with pytest.raises(ChangedError):
        write(root, "f", "newer", Binding(path=path, sha256=None))
    (root[0] / "f").unlink()
    with pytest.raises(ChangedError):
        write(root, "f", "newer", Binding(path=path, sha256=sha(b"new")))
    assert names(root[0]) == []


def test_a_file_that_changes_between_the_check_and_the_replacement_is_kept(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    (root[0] / "f").write_text("seen")
    real = os.fsync

    def meanwhile(descriptor: int) -> None:
        real(descriptor)
        (root[0] / "f").write_text("somebody else's")

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(ChangedError):
        write(root, "f", "new")
    assert (root[0] / "f").read_text() == "somebody else's"
    assert names(root[0]) == ["f"]


def test_a_file_that_comes_into_being_meanwhile_is_kept(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def meanwhile(descriptor: int) -> None:
        real(descriptor)
        (root[0] / "f").write_text("somebody else's")

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(ChangedError):
        write(root, "f", "new")
    assert (root[0] / "f").read_text() == "somebody else's"
    assert names(root[0]) == ["f"]


def test_a_full_disk_leaves_the_old_file(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    (root[0] / "f").write_text("old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(PathError, match="No space left"):
        write(root, "f", "new")
    assert (root[0] / "f").read_text() == "old"
    assert names(root[0]) == ["f"]


WRITER = """
import os, sys
from bylaw.policy.actions import WriteFile
from bylaw.policy.model import Limits
from bylaw.tools.files import write_file
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Target
limits = Limits(read_bytes=9**9, write_bytes=9**9, output_bytes=9**9, command_seconds=60, command_characters=99, regular_files=True)
target = Target(descriptor=open_root(sys.argv[1]), relative="f", shown=sys.argv[1] + "/f")
print("ready", flush=True)
while True:
    for letter in "ab":
        write_file(WriteFile(path="f", content=letter * 3_000_000), target, limits, ())
"""


def test_a_writer_that_is_killed_leaves_old_or_new_and_its_debris_is_swept(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("a" * 3_000_000)
    for wait in (0.02, 0.11, 0.17):
        writer = subprocess.Popen([sys.executable, "-I", "-c", WRITER, str(root[0])], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        content = (root[0] / "f").read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1
    (root[0] / ".bylaw-0123456789abcdef.tmp").write_text("debris")
    for debris in root[0].glob(".bylaw-*.tmp"):
        os.utime(debris, (time.time() - 3600, time.time() - 3600))
    write(root, "f", "done")
    assert names(root[0]) == ["f"]


def test_a_name_that_only_resembles_ours_is_not_swept(root: tuple[Path, int]) -> None:
    for name in (".bylaw-notes.tmp", "bylaw-0123456789abcdef.tmp", ".bylaw-0123456789abcdef.tmp"):
        (root[0] / name).write_text("mine")
        if name != ".bylaw-0123456789abcdef.tmp":
            os.utime(root[0] / name, (0, 0))
    write(root, "f", "x")
    assert len(names(root[0])) == 4


def test_a_name_that_is_not_utf8_can_be_written_and_read(root: tuple[Path, int]) -> None:
    name = os.fsdecode(b"caf\xe9")
    target = at(root, name)
    result = write_file(WriteFile.model_construct(path=name, content="x\n"), target, LIMITS, ())
    assert "caf\\xe9" in result.text
    assert os.listdir(os.fsencode(root[0])) == [b"caf\xe9"]
    assert read_file(ReadFile.model_construct(path=name, offset=1, limit=None), target, LIMITS).text == "     1\tx"
