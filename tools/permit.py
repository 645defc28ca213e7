"""The only thing that makes a tool act.

A permit carries resolved things: the action, argument vectors, opened directory descriptors, limits. It is issued by
the gate, redeemed once, and worth nothing as a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from ..policy.actions import Action
from ..policy.decision import Manifest
from ..policy.model import Limits, SandboxMode
from ..policy.plan import Plan
from .errors import PermitError
from .witness import Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A path as it was judged: `relative` below the open directory `descriptor`; "." is the directory itself.

    No component of `relative` was a symbolic link when it was judged, so none is followed when it is opened.
    `shown` is the absolute path for messages.
    """

    descriptor: int
    relative: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """An approval holds only for these bytes: SHA-256 (hex) of the file at `path`, None when there was no file."""

    path: str
    sha256: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True, eq=False)
class Permit:
    """Leave to perform one call, once. Only `Issuer.issue` makes one that a tool accepts."""

    call_id: str
    action: Action
    manifest: Manifest
    limits: Limits
    sandbox: SandboxMode
    target: Target | None = None
    plan: Plan | None = None
    bindings: tuple[Binding, ...] = ()
    environment: Mapping[str, str]
    witness: Witness | None = None
    launcher: tuple[str, ...] = ()


class Issuer:
    """Knows the permits that are out. A permit that it did not issue, or that was redeemed, is refused.

    INVARIANT: identity decides, never equality: a copy, an unpickled or a hand-made permit is another object.
    """

    def __init__(self) -> None:
        self._out: dict[int, Permit] = {}

    def issue(
        self,
        *,
        call_id: str,
        action: Action,
        manifest: Manifest,
        limits: Limits,
        sandbox: SandboxMode,
        target: Target | None,
        plan: Plan | None,
        bindings: tuple[Binding, ...],
        environment: Mapping[str, str],
        witness: Witness | None = None,
        launcher: tuple[str, ...] = (),
    ) -> Permit:
        """A new permit. Called by the gate and by nothing else (a test holds this)."""
        permit = Permit(
            call_id=call_id,
            action=action,
            manifest=manifest,
            limits=limits,
            sandbox=sandbox,
            target=target,
            plan=plan,
            bindings=bindings,
            environment=environment,
            witness=witness,
            launcher=launcher,
        )
        self._out[id(permit)] = permit
        return permit

    def redeem(self, permit: Permit) -> None:
        """Takes the permit back, for good; PermitError when it is not one that is out."""
        if self._out.pop(id(permit), None) is not permit:
            raise PermitError("no tool runs without a permit of this gate", hint="this is a fault in bylaw; please report it")
