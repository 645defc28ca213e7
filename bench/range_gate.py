"""Passes commands through the gate under one layer alone, or under the policy and the sandbox together.

Only here, in the process of a measurement, is the gate's judgement replaced: the product has no switch for that.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from unittest import mock

from bylaw.agent.approvals.headless import Headless
from bylaw.agent.approvals.interface import Approval, Approved, Approver, Question
from bylaw.agent.gate import Answer, Gate
from bylaw.agent.providers.interface import ToolCall
from bylaw.agent.session import SessionSettings, open_session
from bylaw.audit import AuditError
from bylaw.policy import manifest
from bylaw.policy.actions import RunCommand
from bylaw.policy.decision import Decision, Manifest, Reason, Verdict
from bylaw.policy.engine import decide
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.policy.model import Policy
from bylaw.policy.paths import Walker
from bylaw.policy.records import replace
from bylaw.policy.scope import Scope
from bylaw.policy.shell.opinions import Opinion
from bylaw.tools.errors import ToolError
from bylaw.tools.opinions import opinions_for

from .corpus import Case
from .jail import Jail, environment
from .range_evidence import NOTHING, Breadth, Canary, Evidence, before, breadth, evidence
from .range_plain import end_children

Layer = Literal["policy", "sandbox", "both", "approved"]
LAYERS: Final[tuple[Layer, ...]] = ("policy", "sandbox", "both", "approved")
_MOST: Final = {"policy": Verdict.ALLOW, "sandbox": Verdict.DENY, "both": Verdict.DENY, "approved": Verdict.CONFIRM}
"""The strictest verdict with which a call still goes to the gate: under `both` every call does."""

_SECONDS: Final = 20
_OUTPUT_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a command under one preset and one layer; `why` says what kept it from running."""

    preset: str
    layer: Layer
    verdict: str
    ran: bool
    why: str = ""
    breadth: Breadth | None = None
    evidence: Evidence = NOTHING
    held: tuple[str, ...] = ()
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """The preset and the layer of a run."""

    preset: str
    layer: Layer


Shared = list[tuple[tuple[object, ...], Run]]
"""What was run already for a case, by what makes two runs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One performance: what ran, how it ended, and the manifest that it ran under."""

    answer: Answer | None
    why: str
    manifest: Manifest

    def text(self, name: str) -> str:
        """A field of the result; empty where nothing ran."""
        result = self.answer.result if self.answer is not None else None
        value = result.data.get(name) if result is not None else None
        return value if isinstance(value, str) else ""


class SaysYes:
    """A person who says yes to everything."""

    how = "bench"

    def ask(self, question: Question) -> Approval:
        """Approved, always."""
        del question
        return Approved()


