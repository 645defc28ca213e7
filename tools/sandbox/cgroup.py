"""cgroup v2: memory and processes of everything that a launcher starts, and one word that ends it all.

Only where a directory of the hierarchy is ours to divide (delegated, see cgroups(7)); nothing is asked of a service manager.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import time
from typing import Final

from ..errors import SandboxError
from .inside.shapes import Cgroup
from .interface import LayerName, LayerState, Part, Setting

_TYPE: Final = "cgroup2"
_SPACE: Final = re.compile(r"\\([0-7]{3})")
_SECONDS: Final = 5.0
_CONTROLLERS: Final = ("memory", "pids")


class ControlGroup:
    """The layer around a launcher: its processes are one group, from the first to the last."""

    name: LayerName = "cgroup"

    def probe(self) -> LayerState:
        """Makes a group, puts a process into it and kills the group; version 1 has the controllers that bound a call, version 0 has not."""
        try:
            place = own_group()
            held = _try(place)
        except (OSError, SandboxError) as problem:
            return LayerState(name=self.name, available=False, why=str(problem))
        gaps = tuple(f"the {one} of a call is not bounded: its controller is not delegated" for one in _CONTROLLERS if one not in held)
        return LayerState(
            name=self.name, available=True, why="proven by a process that was ended with its group", gaps=gaps, version=int(not gaps)
        )

    def part(self, setting: Setting) -> Part:
        """The group of a launcher, bounded as far as controllers are there."""
        place = own_group()
        limits = [("memory.max", str(setting.memory_bytes)), ("memory.swap.max", "0"), ("memory.oom.group", "1")]
        limits.append(("pids.max", str(setting.processes)))
        return Part(group=Cgroup(place=place, limits=limits))


def own_group() -> str:
    """The directory of this process in the unified hierarchy; SandboxError where it is not ours to divide."""
    top = _mounted()
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as source:
        path = next((line.rstrip("\n")[3:] for line in source if line.startswith("0::")), None)
    if top is None or path is None:
        raise SandboxError("no unified hierarchy of control groups is mounted")
    place = top + (path if path != "/" else "")
    if not os.access(place, os.W_OK):
        raise SandboxError(
            f"`{place}` is not delegated to this account", hint="start bylaw with `systemd-run --user --scope -p Delegate=yes`"
        )
    return place


def _mounted() -> str | None:
    """Where the unified hierarchy is mounted whole (proc(5), mountinfo)."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as source:
        for line in source:
            before, _, after = line.partition(" - ")
            fields = before.split()
            if after.split()[:1] == [_TYPE] and fields[3] == "/":
                return _SPACE.sub(lambda found: chr(int(found.group(1), 8)), fields[4])
    return None


def _try(place: str) -> frozenset[str]:
    """The controllers that a new group has; OSError where there can be none."""
    group = f"{place}/bylaw-probe-{secrets.token_hex(4)}"
    os.mkdir(group)
    try:
        with subprocess.Popen(["/bin/cat"], env={}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            try:
                _write(f"{group}/cgroup.procs", str(process.pid))
                _write(f"{group}/cgroup.kill", "1")
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired as problem:
                raise SandboxError("a group that was killed lives on") from problem
            finally:
                process.kill()
        return frozenset(one for one in _CONTROLLERS if os.path.exists(f"{group}/{one}.max"))
    finally:
        _remove(group)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _remove(group: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            os.rmdir(group)
            return
        time.sleep(0.01)
