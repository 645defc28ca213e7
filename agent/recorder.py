"""Writes what happens at the gate to the record: intent, confirmation, refusal, outcome. Secrets are replaced first."""

from __future__ import annotations

import hashlib
import os
import pwd
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..audit import AuditLog
from ..policy.decision import Decision, Verdict
from ..tools.result import JSON, ToolResult
from .describe import effect_to_json, mapped, reason_to_json
from .plans import plan_to_json
from .redaction import Redactor

if TYPE_CHECKING:
    from ..policy.actions import Action
    from ..tools.sandbox.denials import Denial

_CALL_ID = 100
_SUBJECT = 4096


def sha256(text: str) -> str:
    """SHA-256 (hex) of the text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _account() -> str:
    """Who runs bylaw, by the account and not by the environment, which anybody can set; the number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def rules(decision: Decision) -> tuple[str, ...]:
    """The ids of the rules that gave the verdict."""
    return tuple(dict.fromkeys(reason.rule for reason in decision.reasons if reason.verdict is decision.verdict))


class Recorder:
    """Appends the events of calls. Every method raises AuditError when the record cannot be written."""

    def __init__(self, log: AuditLog, redactor: Redactor) -> None:
        self._log = log
        self.redact = redactor

    def note(self, event: str, fields: Mapping[str, JSON], *, durable: bool = False) -> None:
        """Appends one event; with `durable`, returns only when it is on the disk."""
        clean = mapped(fields, self._clean)
        assert isinstance(clean, dict)
        if isinstance(call_id := clean.get("call_id"), str) and len(call_id) > _CALL_ID:
            # the id comes from the model: however long it is, the call is recorded, and its events keep one name
            clean["call_id"] = f"{call_id[:_CALL_ID]}...{sha256(call_id)}"
        self._log.append(event, clean, durable=durable)

    def _clean(self, text: str) -> str:
        # a lone surrogate is no character: a model can send one, and UTF-8 cannot hold it
        return self.redact(text.encode("utf-8", "backslashreplace").decode())

    def intent(self, call_id: str, action: Action, decision: Decision) -> None:
        """What is about to be done, or refused. INVARIANT: on the disk before any effect of the call starts."""
        fields: dict[str, JSON] = {
            "call_id": call_id,
            "tool": action.tool,
            "arguments_sha256": sha256(action.model_dump_json()),
            "verdict": str(decision.verdict),
            "reasons": [reason_to_json(reason) for reason in decision.reasons],
            "effects": [effect_to_json(effect) for effect in decision.effects],
            "policy_digest": decision.policy_digest,
        }
        if decision.plan is not None:
            fields["plan"] = plan_to_json(decision.plan)
        if decision.not_installed:
            fields["not_installed"] = list(decision.not_installed)
        self.note("tool.intent", fields, durable=True)

    def confirmation(self, call_id: str, answer: str, how: str, shown: str, extra: Mapping[str, JSON]) -> None:
        """Who was asked what, and what they said. Durable: nobody can say later that nobody was asked."""
        fields: dict[str, JSON] = {"call_id": call_id, "answer": answer, "how": how, "by": _account(), "shown_sha256": sha256(shown)}
        self.note("tool.confirmation", {**fields, **extra}, durable=True)

    def refused(self, call_id: str, decision: Decision, *, by: str) -> None:
        """The call was not performed, because the policy or a person said no."""
        self.note("tool.refused", {"call_id": call_id, "by": by, "rules": list(rules(decision))})

    def malformed(self, call_id: str, tool: str, arguments: str, problem: str) -> None:
        """The call did not have the shape of any tool's call."""
        fields: dict[str, JSON] = {"call_id": call_id, "tool": tool[:80], "by": "schema", "rules": []}
        self.note("tool.refused", {**fields, "arguments_sha256": sha256(arguments), "error": problem})

    def skipped(self, call_id: str, verdict: Verdict, *, why: str) -> None:
        """The call ends here, though nobody refused it: a dry run, or a call that goes on under another name."""
        self.note("tool.skipped", {"call_id": call_id, "why": why, "verdict": str(verdict)})

    def denial(self, call_id: str, denial: Denial, rule: str | None) -> None:
        """What the sandbox refused to the call, and the rule or default that judges such a thing, where there is one."""
        fields: dict[str, JSON] = {
            "call_id": call_id,
            "kind": denial.kind,
            "subject": denial.subject[:_SUBJECT],
            "certainty": denial.certainty,
            "source": denial.source,
            "rule": rule,
        }
        self.note("sandbox.denial", fields)

    def more_denials(self, call_id: str, count: int) -> None:
        """How many denials of the call are not on the record one by one."""
        self.note("sandbox.denial", {"call_id": call_id, "kind": "more", "more": count})

    def outcome(self, call_id: str, tool: str, result: ToolResult, started_ns: int) -> None:
        """What came of the call; the duration is counted from `started_ns` (time.monotonic_ns)."""
        changes: list[JSON] = [{"path": one.path, "before": one.before, "after": one.after, "size": one.size} for one in result.changes]
        fields: dict[str, JSON] = {
            "call_id": call_id,
            "tool": tool,
            "status": result.status,
            "exit_code": result.exit_code,
            "signal": result.signal,
            "output_bytes": result.output_bytes,
            "output_sha256": result.output_sha256,
            "truncated": result.truncated,
            "changes": changes,
            "sandbox": list(result.sandbox),
            "notes": list(result.notes),
            "duration_us": (time.monotonic_ns() - started_ns) // 1000,
        }
        self.note("tool.outcome", fields)
