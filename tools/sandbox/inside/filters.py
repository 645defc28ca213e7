"""A system call filter, put on by the thread that it holds, and the answers to the calls that it refuses.

Structures and numbers as in `linux/seccomp.h` and `linux/filter.h`; what the filter says was compiled outside.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_MACHINE: Final = os.uname().machine
_SET_MODE_FILTER: Final = 1
_NEW_LISTENER: Final = 1 << 3
_WAIT_KILLABLE: Final = 1 << 5
_INSTRUCTION_BYTES: Final = 8
# _IOWR('!', 0, struct seccomp_notif) and _IOWR('!', 1, struct seccomp_notif_resp), whose sizes are part of the numbers.
_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class _Notice(ctypes.Structure):
    _fields_ = (
        ("cookie", ctypes.c_uint64),
        ("pid", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("number", ctypes.c_int32),
        ("architecture", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


class _Answer(ctypes.Structure):
    _fields_ = (("cookie", ctypes.c_uint64), ("value", ctypes.c_int64), ("error", ctypes.c_int32), ("flags", ctypes.c_uint32))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def apply(program: bytes, *, notify: bool) -> int:
    """Puts the calling thread, and all it starts, under the filter for good; OSError when the kernel refuses.

    With `notify`, the answer is the listener (closed when a program starts); else -1. INVARIANT: no_new_privs is set
    before. INVARIANT: another thread answers on the listener: until it does, whoever made a refused call hangs, this
    thread included. Once every copy of the listener is closed, refused calls answer ENOSYS: they stay refused.
    """
    number = _SECCOMP.get(_MACHINE)
    if number is None:
        raise OSError(errno.ENOSYS, "seccomp: the number of the system call is not known on this machine")
    instructions = ctypes.create_string_buffer(program, len(program))
    whole = _Program(len(program) // _INSTRUCTION_BYTES, ctypes.cast(instructions, ctypes.c_void_p))
    result = _install(number, _NEW_LISTENER | _WAIT_KILLABLE if notify else 0, whole)
    if notify and result == -errno.EINVAL:
        result = _install(number, _NEW_LISTENER, whole)
    if result < 0:
        raise OSError(-result, f"seccomp: {os.strerror(-result)}")
    return result if notify else -1


def _install(number: int, flags: int, program: _Program) -> int:
    """A descriptor, 0, or an error as a negative number.

    A signal would take a caller out of its wait, and its call would be made and told again: Linux 5.19 can hold it there.
    """
    result: int = _libc.syscall(ctypes.c_long(number), ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(flags), ctypes.byref(program))
    return result if result >= 0 else -ctypes.get_errno()


def receive(listener: int) -> tuple[int, int, int, tuple[int, ...]] | None:
    """Waits for a refused call: cookie, process, number and six arguments; None when its caller is gone.

    The process is 0 where it is not visible from here. OSError when the listener does not work any more.
    """
    notice = _Notice()
    while _libc.ioctl(ctypes.c_int(listener), ctypes.c_ulong(_RECEIVE), ctypes.byref(notice)) < 0:
        problem = ctypes.get_errno()
        if problem == errno.ENOENT:
            return None
        if problem != errno.EINTR:
            raise OSError(problem, f"seccomp listener: {os.strerror(problem)}")
    return notice.cookie, notice.pid, notice.number, tuple(notice.arguments)


def refuse(listener: int, cookie: int, number: int) -> None:
    """Answers a call with the error `number`; a caller that is gone needs no answer. OSError as for `receive`."""
    # INVARIANT: never SECCOMP_USER_NOTIF_FLAG_CONTINUE: its arguments could change after they were looked at.
    answer = _Answer(cookie, 0, -number, 0)
    while _libc.ioctl(ctypes.c_int(listener), ctypes.c_ulong(_SEND), ctypes.byref(answer)) < 0:
        problem = ctypes.get_errno()
        if problem == errno.ENOENT:
            return
        if problem != errno.EINTR:
            raise OSError(problem, f"seccomp listener: {os.strerror(problem)}")


def serve(listener: int, tell: Callable[[int, int, tuple[int, ...]], None], *, most: int = 256) -> None:
    """Refuses with EPERM, and tells (process, number, arguments), until nobody is left under the filter; then closes the listener.

    Only the first `most` calls are told: a program may make millions. Each caller gets its answer first, but while
    `tell` waits, the callers after it wait too.
    """
    watched = select.poll()
    watched.register(listener, select.POLLIN)
    try:
        while any(event & select.POLLIN for _, event in watched.poll()):
            found = receive(listener)
            if found is None:
                continue
            cookie, pid, number, arguments = found
            refuse(listener, cookie, errno.EPERM)
            if most:
                most -= 1
                tell(pid, number, arguments)
    finally:
        os.close(listener)
