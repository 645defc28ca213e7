"""The program's own words in the documents: a comment names the command, the block below it is what that prints.

python tests/contract/shown_outputs.py     writes the blocks of README.md anew
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"(?P<mark><!-- output of: (?P<command>bylaw [^\n]*?) -->)\n+```text\n(?P<shown>.*?)```$", re.DOTALL | re.MULTILINE)
README = Path(__file__).resolve().parents[2] / "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A command that a document shows, and what it says the command prints."""

    command: str
    shown: str


def blocks(text: str) -> list[Block]:
    """The marked blocks of a document."""
    return [Block(command=found["command"], shown=found["shown"]) for found in BLOCK.finditer(text)]


def output(command: str) -> str:
    """What a command of ours prints on a plain terminal that is 100 columns wide."""
    program, *words = command.split()
    with tempfile.TemporaryDirectory(prefix="bylaw-shown-") as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        done = subprocess.run(
            [str(Path(sys.executable).parent / program), *words], cwd=home, env=environment, capture_output=True, text=True, check=True
        )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.strip("\n").splitlines())


def refreshed(text: str) -> str:
    """The document with its blocks as they should be."""
    return BLOCK.sub(lambda found: f"{found['mark']}\n\n```text\n{output(found['command'])}```", text)


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")
