"""Opening a path as it was judged: no component may be a symbolic link."""

from __future__ import annotations

import os


def open_plain(path: str, flags: int, mode: int = 0o666) -> int:
    """A descriptor for the absolute `path`, walked name by name; OSError (ELOOP, ENOTDIR) where a name is a link.

    INVARIANT: a link that was put there after the judgement is never followed, neither in the middle nor at the end.
    """
    names = [name for name in path.split("/") if name and name != "."]
    if not path.startswith("/") or ".." in names:
        raise ValueError("the path is not absolute and plain")
    directory = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            os.close(directory)
            directory = inner
        last = names[-1] if names else "."
        return os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
    finally:
        os.close(directory)
