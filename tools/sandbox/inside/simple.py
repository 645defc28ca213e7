"""A simple command that needs more than starting a program: a builtin, or words that only the run knows."""

from __future__ import annotations

from .children import wait
from .state import decoded, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .files import Table
    from .shapes import Call
    from .state import State
    from .steps import Runner

_VECTOR_BYTES = 1 << 20


def run_simple(runner: Runner, call: Call, table: Table, owned: list[int]) -> None:
    """Words, then assignments, then redirections, then the command, as bash; `owned` descriptors are closed by the caller."""
    state, table = runner.state, dict(table)
    state.captured = None
    argv = _argv(runner, call, table)
    if call["builtin"] == "assign":
        # Assignments and redirections together are not in a plan.
        if not runner.redirect(call["redirections"], table, owned):
            state.status, state.signal = 1, 0
            return
        for _ in _assigned(runner, call, table):
            pass
        state.status = state.captured or 0
        return
    before = _Before(state)
    try:
        given: dict[str, str] = {}
        for name in _assigned(runner, call, table, before):
            state.exported.add(name)
            given[name] = state.variables[name]
        # What is run for a redirection does not see the assignments before the command.
        before.restore()
        if not runner.redirect(call["redirections"], table, owned):
            state.status, state.signal = 1, 0
            return
        state.variables.update(given)
        state.exported.update(given)
        _command(runner, call, argv, table)
    finally:
        before.restore()


def _command(runner: Runner, call: Call, argv: list[str], table: Table) -> None:
    """Runs the program or builtin; its assignments stand in the state."""
    state, name = runner.state, call["builtin"]
    if call["late"] and runner.channel is not None:
        runner.channel.vector([encoded(word) for word in argv])
    if name is None:
        pid, state.status = runner.spawn(call["program"], [encoded(word) for word in argv], {}, table)
        if pid is not None:
            state.status, state.signal = wait(pid)
    elif name == "true":
        state.status = 0
    else:
        from .builtins import run_builtin

        state.status = run_builtin(runner, name, argv, table)


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


def _assigned(runner: Runner, call: Call, table: Table, before: _Before | None = None) -> Iterator[str]:
    """Sets what is written before a command, one after the other: each substitution sees those on its left."""
    for name, word in call["environment"]:
        if isinstance(word, str):
            text = word
        else:
            from .words import value

            text = value(runner, word, table)
        if before is not None:
            before.remember(name)
        runner.state.variables[name] = text
        yield name


class _Before:
    """What the variables that are set for one command were before it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._values: dict[str, tuple[str | None, bool]] = {}

    def remember(self, name: str) -> None:
        """Keeps its value; what was kept first counts."""
        self._values.setdefault(name, (self._state.variables.get(name), name in self._state.exported))

    def restore(self) -> None:
        """Puts all that were kept back."""
        state = self._state
        for name, (value, exported) in self._values.items():
            if value is None:
                state.variables.pop(name, None)
            else:
                state.variables[name] = value
            (state.exported.add if exported else state.exported.discard)(name)
