"""What a layer of the sandbox is: it proves that it holds on this machine, and adds its part to one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from .grants import Grants
from .inside.shapes import Cgroup, Jail, Rules

LayerName = Literal["launcher", "bubblewrap", "landlock", "seccomp", "cgroup"]

WALLS: Final[frozenset[LayerName]] = frozenset({"launcher", "bubblewrap", "landlock"})
"""The layers that hold files. The others hold more, and none of them alone is a sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """Whether a layer can be had, proven by a probe; `why` says what the probe found, `gaps` what the layer cannot hold.

    `version` is that of the kernel's interface, where what is held depends on it (the ABI of Landlock), and else 0.
    """

    name: LayerName
    available: bool
    why: str
    gaps: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One call as a layer sees it.

    `held` are all layers of this call. `directories` are the real directories that commands run in. `scratch` is the private
    temporary directory inside. `memory_bytes` and `processes` bound everything that the call starts. `port` is where a proxy is
    reached on the loopback interface, 0 where there is none.
    """

    grants: Grants
    held: frozenset[LayerName]
    directories: tuple[str, ...]
    scratch: str
    memory_bytes: int
    processes: int
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a layer adds to a call: a wrapper around the launcher (`template`), a jail that it joins, a control group, rules and a
    filter of system calls that it puts on itself (`notify`: refused calls wait for the launcher's answer), and notes on what
    the layer cannot hold of this manifest.
    """

    template: tuple[str, ...] = ()
    group: Cgroup | None = None
    jail: Jail | None = None
    rules: Rules | None = None
    filter: bytes = b""
    notify: bool = False
    notes: tuple[str, ...] = ()


class Layer(Protocol):
    """One way of holding a call to its grants."""

    @property
    def name(self) -> LayerName: ...

    def probe(self) -> LayerState:
        """Tries the layer for real; never raises."""
        ...

    def part(self, setting: Setting) -> Part:
        """What the layer adds to a call."""
        ...
