"""Decisions and effects in words for people, and in plain JSON for the record and for `--format json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, assert_never

from ..policy.decision import Decision, Manifest, Reason
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
from ..policy.manifest import EVERY_PROGRAM
from ..policy.profiles.identity import widens
from .visible import visible

if TYPE_CHECKING:
    from ..tools.result import JSON


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
        case Execute(category="shell"):
            return "bash itself reads and runs this script, inside the sandbox: a plan of argument vectors cannot express it"
        case Execute():
            what = "runs code of the workspace" if effect.origin == "workspace" else "starts"
            where = f" ({effect.path or 'not installed'})" if effect.path or effect.origin == "known" else ""
            # a file that plays many programs is granted as all of them; git, which always is, is not worth the words
            besides = "" if effect.path is None or effect.program == "git" else widens(effect.path)
            return visible(f"{what}: {effect.program}{where}{'; ' if besides else ''}{besides}", keep_newlines=False)
        case Connect():
            return visible(f"connects to {'any host' if effect.host == '*' else effect.address}", keep_newlines=False)
        case Send():
            return visible(f"sends {effect.size} bytes to {effect.provider} ({effect.host}), model {effect.model}", keep_newlines=False)
        case SetEnvironment():
            return visible(f"sets {effect.name}={effect.value}", keep_newlines=False)
        case UseConstruct():
            return visible(
                f"uses {effect.construct.replace('_', ' ')}{': ' + effect.subject if effect.subject else ''}", keep_newlines=False
            )
        case Unknown():
            return visible(f"not accounted for: {effect.why}", keep_newlines=False)
        case _:
            assert_never(effect)


def _path(path: str, *, recursive: bool) -> str:
    return visible(path, keep_newlines=False) + (" and everything below" if recursive else "")


def tier_in_words(manifest: Manifest) -> str | None:
    """The tier in which code of the workspace, and what is not accounted for, runs; None for a call that is held to less."""
    if EVERY_PROGRAM not in manifest.programs:
        return None
    places = ", ".join(dict.fromkeys(grant.path for grant in manifest.write)) or "nothing"
    network = f"network to {', '.join(manifest.hosts)}" if manifest.hosts else "no network"
    caches = "package caches as a copy that is thrown away, " if manifest.overlay else ""
    return visible(
        f"workspace tier: can do anything within {places} but what is protected; the system readable, {caches}a /tmp of its own, {network}",
        keep_newlines=False,
    )


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
