"""What every test stands on: no network but loopback, a home of its own, and as many examples as the occasion asks for."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_HOME = pytest.StashKey[Path]()
_KNOBS = ("BYLAW_FUZZ_", "BYLAW_RACE_")  # how much the tests themselves do; the program knows nothing of them

# Two slow cores are shared with other work, so time is never what a property is about.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A change must not fail on luck: the same examples every time; `make fuzz` is where new ones are looked for.
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("fuzz", parent=settings.get_profile("default"), max_examples=5000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


def pytest_configure(config: pytest.Config) -> None:
    """Gives this process, and so every child, a home directory that holds nobody's configuration and nobody's record."""
    home = Path(tempfile.mkdtemp(prefix="bylaw-tests-home-"))
    config.stash[_HOME] = home
    for name in list(os.environ):
        if name.startswith(("BYLAW_", "XDG_")) and not name.startswith(_KNOBS):
            del os.environ[name]
    os.environ["HOME"] = str(home)
    _guard_sockets()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the home directory."""
    shutil.rmtree(config.stash[_HOME], ignore_errors=True)


def _guard_sockets() -> None:
    """Fails a test that reaches for anything but loopback, by an outcome that no `except Exception` swallows."""
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def local_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if not _is_local(host):
            pytest.fail(f"a test looked up {host!r}; tests reach loopback only")
        return look_up(host, *arguments, **options)

    socket.getaddrinfo = local_look_up


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            pytest.fail(f"a test connected to {address!r}; tests reach loopback only")
        return connect(self, address)

    return guarded


def _is_local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost"):
        return True
    try:
        return isinstance(name, str) and ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
