"""Server-sent events from bytes, in any portions (WHATWG HTML, section 9.2).

Lines are cut on bytes and decoded whole, so a character that is split between two portions is never seen in halves.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import MalformedAnswerError

_BOM = b"\xef\xbb\xbf"


class EventDecoder:
    """Yields the data of each event. Memory is bounded by `limit` bytes an event; more is a MalformedAnswerError."""

    def __init__(self, *, limit: int = 8 * 1024 * 1024) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of the events that this portion completes. An event that is never completed is dropped, as the format has it."""
        if b"\n" not in chunk and b"\r" not in chunk and not self._rest.endswith(b"\r"):
            self._rest += chunk
            self._check(len(self._rest))
            return
        lines = (bytes(self._rest) + chunk).splitlines(keepends=True)
        # a `\r` at the very end may be half of a `\r\n`, so it waits for the next portion
        open_end = lines and not lines[-1].endswith(b"\n")
        self._rest = bytearray(lines.pop() if open_end else b"")
        self._check(len(self._rest))
        for line in lines:
            if (data := self._line(line.rstrip(b"\r\n"))) is not None:
                yield data

    def _line(self, line: bytes) -> str | None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._check(len(value))
            self._size += len(value) + 1
            self._data.append(value)
        return None

    def _dispatch(self) -> str | None:
        if not self._data:
            return None
        raw = b"\n".join(self._data)
        self._data.clear()
        self._size = 0
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise MalformedAnswerError("the answer holds bytes that are not UTF-8", again=True) from problem

    def _check(self, more: int) -> None:
        if self._size + more > self._limit:
            raise MalformedAnswerError(f"an event of the answer is longer than {self._limit} bytes")
