"""What is slow to make, kept in files of the person's own cache directory.

Threat: a file there decides what a policy says. So it is believed only as a regular file of this account that nobody else
may write, in a directory of the same kind, that names its own key and carries its own digest. Whoever can write such a
file can write the person's policy too. Nothing here ever fails a command: without the directory, all is made anew.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Final

from ..policy.store import digest

_HEAD: Final = b"bylaw-cache 1\n"
_LARGEST: Final = 8 * 1024 * 1024
_MOST: Final = 600
"""When there are more entries, those that are longest unused go: every version and every edit leaves some behind."""

_OPEN: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class DirectoryStore:
    """`policy.store.Store` in a directory, made when the first entry is put there."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def get(self, kind: str, key: str) -> bytes | None:
        """What was put under this key; None when there is no file that can be believed."""
        folder = self._open()
        if folder is None:
            return None
        try:
            return _payload(_read(folder, _name(kind, key)), kind, key)
        except OSError:
            return None
        finally:
            os.close(folder)

    def put(self, kind: str, key: str, data: bytes) -> None:
        """Writes the entry beside the others and then puts it in its place; does nothing where that cannot be done."""
        with contextlib.suppress(OSError):
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
        folder = self._open()
        if folder is None:
            return
        name = _name(kind, key)
        temporary = f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_entry(kind, key, data))
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
            _prune(folder)
        except OSError:
            pass  # a full disk, a read-only one: the next run makes it again
        finally:
            os.close(folder)

    def _open(self) -> int | None:
        """The directory, if it is this account's alone to write."""
        try:
            folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | _OPEN)
        except (OSError, ValueError):
            return None
        if _is_ours(os.fstat(folder)):
            return folder
        os.close(folder)
        return None


def _is_ours(state: os.stat_result) -> bool:
    return state.st_uid == os.geteuid() and not state.st_mode & _OTHERS_WRITE


def _name(kind: str, key: str) -> str:
    return f"{kind}-{key}"


def _entry(kind: str, key: str, data: bytes) -> bytes:
    head = _HEAD + f"{_name(kind, key)}\n".encode()
    return head + digest(head + data).encode() + b"\n" + data


def _payload(entry: bytes, kind: str, key: str) -> bytes | None:
    """The data of an entry that is what it says, and says what was asked for."""
    start = len(_HEAD) + len(_name(kind, key)) + len("\n") + len(digest(b"")) + len("\n")
    data = entry[start:]
    return data if entry == _entry(kind, key, data) else None


def _read(folder: int, name: str) -> bytes:
    """The bytes of a file of ours; OSError when it is anything else. O_NONBLOCK: a FIFO must not hang the program."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _OPEN, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not (stat.S_ISREG(state.st_mode) and _is_ours(state) and state.st_size <= _LARGEST):
            raise OSError(0, "it is no file of ours", name)
        return file.read(_LARGEST)


def _prune(folder: int) -> None:
    """Removes the older half when there are too many."""
    names = os.listdir(folder)
    if len(names) > _MOST:
        names.sort(key=lambda name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns)
        for name in names[: len(names) // 2]:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
