"""The console script, run as a person runs it, in a repository and with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gate_room import make_workspace

BYLAW = str(Path(sys.executable).with_name("bylaw"))


class Cli:
    """Runs the real console script with a home of its own."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.workspace = make_workspace(base)
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(base / "home"), "TERM": "dumb", "LANG": "C.UTF-8"}
        (base / "home").mkdir()

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BYLAW, *arguments],
            cwd=self.workspace,
            input=stdin,
            capture_output=True,
            text=True,
            env={**self.environ, **environ},
            timeout=90,
            check=False,
        )

    def script(self, text: str) -> str:
        """A model that does what the YAML says."""
        path = self.base / "turns.yaml"
        path.write_text(text)
        return f"scripted:{path}"
