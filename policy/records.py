"""Frozen, slotted, keyword-only records: what a frozen dataclass is, without what it costs to make one.

A dataclass compiles its methods when its module is imported, about a millisecond for each class, and importing
`dataclasses` alone costs as much as a tenth of a cold `bylaw check`. The types on that path are records instead; type
checkers read them as dataclasses (PEP 681).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

_Made = TypeVar("_Made", bound="Record")


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _RecordType(type):
    """Makes slots of the annotations of a class, and keeps their defaults (which must not be mutable) aside."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        own = tuple(one for one, kind in namespace.get("__annotations__", {}).items() if not str(kind).startswith("ClassVar"))
        defaults = {one: namespace.pop(one) for one in own if one in namespace}
        made = super().__new__(mcs, name, bases, {"__slots__": own, **namespace})
        inherited: tuple[str, ...] = next((base.__fields__ for base in bases if isinstance(base, _RecordType)), ())
        made.__fields__ = (*inherited, *own)
        made.__defaults__ = {**next((base.__defaults__ for base in bases if isinstance(base, _RecordType)), {}), **defaults}
        made.__puts__ = tuple((one, getattr(made, one).__set__) for one in made.__fields__)
        return made

    __fields__: tuple[str, ...]
    __defaults__: Mapping[str, Any]
    __puts__: tuple[tuple[str, Callable[[Any, Any], None]], ...]


class Record(metaclass=_RecordType):
    """The base of records. Equal when of one type and equal in every field; hashable when the fields are."""

    __fields__: ClassVar[tuple[str, ...]]
    __defaults__: ClassVar[Mapping[str, Any]]
    __puts__: ClassVar[tuple[tuple[str, Callable[[Any, Any], None]], ...]]

    def __init__(self, **values: Any) -> None:
        """Raises TypeError for a field that is missing, or that the record does not have."""
        kind = self.__class__
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

    def __post_init__(self) -> None:
        """Called when all fields are set."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if self.__class__ is not other.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__class__.__fields__)

    def __hash__(self) -> int:
        return hash(tuple([getattr(self, name) for name in self.__class__.__fields__]))

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
    """A copy with these fields changed."""
    return record.__class__(**{**asdict(record), **changes})


def asdict(record: Record) -> dict[str, Any]:
    """The fields by name; what they hold is not taken apart."""
    return {name: getattr(record, name) for name in record.__class__.__fields__}


def fields(kind: type[Record]) -> Iterator[str]:
    """The names of the fields, in their order."""
    return iter(kind.__fields__)


EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
"""A default for a mapping that nobody changes."""
