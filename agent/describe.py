"""Decisions and effects in words for people, and in plain JSON for the record and for `--format json`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import assert_never

from ..policy.decision import Decision, Reason
from ..policy.effects import (
    Connect,
    Delete,
    Effect,
    Execute,
    Read,
    Send,
    SetEnvironment,
    Unknown,
    UseConstruct,
    Write,
)
from ..policy.plan import Duplicate, Invocation, OpenFile, Plan, Redirection, Text
from ..tools.result import JSON
from .visible import visible

_NUMBERED = re.compile(r"\AGIT_CONFIG_(?:KEY|VALUE)_\d+\Z")
_CONNECTORS = {"then": ";", "and": "&&", "or": "||"}


def effect_in_words(effect: Effect) -> str:
    """One line that says what would happen."""
    match effect:
        case Read():
            return f"reads {_path(effect.path, recursive=effect.recursive)}"
        case Write():
            size = "" if effect.size is None else f" ({effect.size} bytes)"
            return f"writes {_path(effect.path, recursive=effect.recursive)}{size}"
        case Delete():
            return f"removes {_path(effect.path, recursive=effect.recursive)}"
        case Execute():
            what = "runs code of the workspace" if effect.origin == "workspace" else "starts"
            where = f" ({effect.path or 'not installed'})" if effect.path or effect.origin == "known" else ""
            return visible(f"{what}: {effect.program}{where}")
        case Connect():
            port = "" if effect.port is None else f":{effect.port}"
            return visible(f"connects to {'any host' if effect.host == '*' else effect.host}{port}")
        case Send():
            return visible(f"sends {effect.size} bytes to {effect.provider} ({effect.host}), model {effect.model}")
        case SetEnvironment():
            return visible(f"sets {effect.name}={effect.value}")
        case UseConstruct():
            return visible(f"uses {effect.construct.replace('_', ' ')}{': ' + effect.subject if effect.subject else ''}")
        case Unknown():
            return visible(f"not accounted for: {effect.why}")
        case _:
            assert_never(effect)


def _path(path: str, *, recursive: bool) -> str:
    return visible(path, keep_newlines=False) + (" and everything below" if recursive else "")


def effect_to_json(effect: Effect) -> dict[str, JSON]:
    """The effect as a JSON object; `kind` names it."""
    match effect:
        case Read():
            return {"kind": "read", "path": effect.path, "recursive": effect.recursive}
        case Write():
            return {"kind": "write", "path": effect.path, "recursive": effect.recursive, "size": effect.size}
        case Delete():
            return {"kind": "delete", "path": effect.path, "recursive": effect.recursive}
        case Execute():
            return {
                "kind": "execute",
                "program": effect.program,
                "path": effect.path,
                "origin": effect.origin,
                "argv": list(effect.argv),
                "subcommand": list(effect.subcommand),
            }
        case Connect():
            return {"kind": "connect", "host": effect.host, "port": effect.port}
        case Send():
            return {"kind": "send", "provider": effect.provider, "host": effect.host, "model": effect.model, "size": effect.size}
        case SetEnvironment():
            return {"kind": "environment", "name": effect.name}
        case UseConstruct():
            return {"kind": "construct", "construct": effect.construct, "subject": effect.subject}
        case Unknown():
            return {"kind": "unknown", "why": effect.why, "subject": effect.subject}
        case _:
            assert_never(effect)


def reason_to_json(reason: Reason) -> dict[str, JSON]:
    """The reason as `bylaw check` and the record give it."""
    fields: dict[str, JSON] = {"rule": reason.rule, "verdict": str(reason.verdict), "text": reason.text, "source": reason.source}
    if reason.suggestion:
        fields["suggestion"] = reason.suggestion
    return fields


def plan_to_json(plan: Plan) -> list[JSON]:
    """Every step with the exact argument vectors."""
    return [
        {
            "connector": step.connector,
            "negated": step.pipeline.negated,
            "pipeline": [_invocation_to_json(one) for one in step.pipeline.invocations],
        }
        for step in plan.steps
    ]


def _invocation_to_json(invocation: Invocation) -> dict[str, JSON]:
    fields: dict[str, JSON] = {"argv": list(invocation.argv), "directory": invocation.directory}
    if invocation.builtin:
        fields["builtin"] = invocation.builtin
    else:
        fields["program"] = invocation.program
    if invocation.environment:
        # names only: a value may be a secret; git's numbered settings are bylaw's own and the same every time
        fields["environment"] = [name for name, _ in invocation.environment if not _NUMBERED.search(name)]
    if invocation.redirections:
        fields["redirections"] = [_redirection_to_json(one) for one in invocation.redirections]
    return fields


def _redirection_to_json(redirection: Redirection) -> dict[str, JSON]:
    match redirection:
        case OpenFile():
            return {"fd": redirection.fd, "open": redirection.path, "mode": redirection.mode}
        case Duplicate():
            return {"fd": redirection.fd, "duplicate": redirection.source}
        case Text():
            return {"fd": redirection.fd, "text_bytes": len(redirection.text.encode())}
        case _:
            assert_never(redirection)


def plan_in_words(plan: Plan) -> list[str]:
    """The exact argument vectors, a line each: what will be started, not what was typed."""
    lines: list[str] = []
    for number, step in enumerate(plan.steps):
        for place, invocation in enumerate(step.pipeline.invocations):
            before = "  |" if place else (f"  {_CONNECTORS[step.connector]}" if number else "   ")
            lines.append(f"{before:>4} {_vector(invocation)}")
    return lines


def _vector(invocation: Invocation) -> str:
    words = [visible(repr(word) if _odd(word) else word, keep_newlines=False) for word in invocation.argv]
    redirections = [_redirection_in_words(one) for one in invocation.redirections]
    return " ".join(["[" + ", ".join(words) + "]", *redirections])


def _odd(word: str) -> bool:
    return not word or not all(one.isalnum() or one in "-_./=:@%+" for one in word)


def _redirection_in_words(redirection: Redirection) -> str:
    match redirection:
        case OpenFile():
            return f"{redirection.fd}:{redirection.mode} {visible(redirection.path, keep_newlines=False)}"
        case Duplicate():
            return f"{redirection.fd}:{'closed' if redirection.source is None else f'as {redirection.source}'}"
        case Text():
            return f"{redirection.fd}:text of {len(redirection.text.encode())} bytes"
        case _:
            assert_never(redirection)


def refusal_text(decision: Decision) -> str:
    """What the model is told of a call that the policy denied: which rule, where it stands, why, and what to do instead."""
    strictest = [reason for reason in decision.reasons if reason.verdict is decision.verdict]
    lines = ["denied by the policy:"]
    for reason in strictest[:5]:
        lines.append(f"- {reason.rule} ({reason.source}): {reason.text}")
        if reason.suggestion:
            lines.append(f"  instead: {reason.suggestion}")
    return "\n".join(lines)


def mapped(value: JSON, change: Callable[[str], str]) -> JSON:
    """The value with `change` applied to every string in it (names of fields stay)."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: mapped(one, change) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [mapped(one, change) for one in value]
    return value
