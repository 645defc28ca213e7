"""The one door. Every tool call passes `Gate.call`, in eight steps: parse, analyse, judge, record, confirm, perform,
record, answer. Nothing else makes a permit, and no tool acts without one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, assert_never

from ..audit import AuditError, RecordError
from ..policy.actions import Action, GitCommit, parse_action
from ..policy.decision import Decision, Verdict
from ..policy.effects import Write
from ..policy.engine import decide
from ..policy.errors import ActionError
from ..policy.manifest import newly_protected
from ..tools.errors import SandboxError, ToolError
from ..tools.permit import Issuer
from ..tools.result import JSON, ToolResult
from .approvals.interface import Approval, Approved, Approver, Denied, Edited, Question
from .denials import told
from .describe import refusal_text
from .errors import NotPerformed
from .grants import Grants, proposal
from .held import held_to
from .nested import NestedCalls
from .preparation import Nested, Preparation, Workplace, compose, prepare, recheck
from .question import question_text
from .recorder import Recorder, rules
from .totals import Totals

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..policy.shell.opinions import Opinion
    from ..tools.toolbox import Toolbox
    from .providers.interface import ToolCall


_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model gets, and how it came about; `denied`: the policy, or a person, refused the call."""

    text: str
    is_error: bool
    verdict: Verdict | None = None
    rules: tuple[str, ...] = ()
    denied: bool = False
    result: ToolResult | None = None


def nobody_listens(call_id: str, action: Action, decision: Decision) -> None:
    """Hears a decision and does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What a gate is made of. `decided` hears every decision; `dry_run`: judge and record, perform nothing."""

    policy: Policy
    workplace: Workplace
    recorder: Recorder
    toolbox: Toolbox
    issuer: Issuer
    approver: Approver
    opinions: Sequence[Opinion] = ()
    dry_run: bool = False
    decided: Callable[[str, Action, Decision], None] = nobody_listens


