"""`bylaw policy`: the effective policy, its rules, and the schema of its documents."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..visible import visible, visible_json
from .options import PolicyOptions, load_policy


def show_policy(options: PolicyOptions, environ: Mapping[str, str], form: str) -> int:
    """Prints every value with where it comes from, and every rule with where it stands."""
    from ...policy import explain

    policy = load_policy(options, environ).policy
    if form == "json":
        print(visible_json(json.dumps(explain.as_json(policy), ensure_ascii=False, indent=2)))
        return 0
    values = [(name, visible(" ".join(str(value).split())), origin) for name, value, origin in explain.show(policy)]
    rules = [(f"rules.{rule.id}", f"{rule.verdict}: {visible(rule.because)}", rule.source) for rule in explain.rules(policy)]
    width = max(len(name) for name, _, _ in [*values, *rules])
    for name, value, origin in [*values, *rules]:
        print(f"{name:<{width}}  {value}  [{origin}]")
    print(f"{'digest':<{width}}  {policy.digest}")
    return 0


def show_schema() -> int:
    """Prints the JSON Schema of policy documents."""
    from ...policy.documents import schema

    print(json.dumps(schema(), indent=2))
    return 0
