"""Ends processes: those that a call left behind, and those that a launcher left behind that was killed itself.

Signals are plain numbers here: importing `signal` would double the time that the launcher takes to start.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_SIGKILL = 9
_PAUSE = 0.002


def sweep() -> int:
    """Kills everything that descends from this process until nothing is left; how many were alive."""
    ended = 0
    while True:
        ended += take_leave()
        victims = descendants(os.getpid())
        if not victims:
            return ended
        for victim in victims:
            kill(victim)
        time.sleep(_PAUSE)


def take_leave() -> int:
    """Takes leave of every child that has ended; how many of them were killed."""
    killed = 0
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return killed
            killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == _SIGKILL
    except ChildProcessError:
        return killed


def has_children() -> bool:
    """Whether a child is alive, or has ended and nobody has taken leave of it."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def ended() -> list[int]:
    """The children that have ended; leave is taken of them."""
    found: list[int] = []
    try:
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found.append(pid)
    except ChildProcessError:
        return found
    return found


def strays(waited_for: AbstractSet[int], suspects: set[int]) -> set[int]:
    """Takes leave of orphans that have ended, so that they do not pile up; those that it saw for the first time come back.

    A process that was started a moment ago may have ended before the plan has noted that it waits for it: what is taken
    away is only what was already there, and in nobody's notes, the time before.
    """
    found: set[int] = set()
    for pid in children(os.getpid()):
        if pid in waited_for:
            continue
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            continue
        if ended is not None:
            found.add(pid)
    for pid in found & suspects:
        os.waitpid(pid, 0)
    return found - suspects


def kill(pid: int) -> None:
    """Sends SIGKILL; one that is gone already is as good."""
    try:
        os.kill(pid, _SIGKILL)
    except ProcessLookupError:
        return


def children(pid: int) -> list[int]:
    """The children of every thread of a process of ours."""
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found  # it has ended, or this is a jail without a process file system
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as source:
                found += map(int, source.read().split())
        except OSError:
            continue
    return found


def descendants(root: int) -> list[int]:
    """Every process below `root`, children before grandchildren."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        try:
            below = children(waiting.pop())
        except OSError:
            continue
        found += below
        waiting += below
    return found
