"""What the kernel holds a command to, in layers that are put together for each call.

    interface    what a layer is; its state on this machine; its part of one call
    grants       a manifest compiled into concrete paths
    matrix       what each layer can hold, alone and together
    bubblewrap   the layer outside: namespaces and a file system made of the grants
    template     a launcher of somebody else's, in the place of bubblewrap
    cgroup       everything that a launcher starts, bounded and ended as one
    landlock     rules on files, ports and signals that a call puts on itself
    seccomp      the system calls that a call may make; system_calls: their numbers, and which are allowed
    launchers    the launchers that stay between calls
    runtime      the interpreter that they run on
    inside/      the launcher: a program of its own, standard library only

A new layer is one more file and one more name in `known`, outermost first.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

from ...policy.model import SandboxMode
from ..errors import SandboxError
from .bubblewrap import Bubblewrap
from .cgroup import ControlGroup
from .interface import WALLS, Layer, LayerName, LayerState, Part, Setting
from .landlock import Landlock
from .seccomp import Seccomp
from .template import Template

__all__ = ["WALLS", "Layer", "LayerName", "LayerState", "Part", "Setting", "known", "layers", "select"]

_INSIDE: Final[tuple[Layer, ...]] = (Landlock(), Seccomp())
_OUTSIDE: Final[tuple[Layer, ...]] = (Bubblewrap(), ControlGroup())


def known(template: tuple[str, ...] = ()) -> tuple[Layer, ...]:
    """Every layer there is, outermost first; with a template, that stands in the place of what is put around a launcher."""
    return (*((Template(template),) if template else _OUTSIDE), *_INSIDE)


@functools.cache
def layers(template: tuple[str, ...] = ()) -> tuple[LayerState, ...]:
    """What each layer can do on this machine; probed once for each process."""
    return tuple(layer.probe() for layer in known(template))


def select(mode: SandboxMode, states: Iterable[LayerState]) -> tuple[tuple[LayerName, ...], tuple[str, ...]]:
    """The layers of a call, outermost first, and what a person must know about those that are missing.

    Raises SandboxError when the mode is `require` and there is none.
    """
    if mode == "off":
        return (), ("the sandbox is off: nothing but the policy holds this command",)
    found = tuple(states)
    held: tuple[LayerName, ...] = tuple(state.name for state in found if state.available)
    missing = tuple(f"{state.name} is missing: {state.why}" for state in found if not state.available and state.name != "cgroup")
    if WALLS & {*held}:
        return held, missing
    if mode == "require":
        raise SandboxError(
            f"no sandbox layer can be had, and the policy requires one ({'; '.join(missing) or 'none is known'})",
            hint="install bubblewrap, or use a kernel with landlock (5.13 and later); `sandbox: prefer` runs without, loudly",
        )
    return (), ("NO SANDBOX: no layer can be had here, so nothing but the policy holds this command", *missing)