@dataclass(slots=True, kw_only=True)
class Range:
    """The presets in one workspace; `dirty`: something was performed since it was laid."""

    jail: Jail
    canary: Canary
    presets: tuple[str, ...]
    policies: dict[str, Policy] = field(default_factory=dict[str, Policy])
    opinions: dict[str, tuple[Opinion, ...]] = field(default_factory=dict[str, tuple[Opinion, ...]])
    dirty: bool = False

    def policy(self, preset: str) -> Policy:
        """A shipped policy, with a time and an output limit that suit a measurement."""
        if preset not in self.policies:
            found = load(preset, workspace=self.jail.workspace, home=f"{self.jail.workspace}/home")
            limits = replace(
                found.limits,
                command_seconds=min(found.limits.command_seconds, _SECONDS),
                output_bytes=max(found.limits.output_bytes, _OUTPUT_BYTES),
            )
            self.policies[preset] = replace(found, limits=limits)
            self.opinions[preset] = opinions_for(found.opinions)
        return self.policies[preset]

    def runs(self, case: Case, layers: tuple[Layer, ...], relay: Callable[[], None]) -> Iterator[Run]:
        """Every run of one case: under each preset, under each layer."""
        shared: Shared = []
        for preset in reversed(self.presets):  # the laxest first: its limits hold where a run is shared
            self._clean(relay)
            judged = self._decided(preset, case)
            for layer in LAYERS:
                if layer not in layers:
                    continue
                self._clean(relay)
                yield self._run(Under(preset=preset, layer=layer), judged, case, shared)

    def _clean(self, relay: Callable[[], None]) -> None:
        if self.dirty:
            relay()
            self.dirty = False

    def _decided(self, preset: str, case: Case) -> Decision | None:
        """What the policy says; None for a text that is no call."""
        policy = self.policy(preset)
        try:
            action = RunCommand(command=case.command)
        except ValueError:
            return None
        return decide(action, policy, self.scope(policy), self.opinions[preset])

    def _run(self, under: Under, decision: Decision | None, case: Case, shared: Shared) -> Run:
        if decision is None:
            return Run(preset=under.preset, layer=under.layer, verdict="deny", ran=False, why="it is no call")
        nothing = Run(preset=under.preset, layer=under.layer, verdict=str(decision.verdict), ran=False)
        if decision.verdict > _MOST[under.layer]:
            return dataclasses.replace(nothing, why="the policy does not allow it")
        if under.layer == "sandbox":
            if decision.plan is None:
                return dataclasses.replace(nothing, why="it was not read, so there is no plan")
            policy = self.policy(under.preset)
            decision = allowed(decision, policy, self.scope(policy))
        # INVARIANT: what is shared is one run: the same vectors under the same grants, whoever the policy is.
        key = (under.layer, decision.plan, decision.manifest) if under.layer in {"policy", "sandbox"} else None
        for known, run in shared:
            if key is not None and known == key:
                return dataclasses.replace(run, preset=under.preset, verdict=nothing.verdict)
        run = self._performed(nothing, decision, case)
        if key is not None:
            shared.append((key, run))
        return run

    def _performed(self, run: Run, decision: Decision, case: Case) -> Run:
        policy, start = self.policy(run.preset), before(self.jail, self.canary)
        width = breadth(decision.manifest)
        if run.layer == "policy":
            policy = replace(policy, sandbox=replace(policy.sandbox, mode="off"))
        instead = decision if run.layer in {"policy", "sandbox"} else None
        ended = self.call(case.command, policy, SaysYes() if run.layer == "approved" else Headless(), instead=instead)
        result = ended.answer.result if ended.answer is not None else None
        if result is None:
            return dataclasses.replace(run, why=ended.why or "the gate refused it")
        shown = ended.text("stdout") + ended.text("stderr")
        found = evidence(
            self.jail,
            start,
            shown,
            canary=self.canary,
            manifest=ended.manifest,
            own=f"{case.command}\n{case.setup}",
            confined=run.layer != "policy",
        )
        return dataclasses.replace(
            run, ran=True, breadth=width, evidence=found, held=tuple(map(str, result.sandbox)), shown=result.text[-600:]
        )

    def call(self, command: str, policy: Policy, approver: Approver, *, instead: Decision | None = None) -> Ended:
        """One call through the gate, on a record of its own; with `instead`, that is the gate's judgement."""
        decisions: list[Decision] = []
        settings = SessionSettings(
            policy=policy,
            workspace=self.jail.workspace,
            home=f"{self.jail.workspace}/home",
            environ={**environment(self.jail, token=self.canary.token), "BYLAW_HOME": self.jail.state},
            approver=approver,
            model="none",
            opinions=self.opinions[policy.name],
            decided=lambda _call, _action, decision: decisions.append(decision),
        )
        answer, why = None, ""
        self.dirty = True
        try:
            with overridden(instead), open_session(settings) as session:
                answer = session.call(ToolCall(id="1", name="bash", arguments=json.dumps({"command": command})))
        except (ToolError, AuditError) as problem:
            why = problem.message
        finally:
            end_children()
        if answer is not None and answer.result is None:
            self.dirty, why = False, answer.text
        return Ended(answer=answer, why=why, manifest=decisions[-1].manifest if decisions else Manifest())

    def scope(self, policy: Policy) -> Scope:
        """The facts of this moment."""
        return make_scope(
            policy,
            workspace=self.jail.workspace,
            home=f"{self.jail.workspace}/home",
            environ=environment(self.jail, token=self.canary.token),
        )


@contextmanager
def overridden(decision: Decision | None) -> Generator[None, None, None]:
    """Replaces the judgement of every gate in this process, while it lasts."""
    if decision is None:
        yield
        return
    with mock.patch.object(Gate, "_judge", return_value=decision):
        yield


def allowed(decision: Decision, policy: Policy, scope: Scope) -> Decision:
    """The decision as if the policy had nothing against it: the same plan, and the manifest of the same effects."""
    now = scope.steady()
    return replace(
        decision,
        verdict=Verdict.ALLOW,
        reasons=(Reason(rule="bench.range", verdict=Verdict.ALLOW, text="only the kernel stands here", source="bench/range_gate.py"),),
        manifest=manifest.build(decision.effects, policy, now, Walker(now.files)),
        captures=tuple(allowed(one, policy, scope) for one in decision.captures),
    )
