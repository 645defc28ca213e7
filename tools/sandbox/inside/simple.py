"""A simple command that needs more than starting a program: a builtin, or words that only the run knows."""

from __future__ import annotations

from .state import State, decoded, encoded
from .steps import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .shapes import Call
    from .steps import Runner

_VECTOR_BYTES = 1 << 20


def run_simple(runner: Runner, call: Call, table: Table, owned: list[int]) -> None:
    """Words, then redirections, then assignments, then the command, as bash; `owned` descriptors are closed by the caller."""
    state, table = runner.state, dict(table)
    state.captured = None
    argv = _argv(runner, call, table)
    if not runner.redirect(call["redirections"], table, owned):
        state.status, state.signal = 1, 0
        return
    name = call["builtin"]
    if name == "assign":
        _assignments(runner, call, table, keep=True)
        state.status = state.captured or 0
        return
    environment = dict(_assignments(runner, call, table, keep=False))
    if call["late"] and runner.channel is not None:
        runner.channel.vector([encoded(word) for word in argv])
    if name is None:
        pid, state.status = runner.spawn(call["program"], [encoded(word) for word in argv], environment, table)
        if pid is not None:
            state.status, state.signal = wait(pid)
    elif name == "true":
        state.status = 0
    else:
        from .builtins import run_builtin

        before = _overlaid(state, environment)
        try:
            state.status = run_builtin(runner, name, argv, table)
        finally:
            _restored(state, before)


def _argv(runner: Runner, call: Call, table: Table) -> list[str]:
    words = [decoded(word) for word in call["argv"]]
    if not call["late"]:
        return words
    from .words import Budget, fields

    late = dict(call["late"])
    found: list[str] = []
    budget = Budget(_VECTOR_BYTES)
    for index, word in enumerate(words):
        if index not in late:
            one = [word]
        else:
            one = fields(runner, late[index], table)
        budget.take(one)
        found += one
    return found


def _assignments(runner: Runner, call: Call, table: Table, *, keep: bool) -> list[tuple[str, str]]:
    """The values of what is written before a command; with `keep` each is set at once, and the next one sees it."""
    found: list[tuple[str, str]] = []
    for name, word in call["environment"]:
        if isinstance(word, str):
            text = word
        else:
            from .words import value

            text = value(runner, word, table)
        found.append((name, text))
        if keep:
            runner.state.variables[name] = text
    return found


def _overlaid(state: State, environment: dict[str, str]) -> dict[str, str | None]:
    before = {name: state.variables.get(name) for name in environment}
    state.variables.update(environment)
    return before


def _restored(state: State, before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            state.variables.pop(name, None)
        else:
            state.variables[name] = value
