"""Sockets read with a bound, and two of them joined.

The loop's own calls on sockets are used, not its streams: those read ahead up to 256 KiB that nobody asked for.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from .interface import RequestError

_CHUNK = 32 * 1024
"""INVARIANT: a direction holds this much and one head (16 KiB, that of an answer 64); more is read when these have gone."""


class Wire:
    """The client's side of a connection, until what it wants is known."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._held = b""

    async def peek(self) -> bytes:
        """The first bytes, which stay where they are; empty when the client said nothing."""
        if not self._held:
            self._held = await self._receive(_CHUNK)
        return self._held

    async def exactly(self, count: int) -> bytes:
        """So many bytes; RequestError when the client ends before."""
        while len(self._held) < count:
            await self._more(count - len(self._held))
        return self._take(count)

    async def until(self, mark: bytes, limit: int) -> bytes | None:
        """Everything up to and with the mark; None when that is more than `limit` bytes; RequestError as above."""
        while (at := self._held.find(mark)) < 0 and len(self._held) < limit:
            await self._more(limit - len(self._held))
        end = at + len(mark)
        return self._take(end) if at >= 0 and end <= limit else None

    def rest(self) -> bytes:
        """What was read and not taken: the first bytes of what the client tells the host."""
        return self._take(len(self._held))

    async def send(self, content: bytes) -> None:
        """Sends all of it to the client."""
        await asyncio.get_running_loop().sock_sendall(self._client, content)

    async def linger(self) -> None:
        """Ends what is said to the client and waits for it to end too: closed at once, it would lose its answer."""
        self._client.shutdown(socket.SHUT_WR)
        while await self._receive(_CHUNK):
            pass

    async def _receive(self, most: int) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._client, most)

    async def _more(self, most: int) -> None:
        more = await self._receive(most)
        if not more:
            raise RequestError("the client ended before it had said what it wants", "bad")
        self._held += more

    def _take(self, count: int) -> bytes:
        taken, self._held = self._held[:count], self._held[count:]
        return taken


class Counts:
    """Bytes that went to the host, and that came from it."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0


async def join(
    client: socket.socket, host: socket.socket, first: bytes, counts: Counts, *, idle: float, change: Callable[[bytes], bytes] | None = None
) -> None:
    """Passes on what each side says until both have ended, `first` before all else.

    `change` gives what the client gets of the host's bytes, and is told the end of the host by none.

    Raises TimeoutError when nothing moved for `idle` seconds, OSError when a side broke off.
    """
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    async with asyncio.timeout(idle) as clock:

        async def outward() -> None:
            chunk = first or await loop.sock_recv(client, _CHUNK)
            while chunk:
                await loop.sock_sendall(host, chunk)
                counts.sent += len(chunk)
                clock.reschedule(loop.time() + idle)
                chunk = await loop.sock_recv(client, _CHUNK)
            host.shutdown(socket.SHUT_WR)

        async def inward() -> None:
            chunk = b"\0"
            while chunk:
                chunk = await loop.sock_recv(host, _CHUNK)
                await loop.sock_sendall(client, chunk if change is None else change(chunk))
                counts.received += len(chunk)
                clock.reschedule(loop.time() + idle)
            client.shutdown(socket.SHUT_WR)

        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(outward())
                both.create_task(inward())
        except* OSError as problems:
            failed = next(one for one in problems.exceptions if isinstance(one, OSError))
    if failed is not None:
        raise failed
