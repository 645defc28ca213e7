"""The deterministic model: `scripted:FILE` says what a YAML file tells it to say.

    - text: I will look around.
      calls:
        - name: bash
          arguments: {command: ls}
    - text: Done.

Each turn has `text`, `calls`, or both. `arguments` given as a text are passed on as they stand, so that a script can play a
model that writes nonsense. Every fault of the file is named with its line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, NoReturn

import yaml

from ...tools.result import JSON
from ..errors import ConfigurationError
from .interface import AssistantMessage, ModelRequest, TextDelta, ToolCall, TurnDone, TurnEvent, Usage

_FILE_BYTES: Final = 1024 * 1024
_DEEPEST: Final = 30
_PIECE: Final = 16
_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(f"{_TAG}{name}" for name in ("int", "float", "bool", "null"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedTurn:
    """One turn of a script."""

    text: str
    calls: tuple[ToolCall, ...]


class ScriptedProvider:
    """Plays a script. Whatever is said to it, it gives the next turn."""

    name = "scripted"
    host = ""

    def __init__(self, turns: tuple[ScriptedTurn, ...], *, label: str = "script") -> None:
        self._turns = turns
        self._label = label
        self._next = 0

    @classmethod
    def load(cls, path: str) -> ScriptedProvider:
        """Reads a script; ConfigurationError, with the line, when it does not have the form above."""
        return cls(read_script(path), label=path)

    def encode(self, request: ModelRequest) -> bytes:  # noqa: ARG002  # nothing leaves the process
        """Nothing: nothing is sent."""
        return b""

    def turn(self, body: bytes) -> Generator[TurnEvent, None, None]:  # noqa: ARG002  # nothing leaves the process
        """The next turn of the script, its text in pieces; behind the last, an empty one."""
        turn = self._turns[self._next] if self._next < len(self._turns) else ScriptedTurn(text="", calls=())
        self._next += 1
        for start in range(0, len(turn.text), _PIECE):
            yield TextDelta(text=turn.text[start : start + _PIECE])
        yield TurnDone(
            message=AssistantMessage(text=turn.text, calls=turn.calls),
            usage=Usage(),
            stop_reason="calls" if turn.calls else "end",
            raw_stop="calls" if turn.calls else "end",
            model=self._label,
            final=self._next >= len(self._turns),
        )


def read_script(path: str) -> tuple[ScriptedTurn, ...]:
    """The turns of a script file. Raises ConfigurationError."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_FILE_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as problem:
        raise ConfigurationError(
            f"the script `{path}` cannot be read: {problem.strerror}", hint="give the path of a YAML file"
        ) from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"the script `{path}` is not UTF-8", hint="save it as UTF-8") from problem
    if len(raw) > _FILE_BYTES:
        raise ConfigurationError(f"the script `{path}` is longer than {_FILE_BYTES} bytes", hint="split it")
    return _Script(path).turns(text)


class _Script:
    """Reads nodes rather than values: a node knows its line."""

    def __init__(self, path: str) -> None:
        self._path = path

    def turns(self, text: str) -> tuple[ScriptedTurn, ...]:
        root = self._compose(text)
        turns = self._items(root, "a script is a list of turns", "start each turn with `- text:` or `- calls:`")
        return tuple(self._turn(node, number) for number, node in enumerate(turns, start=1))

    def _items(self, node: yaml.Node | None, what: str, hint: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode) or node.tag != f"{_TAG}seq" or not node.value:
            self._fail(what, node, hint)
        return list(node.value)

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                if isinstance(event, yaml.AliasEvent):
                    self._fail("aliases are not read here", event, "write the value out")
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as problem:
            line = problem.problem_mark.line + 1 if problem.problem_mark else 1
            raise ConfigurationError(f"not YAML: {problem.problem}", source=f"{self._path}:{line}", hint="correct the script") from problem
        except (yaml.YAMLError, RecursionError) as problem:
            raise ConfigurationError("not YAML that can be read", source=self._path, hint="correct the script") from problem

    def _turn(self, node: yaml.Node, number: int) -> ScriptedTurn:
        fields = self._fields(node, {"text", "calls"}, "a turn")
        text, calls = fields.get("text"), fields.get("calls")
        if not fields:
            self._fail("a turn has `text`, `calls`, or both", node, "give one of the two")
        if calls is not None and (not isinstance(calls, yaml.SequenceNode) or not calls.value):
            self._fail("`calls` is a list of calls", calls, "write `calls: [{name: bash, arguments: {command: ls}}]`")
        return ScriptedTurn(
            text="" if text is None else self._text(text, "`text`"),
            calls=()
            if calls is None
            else tuple(self._call(one, f"call_{number}_{place}") for place, one in enumerate(calls.value, start=1)),
        )

    def _call(self, node: yaml.Node, call_id: str) -> ToolCall:
        fields = self._fields(node, {"name", "arguments"}, "a call")
        if "name" not in fields:
            self._fail("a call has a `name`", node, "name the tool")
        arguments = fields.get("arguments")
        if arguments is None:
            raw = "{}"
        elif isinstance(arguments, yaml.MappingNode):
            raw = json.dumps(self._value(arguments, _DEEPEST), ensure_ascii=False)
        else:
            raw = self._text(arguments, "`arguments`")
        return ToolCall(id=call_id, name=self._text(fields["name"], "`name`"), arguments=raw)

    def _fields(self, node: yaml.Node, known: set[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode) or node.tag != f"{_TAG}map":
            self._fail(f"{what} is a mapping", node, f"give {' and '.join(sorted(known))}")
        fields: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self._text(key_node, "a key")
            if key in fields:
                self._fail(f"`{key}` is given twice", key_node, "keep one")
            if known and key not in known:
                self._fail(f"{what} has no `{key}`", key_node, f"known here: {', '.join(sorted(known))}")
            fields[key] = value
        return fields

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}str":
            self._fail(f"{what} is a text", node, "put it in quotes")
        return str(node.value)

    def _value(self, node: yaml.Node, depth: int) -> JSON:
        if depth == 0:
            self._fail("the value is nested too deeply", node, "make it flatter")
        if isinstance(node, yaml.MappingNode):
            return {key: self._value(value, depth - 1) for key, value in self._fields(node, set(), "a value").items()}
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self._value(one, depth - 1) for one in node.value]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> JSON:
        value: object = node.value
        if node.tag in _PLAIN_TAGS:
            value = yaml.safe_load(node.value)
        elif node.tag != f"{_TAG}str":
            value = node
        if not (value is None or isinstance(value, str | int | float)) or (isinstance(value, float) and not math.isfinite(value)):
            self._fail(f"`{str(node.value)[:60]}` has no counterpart in JSON", node, "put it in quotes")
        return value

    def _fail(self, message: str, where: yaml.Node | yaml.Event | None, hint: str) -> NoReturn:
        mark = where.start_mark if where is not None else None
        raise ConfigurationError(message, source=f"{self._path}:{mark.line + 1 if mark else 1}", hint=hint)
