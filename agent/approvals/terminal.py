"""Asks on the terminal: shows what would happen, drops what was typed ahead, reads one answer.

The default is no, the end of input is no, and everything shown was made visible before it came here.
"""

from __future__ import annotations

import json
import os
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from ...policy.actions import RunCommand
from ..visible import visible
from .interface import Approval, Approved, Denied, Edited, Question

_HELP = """  y  yes, this once
  s  yes, and also for the rest of this session:
       {grant}
  n  no (Enter means no)
  m  no, and tell the model why
  e  edit the call; it is judged again from the start"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Asks through the terminal `tty`, which is open for reading and writing; colours where `color` says so."""

    tty_in: TextIO
    tty_out: TextIO
    color: bool
    how: str = "terminal"

    def ask(self, question: Question) -> Approval:
        """The answer typed by the person; KeyboardInterrupt passes through."""
        self._show(question.text)
        while True:
            match self._answer("allow this? [y/s/n/m/e/?] " if question.grant else "allow this? [y/n/m/e/?] "):
                case "y" | "yes":
                    return Approved()
                case "s" if question.grant:
                    return Approved(session=True)
                case "" | "n" | "no" | None:
                    return Denied()
                case "m":
                    return Denied(message=self._line("tell the model: ") or None)
                case "e":
                    edited = self._edit(question)
                    if edited is not None:
                        return Edited(arguments=edited)
                case _:
                    print(_HELP.format(grant=question.grant or "(this policy keeps no grants)"), file=self.tty_out, flush=True)

    def _show(self, text: str) -> None:
        from rich.console import Console
        from rich.text import Text

        console = Console(
            file=self.tty_out,
            color_system="auto" if self.color else None,
            force_terminal=self.color or None,
            highlight=False,
            soft_wrap=True,
        )
        console.print()
        for line in text.splitlines():
            style = {"+": "green", "-": "red", "@": "cyan", "!": "bold yellow"}.get(line[:1], "")
            # Text, never markup: what the model wrote is not interpreted
            console.print(Text(line, style=style))

    def _answer(self, prompt: str) -> str | None:
        # typed-ahead input was typed before the question was seen: it answers nothing
        if self.tty_in.isatty():
            termios.tcflush(self.tty_in.fileno(), termios.TCIFLUSH)
        answer = self._line(prompt)
        return None if answer is None else answer.strip().lower()

    def _line(self, prompt: str) -> str | None:
        self.tty_out.write(prompt)
        self.tty_out.flush()
        line = self.tty_in.readline()
        return line.rstrip("\n") if line else None

    def _edit(self, question: Question) -> str | None:
        """The edited call as JSON arguments; None when the person gave up."""
        from prompt_toolkit import PromptSession
        from prompt_toolkit.input import create_input
        from prompt_toolkit.output import create_output

        command = isinstance(question.action, RunCommand)
        fields = question.action.model_dump(mode="json", exclude_defaults=True)
        before = str(fields["command"]) if command else json.dumps(fields, ensure_ascii=True, indent=1)
        if visible(before) != before:
            # an editor would show another text than it edits; in the JSON form such characters stand as escapes
            print(
                "this command holds characters that cannot be seen: it cannot be edited here; answer n or m", file=self.tty_out, flush=True
            )
            return None
        session: PromptSession[str] = PromptSession(input=create_input(stdin=self.tty_in), output=create_output(stdout=self.tty_out))
        print(
            "edit, then Esc Enter (Ctrl-C gives up):" if not command else "edit, then Enter (Ctrl-C gives up):",
            file=self.tty_out,
            flush=True,
        )
        try:
            after = session.prompt("> ", default=before, multiline=not command or "\n" in before)
        except (EOFError, KeyboardInterrupt):
            return None
        return json.dumps({**fields, "command": after}) if command else after


def open_terminal(*, environ: Mapping[str, str]) -> Terminal | None:
    """The controlling terminal, or None when there is none to ask on."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    color = not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"
    return Terminal(
        tty_in=os.fdopen(descriptor, "r", encoding="utf-8", errors="replace"),
        tty_out=os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="replace"),
        color=color,
    )
