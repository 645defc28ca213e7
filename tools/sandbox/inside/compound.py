"""Compound commands: groups, subshells, functions, `if`, loops, `case`, `[[ ]]`, `(( ))`."""

from __future__ import annotations

from .state import Failed, Leave, sure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .files import Table
    from .shapes import Case, Compound, Conditional, Each, For, Function, If, Loop, Step
    from .steps import Runner


def run_compound(runner: Runner, node: Compound, table: Table) -> None:
    """Opens its redirections, runs it, and closes them."""
    table, owned = dict(table), list[int]()
    runner.state.signal = 0
    try:
        if runner.redirect(node["redirections"], table, owned):
            _run(runner, node, table)
        else:
            runner.state.status = 1
    finally:
        import os

        for descriptor in owned:
            os.close(descriptor)


def _run(runner: Runner, node: Compound, table: Table) -> None:
    match node["kind"]:
        case "group":
            _group(runner, node["steps"], table, subshell=node["subshell"])
        case "function":
            _function(runner, node, table)
        case "if":
            _if(runner, node, table)
        case "loop":
            _loop(runner, node, table)
        case "each":
            _each(runner, node, table)
        case "for":
            _for(runner, node, table)
        case "case":
            _case(runner, node, table)
        case "conditional":
            _conditional(runner, node, table)
        case "calculate":
            from .sums import calculate

            runner.state.status = _or_failed(runner, table, lambda: int(calculate(runner.state, node["value"]) == 0))


def _or_failed(runner: Runner, table: Table, body: Callable[[], int]) -> int:
    """`(( ))` and `[[ ]]` that cannot be calculated fail with 1, and the plan goes on; but not where a name is unset."""
    try:
        return body()
    except Failed as problem:
        if problem.status != 1:
            raise
        runner.complain(table, str(problem))
        return 1


def _group(runner: Runner, steps: list[Step], table: Table, *, subshell: bool) -> None:
    if not subshell:
        runner.run_steps(steps, table)
        return
    from .children import wait

    pid = runner.fork(lambda: runner.run_steps(steps, table), table)
    runner.state.status, runner.state.signal = wait(pid)


def _function(runner: Runner, node: Function, table: Table) -> None:
    from .words import fields

    state = runner.state
    arguments = [one for word in node["arguments"] for one in fields(runner, word, table)]
    before, loops = state.positional, state.loops
    state.positional, state.loops = arguments, 0
    state.functions += 1
    try:
        runner.run_steps(node["steps"], table)
    except Leave as end:
        if end.kind != "return":
            raise
        state.status = end.status
    finally:
        state.positional, state.loops = before, loops
        state.functions -= 1


def _if(runner: Runner, node: If, table: Table) -> None:
    for condition, body in node["branches"]:
        if _holds(runner, condition, table):
            _body(runner, body, table)
            return
    _body(runner, node["otherwise"], table)


def _holds(runner: Runner, condition: list[Step], table: Table) -> bool:
    state = runner.state
    state.ignoring += 1
    try:
        runner.run_steps(condition, table)
    finally:
        state.ignoring -= 1
    return state.status == 0


def _body(runner: Runner, steps: list[Step], table: Table) -> None:
    if steps:
        runner.run_steps(steps, table)
    else:
        runner.state.status = 0


class _Rounds:
    """Runs the bodies of a loop; says whether it goes on."""

    def __init__(self, runner: Runner, table: Table) -> None:
        self._runner = runner
        self._table = table
        self.status = 0

    def once(self, steps: list[Step], condition: list[Step] | None = None, *, until: bool = False) -> bool:
        state = self._runner.state
        state.loops += 1
        try:
            if condition is not None and _holds(self._runner, condition, self._table) == until:
                return False
            _body(self._runner, steps, self._table)
        except Leave as end:
            if end.kind == "return":
                raise
            self.status = state.status = end.status
            if end.levels > 1 and state.loops > 1:
                raise Leave(end.kind, end.levels - 1, end.status) from end
            return end.kind == "continue"
        finally:
            state.loops -= 1
        self.status = state.status
        return True


def _loop(runner: Runner, node: Loop, table: Table) -> None:
    rounds = _Rounds(runner, table)
    while rounds.once(node["body"], node["condition"], until=node["until"]):
        pass
    runner.state.status, runner.state.signal = rounds.status, 0


def _each(runner: Runner, node: Each, table: Table) -> None:
    rounds = _Rounds(runner, table)
    for value, body in zip(node["values"], node["bodies"], strict=True):
        runner.state.variables[node["name"]] = value
        if not rounds.once(body):
            break
    runner.state.status = rounds.status


def _for(runner: Runner, node: For, table: Table) -> None:
    from .words import fields

    rounds = _Rounds(runner, table)
    values = [one for word in node["words"] for one in fields(runner, word, table)]
    for value in values:
        runner.state.variables[node["name"]] = value
        if not rounds.once(node["body"]):
            break
    runner.state.status = rounds.status


def _case(runner: Runner, node: Case, table: Table) -> None:
    import re

    from .words import value

    text = sure(value(runner, node["word"], table))
    through = matched = False
    for arm in node["arms"]:
        if not through and not any(re.fullmatch(one, text, re.DOTALL) for one in arm["patterns"]):
            continue
        matched = True
        _body(runner, arm["body"], table)
        if arm["end"] == "stop":
            return
        through = arm["end"] == "next"
    if not matched:
        runner.state.status = 0


def _conditional(runner: Runner, node: Conditional, table: Table) -> None:
    from .conditions import holds

    if node["directory"]:
        runner.enter(node["directory"], node["elsewhere"])
    runner.state.status = _or_failed(runner, table, lambda: int(not holds(runner, node["condition"], table)))
