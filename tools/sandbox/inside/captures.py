"""Captured commands (`$(...)`), and what the parent is told before they and commands with late words take effect.

A request is one line on the report, with a token of its own; nothing goes on before that very token has come back. The
forked stages of a pipeline share one pipe for answers, so a request holds a lock until it is answered.
"""

from __future__ import annotations

import fcntl
import hashlib
import os

from .files import in_memory, moved, write_all
from .state import Halt, decoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .steps import Runner

_TOKEN_BYTES = 16
_CHUNK = 65536


class Channel:
    """The way to the parent: `report` is written, `answers` read (its end means: stop)."""

    def __init__(self, report: int, answers: int, most: int) -> None:
        self._report = report
        self._answers = answers
        self._most = most
        # A record lock belongs to one process, also where its descriptor is shared by forks; it ends with the process.
        self._lock = in_memory("lock")
        self.descriptors = (answers, self._lock)

    def vector(self, argv: list[bytes]) -> None:
        """Tells the final words of a command; returns when they are on record."""
        self._ask("vector", b" ".join(word.hex().encode() or b"-" for word in argv))

    def run(self, runner: Runner, number: int, table: Table) -> str:
        """Runs a captured command, and gives what it printed without its last newlines; `state` has its status."""
        token = self._ask("capture", str(number).encode())
        reader, writer = os.pipe2(os.O_CLOEXEC)
        reader, writer = moved(reader), moved(writer)
        try:
            pid = self._start(runner, number, {**table, 1: writer})
        finally:
            os.close(writer)
        try:
            data = self._read(reader)
        finally:
            os.close(reader)
        from .children import wait

        runner.state.status, _ = wait(pid)
        runner.state.captured = runner.state.status
        # The plan goes on once this is on record too: where the record fails, nothing more is done.
        self._ask("captured", f"{number} {runner.state.status} {len(data)} {hashlib.sha256(data).hexdigest()}".encode(), token)
        return decoded(data.replace(b"\0", b"").rstrip(b"\n"))

    def _start(self, runner: Runner, number: int, table: Table) -> int:
        def body() -> None:
            # Bash: a command substitution does not take `set -e` along.
            runner.state.errexit = False
            runner.state.signal = 0
            runner.run_steps(runner.plan["captures"][number], table)

        status = runner.state.status
        pid = runner.fork(body, table)
        runner.state.status = status
        return pid

    def _read(self, reader: int) -> bytes:
        found = bytearray()
        while chunk := os.read(reader, _CHUNK):
            found += chunk
            if len(found) > self._most:
                raise Halt(f"a captured command printed more than {self._most} bytes")
        return bytes(found)

    def _ask(self, what: str, words: bytes, token: str = "") -> str:
        """Says something, and returns its token when the answer has come."""
        token = token or os.urandom(_TOKEN_BYTES // 2).hex()
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            write_all(self._report, f"{what} {token} ".encode() + words + b"\n")
            while True:
                answer = b""
                while len(answer) < _TOKEN_BYTES:
                    chunk = os.read(self._answers, _TOKEN_BYTES - len(answer))
                    if not chunk:
                        raise Halt(f"a {what} was not recorded")
                    answer += chunk
                # An answer for another is that for a process that was killed while it waited.
                if answer == token.encode():
                    return token
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
