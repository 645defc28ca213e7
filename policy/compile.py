"""From merged documents to a policy: types and bounds checked, variables filled in, roots resolved, the digest made."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar, get_args

from .decision import Verdict
from .errors import PolicyFileError
from .launcher import launcher
from .model import (
    LIMIT_BOUNDS,
    Caches,
    Default,
    Grants,
    HardLinks,
    Hooks,
    Kind,
    Limits,
    Matcher,
    Opinion,
    Paths,
    Policy,
    Rule,
    Sandbox,
    SandboxMode,
)
from .near import did_you_mean
from .network import entry
from .paths import within
from .raw import Raw, RawRule, Value
from .records import asdict, replace

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_VARIABLE: Final = re.compile(r"\{(.*?)\}")
_GLOB_CHARACTERS: Final = re.compile(r"([\\*?\[\]!# ])")
_MODES: Final[tuple[SandboxMode, ...]] = get_args(SandboxMode)
_OPINIONS: Final[tuple[Opinion, ...]] = get_args(Opinion)
_GRANTS: Final[tuple[Grants, ...]] = get_args(Grants)
_HOOKS: Final[tuple[Hooks, ...]] = get_args(Hooks)
_CACHES: Final[tuple[Caches, ...]] = get_args(Caches)
_HARD_LINKS: Final[tuple[HardLinks, ...]] = get_args(HardLinks)
_VERDICTS: Final = tuple(str(verdict) for verdict in Verdict)

_Choice = TypeVar("_Choice", bound=str)
_Plain = TypeVar("_Plain", bool, str)


def finish(raw: Raw, *, workspace: str, home: str, real: Callable[[str], str] = os.path.realpath) -> Policy:
    """The compiled policy; PolicyFileError where a value is missing, out of bounds or of the wrong type."""
    fill = Filler({"workspace": workspace, "home": home})
    origins = {name: origin for name, (_, origin) in raw.values.items()}
    defaults: dict[Kind, Default] = {
        kind: Default(verdict=_verdict(raw, f"defaults.{kind}"), source=_origin(raw, f"defaults.{kind}")) for kind in KINDS
    }

    def roots(name: str) -> tuple[str, ...]:
        found = _filled(raw, name, fill.path) | raw.literals.get(name, {})
        return _with_origins(name, {real(_root(path, name, origin)): origin for path, origin in found.items()}, origins)

    def globs(name: str) -> tuple[str, ...]:
        literals = {glob_literal(path): origin for path, origin in raw.literals.get(name, {}).items()}
        return _with_origins(name, _filled(raw, name, fill.glob) | literals, origins)

    def places(name: str) -> tuple[str, ...]:
        found = _filled(raw, name, fill.path)
        return _with_origins(name, {_place(path, name, home, origin): origin for path, origin in found.items()}, origins)

    policy = Policy(
        name=_typed(raw, "name", str),
        description=_typed(raw, "description", str).strip(),
        digest="",
        limits=_limits(raw),
        paths=Paths(
            read=roots("paths.read"),
            write=roots("paths.write"),
            system=roots("paths.system"),
            secret=globs("paths.secret"),
            protected=globs("paths.protected"),
            toolchains=places("paths.toolchains"),
            caches=places("paths.caches"),
        ),
        sandbox=Sandbox(
            mode=_one_of(raw, "sandbox.mode", _MODES),
            degraded=_verdict(raw, "sandbox.degraded"),
            launcher=launcher(_tuple(raw, "sandbox.launcher"), _origin(raw, "sandbox.launcher")),
        ),
        defaults=defaults,
        rules=tuple(compile_rule(one, defaults["blocked"].verdict, fill) for one in raw.rules.values()),
        opinions=tuple(_choice(one, _OPINIONS, "opinions", _origin(raw, "opinions")) for one in _tuple(raw, "opinions")),
        environment=_with_origins("environment", raw.lists.get("environment", {}), origins),
        grants=_one_of(raw, "grants", _GRANTS),
        approve_all=_typed(raw, "approve_all", bool),
        hooks=_one_of(raw, "hooks", _HOOKS),
        network=_with_origins("network", {entry(text, origin): origin for text, origin in raw.lists.get("network", {}).items()}, origins),
        caches=_one_of(raw, "caches", _CACHES),
        origins=origins,
    )
    return replace(policy, digest=digest(policy))


def digest(policy: Policy) -> str:
    """SHA-256 (hex) over canonical JSON of all that can change a verdict or what a call may do.

    Order, wording and origins do not change it; every value does.
    """
    data = {
        "limits": asdict(policy.limits),
        "paths": {name: sorted(values) for name, values in asdict(policy.paths).items()},
        "sandbox": {**asdict(policy.sandbox), "degraded": str(policy.sandbox.degraded)},
        "defaults": {kind: str(default.verdict) for kind, default in policy.defaults.items()},
        "rules": sorted((_canonical(rule) for rule in policy.rules), key=lambda rule: str(rule["id"])),
        "opinions": sorted(policy.opinions),
        "environment": sorted(policy.environment),
        "grants": policy.grants,
        "approve_all": policy.approve_all,
        "hooks": policy.hooks,
        "network": sorted(policy.network),
        "caches": policy.caches,
    }
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(rule: Rule) -> dict[str, object]:
    def sets(matcher: Matcher) -> dict[str, list[str]]:
        # JSON of each value, so that the words of a subcommand and a text with blanks stay different things.
        return {name: sorted(json.dumps(one) for one in values) for name, values in asdict(matcher).items() if values}

    excepts = sorted((sets(one) for one in rule.excepts), key=lambda one: json.dumps(one, sort_keys=True))
    return {"id": rule.id, "verdict": str(rule.verdict), "match": sets(rule.match), "except": excepts}


@dataclass(frozen=True, slots=True)
class Filler:
    """Puts directories in the place of `{workspace}` and `{home}`; PolicyFileError for any other variable."""

    variables: Mapping[str, str]

    def path(self, text: str, origin: str) -> str:
        """A path, filled."""
        return self._fill(text, origin, str)

    def glob(self, pattern: str, origin: str) -> str:
        """A gitignore pattern, filled; a directory stands for itself, whatever characters its name has."""
        return self._fill(pattern, origin, glob_literal)

    def matcher(self, matcher: Matcher, origin: str) -> Matcher:
        """A matcher with its path patterns filled."""
        return replace(matcher, path=tuple(self.glob(one, origin) for one in matcher.path)) if matcher.path else matcher

    def _fill(self, text: str, origin: str, escape: Callable[[str], str]) -> str:
        def value(found: re.Match[str]) -> str:
            name = found.group(1)
            if name not in self.variables:
                raise PolicyFileError(f"`{{{name}}}` is no variable", source=origin, hint=did_you_mean(name, self.variables))
            return escape(self.variables[name])

        return _VARIABLE.sub(value, text)


def glob_literal(path: str) -> str:
    """A gitignore pattern that matches this path and what lies below it, and nothing else."""
    return _GLOB_CHARACTERS.sub(r"\\\1", path)


def compile_rule(raw: RawRule, blocked: Verdict, fill: Filler) -> Rule:
    """The rule, with `blocked` resolved and its variables filled in."""
    return Rule(
        id=raw.id,
        verdict=blocked if raw.verdict == "blocked" else Verdict.parse(raw.verdict),
        because=raw.because,
        match=fill.matcher(raw.match, raw.source),
        source=raw.source,
        suggest=raw.suggest,
        blocked=raw.verdict == "blocked",
        excepts=tuple(fill.matcher(one, raw.source) for one in raw.excepts),
        examples_match=raw.examples_match,
        examples_not_match=raw.examples_not_match,
    )


def _filled(raw: Raw, name: str, fill: Callable[[str, str], str]) -> dict[str, str]:
    return {fill(text, origin): origin for text, origin in raw.lists.get(name, {}).items()}


def _root(path: str, name: str, origin: str) -> str:
    if not os.path.isabs(path) or "\0" in path:
        raise PolicyFileError(
            f"`{path}` in `{name}` is no absolute path", source=origin, hint="start it with `/`, `{workspace}` or `{home}`"
        )
    if name != "paths.system" and not os.path.normpath(path).strip("/"):
        raise PolicyFileError(f"`/` in `{name}` would grant the whole machine", source=origin, hint="name the directories that are needed")
    return path


def _place(path: str, name: str, home: str, origin: str) -> str:
    """A directory that need not be there. Its names are only looked at when a call is judged, so it is kept as written."""
    place = os.path.normpath(_root(path, name, origin))
    if within(home, (place,)):
        raise PolicyFileError(
            f"`{path}` in `{name}` would grant the home directory", source=origin, hint="name the directories of programs below it"
        )
    return place


def _with_origins(name: str, found: Mapping[str, str], origins: dict[str, str]) -> tuple[str, ...]:
    origins.update({f"{name}[{index}]": origin for index, origin in enumerate(found.values())})
    return tuple(found)


def _origin(raw: Raw, name: str) -> str:
    return raw.values[name][1] if name in raw.values else "policy"


def _value(raw: Raw, name: str) -> Value:
    if name not in raw.values:
        raise PolicyFileError(f"`{name}` is given nowhere", source="policy", hint="extend a preset")
    return raw.values[name][0]


def _typed(raw: Raw, name: str, kind: type[_Plain]) -> _Plain:
    value = _value(raw, name)
    if isinstance(value, kind):
        return value
    raise PolicyFileError(f"`{name}` should be a {kind.__name__}, not `{value}`", source=_origin(raw, name))


def _tuple(raw: Raw, name: str) -> tuple[str, ...]:
    value = raw.values.get(name, ((), ""))[0]
    return value if isinstance(value, tuple) else ()


def _choice(word: Value, choices: Iterable[_Choice], name: str, origin: str) -> _Choice:
    for choice in choices:
        if choice == word:
            return choice
    raise PolicyFileError(f"`{name}` cannot be `{str(word)[:80]}`", source=origin, hint=did_you_mean(str(word), choices))


def _one_of(raw: Raw, name: str, choices: Iterable[_Choice]) -> _Choice:
    return _choice(_value(raw, name), choices, name, _origin(raw, name))


def _verdict(raw: Raw, name: str) -> Verdict:
    return Verdict.parse(_one_of(raw, name, _VERDICTS))


def _limits(raw: Raw) -> Limits:
    return Limits(
        read_bytes=_whole(raw, "read_bytes"),
        write_bytes=_whole(raw, "write_bytes"),
        output_bytes=_whole(raw, "output_bytes"),
        command_seconds=_number(raw, "command_seconds"),
        command_characters=_whole(raw, "command_characters"),
        regular_files=_typed(raw, "limits.regular_files", bool),
        command_depth=_whole(raw, "command_depth"),
        command_count=_whole(raw, "command_count"),
        command_words=_whole(raw, "command_words"),
        command_expansions=_whole(raw, "command_expansions"),
        glob_results=_whole(raw, "glob_results"),
        hard_links=_one_of(raw, "limits.hard_links", _HARD_LINKS),
        processes=_whole(raw, "processes"),
        memory_bytes=_whole(raw, "memory_bytes"),
        file_bytes=_whole(raw, "file_bytes"),
        open_files=_whole(raw, "open_files"),
        cpu_seconds=_whole(raw, "cpu_seconds"),
        session_read_bytes=_whole(raw, "session_read_bytes"),
        session_write_bytes=_whole(raw, "session_write_bytes"),
        session_output_bytes=_whole(raw, "session_output_bytes"),
        session_files=_whole(raw, "session_files"),
    )


def _number(raw: Raw, name: str) -> float:
    value, origin = _value(raw, f"limits.{name}"), _origin(raw, f"limits.{name}")
    low, high = LIMIT_BOUNDS[name]
    # `not (a <= b)` and not `b < a`: a NaN is out of bounds too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not (low <= value <= high):
        raise PolicyFileError(f"`limits.{name}` should be a number from {low:,} to {high:,}, not `{value}`", source=origin)
    return float(value)


def _whole(raw: Raw, name: str) -> int:
    value = _number(raw, name)
    if int(value) != value:
        raise PolicyFileError(f"`limits.{name}` should be a whole number, not `{value}`", source=_origin(raw, f"limits.{name}"))
    return int(value)
