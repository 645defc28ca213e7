"""Which profile a program has: one file a program, read when it is first needed, from a store where one is given."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final

from ..records import EMPTY, Record, replace
from ..store import PROFILES, Kept, Store, code_stamp, key_of, pack, unpack
from .model import Always, Example, Option, Profile, Table

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
_KIND: Final = "profile"
_RECORDS: Final[Mapping[str, type[Record]]] = {one.__name__: one for one in (Profile, Table, Option, Always, Example)}


class Tables(Mapping[str, Table]):
    """The subcommands of a kept profile, each made when it is asked for: a call needs one of a hundred."""

    def __init__(self, numbers: Mapping[str, int], packed: Sequence[bytes]) -> None:
        self._numbers = numbers
        self._packed = packed
        self._made: dict[int, Table] = {}

    def __getitem__(self, name: str) -> Table:
        number = self._numbers[name]
        if number not in self._made:
            self._made[number] = unpack(self._packed[number], _RECORDS)
        return self._made[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class _Kept:
    """The store of this process. A profile depends on its text and this code alone, so it does not matter who asks."""

    store: Store | None = None


def keep_in(store: Store | None) -> None:
    """Profiles are taken from this store from now on, and put there."""
    _Kept.store = store


@cache
def find_profile(name: str) -> Profile | None:
    """The profile of the program with this name or alias; None when there is none. Raises ProfileError when it is malformed."""
    canonical = aliases().get(name, name)
    if not _NAME.match(canonical) or canonical == "aliases":
        return None
    data = _bytes(canonical)
    if data is None:
        return None
    key = _key(canonical, data)
    kept = _kept(key)
    if kept is not None:
        with suppress(ValueError, TypeError, KeyError):
            whole, numbers, packed = kept
            found: Profile = replace(whole, table=replace(whole.table, commands=Tables(numbers, packed)))
            return found
    profile = parse_profile(data.decode(), source=f"{canonical}.yaml")
    tables = {id(table): table for table in profile.table.commands.values()}
    numbers = {name: list(tables).index(id(table)) for name, table in profile.table.commands.items()}
    bare = replace(profile, table=replace(profile.table, commands=EMPTY))
    _keep(key, (bare, numbers, tuple(map(pack, tables.values()))))
    return profile


@cache
def profile_names() -> tuple[str, ...]:
    """Every program that has a profile, without aliases."""
    return tuple(sorted(name[:-5] for name in os.listdir(PROFILES) if name.endswith(".yaml") and name != "aliases.yaml"))


@cache
def aliases() -> Mapping[str, str]:
    """Which profile another name stands for."""
    data = _bytes("aliases") or b""
    key = _key("aliases", data)
    kept: dict[str, str] | None = _kept(key)
    if kept is not None:
        return kept
    from .documents import parse_aliases  # imported late: reading YAML costs more than a decision

    found = parse_aliases(data.decode())
    _keep(key, found)
    return found


def parse_profile(text: str, *, source: str) -> Profile:
    """The profile that a YAML text describes. Raises ProfileError naming the file and the key."""
    from .documents import parse_profile as parse  # imported late: reading YAML costs more than a decision

    return parse(text, source=source)


def _bytes(name: str) -> bytes | None:
    try:
        with open(f"{PROFILES}/{name}.yaml", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _key(name: str, data: bytes) -> str | None:
    code = code_stamp()
    return None if code is None or _Kept.store is None else key_of(code, name, data)


def _kept(key: str | None) -> Any:
    data = None if key is None or _Kept.store is None else _Kept.store.get(_KIND, key)
    if data is None:
        return None
    try:
        return unpack(data, _RECORDS)
    except ValueError:
        return None


def _keep(key: str | None, value: Kept) -> None:
    if key is not None and _Kept.store is not None:
        _Kept.store.put(_KIND, key, pack(value))
