"""What must be known before a person is asked: the place a call acts on, what it would change, the bytes it depends on.

Everything here only reads, and only what the decision lets the call read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from ..policy.actions import (
    Action,
    EditFile,
    FindFiles,
    GitCommit,
    GitDiff,
    GitLog,
    GitStatus,
    ListDirectory,
    ReadFile,
    RunCommand,
    SearchText,
    WriteFile,
)
from ..policy.decision import Decision
from ..policy.effects import Execute, Read, Unknown, Write
from ..policy.machine import make_scope
from ..tools.errors import ChangedError, PathError, ToolError
from ..tools.paths import open_beneath, open_root, target_for
from ..tools.permit import Binding, Target
from ..tools.preview import preview
from ..tools.sandbox import layers
from .held import Holding, holding

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..policy.scope import Scope
    from .gate import Answer

Nested = Callable[[int, Action], "Answer"]
"""Passes a numbered call of our own through the gate, on the record like any other."""


class Workplace:
    """The workspace as calls meet it: its facts, its opened roots, the sandbox layers of this machine."""

    def __init__(self, policy: Policy, *, workspace: str, home: str, environ: Mapping[str, str]) -> None:
        self._policy = policy
        self.workspace = workspace
        self._home = home
        self._environ = dict(environ)
        self._roots: dict[str, int] = {}

    def scope(self, agent_files: frozenset[str]) -> Scope:
        """The facts of this moment."""
        return make_scope(self._policy, workspace=self.workspace, home=self._home, environ=self._environ, agent_files=agent_files)

    def target(self, path: str) -> Target:
        """The judged real path, below a root that stays open."""
        for root in {*self._policy.paths.read, *self._policy.paths.write, "/"}:
            if root not in self._roots:
                self._roots[root] = open_root(root)
        return target_for(path, self._roots)

    def layers(self) -> tuple[str, ...]:
        """The sandbox layers that work here; none where the policy switched the sandbox off."""
        if self._policy.sandbox.mode == "off":
            return ()
        return tuple(layer.name for layer in layers(self._policy.sandbox.launcher) if layer.available)

    def holding(self) -> Holding:
        """What the layers of this machine hold together."""
        return holding(layers(self._policy.sandbox.launcher))

    def close(self) -> None:
        """Closes the roots."""
        for descriptor in self._roots.values():
            os.close(descriptor)
        self._roots.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What a permit will carry beside the decision, and the diff that a person is shown."""

    target: Target | None = None
    bindings: tuple[Binding, ...] = ()
    diff: str = ""


def prepare(action: Action, decision: Decision, workplace: Workplace, policy: Policy, nested: Nested) -> Preparation:
    """Looks at what the call would act on. Raises ToolError when that already shows that it cannot be done."""
    match action:
        case ReadFile() | SearchText() | FindFiles() | ListDirectory():
            return Preparation(target=workplace.target(_path(decision, Read)))
        case WriteFile() | EditFile():
            target = workplace.target(_path(decision, Write))
            change = preview(action, target, policy.limits)
            return Preparation(target=target, bindings=(change.binding,), diff=change.diff)
        case RunCommand():
            return Preparation(bindings=_scripts(decision, workplace))
        case GitCommit():
            return Preparation(diff=_staged(action, nested))
        case GitStatus() | GitDiff() | GitLog():
            return Preparation()
        case _:
            assert_never(action)


def _path(decision: Decision, kind: type[Read | Write]) -> str:
    for effect in decision.effects:
        if isinstance(effect, kind):
            return effect.path
    raise ToolError(
        "where this path leads is not known, so nothing can be opened there",
        hint="name the file itself: no link of the system, no `..` or `.` behind what is missing or a file, no name over 255 bytes",
    )


def _scripts(decision: Decision, workplace: Workplace) -> tuple[Binding, ...]:
    """The workspace's programs and scripts that the command runs, by their bytes: an approval is for those."""
    paths = {effect.path for effect in decision.effects if isinstance(effect, Execute) and effect.origin == "workspace" and effect.path}
    # an interpreter that cannot be accounted for may read its script from any of the files it is given
    if any(isinstance(effect, Unknown) or (isinstance(effect, Execute) and effect.origin == "workspace") for effect in decision.effects):
        paths |= {effect.path for effect in decision.effects if isinstance(effect, Read) and not effect.recursive}
    inside = sorted(path for path in paths if path.startswith(workplace.workspace + "/"))
    return tuple(binding for path in inside if (binding := _bind(path, workplace)) is not None)


def _bind(path: str, workplace: Workplace) -> Binding | None:
    try:
        descriptor = open_beneath(workplace.target(path), os.O_RDONLY | os.O_NONBLOCK)
    except PathError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return Binding(path=path, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def recheck(action: Action, ready: Preparation, nested: Nested) -> None:
    """ChangedError when what would be committed is not what was shown; other calls are held to their bytes where they act."""
    if isinstance(action, GitCommit) and _staged(action, nested, first=501) != ready.diff:
        raise ChangedError("what would be committed has changed since it was shown", hint="look at it with git_diff, then ask again")


def _staged(action: GitCommit, nested: Nested, *, first: int = 1) -> str:
    """What would be committed: what is staged, then what the files given hold beyond that."""
    parts = [_text(nested(first, GitDiff(path=action.path, staged=True)))]
    for number, file in enumerate(action.files, start=first + 1):
        parts.append(f"would be staged first: {file}\n{_text(nested(number, GitDiff(path=action.path, file=file)))}")
    return "\n".join(part for part in parts if part)


def _text(answer: Answer) -> str:
    if answer.is_error:
        raise ToolError(f"what would be committed cannot be shown: {answer.text}")
    if answer.result is not None and answer.result.truncated:
        # what was cut is still held to its bytes: the digest is over all of it
        return f"{answer.text}\n[sha256 of the whole diff, {answer.result.output_bytes} bytes: {answer.result.output_sha256}]"
    return answer.text


def compose(action: GitCommit, nested: Nested) -> GitCommit:
    """The commit with a message made from what is staged and from the files given.

    Raises ToolError when the repository cannot be read, or there is nothing to commit.
    """
    from ..tools.git import compose_message

    status, *diffs = [
        nested(901, GitStatus(path=action.path)),
        nested(902, GitDiff(path=action.path, staged=True)),
        *(nested(number, GitDiff(path=action.path, file=file)) for number, file in enumerate(action.files, start=903)),
    ]
    for answer in (status, *diffs):
        if answer.is_error or answer.result is None:
            raise ToolError(f"no message could be composed: {answer.text}")
    assert status.result is not None
    staged = status.result.data.get("staged")
    paths = [*(staged if isinstance(staged, list) else []), *action.files]
    return action.model_copy(
        update={"message": compose_message({**status.result.data, "staged": paths}, "\n".join(one.text for one in diffs))}
    )
