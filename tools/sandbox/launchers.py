"""Launchers that stay: one process that forks them, and for each shape of a sandbox the launchers that are waiting.

A shape is the place and the limits of a call. A call takes a launcher of its shape, or has one made, and gives it back if
nothing of the call is left there.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import marshal
import os
import select
import signal
import socket
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import SandboxError
from .inside.shapes import Shape
from .runtime import LAUNCHER, python_program

_MOST_BYTES: Final = 65536
_PACKET_BYTES: Final = 32768
_MOST_DESCRIPTORS: Final = 16
_KEPT: Final = 6
"""Launchers that wait for a next call at most: each jail holds its mounts and a few processes."""
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 5.0
_TRIES: Final = 3
_HINT: Final = "the command was not run; see `bylaw doctor`"
# `-S`, `-I`: no site, no user site, no environment, no current directory: a workspace cannot slip a module in.
_FLAGS: Final = ("-I", "-S", "-X", "utf8")
SHELL: Final = "{shell}"
COMMAND: Final = "{command}"
"""In a template: the interpreter, and the words that it is started with."""

Message = Mapping[str, object]


@dataclass(slots=True, kw_only=True, eq=False)
class Launcher:
    """A launcher that is ready for a call: the socket to it, its process, and the wrapper of somebody else's around it."""

    key: bytes
    channel: socket.socket
    process: int
    wrapper: subprocess.Popen[bytes] | None = None
    listening: int | None = field(default=None)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """BrokenPipeError and ConnectionError where it is gone."""
        _send(self.channel, message, descriptors)

    def receive(self) -> Message | None:
        """The next message; None where it is gone, and with it everything that it started. A listening socket is kept."""
        message, descriptors = _receive(self.channel)
        for number, descriptor in enumerate(descriptors):
            if message is not None and "listening" in message and number == 0:
                self.listening = descriptor
            else:
                os.close(descriptor)
        return message

    def kill(self) -> None:
        """Kills the launcher; its jail, or the process that forked it, takes along what it started."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Lets go of it: a launcher whose socket is closed ends everything and itself."""
        if self.listening is not None:
            os.close(self.listening)
            self.listening = None
        self.channel.close()
        os.close(self.process)
        _end(self.wrapper)

    @property
    def pid(self) -> int:
        """Its process, as numbered where this process is."""
        with open(f"/proc/self/fdinfo/{self.process}", encoding="ascii") as source:
            return next(int(line.split()[1]) for line in source if line.startswith("Pid:"))

    def is_there(self) -> bool:
        """Whether it still waits: between calls a launcher says nothing, so what can be read is its end."""
        return not select.select([self.channel], [], [], 0)[0]


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """Waits for a process that has been told to end, and kills it where it does not."""
    if process is None:
        return
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _receive(channel: socket.socket) -> tuple[Message | None, list[int]]:
    try:
        data, beside, _, _ = channel.recvmsg(_MOST_BYTES, socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4), socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return None, []
    found = array.array("i")
    for level, kind, numbers in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(numbers[: len(numbers) - len(numbers) % found.itemsize])
    if not data:
        return None, list(found)
    # The other end is our own launcher; no program of a plan has this socket, see `sandbox.inside.messages`.
    message: Message = marshal.loads(data)  # noqa: S302 - our own other end wrote it
    return message, list(found)


