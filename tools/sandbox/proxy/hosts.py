"""The hosts that a manifest grants, and a host and port in the one spelling that is compared."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ...errors import HostError
from .addresses import Address, never, not_public, parse_address
from .interface import RequestError

_WEB_PORTS = (80, 443)
_LONGEST = 253
_LETTERS = frozenset(string.ascii_lowercase + string.digits + "-_")
_DEVIANT = frozenset("ßς\u200c\u200d")
"""Characters that the two standards of international names (RFC 3490, RFC 5891) turn into different names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host and port that are asked for: a name in lower case, or an `address` in its shortest form."""

    host: str
    port: int
    address: Address | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks for: a connection to the target, not yet judged.

    `first` goes to the host before anything else; `granted` goes to the client once the host is connected.
    """

    target: Target
    first: bytes = b""
    granted: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRule:
    """One granted host: a `name`, all names `below` one, an `address`, or `any` public host.

    `host` is the name, address or `.suffix`, empty for any. `ports` is empty where every port is granted.
    """

    kind: Literal["name", "below", "address", "any"]
    host: str = ""
    ports: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> HostRule:
        """The rule written as `host`, `host:port`, `*.host:port`, `*` or `*:port`; raises HostError for anything else.

        A host without a port is granted the ports 80 and 443, `*` every port. An IPv6 address stands in brackets.
        """
        host, ports = _split(text)
        if host == "*":
            return cls(kind="any", ports=ports)
        granted = ports or _WEB_PORTS
        if host.startswith("*."):
            suffix, address = _canonical(host[2:])
            if address is not None:
                raise HostError(f"`{shown(text)}` is not a host: nothing is below an address")
            return cls(kind="below", host="." + suffix, ports=granted)
        name, address = _canonical(host)
        if address is None:
            return cls(kind="name", host=name, ports=granted)
        found = never(address)
        if found:
            raise HostError(f"`{shown(text)}` cannot be granted: it is a {found} address", hint="no policy grants these addresses")
        return cls(kind="address", host=name, ports=granted)

    def grants(self, target: Target) -> bool:
        """Whether this rule lets a client ask for the target; where a name leads is judged apart."""
        if self.ports and target.port not in self.ports:
            return False
        match self.kind:
            case "any":
                # A name without a dot is looked up in the search domains of this machine: it is not a public host.
                return target.address is not None or "." in target.host
            case "below":
                return target.address is None and target.host.endswith(self.host)
            case "name" | "address":
                return target.host == self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The hosts that one call may reach."""

    rules: tuple[HostRule, ...] = ()

    @classmethod
    def parse(cls, hosts: Iterable[str]) -> Allowed:
        """The hosts of a manifest; raises HostError for the first that cannot be read."""
        return cls(rules=tuple(HostRule.parse(host) for host in hosts))

    def grants(self, target: Target) -> bool:
        """Whether a client may ask for the target."""
        return any(rule.grants(target) for rule in self.rules)

    def why_not(self, address: Address, port: int) -> str:
        """What the address is, where a connection to it is refused (`private`); empty where it may be made.

        INVARIANT: an address is connected to only when it is public, or when a rule names it and the port literally.
        """
        found = never(address)
        if found:
            return found
        named = Target(host=str(address), port=port, address=address)
        if any(rule.kind == "address" and rule.grants(named) for rule in self.rules):
            return ""
        return not_public(address)

    def names_loopback(self) -> bool:
        """Whether an address of this machine's own loopback is granted."""
        addresses = (parse_address(rule.host) for rule in self.rules if rule.kind == "address")
        return any(address is not None and address.is_loopback for address in addresses)


def target_of(host: str, port: int) -> Target:
    """The target in the spelling that is compared; raises HostError for a host that programs read in several ways."""
    if not 0 < port < 65536:
        raise HostError(f"`{port}` is not a port", hint="ports are 1 to 65535")
    bracketed = host.startswith("[") and host.endswith("]")
    name, address = _canonical(host)
    if bracketed and (address is None or address.version != 6):
        raise HostError(f"`{shown(host)}` is not a host: only an IPv6 address stands in brackets")
    return Target(host=name, port=port, address=address)


def asked_for(host: str, port: int) -> Target:
    """The target that a client names; raises RequestError with what it wrote, where that can be read in several ways."""
    try:
        return target_of(host, port)
    except HostError as problem:
        raise RequestError(problem.message, "forbidden", host=shown(host), port=port) from problem


def read_port(text: str) -> int | None:
    """The port written in at most five digits; None for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        return None
    return number if 0 < (number := int(text)) < 65536 else None


def split_authority(text: str) -> tuple[str, str | None]:
    """`host`, `host:port` or `[address]:port`, taken apart; the port is None where there is no colon for it.

    Raises HostError for an IPv6 address that does not stand in brackets: its end cannot be told from a port.
    """
    if text.startswith("["):
        inside, bracket, rest = text.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise HostError(f"`{shown(text)}` is not a host", hint="write an IPv6 address as [address]:port")
        return inside + "]", rest[1:] if rest else None
    host, colon, port = text.partition(":")
    if ":" in port:
        raise HostError(f"`{shown(text)}` is not a host and port", hint="write an IPv6 address as [address]:port")
    return host, port if colon else None


def _split(text: str) -> tuple[str, tuple[int, ...]]:
    host, port = split_authority(text)
    if host.startswith("["):
        target_of(host, 1)
    if port is None:
        return host, ()
    number = read_port(port)
    if number is None:
        raise HostError(f"`{shown(text)}` has no port after its colon", hint="write host:port, with a port from 1 to 65535")
    return host, (number,)


def _canonical(host: str) -> tuple[str, Address | None]:
    """The one spelling of a host, and its address where it is one."""
    if len(host) > _LONGEST + 2:
        raise HostError(f"`{shown(host)}` is longer than a host name can be")
    plain = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    address = parse_address(plain)
    if address is not None:
        return str(address), address
    name = _ascii(plain).lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _LONGEST or not all(_is_label(label) for label in labels):
        raise HostError(f"`{shown(host)}` is not a host name", hint="names are letters, digits, `-` and `_`, with dots between them")
    if _is_number(labels[-1]):
        # inet_aton reads 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 as addresses; no domain ends in a number.
        raise HostError(f"`{shown(host)}` is a number that programs read as an address", hint="write the address with its four parts")
    return name, None


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        if _DEVIANT.isdisjoint(name):
            return name.encode("idna").decode("ascii")
    except UnicodeError:
        pass  # said below, like the names that two standards read differently
    raise HostError(f"`{shown(name)}` is not a host name", hint="write an international name in its `xn--` form")


def _is_label(label: str) -> bool:
    return 0 < len(label) < 64 and _LETTERS.issuperset(label) and not label.startswith("-") and not label.endswith("-")


def _is_number(label: str) -> bool:
    return label.isdecimal() or (label.startswith("0x") and frozenset(string.hexdigits).issuperset(label[2:]))


def shown(text: str) -> str:
    """The text as a person may be shown it: nothing invisible, and not endless."""
    short = text if len(text) <= 80 else text[:77] + "..."
    return short.encode("unicode_escape").decode("ascii")
