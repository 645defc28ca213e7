"""The engine: effects against a policy, and the answer with every reason.

INVARIANT: each effect is judged by the strictest rule that matches it, or by the default of its kind where none does;
the call by the strictest of its effects; order never matters; an error while judging is a deny.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from . import manifest, network
from .decision import Decision, Manifest, Reason, Verdict
from .effects import Effect, Execute, Unknown
from .errors import ShellSyntaxError
from .kinds import Judged, kinds
from .match import matching
from .model import Kind, Policy, Rule
from .paths import Walker, globs
from .records import replace
from .scope import Scope
from .spans import Span
from .words import SUGGESTIONS, describe

if TYPE_CHECKING:
    from .actions import Action
    from .analysis import Analysis
    from .shell.opinions import Opinion

PARSER: Final = "policy/shell"
ENGINE: Final = "policy/engine"

_GUARDED: Final[frozenset[Kind]] = frozenset({"read.secret", "write.protected"})
"""Kinds whose default stands beside the rules that match, unless a rule names the path."""


def decide(action: Action, policy: Policy, scope: Scope, opinions: Sequence[Opinion] = ()) -> Decision:
    """What happens to a call: analysed, then judged. Never raises: an error on the way is a deny that says so."""
    try:
        from .analysis import analyse  # imported late: readers of shell and programs are not needed to judge other tools

        now = scope.steady()
        return _judge(analyse(action, now, policy.limits, opinions=opinions), policy, now, tool=action.tool)
    except Exception as problem:  # noqa: BLE001  # fail closed: whatever went wrong, what was not judged does not happen
        return _failed(problem, policy)


def decide_command(text: str, policy: Policy, scope: Scope, opinions: Sequence[Opinion] = ()) -> Decision:
    """The same for a shell command, without loading pydantic, whose import costs more than the decision."""
    try:
        from .analysis import analyse_command

        now = scope.steady()
        return _judge(analyse_command(text, now, policy.limits, opinions=opinions), policy, now, tool=_COMMAND_TOOL)
    except Exception as problem:  # noqa: BLE001  # fail closed: whatever went wrong, what was not judged does not happen
        return _failed(problem, policy)


def judge(analysis: Analysis, policy: Policy, scope: Scope, *, tool: str) -> Decision:
    """The decision on a call of `tool` that would have these effects. Never raises: an error on the way is a deny."""
    try:
        return _judge(analysis, policy, scope.steady(), tool=tool)
    except Exception as problem:  # noqa: BLE001  # fail closed: whatever went wrong, what was not judged does not happen
        return _failed(problem, policy)


def _judge(analysis: Analysis, policy: Policy, scope: Scope, *, tool: str) -> Decision:
    walker = Walker(scope.files)
    reasons: dict[Reason, None] = {}
    if len(analysis.text) > policy.limits.command_characters:
        reasons[_too_long(len(analysis.text), policy)] = None
    elif analysis.refusal is not None:
        reasons[_refused(analysis.refusal, analysis.text)] = None
    elif analysis.plan is None and tool == _COMMAND_TOOL:
        reasons[_NO_PLAN] = None
    if analysis.skipped:
        reasons[_skips(analysis.skipped, policy)] = None
    effects = network.told(analysis.effects, policy)
    for judged in kinds(effects, policy, scope, walker):
        for reason in _reasons(judged, policy, walker, tool):
            reasons[_pointed(reason, judged.effect, analysis)] = None
    captures = tuple(_judge(one, policy, scope, tool=tool) for one in analysis.captures)
    # INVARIANT: no captured command is judged stricter than the call that it is part of.
    for one in captures:
        reasons.update(dict.fromkeys(one.reasons))
    if not reasons:
        reasons[_nothing(analysis, policy)] = None
    verdict = max(map(_verdict, reasons))
    denied = verdict is Verdict.DENY
    return Decision(
        verdict=verdict,
        reasons=tuple(sorted(reasons, key=_verdict, reverse=True)),
        effects=effects,
        manifest=Manifest() if denied else manifest.build(effects, policy, scope, walker, tool=tool),
        plan=analysis.plan,
        not_installed=analysis.not_installed,
        policy_digest=policy.digest,
        captures=captures,
    )


def _pointed(reason: Reason, effect: Effect, analysis: Analysis) -> Reason:
    """The reason with its place in the command, where the call is not accounted for: what it is about, and who would have to know it."""
    if not isinstance(effect, Unknown) or effect.span is None or not analysis.text or reason.verdict is Verdict.ALLOW:
        return reason
    start, end = effect.span.start, effect.span.end
    at = analysis.text.find(effect.subject, start, end) if effect.subject else -1
    place = effect.span if at < 0 else Span(at, at + len(effect.subject))
    programs = dict.fromkeys(one.program for one in analysis.effects if isinstance(one, Execute) and one.span == effect.span)
    known = f" (it would have to stand in the profile of `{next(iter(programs))}`, policy/programs)" if programs and at >= 0 else ""
    return replace(reason, text=f"{reason.text}{known}\n{place.caret(analysis.text)}", span=place)


def _reasons(judged: Judged, policy: Policy, walker: Walker, tool: str) -> list[Reason]:
    """Why an effect gets its verdict: every rule that matches, or the default of its kind."""
    if judged.reason is not None:
        return [judged.reason]
    rules = matching(policy.rules, judged.effect, walker, tool=tool)
    found = [
        Reason(rule=rule.id, verdict=rule.verdict, text=rule.because, source=rule.source, suggestion=rule.suggest, span=judged.effect.span)
        for rule in rules
    ]
    listed = network.allowed(judged.effect, policy)
    if listed is not None:
        found.append(listed)
    # INVARIANT: a rule lifts the default for a secret or protected path only by naming the path, never by the way.
    if not found or (judged.kind in _GUARDED and (judged.below or not any(_names_path(rule, judged, policy) for rule in rules))):
        default = policy.defaults[judged.kind]
        found.append(
            Reason(
                rule=f"default.{judged.kind}",
                verdict=default.verdict,
                text=judged.text or describe(judged.effect, judged.kind),
                source=default.source,
                suggestion=SUGGESTIONS.get(judged.kind) if default.verdict is not Verdict.ALLOW else None,
                span=judged.effect.span,
            )
        )
    return found


_verdict: Final = attrgetter("verdict")
_COMMAND_TOOL: Final = "bash"
_NO_PLAN: Final = Reason(
    rule="analysis.failed",
    verdict=Verdict.DENY,
    text="the command could not be analysed, so there is nothing that may run",
    source="policy/analysis",
    suggestion="this is a fault in bylaw; please report it",
)


def _names_path(rule: Rule, judged: Judged, policy: Policy) -> bool:
    """Whether a rule speaks of this secret or protected path itself: `.env` and `.github/workflows/**` do, `src/**` and
    `*.py` do not, whatever lies there.
    """
    path = getattr(judged.effect, "path", "")
    guarded = policy.paths.secret if judged.kind == "read.secret" else (*policy.paths.secret, *policy.paths.protected)
    name = "/" + path.rpartition("/")[2]
    for pattern in rule.match.path:
        if pattern.startswith("!") or not globs((pattern,)).match(path):
            continue
        parts = pattern.split("/")
        while parts and set(parts[-1]) <= {"*"}:
            parts.pop()
        wild = [place for place, part in enumerate(parts) if not _WILD.isdisjoint(part)]
        if wild and wild[-1] == len(parts) - 1:
            named = name if globs((parts[-1],)).match(name) else ""
        else:
            named = "/" + "/".join(part for part in parts[wild[-1] + 1 if wild else 0 :] if part)
        if named and globs(guarded).match(named):
            return True
    return False


_WILD: Final = frozenset("*?[\\")


def _refused(refusal: ShellSyntaxError, text: str) -> Reason:
    shown = f"{refusal.message}\n{refusal.span.caret(text)}" if text else refusal.message
    return Reason(
        rule=f"shell.{refusal.construct}",
        verdict=Verdict.DENY,
        text=shown,
        source=PARSER,
        suggestion=refusal.hint,
        span=refusal.span,
    )


def _skips(skipped: Sequence[str], policy: Policy) -> Reason:
    left_out = ", ".join(skipped)
    refused = policy.hooks == "refuse"
    return Reason(
        rule="git.hooks",
        verdict=Verdict.DENY if refused else Verdict.ALLOW,
        text=f"the repository wants {left_out} with a commit, and this policy makes none without"
        if refused
        else f"the repository wants {left_out} with a commit; this commit is made without",
        source=policy.origins.get("hooks", "policy"),
        suggestion="let a person commit; or `hooks: run` lets hooks run as code of the workspace, `hooks: skip` leaves them out"
        if refused
        else None,
    )


def _too_long(length: int, policy: Policy) -> Reason:
    limit = policy.limits.command_characters
    return Reason(
        rule="limits.command_characters",
        verdict=Verdict.DENY,
        text=f"the command has {length:,} characters, and the limit is {limit:,}",
        source=policy.origins.get("limits.command_characters", "policy"),
        suggestion="write the text to a file first, or split the command",
    )


def _nothing(analysis: Analysis, policy: Policy) -> Reason:
    """A call without effects: a command that does nothing outside itself, or a call that nobody can account for."""
    kind: Kind = "execute.known" if analysis.plan is not None else "unknown"
    text = "the command has no effect outside itself" if analysis.plan is not None else "nothing is known of what this call does"
    default = policy.defaults[kind]
    return Reason(rule=f"default.{kind}", verdict=default.verdict, text=text, source=default.source)


def _failed(problem: Exception, policy: Policy) -> Decision:
    # The error's text may hold what the model wrote; its type is enough to find the fault.
    reason = Reason(
        rule="engine.error",
        verdict=Verdict.DENY,
        text=f"the call could not be judged ({type(problem).__name__}), so it does not happen",
        source=ENGINE,
        suggestion="this is a fault in bylaw; please report it",
    )
    return Decision(verdict=Verdict.DENY, reasons=(reason,), policy_digest=policy.digest)
