"""A policy from the store, where it was made of the very same bytes before; else made of the documents, and kept.

The key is a digest of every document, the flags, the directories and this code. What depends on the machine all the same,
where roots really lead, is kept in the entry and looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from . import paths
from .model import Default, Limits, Matcher, Paths, Policy, Rule, Sandbox
from .reading import read_regular
from .records import Record
from .store import DOCUMENTS, PROFILES, Store, code_stamp, digest, key_of, pack, stamp, unpack

if TYPE_CHECKING:
    from .layers import Override

FlagValue = str | int | float | bool | Sequence[str]

_KIND: Final = "policy"
_PATHS: Final = frozenset({"paths.read", "paths.write", "allow_path"})
_LARGEST: Final = 262_144
"""Larger files are refused when they are read as policies."""

_RECORDS: Final[Mapping[str, type[Record]]] = {one.__name__: one for one in (Policy, Limits, Paths, Sandbox, Default, Rule, Matcher)}


class Request(Record):
    """What a policy is made of; `values` maps a value's name to the value and the flag that gave it."""

    preset: str | None
    files: tuple[str, ...]
    values: Mapping[str, tuple[FlagValue, str]]
    workspace: str
    home: str
    own_directories: tuple[str, ...]


def prepared(request: Request, store: Store | None) -> Policy:
    """The policy, as `layers.load` makes it. Raises PolicyFileError."""
    if store is None or not _PATHS.isdisjoint(request.values):
        return _load(request, {}, {})  # the paths of flags must be there at every start
    files = _read(request.files)
    key = None if files is None else _key(request, files)
    if files is None or key is None:
        return _load(request, {}, {})
    known = store.get(_KIND, key)
    policy = None if known is None else _known(known)
    if policy is not None:
        return policy
    led: dict[str, str] = {}
    policy = _load(request, files, led)
    if _key(request, files) == key:  # what ships with bylaw was not replaced meanwhile
        store.put(_KIND, key, pack((policy, tuple(led.items()), _translations(policy))))
    return policy


def _read(names: Sequence[str]) -> dict[str, bytes] | None:
    """The bytes of the files; None when one cannot be read, which is explained where it is read for good."""
    try:
        return {name: read_regular(name, _LARGEST) for name in names}
    except (OSError, ValueError):
        return None


def _key(request: Request, files: Mapping[str, bytes]) -> str | None:
    """The digest of all that the policy is made of; None when it cannot be told."""
    code = code_stamp()
    if code is None:
        return None
    try:
        shipped = tuple(
            (name, _digest(f"{folder}/{name}")) for folder in DOCUMENTS for name in sorted(os.listdir(folder)) if name[-5:] == ".yaml"
        )
        # the examples of a user's rules are tried on the profiles
        profiles = stamp(PROFILES, ".yaml") if files else ()
        return key_of(
            code,
            shipped,
            profiles,
            request.preset,
            tuple((name, digest(data)) for name, data in files.items()),
            request.files,
            tuple(
                (name, tuple(value) if isinstance(value, list | tuple) else value, flag) for name, (value, flag) in request.values.items()
            ),
            request.workspace,
            request.home,
            request.own_directories,
        )
    except OSError:
        return None


def _digest(path: str) -> str:
    return digest(read_regular(path, _LARGEST))


def _load(request: Request, files: Mapping[str, bytes], led: dict[str, str]) -> Policy:
    from .layers import Override, load  # imported late: reading YAML costs more than a decision

    def real(path: str) -> str:
        led[path] = os.path.realpath(path)
        return led[path]

    overrides: dict[str, Override] = {name: Override(value, flag) for name, (value, flag) in request.values.items()}
    return load(
        request.preset,
        files=request.files,
        overrides=overrides,
        workspace=request.workspace,
        home=request.home,
        own_directories=request.own_directories,
        contents=files,
        real=real,
    )


def _translations(policy: Policy) -> dict[str, tuple[str, bool]]:
    """What the patterns of the policy are as expressions."""
    listed = [*policy.paths.secret, *policy.paths.protected]
    listed += [one for rule in policy.rules for matcher in (rule.match, *rule.excepts) for one in matcher.path]
    return {pattern: paths.translated(pattern) for pattern in dict.fromkeys(listed)}


def _known(data: bytes) -> Policy | None:
    """The policy of an entry; None when the entry is odd, or a root leads somewhere else by now."""
    try:
        policy, led, translations = unpack(data, _RECORDS)
        if not isinstance(policy, Policy) or any(os.path.realpath(path) != real for path, real in led):
            return None
        paths.learn(translations)
    except (ValueError, TypeError):
        return None
    return policy
