"""The script that runs plans inside the sandbox; started as `python -I -S launcher.py fork|serve SOCKET`.

`fork`: a small process that lives as long as its parent wants launchers, and forks one for each shape that it is asked for:
that is cheaper than starting an interpreter, by a factor of ten. `serve`: one launcher, for a wrapper of somebody else's.
The word is the number of an inherited socket: only numbers are words of the command line, a process title can be read by
everybody. A closed socket means: end everything.
"""

from __future__ import annotations

import os
import select
import sys
import time

if __name__ == "__main__":
    # The script belongs to a package that only this line makes known: its modules are then loaded from compiled files.
    __package__ = "inside"
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# INVARIANT: everything that a plan may need is loaded here, before any program has run: inside a jail the library of
# the interpreter is not there, and elsewhere a program might have written to it.
import re  # noqa: F401 - loaded for plans

from . import (  # noqa: F401 - loaded for plans
    builtins,
    calls,
    captures,
    compound,
    conditions,
    confine,
    directories,
    escapes,
    floats,
    globs,
    groups,
    jail,
    keeper,
    lookups,
    messages,
    printf,
    reading,
    simple,
    steps,
    sums,
    words,
)
from .files import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from .shapes import Shape


_PATIENCE = 5.0
_PAUSE = 0.002


class _Launcher:
    """A launcher that was forked: what tells its end, its control group, and a copy of its socket.

    The copy is closed when all that it left is gone: so the parent hears of its end, and not before.
    """

    def __init__(self, pid: int, group: str, channel: int) -> None:
        self.ended = moved(os.pidfd_open(pid))
        self.group = group
        self.channel = channel


def fork_on_request(parent: _socket.socket) -> None:
    """Forks a launcher for each shape that is sent with a socket for it; ends every process below when the parent is gone."""
    confine.become_subreaper()
    launchers: dict[int, _Launcher] = {}
    while True:
        ready, _, _ = select.select([parent.fileno(), *(one.ended for one in launchers.values())], [], [])
        reap(launchers)
        if parent.fileno() not in ready:
            continue
        received = messages.receive(parent)
        if received is None:
            break
        shape = messages.read_shape(received)
        (channel,) = received[1]
        pid, group = _forked(shape, parent, channel, launchers)
        launchers[pid] = _Launcher(pid, group, channel)
    for one in launchers.values():
        os.close(one.channel)
        one.channel = -1
    deadline = time.monotonic() + _PATIENCE
    while launchers:
        # They have heard that their parent is gone; those that do not end are killed.
        if time.monotonic() > deadline:
            for pid in launchers:
                keeper.kill(pid)
        time.sleep(_PAUSE)
        reap(launchers)


def reap(launchers: dict[int, _Launcher]) -> None:
    """Takes leave of launchers that have ended, after what one that was killed has left: orphans, its control group."""
    ended = [launchers.pop(pid) for pid in keeper.ended() if pid in launchers]
    while orphans := [pid for pid in keeper.children(os.getpid()) if pid not in launchers]:
        for pid in orphans:
            keeper.kill(pid)
            os.waitpid(pid, 0)
    for one in ended:
        if one.group:
            groups.end(one.group)
        for descriptor in (one.ended, one.channel):
            if descriptor >= 0:
                os.close(descriptor)


def _forked(shape: Shape, parent: _socket.socket, descriptor: int, others: dict[int, _Launcher]) -> tuple[int, str]:
    """The new launcher and its control group, empty where there is none."""
    why: OSError | None = None
    group = ""
    if shape["group"] is not None:
        try:
            group = groups.make(shape["group"])
        except OSError as problem:
            why = problem
    pid = os.fork()
    if pid == 0:
        try:
            parent.close()
            for one in others.values():
                os.close(one.channel)
                os.close(one.ended)
            child = messages.adopt(descriptor)
            if why is not None:
                messages.fail(child, why)
            else:
                if group:
                    groups.join(group)
                become(shape, child)
        finally:
            os._exit(1)
    return pid, group


def become(shape: Shape, parent: _socket.socket) -> None:
    """Turns this process into the launcher of a shape, and serves calls until it is told to end; never returns."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    try:
        if shape["jail"] is None:
            calls.serve(parent, shape, own_pids=False)
        else:
            jail.enter(shape["jail"], lambda: calls.serve(parent, shape, own_pids=True))
    except BaseException as problem:  # noqa: BLE001  # the far end of a process: whatever it was is told to the parent
        messages.fail(parent, problem)
    os._exit(0)


def main(mode: str, number: str) -> None:
    """Does what the two words say."""
    os.set_inheritable(int(number), False)
    confine.close_to_others()
    parent = messages.adopt(int(number))
    if mode == "fork":
        fork_on_request(parent)
        return
    received = messages.receive(parent)
    if received is not None:
        become(messages.read_shape(received), parent)


if __name__ == "__main__":
    main(*sys.argv[1:])
    # All is said and nothing is buffered: taking the interpreter down in order would only cost time.
    os._exit(0)
