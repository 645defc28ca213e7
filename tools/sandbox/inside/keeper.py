"""The process that outlives a plan: waits for it or for the word to stop, then ends every process that is left.

It stays outside the confinement, so that under Landlock (ABI 6) no confined program can signal it. Signals are plain
numbers here: importing `signal` would double the time that the launcher takes to start.
"""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SIGKILL = 9
_PATIENCE = 0.5
_PAUSE = 0.002


def keep(run: Callable[[], None], *, control: int, report: int, own_pids: bool) -> None:
    """Runs `run` in a child; when it ends, or when `control` is closed by the parent, ends all and reports.

    The report's lines are `stopped 1` when the plan did not end by itself, `died N` (wait status) when its process
    ended without an answer, and `ended N`: processes that were still there.
    """
    child = os.fork()
    if child == 0:
        _inside(run, report)
    status = _wait(child, control)
    ended = sweep(child if status is None else 0, own_pids=own_pids)
    lines = [f"ended {ended}"]
    if status is None:
        lines.append("stopped 1")
    elif status != 0:
        lines.append(f"died {status}")
    os.write(report, "".join(f"{line}\n" for line in lines).encode())


def _inside(run: Callable[[], None], report: int) -> None:
    code = 1
    try:
        run()
        code = 0
    except BaseException as problem:  # noqa: BLE001 - the far end of a process: whatever it was is reported, nothing is swallowed
        text = f"{type(problem).__name__}: {problem}"
        os.write(report, f"error {text.encode('utf-8', 'backslashreplace')[:2000].hex()}\n".encode())
        code = 0
    finally:
        os._exit(code)


def _wait(child: int, control: int) -> int | None:
    """The wait status of the child, or None when the parent closed `control` (or is gone) before."""
    watched = os.pidfd_open(child)
    try:
        while True:
            ready, _, _ = select.select([watched, control], [], [], _PATIENCE)
            if watched in ready:
                return os.waitpid(child, 0)[1]
            if control in ready:
                return None
            _reap_strays(child)
    finally:
        os.close(watched)


def _reap_strays(child: int) -> None:
    """Takes leave of orphans that have ended, so that they do not pile up while a long plan runs."""
    while True:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None or found.si_pid == child:
            return
        os.waitpid(found.si_pid, 0)


def sweep(child: int, *, own_pids: bool) -> int:
    """Kills everything that descends from this process until nothing is left; how many were alive, `child` aside."""
    ended = 0
    while True:
        hit = _kill_all(own_pids=own_pids)
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                ended += pid != child and os.WIFSIGNALED(status) and os.WTERMSIG(status) == _SIGKILL
        except ChildProcessError:
            return ended
        if hit:
            time.sleep(_PAUSE)


def _kill_all(*, own_pids: bool) -> bool:
    if own_pids:
        try:
            os.kill(-1, _SIGKILL)
        except ProcessLookupError:
            return False
        return True
    victims = descendants(os.getpid())
    for victim in victims:
        try:
            os.kill(victim, _SIGKILL)
        except ProcessLookupError:
            continue
    return bool(victims)


def descendants(root: int) -> list[int]:
    """Every process below `root`, children before grandchildren."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent = _parent_of(name)
            if parent is not None:
                parents.setdefault(parent, []).append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _parent_of(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as source:
            # The name may hold blanks and brackets; what follows its last bracket is regular (proc(5)).
            return int(source.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
