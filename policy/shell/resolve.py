"""Resolves a script in a scope: what each command gets, where it runs, what it opens, and which constructs it uses.

What depends on the outcome of an earlier command is not guessed: it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from ..effects import SetEnvironment, UseConstruct
from ..plan import Duplicate, Invocation, OpenFile, Plan
from ..plan import Pipeline as PlanPipeline
from ..plan import Redirection as PlanRedirection
from ..plan import Step as PlanStep
from ..plan import Text as PlanText
from ..scope import Scope
from ..spans import Span
from .builtins import ONLY_LOOK, check_command
from .directories import change_directory, is_real
from .expand import Expander
from .refusals import Construct, refusal
from .tree import (
    Assignment,
    Command,
    DuplicateRedirection,
    FileRedirection,
    HereDocument,
    Redirection,
    Script,
    Step,
    Text,
    Tilde,
    Variable,
    Word,
)
from .variables import SWITCHES, changes_the_shell, may_precede_a_command

_OPERATIONS: Final[Mapping[str, Literal["redirect_input", "redirect_output", "redirect_append"]]] = {
    "read": "redirect_input",
    "write": "redirect_output",
    "append": "redirect_append",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A plan, and every construct and environment assignment that it uses, in the order of the text."""

    plan: Plan
    effects: tuple[UseConstruct | SetEnvironment, ...]


def resolve(script: Script, scope: Scope) -> Resolved:
    """The plan of a script, in the directory and with the environment of the scope; no program is looked up.

    Raises ShellSyntaxError for what cannot be known before it runs, and nothing else.
    """
    try:
        return _Resolver(script, scope).resolved()
    except (OSError, ValueError) as problem:
        whole = Span(0, len(script.text))
        raise refusal("unresolvable", whole, type(problem).__name__) from problem


