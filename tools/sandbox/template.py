"""A launcher of somebody else's around ours: a template of words, `{shell}`, `{command}` and `{cwd}` filled in.

`{shell}` is the interpreter that carries out plans, `{command}` the words that it is started with; where one is missing it is
put at the end. `{cwd}` is the directory that the command starts in. The template must hand on the one open descriptor that it
inherits: whether it does is proven by starting a launcher in it. After rust-pi's `--os-sandbox-command`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from ..errors import SandboxError
from .inside.shapes import Caps, Shape
from .interface import LayerName, LayerState, Part, Setting
from .launchers import COMMAND, LAUNCHERS, SHELL, key_of

_CWD: Final = "{cwd}"
_PROBED: Final = Caps(file_bytes=1 << 20, files=1024, processes=256, memory_bytes=1 << 30, cpu_seconds=60)


class Template:
    """The layer that stands in the place of bubblewrap where the policy names a launcher."""

    name: LayerName = "launcher"

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)

    def probe(self) -> LayerState:
        """Starts a launcher in the template. What it holds besides is known to whoever wrote it."""
        shape = Shape(jail=None, group=None, caps=_PROBED, confined=True, filter=b"", notify=False)
        words = filled(self._words, "/")
        try:
            LAUNCHERS.take(shape, key_of(shape, list(words)), template=words).close()
        except (SandboxError, OSError) as problem:
            return LayerState(name=self.name, available=False, why=f"`{os.path.basename(self._words[0])}` starts no launcher: {problem}")
        return LayerState(name=self.name, available=True, why="a launcher was started in it", gaps=("what it holds is not known to bylaw",))

    def part(self, setting: Setting) -> Part:
        """The words around the launcher of a call."""
        start = next(iter(setting.directories), "/")
        return Part(template=filled(self._words, start), notes=("the sandbox is the one that the policy names as launcher",))


def filled(words: Sequence[str], directory: str) -> tuple[str, ...]:
    """The template with its directory, and with a place for the interpreter and for its words."""
    found = [word.replace(_CWD, directory) if word not in (SHELL, COMMAND) else word for word in words]
    return (*found, *(one for one in (SHELL, COMMAND) if one not in found))
