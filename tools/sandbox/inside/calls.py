"""Serves calls: carries out one plan after the other, each in a thread that confines itself for good.

Landlock, seccomp, capabilities and no_new_privs are properties of a thread, and so are, once it has asked for tables of its
own, the current directory, the mask for new files and the descriptors. The thread ends with its call; what it started is
confined like it. The main thread stays free, so that it can end everything.
"""

from __future__ import annotations

import _socket
import _thread
import marshal
import os
import select

from . import confine, filters, keeper, messages, steps
from .captures import Channel
from .files import keep_only, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Program, Specification

_PAUSE = 0.5
_RETIRED_AFTER = 1_000
"""Calls that one launcher serves at most: its own processor time counts against the limit that its programs inherit."""
_LISTENING = 128
_MOST_REFUSALS = 64
_EPERM = 1
_FIRST_OWN = 3


def serve(parent: _socket.socket, *, own_pids: bool) -> None:
    """Carries out what is sent, until the parent is gone or this place cannot be used again."""
    confine.close_to_others()
    before = _traces() if own_pids else None
    messages.send(parent, {"ready": os.getpid()}, (os.pidfd_open(os.getpid()),))
    for _ in range(_RETIRED_AFTER):
        received = messages.receive(parent)
        if received is None:
            return
        message, descriptors = received
        call = _Call(parent, descriptors, own_pids=own_pids)
        gone = call.run(int(str(message["listen"])))
        again = gone and (not own_pids or (bool(message["again"]) and _traces() == before))
        messages.send(parent, {"done": again, "gone": gone})
        if not again:
            return


def _traces() -> tuple[frozenset[str], ...]:
    """What a call may leave in a jail for the next one to find: processes, temporary files, shared memory."""
    places = ("/tmp", "/tmp/.private", "/dev/shm")  # noqa: S108 - private ones, in the jail
    found = [frozenset(os.listdir(place)) if os.path.isdir(place) else frozenset[str]() for place in places]
    found.append(frozenset(name for name in os.listdir("/proc") if name.isdigit()))
    for kind in ("shm", "sem", "msg"):
        with open(f"/proc/sysvipc/{kind}", "rb") as source:
            found.append(frozenset(line.decode("ascii", "replace") for line in source))
    return tuple(found)


class _Call:
    """One call: the thread that carries it out, and the watch over it."""

    def __init__(self, parent: _socket.socket, descriptors: list[int], *, own_pids: bool) -> None:
        self._parent = parent
        self._descriptors = descriptors
        self._own_pids = own_pids
        self._finished = moved(os.eventfd(0, os.EFD_CLOEXEC))
        self._ours, self._theirs = (
            _socket.socket(one.family, one.type, one.proto, moved(one.detach()))
            for one in _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        )
        self._listeners: list[int] = []
        self._refusals = 0

    def run(self, port: int) -> bool:
        """Whether everything that the call started had ended by itself, or could be ended, and this place is as before."""
        source, _, _, report, *_ = self._descriptors
        with open(source, "rb", closefd=False) as stream:
            # Written by the parent, on a private descriptor.
            specification: Specification = marshal.loads(stream.read())  # noqa: S302
        try:
            if self._own_pids:
                confine.require_covered(specification["hidden"], specification["protected"])
            # Made here, where the thread's own tables do not take it away: the next call may have the same.
            rules = specification["rules"]
            ruleset = -1 if rules is None else confine.ready(rules, specification["identities"])
        except confine.ChangedError as problem:
            _say(report, f"changed {_hex(problem)}\n")
            return self._close(clean=True)
        except confine.StaleError:
            return self._close(clean=False)
        if port:
            self._listen(port)
        _thread.start_new_thread(_carry_out, (specification, ruleset, self._descriptors, self._finished, self._theirs))
        stopped = self._watch()
        if stopped:
            steps.stop()
        ended, clean = (0, False) if stopped and self._own_pids else self._end(stopped=stopped)
        _say(report, f"ended {ended}\n" + ("stopped 1\n" if stopped else ""))
        return self._close(clean=clean)

    def _close(self, *, clean: bool) -> bool:
        for descriptor in (*self._descriptors, *self._listeners, self._finished):
            os.close(descriptor)
        self._ours.close()
        self._theirs.close()
        return clean

    def _listen(self, port: int) -> None:
        """Opens the way to the proxy: a socket keeps the network that it was made in, wherever its descriptor goes."""
        with _Closing(_socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)) as listener:
            listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(_LISTENING)
            messages.send(self._parent, {"listening": port}, (listener.fileno(),))

    def _watch(self) -> bool:
        """Waits for the end of the plan; True when the parent wants it to end, or is gone."""
        suspects: set[int] = set()
        while True:
            watched = [self._finished, self._parent.fileno(), self._ours.fileno(), *self._listeners]
            ready, _, _ = select.select(watched, [], [], _PAUSE)
            for listener in set(ready) & set(self._listeners):
                self._refuse(listener)
            if self._ours.fileno() in ready:
                received = messages.receive(self._ours)
                if received is not None:
                    self._listeners += received[1]
            if self._finished in ready:
                return False
            if self._parent.fileno() in ready:
                return True
            if not ready and not self._own_pids:
                suspects = keeper.strays(steps.waited_for(), suspects)

    def _refuse(self, listener: int) -> None:
        """Answers a system call that the filter does not allow, and tells which it was."""
        asked = filters.receive(listener)
        if asked is None:
            return
        cookie, _, number, arguments = asked
        self._refusals += 1
        if self._refusals <= _MOST_REFUSALS:
            words = " ".join(str(one) for one in (number, *arguments[:3]))
            os.write(self._descriptors[3], f"refused {words}\n".encode())
        filters.refuse(listener, cookie, _EPERM)

    def _end(self, *, stopped: bool) -> tuple[int, bool]:
        """How many processes were still there, all ended now, and whether nothing of them is left."""
        keeper.take_leave()
        if not self._own_pids:
            return (keeper.sweep() if keeper.has_children() else 0), not stopped
        # Orphans belong to number 1 of the jail, the program that waits. It and this process are always there.
        left = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
        return sum(_alive(name) for name in left), not left


