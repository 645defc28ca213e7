"""`bylaw check`: what would happen to a call, without doing it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from ...policy.decision import Decision, Verdict
from ..held import Holding, State, held_to
from .layers import held_here
from .options import Loaded, PolicyOptions, load_policy

if TYPE_CHECKING:
    from ...policy.actions import Action
    from ...policy.shell.opinions import Opinion
    from ...tools.result import JSON

EXIT_CODES: Final = {Verdict.ALLOW: 0, Verdict.DENY: 3, Verdict.CONFIRM: 10}
_STYLES: Final = {Verdict.ALLOW: "1;32", Verdict.CONFIRM: "1;33", Verdict.DENY: "1;31"}
"""Bold, and a colour."""

_LONGEST_LINE = 1 << 20


class Judge:
    """Judges calls of one workspace under one policy; starts the helper for second opinions only if one is wanted."""

    def __init__(self, loaded: Loaded, environ: Mapping[str, str]) -> None:
        from ...policy.machine import make_scope

        self._loaded = loaded
        self._scope = make_scope(loaded.policy, workspace=loaded.workspace, home=loaded.home, environ=environ)
        self._opinions = opinions_of(loaded)
        self.here: Holding = held_here(loaded.store, loaded.policy.sandbox.launcher)

    @property
    def sandbox_mode(self) -> str:
        """What the policy wants of the sandbox."""
        return self._loaded.policy.sandbox.mode

    def __call__(self, action: Action) -> Decision:
        """The decision; a refusal is a decision too."""
        from ...policy.engine import decide

        return self._held(decide(action, self._loaded.policy, self._scope, self._opinions))

    def command(self, text: str) -> Decision:
        """The decision on a shell command; needs no pydantic, whose import costs more than the decision."""
        from ...policy.engine import decide_command

        return self._held(decide_command(text, self._loaded.policy, self._scope, self._opinions))

    def _held(self, decision: Decision) -> Decision:
        """INVARIANT: never laxer than a run would be, which refuses where a sandbox is required and there is none."""
        return held_to(decision, self._loaded.policy, self.here, refuse=True)


def opinions_of(loaded: Loaded) -> tuple[Opinion, ...]:
    """The second opinions that the policy hears."""
    if not loaded.policy.opinions:
        return ()
    from ...tools.opinions import opinions_for

    return opinions_for(loaded.policy.opinions)


def check_call(
    options: PolicyOptions, environ: Mapping[str, str], *, command: str | None, tool: str | None, arguments: str, form: str
) -> int:
    """Judges one call and prints the answer; returns the exit code of the verdict."""
    loaded = load_policy(options, environ)
    judge = Judge(loaded, environ)
    decision = judge.command(command) if command is not None else judge(_action(tool or "", arguments))
    states = judge.here.states
    if form == "json":
        import json

        from ..visible import visible_json

        sandbox = {"mode": judge.sandbox_mode, "layers": [{"name": name, "available": held, "why": why} for name, held, why in states]}
        print(visible_json(json.dumps({**decision_to_json(decision), "sandbox": sandbox}, ensure_ascii=False)))
    else:
        lines = in_words(decision, judge.sandbox_mode, states)
        first = f"\x1b[{_STYLES[decision.verdict]}m{next(lines)}\x1b[0m" if _styled(sys.stdout, environ) else next(lines)
        print("\n".join((first, *lines)))
    return EXIT_CODES[decision.verdict]


def _action(tool: str, arguments: str) -> Action:
    from ...policy.actions import parse_action
    from ...policy.errors import ActionError

    try:
        return parse_action(tool, arguments)
    except ActionError as problem:
        import click

        raise click.UsageError(problem.message + (f" ({problem.hint})" if problem.hint else "")) from problem


def decision_to_json(decision: Decision) -> dict[str, JSON]:
    """The decision as `--format json` and `--stdin` give it."""
    from ..describe import effect_to_json, reason_to_json
    from ..plans import plan_to_json

    fields: dict[str, JSON] = {
        "verdict": str(decision.verdict),
        "reasons": [reason_to_json(reason) for reason in decision.reasons],
        "effects": [effect_to_json(effect) for effect in decision.effects],
    }
    if decision.plan is not None:
        fields["plan"] = plan_to_json(decision.plan)
    if decision.not_installed:
        fields["not_installed"] = list(decision.not_installed)
    return fields


def in_words(decision: Decision, mode: str, states: Iterable[State]) -> Iterator[str]:
    """The decision for a person, a line each; the first is the verdict."""
    from ..describe import effect_in_words, tier_in_words
    from ..plans import plan_in_words
    from ..visible import visible

    yield str(decision.verdict)
    allowing: dict[tuple[str, str], dict[str, None]] = {}
    for reason in sorted(decision.reasons, key=lambda one: -one.verdict):
        if reason.verdict is Verdict.ALLOW:
            allowing.setdefault((reason.rule, reason.source), {})[visible(reason.text)] = None
            continue
        yield f"  {reason.verdict}: {reason.rule} ({visible(reason.source)}): {visible(reason.text)}"
        if reason.suggestion:
            yield f"    instead: {visible(reason.suggestion)}"
    for (rule, source), texts in allowing.items():
        yield f"  allow: {rule} ({visible(source)}): {'; '.join(texts)}"
    if decision.plan is not None:
        yield "would start"
        for line in plan_in_words(decision.plan):
            yield f"  {line}"
    if decision.effects:
        yield "effects"
        for line in dict.fromkeys(effect_in_words(effect) for effect in decision.effects):
            yield f"  {line}"
    if (tier := tier_in_words(decision.manifest)) is not None:
        yield tier
    if decision.not_installed:
        yield f"not installed: {', '.join(map(visible, decision.not_installed))}"
    yield f"sandbox {mode}: {'; '.join(f'{name} works' if held else f'{name} is missing: {visible(why)}' for name, held, why in states)}"


def _styled(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that understands styles, and nobody said NO_COLOR."""
    return not environ.get("NO_COLOR") and environ.get("TERM", "") not in {"", "dumb", "unknown"} and os.isatty(stream.fileno())


