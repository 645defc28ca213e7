"""Rules against effects: each policy's rules are compiled once into predicates, sorted by the effects they may match."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, assert_never

from .decision import Verdict
from .effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from .model import Matcher, Rule
from .paths import Walker, globs

EffectName = Literal["read", "write", "delete", "execute", "connect", "send", "environment", "construct", "unknown"]
EFFECT_NAMES: Final[tuple[EffectName, ...]] = (
    "read", "write", "delete", "execute", "connect", "send", "environment", "construct", "unknown",
)  # fmt: skip

Predicate = Callable[[Effect, Walker], bool]


@dataclass(frozen=True, slots=True)
class _Identity:
    """A tuple of rules as a key of a cache: compared by identity, kept alive by the key, so that no hash is computed."""

    rules: tuple[Rule, ...]

    def __hash__(self) -> int:
        return id(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.rules is other.rules


def effect_name(effect: Effect) -> EffectName:
    """What rules call this effect."""
    match effect:
        case Read():
            return "read"
        case Write():
            return "write"
        case Delete():
            return "delete"
        case Execute():
            return "execute"
        case Connect():
            return "connect"
        case Send():
            return "send"
        case SetEnvironment():
            return "environment"
        case UseConstruct():
            return "construct"
        case Unknown():
            return "unknown"
        case _:
            assert_never(effect)


def matching(rules: tuple[Rule, ...], effect: Effect, walker: Walker, *, tool: str) -> list[Rule]:
    """The rules that match an effect of a call of this tool."""
    candidates = _index(_Identity(rules))[effect_name(effect)]
    return [one.rule for one in candidates if one.matches(effect, walker, tool)]


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    tools: tuple[str, ...]
    holds: Predicate
    excepts: tuple[tuple[tuple[str, ...], Predicate], ...]

    def matches(self, effect: Effect, walker: Walker, tool: str) -> bool:
        if (self.tools and tool not in self.tools) or not self.holds(effect, walker):
            return False
        return not any((not tools or tool in tools) and holds(effect, walker) for tools, holds in self.excepts)


@lru_cache(maxsize=16)
def _index(key: _Identity) -> Mapping[EffectName, tuple[_Compiled, ...]]:
    compiled = [(_effects(rule.match), _compile(rule)) for rule in key.rules]
    return {name: tuple(one for names, one in compiled if name in names) for name in EFFECT_NAMES}


def _compile(rule: Rule) -> _Compiled:
    # A rule that loosens must be sure of what it names; one that tightens takes every name that could be meant.
    # An exception loosens a rule that tightens, and the other way round.
    strict = rule.verdict is Verdict.ALLOW
    return _Compiled(
        rule=rule,
        tools=rule.match.tool,
        holds=_predicate(rule.match, sure=strict),
        excepts=tuple((one.tool, _predicate(one, sure=not strict)) for one in rule.excepts),
    )


_FIELDS: Final[Mapping[str, frozenset[EffectName]]] = {
    "program": frozenset({"execute"}),
    "origin": frozenset({"execute"}),
    "category": frozenset({"execute"}),
    "subcommand": frozenset({"execute"}),
    "option": frozenset({"execute"}),
    "operand": frozenset({"execute"}),
    "path": frozenset({"read", "write", "delete"}),
    "host": frozenset({"connect", "send"}),
    "name": frozenset({"environment"}),
    "construct": frozenset({"construct"}),
    "subject": frozenset({"construct", "unknown"}),
    "why": frozenset({"unknown"}),
}
"""Which effects have a field; a rule that asks for it matches no other effect."""


def _effects(matcher: Matcher) -> frozenset[str]:
    names: frozenset[str] = frozenset(matcher.effect or EFFECT_NAMES)
    for field, having in _FIELDS.items():
        if getattr(matcher, field):
            names &= having
    return names


def _predicate(matcher: Matcher, *, sure: bool) -> Predicate:
    """What a matcher asks of an effect. `sure`: the effect must be what is named, and not only may be."""
    names = _effects(matcher)
    program, operand = _glob(matcher.program), _glob(matcher.operand)
    host, name, subject = _glob(tuple(one.lower() for one in matcher.host)), _glob(matcher.name), _glob(matcher.subject)
    why = _glob(matcher.why)

    def test(effect: Effect, walker: Walker) -> bool:
        if effect_name(effect) not in names:
            return False
        match effect:
            case Execute():
                return (
                    (program is None or any(map(program.match, _program_names(effect, sure=sure))))
                    and (not matcher.origin or effect.origin in matcher.origin)
                    and (not matcher.category or effect.category in matcher.category)
                    and (not matcher.subcommand or _subcommand(matcher.subcommand, effect, sure=sure))
                    and (not matcher.option or _option(matcher.option, effect, sure=sure))
                    and (operand is None or any(map(operand.match, effect.operands)))
                )
            case Read() | Write() | Delete():
                return not matcher.path or _path(matcher.path, effect, walker, sure=sure)
            case Connect() | Send():
                return host is None or host.match(effect.host.lower()) is not None
            case SetEnvironment():
                return name is None or name.match(effect.name) is not None
            case UseConstruct():
                return (not matcher.construct or effect.construct in matcher.construct) and (
                    subject is None or subject.match(effect.subject) is not None
                )
            case Unknown():
                return (subject is None or subject.match(effect.subject) is not None) and (why is None or why.match(effect.why) is not None)
            case _:
                assert_never(effect)

    return test


def _program_names(effect: Execute, *, sure: bool) -> set[str]:
    """The names that a program answers to. Surely it is what it was called by; a rule that tightens also takes the
    last part of a path, and the real file's name (`awk` may be `mawk`).
    """
    names = {effect.program}
    if effect.origin == "known" or not sure:
        names.add(effect.program.rpartition("/")[2])
    if not sure and effect.path is not None:
        names.add(effect.path.rpartition("/")[2])
    return names


def _subcommand(wanted: tuple[tuple[str, ...], ...], effect: Execute, *, sure: bool) -> bool:
    if any(effect.subcommand[: len(words)] == words for words in wanted):
        return True
    if sure:
        return False
    # A profile may know no subcommands, or only the first word of them. Where none is known, it may stand anywhere: nobody
    # can tell which words are arguments of options.
    given = (*effect.subcommand, *(one for one in effect.operands if not one.startswith("-")))
    starts = (0,) if effect.subcommand else range(len(given))
    return any(given[at : at + len(words)] == words for words in wanted for at in starts)


def _option(wanted: tuple[str, ...], effect: Execute, *, sure: bool) -> bool:
    if not effect.options.isdisjoint(wanted):
        return True
    # What no profile told from an operand may be an option all the same.
    return not sure and any(_may_hold(word, option) for word in effect.operands if word.startswith("-") for option in wanted)


def _may_hold(word: str, option: str) -> bool:
    """Whether a word may give an option: itself, with its value, abbreviated, or in a cluster of letters."""
    if option.startswith("--"):
        name = word.partition("=")[0]
        return len(name) > len("--") and option.startswith(name)
    return word.startswith(option) or (word[1:2] != "-" and len(option) == len("-x") and option[1] in word)


def _path(patterns: tuple[str, ...], effect: Read | Write | Delete, walker: Walker, *, sure: bool) -> bool:
    if globs(patterns).match(effect.path):
        return True
    if sure or not effect.recursive:
        return False
    found = walker.below(effect.path, patterns)
    return bool(found.matched) or not found.complete


def _glob(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """One expression for globs of `*` and `?`, matched against the whole text."""
    if not patterns:
        return None
    # fnmatch writes a `*` as an atomic group: no text, however hostile, makes it backtrack. Brackets are no globs here.
    return re.compile("|".join(fnmatch.translate(one.replace("[", "[[]")) for one in patterns))
