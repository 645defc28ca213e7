"""Performs what was permitted: redeems the permit, calls the tool, and gives every failure a form.

A fault of the call itself (a missing file, an ambiguous text) is a result with the status `error`, which the model can
act on. A permit that is none, and a sandbox that is required and missing, are faults of ours or of the machine and pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from ..policy.actions import (
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
from ..policy.decision import PathGrant
from ..policy.plan import Invocation, Pipeline, Plan, Step
from ..policy.records import replace as revised
from .command import command_result
from .edit import edit_file
from .errors import PermitError, SandboxError, ToolError
from .files import read_file, write_file
from .find import find_files, list_directory
from .git import committed, log_text, parse_log, parse_status, require_done, require_no_filters, status_text
from .own import OWN_CODE
from .permit import Issuer, Permit, Target
from .process import ProcessOutcome, run_plan
from .result import JSON, ToolResult
from .ripgrep import Ripgrep, find_ripgrep
from .sandbox.grants import within
from .search import Candidates, search_text
from .text import cap
from .walk import refuse_hidden

if TYPE_CHECKING:
    from .runner import Runner

_LISTING_BYTES = 4 * 1024 * 1024
"""Git's answers to our own questions are parsed, not shown; their cap is apart from what the model may see."""

_ROOM = 2_048
"""Beside the output itself, room for what is said about it: how it ended, what was cut."""

_HOOKS_NOTE = "hooks and signing were not run"
_HOOKS_RAN = "hooks were run, confined; the commit was not signed"


class Toolbox:
    """All tools of a session. `runner` runs plans; `ripgrep` is its program, None to search without it."""

    def __init__(self, issuer: Issuer, *, runner: Runner = run_plan, ripgrep: str | None = None) -> None:
        self._issuer = issuer
        self._runner = runner
        self._ripgrep = find_ripgrep() if ripgrep is None else ripgrep or None

    def perform(self, permit: Permit) -> ToolResult:
        """Does what the permit permits, once.

        Raises PermitError (not a permit that is out), SandboxError (a required layer is missing), KeyboardInterrupt.
        """
        self._issuer.redeem(permit)
        try:
            result = self._dispatch(permit)
        except (PermitError, SandboxError):
            raise
        except ToolError as problem:
            result = ToolResult(status="error", text=problem.message + (f"\n{problem.hint}" if problem.hint else ""))
        except OSError as problem:
            result = ToolResult(status="error", text=f"the system refused: {problem.strerror or problem}")
        return _measured(result, permit.limits.output_bytes)

    def _dispatch(self, permit: Permit) -> ToolResult:
        match permit.action:
            case ReadFile() as action:
                return read_file(action, _readable(permit), permit.limits)
            case WriteFile() as action:
                return write_file(action, _target(permit), permit.limits, permit.bindings)
            case EditFile() as action:
                return edit_file(action, _target(permit), permit.limits, permit.bindings)
            case RunCommand() as action:
                plan = _plan(permit)
                return command_result(plan, self._run(permit, plan, timeout=action.timeout, bound=True))
            case SearchText() as action:
                target = _readable(permit)
                return search_text(action, target, permit.manifest, permit.limits, self._candidates(permit, target))
            case FindFiles() as action:
                return find_files(action, _readable(permit), permit.manifest, permit.limits)
            case ListDirectory() as action:
                return list_directory(action, _readable(permit), permit.manifest, permit.limits)
            case GitStatus():
                return self._status(permit)
            case GitDiff():
                return self._diff(permit)
            case GitLog():
                return self._log(permit)
            case GitCommit() as action:
                return self._commit(permit, action)
            case _:
                assert_never(permit.action)

    def _run(
        self, permit: Permit, plan: Plan, *, timeout: float | None = None, listing: bool = False, bound: bool = False
    ) -> ProcessOutcome:
        limits = revised(permit.limits, output_bytes=max(permit.limits.output_bytes, _LISTING_BYTES)) if listing else permit.limits
        return self._runner(
            plan,
            manifest=permit.manifest,
            limits=limits,
            sandbox=permit.sandbox,
            environment=permit.environment,
            timeout=timeout,
            bindings=permit.bindings if bound else (),
            witness=permit.witness,
            template=permit.launcher,
        )

    def _candidates(self, permit: Permit, target: Target) -> Candidates | None:
        if self._ripgrep is None:
            return None
        return Ripgrep(
            program=self._ripgrep,
            runner=self._runner,
            target=target,
            manifest=permit.manifest,
            limits=permit.limits,
            sandbox=permit.sandbox,
            launcher=permit.launcher,
        ).candidates

    def _status(self, permit: Permit) -> ToolResult:
        outcome = self._run(permit, _plan(permit), listing=True)
        require_done(outcome, "git status")
        if outcome.stdout.truncated:
            raise ToolError(
                "the working tree has more changes than can be listed", hint="ignore what is built, or ask for less with `bash`"
            )
        status = parse_status(outcome.stdout.text)
        return _of(outcome, status_text(status), status)

    def _diff(self, permit: Permit) -> ToolResult:
        outcome = self._run(permit, _plan(permit))
        require_done(outcome, "git diff")
        diff, truncated = outcome.stdout.text, outcome.stdout.truncated
        data: dict[str, JSON] = {"diff": diff, "truncated": truncated, "empty": not diff}
        result = _of(outcome, diff or "no changes", data)
        return replace(result, truncated=truncated, output_bytes=outcome.stdout.total_bytes, output_sha256=outcome.stdout.sha256)

    def _log(self, permit: Permit) -> ToolResult:
        outcome = self._run(permit, _plan(permit), listing=True)
        log = parse_log(outcome)
        return _of(outcome, log_text(log), log)

    def _commit(self, permit: Permit, action: GitCommit) -> ToolResult:
        if action.message is None:
            raise ToolError("a commit needs a message", hint="this is a fault in bylaw: one is composed before it is judged")
        plan = _plan(permit)
        commit = plan.invocations()[-1]

        def ask(one: Invocation) -> ProcessOutcome:
            return self._run(permit, Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(one,))),)), listing=True)

        require_no_filters(commit, action.files, ask)
        outcome = self._run(permit, plan)
        require_done(outcome, "git commit")
        data = committed(commit, action.message, ask)
        files = data["files"]
        count = len(files) if isinstance(files, list) else 0
        hooks = "--no-verify" not in commit.argv
        note = _HOOKS_RAN if hooks else _HOOKS_NOTE
        text = f"committed {str(data['hash'])[:12]} ({count} files)\n{action.message}\n[{note}]"
        result = _of(outcome, text, {**data, "hooks_run": hooks, "signed": False})
        return replace(result, notes=(*result.notes, note))


