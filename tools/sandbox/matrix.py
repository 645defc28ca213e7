"""What each layer of the sandbox can hold, alone and together with others: data, and the look-up.

A cell says what a set of layers holds of one capability. What a machine holds of it is the best cell whose layers are
all there; what no cell speaks of is not held. The engine judges by this, `bylaw doctor` prints it, docs/sandbox.md shows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from .interface import WALLS, LayerName, LayerState

Capability = Literal[
    "read",
    "listing",
    "write",
    "attributes",
    "protected",
    "grain",
    "absent",
    "metadata",
    "environment",
    "programs",
    "network",
    "hosts",
    "sockets",
    "processes",
    "kernel",
    "cleanup",
    "limits",
]
"""What may have to be held of a call, as `MEANINGS` says."""

CAPABILITIES: Final[tuple[Capability, ...]] = get_args(Capability)
LAYER_NAMES: Final[tuple[LayerName, ...]] = get_args(LayerName)
MEANINGS: Final[Mapping[Capability, str]] = {
    "read": "The contents of files outside of the grants cannot be read.",
    "listing": "A directory that is granted for its names gives no contents.",
    "write": "The contents and names of files outside of the grants cannot be changed.",
    "attributes": "Mode, owner and dates of files outside of the grants cannot be changed.",
    "protected": "Protected names below a writable directory stay as they are.",
    "grain": "Where a name is to be created, that name alone can be, and nothing else in its directory.",
    "absent": "Secrets are not even there: not their contents, size or dates.",
    "metadata": "Names, sizes and dates of files outside of the grants cannot be asked for.",
    "environment": "No variable can be read but those that the policy passes on, also none of other processes.",
    "programs": "Only the programs that the call names start.",
    "network": "Without a grant nothing is reached over the network.",
    "hosts": "Of the network only the hosts and ports that were granted are reached.",
    "sockets": "Unix sockets of the machine (a container daemon, an agent for keys, the desktop) cannot be reached.",
    "processes": "Other processes are unseen and cannot be signalled.",
    "kernel": "Namespaces, mounts, tracing, the kernel's keyring, bpf and io_uring are refused.",
    "cleanup": "When the call ends, everything that it started is gone.",
    "limits": "Memory and the number of processes are limited for the call as a whole.",
}
"""Each capability in one sentence."""

Grade = Literal["no", "partly", "yes"]
GRADES: Final[tuple[Grade, ...]] = get_args(Grade)
"""From the weakest to the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How well a capability is held, and what holds it or is missing."""

    grade: Grade
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What these layers hold together, from version `abi` of Landlock on; `user`: only where the caller is not root;
    `controllers`: only where the group has those for memory and processes.
    """

    capability: Capability
    grade: Grade
    layers: frozenset[LayerName]
    why: str
    abi: int = 0
    user: bool = False
    controllers: bool = False


Coverage = Mapping[Capability, Held]


def _cell(
    capability: Capability, layers: str, grade: Grade, why: str, *, abi: int = 0, user: bool = False, controllers: bool = False
) -> Cell:
    names: frozenset[LayerName] = frozenset(name for name in LAYER_NAMES if name in layers.split())
    return Cell(capability=capability, grade=grade, layers=names, why=why, abi=abi, user=user, controllers=controllers)


