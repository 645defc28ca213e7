"""A process that swaps `dir` for `link` in a workspace, as fast as it can or with pauses, for the tests of races."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

SECONDS = float(os.environ.get("BYLAW_RACE_SECONDS") or 3)
CANARY = "canary-outside"

# RENAME_EXCHANGE (2, linux/fs.h): at every moment there is either the directory or the link, never nothing.
SWAP = """
import ctypes, os, random, select, sys, time
os.chdir(sys.argv[1])
longest = float(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
count = 0
print("ready", flush=True)
while not ((longest or count % 1000 == 0) and select.select([0], [], [], 0)[0]):
    if libc.renameat2(-100, b"dir", -100, b"link", 2) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    count += 1
    if longest:
        time.sleep(random.uniform(0, longest))
print(count, flush=True)
"""


def state(directory: Path) -> list[tuple[str, bytes, int, int]]:
    """Everything below: names, bytes, modes, and the time of the last change."""
    found = [directory, *sorted(directory.rglob("*"))]
    return [(str(one), one.read_bytes() if one.is_file() else b"", one.lstat().st_mode, one.lstat().st_mtime_ns) for one in found]


@contextmanager
def swapping(workspace: Path, pause: float) -> Generator[Callable[[], int]]:
    """Swaps until the end, each time after at most `pause` seconds; the function that is given stops it and says how often."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", SWAP, str(workspace), str(pause)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def stop() -> int:
            return int(process.communicate("stop\n")[0])

        yield stop
    finally:
        process.kill()
        process.communicate()


def two_places(workspace: Path, outside: Path) -> None:
    """`dir` with a file, `link` to a directory outside with files of its own."""
    outside.mkdir()
    for name in ("file", "only-outside"):
        (outside / name).write_text(f"{CANARY}\n")
    (workspace / "dir").mkdir()
    (workspace / "dir" / "file").write_text("inside\n")
    (workspace / "link").symlink_to(outside)
