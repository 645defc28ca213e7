"""What the kernel holds a command to, in layers that are put together for each call.

    interface    what a layer is; its state on this machine; its part of one call
    grants       a manifest compiled into concrete paths
    bubblewrap   the layer outside: namespaces and a file system made of the grants
    landlock     the layer inside: rules that the launcher puts on itself
    runtime      the interpreter that the launcher runs on
    inside/      the launcher: a program of its own, standard library only

A new layer is one more file and one more name in `LAYERS`, outermost first.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from ...policy.model import SandboxMode
from ..errors import SandboxError
from .bubblewrap import Bubblewrap
from .interface import Layer, LayerName, LayerState, Part, Setting
from .landlock import Landlock

__all__ = ["LAYERS", "Layer", "LayerName", "LayerState", "Part", "Setting", "layers", "select"]

LAYERS: tuple[Layer, ...] = (Bubblewrap(), Landlock())
"""Every layer there is, outermost first."""


@functools.cache
def layers() -> tuple[LayerState, ...]:
    """What each layer can do on this machine; probed once for each process."""
    return tuple(layer.probe() for layer in LAYERS)


def select(mode: SandboxMode, states: Iterable[LayerState]) -> tuple[tuple[LayerName, ...], tuple[str, ...]]:
    """The layers of a call, outermost first, and what a person must know about those that are missing.

    Raises SandboxError when the mode is `require` and there is none.
    """
    if mode == "off":
        return (), ("the sandbox is off: nothing but the policy holds this command",)
    known = tuple(states)
    held: tuple[LayerName, ...] = tuple(state.name for state in known if state.available)
    missing = tuple(f"{state.name} is missing: {state.why}" for state in known if not state.available)
    if held:
        return held, missing
    if mode == "require":
        raise SandboxError(
            f"no sandbox layer can be had, and the policy requires one ({'; '.join(missing) or 'none is known'})",
            hint="install bubblewrap, or use a kernel with landlock (5.13 and later); `sandbox: prefer` runs without, loudly",
        )
    return (), ("NO SANDBOX: no layer can be had here, so nothing but the policy holds this command", *missing)
