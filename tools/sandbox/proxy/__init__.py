"""The only way out of a sandbox that was granted hosts: a proxy that judges every connection and puts it on record.

    interface    what is told of a connection, who is told, and the bounds that are kept
    addresses    which addresses are public, and which are never reached
    hosts        the hosts that a manifest grants; a host and port as they are compared
    resolver     names looked up outside, in a thread that nobody has to wait for
    http         CONNECT, and plain requests in absolute form (RFC 9110, RFC 9112)
    socks        SOCKS 5 (RFC 1928): CONNECT, without authentication
    wire         sockets read with a bound, and two of them joined
    exchange     one client, from its first byte to its last
    server       the thread that accepts clients, and ends them
    clients      what tells programs inside where the proxy is

There is no resolver and no interface but loopback inside, so what does not ask the proxy reaches nothing.
INVARIANT: nothing leaves, not even a look-up, before `on_open` has returned.
"""

from .clients import environment
from .hosts import Allowed, HostRule
from .interface import Bounds, Connection, Resolver
from .server import Proxy

__all__ = ["Allowed", "Bounds", "Connection", "HostRule", "Proxy", "Resolver", "environment"]
