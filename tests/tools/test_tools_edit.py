from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy.actions import EditFile, WriteFile
from bylaw.policy.model import Limits
from bylaw.policy.records import replace
from bylaw.tools.diff import unified
from bylaw.tools.edit import apply_edit, edit_file
from bylaw.tools.errors import ChangedError, LimitError, MissingError, PathError, ToolError
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Binding, Target
from bylaw.tools.preview import Preview, preview

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=10, command_characters=1000, regular_files=True
)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    descriptor = open_root(str(tmp_path))
    yield tmp_path, descriptor
    os.close(descriptor)


def at(root: tuple[Path, int], relative: str = "f") -> Target:
    return Target(descriptor=root[1], relative=relative, shown=f"{root[0]}/{relative}")


def text_edit(old: str, new: str, *, every: bool = False) -> EditFile:
    return EditFile(path="f", old_string=old, new_string=new, all=every)


def line_edit(first: int, last: int, new: str) -> EditFile:
    return EditFile(path="f", start_line=first, end_line=last, new_string=new)


def edited(action: EditFile, data: bytes) -> bytes:
    return apply_edit(action, data, LIMITS, "/w/f").new


CASES: list[tuple[str, EditFile, bytes, bytes]] = [
    ("a text that occurs once", text_edit("b", "X"), b"a\nb\nc\n", b"a\nX\nc\n"),
    ("every occurrence", text_edit("a", "X", every=True), b"a a\na", b"X X\nX"),
    ("a text that is deleted", text_edit("b\n", ""), b"a\nb\nc\n", b"a\nc\n"),
    ("no line feed at the end", text_edit("b", "X"), b"a\nb", b"a\nX"),
    ("CRLF around one line", text_edit("b", "X"), b"a\r\nb\r\n", b"a\r\nX\r\n"),
    ("CRLF with line feeds in the old text", text_edit("a\nb", "x\ny\nz"), b"a\r\nb\r\nc\r\n", b"x\r\ny\r\nz\r\nc\r\n"),
    ("CRLF in a range of lines", line_edit(1, 1, "x\ny"), b"a\r\nb\r\n", b"x\r\ny\r\nb\r\n"),
    ("mixed line endings elsewhere", text_edit("c", "X"), b"a\r\nb\nc\n", b"a\r\nb\nX\n"),
    ("a byte order mark and the first line", line_edit(1, 1, "X"), b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbfX\nb\n"),
    ("bytes that are not UTF-8 elsewhere", text_edit("b", "X"), b"\xff\xfea\xe9\nb\n", b"\xff\xfea\xe9\nX\n"),
    ("a range of lines", line_edit(2, 3, "X\n"), b"a\nb\nc\nd\n", b"a\nX\nd\n"),
    ("lines that are deleted", line_edit(2, 3, ""), b"a\nb\nc\nd\n", b"a\nd\n"),
    ("the last line without a line feed", line_edit(2, 2, "X\n"), b"a\nb", b"a\nX"),
    ("exotic line separators are no lines", line_edit(2, 2, "X"), "a\u2028\x0bq\nb\n".encode(), "a\u2028\x0bq\nX\n".encode()),
]


@pytest.mark.parametrize(("action", "before", "after"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_edit_changes_what_it_names_and_nothing_else(action: EditFile, before: bytes, after: bytes) -> None:
    assert edited(action, before) == after


def test_a_missing_text_is_said() -> None:
    with pytest.raises(ToolError, match="does not occur"):
        edited(text_edit("zzz", "x"), b"a\n")


def test_a_text_with_other_blanks_is_pointed_at() -> None:
    with pytest.raises(ToolError) as caught:
        edited(text_edit("if  x:\n    y", "x"), b"a\n\tif x:\n\t\ty\n")
    assert "line 2" in str(caught.value.hint)


def test_an_ambiguous_text_is_counted_with_its_lines() -> None:
    with pytest.raises(ToolError, match="occurs 3 times in `/w/f`, on lines 1, 1, 3"):
        edited(text_edit("aa", "x"), b"aaaa\nb\naa\n")


def test_lines_past_the_end_are_refused() -> None:
    with pytest.raises(ToolError, match="has 2 lines; line 3"):
        edited(line_edit(2, 3, "x"), b"a\nb\n")


def test_an_edit_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ToolError, match="change nothing"):
        edited(text_edit("a", "a"), b"a\n")


def test_a_binary_file_is_not_edited() -> None:
    with pytest.raises(PathError, match="binary"):
        edited(text_edit("a", "b"), b"a\0")


def test_a_result_over_the_limit_is_refused() -> None:
    with pytest.raises(LimitError):
        edited(text_edit("a", "x" * 200_000), b"a\n")


def test_a_file_over_the_limit_is_refused(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_bytes(b"a" + b"b" * 5000)
    with pytest.raises(LimitError, match=r"5001 bytes.*2000"):
        edit_file(text_edit("a", "x"), at(root), replace(LIMITS, read_bytes=2000), ())


def test_the_answer_holds_the_diff(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("a\nb\nc\n")
    result = edit_file(text_edit("b", "X"), at(root), LIMITS, ())
    assert "@@ -1,3 +1,3 @@\n a\n-b\n+X\n c" in result.text
    assert result.data["replacements"] == 1
    assert (root[0] / "f").read_text() == "a\nX\nc\n"


def test_a_missing_file_is_named(root: tuple[Path, int]) -> None:
    with pytest.raises(MissingError, match="does not exist"):
        edit_file(text_edit("b", "X"), at(root), LIMITS, ())


def test_an_approval_for_other_bytes_is_not_used(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("a\n")
    seen = preview(text_edit("a", "X"), at(root), LIMITS).binding
    (root[0] / "f").write_text("a \n")
    with pytest.raises(ChangedError):
        edit_file(text_edit("a", "X"), at(root), LIMITS, (seen,))
    assert (root[0] / "f").read_text() == "a \n"


@given(
    st.lists(st.sampled_from([bytes([one]) for one in range(1, 256) if one != 13 and chr(one) not in "xyz"]), max_size=60),
    st.text(alphabet="xyz\n", min_size=1, max_size=8).map(lambda text: f"x{text}z"),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=8).map(lambda text: f"<{text}>"),
)
def test_any_edit_keeps_every_byte_around_it(around: list[bytes], old: str, new: str) -> None:
    before = b"# " + b"".join(around)
    assert edited(text_edit(old, new), before + old.encode() + b"\n") == before + new.encode() + b"\n"


# diffs


@given(
    st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=25), st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=25), st.booleans()
)
def test_a_diff_applied_by_patch_gives_the_new_text(old: list[str], new: list[str], ended: bool) -> None:
    before = "".join(line + "\n" for line in old) + "end\n"
    after = "".join(line + "\n" for line in new) + ("end\n" if ended else "end")
    diff = unified(before, after, path="f", limit=10**6)
    assert applied(before, diff) == after


def applied(before: str, diff: str) -> str:
    """What a reader of unified diffs makes of it; checks every line of context."""
    source = before.split("\n")
    out: list[str] = []
    at, ended = 0, True
    lines = diff.split("\n")[2:-1] if diff else []
    for line in lines:
        if line.startswith("@@"):
            start = int(line.split()[1][1:].split(",")[0]) - (0 if line.split()[1].endswith(",0") else 1)
            out += source[at:start]
            at = start
        elif line.startswith("\\"):
            ended = False
        elif line[0] in " -":
            assert source[at] == line[1:]
            at += 1
            if line[0] == " ":
                out.append(line[1:])
        else:
            out.append(line[1:])
    rest = source[at:]
    return "\n".join(out + rest) if ended else "\n".join(out)


def test_a_diff_of_hostile_texts_does_not_take_long() -> None:
    diff = unified("x\n" * 40_000, "x\ny\n" * 40_000, path="f", limit=5_000)
    assert "bytes cut" in diff
    assert len(diff) < 6_000


def test_git_reads_the_diff_of_a_new_file(root: tuple[Path, int]) -> None:
    (root[0] / "p").write_text(unified(None, "a\nb", path="new.txt", limit=1000))
    subprocess.run(["git", "apply", "p"], cwd=root[0], check=True)
    assert (root[0] / "new.txt").read_text() == "a\nb"


# preview


def snapshot(root: Path) -> list[tuple[str, int, bytes]]:
    return sorted((str(one), one.stat().st_mtime_ns, one.read_bytes() if one.is_file() else b"") for one in [root, *root.rglob("*")])


def test_a_preview_changes_nothing(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_text("a\n")
    before = snapshot(root[0])
    assert "-a\n+X" in preview(text_edit("a", "X"), at(root), LIMITS).diff
    assert "+new" in preview(WriteFile(path="deep/new", content="new\n"), at(root, "deep/new"), LIMITS).diff
    assert snapshot(root[0]) == before


def test_a_preview_binds_to_the_bytes_that_are_there(root: tuple[Path, int]) -> None:
    new = preview(WriteFile(path="f", content="x"), at(root), LIMITS)
    assert new.binding == Binding(path=f"{root[0]}/f", sha256=None)
    assert new.size == 1


def test_a_preview_of_a_write_over_a_binary_file_says_so(root: tuple[Path, int]) -> None:
    (root[0] / "f").write_bytes(b"\0\1")
    shown: Preview = preview(WriteFile(path="f", content="x\n"), at(root), LIMITS)
    assert shown.diff.startswith("[the old content of")
    assert shown.binding.sha256 is not None


def test_a_preview_fails_as_the_edit_would(root: tuple[Path, int]) -> None:
    with pytest.raises(MissingError):
        preview(text_edit("a", "b"), at(root), LIMITS)
    (root[0] / "f").write_text("aa")
    with pytest.raises(ToolError, match="2 times"):
        preview(text_edit("a", "b"), at(root), LIMITS)
