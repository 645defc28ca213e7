"""How a run looks: text for people (the model's words on standard output, all else on standard error), or JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TextIO

from ..events import (
    CallDecided,
    CallFinished,
    CallRequested,
    Event,
    Notice,
    RunFinished,
    RunStarted,
    TextDelta,
    TurnFinished,
    TurnInterrupted,
    TurnStarted,
    to_json,
)
from ..visible import shorten, visible, visible_json

View = Callable[[Event], None]
_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 500


def json_view(out: TextIO) -> View:
    """Every event as one JSON line."""

    def show(event: Event) -> None:
        out.write(visible_json(json.dumps(to_json(event), ensure_ascii=False)) + "\n")
        out.flush()

    return show


class TextView:
    """Shows a run to a person; colours only where standard error is a terminal that wants them."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        from .console import console_for

        self._out = out
        self._err = console_for(err)
        self._open_line = False

    def __call__(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case TextDelta():
                # a terminal must not be steered by what a model says; a file gets the text as it is
                self._out.write(visible(event.text) if self._out.isatty() else event.text)
                self._out.flush()
                self._open_line = not event.text.endswith("\n")
            case TurnFinished() | TurnInterrupted() | RunFinished():
                self._end_line()
                if isinstance(event, TurnInterrupted):
                    self._say(f"the answer broke off ({event.reason}); asking again", "yellow")
                if isinstance(event, RunFinished):
                    self._finished(event)
            case CallRequested():
                self._end_line()
                self._say(f"● {event.tool} {shorten(' '.join(visible(event.arguments, keep_newlines=False).split()), 300)}", "bold")
            case CallDecided():
                if str(event.verdict) != "allow":
                    self._say(f"  {event.verdict}: {', '.join(event.rules)}", "red" if str(event.verdict) == "deny" else "yellow")
            case CallFinished():
                self._answered(event)
            case Notice():
                self._end_line()
                self._say(f"bylaw: {event.text}" + (f"\n  next: {event.hint}" if event.hint else ""), "yellow")
            case RunStarted():
                self._say(f"{event.provider} {event.model} works in {event.workspace} under {event.preset}; record {event.session}", "dim")
            case TurnStarted():
                pass

    def _answered(self, event: CallFinished) -> None:
        lines = visible(event.text).splitlines() or [""]
        style = "red" if event.is_error else "dim"
        for line in lines[:_SHOWN_LINES]:
            self._say(f"  │ {shorten(line, _SHOWN_CHARACTERS)}", style)
        if len(lines) > _SHOWN_LINES:
            self._say(f"  │ ... {len(lines) - _SHOWN_LINES} lines more", "dim")
        for note in event.notes:
            self._say(f"  note: {note}", "yellow")

    def _finished(self, event: RunFinished) -> None:
        tokens = [f"{count} {name}" for count, name in ((event.usage.input, "in"), (event.usage.output, "out")) if count]
        denied = f", {event.denied} denied" if event.denied else ""
        turns = f"{event.turns} turn{'' if event.turns == 1 else 's'}"
        self._say(f"{event.status} after {turns}{denied}{', tokens ' + ', '.join(tokens) if tokens else ''}", "dim")

    def _end_line(self) -> None:
        if self._open_line:
            self._out.write("\n")
            self._out.flush()
            self._open_line = False

    def _say(self, text: str, style: str) -> None:
        from rich.text import Text

        self._err.print(Text(visible(text), style=style))


def view_for(form: str) -> View:
    """The view that `--format` asks for."""
    return json_view(sys.stdout) if form == "json" else TextView(sys.stdout, sys.stderr)
