"""From what the model asked for to what would happen: an action becomes effects and, where it starts programs, a plan.

Nothing is guessed. What cannot be accounted for is an `Unknown` effect that says so by name, and text that is not in the
shell language that bylaw reads is a refusal without a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, assert_never

from . import git_formats
from .effects import Effect, Execute, Read, SetEnvironment, Unknown, UseConstruct
from .errors import PolicyError, ShellSyntaxError
from .holes import HOLE, visible
from .model import DIFFERS, Limits
from .nested import judge_text
from .plan import Capture, Invocation, Pipeline, Plan, Step
from .planned import PlanJudge
from .profiles.interpretations import INTERPRETATIONS
from .profiles.interpreter import Analyst
from .records import Record, replace
from .scope import Scope
from .shell import Resolved, Script, parse, resolve
from .shell.caps import caps_of
from .shell.globs import Budget
from .shell.opinions import Opinion, compare
from .shell.refusals import refusal
from .spans import Span

if TYPE_CHECKING:
    from .actions import Action, GitCommit, GitDiff, GitLog


_GIT: Final = ("git", "--literal-pathspecs")
"""A file that a model names is a file, never a pattern."""

UNSEEN: Final = visible(HOLE)
"""What stands in the subject of an effect for what only the run knows."""

_LOOKS: Final = (Read, Execute, UseConstruct, SetEnvironment)
"""Effects that change nothing."""


class Analysis(Record):
    """What a call would do. `plan` is None for calls that start no program and for a refusal; `text` is the command,
    for carets. `skipped` is what git would run by itself and is not let to: hooks, signing.
    `captures` are the command substitutions of the plan, in its order: each is a call of its own when the run comes to it,
    and its effects are among those of the whole. `by_bash` says why the plan is a shell that reads the text again; it is
    empty where nothing does.
    """

    effects: tuple[Effect, ...]
    plan: Plan | None = None
    not_installed: tuple[str, ...] = ()
    refusal: ShellSyntaxError | None = None
    text: str = ""
    skipped: tuple[str, ...] = ()
    captures: tuple[Analysis, ...] = ()
    by_bash: str = ""


def analyse(action: Action, scope: Scope, limits: Limits, *, opinions: Sequence[Opinion] = ()) -> Analysis:
    """What the action would do. Never raises: what goes wrong on the way is an `Unknown` effect."""
    text = str(getattr(action, "command", ""))
    try:
        return _action(action, scope.steady(), limits, opinions)
    except PolicyError as problem:
        return _failed(str(problem), text)
    except Exception as problem:  # noqa: BLE001  # INVARIANT: an error while analysing is never an empty list of effects
        return _failed(f"{type(problem).__name__} while analysing", text)


def analyse_command(text: str, scope: Scope, limits: Limits, *, opinions: Sequence[Opinion] = ()) -> Analysis:
    """What a command would do; the same as for the action `bash`, without loading pydantic. Never raises."""
    try:
        return _command(text, scope.steady(), limits, opinions)
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
        caps = caps_of(limits)
        script = parse(text, caps)
        return _script(script, resolve(script, scope, caps), scope, opinions)
    except ShellSyntaxError as problem:
        return Analysis(effects=(), refusal=problem, text=text)


def _script(script: Script, resolved: Resolved, scope: Scope, opinions: Sequence[Opinion]) -> Analysis:
    work = _Work(scope, resolved.exported)
    ledger, text = work.analyst.ledger, script.text
    for effect in resolved.effects:
        ledger.add(effect)
    for one in compare(script, opinions):
        ledger.unknown(f"{one.opinion} {DIFFERS}: {one.why}", text[:200], None)
    judge = work.judge
    judge.needs_shell(resolved.by_bash)
    plan = judge.plan(resolved.plan)
    captures = [work.capture(one, resolved.effects) for one in resolved.plan.captures]
    if any(isinstance(effect, Unknown) and UNSEEN in effect.subject for effect in ledger.effects):
        judge.needs_shell("a word that only the run knows is more than data")
    if judge.shell:
        for read_again in resolved.code:
            ledger.add(read_again)
        work.looked_at(resolved)
        return replace(work.analysis(work.by_shell(text), text), by_bash=judge.shell)
    plan = Plan(steps=plan.steps, captures=tuple(one for one, _ in captures))
    nested = tuple(replace(one, plan=Plan(steps=ready.steps, captures=plan.captures)) for ready, one in captures)
    return replace(work.analysis(plan, text), captures=nested)


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

    def __init__(self, scope: Scope, exported: frozenset[str] = frozenset()) -> None:
        self.scope = scope
        self.analyst = Analyst(scope, INTERPRETATIONS, judge_text)
        self.judge = PlanJudge(self.analyst, exported)

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
            Step(connector="and" if number else "then", pipeline=Pipeline(stages=(Invocation(argv=argv, directory=directory),)))
            for number, argv in enumerate(vectors)
        )
        return self.analysis(self.judge.plan(Plan(steps=steps)))

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

    def capture(self, capture: Capture, constructs: Sequence[Effect]) -> tuple[Capture, Analysis]:
        """What a command substitution does: written down apart, and among what the whole does."""
        ledger = self.analyst.ledger
        whole, ledger.effects = ledger.effects, {}
        try:
            ready = self.judge.capture(capture)
        finally:
            own, ledger.effects = ledger.effects, {**whole, **ledger.effects}
        effects = (*(one for one in constructs if _within(one.span, capture.span)), *own)
        # INVARIANT: a capture that could do more than look is no slot.
        if not all(isinstance(one, _LOOKS) and getattr(one, "origin", "known") == "known" for one in effects):
            self.judge.needs_shell("a command substitution that does more than read")
        return ready, Analysis(effects=effects, text=capture.text)

    def looked_at(self, resolved: Resolved) -> None:
        """The directories that a shell itself lists for patterns, and those that it enters: the kernel must let it."""
        ledger, budget = self.analyst.ledger, Budget()
        for one in resolved.effects:
            if isinstance(one, UseConstruct) and one.construct == "change_directory":
                ledger.read(one.subject, self.scope.cwd, one.span)
        for glob, directory, span in resolved.globs:
            glob.find(self.scope.files, directory, budget, span)
            for each in budget.listed:
                ledger.read(each, directory, span)
            budget.listed.clear()

    def by_shell(self, text: str) -> Plan:
        """The plan that is a shell: everything in it was judged, and it is named for what it is.

        Raises ShellSyntaxError where a program would run without what its profile pins.
        """
        for one in self.judge.pinned:
            raise refusal("pins_of_shell", one.span or Span(0, len(text)), one.argv[0])
        for name in self.scope.environment:
            if name in {"BASH_ENV", "ENV"} or name.startswith("BASH_FUNC_"):
                raise refusal("special_variable", Span(0, len(text)), name)
        argv = ("bash", "--noprofile", "--norc", "-c", text)
        program = self.scope.find_program("bash")
        self.analyst.ledger.add(Execute(program="bash", argv=argv, path=program, category="shell"))
        if program is None:
            self.analyst.ledger.not_installed["bash"] = None
        pins = tuple(self.judge.pins.items())
        one = Invocation(argv=argv, directory=self.scope.cwd, program=program, environment=pins)
        return Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(one,))),))


def _within(span: Span | None, whole: Span | None) -> bool:
    return span is not None and whole is not None and whole.start <= span.start and span.end <= whole.end
