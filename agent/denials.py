"""What the sandbox refused, in words for the model and the person, with the rule of the policy that judges such a thing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, assert_never

from ..policy.analysis import Analysis
from ..policy.decision import Reason, Verdict
from ..policy.effects import Connect, Delete, Effect, Execute, Read, Write
from ..policy.engine import judge
from ..policy.words import MEANINGS
from ..tools.sandbox.denials import LIMIT
from .visible import visible

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..policy.scope import Scope
    from ..tools.sandbox.denials import Denial, DenialKind
    from .recorder import Recorder

_COMMAND_TOOL: Final = "bash"
_NO_PLAN: Final = "analysis.failed"
_SHOWN: Final = 300

_DOING: Final[dict[DenialKind, str]] = {
    "read": "reading",
    "write": "writing",
    "delete": "removing",
    "execute": "starting",
    "network": "network access to",
    "socket": "connecting to the unix socket",
    "signal": "a signal to",
    "system_call": "the system call",
    "memory": "more than",
    "device": "control of the device",
    "other": "access of the kind",
}
_WITHOUT_RULE: Final[dict[DenialKind, str]] = {
    "socket": "no rule grants sockets of other programs",
    "signal": "no rule grants signals to processes that the call did not start",
    "system_call": "no rule grants it: no command needs it to work on files",
    "memory": "the limit is the sandbox's; work on less at a time",
    "device": "no rule grants it",
    "other": "no rule grants it",
}


def told(call_id: str, denials: Sequence[Denial], policy: Policy, scope: Scope, recorder: Recorder) -> list[str]:
    """Puts the denials of a call on the record, and says each in a line for the model; AuditError where the record fails.

    The first 20 stand for themselves, the rest is counted.
    """
    lines: list[str] = []
    for one in denials[:LIMIT]:
        reason = judged(one, policy, scope)
        recorder.denial(call_id, one, None if reason is None else reason.rule)
        lines.append(f"[{explain(one, reason)}]")
    if (more := len(denials) - LIMIT) > 0:
        recorder.more_denials(call_id, more)
        lines.append(f"[and {more} more refusals of the sandbox]")
    return lines


def judged(denial: Denial, policy: Policy, scope: Scope) -> Reason | None:
    """What the policy says of the effect that was refused: its strictest reason; None where no effect is like it."""
    effect = _effect(denial)
    if effect is None:
        return None
    decision = judge(Analysis(effects=(effect,)), policy, scope, tool=_COMMAND_TOOL)
    # A command without a plan is denied for that; here there is none, and only the effect is asked about.
    reasons = [reason for reason in decision.reasons if reason.rule != _NO_PLAN]
    return max(reasons, key=lambda reason: reason.verdict, default=None)


def explain(denial: Denial, reason: Reason | None) -> str:
    """One sentence: what was refused, how certain that is, which rule could grant it and what it says, what to do next."""
    probably = "probably " if denial.certainty == "probable" else ""
    what = f"the sandbox {probably}did not grant {_DOING[denial.kind]} `{_short(denial.subject)}`"
    if reason is None:
        return f"{what}; {_WITHOUT_RULE.get(denial.kind, 'no rule grants it')}"
    meaning = next((f" ({words})" for kind, words in MEANINGS.items() if reason.rule == f"default.{kind}"), "")
    said = f"the policy rule that could is `{reason.rule}` ({reason.source}){meaning}, which says {reason.verdict}"
    return f"{what}; {said}: {_next(denial, reason)}"


def _next(denial: Denial, reason: Reason) -> str:
    network = denial.kind == "network"
    match reason.verdict:
        case Verdict.DENY:
            return reason.suggestion or "work without it, or ask the person to change the policy"
        case Verdict.CONFIRM if network:
            return "use a command that names the host, or ask the person to name it in `network:`"
        case Verdict.CONFIRM:
            return "name it in the command itself, and a person is asked"
        case Verdict.ALLOW:
            return "name it in the command itself, and it is granted"
        case _:
            assert_never(reason.verdict)


def _effect(denial: Denial) -> Effect | None:
    path = denial.subject
    match denial.kind:
        case "read" | "write" | "delete" | "execute" if not path.startswith("/"):
            return None
        case "read":
            return Read(path=path)
        case "write":
            return Write(path=path)
        case "delete":
            return Delete(path=path)
        case "execute":
            return Execute(program=os.path.basename(path), argv=(path,), path=path)
        case "network":
            host, colon, port = path.removesuffix(" (listening)").rpartition(":")
            named = colon and port.isdecimal()
            unknown = " " in path
            return Connect(host="*" if unknown else (host if named else path).strip("[]"), port=int(port) if named else None)
        case "socket" | "signal" | "system_call" | "memory" | "device" | "other":
            return None
        case _:
            assert_never(denial.kind)


def _short(text: str) -> str:
    # A name may hold what looks like a line of ours.
    shown = visible(text[:_SHOWN], keep_newlines=False)
    return shown if len(text) <= _SHOWN else f"{shown}..."
