"""YAML, read for trust: plain values only, every one with its place in the file.

Reads the part of YAML 1.1 that a policy needs. Custom tags, duplicate keys, merge keys, keys that are no text, several
documents and control characters are refused; size, depth, aliases and the number of values are capped. The tree is built
from the events of libyaml, without recursion, so that no nesting exhausts the stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, assert_never

import yaml

from .errors import PolicyFileError
from .reading import read_regular

MAX_BYTES = 262_144
MAX_DEPTH = 32
MAX_ALIASES = 64
MAX_VALUES = 20_000

_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Mark:
    """Line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, boolean or null."""

    value: str | int | float | bool | None
    mark: Mark


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; `keys` says where each key stands."""

    nodes: dict[str, Node]
    keys: dict[str, Mark]
    mark: Mark


Node = Scalar | Items | Table


def read_source(path: str) -> str:
    """The text of a policy file; PolicyFileError when it is no readable regular file of UTF-8 below the size cap."""
    try:
        data = read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise PolicyFileError(
            f"the policy file cannot be read: {why}", source=path, hint="give the path of a readable YAML file"
        ) from problem
    return decoded(data, path)


def decoded(data: bytes, path: str) -> str:
    """The text of the bytes of a policy file; PolicyFileError when it is no UTF-8 below the size cap."""
    if len(data) > MAX_BYTES:
        raise PolicyFileError(f"the policy file is larger than {MAX_BYTES:,} bytes", source=path, hint="split it into several files")
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise PolicyFileError("the policy file is not UTF-8 text", source=f"{path}:{line}", hint="save it as UTF-8") from problem


def parse(text: str, *, source: str) -> Table:
    """The mapping that the text holds; PolicyFileError, with line and column, for anything else."""
    loader: _Loader = yaml.CSafeLoader(text)
    try:
        node = _Builder(loader, source).build()
    except yaml.YAMLError as problem:
        raise _syntax_error(problem, source) from problem
    finally:
        loader.dispose()
    if not isinstance(node, Table):
        raise PolicyFileError("a policy is a mapping of keys to values", source=place(source, node.mark), hint="start with `version: 1`")
    return node


def place(source: str, mark: Mark) -> str:
    """`file:line:column`."""
    return f"{source}:{mark.line}:{mark.column}"


def plain(node: Node) -> Plain:
    """The value without its places."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(one) for one in node.nodes]
        case Table():
            return {key: plain(one) for key, one in node.nodes.items()}
        case _:
            assert_never(node)


def locate(node: Node, path: tuple[str | int, ...]) -> Mark:
    """Where the value at `path` stands, or the nearest value around it; a key's own place for a mapping's entry."""
    mark = node.mark
    for step in path:
        if isinstance(node, Table) and isinstance(step, str) and step in node.nodes:
            mark = node.keys[step]
            node = node.nodes[step]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.nodes):
            node = node.nodes[step]
            mark = node.mark
    return mark


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read. `key` is the key that waits for its value."""

    table: bool
    mark: Mark
    anchor: str | None
    nodes: list[Node] = field(default_factory=list["Node"])
    keys: dict[str, Mark] = field(default_factory=dict[str, Mark])
    key: str | None = None


class _Loader(Protocol):
    """What is used of libyaml's safe loader: events, and the meaning of single scalars."""

    def get_event(self) -> yaml.Event | None: ...
    def resolve(self, kind: type[yaml.ScalarNode], value: str, implicit: tuple[bool, bool]) -> str: ...
    def construct_object(self, node: yaml.ScalarNode) -> str | int | float | bool | None: ...
    def dispose(self) -> None: ...


