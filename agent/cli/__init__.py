"""The command line. `main` is the console script; commands live in a module each and are imported when they run."""

from __future__ import annotations

import io
import os
import sys

from ... import __version__

BROKEN_PIPE = 141
"""Whoever read our output went away (`| head`): the code of a program that SIGPIPE ended, and no message.

Not 0: that is the verdict `allow`, and the answer was not delivered.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; every error of bylaw's own ends as one clear message."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:
        # answered before the command-line framework is imported: start-up is a feature
        print(f"bylaw {__version__}")
        return 0
    _prepare_streams()
    from .lean import answer

    code = answer(arguments, os.environ)
    if code is None:
        from .app import run

        code = run(arguments)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as problem:
            # met here: the interpreter would try again at its end, and change the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            if isinstance(problem, BrokenPipeError):
                code = BROKEN_PIPE
            elif number == 1:
                print(f"bylaw: standard output could not be written: {problem.strerror}", file=sys.stderr)
                code = code or 1
    return code


def _prepare_streams() -> None:
    """Standard descriptors that were closed lead nowhere, and no character ends a run because an encoding lacks it.

    INVARIANT: 0, 1 and 2 are taken before anything of ours is opened, so that no record and no pipe gets their numbers.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the kernel gives the lowest number that is free: this one
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
