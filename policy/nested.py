"""Text that a program gives to a shell: read, resolved and judged as if it stood alone.

Only effects are added. The one who calls has said already that text is run, whatever stands in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .effects import Effect
from .errors import ShellSyntaxError
from .planned import PlanJudge
from .records import replace
from .shell import parse, resolve
from .shell.state import State

if TYPE_CHECKING:
    from .profiles.interpreter import Analyst, Call

_MAX_TEXTS: Final = 100
"""Texts of one command that are read; each costs as much as a command."""

_MAX_CHARACTERS: Final = 100_000
"""Their characters: some programs make many texts of one."""


def judge_text(analyst: Analyst, text: str, call: Call, positional: tuple[str, ...]) -> None:
    """Writes down what the text would do in the directory of the call. Never raises."""
    ledger = analyst.ledger
    key = (text, call, positional)
    if key in analyst.texts:
        return
    analyst.texts.add(key)
    if len(analyst.texts) > _MAX_TEXTS or sum(len(one) for one, _, _ in analyst.texts) > _MAX_CHARACTERS:
        ledger.unknown("too many texts that a shell would read", text[:200], call.span)
        return
    whole, missing = ledger.effects, dict(ledger.not_installed)
    ledger.effects = {}
    why = ""
    try:
        _judge(analyst, text, call, positional)
    except ShellSyntaxError as problem:
        why = problem.message
    except Exception as problem:  # noqa: BLE001  # INVARIANT: an error here takes away nothing that was found before it
        why = type(problem).__name__
    finally:
        # carets point into the text of the whole command, so what is inside has the place of what runs it
        own: dict[Effect, None] = {replace(one, span=call.span): None for one in ledger.effects}
        ledger.effects, ledger.not_installed = {**whole, **own}, missing
    if why:
        ledger.unknown(f"this text, which a shell would run, cannot be read: {why}", text[:200], call.span)


def _judge(analyst: Analyst, text: str, call: Call, positional: tuple[str, ...]) -> None:
    start = State((call.directory,))
    start.variables = dict.fromkeys(call.assigned)
    start.positional = positional
    resolved = resolve(parse(text), replace(analyst.scope, cwd=call.directory), start=start)
    for effect in (*resolved.effects, *(resolved.code if resolved.by_bash else ())):
        analyst.ledger.add(effect)
    judge = PlanJudge(analyst, call.assigned | resolved.exported, call.depth)
    judge.plan(resolved.plan)
    for capture in resolved.plan.captures:
        judge.capture(capture)
