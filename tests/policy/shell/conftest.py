"""What the shell's tests share: a real tree, a scope in it, and the comparison with real bash."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import bash_oracle
from bylaw.policy.effects import UseConstruct
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Invocation, OpenFile, Plan, Text
from bylaw.policy.scope import PathKind, Scope
from bylaw.policy.shell import Resolved, parse, resolve
from bylaw.policy.shell.builtins import BUILTINS

Comparison = Callable[[Sequence[str]], "tuple[int, list[str]]"]

_ANSWERED_BY_BASH = BUILTINS | {"echo", "printf", "pwd", "true", "false", "kill", "test", "["}


class MovedFiles:
    """The real file system, in which the oracle's directory is a temporary one of ours."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def _here(self, path: str) -> str:
        path = "/" + path.lstrip("/")
        inside = path == bash_oracle.ROOT or path.startswith(f"{bash_oracle.ROOT}/")
        return self.root + path[len(bash_oracle.ROOT) :] if inside else path

    def real(self, path: str) -> str:
        found = os.path.realpath(self._here(path))
        inside = found == self.root or found.startswith(f"{self.root}/")
        return bash_oracle.ROOT + found[len(self.root) :] if inside else found

    def kind(self, path: str) -> PathKind:
        here = Path(self._here(path))
        try:
            if here.is_symlink():
                return "symlink"
            if not here.exists():
                return "missing"
            return "directory" if here.is_dir() else "file" if here.is_file() else "other"
        except OSError:
            return "missing"

    def names(self, directory: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(self._here(directory))))
        except OSError:
            return ()

    def executable(self, path: str) -> bool:
        return os.access(self._here(path), os.X_OK)

    def read_text(self, path: str, limit: int) -> str | None:
        try:
            return Path(self._here(path)).read_text(encoding="utf-8")[:limit]
        except (OSError, UnicodeDecodeError):
            return None


