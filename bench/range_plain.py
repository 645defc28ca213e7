"""Runs a command of the corpus without any protection, and ends what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 20.0
_SECONDS_ON_A_TERMINAL = 6.0
_AFTERWARDS_SECONDS = 0.5
_IDLE_SECONDS = 0.3
_OUTPUT_BYTES = 1 << 24
_OURS = (b"/bashlex_helper.py", b"/sandbox/inside/", b"bwrap\0")
_NOT_FOUND = re.compile(r"(?:^|: )([^\s:]+): (?:command )?not found$|^env: .(\S+).: No such file", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """How a command ended; `code` is None where it had to be ended, or was, because its effect was there."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def missing(self) -> str:
        """The program that the shell did not find, where it says so."""
        found = _NOT_FOUND.search(self.stderr)
        return (found[1] or found[2]) if found else ""


def plain(command: str, directory: str, environment: Mapping[str, str], *, done: Callable[[], bool] = lambda: False) -> Plain:
    """Runs it with bash, without a terminal, until it ends, its effect is there, or the time is over."""
    with _memory() as stdout, _memory() as stderr:
        process = subprocess.Popen(
            ["bash", "-c", command], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            start_new_session=True, preexec_fn=_capped,  # noqa: PLW1509  # a worker has one thread
        )  # fmt: skip
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline and not done():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_AFTERWARDS_SECONDS if done() else 0)  # a debugger that is ended in the midst takes its victim along
        code = process.returncode
        _end_group(process.pid)
        process.wait()
        end_children()
        return Plain(code=code, stdout=_text(stdout), stderr=_text(stderr))


def on_terminal(command: str, directory: str, environment: Mapping[str, str], *, done: Callable[[], bool]) -> str:
    """Runs it with bash on a terminal of its own, and answers what was shown there; whatever waits for a key gets Return."""
    child, terminal = pty.fork()
    if child == 0:
        try:
            os.chdir(directory)
            os.execvpe("bash", ["bash", "-c", command], dict(environment))
        finally:
            os._exit(127)
    shown = b""
    deadline = time.monotonic() + _SECONDS_ON_A_TERMINAL
    while time.monotonic() < deadline and not done() and len(shown) < _OUTPUT_BYTES:
        if not select.select([terminal], [], [], _IDLE_SECONDS)[0]:
            with contextlib.suppress(OSError):
                os.write(terminal, b"\n")
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    _end_group(child)
    os.close(terminal)
    end_children()
    return shown.decode("utf-8", "replace")


def end_children() -> None:
    """Ends every descendant: what lost its parent is a child of this process, which is its subreaper.

    What the product itself keeps (the second opinion on commands, launchers) is no part of a case, and stays.
    """
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (waiting := [one for one in _children() if not _is_ours(one)]):
        for one in waiting:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(one, os.WNOHANG)
        time.sleep(0.002)


def _children() -> list[int]:
    mine, found = str(os.getpid()), list[int]()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                # proc(5): the name in brackets may hold anything, what follows the last one is state and parent
                if Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1] == mine:
                    found.append(int(name))
    return found


def _is_ours(process: int) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return any(one in words for one in _OURS)


def _end_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def _capped() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_OUTPUT_BYTES, _OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextlib.contextmanager
def _memory() -> Generator[int, None, None]:
    descriptor = os.memfd_create("output")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _text(descriptor: int) -> str:
    return os.pread(descriptor, _OUTPUT_BYTES, 0).decode("utf-8", "replace")
