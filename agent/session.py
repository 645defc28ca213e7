"""One session: a policy, a record, a gate and a model, put together and taken down again.

Whatever happens inside, the record gets its end, the roots and helpers are closed, and the exit code tells the truth.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..audit import AuditLog, state_directory
from ..policy.actions import Action, ReadFile
from ..policy.decision import Decision, Verdict
from ..policy.engine import decide
from ..policy.paths import within
from ..tools.permit import Issuer
from ..tools.result import JSON
from ..tools.sandbox import layers
from ..tools.toolbox import Toolbox
from .approvals.interface import Approver
from .errors import ConfigurationError
from .gate import Answer, Gate, GateSettings, nobody_listens
from .preparation import Workplace
from .recorder import Recorder
from .redaction import Redactor

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..policy.shell.opinions import Opinion
    from .providers.interface import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What a session is made of. `audit_log` names a new file for the record instead of the state directory."""

    policy: Policy
    workspace: str
    home: str
    environ: Mapping[str, str]
    approver: Approver
    model: str
    dry_run: bool = False
    audit_log: str | None = None
    opinions: Sequence[Opinion] = ()
    decided: Callable[[str, Action, Decision], None] = nobody_listens


class Session:
    """An open session. `denials` counts the calls that the policy or a person refused."""

    def __init__(self, gate: Gate, recorder: Recorder, path: str, settings: SessionSettings, workplace: Workplace) -> None:
        self._gate = gate
        self._settings = settings
        self._workplace = workplace
        self.recorder = recorder
        self.path = path
        self.denials = 0
        self.exit_code = 1

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person must hear before the run begins."""
        found: list[str] = []
        if self._settings.approver.how == "unsafe-approve-all":
            found.append("EVERY CONFIRMATION IS ANSWERED WITH YES (--unsafe-approve-all)")
        if self._settings.policy.sandbox.mode == "off":
            found.append("the sandbox is switched off: the kernel does not hold commands to what they declare")
        elif not self._workplace.holding().wall:
            found.append("no sandbox layer works on this machine: the kernel does not hold commands to what they declare")
        elif why := self._without_bubblewrap():
            state = "is not installed" if why.startswith("no trustworthy") else f"does not work here ({why})"
            found.append(
                f"bubblewrap {state}: commands are confined by "
                "Landlock alone, which does not hide processes and does not hold protected names inside a writable tree"
            )
        return tuple(found)

    def _without_bubblewrap(self) -> str:
        """Why bubblewrap cannot be had where it is wanted; empty where it can."""
        states = layers(self._settings.policy.sandbox.launcher)
        return next((one.why for one in states if one.name == "bubblewrap" and not one.available), "")

    @property
    def limits_reached(self) -> tuple[str, ...]:
        """The totals of the session that calls were refused for."""
        return tuple(self._gate.totals.reached)

    def end(self) -> None:
        """Puts the end of the session on the record, with what it took in all."""
        totals: dict[str, JSON] = {**self._gate.totals.counts()}
        reached = list(self.limits_reached)
        fields: dict[str, JSON] = {"exit_code": self.exit_code, "denials": self.denials, "totals": totals, "limits_reached": reached}
        self.recorder.note("session.end", fields, durable=True)

    def readable(self, path: str) -> bool:
        """Whether the policy lets this file be read without a question."""
        decision = decide(ReadFile(path=path), self._settings.policy, self._workplace.scope(frozenset()))
        return decision.verdict is Verdict.ALLOW

    def call(self, call: ToolCall) -> Answer:
        """Passes a call through the gate and counts what was refused."""
        answer = self._gate.call(call)
        self.denials += answer.denied
        return answer


@contextmanager
def open_session(settings: SessionSettings) -> Iterator[Session]:
    """A session with its record open. Raises AuditError before anything else can happen when there can be no record."""
    if settings.approver.how == "unsafe-approve-all" and not settings.policy.approve_all:
        raise ConfigurationError(
            f"the policy `{settings.policy.name}` refuses --unsafe-approve-all", hint="answer the questions, or choose another preset"
        )
    session_id = secrets.token_hex(8)
    workplace = Workplace(settings.policy, workspace=settings.workspace, home=settings.home, environ=settings.environ)
    workplace.layers()  # probed before there is a record: what ends bylaw meanwhile leaves none that lacks its end
    log = _create_log(settings, session_id)
    recorder = Recorder(log, Redactor(settings.environ))
    issuer = Issuer()
    gate = Gate(
        GateSettings(
            policy=settings.policy,
            workplace=workplace,
            recorder=recorder,
            toolbox=Toolbox(issuer),
            issuer=issuer,
            approver=settings.approver,
            opinions=settings.opinions,
            dry_run=settings.dry_run,
            decided=settings.decided,
        )
    )
    session = Session(gate, recorder, str(log.path), settings, workplace)
    try:
        _record_start(settings, recorder, workplace)
        for text in session.warnings:
            recorder.note("notice", {"text": text})
        try:
            yield session
        except KeyboardInterrupt:
            session.exit_code = 130
            raise
        finally:
            session.end()
    finally:
        workplace.close()
        log.close()


def _create_log(settings: SessionSettings, session_id: str) -> AuditLog:
    if settings.audit_log is not None:
        place = os.path.abspath(settings.audit_log)
        # INVARIANT: no call can reach the record that it is on, by whatever name.
        for name in (place, os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))):
            if within(name, (settings.workspace, *settings.policy.paths.write)):
                raise ConfigurationError(
                    f"the record `{place}` would lie where calls may write", hint="name a file outside of the workspace and the write roots"
                )
        return AuditLog.create_file(Path(place), session=session_id)
    return AuditLog.create(state_directory(settings.environ), session=session_id)


def _record_start(settings: SessionSettings, recorder: Recorder, workplace: Workplace) -> None:
    recorder.note(
        "session.start",
        {
            "bylaw_version": __version__,
            "workspace": settings.workspace,
            "policy": settings.policy.name,
            "policy_digest": settings.policy.digest,
            "model": settings.model,
            "approvals": settings.approver.how,
            "dry_run": settings.dry_run,
            "sandbox_mode": settings.policy.sandbox.mode,
            "sandbox_layers": list(workplace.layers()),
            "record_from": "--audit-log" if settings.audit_log is not None else "state directory",
        },
        durable=True,
    )
