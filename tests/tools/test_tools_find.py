from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.actions import FindFiles, ListDirectory
from bylaw.policy.decision import Manifest
from bylaw.policy.model import Limits
from bylaw.tools.errors import PathError, ToolError
from bylaw.tools.find import find_files, list_directory
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Target
from bylaw.tools.result import ToolResult

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=20, command_characters=1000, regular_files=True
)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    descriptor = open_root(str(tmp_path))
    yield tmp_path, descriptor
    os.close(descriptor)


def at(root: tuple[Path, int], relative: str = ".") -> Target:
    return Target(descriptor=root[1], relative=relative, shown=str(root[0]) if relative == "." else f"{root[0]}/{relative}")


def find(root: tuple[Path, int], pattern: str, *, relative: str = ".", hidden: tuple[str, ...] = (), **fields: object) -> ToolResult:
    action = FindFiles.model_validate({"pattern": pattern, **fields})
    return find_files(action, at(root, relative), Manifest(hidden=hidden), LIMITS)


def ls(root: tuple[Path, int], *, relative: str = ".", hidden: tuple[str, ...] = (), everything: bool = False) -> ToolResult:
    return list_directory(ListDirectory(all=everything), at(root, relative), Manifest(hidden=hidden), LIMITS)


def touch(root: tuple[Path, int], *names: str) -> None:
    for name in names:
        (root[0] / name).parent.mkdir(parents=True, exist_ok=True)
        (root[0] / name).write_text("")


def test_files_are_found_by_a_glob_across_directories(root: tuple[Path, int]) -> None:
    touch(root, "a.py", "d/b.py", "d/e/c.py", "d/x.txt")
    assert find(root, "**/*.py").text == "3 results:\na.py\nd/b.py\nd/e/c.py"


def test_nothing_found_is_said(root: tuple[Path, int]) -> None:
    assert find(root, "*.py").text == "no files found"


def test_the_type_narrows_what_is_found(root: tuple[Path, int]) -> None:
    touch(root, "x/x")
    assert find(root, "x", type="directory").data["files"] == ["x/"]
    assert find(root, "x", type="file").data["files"] == ["x/x"]
    assert find(root, "x").data["files"] == ["x/", "x/x"]


def test_links_are_named_and_not_followed(root: tuple[Path, int]) -> None:
    (root[0] / "up").symlink_to("..")
    (root[0] / "etc").symlink_to("/etc")
    assert find(root, "**").data["files"] == ["etc", "up"]


def test_ignored_and_hidden_names_are_left_out_also_below_the_root(root: tuple[Path, int]) -> None:
    touch(root, "d/keep", "d/a.log", "d/.dot", "d/node_modules/x")
    (root[0] / ".gitignore").write_text("*.log\nnode_modules\n")
    assert find(root, "**", relative="d").data["files"] == ["keep"]
    assert find(root, ".dot", relative="d").data["files"] == [".dot"]


def test_a_secret_is_not_named(root: tuple[Path, int]) -> None:
    touch(root, "secret/key", "a")
    assert find(root, "**", hidden=(f"{root[0]}/secret",)).data["files"] == ["a"]
    assert ls(root, hidden=(f"{root[0]}/secret",)).text == f"Directory: {root[0]}\n[file] a"


def test_a_pattern_that_leads_out_is_refused(root: tuple[Path, int]) -> None:
    with pytest.raises(ToolError):
        find(root, "../../etc/*")


def test_results_are_capped_with_the_total(root: tuple[Path, int]) -> None:
    touch(root, *(f"f{number}" for number in range(1005)))
    result = find(root, "f*")
    assert result.data["total"] == 1005
    assert result.text.endswith("[1000 of 1005 shown]")
    assert result.truncated


def test_a_very_deep_tree_ends(root: tuple[Path, int]) -> None:
    current = os.open(root[0], os.O_RDONLY)
    for _ in range(230):
        os.mkdir("d", dir_fd=current)
        below = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)
    result = find(root, "d")
    assert result.data["total"] == 200
    assert "deeper than 200" in result.text


def test_a_directory_that_becomes_a_link_while_it_is_walked_is_not_entered(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    touch(root, "d/inside")
    real = os.open

    def swap(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if name == "d" and not (root[0] / "aside").exists():
            (root[0] / "d").rename(root[0] / "aside")
            (root[0] / "d").symlink_to("/etc")
        return real(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap)
    assert "passwd" not in find(root, "**").text


def test_a_listing_tells_kinds_and_where_links_lead(root: tuple[Path, int]) -> None:
    touch(root, "b.txt", "d/x", ".dot")
    (root[0] / "l").symlink_to("/nowhere")
    os.mkfifo(root[0] / "p")
    assert ls(root).text == f"Directory: {root[0]}\n[dir]  d\n[file] b.txt\n[link] l -> /nowhere\n[other] p"
    assert "[file] .dot" in ls(root, everything=True).text


def test_an_empty_directory_is_said_to_be_empty(root: tuple[Path, int]) -> None:
    assert ls(root).text.endswith("(empty)")


def test_names_that_lie_are_made_visible(root: tuple[Path, int]) -> None:
    touch(root, "a\x1b[2Jb", "x\ny", "\u202etxt")
    (root[0] / os.fsdecode(b"\xff")).write_text("")
    (root[0] / "l").symlink_to("a\nb")
    text = ls(root).text
    for shown in ("a\\x1b[2Jb", "x\\ny", "\\u{202e}txt", "\\xff", "-> a\\nb"):
        assert shown in text


def test_a_file_is_not_listed(root: tuple[Path, int]) -> None:
    touch(root, "f")
    with pytest.raises(PathError, match="not a directory"):
        ls(root, relative="f")


def test_a_listing_is_capped_with_the_total(root: tuple[Path, int]) -> None:
    touch(root, *(f"f{number}" for number in range(1003)))
    assert ls(root).text.endswith("[1000 of 1003 shown]")


def test_a_walk_ends_after_so_many_entries_and_says_so(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bylaw.tools.walk._MOST_ENTRIES", 5)
    touch(root, *(f"d/f{number}" for number in range(20)))
    result = find(root, "**")
    assert "stopped after 5 entries" in result.text
    assert result.truncated
