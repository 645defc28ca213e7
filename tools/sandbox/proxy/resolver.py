"""Names looked up outside of the sandbox, in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence

from .interface import Resolver

_AT_ONCE = 16


def system_resolver(name: str, port: int) -> Sequence[str]:
    """The addresses that this machine's resolver gives, in its order; raises OSError when it gives none."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


class LookUps:
    """Looks names up with a limit in seconds, so many at once.

    A look-up cannot be interrupted: one that takes too long is left to its thread, which ends when the resolver gives
    up, and counts until then.
    """

    def __init__(self, resolver: Resolver, seconds: float) -> None:
        self._resolver = resolver
        self._seconds = seconds
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def addresses(self, name: str, port: int) -> Sequence[str]:
        """The addresses of a name; raises OSError when it has none, TimeoutError when that takes too long."""
        async with asyncio.timeout(self._seconds):
            await self._free.acquire()
            return await self._started(name, port)

    def _started(self, name: str, port: int) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def settle(found: Sequence[str] | OSError) -> None:
            self._free.release()
            if answer.done():
                return
            if isinstance(found, OSError):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def work() -> None:
            found: Sequence[str] | OSError
            try:
                found = self._resolver(name, port)
            except OSError as problem:
                found = problem
            except Exception as problem:  # noqa: BLE001 a resolver that breaks must not leave its client waiting
                found = OSError(str(problem))
            with contextlib.suppress(RuntimeError):  # the proxy was closed meanwhile
                loop.call_soon_threadsafe(settle, found)

        # A daemon: the interpreter ends without waiting for a name server that does not answer.
        threading.Thread(target=work, name="bylaw-lookup", daemon=True).start()
        return answer
