"""The tools alone, on a target that was judged before a process began to swap its directory for a link to outside.

No policy looks again here, so every call meets the race where it is narrowest.
"""

from __future__ import annotations

import collections
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bylaw.policy.actions import EditFile, FindFiles, ListDirectory, ReadFile, SearchText, WriteFile
from bylaw.policy.decision import Manifest
from bylaw.policy.model import Limits
from bylaw.tools import paths
from bylaw.tools.edit import edit_file
from bylaw.tools.errors import ToolError
from bylaw.tools.files import read_file, write_file
from bylaw.tools.find import find_files, list_directory
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Target
from bylaw.tools.preview import preview
from bylaw.tools.result import ToolResult
from bylaw.tools.search import search_text
from race_room import CANARY, SECONDS, state, swapping, two_places

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=20, command_characters=1000, regular_files=True
)
NOTHING = Manifest()

Call = Callable[[Target, Target, int], "ToolResult | str"]

CALLS: dict[str, Call] = {
    "read": lambda file, _, __: read_file(ReadFile(path="f"), file, LIMITS),
    "write": lambda file, _, number: write_file(WriteFile(path="f", content=f"inside {number}\n"), file, LIMITS, ()),
    "edit": lambda file, _, number: edit_file(
        EditFile(path="f", start_line=1, end_line=1, new_string=f"inside e{number}\n"), file, LIMITS, ()
    ),
    "create": lambda _, directory, number: write_file(
        WriteFile(path="f", content="inside\n"), paths.child_of(directory, f"new-{number % 50}/f"), LIMITS, ()
    ),
    "preview": lambda file, _, __: preview(WriteFile(path="f", content=""), file, LIMITS).diff,
    "ls": lambda _, directory, __: list_directory(ListDirectory(all=True), directory, NOTHING, LIMITS),
    "find": lambda _, directory, __: find_files(FindFiles(pattern="**"), directory, NOTHING, LIMITS),
    "grep": lambda _, directory, __: search_text(SearchText(pattern="."), directory, NOTHING, LIMITS),
    "grep above": lambda _, directory, __: search_text(
        SearchText(pattern="."),
        Target(descriptor=directory.descriptor, relative=".", shown=os.path.dirname(directory.shown)),
        NOTHING,
        LIMITS,
    ),
}


@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("way", ["openat2", "components"])
def test_a_target_that_was_judged_never_leads_outside_however_its_directory_is_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "components":
        monkeypatch.setattr(paths, "has_openat2", lambda: False)
    workspace, outside = tmp_path / "ws", tmp_path / "outside"
    workspace.mkdir()
    two_places(workspace, outside)
    before = state(outside)
    root = open_root(str(workspace))
    directory = Target(descriptor=root, relative="dir", shown=f"{workspace}/dir")
    file = paths.child_of(directory, "file")
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    with swapping(workspace, 0) as stop:
        end = time.monotonic() + SECONDS
        for number, (name, call) in enumerate(itertools.cycle(CALLS.items())):
            if time.monotonic() > end and number > 50 * len(CALLS):
                break
            try:
                result = call(file, directory, number)
            except ToolError as problem:
                text, how = problem.message, "refused"
            else:
                text, how = result if isinstance(result, str) else result.text, "done"
            assert CANARY not in text, name
            assert "only-outside" not in text, name
            counts[name, how] += 1
        swaps = stop()
    os.close(root)
    assert state(outside) == before
    assert not [one for one in workspace.rglob(".bylaw-*") if "link" not in one.parts]
    print(f"\n{way}: {swaps} swaps, {sum(counts.values())} calls in {SECONDS:g} s or more, 0 escapes")
    for name in CALLS:
        print(f"  {name:12} done {counts[name, 'done']:6}  refused {counts[name, 'refused']:6}")
    for name in ("read", "write", "grep above"):
        assert counts[name, "done"]
    assert counts["read", "refused"]
    assert counts["write", "refused"]
    assert swaps > 100
