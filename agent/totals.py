"""What a session has taken so far, held against the totals of its policy.

Counted exactly: the bytes of every answer to the model, and what our own tools read of files and wrote to them. What a
program reads and writes is not known: of a command only its output counts, and the files that it declared to write. So a
total that was reached keeps commands from reading or writing at all, by what they declared and the kernel holds them to.

INVARIANT: what is known of a call before it runs never takes a total past its limit; what is only known afterwards (the
size of an answer, of a file that was read or edited) does so by one call at most, which has limits of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..policy.actions import EditFile
from ..policy.decision import Reason, Verdict
from ..policy.effects import Write
from ..policy.manifest import EVERY_PROGRAM
from ..policy.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..policy.actions import Action
    from ..policy.decision import Decision
    from ..policy.model import Policy
    from ..tools.result import ToolResult

_WHAT: Final[Mapping[str, str]] = {
    "session_output_bytes": "bytes of answers",
    "session_read_bytes": "bytes read of files",
    "session_write_bytes": "bytes written to files",
    "session_files": "files written",
}
_SUGGESTION: Final = "say what was done and what is left; a person can raise the limit and start another session"


class Totals:
    """Counts over one session. `reached` names the limits that a call was refused for."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._limits: Mapping[str, int] = {
            "session_output_bytes": policy.limits.session_output_bytes,
            "session_read_bytes": policy.limits.session_read_bytes,
            "session_write_bytes": policy.limits.session_write_bytes,
            "session_files": policy.limits.session_files,
        }
        self._output = 0
        self._read = 0
        self._written = 0
        self._files: set[str] = set()
        self.reached: dict[str, None] = {}

    def held(self, action: Action, decision: Decision) -> Decision:
        """The decision, denied by name where a total is reached or what is known of the call would pass it."""
        if decision.verdict is Verdict.DENY:
            return decision
        passed = [name for name, count in self._after(action, decision).items() if 0 < self._limits[name] < count]
        if not passed:
            return decision
        self.reached.update(dict.fromkeys(passed))
        return replace(decision, verdict=Verdict.DENY, reasons=(*map(self._reason, passed), *decision.reasons))

    def performed(self, decision: Decision, result: ToolResult) -> None:
        """Counts what a call did, as far as it is known."""
        self._read += result.read_bytes
        self._written += sum(change.size for change in result.changes if change.after is not None)
        self._files.update(change.path for change in result.changes)
        if decision.plan is not None:
            self._files.update(effect.path for effect in _writes(decision))

    def answered(self, text: str) -> None:
        """Counts an answer to the model."""
        self._output += len(text.encode("utf-8", "surrogatepass"))

    def counts(self) -> Mapping[str, int]:
        """The totals so far."""
        return {
            "session_output_bytes": self._output,
            "session_read_bytes": self._read,
            "session_write_bytes": self._written,
            "session_files": len(self._files),
        }

    def _after(self, action: Action, decision: Decision) -> Mapping[str, int]:
        """The least that each total would be after the call; a total that the call does not touch is 0.

        What cannot be known beforehand counts as one byte or one file, so that nothing of its kind follows a total that is
        reached.
        """
        now, manifest = self.counts(), decision.manifest
        anything = EVERY_PROGRAM in manifest.programs and bool(manifest.write)
        writes = _writes(decision)
        size = sum(effect.size or 0 for effect in writes)
        fresh = len({effect.path for effect in writes} - self._files)
        reads = bool(manifest.read) or isinstance(action, EditFile) or (decision.plan is not None and bool(manifest.write))
        return {
            "session_output_bytes": now["session_output_bytes"] + 1,
            "session_read_bytes": now["session_read_bytes"] + 1 if reads else 0,
            "session_write_bytes": now["session_write_bytes"] + (size or 1) if writes or anything else 0,
            "session_files": now["session_files"] + (fresh or 1) if fresh or anything else 0,
        }

    def _reason(self, name: str) -> Reason:
        limit, count = self._limits[name], self.counts()[name]
        rule = f"limits.{name}"
        text = f"this session is at {count:,} {_WHAT[name]}, its limit is {limit:,}, and this call would add to them"
        return Reason(rule=rule, verdict=Verdict.DENY, text=text, source=self._policy.origins.get(rule, "policy"), suggestion=_SUGGESTION)


def _writes(decision: Decision) -> list[Write]:
    """The files that a call declares to write; `/dev/null` and its like take nothing in."""
    return [effect for effect in decision.effects if isinstance(effect, Write) and not effect.path.startswith("/dev/")]
