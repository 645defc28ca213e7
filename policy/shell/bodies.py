"""Compound commands: every branch, arm and body is resolved, in the states in which a run may come to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, assert_never

from .. import plan
from ..plan import LateWord
from ..spans import Span
from .late import is_integer
from .opened import redirections
from .refusals import refusal
from .state import Frame, State, Ways
from .tree import (
    Both,
    Bracketed,
    Calculate,
    Case,
    Check,
    Condition,
    Conditional,
    Either,
    For,
    Group,
    If,
    Loop,
    Not,
)

if TYPE_CHECKING:
    from .flow import Flow

_ROUNDS: Final = 12
"""Rounds after which what a loop knows has settled: a value becomes unknown once, a directory is added."""

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMERIC: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_PATTERNS: Final = frozenset({"=", "==", "!="})


def group(flow: Flow, node: Group, state: State) -> tuple[plan.Group, Ways]:
    """`{ ...; }`, and `( ... )`, whose changes are lost."""
    flow.expander.note("subshell" if node.subshell else "group", "", node.marks[0])
    opened = redirections(flow, node.redirections, state)
    if node.subshell:
        steps = flow.apart(state, lambda inner: flow.steps(node.body, inner))
        ways = Ways(state)
    else:
        steps, ways = flow.steps(node.body, state)
    return plan.Group(steps=steps, subshell=node.subshell, redirections=opened), ways


def branches(flow: Flow, node: If, state: State) -> tuple[plan.If, Ways]:
    """`if`: each condition starts where the one before it failed."""
    flow.expander.note("if", "", node.marks[0])
    opened = redirections(flow, node.redirections, state)
    found: list[plan.Branch] = []
    ends: list[Ways] = []
    for branch in node.branches:
        condition, ways = flow.steps(branch.condition, state)
        success, state = ways.parted()
        body, after = flow.steps(branch.body, success)
        found.append(plan.Branch(condition=condition, body=body))
        ends.append(after)
    otherwise, end = flow.steps(node.otherwise, state) if node.otherwise is not None else ((), Ways(state))
    first, *others = (*ends, end)
    for one in others:
        first = first.join(one)
    return plan.If(branches=tuple(found), otherwise=otherwise, redirections=opened), first


def loop(flow: Flow, node: Loop, state: State) -> tuple[plan.Loop, Ways]:
    """`while` and `until`: gone through until a further round would teach nothing."""
    opened = redirections(flow, node.redirections, state)
    for _ in range(_ROUNDS):
        mark = flow.mark()
        flow.expander.note("until" if node.until else "while", "", node.marks[0])
        frame = Frame()
        flow.loops.append(frame)
        frame.in_condition = True
        condition, ways = flow.steps(node.condition, state.copy())
        frame.in_condition = False
        success, failure = ways.parted()
        body, after = flow.steps(node.body, failure if node.until else success)
        flow.loops.pop()
        again = state.join(frame.joined(after.joined(), frame.continues))
        if again.same(state):
            end = frame.joined(success if node.until else failure, frame.breaks)
            return plan.Loop(condition=condition, body=body, until=node.until, redirections=opened), Ways(end)
        flow.reset(mark)
        state = again
    raise refusal("loop_unsettled", node.marks[0])


def repeated(flow: Flow, node: For, state: State) -> tuple[plan.Each | plan.For, Ways]:
    """`for`: round by round where every word is known, else with a value that only the run knows."""
    flow.expander.note("for", node.name, node.marks[0])
    opened = redirections(flow, node.redirections, state)
    words = list(state.positional) if node.words is None else flow.expander.words(node.words, state)
    values = [word for word in words if isinstance(word, str)]
    # Without a word the body never runs; it is judged all the same.
    if words and len(values) == len(words):
        return _each(flow, node, state, tuple(values), opened)
    for _ in range(_ROUNDS):
        mark = flow.mark()
        frame = Frame()
        flow.loops.append(frame)
        inner = state.copy()
        flow.assign(inner, node.name, None, "…", node.marks[0])
        body, after = flow.steps(node.body, inner)
        flow.loops.pop()
        again = state.join(frame.joined(after.joined(), frame.continues))
        if again.same(state):
            end = frame.joined(again, frame.breaks)
            return plan.For(name=node.name, words=tuple(words), body=body, redirections=opened), Ways(end)
        flow.reset(mark)
        state = again
    raise refusal("loop_unsettled", node.marks[0])


def _each(flow: Flow, node: For, state: State, values: tuple[str, ...], opened: tuple[plan.Redirection, ...]) -> tuple[plan.Each, Ways]:
    frame = Frame()
    bodies: list[tuple[plan.Step, ...]] = []
    for value in values:
        flow.spend_round(node.marks[0])
        flow.assign(state, node.name, value, value, node.marks[0])
        flow.loops.append(frame)
        body, ways = flow.steps(node.body, state)
        flow.loops.pop()
        bodies.append(body)
        state = frame.joined(ways.joined(), frame.continues)
        frame.continues.clear()
    state = frame.joined(state, frame.breaks)
    return plan.Each(name=node.name, values=values, bodies=tuple(bodies), redirections=opened), Ways(state)


def case(flow: Flow, node: Case, state: State) -> tuple[plan.Case, Ways]:
    """`case`: every arm, also one that the one before it falls into."""
    flow.expander.note("case", "", node.marks[0])
    opened = redirections(flow, node.redirections, state)
    word = flow.expander.value(node.word, state)
    arms: list[plan.Arm] = []
    end = Ways(state.copy())
    fallen: State | None = None
    for arm in node.arms:
        patterns = [flow.expander.pattern(pattern, state) for pattern in arm.patterns]
        if None in patterns:
            flow.expander.needs_shell("a pattern that only the run knows")
        entry = state.copy() if fallen is None else state.join(fallen).copy()
        body, ways = flow.steps(arm.body, entry)
        arms.append(plan.Arm(patterns=tuple(one for one in patterns if one is not None), body=body, end=arm.end))
        end = end.join(ways)
        fallen = None if arm.end == "stop" else ways.joined().copy()
    return plan.Case(word=word, arms=tuple(arms), redirections=opened), end


def conditional(flow: Flow, node: Conditional, state: State) -> tuple[plan.Conditional, Ways]:
    """`[[ ... ]]`."""
    flow.expander.note("conditional_expression", "", node.marks[0])
    opened = redirections(flow, node.redirections, state)
    condition = _condition(flow, node.condition, state)
    made = plan.Conditional(condition=condition, redirections=opened, directory=state.directories[0], elsewhere=state.directories[1:])
    return made, Ways(state)


def _condition(flow: Flow, condition: Condition, state: State) -> plan.Condition:
    match condition:
        case Check():
            return _check(flow, condition, state)
        case Bracketed():
            return _condition(flow, condition.condition, state)
        case Not():
            return plan.Not(condition=_condition(flow, condition.condition, state))
        case Both():
            return plan.Both(left=_condition(flow, condition.left, state), right=_condition(flow, condition.right, state))
        case Either():
            return plan.Either(left=_condition(flow, condition.left, state), right=_condition(flow, condition.right, state))
        case _:
            assert_never(condition)


def _check(flow: Flow, check: Check, state: State) -> plan.Check:
    """INVARIANT: no operand is read as arithmetic or as a subscript: a number is plain, or the runner looks."""
    operator, place = check.operator, Span(check.left.span.start, (check.right or check.left).span.end)
    left = flow.expander.value(check.left, state)
    right: str | LateWord | None = None
    if operator in _PATTERNS and check.right is not None:
        right = flow.expander.pattern(check.right, state)
        if right is None:
            flow.expander.needs_shell("a pattern that only the run knows")
            right = ""
        return plan.Check(operator="!=" if operator == "!=" else "=", left=left, right=right)
    if operator == "=~" and check.right is not None:
        flow.expander.needs_shell("a match with `=~`")
        return plan.Check(operator=operator, left=left, right=flow.expander.value(check.right, state))
    if check.right is not None:
        right = flow.expander.value(check.right, state)
    if operator in _NUMERIC and any(isinstance(one, str) and not _INTEGER.fullmatch(one) for one in (left, right)):
        raise refusal("conditional_number", place, operator)
    if operator in _NUMERIC:
        for one in (left, right):
            if isinstance(one, LateWord) and not is_integer(one, state):
                flow.expander.read_again(one.written, place)
    return plan.Check(operator=operator, left=left, right=right)


def calculate(flow: Flow, node: Calculate, state: State) -> tuple[plan.Calculate, Ways]:
    """`(( ... ))`: known names are written out, and its assignments are done."""
    flow.expander.note("arithmetic_command", "", node.leaf)
    opened = redirections(flow, node.redirections, state)
    value = flow.expander.late_sum(node.value, state, node.leaf)
    flow.expander.calculate(node.value, state, node.leaf)
    return plan.Calculate(value=value, redirections=opened), Ways(state)
