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
import time

from . import confine, filters, keeper, messages, steps
from .captures import Channel
from .files import FIRST_FREE, keep_only, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Program, Shape, Specification

_PAUSE = 0.5
_IPC = "/proc/sysvipc"
_OF_LIMIT = 0.1
"""How much of the limit on processor time a launcher uses itself at most: its programs inherit the limit, not what was used."""
_SHARED_PLACES = ("/tmp", "/tmp/.private", "/dev/shm")  # noqa: S108 - private ones, in the jail
_LISTENING = 128
_MOST_REFUSALS = 64
_EPERM = 1
_FIRST_OWN = 3


def serve(parent: _socket.socket, shape: Shape, *, own_pids: bool) -> None:
    """Carries out what is sent, until the parent is gone or this place cannot be used again."""
    given_up = confine.Capabilities() if shape["confined"] else None
    before = _traces() if own_pids else _Traces()
    refused = _confined(shape)
    messages.send(parent, {"ready": os.getpid()}, (os.pidfd_open(os.getpid()),))
    while time.process_time() < shape["caps"]["cpu_seconds"] * _OF_LIMIT:
        received = messages.receive(parent)
        if received is None:
            return
        message, descriptors = received
        # Written by the parent, which holds the other end.
        specification: Specification = marshal.loads(messages.content(message, descriptors))  # noqa: S302 - our own other end wrote it
        call = _Call(parent, refused, given_up, descriptors, before.processes if own_pids else None)
        gone = call.run(specification, int(str(message["listen"])))
        again = gone and bool(message["again"]) and (not own_pids or _traces() == before)
        messages.send(parent, {"done": again, "gone": gone})
        if not again:
            return


class _Traces:
    """What a call may leave in a jail for the next one to find: processes, temporary files, shared memory."""

    def __init__(self) -> None:
        self.processes: frozenset[str] = frozenset()
        self.rest: tuple[object, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Traces) and (self.processes, self.rest) == (other.processes, other.rest)

    __hash__ = None  # type: ignore[assignment]  # it is compared, and never a key


def _traces() -> _Traces:
    found = _Traces()
    if not os.path.isdir(_IPC):
        found.rest = (object(),)  # without a process file system nothing can be told: this place is like no other
        return found
    found.processes = _processes()
    ipc: list[bytes] = []
    for kind in ("shm", "sem", "msg"):
        with open(f"{_IPC}/{kind}", "rb") as source:
            ipc.append(source.read())
    found.rest = (*ipc, *map(_trace_of, _SHARED_PLACES))
    return found


def _trace_of(place: str) -> object:
    """The names in a directory of the jail, and what else can be written down on it; its times are set back."""
    if not os.path.isdir(place):
        return None
    os.utime(place, (0, 0))
    status = os.stat(place)
    return sorted(os.listdir(place)), status.st_mode, status.st_uid, status.st_gid, os.listxattr(place)


def _processes() -> frozenset[str]:
    return frozenset(name for name in os.listdir("/proc") if name.isdigit())


def _confined(shape: Shape) -> int:
    """Puts on what all calls of a launcher have in common, the filter of system calls last; its listener, or -1.

    A thread inherits all this, and it is dear to put on: the kernel compiles the filter each time. INVARIANT: this thread makes
    no call from here on that the filter refuses: it is the one that answers.
    """
    confine.close_to_others()
    # Orphans come back here, also in a jail, where number 1 only waits: they are ended, and do not pile up.
    confine.become_subreaper()
    confine.limit(shape["caps"])
    if shape["confined"]:
        confine.give_up_for_good()
        confine.gain_nothing()
    if not shape["filter"]:
        return -1
    listener = filters.apply(shape["filter"], notify=shape["notify"])
    return listener if listener < 0 else moved(listener)


