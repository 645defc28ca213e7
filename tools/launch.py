"""One call in a launcher: hands it over with exactly the descriptors it needs, watches it, and ends all that it started."""

from __future__ import annotations

import contextlib
import marshal
import os
import selectors
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .capture import Capture
from .errors import LaunchError, SandboxError
from .report import Report
from .sandbox.inside.shapes import Shape, Specification
from .sandbox.launchers import LAUNCHERS, Launcher, key_of
from .witness import Witness

Stream = Literal["stdout", "stderr"]
End = Literal["done", "timeout", "interrupted"]

_CHUNK = 65536
_SLICE = 0.5
_GRACE = 3.0
"""Seconds for a launcher to end everything that it started, before it is killed itself."""
_GRACE_OF_KERNEL = 0.7
"""Seconds for the kernel to take a killed launcher away, and with it its jail."""
_TRIES = 3


@dataclass(slots=True, kw_only=True)
class Running:
    """A call that was handed to a launcher; `outputs` and `report` are read, `answers` is written where there is a witness.

    `ended`: the launcher has said so, or is gone; `clean`: it can take another call.
    """

    launcher: Launcher
    outputs: Mapping[int, Stream]
    report: int
    answers: int | None
    ended: bool = False
    clean: bool = False
    said: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])

    @property
    def lost(self) -> bool:
        """Whether the launcher was gone before it began: one that is killed while it waits may still seem to be there."""
        return self.ended and not self.clean and not self.said.keys() & {"started", "changed", "error", "stopped"}

    def stop(self) -> None:
        """Tells the launcher to end everything: one that is gone has."""
        with contextlib.suppress(OSError):
            self.launcher.send({"stop": True})


def start(
    specification: Specification,
    *,
    shape: Shape,
    identity: object,
    template: Sequence[str],
    again: bool,
    listen: int,
    stack: contextlib.ExitStack,
) -> Running:
    """Hands the call to a launcher of its shape; what is left of both is closed with `stack`.

    `identity` is plain data beside the shape that makes two places the same (device and inode of what is mounted). `again`: the
    place may serve another call. `listen`: the port inside on which a proxy is to be reached, 0 for none.
    """
    with contextlib.ExitStack() as ours:
        pairs = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
        for mine, theirs in pairs:
            stack.callback(os.close, mine)
            ours.callback(os.close, theirs)
        passed = [theirs for _, theirs in pairs]
        answers: int | None = None
        if specification["plan"]["witnessed"]:
            reader, answers = os.pipe2(os.O_CLOEXEC)
            ours.callback(os.close, reader)
            stack.callback(os.close, answers)
            passed.append(reader)
        message = {"content": marshal.dumps({**specification}), "listen": listen, "again": again}
        launcher = _taken(shape, key_of(shape, identity, list(template)), template, message, passed)
    (out, _), (err, _), (report, _) = pairs
    running = Running(launcher=launcher, outputs={out: "stdout", err: "stderr"}, report=report, answers=answers)
    stack.callback(_finish, running)
    return running


def _taken(shape: Shape, key: bytes, template: Sequence[str], message: Mapping[str, object], passed: Sequence[int]) -> Launcher:
    """A launcher that has taken the call: one that was killed while it waited cannot, and another is asked."""
    for _ in range(_TRIES):
        try:
            launcher = LAUNCHERS.take(shape, key, template=template)
        except SandboxError as problem:
            # The layers were proven: what fails now is this call, whose files may be exchanged as it is put up.
            raise LaunchError(problem.message, hint=problem.hint) from problem
        try:
            launcher.send(message, passed)
        except OSError:
            launcher.close()
            continue
        return launcher
    raise LaunchError("no launcher takes the call", hint="the command was not run; see `bylaw doctor`")


