"""From what the model asked for to what would happen: an action becomes effects and, where it starts programs, a plan.

Nothing is guessed. What cannot be accounted for is an `Unknown` effect that says so by name, and text that is not in the
shell language that bylaw reads is a refusal without a plan.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from . import git_formats
from .effects import Effect, Execute, Unknown
from .errors import PolicyError, ShellSyntaxError
from .model import Limits
from .plan import Duplicate, Invocation, OpenFile, Pipeline, Plan, Step, Text
from .profiles.interpretations import INTERPRETATIONS
from .profiles.interpreter import Analyst, Call, Judged, Names
from .scope import Scope
from .shell import parse, resolve
from .shell.opinions import Opinion, compare
from .spans import Span

if TYPE_CHECKING:
    from .actions import Action, GitCommit, GitDiff, GitLog


_GIT: Final = ("git", "--literal-pathspecs")
"""A file that a model names is a file, never a pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a call would do. `plan` is None for calls that start no program and for a refusal; `text` is the command,
    for carets. `skipped` is what git would run by itself and is not let to: hooks, signing.
    """

    effects: tuple[Effect, ...]
    plan: Plan | None = None
    not_installed: tuple[str, ...] = ()
    refusal: ShellSyntaxError | None = None
    text: str = ""
    skipped: tuple[str, ...] = ()


def analyse(action: Action, scope: Scope, limits: Limits, *, opinions: Sequence[Opinion] = ()) -> Analysis:
    """What the action would do. Never raises: what goes wrong on the way is an `Unknown` effect."""
    text = str(getattr(action, "command", ""))
    try:
        return _action(action, scope, limits, opinions)
    except PolicyError as problem:
        return _failed(str(problem), text)
    except Exception as problem:  # noqa: BLE001  # INVARIANT: an error while analysing is never an empty list of effects
        return _failed(f"{type(problem).__name__} while analysing", text)


def analyse_command(text: str, scope: Scope, limits: Limits, *, opinions: Sequence[Opinion] = ()) -> Analysis:
    """What a command would do; the same as for the action `bash`, without loading pydantic. Never raises."""
    try:
        return _command(text, scope, limits, opinions)
    except PolicyError as problem:
        return _failed(str(problem), text)
    except Exception as problem:  # noqa: BLE001  # INVARIANT: an error while analysing is never an empty list of effects
        return _failed(f"{type(problem).__name__} while analysing", text)


def _failed(why: str, text: str) -> Analysis:
    return Analysis(effects=(Unknown(why=f"the analysis failed: {why[:300]}", subject=text[:200]),), text=text)


def _action(action: Action, scope: Scope, limits: Limits, opinions: Sequence[Opinion]) -> Analysis:
    from . import actions as kinds

    work = _Work(scope)
    ledger, cwd = work.analyst.ledger, scope.cwd
    match action:
        case kinds.RunCommand():
            return _command(action.command, scope, limits, opinions)
        case kinds.ReadFile():
            work.read(action.path)
        case kinds.WriteFile():
            work.write(action.path, len(action.content.encode("utf-8", "surrogatepass")))
        case kinds.EditFile():
            work.read(action.path)
            work.write(action.path, None)
        case kinds.SearchText() | kinds.FindFiles():
            ledger.read(action.path, cwd, None, recursive=True)
            if isinstance(action, kinds.FindFiles) and (action.pattern.startswith("/") or ".." in action.pattern.split("/")):
                ledger.unknown("a pattern may not lead out of the directory", action.pattern, None)
        case kinds.ListDirectory():
            ledger.read(action.path, cwd, None)
        case kinds.GitStatus():
            return work.git(action.path, [(*_GIT, *git_formats.STATUS)])
        case kinds.GitDiff():
            return work.git(action.path, [_diff(action)])
        case kinds.GitLog():
            return work.git(action.path, [_log(action)])
        case kinds.GitCommit():
            return work.commit(action)
        case _:
            assert_never(action)
    return work.analysis(None)


def _command(text: str, scope: Scope, limits: Limits, opinions: Sequence[Opinion]) -> Analysis:
    if len(text) > limits.command_characters:
        return Analysis(effects=(), refusal=_too_long(text, limits.command_characters), text=text)
    try:
        script = parse(text, max_characters=limits.command_characters)
        resolved = resolve(script, scope)
    except ShellSyntaxError as problem:
        return Analysis(effects=(), refusal=problem, text=text)
    work = _Work(scope)
    for effect in resolved.effects:
        work.analyst.ledger.add(effect)
    for one in compare(script, opinions):
        work.analyst.ledger.unknown(f"{one.opinion} reads this command differently: {one.why}", text[:200], None)
    return work.analysis(work.plan(resolved.plan), text)


def _too_long(text: str, limit: int) -> ShellSyntaxError:
    return ShellSyntaxError(
        f"the command has {len(text)} characters, more than `{limit}`",
        construct="too_long",
        span=Span(limit, len(text)),
        hint="split it into shorter commands",
    )


def _diff(action: GitDiff) -> tuple[str, ...]:
    about = (*(("--cached",) if action.staged else ()), *_only(action.commit), "--", *_only(action.file))
    return (*_GIT, *git_formats.DIFF, *about)


def _log(action: GitLog) -> tuple[str, ...]:
    return (*_GIT, *git_formats.LOG, "-n", str(action.count), "--", *_only(action.file))


def _only(word: str | None) -> tuple[str, ...]:
    return (word,) if word is not None else ()


class _Work:
    """One analysis under way."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.analyst = Analyst(scope, INTERPRETATIONS)

    def analysis(self, plan: Plan | None, text: str = "") -> Analysis:
        ledger = self.analyst.ledger
        return Analysis(
            effects=tuple(ledger.effects), plan=plan, not_installed=tuple(ledger.not_installed), text=text, skipped=tuple(ledger.skipped)
        )

    def read(self, path: str) -> None:
        """A file that a file tool reads: what was named counts too, not only what it leads to."""
        from .effects import Read

        ledger = self.analyst.ledger
        real = ledger.path(path, self.scope.cwd, None)
        if real is not None:
            ledger.add(Read(path=real, given=ledger.name(path, self.scope.cwd)))

    def write(self, path: str, size: int | None) -> None:
        from .effects import Write

        real = self.analyst.ledger.path(path, self.scope.cwd, None)
        if real is not None:
            self.analyst.ledger.add(Write(path=real, size=size, given=self.analyst.ledger.name(path, self.scope.cwd)))

    def git(self, path: str, vectors: Sequence[tuple[str, ...]]) -> Analysis:
        """A git tool: fixed vectors, judged as a command would be. `path` is where git starts."""
        directory = self.analyst.ledger.path(path, self.scope.cwd, None)
        if directory is None:
            return self.analysis(None)
        steps = tuple(
            Step(connector="and" if number else "then", pipeline=Pipeline(invocations=(Invocation(argv=argv, directory=directory),)))
            for number, argv in enumerate(vectors)
        )
        return self.analysis(self.plan(Plan(steps=steps)))

    def commit(self, action: GitCommit) -> Analysis:
        """`git add` and `git commit`. Without a message the commit is judged but not in the plan: the gate composes one
        and asks again.
        """
        vectors: list[tuple[str, ...]] = [(*_GIT, *git_formats.ADD, *action.files)] if action.files else []
        self.analyst.hooks = self.scope.hooks
        if self.scope.hooks:
            # a span of its own: what hooks do is not what git does, and is judged apart from it
            self.analyst.ledger.add(Execute(program="git hooks", argv=(), path=None, origin="workspace", span=Span(0, 0)))
        commit = git_formats.COMMIT_WITH_HOOKS if self.scope.hooks else git_formats.COMMIT
        message = (*_GIT, *commit, "-m", action.message or "-")
        if action.message is not None:
            return self.git(action.path, [*vectors, message])
        whole = self.git(action.path, [*vectors, message])
        return replace(whole, plan=None if whole.plan is None else Plan(steps=whole.plan.steps[: len(vectors)]))

    def plan(self, plan: Plan) -> Plan:
        """The plan with every program found and every pin in place; its effects go to the ledger."""
        steps: list[Step] = []
        for step in plan.steps:
            fed: Names | None = None
            done: list[Invocation] = []
            for invocation in step.pipeline.invocations:
                ready, fed = self._invocation(invocation, fed)
                done.append(ready)
            steps.append(replace(step, pipeline=replace(step.pipeline, invocations=tuple(done))))
        return Plan(steps=tuple(steps))

    def _invocation(self, one: Invocation, fed: Names | None) -> tuple[Invocation, Names | None]:
        directory = self._directory(one)
        redirected = self._redirections(one, directory)
        if one.builtin is not None or not one.argv:
            return replace(one, directory=directory), None
        call = Call(
            argv=one.argv,
            directory=directory,
            span=one.span,
            assigned=frozenset(name for name, _ in one.environment),
            fed=None if 0 in redirected else fed,
        )
        judged = self.analyst.judge(call)
        ready = replace(one, argv=judged.argv, directory=directory, program=judged.program, environment=_merged(one, judged))
        # Messages of errors hold words of the command: where they go the same way, not every line is a name.
        mixed = any(isinstance(other, Duplicate) and other.source == 1 for other in one.redirections)
        return ready, None if 1 in redirected or mixed else judged.names

    def _directory(self, one: Invocation) -> str:
        try:
            return self.scope.files.real(one.directory)
        except OSError:
            self.analyst.ledger.unknown("where this directory leads is not known", one.directory, one.span)
            return posixpath.normpath(one.directory)

    def _redirections(self, one: Invocation, directory: str) -> frozenset[int]:
        """Writes down what is opened; answers the descriptors that are changed."""
        ledger = self.analyst.ledger
        for redirection in one.redirections:
            match redirection:
                case OpenFile(mode="read"):
                    ledger.read(redirection.path, directory, redirection.span or one.span)
                case OpenFile():
                    ledger.write(redirection.path, directory, redirection.span or one.span)
                case Duplicate() | Text():
                    pass
                case _:
                    assert_never(redirection)
        return frozenset(redirection.fd for redirection in one.redirections)


def _merged(one: Invocation, judged: Judged) -> tuple[tuple[str, str], ...]:
    """INVARIANT: what is pinned wins over what the command assigns."""
    pinned = dict(judged.environment)
    return (*((name, value) for name, value in one.environment if name not in pinned), *pinned.items())
