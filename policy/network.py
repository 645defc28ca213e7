"""The network by allowlist: the hosts that calls reach without a question, as a policy lists them, and effects against them.

An entry is `host:port`, `*.domain:port` (any name below the domain, not the domain itself), `127.0.0.1:port` or `[v6]:port`.
INVARIANT: nothing on the list is granted to a call for which a rule of the policy denies it or asks.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from .decision import Reason, Verdict
from .effects import Connect, Effect
from .errors import PolicyFileError
from .match import matching
from .model import Policy
from .paths import Walker

ALLOWED: Final = "network.allowed"
ANY: Final = "*"
"""The host of a `Connect` whose words do not tell where it leads."""

_UNTOLD: Final = (80, 443)
"""The ports that a `Connect` without one may reach."""

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:\*\.{_LABEL}\.|)(?:{_LABEL}\.)*{_LABEL}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME: Final = 253
_LARGEST_PORT: Final = 65_535
_FORM: Final = "write `host:port`, such as `packages.example:443`"
_METADATA: Final = "fd00:ec2::254"


def entry(text: str, origin: str) -> str:
    """A line of `network` as hosts are compared: small letters, an address in its shortest form, no dot at the end.

    PolicyFileError, at the line, for whatever is not one host (or all names below one domain) and one port.
    """
    if "/" in text or "@" in text:
        raise _no(text, "is an address of the web, and a host is expected", origin)
    host, _, port = text.lower().rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or str(int(port)) != port or not 0 < int(port) <= _LARGEST_PORT:
        raise _no(text, "has no port from 1 to 65535", origin)
    if host.startswith("[") and host.endswith("]"):
        return f"[{_literal(host[1:-1], 6, text, origin)}]:{port}"
    if ":" in host:
        raise _no(text, "has more than one colon", origin, "write an IPv6 address in brackets, such as `[2001:db8::1]:443`")
    name = host.removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # what looks like a number would be read as an address by some and not by others: 127.1, 0x7f.1, 2130706433
        return f"{_literal(name, 4, text, origin)}:{port}"
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise _no(text, "names no host", origin)
    if name == "localhost" or name.endswith(".localhost"):
        raise _no(text, "is a name of this machine, and names that lead to it are refused", origin, f"write `127.0.0.1:{port}`")
    return f"{name}:{port}"


def _literal(address: str, version: Literal[4, 6], text: str, origin: str) -> str:
    """An address in its shortest form; none that names many hosts, or the host that hands out a machine's credentials."""
    import ipaddress  # imported late: few policies name an address, and a policy is rarely made

    try:
        known = ipaddress.IPv4Address(address) if version == 4 else ipaddress.IPv6Address(address)  # of the protocol
    except ValueError as problem:
        raise _no(text, "is no address", origin, "write all four numbers, or an IPv6 address in brackets") from problem
    mapped = getattr(known, "ipv4_mapped", None)
    if mapped is not None or "%" in address:
        raise _no(text, "is an address within another", origin, f"write `{mapped or 'the address'}` itself")
    if known.is_link_local or known.is_multicast or known.is_unspecified or known.compressed == _METADATA:
        raise _no(text, "is an address that is never reached (link-local, multicast, metadata of a cloud)", origin, "leave it out")
    return known.compressed


def _no(text: str, why: str, origin: str, hint: str = _FORM) -> PolicyFileError:
    return PolicyFileError(f"`{text[:80]}` in `network` {why}", source=origin, hint=hint)


def told(effects: tuple[Effect, ...], policy: Policy) -> tuple[Effect, ...]:
    """The effects, with the hosts of the list in the place of hosts that the words do not tell: those are all it gets."""
    if not policy.network or not any(isinstance(one, Connect) and one.host == ANY for one in effects):
        return effects
    found: list[Effect] = []
    for one in effects:
        if isinstance(one, Connect) and one.host == ANY:
            found += [made for listed in policy.network if (made := _connect(listed, one)) not in found]
        else:
            found.append(one)
    return tuple(found)


def allowed(effect: Effect, policy: Policy) -> Reason | None:
    """Why a connection needs no question: the line of the list that holds it. Without a port, both of the web must be listed."""
    if not policy.network or not isinstance(effect, Connect):
        return None
    ports = _UNTOLD if effect.port is None else (effect.port,)
    lines = [_line(effect.host, port, policy.network) for port in ports]
    if None in lines:
        return None
    return Reason(
        rule=ALLOWED,
        verdict=Verdict.ALLOW,
        text=f"connects to `{effect.address}`, which the policy lists",
        source=policy.origins.get(f"network[{lines[0]}]", "policy"),
        span=effect.span,
    )


def _line(host: str, port: int, network: tuple[str, ...]) -> int | None:
    wanted = Connect(host=host, port=port).address
    for number, listed in enumerate(network):
        if listed == wanted or (listed.startswith("*.") and wanted.endswith(listed[1:])):
            return number
    return None


def open_to_code(policy: Policy, walker: Walker, tool: str) -> tuple[str, ...]:
    """The hosts of the list that code of the workspace may reach: those that no rule for them denies or asks about."""

    def tightened(listed: str) -> bool:
        rules = matching(policy.rules, _connect(listed), walker, tool=tool)
        return any(rule.verdict is not Verdict.ALLOW for rule in rules)

    return tuple(listed for listed in policy.network if not tightened(listed))


def _connect(listed: str, of: Connect | None = None) -> Connect:
    host, _, port = listed.rpartition(":")
    return Connect(host=host.strip("[]"), port=int(port), span=None if of is None else of.span)
