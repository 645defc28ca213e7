"""The helper process that holds bashlex; started as `python -I -S bashlex_helper.py DIRECTORY`, bashlex being below it.

JSON lines: `{"text": ...}` is answered with `{"commands": [...], "substitutions": n, "writes": [...]}` or with
`{"silent": why}`. bashlex is slow to import, can hang and is quadratic: hence a process of its own, with limits.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import Protocol, cast

_MEMORY = 512 << 20
_CPU_SECONDS = 3
_WRITING = (">", ">>", ">|", "&>", "&>>", "<>", ">&")


class _Node(Protocol):
    kind: str
    pos: tuple[int, int]


class _Parser(Protocol):
    def parse(self, text: str, /) -> list[_Node]: ...


def main(directory: str) -> None:
    """Answers lines until standard input ends."""
    sys.path.append(directory)
    parser = cast("_Parser", importlib.import_module("bashlex"))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, _MEMORY)
    _say({"ready": True})
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        # A spent limit of processor time kills; the limit moves on with each text, so that a long session does not end in one.
        soft = int(used.ru_utime + used.ru_stime) + _CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        _say(_answer(parser, str(json.loads(line)["text"])))


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (most, most))


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _answer(parser: _Parser, text: str) -> dict[str, object]:
    try:
        return _heard(parser.parse(text), text)
    except MemoryError:
        os._exit(1)
    except Exception as problem:  # noqa: BLE001 - bashlex fails with errors of any kind; each of them is "no opinion"
        return {"silent": f"{type(problem).__name__}: {problem}"[:300]}


def _heard(trees: list[_Node], text: str) -> dict[str, object]:
    commands: set[str] = set()
    writes: set[str] = set()
    substitutions = 0
    for node in _nodes(trees):
        if node.kind == "command":
            commands |= _name(node, text)
        elif node.kind in ("commandsubstitution", "processsubstitution"):
            substitutions += 1
        elif node.kind == "redirect":
            kind, output = str(getattr(node, "type", "")), getattr(node, "output", None)
            if kind.startswith("<<") and kind != "<<<":
                return {"silent": "a here-document, which bashlex does not read rightly"}
            if kind in _WRITING and isinstance(getattr(output, "word", None), str):
                writes.add(_spelled(cast("_Node", output), text))
    return {"commands": sorted(commands), "substitutions": substitutions, "writes": sorted(writes)}


def _name(command: _Node, text: str) -> set[str]:
    parts = cast("list[_Node]", getattr(command, "parts", []))
    return {_spelled(part, text) for part in [one for one in parts if one.kind == "word"][:1]}


def _spelled(node: _Node, text: str) -> str:
    start, end = node.pos
    return text[start:end]


def _nodes(trees: list[_Node]) -> Iterator[_Node]:
    """Every node, without recursion: depth is the text's to choose."""
    waiting = list(trees)
    while waiting:
        node = waiting.pop()
        yield node
        for value in vars(node).values():
            if hasattr(value, "kind"):
                waiting.append(cast("_Node", value))
            elif isinstance(value, list):
                waiting += [cast("_Node", one) for one in cast("list[object]", value) if hasattr(one, "kind")]


if __name__ == "__main__":
    main(sys.argv[1])
