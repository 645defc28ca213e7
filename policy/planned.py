"""Judges a plan, node by node: every program under every directory it may start in, every file that is opened.

The plan comes back with its programs found and its pins in place. Words that only the run knows are judged as text with
holes, and stand at their places again afterwards.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, assert_never

from .holes import has_hole
from .plan import (
    Arm,
    Branch,
    Calculate,
    Call,
    Capture,
    Case,
    Check,
    Condition,
    Conditional,
    Duplicate,
    Each,
    Fixed,
    For,
    Group,
    If,
    Invocation,
    LateWord,
    Loop,
    Node,
    Not,
    OpenFile,
    Pipeline,
    Plan,
    Redirection,
    Step,
    Text,
)
from .profiles.interpreter import Call as ProgramCall
from .profiles.ledger import Entered
from .profiles.options import Opaque
from .records import replace
from .shell.caps import DEFAULT
from .shell.globs import Budget, Glob, read_glob
from .shell.late import judged as judged_text
from .shell.refusals import refusal
from .spans import Span

if TYPE_CHECKING:
    from .profiles.interpreter import Analyst, Judged, Names

_ANSWERED: Final = frozenset({"[", "echo", "false", "printf", "pwd", "test", "true"})
"""Builtins that are judged as the programs of their name are."""

_FILE_TESTS: Final = frozenset(f"-{letter}" for letter in "abcdefghkprsuwxGLNOS")
_Compound = Group | Call | If | Loop | Each | For | Case | Conditional | Calculate

_FILE_COMPARISONS: Final = frozenset({"-nt", "-ot", "-ef"})


class PlanJudge:
    """One plan under way. `shell`: why the plan cannot say what would run. `pins`: what the programs in it are given."""

    def __init__(self, analyst: Analyst, exported: frozenset[str] = frozenset(), depth: int = 0) -> None:
        self.analyst = analyst
        self.exported = exported
        self.depth = depth
        self.shell = ""
        self.pins: dict[str, str] = {}
        self.pinned: list[Invocation] = []

    def plan(self, plan: Plan) -> Plan:
        """The plan with every program found and every pin in place; its effects go to the ledger. Captures are apart."""
        return Plan(steps=self.steps(plan.steps), captures=plan.captures)

    def capture(self, capture: Capture) -> Capture:
        """The same for what a substitution runs."""
        return replace(capture, steps=self.steps(capture.steps))

    def steps(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        done: list[Step] = []
        for step in steps:
            fed: Names | None = None
            stages: list[Node] = []
            for node in step.pipeline.stages:
                if isinstance(node, Invocation):
                    ready, fed = self._invocation(node, fed)
                    stages.append(ready)
                else:
                    fed = None
                    stages.append(self._compound(node))
            before = step.pipeline
            pipeline = Pipeline(stages=tuple(stages), negated=before.negated, timed=before.timed)
            done.append(Step(connector=step.connector, pipeline=pipeline))
        return tuple(done)

    def _compound(self, node: _Compound) -> Node:
        self._redirections(node.redirections, self.analyst.scope.cwd, None)
        match node:
            case Group() | Call():
                return replace(node, steps=self.steps(node.steps))
            case If():
                branches = tuple(Branch(condition=self.steps(one.condition), body=self.steps(one.body)) for one in node.branches)
                return replace(node, branches=branches, otherwise=self.steps(node.otherwise))
            case Loop():
                return replace(node, condition=self.steps(node.condition), body=self.steps(node.body))
            case Each():
                return replace(node, bodies=tuple(self.steps(one) for one in node.bodies))
            case For():
                return replace(node, body=self.steps(node.body))
            case Case():
                return replace(node, arms=tuple(Arm(patterns=one.patterns, body=self.steps(one.body), end=one.end) for one in node.arms))
            case Conditional():
                first, *others = dict.fromkeys(self._real(each, None) for each in (node.directory, *node.elsewhere))
                for directory in (first, *others):
                    self._condition(node.condition, Entered(directory))
                return replace(node, directory=first, elsewhere=tuple(others))
            case Calculate():
                return node
            case _:
                assert_never(node)

    def _condition(self, condition: Condition, directory: str) -> None:
        """Which files a condition looks at."""
        match condition:
            case Check():
                files: list[str | LateWord | None] = []
                if condition.operator in _FILE_COMPARISONS:
                    files = [condition.left, condition.right]
                elif condition.operator in _FILE_TESTS and condition.right is None:
                    files = [condition.left]
                for one in files:
                    # An empty name is no file: the test fails without a look.
                    if one:
                        self.analyst.ledger.read(one if isinstance(one, str) else judged_text(one), directory, None)
            case Not():
                self._condition(condition.condition, directory)
            case _:
                self._condition(condition.left, directory)
                self._condition(condition.right, directory)

    # --- one program ------------------------------------------------------------------------------------------

    def _invocation(self, one: Invocation, fed: Names | None) -> tuple[Invocation, Names | None]:
        directories = tuple(dict.fromkeys(self._real(each, one.span) for each in (one.directory, *one.elsewhere)))
        if one.directory != directories[0] or one.elsewhere != directories[1:]:
            one = replace(one, directory=directories[0], elsewhere=directories[1:])
        redirected = self._redirections(one.redirections, directories[0], one.span)
        if one.builtin is not None and not (one.builtin in _ANSWERED and one.argv[0] == one.builtin):
            return one, None
        argv = list(one.argv)
        for place, word in one.late:
            argv[place] = judged_text(word)
        call = ProgramCall(
            argv=tuple(argv),
            directory=Entered(directories[0]),
            span=one.span,
            assigned=self.exported.union(name for name, _ in (*one.environment, *one.late_environment)),
            fed=None if 0 in redirected else fed,
            depth=self.depth,
        )
        answer, names = self._under_each(call, directories)
        self._found_now(one, call, directories)
        if one.builtin is not None:
            return one, None
        ready = self._placed(one, call, answer)
        # Messages of errors hold words of the command: where they go the same way, not every line is a name.
        mixed = any(isinstance(other, Duplicate) and other.source == 1 for other in one.redirections)
        return ready, None if 1 in redirected or mixed or one.late else names

    def _under_each(self, call: ProgramCall, directories: tuple[str, ...]) -> tuple[Judged, Names | None]:
        """INVARIANT: a call is judged wherever it may start; the plan holds what is true of all of these places."""
        first = self.analyst.judge(call)
        if len(directories) == 1:
            return first, first.names
        answers = [first, *(self.analyst.judge(replace(call, directory=Entered(each))) for each in directories[1:])]
        for other in answers[1:]:
            if other.program != first.program or other.argv != first.argv:
                self.needs_shell("which program starts depends on the directory")
            if other.environment != first.environment:
                raise refusal("pins_of_directories", call.span or Span(0, 0), call.argv[0])
        return first, first.names if all(other.names == first.names for other in answers) else None

    def _found_now(self, one: Invocation, call: ProgramCall, directories: tuple[str, ...]) -> None:
        """INVARIANT: a command before it never makes a glob laxer: what it finds now is judged, besides what it may find."""
        if not one.late:
            return
        place_of = one.span or Span(0, 0)
        globs = {place: glob for place, word in one.late if (glob := _late_glob(word, place_of)) is not None}
        budget = Budget(results=DEFAULT.glob_results)
        for each in directories if globs else ():
            argv: list[str] = []
            for place, word in enumerate(call.argv):
                found = globs[place].find(self.analyst.scope.files, each, budget, place_of) if place in globs else [word]
                argv += [f"./{name}" if place in globs and name.startswith("-") else name for name in found] or [word]
            self.analyst.judge(replace(call, argv=tuple(argv), directory=Entered(each)))

    def _placed(self, one: Invocation, call: ProgramCall, answer: Judged) -> Invocation:
        """The invocation as it will run: late words stand where the profile has put them."""
        for name, value in answer.environment:
            if self.pins.setdefault(name, value) != value:
                self.pinned.append(one)
        if not one.late and answer.argv == call.argv and not answer.environment:
            return replace(one, argv=answer.argv, program=answer.program)
        if len(answer.argv) != len(call.argv):
            self.pinned.append(one)
        given, found = _marked(call.argv), _marked(answer.argv)
        if [call.argv[place] for place in given] != [answer.argv[place] for place in found]:
            self.needs_shell("where a word that only the run knows would stand is not certain")
            found = given
        moved = dict(zip(given, found, strict=True))
        argv = list(answer.argv if found is not given else call.argv)
        for place, word in one.late:
            argv[moved[place]] = word.written
        late = tuple((moved[place], word) for place, word in one.late)
        pinned = dict(answer.environment)
        return replace(
            one,
            argv=tuple(argv),
            late=late,
            program=answer.program,
            # INVARIANT: what is pinned wins over what the command assigns.
            environment=(*((name, value) for name, value in one.environment if name not in pinned), *pinned.items()),
            late_environment=tuple((name, word) for name, word in one.late_environment if name not in pinned),
        )

    def needs_shell(self, why: str) -> None:
        """Says why the plan does not do; the first reason is kept."""
        self.shell = self.shell or why

    # --- files ------------------------------------------------------------------------------------------------

    def _real(self, directory: str, span: Span | None) -> str:
        try:
            return self.analyst.scope.files.real(directory)
        except OSError:
            self.analyst.ledger.unknown("where this directory leads is not known", directory, span)
            return posixpath.normpath(directory)

    def _redirections(self, listed: Sequence[Redirection], directory: str, span: Span | None) -> frozenset[int]:
        """Writes down what is opened; answers the descriptors that are changed."""
        ledger = self.analyst.ledger
        for redirection in listed:
            match redirection:
                case OpenFile():
                    opened = ledger.read if redirection.mode == "read" else ledger.write
                    for path in (redirection.path, *redirection.others):
                        opened(path, directory, redirection.span or span)
                case Duplicate() | Text():
                    pass
                case _:
                    assert_never(redirection)
        return frozenset(redirection.fd for redirection in listed)


def _late_glob(word: LateWord, span: Span) -> Glob | None:
    """The pattern of a word of which only the run knows what it finds."""
    pieces = [(part.text, part.quoted) for part in word.parts if isinstance(part, Fixed)]
    return read_glob(pieces, span) if len(pieces) == len(word.parts) else None


def _marked(argv: Sequence[str]) -> list[int]:
    """The places of words that are not wholly known. No pin is such a word, and none is moved past another."""
    return [place for place, word in enumerate(argv) if isinstance(word, Opaque) or has_hole(word)]
