"""`bylaw run`: a model works on the workspace, every call through the gate."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...policy.actions import Action
from ...policy.decision import Decision
from ...policy.paths import within
from ...tools.result import JSON
from ..approvals import Approver, Headless, UnsafeApproveAll
from ..errors import ConfigurationError, LimitError
from ..events import CallDecided, Notice, RunStarted
from ..loop import Received, RunLimits, RunOutcome, Sending, run
from ..prompt import system_prompt, tool_specs
from ..providers import provider_for
from ..recorder import Recorder, rules, sha256
from ..session import Session, SessionSettings, open_session
from .check import opinions_of
from .options import Loaded, PolicyOptions, load_policy
from .view import View, view_for

_DENIED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The command line of `bylaw run`."""

    task: str
    model: str | None
    base_url: str | None
    policy: PolicyOptions
    max_turns: int
    dry_run: bool
    format: str
    audit_log: str | None
    allow_denials: bool
    approve_all: bool


def run_task(options: RunOptions, environ: Mapping[str, str]) -> int:
    """Runs the task; returns the exit code. Raises the rooms' errors before the run has begun."""
    task = sys.stdin.read() if options.task == "-" else options.task
    if not task.strip():
        raise ConfigurationError("there is no task", hint='give one: bylaw run "task", or bylaw run - < file')
    model = options.model if options.model is not None else environ.get("BYLAW_MODEL")
    if not model:
        raise ConfigurationError("no model was chosen", hint="give --model openai/NAME, set BYLAW_MODEL, or try `bylaw demo`")
    loaded = load_policy(options.policy, environ)
    if options.approve_all and not loaded.policy.approve_all:
        raise ConfigurationError(
            f"the policy `{loaded.policy.name}` refuses --unsafe-approve-all", hint="answer the questions, or choose another preset"
        )
    approver = approver_for(environ, approve_all=options.approve_all)
    job = Job(task=task, model=model, loaded=loaded, approver=approver, view=view_for(options.format), options=options)
    return work(job, environ)


def approver_for(environ: Mapping[str, str], *, approve_all: bool) -> Approver:
    """Who answers: a person where there is a terminal to ask on, nobody elsewhere."""
    if approve_all:
        return UnsafeApproveAll()  # the session warns of it, loudly
    # a person is there when standard input and error are theirs; a terminal that only happens to exist is not
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        from ..approvals.terminal import open_terminal

        if terminal := open_terminal(environ=environ):
            return terminal
    return Headless()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task for one model in one place; `approver` answers, `view` shows."""

    task: str
    model: str
    loaded: Loaded
    approver: Approver
    view: View
    options: RunOptions


def work(job: Job, environ: Mapping[str, str]) -> int:
    """One whole session for one task; returns the exit code."""
    task, loaded, view, options = job.task, job.loaded, job.view, job.options
    # a job started in the background can inherit an ignored SIGINT; Ctrl-C must reach the run all the same
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # they end a run as Ctrl-C does: what runs is ended with it, and the record gets its end; `nohup` is respected
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    provider, name = provider_for(job.model, base_url=options.base_url, environ=environ)

    def decided(call_id: str, action: Action, decision: Decision) -> None:
        reasons = tuple(reason.text for reason in decision.reasons if reason.verdict is decision.verdict)
        view(CallDecided(call_id=call_id, tool=action.tool, verdict=decision.verdict, rules=rules(decision), reasons=reasons))

    settings = SessionSettings(
        policy=loaded.policy,
        workspace=loaded.workspace,
        home=loaded.home,
        environ=environ,
        approver=job.approver,
        model=job.model,
        dry_run=options.dry_run,
        audit_log=options.audit_log,
        opinions=opinions_of(loaded),
        decided=decided,
    )
    with open_session(settings) as session:
        view(
            RunStarted(
                task=task,
                provider=provider.name,
                model=name,
                host=provider.host,
                session=session.path,
                workspace=loaded.workspace,
                preset=loaded.policy.name,
            )
        )
        for text in session.warnings:
            view(Notice(level="warning", text=text))
            if options.format == "json":
                # the events go to a program; a person who watches must hear it all the same
                print(f"bylaw: {text}", file=sys.stderr)
        session.recorder.note("user.prompt", {"sha256": sha256(task), "bytes": len(task.encode("utf-8", "surrogatepass"))})
        outcome = run(
            task,
            provider=provider,
            model=name,
            gate=session,
            recorder=ModelRecord(session.recorder),
            system=system_prompt(workspace=loaded.workspace, directory=place_in(loaded.workspace), readable=session.readable),
            tools=tool_specs(),
            limits=RunLimits(turns=options.max_turns),
            emit=view,
        )
        session.exit_code = exit_code(outcome, session, allow_denials=options.allow_denials)
        if outcome.error is not None:
            view(Notice(level="error", text=str(outcome.error), hint=outcome.error.hint))
        status = "limit" if session.exit_code == LimitError.exit_code else outcome.status
        view(replace(outcome.finished(), status=status, exit_code=session.exit_code))
        return session.exit_code


def place_in(workspace: str) -> str:
    """The current directory where it lies in the workspace, and else the workspace; an absolute real path."""
    try:
        here = os.getcwd()
    except OSError:
        return workspace
    return here if within(here, (workspace,)) else workspace


def exit_code(outcome: RunOutcome, session: Session, *, allow_denials: bool) -> int:
    """The run's own code; a run that is done ends with 4 where a total of the session refused a call, and with 3 where
    something else was denied, unless that was asked for.
    """
    if outcome.exit_code == 0 and session.limits_reached:
        return LimitError.exit_code
    if outcome.exit_code == 0 and session.denials and not allow_denials:
        return _DENIED
    return outcome.exit_code


class ModelRecord:
    """Puts what goes to a model, and what comes back, on the record."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def request(self, sending: Sending) -> None:
        """Durable before the bytes leave: content of the repository goes to a provider."""
        fields: dict[str, JSON] = {
            "turn": sending.turn,
            "provider": sending.provider,
            "host": sending.host,
            "model": sending.model,
            "bytes": sending.size,
            "request_sha256": sending.sha256,
            "messages": sending.messages,
        }
        self._recorder.note("model.request", fields, durable=True)

    def response(self, received: Received) -> None:
        """What came back, in numbers; the text is not kept."""
        done = received.done
        fields: dict[str, JSON] = {"turn": received.turn, "error": received.error, "characters": received.characters}
        if done is not None:
            fields |= {
                "model": done.model,
                "stop": done.stop_reason,
                "raw_stop": done.raw_stop,
                "calls": len(done.message.calls),
                "input_tokens": done.usage.input,
                "output_tokens": done.usage.output,
            }
        self._recorder.note("model.response", fields)
