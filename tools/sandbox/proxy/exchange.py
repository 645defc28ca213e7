"""One client of the proxy: what it asks for is read, judged, put on record, connected, passed on, and put on record again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import http, socks
from .addresses import Address, parse_address
from .hosts import Allowed, Request, Target
from .interface import Bounds, Connection, ProtocolName, Reporter, RequestError, Verdict
from .resolver import LookUps
from .wire import Counts, Wire, join

_ADDRESSES = 8
_PAUSE = 0.1


@dataclass(slots=True, kw_only=True)
class Service:
    """What all exchanges of one proxy share; `fault` is the first exception that a reporter raised, or a fault of ours."""

    allowed: Allowed
    on_open: Reporter
    on_end: Reporter
    bounds: Bounds
    names: LookUps
    fault: Exception | None = None


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One client, from its first byte to the end of its connection."""

    client: socket.socket
    service: Service
    host: socket.socket | None = None
    protocol: ProtocolName = "unknown"
    asked: str = ""
    port: int = 0
    address: str = ""
    verdict: Verdict = "failed"
    why: str = "the sandbox ended first"
    counts: Counts = field(default_factory=Counts)
    finished: bool = False

    async def run(self) -> None:
        """Serves the client; ends early when it is cancelled, and raises nothing else."""
        wire = Wire(self.client)
        try:
            try:
                await self._serve(wire)
            except RequestError as problem:
                self._turned(problem)
                await self._answer(wire, problem)
        except TimeoutError:
            self.why = "nothing moved for too long"
        except OSError as problem:
            self.why = f"the connection broke off ({problem.strerror or problem})"
        except Exception as problem:  # noqa: BLE001 a fault in serving one client ends that client, and the owner is told
            self.why = f"a fault in the proxy ({type(problem).__name__})"
            self.service.fault = self.service.fault or problem

    def finish(self) -> None:
        """Closes what is open and tells the end, once; what the reporter raises is kept for the owner of the proxy."""
        if self.finished:
            return
        self.finished = True
        self.client.close()
        if self.host is not None:
            self.host.close()
        try:
            self.service.on_end(self._connection(self.verdict, self.why))
        except Exception as problem:  # noqa: BLE001 whoever keeps the record may fail in any way; the owner is told
            self.service.fault = self.service.fault or problem

    async def _serve(self, wire: Wire) -> None:
        try:
            async with asyncio.timeout(self.service.bounds.handshake):
                request = await self._read(wire)
        except TimeoutError as problem:
            raise RequestError("the client did not say in time what it wants", "late") from problem
        target = request.target
        self.asked, self.port = target.host, target.port
        if not self.service.allowed.grants(target):
            raise RequestError(_ungranted(target), "forbidden")
        if target.address is not None:
            self._judge(target, target.address)
        self._intend(target)
        self.host = await self._connect(target)
        self.verdict = "opened"
        async with asyncio.timeout(self.service.bounds.handshake):
            await wire.send(request.granted)
        change = http.Closing() if self.protocol == "http" else None
        first = request.first + wire.rest()
        await join(self.client, self.host, first, self.counts, idle=self.service.bounds.idle, change=change)
        self.why = ""

    async def _read(self, wire: Wire) -> Request:
        """The request, in the protocol that its first byte tells."""
        start = await wire.peek()
        if not start:
            raise RequestError("the client said nothing", "bad")
        if start[0] == socks.VERSION:
            self.protocol = "socks5"
            return await socks.read_request(wire)
        if not start[:1].isupper():
            raise RequestError("this is neither HTTP nor SOCKS 5", "bad")
        self.protocol = "http"
        head = await http.read_head(wire)
        if head.startswith(b"CONNECT "):
            self.protocol = "connect"
        return http.parse_head(head)

    def _intend(self, target: Target) -> None:
        """Puts the intent on record.

        INVARIANT: when this does not return, nothing is looked up and nothing is connected to.
        """
        try:
            self.service.on_open(self._connection("opened", ""))
        except Exception as problem:  # whoever keeps the record may fail in any way: without one nothing happens
            self.service.fault = self.service.fault or problem
            raise RequestError(f"the connection to {target} could not be put on record", "forbidden") from problem

    def _judge(self, target: Target, address: Address) -> None:
        found = self.service.allowed.why_not(address, target.port)
        if found:
            self.address = str(address)
            leads = "is" if target.address else "leads to"
            raise RequestError(f"the sandbox did not grant network access to {target}: it {leads} a {found} address", "forbidden")

    async def _connect(self, target: Target) -> socket.socket:
        """A connection to an address that was judged: it is that address which is connected to, and no name again."""
        addresses = await self._addresses(target)
        # All or nothing: a name that leads both out and in is not a public one, or is made to get in. To take the other
        # answers would let whoever answers for the name try again and again, and would hide that it was tried.
        for address in addresses:
            self._judge(target, address)
        addresses = addresses[:_ADDRESSES]
        problem: OSError | None = None
        for address in addresses:
            # Each gets its part: one that does not answer leaves time for the others.
            try:
                async with asyncio.timeout(self.service.bounds.connect / len(addresses)):
                    return await self._dial(address, target.port)
            except OSError as failure:  # TimeoutError is one
                problem = failure
        if isinstance(problem, TimeoutError):
            raise RequestError(f"{target} did not answer in time", "slow") from problem
        if isinstance(problem, ConnectionRefusedError):
            raise RequestError(f"{target} refused the connection", "refused") from problem
        raise RequestError(f"{target} cannot be reached", "unreachable") from problem

    async def _addresses(self, target: Target) -> Sequence[Address]:
        if target.address is not None:
            return (target.address,)
        try:
            texts = await self.service.names.addresses(target.host, target.port)
        except TimeoutError as problem:
            raise RequestError(f"{target.host} could not be looked up in time", "slow") from problem
        except OSError as problem:
            raise RequestError(f"{target.host} could not be looked up", "unreachable") from problem
        found = [parse_address(text) for text in texts]
        known = [address for address in found if address is not None]
        if len(known) < len(found):
            raise RequestError(f"{target.host} leads to an address that holds for one interface only", "forbidden")
        if not known:
            raise RequestError(f"{target.host} has no address", "unreachable")
        return known

    async def _dial(self, address: Address, port: int) -> socket.socket:
        host = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            host.setblocking(False)
            host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(host, (str(address), port))
        except BaseException:
            host.close()
            raise
        self.address = str(address)
        return host

    def _turned(self, problem: RequestError) -> None:
        self.verdict, self.why = problem.verdict, problem.why
        if not self.asked:
            self.asked, self.port = problem.host, problem.port

    async def _answer(self, wire: Wire, problem: RequestError) -> None:
        if self.protocol == "unknown":
            return
        answer = socks.refused(problem) if self.protocol == "socks5" else http.refused(problem)
        with contextlib.suppress(OSError):  # the answer is a courtesy; TimeoutError is one of these
            async with asyncio.timeout(self.service.bounds.linger):
                await wire.send(answer)
                await wire.linger()

    def _connection(self, verdict: Verdict, why: str) -> Connection:
        return Connection(
            protocol=self.protocol,
            host=self.asked,
            port=self.port,
            verdict=verdict,
            address=self.address,
            why=why,
            sent=self.counts.sent,
            received=self.counts.received,
        )


