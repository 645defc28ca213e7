"""What the proxy tells of a connection, who is told, who looks names up, and the bounds that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

ProtocolName = Literal["connect", "http", "socks5", "unknown"]
Verdict = Literal["opened", "refused", "failed"]
Answer = Literal["bad", "large", "late", "forbidden", "command", "kind", "unreachable", "refused", "slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One connection of a client, for the record.

    INVARIANT: it holds no header, no path of an address and no byte of a body.
    `host` is empty where the client named none. `address` is the one connected to, or refused, where it came to one. `sent`
    and `received` are bytes to and from the host. The intent says `opened`; its end says what became of it, and `why`.
    """

    protocol: ProtocolName
    host: str
    port: int
    verdict: Verdict
    address: str = ""
    why: str = ""
    sent: int = 0
    received: int = 0


Reporter = Callable[[Connection], None]
"""Is told of a connection, in the thread of the proxy, one call at a time; while it works nothing is passed on."""


class Resolver(Protocol):
    """Looks a name up."""

    def __call__(self, name: str, port: int) -> Sequence[str]:
        """The addresses of a name, best first; raises OSError when it has none. Called in a thread of its own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the proxy keeps to: connections at once (more have to wait), and seconds.

    `handshake` is for the client to say what it wants, `lookup` for a name, `connect` for all addresses of a name
    together, `idle` for a connection on which nothing moves, `linger` for a refused client to read its answer.
    """

    connections: int = 64
    handshake: float = 10.0
    lookup: float = 10.0
    connect: float = 20.0
    idle: float = 300.0
    linger: float = 2.0


class RequestError(Exception):
    """A client is turned away: `why` goes to it and on the record, `answer` picks the code of its protocol.

    `host` and `port` are what it asked for, as far as that could be read.
    """

    def __init__(self, why: str, answer: Answer, *, host: str = "", port: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.answer: Answer = answer
        self.host = host
        self.port = port

    @property
    def verdict(self) -> Verdict:
        """Whether the proxy refused, or the connection failed for another reason."""
        return "failed" if self.answer in {"late", "unreachable", "refused", "slow"} else "refused"