class Gate:
    """Judges, confirms, performs and records tool calls, one at a time."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._grants = Grants()
        self._written: set[str] = set()
        self.totals = Totals(settings.policy)

    def call(self, call: ToolCall) -> Answer:
        """Passes one call of the model through the door.

        Raises AuditError when the record cannot be written (nothing was performed then, or nothing more is), SandboxError
        when a required layer is missing, and KeyboardInterrupt.
        """
        answer = self._enter(call.id, call.name, call.arguments)
        self.totals.answered(answer.text)
        return answer

    def _enter(self, call_id: str, tool: str, arguments: str) -> Answer:
        try:
            action = parse_action(tool, arguments)
        except ActionError as problem:
            text = problem.message + (f"\n{problem.hint}" if problem.hint else "")
            self._settings.recorder.malformed(call_id, tool, arguments, problem.message)
            return Answer(text=text, is_error=True)
        return self._pass(call_id, action)

    def _pass(self, call_id: str, action: Action) -> Answer:
        settings, recorder = self._settings, self._settings.recorder
        decision = self.totals.held(action, self._judge(action))
        settings.decided(call_id, action, decision)
        try:
            recorder.intent(call_id, action, decision)
        except RecordError as problem:
            # a call that does not fit into a record cannot be accounted for, so it is not performed
            recorder.malformed(call_id, action.tool, action.model_dump_json(), problem.message)
            return Answer(text=f"refused: this call cannot be recorded: {problem.message}", is_error=True, denied=True)
        except KeyboardInterrupt:
            recorder.refused(call_id, decision, by="interrupted")
            raise NotPerformed from None
        if decision.verdict is Verdict.DENY:
            return self._refuse(call_id, decision, refusal_text(decision), by="policy")
        if settings.dry_run:
            recorder.skipped(call_id, decision.verdict, why="dry run")
            would = "would be performed" if decision.verdict is Verdict.ALLOW else "would need a confirmation"
            return Answer(
                text=f"dry run: nothing was done; this call {would}", is_error=False, verdict=decision.verdict, rules=rules(decision)
            )
        if isinstance(action, GitCommit) and action.message is None:
            return self._compose(call_id, action, decision)
        return self._proceed(call_id, action, decision)

    def _compose(self, call_id: str, action: GitCommit, decision: Decision) -> Answer:
        """A commit without a message, judged already: one is composed from what would be committed, and the whole is judged again."""
        whole = self._before(call_id, action, decision, lambda: compose(action, self._nested(call_id)))
        if isinstance(whole, Answer):
            return whole
        self._settings.recorder.skipped(call_id, decision.verdict, why=f"a message was composed; this goes on as {call_id}.composed")
        return self._pass(f"{call_id}.composed", whole)

    def _nested(self, call_id: str) -> Nested:
        """Passes calls of our own, under numbers of this call's name, on the record like any other."""
        return lambda number, action: self._pass(f"{call_id}.{number}", action)

    def _before(self, call_id: str, action: Action, decision: Decision, work: Callable[[], _Made]) -> _Made | Answer:
        """Does what comes between a recorded intent and the performance; the answer to the call where that ended it.

        INVARIANT: however it ends, the record says that nothing of this call was done.
        """
        started = time.monotonic_ns()
        try:
            return work()
        except ToolError as problem:
            answer = self._finish(call_id, action, decision, _failed(problem), started)
            if isinstance(problem, SandboxError):
                raise  # a missing layer ends the run, also where a call of our own met it
            return answer
        except AuditError:
            raise
        except Exception as problem:  # noqa: BLE001  # whatever it was: nothing was done, and the record has to say so
            return self._refuse(call_id, decision, f"refused: {_fault(problem)}", by="fault")
        except KeyboardInterrupt:
            self._settings.recorder.refused(call_id, decision, by="interrupted")
            raise NotPerformed from None

    def _ask(self, call_id: str, action: Action, decision: Decision) -> tuple[Preparation, Approval]:
        settings, nested = self._settings, self._nested(call_id)
        ready = prepare(action, decision, settings.workplace, settings.policy, nested)
        if decision.verdict is not Verdict.CONFIRM:
            return ready, Approved()
        approval = self._confirm(call_id, action, decision, ready)
        if isinstance(approval, Approved):
            recheck(action, ready, nested)
        return ready, approval

    def _proceed(self, call_id: str, action: Action, decision: Decision) -> Answer:
        """What follows a recorded intent: preparation, question, performance."""
        settings, recorder, started = self._settings, self._settings.recorder, time.monotonic_ns()
        made = self._before(call_id, action, decision, lambda: self._ask(call_id, action, decision))
        if isinstance(made, Answer):
            return made
        ready, approval = made
        match approval:
            case Approved():
                if decision.verdict is Verdict.CONFIRM and self._differs(action, decision):
                    recorder.skipped(call_id, decision.verdict, why=f"what it would do has changed; this goes on as {call_id}.again")
                    return self._pass(f"{call_id}.again", action)
                # the time that a person took to answer is not the tool's
                started = time.monotonic_ns() if decision.verdict is Verdict.CONFIRM else started
            case Denied():
                return self._refuse(call_id, decision, _denial_text(approval, decision), by=settings.approver.how)
            case Edited():
                return self._enter(f"{call_id}.edited", action.tool, approval.arguments)
            case _:
                assert_never(approval)
        return self._perform(call_id, action, decision, ready, started)

    def _judge(self, action: Action) -> Decision:
        settings = self._settings
        decision = decide(action, settings.policy, settings.workplace.scope(frozenset(self._written)), settings.opinions)
        return held_to(decision, settings.policy, settings.workplace.holding(), refuse=False)

    def _differs(self, action: Action, approved: Decision) -> bool:
        """Whether the same words mean something else now than what was approved: a glob matches other names, a link leads on."""
        now = self._judge(action)
        return (now.verdict, now.plan, now.effects) != (approved.verdict, approved.plan, approved.effects)

    def _confirm(self, call_id: str, action: Action, decision: Decision, ready: Preparation) -> Approval:
        settings, recorder = self._settings, self._settings.recorder
        grant = proposal(action, decision, ready.bindings, diff=ready.diff)
        offered = None if settings.policy.grants == "none" else recorder.redact(grant.text)
        layers = ", ".join(settings.workplace.layers()) or "none"
        shown = recorder.redact(question_text(action, decision, diff=ready.diff, sandbox=layers, grant=offered))
        if self._grants.covers(grant):
            recorder.confirmation(call_id, "approved", "grant", shown, {"grant": grant.text})
            return Approved()
        approval = settings.approver.ask(Question(call_id=call_id, action=action, decision=decision, text=shown, grant=offered))
        extra: dict[str, JSON] = {}
        if isinstance(approval, Approved) and approval.session and offered is not None:
            self._grants.add(grant)
            extra["grant"] = grant.text
        elif isinstance(approval, Denied):
            extra = {"unattended": approval.unattended} | ({"message": approval.message} if approval.message else {})
        recorder.confirmation(call_id, type(approval).__name__.lower(), settings.approver.how, shown, extra)
        return approval

    def _perform(self, call_id: str, action: Action, decision: Decision, ready: Preparation, started: int) -> Answer:
        settings, nested = self._settings, NestedCalls(call_id, decision, self._settings.recorder)
        permit = settings.issuer.issue(
            call_id=call_id,
            action=action,
            manifest=decision.manifest,
            limits=settings.policy.limits,
            sandbox=settings.policy.sandbox.mode,
            target=ready.target,
            plan=decision.plan,
            bindings=ready.bindings,
            environment=dict(decision.manifest.environment),
            witness=nested,
            launcher=settings.policy.sandbox.launcher,
        )
        try:
            with nested:
                result = settings.toolbox.perform(permit)
        except ToolError as problem:
            self._finish(call_id, action, decision, _failed(problem), started)
            raise
        except AuditError:
            raise
        except Exception as problem:  # noqa: BLE001  # it may have done part of its work: the record and the model hear of it
            result = ToolResult(status="error", text=_fault(problem), notes=(_fault(problem),))
        except BaseException:
            self._finish(call_id, action, decision, ToolResult(status="interrupted", text="interrupted by the person"), started)
            raise
        answer = self._finish(call_id, action, decision, self._watched(decision, self._denied(call_id, result)), started)
        if result.status == "interrupted":
            # the tool kept its partial output for the record; the run ends all the same
            raise KeyboardInterrupt
        return answer

    def _denied(self, call_id: str, result: ToolResult) -> ToolResult:
        """The result, with what the sandbox refused in words; each denial is on the record before the outcome is."""
        if not result.denials:
            return result
        settings = self._settings
        scope = settings.workplace.scope(frozenset(self._written))
        lines = told(call_id, result.denials, settings.policy, scope, settings.recorder)
        return replace(result, text="\n".join((result.text, *lines)))

    def _watched(self, decision: Decision, result: ToolResult) -> ToolResult:
        """The result, with what a command made that it was not to make: hooks and settings that would act later."""
        if decision.plan is None:
            return result
        made = newly_protected(decision.manifest, self._settings.policy, self._settings.workplace.scope(frozenset()))
        if not made:
            return result
        listed = ", ".join(made[:10]) + (f" and {len(made) - 10} more" if len(made) > 10 else "")
        note = f"PROTECTED PATHS CREATED by this command, look at them before you use the workspace: {listed}"
        return replace(result, text=f"{result.text}\n[{note}]", notes=(*result.notes, note))

    def _finish(self, call_id: str, action: Action, decision: Decision, result: ToolResult, started: int) -> Answer:
        self._written.update(change.path for change in result.changes)
        if decision.plan is not None:
            self._written.update(effect.path for effect in decision.effects if isinstance(effect, Write))
        self.totals.performed(decision, result)
        self._settings.recorder.outcome(call_id, action.tool, result, started)
        return Answer(text=result.text, is_error=result.is_error, verdict=decision.verdict, rules=rules(decision), result=result)

    def _refuse(self, call_id: str, decision: Decision, text: str, *, by: str) -> Answer:
        self._settings.recorder.refused(call_id, decision, by=by)
        return Answer(text=text, is_error=True, verdict=decision.verdict, rules=rules(decision), denied=True)


def _failed(problem: ToolError) -> ToolResult:
    return ToolResult(status="error", text=problem.message + (f"\n{problem.hint}" if problem.hint else ""))


def _fault(problem: Exception) -> str:
    return f"a fault in bylaw, please report it: {type(problem).__name__}: {str(problem)[:500]}"


def _denial_text(denied: Denied, decision: Decision) -> str:
    asking = "; ".join(f"{one.rule} ({one.source}): {one.text}" for one in decision.reasons if one.verdict is decision.verdict)
    if denied.unattended:
        return (
            "refused: the policy wants a person to confirm this, and nobody is there to ask. "
            f"What asks: {asking}. Do something that needs no confirmation, or stop and say what is needed."
        )
    return "refused by the person who was asked." + (f" They say: {denied.message}" if denied.message else "")