class _Builder:
    """Turns events into nodes, keeping what is open on a stack of its own."""

    def __init__(self, loader: _Loader, source: str) -> None:
        self._loader = loader
        self._source = source
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliases = 0
        self._values = 0
        self._done: Node | None = None

    def build(self) -> Node:
        """The one document of the text."""
        for event in self._events():
            start = event.start_mark
            mark = Mark(start.line + 1, start.column + 1) if start is not None else Mark(1, 1)
            match event:
                case yaml.ScalarEvent():
                    self._put(self._scalar(event, mark), event.anchor, mark)
                case yaml.AliasEvent():
                    self._alias(event, mark)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._start(event, mark)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.DocumentStartEvent() if self._done is not None:
                    raise self._error("a policy file holds one document", mark, "remove the `---` and what follows it")
                case _:
                    pass
        if self._done is None:
            raise PolicyFileError("the policy file is empty", source=self._source, hint="start with `version: 1`")
        return self._done

    def _events(self) -> Iterator[yaml.Event]:
        while (event := self._loader.get_event()) is not None:
            yield event

    def _error(self, message: str, mark: Mark, hint: str | None = None) -> PolicyFileError:
        return PolicyFileError(message, source=place(self._source, mark), hint=hint)

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        tag = event.tag or self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if event.tag is not None or tag not in _PLAIN_TAGS:
            what = "merge keys are" if tag == "tag:yaml.org,2002:merge" else f"the YAML type `{tag}` is"
            raise self._error(f"{what} not read here", mark, "write a plain text, number or boolean; quote a text that looks like a date")
        try:
            return Scalar(self._loader.construct_object(yaml.ScalarNode(tag, event.value)), mark)
        except ValueError as problem:
            raise self._error(
                f"`{event.value[:40]}` is no number that can be read", mark, "quote a text that looks like a number"
            ) from problem

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._error(f"more than {MAX_ALIASES} aliases", mark, "write the values out")
        if event.anchor not in self._anchors:
            raise self._error(f"the alias `*{event.anchor}` names no finished value", mark, "define it before it is used")
        node, weight = self._anchors[event.anchor]
        # A node stands for all the values below it: nested aliases multiply, and the cap counts what they stand for.
        self._count(weight - 1, mark)
        self._put(node, None, mark)

    def _start(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, mark: Mark) -> None:
        if event.tag is not None:
            raise self._error(f"the YAML tag `{event.tag}` is not read here", mark, "remove the tag")
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", mark)
        top = self._open[-1] if self._open else None
        if top is not None and top.table and top.key is None:
            raise self._error("a key is a text", mark, "quote the key")
        self._open.append(_Open(table=isinstance(event, yaml.MappingStartEvent), mark=mark, anchor=event.anchor))

    def _end(self) -> None:
        top = self._open.pop()
        if top.table:
            node: Node = Table(dict(zip(top.keys, top.nodes, strict=True)), top.keys, top.mark)
        else:
            node = Items(tuple(top.nodes), top.mark)
        self._put(node, top.anchor, top.mark)

    def _count(self, values: int, mark: Mark) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._error(f"more than {MAX_VALUES:,} values", mark)

    def _put(self, node: Node, anchor: str | None, mark: Mark) -> None:
        self._count(1, mark)
        if anchor is not None:
            self._anchors[anchor] = (node, _weight(node))
        if not self._open:
            self._done = node
            return
        top = self._open[-1]
        if not top.table:
            top.nodes.append(node)
        elif top.key is not None:
            top.nodes.append(node)
            top.key = None
        elif not isinstance(node, Scalar) or not isinstance(node.value, str):
            raise self._error("a key is a text", mark, "quote the key")
        elif node.value in top.keys:
            first = top.keys[node.value]
            raise self._error(f"the key `{node.value}` is given twice, first in line {first.line}", mark, "keep one of them")
        else:
            top.keys[node.value] = mark
            top.key = node.value


def _weight(node: Node) -> int:
    """How many values a node stands for, itself included. INVARIANT: the caller caps anchors by the values counted."""
    match node:
        case Scalar():
            return 1
        case Items():
            return 1 + sum(_weight(one) for one in node.nodes)
        case Table():
            return 1 + sum(_weight(one) for one in node.nodes.values())
        case _:
            assert_never(node)


def _syntax_error(problem: yaml.YAMLError, source: str) -> PolicyFileError:
    if isinstance(problem, yaml.MarkedYAMLError) and problem.problem_mark is not None:
        source = f"{source}:{problem.problem_mark.line + 1}:{problem.problem_mark.column + 1}"
        text = problem.problem or "not YAML"
    else:
        text = str(problem).splitlines()[0]
    return PolicyFileError(f"not readable as YAML: {text}", source=source, hint="check indentation, colons and quotes")
