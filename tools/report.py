"""What the launcher reports: how the plan went, and on the way what a witness must hear before it takes effect."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Final

from .errors import ToolError
from .witness import Witness

_LINE_BYTES: Final = 8 << 20
_KEPT: Final = frozenset({"started", "exit", "signal", "ended", "stopped", "uncovered"})
_TEXTS: Final = frozenset({"error", "halted", "changed"})
_CAPTURE: Final = re.compile(rb"([0-9a-f]{16}) (\d{1,6})", re.ASCII)
_CAPTURED: Final = re.compile(rb"([0-9a-f]{16}) (\d{1,6}) (\d{1,3}) (\d{1,12}) ([0-9a-f]{64})", re.ASCII)
_REFUSED: Final = re.compile(rb"(\d{1,10})((?: \d{1,20}){0,3})", re.ASCII)
_MOST_REFUSED: Final = 64
_VECTOR: Final = re.compile(rb"([0-9a-f]{16}) ((?:[0-9a-f]+|-)(?: (?:[0-9a-f]+|-))*)", re.ASCII)


class Report:
    """Takes the report as it comes. `said` holds what was reported once, `refused` system calls that the filter did not allow, with
    their first arguments; `answers` is where the launcher waits.

    `stop` is called when a process inside says that the plan must end.
    """

    def __init__(self, witness: Witness | None, answers: int | None, stop: Callable[[], None]) -> None:
        self.said: dict[str, str] = {}
        self.refused: list[tuple[int, ...]] = []
        self._witness = witness
        self._answers = answers
        self._stop = stop
        self._rest = bytearray()
        self._runs: dict[int, int] = {}
        self._open: dict[bytes, tuple[int, int]] = {}
        self._ended = False

    def end(self) -> None:
        """From now on nothing is answered: what asks does not go on."""
        self._ended = True

    def feed(self, chunk: bytes) -> None:
        """Raises what the witness raises, and ToolError for a report that the launcher does not write."""
        self._rest += chunk
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        if len(rest) > _LINE_BYTES:
            raise ToolError("the launcher's report cannot be read", hint="the command was stopped")
        for line in lines:
            self._line(bytes(line))

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b" ")
        match name:
            case b"capture":
                self._capture(_read(_CAPTURE, value))
            case b"captured":
                self._captured(_read(_CAPTURED, value))
            case b"vector":
                self._vector(_read(_VECTOR, value))
            case b"refused":
                found = _read(_REFUSED, value)
                if len(self.refused) < _MOST_REFUSED:
                    self.refused.append((int(found.group(1)), *map(int, found.group(2).split())))
            case _:
                self._keep(name.decode("ascii", "replace"), value.decode("ascii", "replace"))

    def _keep(self, name: str, value: str) -> None:
        if name in _TEXTS:
            with contextlib.suppress(ValueError):
                self.said[name] = bytes.fromhex(value).decode("utf-8", "replace")
            if name == "halted":
                self._stop()
        elif name in _KEPT and value.isascii() and value.isdigit():
            self.said[name] = value

    def _capture(self, found: re.Match[bytes]) -> None:
        if self._ended:
            return
        token, number = found.group(1), int(found.group(2))
        run = self._runs[number] = self._runs.get(number, 0) + 1
        self._open[token] = (number, run)
        self._heard().capture(number, run)
        self._answer(token)

    def _captured(self, found: re.Match[bytes]) -> None:
        token, number, status, size, digest = found.groups()
        which = self._open.pop(token, None)
        if which is None or which[0] != int(number):
            if self._ended:
                return
            raise ToolError("the launcher reports a captured command that was not begun", hint="the command was stopped")
        self._heard().captured(*which, status=int(status), size=int(size), sha256=digest.decode())
        if not self._ended:
            self._answer(token)

    def _vector(self, found: re.Match[bytes]) -> None:
        if self._ended:
            return
        words = (b"" if word == b"-" else bytes.fromhex(word.decode()) for word in found.group(2).split(b" "))
        self._heard().vector(tuple(word.decode("utf-8", "surrogateescape") for word in words))
        self._answer(found.group(1))

    def _heard(self) -> Witness:
        if self._witness is None:
            raise ToolError("the launcher reports to a witness that there is not", hint="the command was stopped")
        return self._witness

    def _answer(self, token: bytes) -> None:
        if self._answers is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._answers, token)


def _read(form: re.Pattern[bytes], value: bytes) -> re.Match[bytes]:
    found = form.fullmatch(value)
    if found is None:
        raise ToolError("the launcher's report cannot be read", hint="the command was stopped")
    return found
