"""Output of a program, kept within bounds: the head and the tail, the count and the digest of all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What was kept: `text` says how much was cut and where; `sha256` (hex) and `total_bytes` are over everything."""

    text: str
    total_bytes: int
    sha256: str
    truncated: bool


class Capture:
    """Takes bytes as they come; holds at most about 1.5 times `limit` bytes of them, whatever comes."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit - limit // 2
        self._tail_limit = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0
        self._digest = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        self._total += len(chunk)
        self._digest.update(chunk)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if chunk:
            self._tail += chunk[-self._tail_limit :] if self._tail_limit else b""
            # The tail is trimmed when it has doubled, so that each byte is moved only once on average.
            if len(self._tail) > 2 * self._tail_limit:
                del self._tail[: -self._tail_limit]

    def result(self) -> Captured:
        """What was kept so far, undecodable bytes replaced."""
        tail = bytes(self._tail[-self._tail_limit :]) if self._tail_limit else b""
        head = bytes(self._head)
        cut = self._total - len(head) - len(tail)
        if cut:
            whole_head, whole_tail = _without_partial_end(head), _without_partial_start(tail)
            cut += len(head) - len(whole_head) + len(tail) - len(whole_tail)
            text = f"{_decoded(whole_head)}\n[... {cut} bytes cut ...]\n{_decoded(whole_tail)}"
        else:
            text = _decoded(head + tail)
        return Captured(text=text, total_bytes=self._total, sha256=self._digest.hexdigest(), truncated=cut > 0)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _without_partial_end(data: bytes) -> bytes:
    """Without the first bytes of a character whose rest was cut off (at most three)."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-back] if needed > back else data
    return data


def _without_partial_start(data: bytes) -> bytes:
    """Without the last bytes of a character whose start was cut off (at most three)."""
    skip = 0
    while skip < min(3, len(data)) and data[skip] & 0xC0 == 0x80:
        skip += 1
    return data[skip:]
