"""Simple commands: which program or function a name means, what it gets, and what an assignment leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from .. import plan
from ..plan import Builtin, Invocation, LateWord
from ..records import replace
from ..spans import Span
from . import directories, provided
from .builtins import BUILTINS, ONLY_LOOK, check_command, has_own_meaning
from .functions import call
from .late import is_integer
from .opened import redirections
from .refusals import Construct, builtin_refusal, refusal
from .slots import shown
from .state import State, Ways
from .tree import Assignment, Command, Parameter, Text, Tilde, Variable, Word
from .variables import may_precede_a_command

if TYPE_CHECKING:
    from .flow import Flow

_Provided = Callable[["Flow", Command, State], tuple[plan.Node, Ways]]

ANSWERED: Final[Mapping[str, Builtin]] = {
    ":": "true",
    "true": "true",
    "false": "false",
    "echo": "echo",
    "printf": "printf",
    "pwd": "pwd",
    "test": "test",
    "[": "[",
}
"""Programs whose work the runner does itself; they are judged as programs, but for `:`."""


def simple(flow: Flow, command: Command, state: State, *, functions: bool = True) -> tuple[plan.Node, Ways]:
    """A simple command; without `functions`, its name is not that of a function."""
    flow.spend_command(command.span)
    if not command.words:
        return _without_program(flow, command, state)
    command, name = _program(flow, command, state)
    if functions and name in state.functions:
        return flow.guarded(command.redirections, state, lambda inner: call(flow, command, name, inner))
    if (one := PROVIDED.get(name)) is not None:
        if command.assignments and name not in {"read", "command"}:
            raise refusal("cd_assignment" if name == "cd" else "assignment_before_builtin", command.span, name)
        return flow.guarded(command.redirections, state, lambda inner: one(flow, command, inner))
    return _started(flow, command, name, state), Ways(state)


def _started(flow: Flow, command: Command, name: str, state: State) -> Invocation:
    if name in BUILTINS:
        check_command((name,), command.span, real_directory=True)
    words = flow.expander.words(command.words[1:], state)
    argv, late = vector(name, words)
    if has_own_meaning(name):
        real = name != "pwd" or all(directories.is_real(flow.scope.files, one) for one in state.directories)
        check_command(argv, command.span, real_directory=real, late=frozenset(place for place, _ in late))
    opened = _opened(flow, command, state)
    environment, late_environment = _environment(flow, command.assignments, state)
    builtin = ANSWERED.get(name)
    if builtin is None and name not in ONLY_LOOK:
        state.tree_may_change = True
    return Invocation(
        argv=argv,
        directory=state.directories[0],
        builtin=builtin,
        environment=environment,
        redirections=opened,
        span=command.span,
        late=late,
        late_environment=late_environment,
        elsewhere=state.directories[1:],
    )


def _opened(flow: Flow, command: Command, state: State) -> tuple[plan.Redirection, ...]:
    """The redirections of a program; bash sets its variables before or after it opens files, depending on the command."""
    if not command.redirections:
        return ()
    assigned = frozenset(one.name for one in command.assignments)
    before = [state.variables.get(name) for name in sorted(assigned)]
    opened = redirections(flow, command.redirections, state, assigned)
    if [state.variables.get(name) for name in sorted(assigned)] != before:
        raise refusal("assignment_order", command.span, ", ".join(sorted(assigned)))
    return opened


def vector(name: str, words: Sequence[str | LateWord]) -> tuple[tuple[str, ...], tuple[tuple[int, LateWord], ...]]:
    """An argument vector, and the places in it that the run fills."""
    late = tuple((place, word) for place, word in enumerate(words, 1) if isinstance(word, LateWord))
    return (name, *(word.written if isinstance(word, LateWord) else word for word in words)), late


def _program(flow: Flow, command: Command, state: State) -> tuple[Command, str]:
    """The name of the program, and the command with that name written out."""
    word = command.words[0]
    spelled = flow.script.text[word.span.start : word.span.end]
    if spelled.isalnum():
        return command, spelled
    written = all(isinstance(part, Text) and (part.quoted or spelled == "[" or not set("*?[") & set(part.text)) for part in word.parts)
    known = [word.written()] if written else _known(flow, word, state)
    name = known[0]
    # Bash takes what follows for assignments only where the name stands there bare: behind `'export'` or `$X`, values are split.
    if not name or (name == "export" and name != spelled):
        raise refusal("dynamic_program", word.span)
    if name.startswith("%"):
        raise refusal("job_control", word.span, name)
    if written:
        return command, name
    words = tuple(Word(parts=(Text(text=one, quoted=True, span=word.span),), span=word.span) for one in known)
    return replace(command, words=(*words, *command.words[1:])), name


def _known(flow: Flow, word: Word, state: State) -> list[str]:
    """The words that the first word of a command becomes: values that are known, no names that a glob finds."""
    if not all(isinstance(part, Text | Tilde | Variable | Parameter) for part in word.parts):
        raise refusal("dynamic_program", word.span, word.written())
    before = len(flow.expander.effects)
    found = flow.expander.words([word], state)
    known = [one for one in found if isinstance(one, str)]
    globs = any(one.construct == "glob" for one in flow.expander.effects[before:])
    # An option there would be one of `command`, or a program of that name.
    if globs or not known or len(known) != len(found) or known[0].startswith("-"):
        raise refusal("dynamic_program", word.span, word.written())
    return known


def _command(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`command NAME ...` leaves functions aside; `command -v NAME` asks what a name is."""
    first = command.words[1].written() if len(command.words) > 1 else "-v"
    if first.startswith("-"):
        if command.assignments:
            raise refusal("assignment_before_builtin", command.span, "command")
        return provided.describe(flow, command, state)
    if first == "export":
        raise builtin_refusal("export", command.span, "behind `command`, bash splits its values", "write export alone")
    inner = Command(assignments=command.assignments, words=command.words[1:], redirections=command.redirections, span=command.span)
    return simple(flow, inner, state, functions=False)


