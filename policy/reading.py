"""Reading a file without being held up by what it turns out to be."""

from __future__ import annotations

import os
import stat


def read_regular(path: str, limit: int) -> bytes:
    """The bytes of a regular file (links followed), one more than `limit` at most; OSError when it is something else."""
    # O_NONBLOCK: a FIFO put in the place of a file must not hang the program.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file", path)
        data = b""
        while len(data) <= limit and (piece := os.read(descriptor, limit + 1 - len(data))):
            data += piece
        return data
    finally:
        os.close(descriptor)
