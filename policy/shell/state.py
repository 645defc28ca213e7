"""What is known at one point of a script: where it stands, and what its variables, parameters and functions are.

Where two ways meet, their states are joined: what differs is from then on known to the run only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from ..lazy import lazily
from ..plan import LateWord
from .refusals import Construct
from .tree import Function

MAX_DIRECTORIES: Final = 8
"""Directories that a command may stand in at most."""

_WHOLE: Final = lazily(r"-?(?:0|[1-9][0-9]{0,17})")
_Value = TypeVar("_Value")


class Unsettled(Exception):
    """Two states that cannot be joined; `construct` is the name of the refusal."""

    def __init__(self, construct: Construct) -> None:
        super().__init__(construct)
        self.construct: Construct = construct


class State:
    """A state of the shell; the one who holds it may change it.

    `directories`: absolute logical paths, at least one. `variables`: what the script has set, None where only the run
    knows the value (or whether there is one); `integers`: of these, the ones that are plain decimal numbers. `unset`:
    names without a value, whatever the environment holds. A name in neither is looked up in the environment of the scope.
    `positional`: `$1`, `$2`, ...; a late one is a single word. `exported`: names that later programs get from this
    script. `functions`: by name, None where only the run knows which one it is. `previous`: where `cd -` leads,
    `stack`: that of pushd; None where only the run knows it. `dead`: nothing comes here, for example behind `exit`;
    what stands here is judged all the same.
    """

    __slots__ = (
        "dead",
        "directories",
        "exported",
        "functions",
        "integers",
        "nounset",
        "positional",
        "previous",
        "stack",
        "tree_may_change",
        "unset",
        "variables",
    )

    def __init__(self, directories: Sequence[str]) -> None:
        self.directories: tuple[str, ...] = tuple(directories)
        self.variables: dict[str, str | None] = {}
        self.integers: set[str] = set()
        self.unset: set[str] = set()
        self.positional: tuple[str | LateWord, ...] = ()
        self.exported: set[str] = set()
        self.functions: dict[str, Function | None] = {}
        self.previous: str | None = None
        self.stack: tuple[str, ...] | None = ()
        self.nounset = False
        self.tree_may_change = False
        self.dead = False

    def copy(self) -> State:
        """A state of its own that is equal to this one."""
        made = State(self.directories)
        made.variables = self.variables.copy()
        made.integers = self.integers.copy()
        made.unset = self.unset.copy()
        made.positional = self.positional
        made.exported = self.exported.copy()
        made.functions = self.functions.copy()
        made.previous = self.previous
        made.stack = self.stack
        made.nounset = self.nounset
        made.tree_may_change = self.tree_may_change
        made.dead = self.dead
        return made

    def join(self, other: State) -> State:
        """What is known where a way from here and one from there meet; neither is changed, either may be the answer.

        Raises Unsettled where the two cannot be put together.
        """
        if self is other:
            return self
        if self.dead != other.dead:
            alive = other if self.dead else self
            if alive.tree_may_change:
                return alive
            alive = alive.copy()
            # A way that ended has run too: what it did to the tree is done.
            alive.tree_may_change = self.tree_may_change or other.tree_may_change
            return alive
        if self.positional != other.positional:
            raise Unsettled("conditional_parameters")
        made = State(tuple(dict.fromkeys((*self.directories, *other.directories))))
        if len(made.directories) > MAX_DIRECTORIES:
            raise Unsettled("too_many_directories")
        made.unset = self.unset & other.unset
        made.variables = _joined(self.variables, other.variables)
        made.variables.update(dict.fromkeys(self.unset ^ other.unset))
        made.integers = {name for name, value in made.variables.items() if value is None and self.is_whole(name) and other.is_whole(name)}
        made.positional = self.positional
        made.exported = self.exported | other.exported
        made.functions = _joined(self.functions, other.functions)
        made.previous = self.previous if self.previous == other.previous else None
        made.stack = self.stack if self.stack == other.stack else None
        made.nounset = self.nounset or other.nounset
        made.tree_may_change = self.tree_may_change or other.tree_may_change
        made.dead = self.dead
        return made

    def assign(self, name: str, value: str | None, *, integer: bool = False) -> None:
        """The variable has this value from here on; None: one that only the run knows, `integer` if it is a plain number."""
        self.variables[name] = value
        self.unset.discard(name)
        if integer:
            self.integers.add(name)
        else:
            self.integers.discard(name)

    def is_whole(self, name: str) -> bool:
        """Whether the variable is a plain decimal number for sure."""
        value = self.variables.get(name)
        return name in self.integers if value is None else _WHOLE.fullmatch(value) is not None

    def forget(self, name: str) -> None:
        """The variable is unset from here on."""
        self.variables.pop(name, None)
        self.integers.discard(name)
        self.unset.add(name)

    def same(self, other: State) -> bool:
        """Whether the two know the same."""
        return all(getattr(self, name) == getattr(other, name) for name in State.__slots__)


def _joined(left: Mapping[str, _Value | None], right: Mapping[str, _Value | None]) -> dict[str, _Value | None]:
    """What both sides agree on; a name that one side does not have is known to the run only."""
    return {name: left[name] if name in left and name in right and left[name] == right[name] else None for name in {**left, **right}}


class Ways:
    """What is known after success and after failure; both may be one object, which nobody changes then."""

    __slots__ = ("failure", "success")

    def __init__(self, success: State, failure: State | None = None) -> None:
        self.success = success
        self.failure = success if failure is None else failure

    def joined(self) -> State:
        """What is known when the outcome is not asked for; the caller may change it."""
        return self.success.join(self.failure)

    def parted(self) -> tuple[State, State]:
        """Both, each an object of its own."""
        return self.success, self.failure.copy() if self.failure is self.success else self.failure

    def join(self, other: Ways) -> Ways:
        """What is known where two ways meet, outcome by outcome."""
        if self.success is self.failure and other.success is other.failure:
            return Ways(self.success.join(other.success))
        return Ways(self.success.join(other.success), self.failure.join(other.failure))


class Frame:
    """A loop that is gone through: the states in which it is left (`break`), and in which its next round starts."""

    __slots__ = ("breaks", "continues", "in_condition")

    def __init__(self) -> None:
        self.in_condition = False
        self.breaks: list[State] = []
        self.continues: list[State] = []

    @staticmethod
    def joined(state: State, others: list[State]) -> State:
        """The state, joined with all of these."""
        for one in others:
            state = state.join(one)
        return state