def _wait(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`wait`, for all that runs in the background: only a shell has jobs."""
    if len(command.words) > 1:
        raise builtin_refusal("wait", command.span, "it takes no words here", "write wait alone")
    flow.expander.needs_shell("a wait for what runs in the background")
    return nothing(state, command.span, redirections(flow, command.redirections, state)), Ways(state)


# --- assignments ------------------------------------------------------------------------------------------------


def _without_program(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """A step that only sets variables, or only opens files."""
    if not command.assignments:
        opened = redirections(flow, command.redirections, state)
        return nothing(state, command.span, opened), Ways(state)
    if command.redirections:
        raise refusal("assignment_with_redirection", command.span)
    made = _Made()
    for one in command.assignments:
        value = _value(flow, one, state)
        made.add(one, value)
        flow.expander.note("assignment", one.name, one.head)
        place = Span(one.head.start, one.value.span.end)
        integer = isinstance(value, LateWord) and is_integer(value, state)
        flow.assign(state, one.name, None if isinstance(value, LateWord) else value, shown(value), place, integer=integer)
    node = Invocation(
        argv=("true",),
        directory=state.directories[0],
        builtin="assign",
        environment=tuple(made.known),
        span=command.span,
        late_environment=tuple(made.late),
        elsewhere=state.directories[1:],
    )
    return node, Ways(state)


class _Made:
    """The values of assignments in the order of the text: `late` holds all from the first on that only the run knows."""

    __slots__ = ("known", "late")

    def __init__(self) -> None:
        self.known: list[tuple[str, str]] = []
        self.late: list[tuple[str, LateWord]] = []

    def add(self, one: Assignment, value: str | LateWord) -> None:
        """Adds the next one; refused where it looks at one before it that only the run knows."""
        if isinstance(value, str) and not self.late:
            self.known.append((one.name, value))
            return
        if self.late and _uses(value, {name for name, _ in self.late}):
            raise refusal("assignment_order", one.head, one.name)
        # INVARIANT: a substitution sees exactly the assignments on its left.
        word = value if isinstance(value, LateWord) else LateWord(parts=(plan.Fixed(text=value, quoted=True),), written=value)
        self.late.append((one.name, word))


def nothing(state: State, span: Span, opened: tuple[plan.Redirection, ...] = ()) -> Invocation:
    """A step that does nothing but open files."""
    return Invocation(
        argv=("true",),
        directory=state.directories[0],
        builtin="assign",
        redirections=opened,
        span=span,
        elsewhere=state.directories[1:],
    )


def _value(flow: Flow, assignment: Assignment, state: State) -> str | LateWord:
    """The value after the assignment: `+=` is written out."""
    value = flow.expander.value(assignment.value, state)
    if not assignment.append:
        return value
    before = state.variables.get(assignment.name, "")
    if assignment.name not in state.variables and assignment.name not in state.unset:
        before = flow.scope.environment.get(assignment.name, "")
    if isinstance(before, str) and isinstance(value, str):
        return before + value
    if before is None and assignment.name in flow.expander.unseen:
        flow.expander.needs_shell("a variable that a word has set")
    old: plan.LatePart = plan.Get(name=assignment.name, quoted=True)
    new: tuple[plan.LatePart, ...] = (plan.Fixed(text=value, quoted=True),) if isinstance(value, str) else value.parts
    written = value if isinstance(value, str) else value.written
    return LateWord(parts=(old if before is None else plan.Fixed(text=before, quoted=True), *new), written=f"${assignment.name}{written}")


def _uses(value: str | LateWord, names: Collection[str]) -> bool:
    """Whether a late value looks at one of these variables; sums and operations always may."""
    if isinstance(value, str):
        return False
    for part in value.parts:
        if isinstance(part, plan.Get) and part.operation is None:
            if part.name in names:
                return True
        elif not isinstance(part, plan.Fixed):
            return True
    return False


def _environment(
    flow: Flow, assignments: Sequence[Assignment], state: State
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, LateWord], ...]]:
    """What the assignments before a command give to it; each sees those on its left, the words see none."""
    if not assignments:
        return (), ()
    seen, made = state.copy(), _Made()
    for one in assignments:
        if not may_precede_a_command(one.name):
            construct: Construct = "path_assignment" if one.name == "PATH" else "special_variable"
            raise refusal(construct, one.head, one.name)
        flow.expander.note("assignment", one.name, one.head)
        value = _value(flow, one, seen)
        made.add(one, value)
        integer = isinstance(value, LateWord) and is_integer(value, seen)
        seen.assign(one.name, None if isinstance(value, LateWord) else value, integer=integer)
        flow.environment(one.name, shown(value), Span(one.head.start, one.value.span.end))
    state.tree_may_change = state.tree_may_change or seen.tree_may_change
    return tuple(made.known), tuple(made.late)


PROVIDED: Final[Mapping[str, _Provided]] = {
    "break": provided.leave,
    "cd": directories.change,
    "command": _command,
    "continue": provided.leave,
    "exit": provided.finish,
    "export": provided.export,
    "popd": directories.popd,
    "pushd": directories.pushd,
    "read": provided.read,
    "return": provided.finish,
    "set": provided.options,
    "shift": provided.shift,
    "type": provided.describe,
    "unset": provided.unset,
    "wait": _wait,
}