class _Resolver:
    """The state of resolving one script."""

    def __init__(self, script: Script, scope: Scope) -> None:
        self.script = script
        self.scope = scope
        self.expander = Expander(scope)
        self.environment_effects: list[SetEnvironment] = []
        self.certainty = _certainty(script.steps)

    def resolved(self) -> Resolved:
        for name in sorted(SWITCHES & self.scope.environment.keys()):
            raise refusal("special_variable", Span(0, len(self.script.text)), name)
        steps = tuple(self.step(index, step) for index, step in enumerate(self.script.steps))
        for separator in self.script.separators:
            self.expander.note(separator.kind, "", separator.span)
        for trivia in self.script.trivia:
            if trivia.kind == "comment":
                self.expander.note("comment", "", trivia.span)
        effects: list[UseConstruct | SetEnvironment] = [*self.expander.effects, *self.environment_effects]
        effects.sort(key=_place)
        return Resolved(plan=Plan(steps=steps), effects=tuple(effects))

    def step(self, index: int, step: Step) -> PlanStep:
        if step.operator is not None:
            self.expander.note("and_list" if step.connector == "and" else "or_list", "", step.operator)
        piped = len(step.pipeline.commands) > 1
        invocations: list[Invocation] = []
        for position, command in enumerate(step.pipeline.commands):
            invocations.append(self.command(command, piped=piped, certain=self.certainty[index]))
            if position:
                self.expander.note("pipeline", invocations[-1].argv[0], step.pipeline.pipes[position - 1])
        if any(one.builtin is None and one.argv[0] not in ONLY_LOOK for one in invocations):
            self.expander.tree_may_change = True
        return PlanStep(connector=step.connector, pipeline=PlanPipeline(invocations=tuple(invocations)))

    def command(self, command: Command, *, piped: bool, certain: bool) -> Invocation:
        if not command.words:
            return self.without_program(command, piped=piped, certain=certain)
        argv = (self.program(command.words[0]), *self.expander.words(command.words[1:]))
        if argv[0] == "cd":
            return self.cd(command, argv, piped=piped, certain=certain)
        if argv[0] != ":":
            real = argv[0] != "pwd" or is_real(self.scope.files, self.expander.directory)
            check_command(argv, command.span, real_directory=real)
        redirections = self.redirections(command)
        return Invocation(
            argv=argv,
            directory=self.expander.directory,
            builtin="true" if argv[0] == ":" else None,
            environment=self.environment(command.assignments),
            redirections=redirections,
            span=command.span,
        )

    def program(self, word: Word) -> str:
        """The name of the program: only what is written there counts."""
        literal = self.script.text[word.span.start : word.span.end] == "["
        for part in word.parts:
            if isinstance(part, Variable) or (isinstance(part, Text) and not part.quoted and not literal and set("*?[") & set(part.text)):
                raise refusal("dynamic_program", word.span, word.written())
        found = self.expander.word(word) if any(isinstance(part, Tilde) for part in word.parts) else [word.written()]
        if len(found) != 1 or not found[0]:
            raise refusal("dynamic_program", word.span)
        if found[0].startswith("%"):
            raise refusal("job_control", word.span, found[0])
        return found[0]

    def without_program(self, command: Command, *, piped: bool, certain: bool) -> Invocation:
        """A step that only sets variables, or only opens files."""
        if command.assignments:
            if command.redirections:
                raise refusal("assignment_with_redirection", command.span)
            if piped:
                raise refusal("assignment_in_pipeline", command.span)
            if not certain:
                raise refusal("conditional_assignment", command.span)
        for assignment in command.assignments:
            self.assign(assignment)
        return Invocation(
            argv=("true",),
            directory=self.expander.directory,
            builtin="true",
            redirections=self.redirections(command),
            span=command.span,
        )

    def assign(self, assignment: Assignment) -> None:
        name = assignment.name
        if changes_the_shell(name):
            raise refusal("special_variable", assignment.head, name)
        if name in self.scope.environment:
            raise refusal("assignment_to_environment", assignment.head, name)
        self.expander.note("assignment", name, assignment.head)
        self.expander.variables[name] = self.expander.value(assignment.value)

    def environment(self, assignments: Sequence[Assignment]) -> tuple[tuple[str, str], ...]:
        """What the assignments before a command give to it; each sees those on its left, the words see none."""
        assigned: dict[str, str] = {}
        for one in assignments:
            if not may_precede_a_command(one.name):
                construct: Construct = "path_assignment" if one.name == "PATH" else "special_variable"
                raise refusal(construct, one.head, one.name)
            self.expander.note("assignment", one.name, one.head)
            value = self.expander.value(one.value, assigned)
            assigned[one.name] = value
            place = Span(one.head.start, one.value.span.end)
            self.environment_effects.append(SetEnvironment(name=one.name, value=value, span=place))
        return tuple(assigned.items())

    def cd(self, command: Command, argv: tuple[str, ...], *, piped: bool, certain: bool) -> Invocation:
        if piped:
            raise refusal("cd_in_pipeline", command.span)
        if command.assignments:
            raise refusal("cd_assignment", command.span)
        if not certain:
            raise refusal("conditional_cd", command.span)
        redirections = self.redirections(command)
        if any(not isinstance(one, Duplicate) and not (isinstance(one, OpenFile) and one.path == "/dev/null") for one in redirections):
            raise refusal("cd_redirection", command.span)
        self.expander.directory = change_directory(argv, self.scope, self.expander.directory, command.span)
        self.expander.note("change_directory", self.expander.directory, command.words[0].span)
        return Invocation(
            argv=argv,
            directory=self.expander.directory,
            builtin="cd",
            redirections=redirections,
            span=command.span,
        )

    # -- redirections

    def redirections(self, command: Command) -> tuple[PlanRedirection, ...]:
        names = {one.name for one in command.assignments}
        found: list[PlanRedirection] = []
        for redirection in command.redirections:
            found += self.redirection(redirection, names)
        return tuple(found)

    def redirection(self, redirection: Redirection, assigned: set[str]) -> list[PlanRedirection]:
        expander, place = self.expander, redirection.operator
        match redirection:
            case HereDocument(fd=fd, text=text, delimiter=delimiter):
                expander.note("here_document", delimiter, place)
                return [PlanText(fd=fd, text=text, span=place)]
            case DuplicateRedirection(fd=fd, source=source):
                expander.note("redirect_duplicate", "&-" if source is None else f"&{source}", place)
                return [Duplicate(fd=fd, source=source, span=place)]
            case FileRedirection(fd=fd, mode=mode, both=both):
                place = Span(place.start, redirection.target.span.end)
                target = self.target(redirection, assigned)
                expander.note(_OPERATIONS[mode], target, place)
                path = target if target.startswith("/") else f"{expander.directory.rstrip('/')}/{target}"
                expander.tree_may_change |= mode != "read" and path != "/dev/null"
                opened = OpenFile(fd=fd, path=path, mode=mode, span=place)
                if not both:
                    return [opened]
                expander.note("redirect_duplicate", "&1", place)
                return [opened, Duplicate(fd=2, source=1, span=place)]
            case _:
                assert_never(redirection)

    def target(self, redirection: FileRedirection, assigned: set[str]) -> str:
        word = redirection.target
        # Bash sets the command's own variables before or after it opens files, depending on the command.
        used = {part.name for part in word.parts if isinstance(part, Variable)}
        used |= {"HOME" for part in word.parts if isinstance(part, Tilde)}
        if used & assigned:
            raise refusal("assignment_order", word.span, ", ".join(sorted(used & assigned)))
        found = self.expander.word(word)
        if len(found) != 1 or not found[0]:
            raise refusal("ambiguous_redirection", word.span, word.written())
        target = found[0]
        if target.startswith(("/dev/tcp/", "/dev/udp/")):
            raise refusal("network_redirection", word.span, target)
        if target.startswith("/dev/fd/") or target in {"/dev/stdin", "/dev/stdout", "/dev/stderr"}:
            raise refusal("descriptor_path", word.span, target)
        return target


def _certainty(steps: Sequence[Step]) -> tuple[bool, ...]:
    """For each step, whether what it changes (directory, variables) is known to later steps.

    The first step of a chain of `&&` and `||` always runs. A later one may run or not; that is known to those behind
    it only where each of them is joined by `&&`, and nothing follows the chain.
    """
    found: list[bool] = []
    for index, step in enumerate(steps):
        rest = steps[index + 1 :]
        if step.connector == "then" or not rest:
            found.append(True)
        else:
            found.append(step.connector == "and" and all(one.connector == "and" for one in rest))
    return tuple(found)


def _place(effect: UseConstruct | SetEnvironment) -> tuple[int, int]:
    return (effect.span.start, effect.span.end) if effect.span else (0, 0)
