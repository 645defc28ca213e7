"""The proxy: a thread that serves the clients of one listening socket, and ends with all of them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .hosts import Allowed
from .interface import Bounds, Reporter, Resolver

if TYPE_CHECKING:
    from .exchange import Service

_USUAL = Bounds()


class Proxy:
    """Serves HTTP and SOCKS 5 on a listening socket, which may have been made in another network namespace.

    Clients are connected from the namespace of this process. The socket becomes the proxy's own, is made non-blocking
    and is closed with it. `on_open` is told of every connection before anything leaves for it, a look-up included, and
    refuses the connection by raising; `on_end` is told of every client that came, once, when it has ended. Both are
    called in the thread of the proxy, one at a time, and must not call `close`.
    """

    def __init__(
        self,
        listener: socket.socket,
        allowed: Allowed,
        *,
        on_open: Reporter,
        on_end: Reporter,
        resolver: Resolver | None = None,
        bounds: Bounds = _USUAL,
    ) -> None:
        self._listener = listener
        self._allowed = allowed
        self._on_open = on_open
        self._on_end = on_end
        self._resolver = resolver
        self._bounds = bounds
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] | None = None
        self._service: Service | None = None

    @property
    def fault(self) -> Exception | None:
        """The first exception that `on_open` or `on_end` raised: the record may lack a connection."""
        return self._service.fault if self._service is not None else None

    def start(self) -> None:
        """Begins to serve, in a thread of its own."""
        # Imported late: most calls reach no network, and never pay for the loop.
        import asyncio

        from . import exchange, resolver

        runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
        loop = runner.get_loop()  # made here, where it can be told that there are no descriptors left for it
        ready = threading.Event()

        async def serve() -> None:
            accepting = asyncio.ensure_future(exchange.accept(self._listener, service))
            self._stop = lambda: loop.call_soon_threadsafe(accepting.cancel)
            ready.set()
            await accepting

        def run() -> None:
            with contextlib.suppress(asyncio.CancelledError), runner:
                runner.run(serve())

        names = resolver.LookUps(self._resolver or resolver.system_resolver, self._bounds.lookup)
        service = exchange.Service(allowed=self._allowed, on_open=self._on_open, on_end=self._on_end, bounds=self._bounds, names=names)
        self._service = service
        self._listener.setblocking(False)
        self._thread = threading.Thread(target=run, name="bylaw-proxy", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self._thread = None
            runner.close()
            raise
        ready.wait()

    def close(self) -> None:
        """Ends every connection, tells their ends, and returns when the thread is gone; does nothing a second time."""
        stop, thread, self._stop, self._thread = self._stop, self._thread, None, None
        if stop is not None and thread is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                stop()
            thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
