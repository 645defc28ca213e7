"""The outcome of a command as the model reads it."""

from __future__ import annotations

import signal

from ..policy.plan import Plan
from .outcome import ProcessOutcome
from .result import JSON, ToolResult


def command_result(plan: Plan, outcome: ProcessOutcome) -> ToolResult:
    """Standard output, then a block with standard error, then how it ended; all of it in fields too."""
    out, err = outcome.stdout, outcome.stderr
    parts = [out.text.rstrip("\n")] if out.text else []
    if err.text:
        parts.append("STDERR:\n" + err.text.rstrip("\n"))
    if not parts:
        parts.append("(no output)")
    parts.append(_ending(outcome))
    parts += [f"[{note}]" for note in outcome.notes]
    data: dict[str, JSON] = {
        "command": [list(one.argv) for one in plan.invocations()],
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "timed_out": outcome.status == "timeout",
        "stdout": out.text,
        "stderr": err.text,
        "duration_ms": outcome.duration_ms,
        "truncated": out.truncated or err.truncated,
        "sandbox": list(outcome.layers),
        "denials": [
            {"kind": one.kind, "subject": one.subject, "certainty": one.certainty, "source": one.source} for one in outcome.denials
        ],
    }
    return ToolResult(
        status=outcome.status,
        text="\n".join(parts),
        data=data,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        output_bytes=out.total_bytes + err.total_bytes,
        truncated=out.truncated or err.truncated,
        sandbox=outcome.layers,
        notes=outcome.notes,
        denials=outcome.denials,
    )


def _ending(outcome: ProcessOutcome) -> str:
    match outcome.status:
        case "timeout":
            return f"timed out after {outcome.duration_ms / 1000:.1f} seconds; what it printed until then is above"
        case "interrupted":
            return "interrupted by the person; what it printed until then is above"
        case "error":
            return "the command could not go on as it was judged"
        case "ok" | "killed":
            if outcome.signal is not None:
                return f"killed by signal {outcome.signal} ({_signal_name(outcome.signal)})"
            return "killed" if outcome.exit_code is None else f"exit code: {outcome.exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
