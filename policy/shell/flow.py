"""Goes through a script as a run might: every way is taken, and where ways meet their states are joined.

A list of commands has two outcomes: what is known after success, and what is known after failure. INVARIANT: whatever
bash could run is resolved here in a state that allows for it; what is not sure makes a state know less, never more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, assert_never

from ..effects import SetEnvironment, Unknown
from ..plan import Capture, Invocation
from ..plan import Group as PlanGroup
from ..plan import Pipeline as PlanPipeline
from ..plan import Step as PlanStep
from . import bodies, commands
from .expand import Expander
from .refusals import refusal
from .state import Frame, State, Ways
from .tree import (
    Calculate,
    Case,
    Command,
    CommandSubstitution,
    Conditional,
    DuplicateRedirection,
    FileRedirection,
    For,
    Function,
    Group,
    If,
    List,
    Loop,
    Node,
    Pipeline,
    ProcessSubstitution,
    Redirection,
    Script,
    Step,
)
from .variables import changes_the_shell

if TYPE_CHECKING:
    from ..plan import Node as PlanNode
    from ..scope import Scope
    from ..spans import Span
    from .caps import Caps

_Found = TypeVar("_Found")
_LAST_STANDARD: Final = 2


class Flow:
    """One script under way. `loops` and `returns` belong to the process and the function that is gone through."""

    def __init__(self, script: Script, scope: Scope, caps: Caps) -> None:
        self.script = script
        self.scope = scope
        self.caps = caps
        self.expander = Expander(scope, caps, self.capture)
        self.effects: list[SetEnvironment | Unknown] = []
        self.captures: list[Capture] = []
        self.exported: set[str] = set()
        self.loops: list[Frame] = []
        self.returns: list[State] | None = None
        self.calls: list[str] = []
        self._nested = 0
        self._commands = caps.commands + caps.expansions

    # -- what may be spent, and what is undone

    def spend_command(self, span: Span) -> None:
        """Counts a command, as often as it is resolved: a function at each call, a body in each round."""
        self._commands -= 1
        if self._commands < 0:
            raise refusal("too_many_commands", span)

    def spend_round(self, span: Span) -> None:
        """Counts a round of a loop whose values are known."""
        self.expander.spend(0, span)

    def mark(self) -> tuple[int, int, int]:
        """A place to which `reset` goes back."""
        return len(self.captures), len(self.effects), len(self.expander.effects)

    def reset(self, mark: tuple[int, int, int]) -> None:
        """Forgets what was found since; it is looked for again, in a state that knows less."""
        captures, effects, constructs = mark
        del self.captures[captures:], self.effects[effects:], self.expander.effects[constructs:]

    # -- lists

    def steps(self, body: List, state: State) -> tuple[tuple[PlanStep, ...], Ways]:
        """The steps of a list, which starts in this state."""
        for separator in body.separators:
            if separator.kind != "background":
                self.expander.note(separator.kind, "", separator.span)
        found: list[PlanStep] = []
        ways = Ways(state)
        at = 0
        while at < len(body.steps):
            end = at + 1
            while end < len(body.steps) and body.steps[end].connector != "then":
                end += 1
            ways = self._chain(body.steps[at:end], ways.joined(), found)
            at = end
        for separator in body.separators:
            if separator.kind == "background":
                self.expander.note("background", "", separator.span)
        return tuple(found), ways

    def _chain(self, chain: tuple[Step, ...], state: State, found: list[PlanStep]) -> Ways:
        if not chain[-1].background:
            return self._joined(chain, state, found)
        self.expander.needs_shell("a command in the background")
        self.apart(state, lambda inner: (None, self._joined(chain, inner, found)))
        state.tree_may_change = True
        return Ways(state)

    def _joined(self, chain: tuple[Step, ...], state: State, found: list[PlanStep]) -> Ways:
        ways = Ways(state)
        for step in chain:
            if step.operator is not None:
                self.expander.note("and_list" if step.connector == "and" else "or_list", "", step.operator)
            success, failure = (ways.success, ways.success) if step.connector == "then" else ways.parted()
            pipeline, after = self._pipeline(step.pipeline, failure if step.connector == "or" else success)
            found.append(PlanStep(connector=step.connector, pipeline=pipeline))
            match step.connector:
                case "then":
                    ways = after
                case "and":
                    ways = Ways(after.success, failure.join(after.failure))
                case "or":
                    ways = Ways(success.join(after.success), after.failure)
                case _:
                    assert_never(step.connector)
        return ways

    def _pipeline(self, pipeline: Pipeline, state: State) -> tuple[PlanPipeline, Ways]:
        for mark in pipeline.marks:
            self.expander.note("negation" if self.script.text[mark.start] == "!" else "time", "", mark)
        nodes: list[PlanNode] = []
        if len(pipeline.commands) == 1:
            node, ways = self.node(pipeline.commands[0], state)
            nodes.append(node)
        else:
            for position, command in enumerate(pipeline.commands):
                nodes.append(self._stage(command, state))
                if position:
                    self.expander.note("pipeline", subject(nodes[-1]), pipeline.pipes[position - 1])
            ways = Ways(state)
        if pipeline.negated:
            ways = Ways(ways.failure, ways.success)
        return PlanPipeline(stages=tuple(nodes), negated=pipeline.negated, timed=pipeline.timed), ways

    def _stage(self, command: Node, state: State) -> PlanNode:
        return self.apart(state, lambda inner: self.node(command, inner))

    def apart(self, state: State, work: Callable[[State], tuple[_Found, Ways]]) -> _Found:
        """Does the work in a process of its own: what it changes in the shell is lost, what it does to files is not."""
        loops, returns = self.loops, self.returns
        self.loops, self.returns = [], None
        try:
            found, ways = work(state.copy())
        finally:
            self.loops, self.returns = loops, returns
        state.tree_may_change |= ways.success.tree_may_change or ways.failure.tree_may_change
        return found

    # -- nodes

    def node(self, node: Node, state: State) -> tuple[PlanNode, Ways]:
        """One command, simple or compound.

        INVARIANT: a plan is nested at most twice as deep as a text may be, however functions call each other.
        """
        if self._nested >= 2 * self.caps.depth:
            raise refusal("too_deep", node.span)
        self._nested += 1
        try:
            return self._node(node, state)
        finally:
            self._nested -= 1

    def _node(self, node: Node, state: State) -> tuple[PlanNode, Ways]:
        match node:
            case Command():
                return commands.simple(self, node, state)
            case Group() | If() | Loop() | For() | Case() | Conditional() | Calculate():
                return self.guarded(node.redirections, state, lambda inner: self._compound(node, inner))
            case Function():
                self.expander.note("function", node.name, node.marks[0] if node.marks else node.span)
                state.functions[node.name] = node
                return commands.nothing(state, node.span), Ways(state)
            case _:
                assert_never(node)

    def _compound(self, node: Group | If | Loop | For | Case | Conditional | Calculate, state: State) -> tuple[PlanNode, Ways]:
        match node:
            case Group():
                return bodies.group(self, node, state)
            case If():
                return bodies.branches(self, node, state)
            case Loop():
                return bodies.loop(self, node, state)
            case For():
                return bodies.repeated(self, node, state)
            case Case():
                return bodies.case(self, node, state)
            case Conditional():
                return bodies.conditional(self, node, state)
            case Calculate():
                return bodies.calculate(self, node, state)
            case _:
                assert_never(node)

    def capture(self, part: CommandSubstitution | ProcessSubstitution, state: State) -> int:
        """Resolves the commands of a substitution; answers the number of its place in the plan."""
        number = len(self.captures)
        text = self.script.text[part.span.start : part.span.end]
        self.captures.append(Capture(steps=(), span=part.span, text=text))
        steps = self.apart(state, lambda inner: self.steps(part.body, inner))
        self.captures[number] = Capture(steps=steps, span=part.span, text=text)
        if isinstance(part, ProcessSubstitution):
            self.expander.needs_shell("a process substitution")
        return number

    def guarded(self, listed: Sequence[Redirection], state: State, work: Callable[[State], tuple[_Found, Ways]]) -> tuple[_Found, Ways]:
        """Does the work of a command with these redirections: where a file cannot be opened, it is a failure that did nothing."""
        if not any(map(self._may_fail, listed)):
            return work(state)
        before = state.copy()
        found, ways = work(state)
        return found, Ways(ways.success, before.join(ways.failure))

    def _may_fail(self, redirection: Redirection) -> bool:
        if isinstance(redirection, FileRedirection):
            return redirection.target.written() != "/dev/null"
        if isinstance(redirection, DuplicateRedirection) and redirection.source is not None:
            # The first three are open, unless the script itself closes one.
            return redirection.source > _LAST_STANDARD or "&-" in self.script.text
        return False

    def assign(self, state: State, name: str, value: str | None, shown: str, span: Span, *, integer: bool = False) -> None:
        """Sets a variable (None: to what only the run knows); what programs get already, they get changed from here on."""
        if changes_the_shell(name):
            raise refusal("special_variable", span, name)
        state.assign(name, value, integer=integer)
        if name in state.exported or name in self.scope.environment:
            self.export(state, name, shown, span)

    def export(self, state: State, name: str, shown: str, span: Span) -> None:
        """From here on, programs get this variable."""
        state.exported.add(name)
        self.exported.add(name)
        self.environment(name, shown, span)

    def environment(self, name: str, value: str, span: Span) -> None:
        """Writes down that programs get this variable."""
        self.effects.append(SetEnvironment(name=name, value=value, span=span))


def subject(node: PlanNode) -> str:
    """What a pipe leads into: the program, or the sign of what holds the programs."""
    match node:
        case Invocation():
            return node.argv[0]
        case PlanGroup():
            return "(" if node.subshell else "{"
        case _:
            return _SIGNS[type(node).__name__]


_SIGNS: Final = {
    "Call": "function",
    "If": "if",
    "Loop": "while",
    "Each": "for",
    "For": "for",
    "Case": "case",
    "Conditional": "[[",
    "Calculate": "((",
}
