"""Redirections: a table says which of our descriptors a command gets under which number.

Our own are kept high and closed on exec, so a table is only a plan for the child, nothing has to be restored afterwards,
and every program gets exactly its own.
"""

from __future__ import annotations

import fcntl
import os

from .paths import open_plain
from .state import Halt, why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Opened

Table = dict[int, int]

FIRST_FREE = 64
_MOST = 4096
_NOEXEC_SEAL = 8  # MFD_NOEXEC_SEAL, linux/memfd.h
_DEVICES = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


class Redirected(Exception):
    """A redirection failed: the command is not started, as in bash."""


def copy(table: Table, fd: int, source: int | None) -> None:
    """`fd` becomes what `source` is, or is closed."""
    if source is None:
        table.pop(fd, None)
    elif source in table:
        table[fd] = table[source]
    else:
        raise Redirected(f"{source}: Bad file descriptor")


def give(table: Table, owned: list[int], fd: int, text: bytes) -> None:
    """`fd` reads a text."""
    descriptor = in_memory("text")
    owned.append(descriptor)
    write_all(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    table[fd] = descriptor


def in_memory(name: str) -> int:
    """A descriptor of an empty file in memory, which can never be started."""
    try:
        return moved(os.memfd_create(name, os.MFD_CLOEXEC | _NOEXEC_SEAL))
    except OSError:  # a kernel before 6.3 does not know of this
        return moved(os.memfd_create(name, os.MFD_CLOEXEC))


def write_all(descriptor: int, text: bytes) -> None:
    """Writes every byte; OSError as `os.write`."""
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


def open_file(redirection: Opened, table: Table, owned: list[int]) -> None:
    """`fd` is opened as it was judged; Redirected where it cannot be, Halt where it would be another file."""
    path = _place(redirection)
    if path in _DEVICES:
        if _DEVICES[path] not in table:
            raise Redirected(f"{path}: Bad file descriptor")
        table[redirection["fd"]] = table[_DEVICES[path]]
        return
    mode = redirection["mode"]
    flags = {"read": os.O_RDONLY, "write": os.O_WRONLY | os.O_CREAT, "append": os.O_WRONLY | os.O_CREAT | os.O_APPEND}[mode]
    # Truncation waits until the file is known to be one that may be written; O_NONBLOCK keeps a FIFO from holding the plan.
    try:
        descriptor = open_plain(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as problem:
        raise Redirected(f"{path}: {why(problem) if isinstance(problem, OSError) else problem}") from problem
    owned.append(descriptor := moved(descriptor))
    kind = os.fstat(descriptor).st_mode & 0o170000
    if redirection["regular"] and kind != 0o100000:
        raise Redirected(f"{path}: not a regular file")
    if kind == 0o040000:
        raise Redirected(f"{path}: Is a directory")
    try:
        if mode == "write" and kind == 0o100000:
            os.ftruncate(descriptor, 0)
    except OSError as problem:
        raise Redirected(f"{path}: {why(problem)}") from problem
    os.set_blocking(descriptor, True)
    table[redirection["fd"]] = descriptor


def _place(redirection: Opened) -> str:
    """INVARIANT: a redirection whose directory is one of several opens one of the files that were judged."""
    relative = redirection["relative"]
    if not relative:
        return redirection["path"]
    try:
        path = os.path.realpath(relative if relative.startswith("/") else f"{os.getcwd()}/{relative}")
    except OSError as problem:
        raise Redirected(f"{relative}: {why(problem)}") from problem
    if path != redirection["path"] and path not in redirection["others"]:
        raise Halt(f"the redirection to `{relative}` would open `{path}`, which was not judged")
    return path


def high(descriptor: int) -> int:
    """A copy under a number that no redirection names."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)


def moved(descriptor: int) -> int:
    """The descriptor under a number that no redirection names; it stays where it has one."""
    if descriptor >= FIRST_FREE:
        return descriptor
    try:
        return high(descriptor)
    finally:
        os.close(descriptor)


def keep_only(kept: set[int]) -> None:
    """Closes every high descriptor but these: a process that keeps the end of a pipe keeps others from seeing its end."""
    last = FIRST_FREE - 1
    for descriptor in sorted(one for one in kept if one >= FIRST_FREE):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, _MOST)