class Launchers:
    """All launchers of this process; several threads may ask at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[bytes, list[Launcher]] = OrderedDict()
        self._forker: subprocess.Popen[bytes] | None = None
        self._forks: socket.socket | None = None
        self._owner = os.getpid()

    def take(self, shape: Shape, key: bytes, *, template: Sequence[str] = ()) -> Launcher:
        """A launcher of this shape, a waiting one where there is one. SandboxError when it cannot be had.

        `key` stands for everything that makes two launchers the same; `template` is a wrapper of somebody else's.
        """
        with self._lock:
            self._forget_after_fork()
            waiting = self._waiting.pop(key, [])
            while waiting:
                found = waiting.pop()
                if found.is_there():
                    if waiting:
                        self._waiting[key] = waiting
                    return found
                found.close()
        for _ in range(_TRIES):
            with self._lock:
                channel, wrapper = self._wrapped(shape, template) if template else (self._forked(shape), None)
            made = _ready(channel, key, wrapper)
            if made is not None:
                return made
        raise SandboxError("the sandbox could not be put up for this call: its launcher ended", hint=_HINT)

    def give_back(self, launcher: Launcher) -> None:
        """Keeps the launcher for the next call of its shape; the one that has waited longest goes where there are too many."""
        with self._lock:
            self._waiting.setdefault(launcher.key, []).append(launcher)
            self._waiting.move_to_end(launcher.key)
            if sum(map(len, self._waiting.values())) > _KEPT:
                key, oldest = next(iter(self._waiting.items()))
                oldest.pop(0).close()
                if not oldest:
                    del self._waiting[key]

    def waiting(self) -> int:
        """How many launchers wait for a call."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Ends all that wait, and the process that forks them."""
        with self._lock:
            if os.getpid() != self._owner:
                return
            for launchers in self._waiting.values():
                for one in launchers:
                    one.close()
            self._waiting.clear()
            self._end_forker()

    def _forget_after_fork(self) -> None:
        """INVARIANT: two processes never speak to one launcher: a fork of this one starts anew."""
        if os.getpid() != self._owner:
            for launchers in self._waiting.values():
                for one in launchers:
                    one.close()
            self._waiting.clear()
            if self._forks is not None:
                self._forks.close()
            # It is a child of the process that this one was forked from: not ours to wait for.
            if self._forker is not None:
                self._forker.returncode = 0
            self._forks = self._forker = None
            self._owner = os.getpid()

    def _forked(self, shape: Shape) -> socket.socket:
        for _ in range(_TRIES):
            if self._forks is None:
                self._start_forker()
            assert self._forks is not None
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    _send(self._forks, {"content": marshal.dumps({**shape})}, [theirs.fileno()])
                except OSError:
                    ours.close()
                    self._end_forker()  # it was killed: the next one takes its place
                    continue
            return ours
        raise SandboxError("the process that starts launchers cannot be reached", hint=_HINT)

    def _start_forker(self) -> None:
        self._forks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._forker = _python(("fork", str(theirs.fileno())), theirs)

    def _wrapped(self, shape: Shape, template: Sequence[str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                wrapper = _python(("serve", str(theirs.fileno())), theirs, template)
                _send(ours, {"content": marshal.dumps({**shape})})
        except BaseException:
            ours.close()
            raise
        return ours, wrapper

    def _end_forker(self) -> None:
        if self._forks is not None:
            self._forks.close()
        _end(self._forker)
        self._forks = self._forker = None


def _send(channel: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """What is too long for a packet goes in a file in memory: nothing lies in a file system."""
    content = message.get("content")
    with contextlib.ExitStack() as stack:
        passed = list(descriptors)
        if isinstance(content, bytes) and len(content) > _PACKET_BYTES:
            source = os.memfd_create("content", os.MFD_CLOEXEC)
            stack.callback(os.close, source)
            with open(source, "wb", closefd=False) as stream:
                stream.write(content)
            os.lseek(source, 0, os.SEEK_SET)
            message, passed = {**message, "content": None}, [source, *passed]
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))] if passed else []
        channel.sendmsg([marshal.dumps({**message})], beside)


def _python(words: Sequence[str], theirs: socket.socket, template: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """INVARIANT: a launcher's environment is empty and it inherits the one descriptor that is named, and no other."""
    launcher = [*_FLAGS, LAUNCHER, *words]
    command = [python_program(), *launcher]
    if template:
        places = {SHELL: [python_program()], COMMAND: launcher}
        command = [part for word in template for part in places.get(word, [word])]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/",
        pass_fds=[theirs.fileno()], start_new_session=True,
    )  # fmt: skip


def _ready(channel: socket.socket, key: bytes, wrapper: subprocess.Popen[bytes] | None) -> Launcher | None:
    """Waits until the launcher says that it is there; None where it ended before, killed by somebody."""
    channel.settimeout(_START_SECONDS)
    try:
        message, descriptors = _receive(channel)
    except TimeoutError as problem:
        channel.close()
        _end(wrapper)
        raise SandboxError("the sandbox was not put up in time", hint=_HINT) from problem
    if message is None or "ready" not in message or len(descriptors) != 1:
        channel.close()
        _end(wrapper)
        for descriptor in descriptors:
            os.close(descriptor)
        if message is None:
            return None
        why = str(message.get("failed", "its launcher does not say that it is ready"))
        raise SandboxError(f"the sandbox could not be put up for this call: {why[:500]}", hint=_HINT)
    channel.settimeout(None)
    return Launcher(key=key, channel=channel, process=descriptors[0], wrapper=wrapper)


def key_of(*parts: object) -> bytes:
    """One key for everything given (plain data, or ValueError): equal parts, equal keys."""
    whole: Any = parts  # what marshal takes is said by no type: it refuses what it cannot write
    return marshal.dumps(whole, 2)  # version 2: no references, so that equal data give equal bytes


LAUNCHERS: Final = Launchers()
atexit.register(LAUNCHERS.close)

__all__ = ["LAUNCHERS", "Launcher", "Launchers", "key_of"]
