"""Functions: a call is the body, resolved in the state of the call, with the words of the call as `$1`, `$2`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import plan
from .late import is_one_word
from .opened import redirections
from .refusals import refusal
from .state import Frame, State, Ways

if TYPE_CHECKING:
    from .flow import Flow
    from .tree import Command


def call(flow: Flow, command: Command, name: str, state: State) -> tuple[plan.Call, Ways]:
    """INVARIANT: a function is judged once for each call, never once for all."""
    function = state.functions[name]
    if function is None:
        raise refusal("uncertain_function", command.words[0].span, name)
    if name in flow.calls:
        raise refusal("recursive_function", command.words[0].span, name)
    if command.assignments:
        raise refusal("assignment_before_builtin", command.span, name)
    arguments = tuple(flow.expander.words(command.words[1:], state))
    if not all(isinstance(one, str) or is_one_word(one) for one in arguments):
        raise refusal("late_parameters", command.span, name)
    opened = redirections(flow, command.redirections, state)
    outer, loops, returns = state.positional, flow.loops, flow.returns
    state.positional, flow.loops, flow.returns = arguments, [], []
    flow.calls.append(name)
    node, ways = flow.node(function.body, state)
    flow.calls.pop()
    success, failure = ways.parted()
    success, failure = Frame.joined(success, flow.returns).copy(), Frame.joined(failure, flow.returns).copy()
    success.positional = failure.positional = outer
    flow.loops, flow.returns = loops, returns
    step = plan.Step(connector="then", pipeline=plan.Pipeline(stages=(node,)))
    return plan.Call(name=name, arguments=arguments, steps=(step,), redirections=opened), Ways(success, failure)
