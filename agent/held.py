"""What the layers of this machine cannot hold of a call, judged: the policy's `sandbox.degraded` speaks.

On the path of a cold `bylaw check`, so it imports nothing of the sandbox before a probe is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ..policy.decision import Decision, Manifest, Reason, Verdict
from ..policy.manifest import EVERY_PROGRAM
from ..policy.records import Record
from ..policy.records import replace as revised

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..tools.sandbox import LayerState
    from ..tools.sandbox.matrix import Capability

State = tuple[str, bool, str]
"""The name of a layer, whether it can be had, and why."""

LOST: Final[Mapping[Capability, str]] = {
    "read": "nothing here keeps this command from reading what it does not declare",
    "listing": "this command is granted the names of a directory, and would be able to read its files",
    "write": "nothing here keeps this command from changing every file that it does not declare",
    "attributes": "this runs code that nobody read, and nothing here keeps it from changing modes, owners and dates of files outside",
    "protected": "this command may write where protected files are, and nothing here keeps them as they are",
    "network": "this runs code that nobody read, and nothing here keeps all of it from the network",
    "hosts": "this command is granted hosts, and nothing here keeps it to them",
    "sockets": "this runs code that nobody read, and nothing here keeps it from the unix sockets of this machine",
}
"""What it means for a call that a capability is lacking. INVARIANT: `needs` gives these and no others."""

JUDGED: Final[tuple[Capability, ...]] = tuple(LOST)
"""The capabilities that decide on a verdict; docs/decisions/0020-what-a-missing-layer-changes.md says why these."""

_INSTEAD: Final = "install bubblewrap; `bylaw doctor` says what each layer holds on this machine and what is missing"


class Holding(Record):
    """What the layers of a machine hold: their states, whether one is a wall, and why a capability is not held as a whole."""

    states: tuple[State, ...]
    wall: bool
    lacks: Mapping[Capability, str]


def holding(states: Iterable[LayerState]) -> Holding:
    """What these layers hold together."""
    from ..tools.sandbox.matrix import coverage, walled

    known = tuple(states)
    return Holding(
        states=tuple((one.name, one.available, one.why) for one in known),
        wall=walled(known),
        lacks={name: held.why for name, held in coverage(known).items() if held.grade != "yes"},
    )


def needs(manifest: Manifest) -> frozenset[Capability]:
    """What a command with this manifest depends on the kernel for.

    Where every word was accounted for, the analysis says that it stays within what it declares, and the kernel is the
    second wall; code that nobody read (the workspace's tier) has no other, so more is wanted of it there.
    """
    found: set[Capability] = {"read", "write"}
    if any(not grant.recursive and os.path.isdir(grant.path) for grant in manifest.read):
        found.add("listing")
    if manifest.protected:
        found.add("protected")
    if manifest.hosts:
        found.add("hosts")
    if EVERY_PROGRAM in manifest.programs:
        found |= {"attributes", "sockets"}
        if not manifest.hosts:
            found.add("network")
    return frozenset(found)


def held_to(decision: Decision, policy: Policy, here: Holding, *, refuse: bool) -> Decision:
    """The decision on a command, with what this machine cannot hold of it as reasons; never laxer than it was.

    `refuse`: where the policy requires a sandbox and there is none, the decision is a deny. The gate does not ask for that:
    such a run ends as a whole, with a code of its own.
    """
    sandbox = policy.sandbox
    if decision.plan is None or sandbox.mode == "off":
        return decision
    if not here.wall and sandbox.mode == "require":
        added = [_missing(Verdict.DENY, policy.origins.get("sandbox.mode", policy.name))] if refuse else []
    else:
        source = policy.origins.get("sandbox.degraded", policy.name)
        added = [_missing(sandbox.degraded, source)] if not here.wall else _lacking(decision.manifest, sandbox.degraded, source, here)
    if not added:
        return decision
    return revised(decision, verdict=max(decision.verdict, *(one.verdict for one in added)), reasons=(*decision.reasons, *added))


def _missing(verdict: Verdict, source: str) -> Reason:
    return Reason(
        rule="sandbox.missing",
        verdict=verdict,
        text="no sandbox layer works here: the kernel would not hold this command to what it declares",
        source=source,
        suggestion="install bubblewrap, or run on a kernel with Landlock; `bylaw doctor` says what is missing",
    )


def _lacking(manifest: Manifest, verdict: Verdict, source: str, here: Holding) -> list[Reason]:
    needed = needs(manifest)
    return [
        Reason(
            rule=f"sandbox.lacks.{name}",
            verdict=verdict,
            text=f"{LOST[name]}: {here.lacks[name]}",
            source=source,
            suggestion=_INSTEAD if place == 0 else None,  # once is enough: the next step is the same for all
        )
        for place, name in enumerate(name for name in JUDGED if name in needed and name in here.lacks)
    ]
