"""Processes that were started, or could not be: how they ended, and why."""

from __future__ import annotations

import errno
import os

from .state import Halt, why

_DEFAULT = 0
"""SIG_DFL."""


_waited_for: set[int] = set()
_stopped: list[bool] = []


def waited_for() -> set[int]:
    """The processes that the plan has started and not yet taken leave of."""
    return _waited_for


def stop() -> None:
    """From now on nothing is started in this process."""
    _stopped.append(True)


def going_on() -> None:
    """Halt where the call is being ended."""
    if _stopped:
        raise Halt("the call is being ended")


def started(pid: int) -> int:
    """Notes that the plan waits for this process."""
    _waited_for.add(pid)
    return pid


def wait(pid: int) -> tuple[int, int]:
    """The exit code (bash's) and the signal of a child that has ended."""
    status = os.waitpid(pid, 0)[1]
    _waited_for.discard(pid)
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
