"""The control group of a launcher: made by the process that forks launchers, which outlives them."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Cgroup

_SECONDS = 2.0
_PAUSE = 0.005


def make(group: Cgroup) -> str:
    """A new group with its limits, those aside whose controllers are not there; OSError where there can be none."""
    place = f"{group['place']}/bylaw-{os.getpid()}-{os.urandom(4).hex()}"
    os.mkdir(place)
    for name, value in group["limits"]:
        if os.path.exists(f"{place}/{name}"):
            _write(f"{place}/{name}", value)
    return place


def join(place: str) -> None:
    """Puts this process, and all it starts, into the group."""
    _write(f"{place}/cgroup.procs", "0")


def end(place: str) -> None:
    """Kills everything in the group and removes it."""
    deadline = time.monotonic() + _SECONDS
    try:
        _write(f"{place}/cgroup.kill", "1")
    except OSError:
        pass  # a kernel before 5.14: what is left was killed one by one
    while time.monotonic() < deadline:
        try:
            os.rmdir(place)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_PAUSE)
        else:
            return


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