def check_lines(options: PolicyOptions, environ: Mapping[str, str]) -> int:
    """Answers every line of standard input with one line, in order; 0 when every line was answered."""
    import json

    from ..visible import visible_json

    judge = Judge(load_policy(options, environ), environ)
    for line in _lines(sys.stdin.buffer):
        sys.stdout.write(visible_json(json.dumps(_answer(judge, line), ensure_ascii=False)) + "\n")
        sys.stdout.flush()
    return 0


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines of the stream; None for one that is too long, which is read past in bounded memory."""
    while line := stream.readline(_LONGEST_LINE + 1):
        if len(line) <= _LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := stream.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _answer(judge: Judge, line: bytes | None) -> dict[str, JSON]:
    if line is None:
        return _refused(None, "input.too_long", f"the line is longer than {_LONGEST_LINE} bytes")
    import json

    try:
        request: JSON = json.loads(line, parse_constant=_no_number, object_pairs_hook=_no_duplicates)
    except _ShapeError as problem:
        return _refused(None, "input.shape", str(problem))
    except (ValueError, RecursionError):
        return _refused(None, "input.not_json", "the line is not JSON")
    if not isinstance(request, dict):
        return _refused(None, "input.shape", "the line is not a JSON object")
    identity = request.get("id")
    if isinstance(identity, bool) or not (identity is None or isinstance(identity, (str, int))):
        return _refused(None, "input.shape", "`id` must be a string or an integer")
    command = request.get("command")
    if not isinstance(command, str) or not command or request.keys() - {"id", "command"}:
        return _refused(identity, "input.shape", "the line must be an object of `id` and a non-empty `command`")
    return {"id": identity, **decision_to_json(judge.command(command))}


class _ShapeError(ValueError):
    """The line is read by some as JSON, but it does not say one thing only."""


def _no_number(name: str) -> None:
    raise _ShapeError(f"`{name}` is no number of JSON")


def _no_duplicates(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _ShapeError("a key stands twice in one object")
    return fields


def _refused(identity: JSON, rule: str, text: str) -> dict[str, JSON]:
    return {
        "id": identity,
        "verdict": "deny",
        "reasons": [{"rule": rule, "verdict": "deny", "text": text, "source": "bylaw check --stdin"}],
        "effects": [],
    }
