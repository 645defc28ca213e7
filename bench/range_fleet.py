"""The workers of the range: each has a jail of its own, is started again when a case ends it, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from . import jail
from .corpus import ROOT
from .jail import Jail
from .questions import EVERYDAY_SETUP

WORKERS = 2
_SECONDS = 600.0


class Hopeless(Exception):
    """Nothing can be run here without a danger for the machine."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """A process that answers cases in a jail, one at a time; started when it is first asked, and again when it is gone."""

    command: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    _rest: bytes = b""

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """Its answer; `failed` where the case ended the worker. Hopeless when the worker says so."""
        if self.process is None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said before it ended is read all the same
        line = self._line()
        if line is None:
            self.close()
            return {"failed": "it ended the process that ran it, or took too long"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> None:
        """INVARIANT: a worker that cannot work is no case that has no effect."""
        self.process = _started(self.command)
        self._rest = b""
        line = self._line()
        failed: str | None = json.loads(line)["failed"] if line is not None else "a worker does not start in the jail"
        if failed:
            self.close()
            raise Hopeless(failed)

    def _line(self) -> bytes | None:
        assert self.process is not None
        assert self.process.stdout is not None
        deadline = time.monotonic() + _SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                chunk = os.read(self.process.stdout.fileno(), 1 << 16)
                if not chunk:
                    return None
                self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def close(self) -> None:
        """Ends the process with everything in its jail."""
        process, self.process = self.process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()  # a worker that is well ends by this
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
            process.wait()
        process.stdout.close()

    def kill(self) -> None:
        """Ends the process at once; whoever waits for its answer hears that it is gone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # INVARIANT: a worker has a group of its own; what is killed with it is its own.
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two workers on the same places: one that runs cases unprotected, one that passes them through the gate."""

    plain: Worker
    gate: Worker

    def close(self) -> None:
        self.plain.close()
        self.gate.close()

    def kill(self) -> None:
        self.plain.kill()
        self.gate.kill()


@contextlib.contextmanager
def pair(presets: Sequence[str]) -> Generator[Pair, None, None]:
    """Two workers in a scratch directory that is gone afterwards."""
    scratch = tempfile.mkdtemp(prefix="bylaw-range-")
    try:
        place = jail.make(Path(scratch))
        both = Pair(plain=_worker(place, "plain", presets), gate=_worker(place, "gate", presets))
        try:
            yield both
        finally:
            both.close()
    finally:
        _removed(scratch)


def _worker(place: Jail, kind: str, presets: Sequence[str]) -> Worker:
    # The first process of the jail stands in the workspace, as that of the corpus did: some attacks make it act for them.
    prefix = (*place.prefix, "--chdir", place.workspace) if place.prefix and kind == "plain" else place.apart
    held = "free" if place.prefix else "confined"
    module = (sys.executable, "-P", "-m", "bench.range_worker")
    return Worker(command=(*prefix, *module, place.workspace, place.outside, place.state, kind, held, *presets))


def _removed(scratch: str) -> None:
    for directory, _, _ in os.walk(scratch):
        with contextlib.suppress(OSError):
            os.chmod(directory, 0o700)  # a command may have taken its own permissions away
    shutil.rmtree(scratch, ignore_errors=True)


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far the work is, on standard error where that is a terminal."""

    of: int
    what: str
    stream: IO[str] = field(default_factory=lambda: sys.stderr)
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self) -> None:
        """One more is done."""
        with self._lock:
            self.done += 1
            if self.stream.isatty():
                end = "\n" if self.done == self.of else ""
                print(f"\r{self.what} {self.done} of {self.of}", end=end, file=self.stream, flush=True)


def in_parallel(
    questions: Sequence[Mapping[str, object]], presets: Sequence[str], one: Callable[[Pair, Mapping[str, object]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The answers, in order; `one` puts a question to a pair of workers. What a thread raises is raised here."""
    answers: list[dict[str, Any]] = [{} for _ in questions]
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(questions)):
        waiting.put(number)
    progress, problems, pairs = Progress(of=len(questions), what="attacks"), list[BaseException](), list[Pair]()

    def work() -> None:
        try:
            with pair(presets) as workers:
                pairs.append(workers)
                while not problems:
                    try:
                        number = waiting.get_nowait()
                    except queue.Empty:
                        return
                    answers[number] = one(workers, questions[number])
                    progress.step()
        except BaseException as problem:  # noqa: BLE001  # raised again by the thread that waits
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(min(WORKERS, len(questions)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt as problem:
        problems.append(problem)
        for one_pair in pairs:
            one_pair.kill()
        for thread in threads:
            thread.join()
    if problems:
        raise problems[0]
    return answers


def attack(workers: Pair, question: Mapping[str, object]) -> dict[str, Any]:
    """Runs a case unprotected, and where that shows an effect, through the gate; `left_out` says why it does not count."""
    unprotected = workers.plain.ask(question)
    if unprotected["failed"]:
        return {"left_out": unprotected["failed"], **{key: unprotected[key] for key in ("said",) if key in unprotected}}
    guarded = workers.gate.ask(question)
    found = {"unprotected": {"evidence": unprotected["evidence"], "terminal": unprotected["terminal"]}}
    # INVARIANT: what could not be looked at is no success of the sandbox: it is left out, by name.
    if guarded["failed"]:
        return {**found, "left_out": f"through the gate, {guarded['failed']}"}
    return {**found, "runs": guarded["runs"]}


def everyday(commands: Sequence[str], presets: Sequence[str]) -> list[dict[str, Any]]:
    """Each command outside and inside, in one project."""
    if not commands:
        return []
    progress, answers = Progress(of=len(commands), what="everyday commands"), list[dict[str, Any]]()
    with pair(presets) as workers:
        failed = workers.gate.ask({"project": EVERYDAY_SETUP})["failed"]
        for command in commands:
            answers.append({"failed": f"the project: {failed}"} if failed else workers.gate.ask({"command": command}))
            progress.step()
    return answers
