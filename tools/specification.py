"""A plan compiled into what the launcher is told: every name made real and held against the grants, nothing left to look up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, assert_never

from ..policy import plan as planned
from ..policy.decision import Manifest
from ..policy.model import Limits
from .compiled_words import Words, encoded
from .errors import ChangedError, PathError, ToolError
from .sandbox.grants import DEVICES, Grants, within
from .sandbox.inside import shapes

_STANDARD = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
_FAULT = "this is a fault in bylaw; please report it"
CAPTURE_BYTES: Final = 4 * 1024 * 1024
"""How much one command substitution may print; a policy's limit on output is for what a model sees."""


def compile_plan(
    plan: planned.Plan, *, manifest: Manifest, grants: Grants, limits: Limits, environment: Mapping[str, str], witnessed: bool
) -> Compiled:
    """The plan for the launcher; PathError and ToolError where it does not fit the manifest."""
    try:
        compiler = _Compiler(plan, manifest, grants, limits)
        steps, captures = compiler.steps(plan.steps), [compiler.steps(one.steps) for one in plan.captures]
    except RecursionError as problem:
        raise ToolError("the plan is nested too deeply", hint=_FAULT) from problem
    waits = witnessed and (bool(plan.captures) or any(one.late for one in plan.invocations()))
    program = shapes.Program(
        steps=steps,
        captures=captures,
        environment=dict(environment),
        start=next(iter(compiler.directories), "/"),
        witnessed=waits,
        capture_bytes=CAPTURE_BYTES,
    )
    return Compiled(program, tuple(dict.fromkeys(compiler.directories)))


class Compiled:
    """A compiled plan, and every real directory that it may run in."""

    __slots__ = ("directories", "program")

    def __init__(self, program: shapes.Program, directories: tuple[str, ...]) -> None:
        self.program = program
        self.directories = directories


