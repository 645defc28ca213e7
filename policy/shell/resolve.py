"""Resolves a script in a scope: what each command gets, where it runs, what it opens, and which constructs it uses.

What depends on the run stands in the plan as a late word; what cannot be told at all is refused.
"""

from __future__ import annotations

from ..effects import SetEnvironment, Unknown, UseConstruct
from ..plan import Plan
from ..records import Record
from ..scope import Scope
from ..spans import Span
from .caps import DEFAULT, Caps
from .flow import Flow
from .globs import Glob
from .refusals import refusal
from .state import State, Unsettled
from .tree import Script
from .variables import SWITCHES

ResolvedEffect = UseConstruct | SetEnvironment | Unknown


class Resolved(Record):
    """A plan, and every construct and environment assignment that it uses, in the order of the text.

    `by_bash` says why a real shell would have to run the script, and is empty where the plan says it all. `exported` are
    the names of the variables that the script gives to programs from some point on. `code` is what a shell would read again,
    `globs` where it would look for names.
    """

    plan: Plan
    effects: tuple[ResolvedEffect, ...]
    by_bash: str = ""
    exported: frozenset[str] = frozenset()
    code: tuple[Unknown, ...] = ()
    globs: tuple[tuple[Glob, str, Span], ...] = ()


def resolve(script: Script, scope: Scope, caps: Caps = DEFAULT, *, start: State | None = None) -> Resolved:
    """The plan of a script, in the directory and with the environment of the scope; no program is looked up. `start` is what
    is known before its first command.

    Raises ShellSyntaxError for what cannot be known before it runs, and nothing else.
    """
    whole = Span(0, len(script.text))
    try:
        return _resolved(Flow(script, scope, caps), whole, start or State((scope.cwd,)))
    except Unsettled as problem:
        raise refusal(problem.construct, whole) from problem
    except (OSError, ValueError, RecursionError) as problem:
        raise refusal("unresolvable", whole, type(problem).__name__) from problem


def _resolved(flow: Flow, whole: Span, start: State) -> Resolved:
    for name in sorted(SWITCHES & flow.scope.environment.keys()):
        raise refusal("special_variable", whole, name)
    steps, _ = flow.steps(flow.script.body, start)
    for trivia in flow.script.trivia:
        if trivia.kind == "comment":
            flow.expander.note("comment", "", trivia.span)
    effects: dict[ResolvedEffect, None] = dict.fromkeys([*flow.expander.effects, *flow.effects])
    return Resolved(
        plan=Plan(steps=steps, captures=tuple(flow.captures)),
        effects=tuple(sorted(effects, key=_place)),
        by_bash="; ".join(flow.expander.shell),
        exported=frozenset(flow.exported),
        code=tuple(flow.expander.code),
        globs=tuple((glob, directory, span) for (glob, directory), span in flow.expander.globs.items()),
    )


def _place(effect: ResolvedEffect) -> tuple[int, int]:
    return (effect.span.start, effect.span.end) if effect.span else (0, 0)
