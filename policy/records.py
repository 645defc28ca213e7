"""Frozen, slotted, keyword-only records: what a frozen dataclass is, without what it costs to make one.

A dataclass compiles its methods when its module is imported, about a millisecond for each class, and importing
`dataclasses` alone costs as much as a tenth of a cold `bylaw check`. The types on that path are records instead; type
checkers read them as dataclasses (PEP 681).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

_Made = TypeVar("_Made", bound="Record")

_OFTEN: Final = 64
"""A class of which so many records were made gets a constructor compiled for it: a start that makes a few never pays for it."""


def _make(self: Record, **values: Any) -> None:
    """Raises TypeError for a field that is missing, or that the record does not have."""
    kind = self.__class__
    _MADE[kind] = count = _MADE.get(kind, 0) + 1
    if count == _OFTEN:
        _specialise(kind)
    if len(values) != len(kind.__puts__):
        values = {**kind.__defaults__, **values}
    try:
        for name, put in kind.__puts__:
            put(self, values[name])
    except KeyError as problem:
        raise TypeError(f"{kind.__name__} needs {problem.args[0]}") from None
    if len(values) != len(kind.__puts__):
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(values.keys() - set(kind.__fields__)))}")
    self.__post_init__()


_MADE: Final[dict[type[Record], int]] = {}


def _specialise(kind: type[Record]) -> None:
    """Gives a class the constructor that one would write by hand: a third of the time of the one for all classes."""
    names = {f"_put_{name}": put for name, put in kind.__puts__} | {f"_default_{name}": one for name, one in kind.__defaults__.items()}
    given = [f"{name}=_default_{name}" if name in kind.__defaults__ else name for name in kind.__fields__]
    lines = [f"    _put_{name}(self, {name})\n" for name in kind.__fields__]
    if kind.__post_init__ is not Record.__post_init__:
        lines.append("    self.__post_init__()\n")
    namespace: dict[str, Any] = dict(names)
    exec(f"def __init__(self, *, {', '.join(given)}):\n{''.join(lines)}", namespace)  # noqa: S102  # names of our own fields, as dataclasses do
    type.__setattr__(kind, "__init__", namespace["__init__"])


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _RecordType(type):
    """Makes slots of the annotations of a class, and keeps their defaults (which must not be mutable) aside."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        own = tuple(one for one, kind in namespace.get("__annotations__", {}).items() if not str(kind).startswith("ClassVar"))
        defaults = {one: namespace.pop(one) for one in own if one in namespace}
        made = super().__new__(mcs, name, bases, {"__slots__": own, **namespace})
        above = next((base for base in bases if isinstance(base, _RecordType)), None)
        inherited: tuple[str, ...] = () if above is None else above.__fields__
        made.__fields__ = fields = (*inherited, *own)
        made.__defaults__ = defaults if above is None else {**above.__defaults__, **defaults}
        made.__puts__ = tuple((one, getattr(made, one).__set__) for one in fields)
        made.__key__ = attrgetter(*(fields or ("__class__",)))
        if "__init__" not in namespace and fields:
            # never the one that was compiled for a base
            type.__setattr__(made, "__init__", _make)
        return made

    __fields__: tuple[str, ...]
    __defaults__: Mapping[str, Any]
    __puts__: tuple[tuple[str, Callable[[Any, Any], None]], ...]
    __key__: attrgetter[Any]


class Record(metaclass=_RecordType):
    """The base of records. Equal when of one type and equal in every field; hashable when the fields are."""

    __fields__: ClassVar[tuple[str, ...]]
    __defaults__: ClassVar[Mapping[str, Any]]
    __puts__: ClassVar[tuple[tuple[str, Callable[[Any, Any], None]], ...]]
    __key__: ClassVar[attrgetter[Any]]

    def __post_init__(self) -> None:
        """Called when all fields are set."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        kind = self.__class__
        if kind is not other.__class__:
            return NotImplemented
        return bool(kind.__key__(self) == kind.__key__(other))

    def __hash__(self) -> int:
        return hash(self.__class__.__key__(self))

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__class__.__fields__)
        return f"{self.__class__.__name__}({listed})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {self.__class__.__name__} does not change: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {self.__class__.__name__} does not change: {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.__class__, asdict(self))


def _remade(kind: type[_Made], values: dict[str, Any]) -> _Made:
    return kind(**values)


def replace(record: _Made, **changes: Any) -> _Made:
    """A copy with these fields changed. Raises TypeError for a field that the record does not have."""
    return record.__class__(**{**asdict(record), **changes})


def asdict(record: Record) -> dict[str, Any]:
    """The fields by name; what they hold is not taken apart."""
    kind = record.__class__
    names = kind.__fields__
    return dict(zip(names, kind.__key__(record), strict=True)) if len(names) > 1 else {name: getattr(record, name) for name in names}


def fields(kind: type[Record]) -> Iterator[str]:
    """The names of the fields, in their order."""
    return iter(kind.__fields__)


EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
"""A default for a mapping that nobody changes."""
