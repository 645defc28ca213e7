"""Which addresses are public, and which are never reached, whoever names them.

The ranges are those of the IANA registries of special-purpose addresses (RFC 6890 and its updates), and the addresses at
which clouds hand out credentials.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Table = tuple[tuple[_Network, str], ...]


def _table(*rows: tuple[str, str]) -> _Table:
    return tuple((ipaddress.ip_network(network), what) for network, what in rows)


_NEVER = _table(
    ("0.0.0.0/8", "unspecified"),  # Linux takes 0.0.0.0 for its own loopback
    ("169.254.0.0/16", "link-local"),
    ("100.100.100.200/32", "metadata"),
    ("168.63.129.16/32", "metadata"),  # looks public, and is the host of a virtual machine
    ("192.0.0.192/32", "metadata"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("::/128", "unspecified"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("fe80::/10", "link-local"),
    ("fd00:ec2::/32", "metadata"),
    ("fd20:ce::254/128", "metadata"),
    ("ff00::/8", "multicast"),
    ("2001::/32", "Teredo"),
    ("2002::/16", "6to4"),
)
"""What no policy grants: an address that wraps another could mean anything, and the rest is nobody's server."""

_LOCAL = _table(
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared"),
    ("127.0.0.0/8", "loopback"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("240.0.0.0/4", "reserved"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
)
"""What a policy grants by writing the address itself, and never by a name that leads there."""

_COMPATIBLE = ipaddress.IPv6Network("::/96")
_GLOBAL = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def parse_address(text: str) -> Address | None:
    """The address in its one strict spelling, without a zone; None for every other text, and for a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None else address


def never(address: Address) -> str:
    """What the address is, where no policy can grant it (`link-local`); empty for every other."""
    found = _kind(address, _NEVER)
    if found or isinstance(address, ipaddress.IPv4Address):
        return found
    if address in _NAT64:
        return never(_wrapped(address))
    if address in _GLOBAL or _kind(address, _LOCAL):
        return ""
    # Only what is known to be somebody's address is left: anything else is a form that a later kernel may translate.
    return "IPv4-compatible" if address in _COMPATIBLE else "reserved"


def not_public(address: Address) -> str:
    """What the address is, where it is not one of the public network (`private`, `loopback`); empty where it is."""
    found = never(address) or _kind(address, _LOCAL)
    if found:
        return found
    if address in _NAT64:  # networks without IPv4 give public hosts such addresses: what counts is the one inside
        return not_public(_wrapped(address))
    return "" if address.is_global else "reserved"


def _wrapped(address: Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _kind(address: Address, table: _Table) -> str:
    return next((what for network, what in table if address.version == network.version and address in network), "")
