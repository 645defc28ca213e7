"""What is slow to make and depends on nothing but its key is made once: policies and profiles, kept as plain data.

This room writes nothing: a `Store` is handed in, and without one everything is made anew. INVARIANT: a key names all that
the value was made of, this code included, so that no entry can be taken for another; an entry that is in any way odd is
no entry.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Protocol, TypeAlias

from .decision import Verdict
from .records import Record

try:
    # what hashlib.blake2b is; hashlib itself loads OpenSSL first, which costs as much as a decision
    from _blake2 import blake2b
except ImportError:  # an interpreter may be built without
    from hashlib import blake2b


class Store(Protocol):
    """Where bytes are kept under a key; they may be gone at any time."""

    def get(self, kind: str, key: str) -> bytes | None:
        """What was put under this key, or None."""
        ...

    def put(self, kind: str, key: str, data: bytes) -> None:
        """Keeps the bytes if it can; never raises."""
        ...


_FORMAT: Final = 1
_POLICY: Final = os.path.dirname(os.path.abspath(__file__))
_PRESETS: Final = os.path.join(os.path.dirname(_POLICY), "presets")
_CODE: Final = (_POLICY, f"{_POLICY}/shell", f"{_POLICY}/profiles")
PROFILES: Final = f"{_POLICY}/programs"
DOCUMENTS: Final = (_PRESETS, f"{_PRESETS}/sets")


def digest(data: bytes) -> str:
    """The BLAKE2b digest of the bytes: 256 bits, in hex."""
    return blake2b(data, digest_size=32).hexdigest()


def key_of(*facts: object) -> str:
    """A key of texts, bytes, numbers, None and tuples of them. `repr` of these is different for different values."""
    return digest(repr((_FORMAT, *facts)).encode("utf-8", "backslashreplace"))


@cache
def code_stamp() -> tuple[object, ...] | None:
    """What tells this code from every other: the interpreter, the pattern library, and the state of each source file.

    A file is told by its size, inode and times, as Python tells whether its own compiled files are stale. Taken once, at
    the start: a process that outlives an upgrade keeps to what it is. None where the code does not lie in files.
    """
    try:
        return (sys.version, sys.implementation.cache_tag, _pathspec(), tuple(stamp(folder, ".py") for folder in _CODE))
    except OSError:
        return None


def stamp(folder: str, suffix: str) -> tuple[object, ...]:
    """The state of each file of a folder. Raises OSError."""
    found: list[tuple[object, ...]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(suffix):
                state = entry.stat()
                found.append((entry.name, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino))
    return (folder, *sorted(found, key=repr))


def _pathspec() -> tuple[str, ...]:
    """The versions of pathspec that are installed where it would be imported from; it translates patterns."""
    for folder in sys.path:
        if os.path.isdir(f"{folder or '.'}/pathspec"):
            return (folder, *sorted(name for name in os.listdir(folder or ".") if name.startswith("pathspec-")))
    return ()


Kept: TypeAlias = "Record | Verdict | str | bytes | int | float | frozenset[str] | tuple[Kept, ...] | Mapping[str, Kept] | None"


def pack(value: Kept) -> bytes:
    """Records, and what they hold, as bytes. Raises TypeError for what has no such form."""
    return marshal.dumps(_packed(value, {}))


def _packed(value: Kept, seen: dict[int, list[Any]]) -> Any:
    """A record becomes a list of its class's name and its fields; lists stand for nothing else here."""
    match value:
        case Verdict():
            return ["Verdict", int(value)]
        case Record():
            if id(value) not in seen:  # what is shared stays shared
                kind = type(value)
                seen[id(value)] = [kind.__name__, *(_packed(getattr(value, name), seen) for name in kind.__fields__)]
            return seen[id(value)]
        case tuple():
            return tuple([_packed(one, seen) for one in value])
        case Mapping():
            return {key: _packed(one, seen) for key, one in value.items()}
        case frozenset() | bytes() | str() | int() | float() | None:
            return value
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be kept")


def unpack(data: bytes, kinds: Mapping[str, type[Record]]) -> Any:
    """What was packed, made of these records. Raises ValueError for bytes that are anything else."""
    try:
        return _unpacked(marshal.loads(data), kinds, {})  # noqa: S302  # bytes of our own, checked by the store; no code is run
    except (EOFError, TypeError, LookupError, AttributeError, RecursionError, ValueError) as problem:
        raise ValueError("these bytes are nothing that was packed") from problem


def _unpacked(value: Any, kinds: Mapping[str, type[Record]], seen: dict[int, Record]) -> Any:
    kind = value.__class__
    if kind is list:
        made = seen.get(id(value))
        if made is None:
            if value[0] == "Verdict":
                return Verdict(value[1])
            record = kinds[value[0]]
            made = record.__new__(record)
            for (_, put), one in zip(record.__puts__, value[1:], strict=True):
                put(made, one if one.__class__ is str else _unpacked(one, kinds, seen))
            seen[id(value)] = made
        return made
    if kind is tuple:
        for one in value:
            if one.__class__ is not str:
                return tuple([_unpacked(each, kinds, seen) for each in value])
        return value
    if kind is dict:
        return {key: one if one.__class__ is str else _unpacked(one, kinds, seen) for key, one in value.items()}
    if kind in _PLAIN:
        return value
    raise ValueError(f"a {kind.__name__} was not packed")


_PLAIN: Final = frozenset({bytes, str, int, float, bool, frozenset, type(None)})