def _ungranted(target: Target) -> str:
    return f"the sandbox did not grant network access to {target}; a policy grants it under `network`, or a rule for the host does"


async def accept(listener: socket.socket, service: Service) -> None:
    """Serves clients, so many at once, until it is cancelled; the others wait in the queue of the listener."""
    loop = asyncio.get_running_loop()
    free = asyncio.Semaphore(service.bounds.connections)
    async with asyncio.TaskGroup() as clients:
        while True:
            await free.acquire()
            exchange = Exchange(client=await _next(loop, listener), service=service)

            def end(_: asyncio.Task[None], ended: Exchange = exchange) -> None:
                ended.finish()
                free.release()

            # Not a `finally` inside: a task that is cancelled before it began runs none.
            clients.create_task(exchange.run()).add_done_callback(end)


async def _next(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> socket.socket:
    """The next client; accepted here, for the loop's own call loses a client that comes while it is cancelled."""
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            await _readable(loop, listener)
            continue
        except OSError:
            # The client is gone already, or descriptors have run out: either passes, and the jail waits meanwhile.
            await asyncio.sleep(_PAUSE)
            continue
        client.setblocking(False)
        with contextlib.suppress(OSError):  # a socket of another family has no such option
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client


async def _readable(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    came = asyncio.Event()
    loop.add_reader(listener, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listener)
