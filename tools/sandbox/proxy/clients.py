"""What tells programs inside where the proxy is."""

from __future__ import annotations

from .hosts import Allowed

_LOCAL = ("localhost", "127.0.0.1", "::1")


def environment(port: int, allowed: Allowed | None = None) -> dict[str, str]:
    """The variables by which programs find the proxy on the loopback of the sandbox.

    Programs may serve themselves inside, so loopback is not asked of the proxy, unless the policy grants an address of
    the outer loopback: then `localhost` alone stays inside.
    """
    web = f"http://127.0.0.1:{port}"
    outer = allowed is not None and allowed.names_loopback()
    # HTTP for all, though SOCKS is spoken too: httpx cannot even start where a SOCKS proxy is named and no SOCKS library is there.
    both = {"HTTP_PROXY": web, "HTTPS_PROXY": web, "ALL_PROXY": web, "NO_PROXY": ",".join(_LOCAL[:1] if outer else _LOCAL)}
    return {
        **both,
        **{name.lower(): value for name, value in both.items()},
        "NODE_USE_ENV_PROXY": "1",  # node's own fetch looks at the others only with this
        # yarn reads none of the others, and stops at a variable of its prefix that it does not know: so none for what is local
        "YARN_HTTP_PROXY": web,
        "YARN_HTTPS_PROXY": web,
    }