CELLS: Final[tuple[Cell, ...]] = (
    _cell("read", "bubblewrap", "yes", "nothing is mounted but what was granted"),
    _cell(
        "read",
        "landlock",
        "yes",
        "opening is refused; what is hidden is left out when the call starts, its siblings are granted one by one",
    ),
    _cell("listing", "landlock", "yes", "the right to list is granted without the right to read; it holds for all directories below"),
    _cell("listing", "bubblewrap", "no", "a mounted directory is readable with everything below"),
    _cell("write", "bubblewrap", "yes", "everything is mounted read-only but what was granted for writing"),
    _cell("write", "landlock", "yes", "changing is refused, truncating too", abi=3),
    _cell("write", "landlock", "partly", "this version of landlock does not refuse truncating a file (that needs ABI 3)"),
    _cell("attributes", "bubblewrap", "yes", "read-only mounts refuse it, and the rest is not there"),
    _cell("attributes", "landlock", "no", "landlock knows no right for changing mode, owner or dates"),
    _cell(
        "protected",
        "bubblewrap",
        "yes",
        "what exists is mounted read-only; a name that is not there yet cannot be held, so it is looked for afterwards and reported",
    ),
    _cell("protected", "landlock", "no", "nothing can be taken out of a tree that landlock grants"),
    _cell("grain", "bubblewrap", "no", "a name that is not there yet cannot be mounted: its directory is granted for writing"),
    _cell("grain", "landlock", "no", "a name that is not there yet cannot be named in a rule: its directory is granted for writing"),
    _cell(
        "absent", "bubblewrap", "yes", "outside of the grants there is nothing, below a grant an empty stand-in takes the secret's place"
    ),
    _cell("absent", "landlock", "no", "contents are refused, but that a file exists, its size and dates are told"),
    _cell("metadata", "bubblewrap", "yes", "what was not granted is not mounted"),
    _cell("metadata", "landlock", "no", "landlock knows no right for asking about a file by its name"),
    _cell("environment", "bubblewrap", "yes", "the environment is made anew, and other processes are not there"),
    _cell("environment", "landlock", "yes", "the environment is made anew, and reading that of a process outside is refused as tracing is"),
    _cell("environment", "", "partly", "the environment is made anew; those of other processes of the same user can be read"),
    _cell(
        "programs",
        "bubblewrap landlock",
        "partly",
        "where workspace code was not granted, writable places start nothing; the loader still starts any readable program of the system",
    ),
    _cell("programs", "landlock", "no", "the list is advice: every program needs the loader, and the loader starts any readable file"),
    _cell("programs", "bubblewrap", "no", "whatever is mounted may start"),
    _cell("network", "bubblewrap", "yes", "a network of its own, with nothing but its own loopback"),
    _cell("network", "seccomp", "yes", "internet sockets cannot be made"),
    _cell("network", "landlock", "partly", "TCP is refused; UDP and other kinds are not", abi=4),
    _cell("network", "landlock", "no", "this version of landlock does not know the network (TCP needs ABI 4)"),
    _cell("hosts", "bubblewrap", "yes", "the only way out of the call's own network is a proxy that knows what was granted"),
    _cell(
        "hosts",
        "landlock seccomp",
        "partly",
        "nothing but TCP, and that on the port numbers of the grant and of the proxy only: any host that answers there is reached",
        abi=4,
    ),
    _cell("hosts", "landlock", "no", "TCP is held by port number alone, UDP not at all"),
    _cell("hosts", "seccomp", "no", "where a socket is connected to cannot be seen by a filter of system calls"),
    _cell("sockets", "bubblewrap", "yes", "the sockets are not mounted, and abstract ones are another network's"),
    _cell("sockets", "seccomp", "yes", "unix sockets cannot be made, pairs excepted"),
    _cell("sockets", "landlock", "no", "sockets with a path are not refused; abstract ones are", abi=6),
    _cell("sockets", "landlock", "no", "unix sockets are not refused"),
    _cell("processes", "bubblewrap", "yes", "processes of its own, and no others"),
    _cell("processes", "landlock", "partly", "signals are refused; that a process exists can still be asked for", abi=6),
    _cell("processes", "landlock", "no", "this version of landlock does not refuse signals (that needs ABI 6)"),
    _cell("kernel", "seccomp", "yes", "the system calls are refused"),
    _cell("kernel", "bubblewrap", "partly", "without the capabilities; a user namespace, the keyring and io_uring stay reachable"),
    _cell("kernel", "landlock", "partly", "mounts, and tracing of what is outside, are refused; the rest is not"),
    _cell("cleanup", "bubblewrap", "yes", "the kernel ends every process of the call when its first one ends"),
    _cell("cleanup", "cgroup", "yes", "the kernel ends every process of the group at once"),
    _cell("cleanup", "", "partly", "orphans come back to the launcher, which ends them; what forks faster than that can escape"),
    _cell("limits", "cgroup", "yes", "the group has limits of its own", controllers=True),
    _cell(
        "limits",
        "",
        "partly",
        "the number of processes is limited for the user; memory for each process alone",
        user=True,
    ),
    _cell("limits", "", "partly", "the limit of processes does not bind root; memory for each process alone"),
)
"""Of cells that are equally good the first one speaks."""

_UNPROVEN: Final[frozenset[LayerName]] = frozenset({"launcher"})
_UNKNOWN: Final = "what a launcher of your own holds is not known, so nothing is taken for held"
_NOBODY: Final = "no layer that is here holds it"


def coverage(states: Iterable[LayerState], *, root: bool | None = None) -> Coverage:
    """What the layers that are available hold together. `root`: whether the caller is root, without it this process."""
    held = [state for state in states if state.available]
    names: frozenset[LayerName] = frozenset(state.name for state in held)
    abi = max((state.version for state in held if state.name == "landlock"), default=0)
    as_root = os.geteuid() == 0 if root is None else root
    bounded = any(state.name == "cgroup" and state.version for state in held)
    fitting = [
        cell
        for cell in CELLS
        if cell.layers <= names and cell.abi <= abi and not (cell.user and as_root) and not (cell.controllers and not bounded)
    ]
    nobody = Held(grade="no", why=_UNKNOWN if names == _UNPROVEN else _NOBODY)
    return {one: _best([cell for cell in fitting if cell.capability == one], nobody) for one in CAPABILITIES}


def _best(fitting: Sequence[Cell], nobody: Held) -> Held:
    if not fitting:
        return nobody
    best = max(fitting, key=lambda cell: GRADES.index(cell.grade))
    return Held(grade=best.grade, why=best.why)


def walled(states: Iterable[LayerState]) -> bool:
    """Whether one of the layers that are available keeps a command from files."""
    return any(state.available and state.name in WALLS for state in states)


def alone(state: LayerState, *, root: bool | None = None) -> Coverage:
    """What one layer would hold without any other; all `no` where it cannot be had."""
    return coverage((state,), root=root)