@pytest.fixture(scope="session")
def scope(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    """A scope whose directory and environment are those of the oracle."""
    root = tmp_path_factory.mktemp("shell").resolve()
    (root / "w").mkdir()
    (root / "home").mkdir()
    bash_oracle.make_tree(str(root / "w"))
    return Scope(
        files=MovedFiles(root),
        workspace=bash_oracle.WORK,
        cwd=bash_oracle.WORK,
        home=bash_oracle.HOME,
        read_roots=(bash_oracle.WORK,),
        write_roots=(bash_oracle.WORK,),
        environment=dict(bash_oracle.ENVIRONMENT),
    )


@pytest.fixture(scope="session")
def arguments(scope: Scope) -> Callable[[str], list[tuple[str, ...]]]:
    """The argument vectors that a text becomes."""

    def resolved(text: str) -> list[tuple[str, ...]]:
        return [one.argv for one in resolve(parse(text), scope).plan.invocations()]

    return resolved


@pytest.fixture(scope="session")
def compare_with_bash(scope: Scope) -> Comparison:
    """Runs those of the scripts that are accepted in real bash; how many there were, and every difference."""

    def compared(scripts: Sequence[str]) -> tuple[int, list[str]]:
        plans: list[tuple[str, Plan]] = []
        for text in scripts:
            try:
                resolved = resolve(parse(text), scope)
            except ShellSyntaxError:
                continue
            if not (_starts_bash(resolved.plan) or _races(resolved)):
                plans.append((text, resolved.plan))
        if not plans:
            return 0, []
        differences: list[str] = []
        for (text, plan), seen in zip(plans, bash_oracle.run_all([text for text, _ in plans]), strict=True):
            differences += [f"{text!r}: {problem}" for problem in _problems(plan, seen)]
        return len(plans), differences

    return compared


def _starts_bash(plan: Plan) -> bool:
    """What a second bash does with its arguments is not in the plan: its profile answers for it."""
    return any(one.argv[0].endswith("/bash") for one in plan.invocations())


def _races(resolved: Resolved) -> bool:
    """In bash, a glob in a pipeline may or may not see a file that another part of the pipeline creates."""
    if not any(isinstance(one, UseConstruct) and one.construct == "glob" for one in resolved.effects):
        return False
    parallel = [step.pipeline.invocations for step in resolved.plan.steps if len(step.pipeline.invocations) > 1]
    return any(_written(one) for invocations in parallel for one in invocations)


def _problems(plan: Plan, seen: bash_oracle.Seen) -> list[str]:
    """In what bash did other than the plan says."""
    expected = [_as_started(one) for one in plan.invocations() if _is_logged(one)]
    found: list[str] = []
    left = list(expected)
    for one in seen.started:
        match = next((known for known in left if known == _plain(one, known)), None)
        if match is None:
            found.append(f"bash started {one}, the plan says {expected}")
        else:
            left.remove(match)
    certain = _certain(plan)
    if certain is not None and not found:
        wanted = sorted((_as_started(one) for one in certain if _is_logged(one)), key=repr)
        # Pipelines run side by side, so the order in the log says nothing.
        if wanted != sorted(_plain_all(seen, wanted), key=repr):
            found.append(f"bash started {seen.started}, by the plan it should be {wanted}; {seen.error}")
    named = {path for one in plan.invocations() for path in _written(one)}
    unnamed = set(seen.written) - {_through_links(path) for path in named}
    if unnamed:
        found.append(f"bash wrote {sorted(unnamed)}, the plan names {sorted(named)}")
    return found


def _through_links(path: str) -> str:
    """The place in the oracle's tree that an absolute path leads to, its links followed."""
    links = {f"{bash_oracle.WORK}/{link}": target for link, target in bash_oracle.LINKS.items()}
    kept = "/"
    for part in path.split("/"):
        kept = posixpath.normpath(f"{kept}/{part}")
        kept = posixpath.normpath(f"{posixpath.dirname(kept)}/{links[kept]}") if kept in links else kept
    return kept


def _as_started(invocation: Invocation) -> bash_oracle.Started:
    given = dict(bash_oracle.ENVIRONMENT) | dict(invocation.environment)
    inputs = [one for one in invocation.redirections if one.fd == 0]
    stdin = inputs[-1].text if inputs and isinstance(inputs[-1], Text) else ""
    return bash_oracle.Started(
        argv=tuple(word.removeprefix("./") if word.startswith("./-") else word for word in invocation.argv),
        directory=invocation.directory,
        stdin=stdin,
        variables=tuple(given.get(name, "") for name in bash_oracle.WATCHED),
    )


def _plain(one: bash_oracle.Started, known: bash_oracle.Started) -> bash_oracle.Started:
    """The same, without what the plan cannot know: input from files and pipes, and shell variables of an earlier command."""
    argv = tuple(word.removeprefix("./") if word.startswith("./-") else word for word in one.argv)
    unknown = [name in {"A", "B", "C"} and not value for name, value in zip(bash_oracle.WATCHED, known.variables, strict=True)]
    variables = tuple("" if skip else value for skip, value in zip(unknown, one.variables, strict=True))
    return replace(one, argv=argv, stdin=one.stdin if known.stdin else "", variables=variables)


def _plain_all(seen: bash_oracle.Seen, wanted: Sequence[bash_oracle.Started]) -> list[bash_oracle.Started]:
    left = list(wanted)
    found: list[bash_oracle.Started] = []
    for one in seen.started:
        match = next((known for known in left if known == _plain(one, known)), None)
        found.append(match or one)
        if match is not None:
            left.remove(match)
    return found


def _is_logged(invocation: Invocation) -> bool:
    return invocation.builtin is None and invocation.argv[0] not in _ANSWERED_BY_BASH and "/" not in invocation.argv[0]


def _written(invocation: Invocation) -> list[str]:
    return [one.path for one in invocation.redirections if isinstance(one, OpenFile) and one.mode != "read"]


def _certain(plan: Plan) -> list[Invocation] | None:
    """The invocations that run when markers answer as the oracle makes them; None when that cannot be told."""
    running: list[Invocation] = []
    success = True
    for step in plan.steps:
        for one in step.pipeline.invocations:
            known = one.builtin is not None or (len(one.argv[0]) > 1 and one.argv[0][0] in "mn" and one.argv[0][1:].isalnum())
            if not known or any(not isinstance(each, Text) for each in one.redirections):
                return None
        if step.connector == "then" or success == (step.connector == "and"):
            running += step.pipeline.invocations
            last = step.pipeline.invocations[-1]
            success = last.builtin is not None or not last.argv[0].startswith("n")
    return running