class _Compiler(Words):
    """INVARIANT: every invocation and redirection passes here, also those of captures and of branches that may never run."""

    def __init__(self, plan: planned.Plan, manifest: Manifest, grants: Grants, limits: Limits) -> None:
        super().__init__(captures=len(plan.captures))
        self._manifest = manifest
        self._grants = grants
        self._limits = limits
        self.directories: list[str] = []

    def steps(self, steps: tuple[planned.Step, ...]) -> list[shapes.Step]:
        return [
            shapes.Step(
                connector=one.connector,
                negated=one.pipeline.negated,
                timed=one.pipeline.timed,
                stages=[self._node(stage) for stage in one.pipeline.stages],
            )
            for one in steps
        ]

    def _node(self, node: planned.Node) -> shapes.Node:
        if isinstance(node, planned.Invocation):
            return self._call(node)
        redirections = self._redirections(node.redirections)
        match node:
            case planned.Group():
                return shapes.Group(kind="group", steps=self.steps(node.steps), subshell=node.subshell, redirections=redirections)
            case planned.Call():
                arguments = [self.word(one) for one in node.arguments]
                return shapes.Function(kind="function", arguments=arguments, steps=self.steps(node.steps), redirections=redirections)
            case planned.If():
                branches = [(self.steps(one.condition), self.steps(one.body)) for one in node.branches]
                return shapes.If(kind="if", branches=branches, otherwise=self.steps(node.otherwise), redirections=redirections)
            case planned.Calculate():
                return shapes.Calculate(kind="calculate", value=self.sum(node.value), redirections=redirections)
            case planned.Conditional():
                directory, elsewhere = self._directories(node.directory, node.elsewhere)
                condition = self._condition(node.condition)
                return shapes.Conditional(
                    kind="conditional", condition=condition, directory=directory, elsewhere=elsewhere, redirections=redirections
                )
            case planned.Loop() | planned.Each() | planned.For() | planned.Case():
                return self._repeated(node, redirections)
            case _:
                assert_never(node)

    def _repeated(
        self, node: planned.Loop | planned.Each | planned.For | planned.Case, redirections: list[shapes.Redirection]
    ) -> shapes.Loop | shapes.Each | shapes.For | shapes.Case:
        match node:
            case planned.Loop():
                condition, body = self.steps(node.condition), self.steps(node.body)
                return shapes.Loop(kind="loop", condition=condition, body=body, until=node.until, redirections=redirections)
            case planned.Each():
                if len(node.values) != len(node.bodies):
                    raise ToolError("a loop has not one body for each of its values", hint=_FAULT)
                bodies = [self.steps(one) for one in node.bodies]
                return shapes.Each(kind="each", name=node.name, values=list(node.values), bodies=bodies, redirections=redirections)
            case planned.For():
                words = [self.word(one) for one in node.words]
                return shapes.For(kind="for", name=node.name, words=words, body=self.steps(node.body), redirections=redirections)
            case planned.Case():
                arms = [
                    shapes.Arm(patterns=[self.pattern(it) for it in one.patterns], body=self.steps(one.body), end=one.end)
                    for one in node.arms
                ]
                return shapes.Case(kind="case", word=self.word(node.word), arms=arms, redirections=redirections)
            case _:
                assert_never(node)

    def _condition(self, condition: planned.Condition) -> shapes.Condition:
        match condition:
            case planned.Check():
                right = condition.right
                if right is not None and condition.operator in ("=", "==", "!=", "=~"):
                    right = self.pattern(right) if isinstance(right, str) else right
                return shapes.Check(
                    kind="check",
                    operator=condition.operator,
                    left=self.word(condition.left),
                    right=None if right is None else self.word(right),
                )
            case planned.Not():
                return shapes.Not(kind="not", condition=self._condition(condition.condition))
            case planned.Both():
                return shapes.Pair(kind="both", left=self._condition(condition.left), right=self._condition(condition.right))
            case planned.Either():
                return shapes.Pair(kind="either", left=self._condition(condition.left), right=self._condition(condition.right))
            case _:
                assert_never(condition)

    def _directories(self, directory: str, elsewhere: tuple[str, ...]) -> tuple[str, list[str]]:
        if not directory:
            return "", []
        found = [str(one) for one in (directory, *elsewhere)]
        for one in found:
            # INVARIANT: directories were judged as real paths; a link that was laid since then is not followed
            if os.path.realpath(one) != one:
                raise ChangedError(f"`{one}` leads elsewhere than when it was judged", hint="ask again")
        self.directories += found
        return found[0], found[1:]

    def _call(self, one: planned.Invocation) -> shapes.Call:
        """An invocation with every name made real; PathError and ToolError where it does not fit the manifest."""
        programs = self._grants.programs
        if one.program is not None and programs is not None and not any(within(one.program, path) for path in programs):
            raise ToolError(f"`{one.program}` is not among the programs that were granted", hint=_FAULT)
        if not one.argv or any(not 0 <= index < len(one.argv) for index, _ in one.late):
            raise ToolError("a command has no words, or a late one that it does not have", hint=_FAULT)
        if one.builtin is None and any(index == 0 for index, _ in one.late):
            raise ToolError("a program is known to the run only", hint=_FAULT)
        directory, elsewhere = self._directories(one.directory, one.elsewhere)
        environment: list[tuple[str, shapes.Word]] = []
        environment += [(name, self.word(value)) for name, value in one.environment]
        environment += [(name, self.late(word)) for name, word in one.late_environment]
        return shapes.Call(
            kind="call",
            argv=[encoded(word) for word in one.argv],
            late=[(index, self.late(word)) for index, word in one.late],
            program=one.program,
            builtin=one.builtin,
            directory=directory,
            elsewhere=elsewhere,
            environment=environment,
            redirections=self._redirections(one.redirections),
        )

    # -- redirections

    def _redirections(self, redirections: tuple[planned.Redirection, ...]) -> list[shapes.Redirection]:
        return [self._redirection(one) for one in redirections]

    def _redirection(self, item: planned.Redirection) -> shapes.Redirection:
        match item:
            case planned.OpenFile():
                return self._opened(item)
            case planned.Duplicate():
                return shapes.Copied(kind="copy", fd=item.fd, source=item.source)
            case planned.Text():
                late = None if item.late is None else self.late(item.late)
                return shapes.Given(kind="text", fd=item.fd, text=encoded(item.text, what="here-document"), late=late)
            case _:
                assert_never(item)

    def _opened(self, item: planned.OpenFile) -> shapes.Opened:
        paths = [path if path in _STANDARD else os.path.realpath(path) for path in (item.path, *item.others)]
        for path in paths:
            allowed = self._grants.readable(path) if item.mode == "read" else self._grants.writable(path, self._manifest)
            # INVARIANT: a redirection opens what the manifest grants, with or without a kernel layer behind it.
            if path not in _STANDARD and not allowed:
                verb = "read" if item.mode == "read" else "written"
                raise PathError(
                    f"`{path}` may not be {verb} by a redirection: it is not granted", hint="a link may have changed since it was judged"
                )
        if item.others and not item.relative:
            raise ToolError(f"`{item.path}` may be one of several files, and does not say which", hint=_FAULT)
        return shapes.Opened(
            kind="open",
            fd=item.fd,
            path=paths[0],
            mode=item.mode,
            regular=self._limits.regular_files and not any(path in DEVICES for path in paths),
            relative=item.relative if item.others else "",
            others=paths[1:],
        )
