"""The transcript in the README is what the demonstration prints on a terminal, line by line."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect

ROOT = Path(__file__).parents[2]
BYLAW = str(Path(sys.executable).with_name("bylaw"))


def plain(line: str) -> str:
    """A line without what differs from run to run: times, names of files and directories, hashes, the width of columns."""
    line = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)
    line = re.sub(r"/tmp/bylaw-demo\S*?/", "/tmp/bylaw-demo/", line)
    line = re.sub(r"record \S+/", "record ", line)
    line = re.sub(r"\d{8}T\d+\.\d+Z-[0-9a-f]+", "NAME", line)
    line = re.sub(r"\d\d:\d\d:\d\d\.\d+", "TIME", line)
    line = re.sub(r"\b\d+\.\d{3}s", "DURATION", line)
    line = re.sub(r"python3\.\d+\)", "python3)", line)
    return " ".join(line.split())


def transcript() -> list[str]:
    text = (ROOT / "README.md").read_text()
    block = text.split("```text\n$ make run\n", 1)[1].split("\n```", 1)[0]
    return [line for line in map(plain, block.splitlines()) if line and line != "..."]


def test_every_line_of_the_transcript_is_printed(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "NO_COLOR": "1", "LANG": "C.UTF-8"}
    child: pexpect.spawn[str] = pexpect.spawn(
        BYLAW, ["demo"], cwd=str(tmp_path), env=environ, dimensions=(200, 400), encoding="utf-8", timeout=60
    )
    child.expect_exact("allow this? [y/s/n/m/e/?] ")
    before = child.before or ""
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    printed = {plain(line) for line in f"{before}allow this? [y/s/n/m/e/?] {child.before}".splitlines()}
    wanted = [line for line in transcript() if not line.startswith(("allow this?", "sandbox:"))]
    assert [line for line in wanted if line not in printed] == []
    assert len(wanted) > 50


def test_no_part_of_the_readme_waits_to_be_filled() -> None:
    assert "filled from" not in (ROOT / "README.md").read_text()
