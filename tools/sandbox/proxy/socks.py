"""SOCKS 5 (RFC 1928): no authentication, CONNECT only; names and addresses."""

from __future__ import annotations

import ipaddress

from .hosts import Request, asked_for
from .interface import Answer, RequestError
from .wire import Wire

VERSION = 5

_NO_AUTHENTICATION = 0
_CHOSEN = bytes((VERSION, _NO_AUTHENTICATION))
_NONE_CHOSEN = bytes((VERSION, 0xFF))
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_LENGTHS = {_IPV4: 10, _NAME: 7, _IPV6: 22}
_CODES: dict[Answer, int] = {
    "bad": 1,
    "large": 1,
    "late": 1,
    "forbidden": 2,
    "unreachable": 4,
    "refused": 5,
    "slow": 4,
    "command": 7,
    "kind": 8,
}
_BEFORE_ADDRESS = 5


async def read_request(wire: Wire) -> Request:
    """What the client asks for after its greeting; raises RequestError."""
    _, count = await wire.exactly(2)
    if _NO_AUTHENTICATION not in await wire.exactly(count):
        await wire.send(_NONE_CHOSEN)
        raise RequestError("the client wants to authenticate, and there is nothing to authenticate with", "bad")
    await wire.send(_CHOSEN)
    start = await wire.exactly(_BEFORE_ADDRESS)
    return parse_request(start + await wire.exactly(length(start) - _BEFORE_ADDRESS))


def length(start: bytes) -> int:
    """The bytes of a whole request, of which the first five are given; raises RequestError."""
    version, command, _, kind, first = start
    if version != VERSION:
        raise RequestError("this is not a request of SOCKS 5", "bad")
    if command != _CONNECT:
        raise RequestError("of SOCKS only CONNECT is served", "command")
    known = _LENGTHS.get(kind)
    if known is None:
        raise RequestError("this kind of address is not known", "kind")
    return known + first if kind == _NAME else known


def parse_request(raw: bytes) -> Request:
    """The request of exactly the bytes that `length` asks for; raises RequestError."""
    kind, between = raw[3], raw[4:-2]
    if kind == _NAME:
        host = between[1:].decode("ascii", "backslashreplace")  # which no name holds: so it is refused as it was written
    else:
        host = str(ipaddress.IPv4Address(between) if kind == _IPV4 else ipaddress.IPv6Address(between))
    return Request(target=asked_for(host, int.from_bytes(raw[-2:], "big")), granted=_reply(0))


def refused(problem: RequestError) -> bytes:
    """The answer to a client that is turned away: SOCKS has a code for it, and no words."""
    return _reply(_CODES[problem.answer])


def _reply(code: int) -> bytes:
    # The address at the end is the proxy's own on the outside, which is nobody's business inside.
    return bytes((VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0))
