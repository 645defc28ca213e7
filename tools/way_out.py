"""The way out of one call: a proxy where hosts were granted, and nothing where none were."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .sandbox.proxy import Connection, Proxy
    from .witness import Witness

_INSIDE: Final = 3128
"""The port of the proxy on the loopback of a jail, where no other program can have it."""
_WAITING: Final = 128
_KEPT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """How a call reaches the network: on which port of the loopback it finds the proxy, 0 for no network at all.

    `listen` is that port where the launcher makes the socket, in the network of the jail, and `open` is given it then. `ended` are
    the connections that were made or refused, at most so many.
    """

    port: int = 0
    listen: int = 0
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ended: list[Connection] = field(default_factory=list)
    open: Callable[[int], None] | None = None


@contextlib.contextmanager
def way_out(hosts: Sequence[str], *, own_network: bool, witness: Witness | None) -> Iterator[WayOut]:
    """The way out to these hosts, closed at the end with every connection. Without hosts there is none.

    HostError for a host that no proxy can hold a call to; what the witness raised, where it refused a connection by raising.
    """
    if not hosts:
        yield WayOut()
        return
    from .sandbox.proxy import Allowed, Proxy, environment

    allowed = Allowed.parse(hosts)
    with contextlib.ExitStack() as stack:
        proxies: list[Proxy] = []
        ended: list[Connection] = []

        def connected(connection: Connection) -> None:
            if len(ended) < _KEPT:
                ended.append(connection)
            if witness is not None:
                witness.connected(connection)

        def opening(connection: Connection) -> None:
            if witness is not None:
                witness.opening(connection)

        def serve(listener: socket.socket) -> None:
            proxy = Proxy(listener, allowed, on_open=opening, on_end=connected)
            stack.callback(proxy.close)
            proxies.append(proxy)
            proxy.start()

        if own_network:
            opened = WayOut(
                port=_INSIDE,
                listen=_INSIDE,
                environment=environment(_INSIDE, allowed),
                ended=ended,
                open=lambda descriptor: serve(socket.socket(fileno=descriptor)),
            )
        else:
            listener = socket.create_server(("127.0.0.1", 0), backlog=_WAITING)
            port: int = listener.getsockname()[1]
            serve(listener)
            opened = WayOut(port=port, environment=environment(port, allowed), ended=ended)
        yield opened
    for proxy in proxies:
        if proxy.fault is not None:
            # The record may lack a connection: nothing goes on as if it did not.
            raise proxy.fault