def _alive(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as source:
            # The name may hold blanks and brackets; what follows its last bracket is regular (proc(5)).
            return source.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


class _Closing:
    """Closes a socket at the end: `contextlib` would take long to import."""

    def __init__(self, socket: _socket.socket) -> None:
        self._socket = socket

    def __enter__(self) -> _socket.socket:
        return self._socket

    def __exit__(self, *problem: object) -> None:
        self._socket.close()


def _carry_out(specification: Specification, ruleset: int, descriptors: list[int], finished: int, theirs: _socket.socket) -> None:
    """The thread of a call, from its confinement to its last word."""
    _, out, err, report, *answers = descriptors
    try:
        confine.own_tables()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(_FIRST_OWN, 64)
        keep_only({report, finished, theirs.fileno(), ruleset, *answers})
        _perform(specification, ruleset, report, answers, theirs)
    except confine.ChangedError as problem:
        _say(report, f"changed {_hex(problem)}\n")
    except BaseException as problem:  # noqa: BLE001  # the far end of a thread: whatever it was is reported, nothing is swallowed
        _say(report, f"error {_hex(f'{type(problem).__name__}: {problem}')}\n")
    finally:
        os.eventfd_write(finished, 1)


def prepared(plan: Program, report: int, answers: list[int]) -> steps.Runner:
    """The runner of a plan, with the way to its parent where there is something to say."""
    channel = Channel(report, answers[0], plan["capture_bytes"]) if plan["witnessed"] else None
    return steps.Runner(plan, report, channel)


def _perform(specification: Specification, ruleset: int, report: int, answers: list[int], theirs: _socket.socket) -> None:
    runner, rules = prepared(specification["plan"], report, answers), specification["rules"]
    if specification["confined"]:
        confine.drop_capabilities()
        confine.gain_nothing()
    confine.require_same(specification["identities"])
    if rules is not None:
        confine.restrict(ruleset, rules["abi"])
        os.close(ruleset)
    program = specification["filter"]
    if program:
        listener = filters.apply(program, notify=specification["notify"])
        if listener >= 0:
            messages.send(theirs, {"listener": True}, (listener,))
            os.close(listener)
    _say(report, "started 1\n")
    try:
        runner.run()
    except steps.Halt as problem:
        runner.tell_halted(problem)
        return
    _say(report, f"exit {runner.state.status}\nsignal {runner.state.signal}\n")


def _say(report: int, line: str) -> None:
    os.write(report, line.encode())


def _hex(problem: object) -> str:
    return str(problem).encode("utf-8", "backslashreplace")[:2000].hex()
