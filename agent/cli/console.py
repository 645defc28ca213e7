"""Where styled text goes: no escape sequence where NO_COLOR is set, and a reader that went away is met like any other."""

from __future__ import annotations

import errno
import os
from typing import Literal, TextIO

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError again, where rich would end the process with a code of its own."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def console_for(file: TextIO, *, wrap: bool = False, width: int | None = None) -> Console:
    """A console on the stream; lines are cut at its width only with `wrap`. NO_COLOR turns bold and dim off with the colours."""
    colors: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return _Console(file=file, color_system=colors, highlight=False, soft_wrap=not wrap, width=width)
