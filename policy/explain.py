"""A policy for people and programs to read: every value with its origin, every rule, every reason by its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from .constructs import CONSTRUCTS, RULES
from .constructs import title as construct_title
from .errors import PolicyError
from .model import Matcher, Policy, Rule
from .near import did_you_mean
from .records import asdict
from .words import MEANINGS, SUGGESTIONS

JSON: TypeAlias = "Mapping[str, JSON] | list[JSON] | str | int | float | bool | None"
Row = tuple[str, str | int | float | bool, str]
"""A value: its name (`limits.read_bytes`), what it is, and its origin (`file:line` or a flag)."""

REASONS: Final[Mapping[str, str]] = {
    "limits.command_characters": "the command is longer than the policy allows",
    "limits.write_bytes": "more bytes would be written than the policy allows",
    "network.allowed": "the policy lists this host and port in `network`",
    "git.hooks": "a commit leaves out hooks or signing that the repository asks for; the policy refuses that, or says so",
    "opinions.disagreement": "another parser reads the command differently: at best a person decides; `defaults.unknown` may deny it",
    "limits.regular_files": "the target of a read or write is a symbolic link, a pipe or a device",
    "analysis.failed": "the command could not be analysed, so there is nothing that may run",
    "engine.error": "the call could not be judged, and what was not judged does not happen",
    "sandbox.missing": "no layer of the sandbox works on this machine: `sandbox.degraded` speaks, and where one is required nothing runs",
    "sandbox.lacks.read": "the layers of this machine do not keep a command from reading what it does not declare",
    "sandbox.lacks.listing": "the layers of this machine cannot grant the names of a directory without the contents",
    "sandbox.lacks.write": "the layers of this machine do not keep a command from changing every file that it does not declare",
    "sandbox.lacks.attributes": "the layers of this machine do not keep code of the workspace from changing modes and dates outside",
    "sandbox.lacks.protected": "the layers of this machine cannot keep protected files unchanged below a directory that may be written",
    "sandbox.lacks.network": "the layers of this machine do not keep code of the workspace from every kind of network",
    "sandbox.lacks.hosts": "the layers of this machine cannot hold a command to the hosts that it was granted",
    "sandbox.lacks.sockets": "the layers of this machine do not keep code of the workspace from unix sockets",
}
"""Reasons that come from no rule and no default. Reasons `shell.<construct>` come from the parser: text outside the
shell language that bylaw reads."""


def show(policy: Policy) -> list[Row]:
    """Every value of the effective policy, in the order of a document; rules are listed by `rules`."""
    return list(_rows(policy))


def _rows(policy: Policy) -> Iterator[Row]:
    yield _row(policy, "name", policy.name)
    yield _row(policy, "description", policy.description)
    for name, value in asdict(policy.limits).items():
        yield _row(policy, f"limits.{name}", value)
    for name, values in asdict(policy.paths).items():
        yield from _list(policy, f"paths.{name}", values)
    yield _row(policy, "sandbox.mode", policy.sandbox.mode)
    yield _row(policy, "sandbox.degraded", str(policy.sandbox.degraded))
    if policy.sandbox.launcher:
        yield _row(policy, "sandbox.launcher", " ".join(policy.sandbox.launcher))
    for kind, default in policy.defaults.items():
        yield (f"defaults.{kind}", str(default.verdict), default.source)
    yield _row(policy, "opinions", ", ".join(policy.opinions))
    yield from _list(policy, "environment", policy.environment)
    yield _row(policy, "grants", policy.grants)
    yield _row(policy, "approve_all", policy.approve_all)
    yield _row(policy, "hooks", policy.hooks)
    if policy.network:
        yield from _list(policy, "network", policy.network)
    else:
        yield _row(policy, "network", "none")
    yield _row(policy, "caches", policy.caches)


def _row(policy: Policy, name: str, value: str | float | bool) -> Row:
    return name, value, policy.origins.get(name, "")


def _list(policy: Policy, name: str, values: tuple[str, ...]) -> Iterator[Row]:
    for index, value in enumerate(values):
        yield name, value, policy.origins.get(f"{name}[{index}]", "")


def rules(policy: Policy) -> list[Rule]:
    """The rules, sorted by id."""
    return sorted(policy.rules, key=lambda rule: rule.id)


def as_json(policy: Policy) -> dict[str, JSON]:
    """The effective policy as JSON: values with origins, rules with their sources, the digest."""
    values: dict[str, list[JSON]] = {}
    for name, value, origin in show(policy):
        values.setdefault(name, []).append({"value": value, "origin": origin})
    return {
        "schema_version": 1,
        "digest": policy.digest,
        "values": dict(values),
        "rules": [_rule(rule) for rule in rules(policy)],
    }


def _rule(rule: Rule) -> dict[str, JSON]:
    return {
        "id": rule.id,
        "verdict": str(rule.verdict),
        "blocked": rule.blocked,
        "because": rule.because,
        "suggest": rule.suggest,
        "match": _matcher(rule.match),
        "except": [_matcher(one) for one in rule.excepts],
        "examples": {"match": list(rule.examples_match), "not_match": list(rule.examples_not_match)},
        "source": rule.source,
    }


def _matcher(matcher: Matcher) -> dict[str, JSON]:
    fields: dict[str, tuple[str, ...]] = asdict(matcher)
    fields["subcommand"] = tuple(" ".join(words) for words in matcher.subcommand)
    return {name: list(values) for name, values in fields.items() if values}


def explain(policy: Policy, rule_id: str) -> str:
    """What a reason means, in words: a rule, a default (`default.<kind>`), a limit, or a refusal of the parser.

    PolicyError when the policy has no such reason.
    """
    for rule in policy.rules:
        if rule.id == rule_id:
            return _explain_rule(rule)
    for kind, default in policy.defaults.items():
        if rule_id == f"default.{kind}":
            lines = [f"{rule_id}: {default.verdict}", "", f"No rule spoke about {MEANINGS[kind]}; this is the policy's default for it."]
            if kind in SUGGESTIONS:
                lines += ["", f"Instead: {SUGGESTIONS[kind]}"]
            return "\n".join([*lines, "", f"From {default.source}"])
    if rule_id in RULES:
        return _explain_construct(policy, rule_id)
    if rule_id in REASONS:
        return f"{rule_id}\n\n{REASONS[rule_id]}"
    if rule_id.startswith("shell."):
        return f"{rule_id}: deny\n\nText outside the shell language that bylaw reads; the refusal says where it stands."
    known = [rule.id for rule in policy.rules] + [f"default.{kind}" for kind in policy.defaults] + list(REASONS)
    raise PolicyError(
        f"the policy has no rule `{rule_id[:80]}`",
        hint=did_you_mean(rule_id, known) if len(known) < _FEW else "`bylaw policy show` lists them",
    )


def _explain_construct(policy: Policy, rule_id: str) -> str:
    """A construct that no rule of the policy names: what may be said about it, and what holds until then."""
    name, default = RULES[rule_id], policy.defaults["construct"]
    construct = CONSTRUCTS[name]
    section, key = ("operators", f'"{construct.sign}"') if construct.sign else ("constructs", name)
    said = f"No rule of the policy names it, so the default for constructs holds. To say more: `{section}: {{{key}: deny}}`."
    meaning = f"`{construct_title(name)}`: {construct.meaning}."
    return "\n".join([f"{rule_id}: {default.verdict}", "", meaning, "", said, "", f"From {default.source}"])


_FEW: Final = 200


def _explain_rule(rule: Rule) -> str:
    tier = " (blocked by name)" if rule.blocked else ""
    lines = [f"{rule.id}: {rule.verdict}{tier}", "", rule.because]
    if rule.suggest:
        lines += ["", f"Instead: {rule.suggest}"]
    for title, examples in (("Matches", rule.examples_match), ("Does not match", rule.examples_not_match)):
        if examples:
            lines += ["", f"{title}:", *(f"    {one}" for one in examples)]
    return "\n".join([*lines, "", f"From {rule.source}"])