class _Call:
    """One call: the thread that carries it out, and the watch over it."""

    def __init__(
        self,
        parent: _socket.socket,
        refused: int,
        given_up: confine.Capabilities | None,
        descriptors: list[int],
        always: frozenset[str] | None,
    ) -> None:
        self._parent = parent
        self._refused = refused
        self._given_up = given_up
        self._descriptors = descriptors
        self._always = always
        self._own_pids = always is not None
        self._finished = moved(os.eventfd(0, os.EFD_CLOEXEC))
        self._refusals = 0

    def run(self, specification: Specification, port: int) -> bool:
        """Whether everything that the call started had ended by itself, or could be ended, and this place is as before."""
        report = self._descriptors[2]
        try:
            if self._own_pids:
                confine.require_covered(specification["hidden"], specification["protected"])
            # Made here, where the thread's own tables do not take it away: the next call may have the same.
            rules = specification["rules"]
            ruleset = (-1, 0) if rules is None else confine.ready(rules, specification["identities"])
        except confine.ChangedError as problem:
            _say(report, f"changed {_hex(problem)}\n")
            return self._close(clean=True)
        except confine.StaleError:
            return self._close(clean=False)
        if port:
            self._listen(port)
        _thread.start_new_thread(self._carry_out, (specification, ruleset))
        stopped = self._watch()
        if stopped:
            steps.stop()
        ended, clean = (0, False) if stopped and self._own_pids else self._end(stopped=stopped)
        _say(report, f"ended {ended}\n" + ("stopped 1\n" if stopped else ""))
        try:
            if self._own_pids:
                confine.require_covered(specification["hidden"], specification["protected"])
        except confine.StaleError:
            _say(report, "uncovered 1\n")
        return self._close(clean=clean)

    def _close(self, *, clean: bool) -> bool:
        for descriptor in (*self._descriptors, self._finished):
            os.close(descriptor)
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
        watched = [self._finished, self._parent.fileno(), *([self._refused] if self._refused >= 0 else [])]
        while True:
            ready, _, _ = select.select(watched, [], [], _PAUSE)
            if self._finished in ready:
                return False
            if self._refused in ready:
                self._refuse()
            if self._parent.fileno() in ready:
                return True
            if not ready:
                suspects = keeper.strays(steps.waited_for(), suspects)

    def _refuse(self) -> None:
        """Answers a system call that the filter does not allow, and tells which it was."""
        asked = filters.receive(self._refused)
        if asked is None:
            return
        cookie, _, number, arguments = asked
        filters.refuse(self._refused, cookie, _EPERM)
        self._refusals += 1
        if self._refusals <= _MOST_REFUSALS:
            words = " ".join(str(one) for one in (number, *arguments[:3]))
            _say(self._descriptors[2], f"refused {words}\n")

    def _end(self, *, stopped: bool) -> tuple[int, bool]:
        """How many processes were still there, all ended now, and whether nothing of them is left."""
        keeper.take_leave()
        if not self._own_pids:
            return (keeper.sweep() if keeper.has_children() else 0), not stopped
        if not os.path.isdir(_IPC):
            return 0, False  # the end of the jail is what can be waited for
        # Number 1 of the jail, the program that waits, and this process are always there.
        left = _processes() - (self._always or frozenset())
        return sum(_alive(name) for name in left), not left

    # -- in the thread of the call

    def _carry_out(self, specification: Specification, ruleset: tuple[int, int]) -> None:
        """The thread of a call, from its confinement to its last word."""
        out, err, report, *answers = self._descriptors
        try:
            confine.own_tables()
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.closerange(_FIRST_OWN, FIRST_FREE)
            keep_only({report, self._finished, ruleset[0], *answers})
            self._perform(specification, ruleset, report, answers)
        except confine.ChangedError as problem:
            _say(report, f"changed {_hex(problem)}\n")
        except BaseException as problem:  # noqa: BLE001  # the far end of a thread: whatever it was is reported, nothing is swallowed
            _say(report, f"error {_hex(f'{type(problem).__name__}: {problem}')}\n")
        finally:
            os.eventfd_write(self._finished, 1)

    def _perform(self, specification: Specification, ruleset: tuple[int, int], report: int, answers: list[int]) -> None:
        runner = prepared(specification["plan"], report, answers)
        if self._given_up is not None:
            self._given_up.drop()
        confine.require_same(specification["identities"])
        if ruleset[0] >= 0:
            confine.restrict(*ruleset)
            os.close(ruleset[0])
        _say(report, "started 1\n")
        try:
            runner.run()
        except steps.Halt as problem:
            runner.tell_halted(problem)
            return
        _say(report, f"exit {runner.state.status}\nsignal {runner.state.signal}\n")


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


def prepared(plan: Program, report: int, answers: list[int]) -> steps.Runner:
    """The runner of a plan, with the way to its parent where there is something to say."""
    channel = Channel(report, answers[0], plan["capture_bytes"]) if plan["witnessed"] else None
    return steps.Runner(plan, report, channel)


def _say(report: int, line: str) -> None:
    os.write(report, line.encode())


def _hex(problem: object) -> str:
    return str(problem).encode("utf-8", "backslashreplace")[:2000].hex()