def watch(
    running: Running,
    captures: dict[Stream, Capture],
    *,
    seconds: float,
    on_output: Callable[[Stream, bytes], None] | None,
    witness: Witness | None = None,
    on_listening: Callable[[int], None] | None = None,
) -> End:
    """Reads until the call has ended, at most `seconds`; then everything it started is gone too, output kept.

    A process that holds a pipe does not hold the call: what counts is the word of the launcher. Ctrl-C ends it alike.
    What the witness raises ends it too, and is raised. `on_listening` is given the socket on which a proxy is asked.
    """
    end: End = "done"
    report = Report(witness, running.answers, running.stop)
    running.said, running.refused = report.said, report.refused
    with contextlib.ExitStack() as stack:
        pump = _Pump(running, captures, on_output=on_output, stack=stack, report=report, on_listening=on_listening)
        try:
            if not pump.until(time.monotonic() + seconds):
                end = "timeout"
        except KeyboardInterrupt:
            end = "interrupted"
        finally:
            if not running.ended:
                running.stop()
                pump.mute()
                if not pump.until(time.monotonic() + _GRACE):
                    running.launcher.kill()
                    pump.until(time.monotonic() + _GRACE_OF_KERNEL)
            pump.drain()
    return end


class _Pump:
    """Moves output into captures until the call has ended."""

    def __init__(
        self,
        running: Running,
        captures: dict[Stream, Capture],
        *,
        on_output: Callable[[Stream, bytes], None] | None,
        stack: contextlib.ExitStack,
        report: Report,
        on_listening: Callable[[int], None] | None,
    ) -> None:
        self._report = report
        self._running = running
        self._captures = captures
        self._on_output = on_output
        self._on_listening = on_listening
        self._selector = stack.enter_context(selectors.PollSelector())
        self._selector.register(running.launcher.channel, selectors.EVENT_READ, "launcher")
        self._open: dict[int, Stream | Literal["report"]] = {running.report: "report", **running.outputs}
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, "data")

    def mute(self) -> None:
        """Tells and answers nobody any more: what comes now is only kept."""
        self._on_output = None
        self._report.end()

    def until(self, deadline: float) -> bool:
        """Whether the call ended before the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            # In slices: a signal may be taken by another thread, and is acted upon only when this one wakes.
            ready = self._selector.select(min(left, _SLICE))
            for key, _ in ready:
                if key.data == "data":
                    self._read(key.fd)
            if any(key.data == "launcher" for key, _ in ready):
                self._hear()
            if self._running.ended:
                return True
        return False

    def _hear(self) -> None:
        """What the launcher says. Where something of the call is left, it is waited for: when it is gone, so is all that it started."""
        running = self._running
        message = running.launcher.receive()
        if message is None:
            running.ended = True
        elif "done" in message:
            running.clean, running.ended = bool(message["done"]), bool(message["gone"])
        elif self._on_listening is not None and (listener := running.launcher.listening) is not None:
            running.launcher.listening = None
            self._on_listening(listener)

    def drain(self) -> None:
        """Takes what is in the pipes now, and waits for nobody: at most what pipes hold."""
        for descriptor in tuple(self._open):
            for _ in range(64):
                if not self._read(descriptor):
                    break

    def _read(self, descriptor: int) -> bool:
        name = self._open.get(descriptor)
        if name is None:
            return False
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            del self._open[descriptor]
            self._selector.unregister(descriptor)
            return False
        if name == "report":
            self._report.feed(chunk)
            return True
        self._captures[name].feed(chunk)
        if self._on_output is not None:
            self._on_output(name, chunk)
        return True


def _finish(running: Running) -> None:
    """Gives the launcher back, or lets go of it for good: whatever happened before, nothing of the call is left."""
    launcher = running.launcher
    if running.ended and running.clean:
        LAUNCHERS.give_back(launcher)
        return
    if not running.ended:
        running.stop()
        launcher.channel.settimeout(_GRACE)
        with contextlib.suppress(TimeoutError):
            while launcher.receive() is not None:
                pass
        launcher.kill()
    launcher.close()
