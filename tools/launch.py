"""Starts the launcher with exactly the descriptors it needs, and ends it with everything that it started."""

from __future__ import annotations

import contextlib
import marshal
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Literal

from .capture import Capture
from .report import Report
from .sandbox.inside.shapes import Specification
from .sandbox.runtime import LAUNCHER, python_program
from .witness import Witness

Stream = Literal["stdout", "stderr"]
End = Literal["done", "timeout", "interrupted"]

_CHUNK = 65536
_SLICE = 0.5
_GRACE = {True: 0.7, False: 3.0}
"""Seconds for the keeper to end everything; with process ids of its own the kernel does it when the launcher is killed."""


@dataclass(slots=True, kw_only=True)
class Running:
    """A launcher that was started; `own_pids` says that killing it takes everything along.

    `answers` is the pipe on which it waits for leave to go on, where the plan holds something to witness.
    """

    process: subprocess.Popen[bytes]
    report: int
    control: int | None
    own_pids: bool
    answers: int | None = None
    said: dict[str, str] = field(default_factory=dict[str, str])

    def stop(self) -> None:
        """Tells the keeper to end everything: it waits for the other end of `control` to be closed."""
        if self.control is not None:
            os.close(self.control)
            self.control = None


def sealed(content: bytes, stack: contextlib.ExitStack) -> int:
    """A descriptor on bytes in memory: nothing lies in a file, nothing can be read in a process title."""
    descriptor = os.memfd_create("bylaw", os.MFD_CLOEXEC)
    stack.callback(os.close, descriptor)
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def start(
    specification: Specification,
    *,
    wrapper: Sequence[str],
    arguments: Sequence[str],
    inherited: Sequence[int],
    stack: contextlib.ExitStack,
) -> Running:
    """Starts the launcher, in `wrapper` where there is one; its descriptors are closed with `stack`.

    INVARIANT: the launcher's environment is empty and it inherits the descriptors named here and no other.
    """
    source = sealed(marshal.dumps({**specification}), stack)
    report, report_there = os.pipe2(os.O_CLOEXEC)
    stack.callback(os.close, report)
    with contextlib.ExitStack() as ours:
        ours.callback(os.close, report_there)
        control_there, control = os.pipe2(os.O_CLOEXEC)
        ours.callback(os.close, control_there)
        answers_there: list[int] = []
        answers: int | None = None
        if specification["plan"]["witnessed"]:
            reader, answers = os.pipe2(os.O_CLOEXEC)
            ours.callback(os.close, reader)
            stack.callback(os.close, answers)
            answers_there.append(reader)
        numbers = [source, report_there, control_there, *answers_there]
        passed = [*numbers, *inherited]
        # `-S`, `-I`: no site, no user site, no environment, no current directory: a workspace cannot slip a module in.
        command = [python_program(), "-I", "-S", "-X", "utf8", LAUNCHER, *(str(number) for number in numbers)]
        if wrapper:
            words = sealed(b"".join(os.fsencode(word) + b"\0" for word in arguments), stack)
            passed.append(words)
            command = [*wrapper, "--args", str(words), "--", *command]
        try:
            process = subprocess.Popen(  # waited for in `finish`, on every way out
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                pass_fds=passed,
                start_new_session=True,
            )
        except BaseException:
            os.close(control)
            raise
    running = Running(process=process, report=report, control=control, own_pids=specification["own_pids"], answers=answers)
    stack.callback(_finish, running)
    return running


def watch(
    running: Running,
    captures: dict[Stream, Capture],
    *,
    seconds: float,
    on_output: Callable[[Stream, bytes], None] | None,
    witness: Witness | None = None,
) -> End:
    """Reads until the launcher is gone, at most `seconds`; then everything it started is gone too, output kept.

    A process that holds a pipe does not hold the call: what counts is the end of the launcher. Ctrl-C ends it alike.
    What the witness raises ends it too, and is raised.
    """
    end: End = "done"
    report = Report(witness, running.answers, running.stop)
    running.said = report.said
    with contextlib.ExitStack() as stack:
        pump = _Pump(running, captures, on_output, stack, report)
        try:
            if not pump.until(time.monotonic() + seconds):
                end = "timeout"
        except KeyboardInterrupt:
            end = "interrupted"
        finally:
            if running.process.returncode is None:
                running.stop()
                pump.mute()
                if not pump.until(time.monotonic() + _GRACE[running.own_pids]):
                    _kill(running)
                    pump.until(time.monotonic() + _GRACE[True])
            pump.drain()
    return end


class _Pump:
    """Moves output into captures until the launcher ends."""

    def __init__(
        self,
        running: Running,
        captures: dict[Stream, Capture],
        on_output: Callable[[Stream, bytes], None] | None,
        stack: contextlib.ExitStack,
        report: Report,
    ) -> None:
        self._report = report
        self._running = running
        self._captures = captures
        self._on_output = on_output
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._watched = os.pidfd_open(running.process.pid)
        stack.callback(os.close, self._watched)
        self._selector.register(self._watched, selectors.EVENT_READ, "end")
        outputs: tuple[tuple[Stream, IO[bytes] | None], ...] = (("stdout", running.process.stdout), ("stderr", running.process.stderr))
        self._open: dict[int, Stream | Literal["report"]] = {running.report: "report"}
        self._open |= {stream.fileno(): name for name, stream in outputs if stream is not None}
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, "data")

    def mute(self) -> None:
        """Tells and answers nobody any more: what comes now is only kept."""
        self._on_output = None
        self._report.end()

    def until(self, deadline: float) -> bool:
        """Whether the launcher ended before the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            # In slices: a signal may be taken by another thread, and is acted upon only when this one wakes.
            ready = self._selector.select(min(left, _SLICE))
            for key, _ in ready:
                if key.data == "data":
                    self._read(key.fd)
            if any(key.data == "end" for key, _ in ready):
                self._end_orphans()
                self._running.process.wait()
                return True
        return False

    def _end_orphans(self) -> None:
        """A launcher that was killed ended nobody: what is left of its group goes with it, while its number is still its own."""
        self.drain()
        if "ended" not in self._running.said:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running.process.pid, signal.SIGKILL)

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


def _kill(running: Running) -> None:
    # The group first: once its leader is waited for, the number may belong to somebody else.
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(running.process.pid, signal.SIGKILL)


def _finish(running: Running) -> None:
    """Leaves no process and no descriptor, whatever happened before."""
    running.stop()
    if running.process.returncode is None:
        try:
            # The keeper ends what the plan started; killed at once, it would leave that behind.
            running.process.wait(_GRACE[running.own_pids])
        except subprocess.TimeoutExpired:
            _kill(running)
            running.process.wait()
    for stream in (running.process.stdout, running.process.stderr):
        if stream is not None:
            stream.close()
