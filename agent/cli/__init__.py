"""The command line. `main` is the console script; commands live in a module each and are imported when they run."""

from __future__ import annotations

import sys

from ... import __version__


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; every error of bylaw's own ends as one clear message."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:
        # answered before the command-line framework is imported: start-up is a feature
        print(f"bylaw {__version__}")
        return 0
    from .app import run

    return run(arguments)
