"""Processes that were started, or could not be: how they ended, and why."""

from __future__ import annotations

import errno
import os

from .state import why

_DEFAULT = 0
"""SIG_DFL."""


def wait(pid: int) -> tuple[int, int]:
    """The exit code (bash's) and the signal of a child that has ended."""
    status = os.waitpid(pid, 0)[1]
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return (128 + signal if signal else os.waitstatus_to_exitcode(status)), signal


def die(signal: int) -> None:
    """Ends this process as the signal would."""
    # `signal` itself takes as long to import as all of this.
    import _signal  # type: ignore[import-not-found]  # typeshed does not know it

    _signal.signal(signal, _DEFAULT)  # pyright: ignore[reportUnknownMemberType]  # as above
    os.kill(os.getpid(), signal)


def refusal(problem: OSError) -> str:
    """Why a program could not be started."""
    if problem.errno == errno.EACCES:
        return "permission denied: it may not be started, or a file that it needs is not granted"
    return why(problem).lower()


def is_there(path: bytes) -> bool:
    """Whether bash would try to start it, and say why it cannot (126), not that it is not there (127)."""
    try:
        os.stat(path)
    except OSError as problem:
        return problem.errno != errno.ENOENT
    return True
