"""What a layer of the sandbox is: it proves that it holds on this machine, and adds its part to one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from .grants import Grants
from .inside.shapes import Rules

LayerName = Literal["bubblewrap", "landlock", "seccomp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """Whether a layer can be had, proven by a probe; `why` says what the probe found, `gaps` what the layer cannot hold."""

    name: LayerName
    available: bool
    why: str
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One call as a layer sees it.

    `held` are all layers of this call. `directories` are the real directories that commands run in. `runtime` is what
    the launcher itself must read. `scratch` is the private temporary directory inside, `open_empty` gives a descriptor
    of an empty file that the launcher's process inherits.
    """

    grants: Grants
    held: frozenset[LayerName]
    directories: tuple[str, ...]
    runtime: tuple[str, ...]
    scratch: str
    open_empty: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a layer adds to a call: a program around the launcher (`wrapper`, its arguments go over a descriptor), rules
    that the launcher puts on itself, and notes on what it cannot hold of this manifest.
    """

    wrapper: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    rules: Rules | None = None
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
