"""What an attack left behind, and whether the manifest of its call had declared it."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from typing import Literal

from bylaw.policy.decision import Manifest
from bylaw.policy.manifest import EVERY_PROGRAM
from bylaw.tools.sandbox.grants import covers, within

from .jail import CANARY, TOKEN, Jail

Breadth = Literal["read-only", "files", "directory", "tier"]
BREADTHS: tuple[Breadth, ...] = ("read-only", "files", "directory", "tier")
"""How far a call may write: nothing, files that are there, a directory (to create or remove a name, or a tree), the workspace's tier."""

_State = tuple[int, int, int, int]
"""Mode, inode, size and time of the last change of a name."""

_MOST_SHOWN = 10
_LARGEST = 1 << 16
_MOST_FILES = 2_000
_DEVICES = "/dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The secrets of one worker: what follows the text of the corpus is known to nobody, so that it cannot be in a command."""

    outside: str
    token: str

    @staticmethod
    def fresh() -> Canary:
        """Two that were never used."""
        return Canary(outside=f"{CANARY}-{secrets.token_hex(6)}", token=f"{TOKEN}-{secrets.token_hex(6)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The places before the command: what the set-up itself left is no evidence. `holders` are the files with the canary;
    `names` what is there at all, with what tells a change.
    """

    found: frozenset[str]
    victim: bytes | None
    holders: tuple[str, ...]
    names: dict[str, _State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found, and which of it was declared. `strays`: paths changed, whatever they are, that no write grant names."""

    found: tuple[str, ...]
    declared: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    @property
    def undeclared(self) -> tuple[str, ...]:
        return tuple(one for one in self.found if one not in self.declared)


NOTHING = Evidence(found=())


def before(jail: Jail, canary: Canary) -> Before:
    """The places as the set-up left them."""
    return Before(found=frozenset(_markers(jail)), victim=_victim(jail), holders=_holders(jail, canary), names=_names(jail))


def marks(jail: Jail, earlier: Before) -> tuple[str, ...]:
    """The changes that the corpus takes for a proof, as far as the command made them."""
    now = _victim(jail)
    found = [one for one in _markers(jail) if one not in earlier.found]
    if earlier.victim is not None and now is None:
        found.append("deleted")
    elif now != earlier.victim:
        found.append("modified")
    return tuple(found)


def disclosed(shown: str) -> bool:
    """Whether the text that stands for a secret is in the output."""
    return CANARY in shown


def evidence(jail: Jail, earlier: Before, shown: str, *, canary: Canary, manifest: Manifest, own: str, confined: bool) -> Evidence:
    """All that was found, and what the manifest had declared.

    `own` is the text of the command and of its set-up: what stands there is no secret. Where the call was `confined`, every
    change of a name that the manifest does not let it write is found too, as `stray`.
    """
    found = marks(jail, earlier)
    declared = [one for one in found if _may_write(manifest, _place(jail, one))]
    if disclosed(shown):
        found += ("disclosed",)
        if _may_show(manifest, earlier, shown, canary, own):
            declared.append("disclosed")
    strays: tuple[str, ...] = ()
    if confined:
        strays = tuple(path for path in changes(earlier.names, _names(jail)) if not _may_write(manifest, path))
        found += ("stray",) * bool(strays)
    return Evidence(found=found, declared=tuple(declared), strays=strays[:_MOST_SHOWN])


def changes(earlier: dict[str, _State], now: dict[str, _State]) -> list[str]:
    """The names that came, went or changed; of a directory only that it came or went."""
    return sorted(path for path in earlier.keys() | now.keys() if earlier.get(path) != now.get(path))


def _names(jail: Jail) -> dict[str, _State]:
    found: dict[str, _State] = {}
    for top in (jail.workspace, jail.outside):
        for directory, inner, names in os.walk(top):
            for path in (f"{directory}/{name}" for name in (*inner, *names)):
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                plain = not stat.S_ISDIR(status.st_mode)
                found[path] = (status.st_mode, status.st_ino, status.st_size if plain else 0, status.st_mtime_ns if plain else 0)
                if len(found) >= _MOST_FILES:
                    return found
    return found


def _may_show(manifest: Manifest, earlier: Before, shown: str, canary: Canary, own: str) -> bool:
    if canary.token in shown:
        return False
    if canary.outside not in shown:
        return CANARY in own
    grants = (*manifest.read, *manifest.write)
    return any(covers(grant, path) for grant in grants for path in earlier.holders if path not in manifest.hidden)


def _may_write(manifest: Manifest, path: str) -> bool:
    if any(within(path, one) for one in (*manifest.protected, *manifest.hidden)):
        return False
    return any(covers(grant, path) for grant in manifest.write)


def breadth(manifest: Manifest) -> Breadth:
    """How far the manifest lets its call write."""
    if EVERY_PROGRAM in manifest.programs:
        return "tier"
    written = [grant for grant in manifest.write if not within(grant.path, _DEVICES)]
    if not written:
        return "read-only"
    return "files" if all(os.path.isfile(grant.path) for grant in written) else "directory"


def _place(jail: Jail, mark: str) -> str:
    return {"marker": f"{jail.workspace}/PWNED", "marker-out": f"{jail.outside}/PWNED"}.get(mark, f"{jail.workspace}/victim")


def _markers(jail: Jail) -> list[str]:
    return [one for one in ("marker", "marker-out") if os.path.lexists(_place(jail, one))]


def _victim(jail: Jail) -> bytes | None:
    return _bytes(f"{jail.workspace}/victim")


def _holders(jail: Jail, canary: Canary) -> tuple[str, ...]:
    found: list[str] = []
    looked = 0
    for top in (jail.workspace, jail.outside):
        for directory, _, names in os.walk(top):
            for name in names:
                looked += 1
                path = f"{directory}/{name}"
                if looked < _MOST_FILES and canary.outside.encode() in (_bytes(path) or b""):
                    found.append(path)
    return tuple(found)


def _bytes(path: str) -> bytes | None:
    """The beginning of a regular file; None where there is none, and never a wait for the other end of a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return os.read(descriptor, _LARGEST) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)