def _target(permit: Permit) -> Target:
    if permit.target is None:
        raise ToolError("the permit names no path", hint="this is a fault in bylaw; please report it")
    # INVARIANT: a tool of our own keeps to the manifest too: it writes what was declared, or nothing.
    if not _granted(permit.manifest.write, permit.target.shown):
        raise ToolError(f"writing `{permit.target.shown}` was not declared", hint="this is a fault in bylaw; please report it")
    if any(within(permit.target.shown, path) for path in OWN_CODE):
        raise ToolError(
            f"`{permit.target.shown}` is code of the bylaw that is running",
            hint="work on a copy, or run a bylaw that is installed elsewhere",
        )
    refuse_hidden(permit.target, frozenset(permit.manifest.hidden))
    return permit.target


def _readable(permit: Permit) -> Target:
    if permit.target is None:
        raise ToolError("the permit names no path", hint="this is a fault in bylaw; please report it")
    if not _granted((*permit.manifest.read, *permit.manifest.write), permit.target.shown):
        raise ToolError(f"reading `{permit.target.shown}` was not declared", hint="this is a fault in bylaw; please report it")
    refuse_hidden(permit.target, frozenset(permit.manifest.hidden))
    return permit.target


def _granted(grants: tuple[PathGrant, ...], path: str) -> bool:
    return any(path == grant.path or (grant.recursive and path.startswith(grant.path.rstrip("/") + "/")) for grant in grants)


def _plan(permit: Permit) -> Plan:
    if permit.plan is None or not permit.plan.steps:
        raise ToolError("the permit holds no plan", hint="this is a fault in bylaw; please report it")
    return permit.plan


def _of(outcome: ProcessOutcome, text: str, data: dict[str, JSON]) -> ToolResult:
    return ToolResult(status="ok", text=text, data=data, exit_code=outcome.exit_code, sandbox=outcome.layers, notes=outcome.notes)


def _measured(result: ToolResult, limit: int) -> ToolResult:
    """The result within the policy's limit on output, with its size and digest before that."""
    capped = cap(result.text, limit + _ROOM)
    return replace(
        result,
        text=capped.text,
        output_bytes=result.output_bytes or capped.total_bytes,
        output_sha256=result.output_sha256 or capped.sha256,
        truncated=result.truncated or capped.truncated,
    )
