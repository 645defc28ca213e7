"""Rules against effects: each policy's rules are compiled once into predicates, sorted by the effects they may match."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, assert_never

from .decision import Verdict
from .effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from .holes import HOLE, SPLIT, has_hole
from .model import Matcher, Rule
from .paths import Walker, globs
from .profiles.options import Opaque

EffectName = Literal["read", "write", "delete", "execute", "connect", "send", "environment", "construct", "unknown"]
EFFECT_NAMES: Final[tuple[EffectName, ...]] = (
    "read", "write", "delete", "execute", "connect", "send", "environment", "construct", "unknown",
)  # fmt: skip

Predicate = Callable[[Effect, Walker], bool]

_NAMES: Final[Mapping[type[Effect], EffectName]] = {
    Read: "read", Write: "write", Delete: "delete", Execute: "execute", Connect: "connect", Send: "send",
    SetEnvironment: "environment", UseConstruct: "construct", Unknown: "unknown",
}  # fmt: skip


def effect_name(effect: Effect) -> EffectName:
    """What rules call this effect."""
    return _NAMES[type(effect)]


def matching(rules: tuple[Rule, ...], effect: Effect, walker: Walker, *, tool: str) -> list[Rule]:
    """The rules that match an effect of a call of this tool, in their order."""
    return [one.rule for one in _index_of(rules)[effect_name(effect)].candidates(effect) if one.matches(effect, walker, tool)]


class _Compiled:
    """A rule; its predicates are made when the first effect comes that it may match."""

    __slots__ = ("_excepts", "_holds", "place", "rule")

    def __init__(self, rule: Rule, place: int) -> None:
        self.rule = rule
        self.place = place
        self._holds: Predicate | None = None
        self._excepts: tuple[tuple[tuple[str, ...], Predicate], ...] = ()

    def matches(self, effect: Effect, walker: Walker, tool: str) -> bool:
        rule = self.rule
        if rule.match.tool and tool not in rule.match.tool:
            return False
        if self._holds is None:
            # A rule that loosens must be sure of what it names; one that tightens takes every name that could be meant.
            # An exception loosens a rule that tightens, and the other way round.
            strict = rule.verdict is Verdict.ALLOW
            self._excepts = tuple((one.tool, _predicate(one, sure=not strict)) for one in rule.excepts)
            self._holds = _predicate(rule.match, sure=strict)
        if not self._holds(effect, walker):
            return False
        return not any((not tools or tool in tools) and holds(effect, walker) for tools, holds in self._excepts)


class _Candidates:
    """The rules that effects of one name may match: those that name a program or construct are found by it."""

    __slots__ = ("_anyway", "_keyed")

    def __init__(self, name: EffectName, rules: Iterable[_Compiled]) -> None:
        self._anyway: list[_Compiled] = []
        self._keyed: dict[str, list[_Compiled]] = {}
        for one in rules:
            keys = one.rule.match.program if name == "execute" else one.rule.match.construct if name == "construct" else ()
            if not keys or any(character in key for key in keys for character in "*?"):
                self._anyway.append(one)
            else:
                for key in dict.fromkeys(keys):
                    self._keyed.setdefault(key, []).append(one)

    def candidates(self, effect: Effect) -> Sequence[_Compiled]:
        """A superset of the rules that match, in their order."""
        keys: Iterable[str] = ()
        if isinstance(effect, Execute):
            keys = _program_names(effect, sure=False)
        elif isinstance(effect, UseConstruct):
            keys = (effect.construct,)
        keyed = self._keyed
        found = {one.place: one for key in keys if key in keyed for one in keyed[key]}
        if not found:
            return self._anyway
        found |= {one.place: one for one in self._anyway}
        return [found[place] for place in sorted(found)]


_Index = Mapping[EffectName, _Candidates]
_INDICES: Final[dict[int, tuple[tuple[Rule, ...], _Index]]] = {}


def _index_of(rules: tuple[Rule, ...]) -> _Index:
    """The index of a tuple of rules. INVARIANT: an entry keeps its tuple alive, so that no other can have its identity."""
    known = _INDICES.get(id(rules))
    if known is None or known[0] is not rules:
        if len(_INDICES) >= _REMEMBERED:
            _INDICES.clear()
        known = _INDICES[id(rules)] = (rules, _index(rules))
    return known[1]


_REMEMBERED: Final = 16


def _index(rules: tuple[Rule, ...]) -> _Index:
    compiled = [(_effects(rule.match), _Compiled(rule, place)) for place, rule in enumerate(rules)]
    return {name: _Candidates(name, [one for names, one in compiled if name in names]) for name in EFFECT_NAMES}


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
                    (program is None or any(map(program, _program_names(effect, sure=sure))))
                    and (not matcher.origin or effect.origin in matcher.origin)
                    and (not matcher.category or effect.category in matcher.category)
                    and (not matcher.subcommand or _subcommand(matcher.subcommand, effect, sure=sure))
                    and (not matcher.option or _option(matcher.option, effect, sure=sure))
                    and (operand is None or any(_text(operand, one, sure=sure) for one in effect.operands))
                )
            case Read() | Write() | Delete():
                return not matcher.path or _path(matcher.path, effect, walker, sure=sure)
            case Connect() | Send():
                return host is None or host(effect.host.lower()) or (not sure and _below_domain(matcher.host, effect.host))
            case SetEnvironment():
                return name is None or name(effect.name)
            case UseConstruct():
                return (not matcher.construct or effect.construct in matcher.construct) and (
                    subject is None or _text(subject, effect.subject, sure=sure)
                )
            case Unknown():
                return (subject is None or subject(effect.subject)) and (why is None or why(effect.why))
            case _:
                assert_never(effect)

    return test


def _text(glob: Callable[[str], bool], text: str, *, sure: bool) -> bool:
    """Whether a text matches. Of one that only the run knows, nothing is sure, and anything may be."""
    if has_hole(text):
        return not sure
    return glob(str(text)) and not (sure and isinstance(text, Opaque))


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
    if not has_hole("".join(given)):
        heads = {words[0] for words in wanted}
        if heads.isdisjoint(given):
            return False  # a word that is known may turn out to be no other
    starts = (0,) if effect.subcommand else range(len(given))
    return any(_may_be(given[at : at + len(words)], words) for words in wanted for at in starts)


def _may_be(given: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether these are the words, or may turn out to be when the run fills their holes."""
    for one, word in zip(given, words, strict=False):
        if SPLIT in one:
            return True
        if one != word and not has_hole(one):
            return False
    return len(given) == len(words)


def _option(wanted: tuple[str, ...], effect: Execute, *, sure: bool) -> bool:
    if not effect.options.isdisjoint(wanted):
        return True
    # What no profile told from an operand may be an option all the same; one that only the run knows may be any.
    return not sure and (
        HOLE in effect.options or any(_may_hold(word, option) for word in effect.operands if word.startswith("-") for option in wanted)
    )


def _may_hold(word: str, option: str) -> bool:
    """Whether a word may give an option: itself, with its value, abbreviated, or in a cluster of letters."""
    if has_hole(word.partition("=")[0]):
        return True
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


def _below_domain(patterns: tuple[str, ...], host: str) -> bool:
    """Whether one of the names that `*.domain` stands for may be meant. Of a glob, only what follows its last sign is known."""
    if not host.startswith("*."):
        return False
    for pattern in map(str.lower, patterns):
        end = re.split(r"[*?]", pattern)[-1]
        if end.endswith(host[1:]) or (end != pattern and host.endswith(end)):
            return True
    return False


def _glob(patterns: tuple[str, ...]) -> Callable[[str], bool] | None:
    """A test for globs of `*` and `?`, asked of the whole text."""
    if not patterns:
        return None
    plain = frozenset(one for one in patterns if "*" not in one and "?" not in one)
    globs = [one for one in patterns if one not in plain]
    if not globs:
        return plain.__contains__
    # fnmatch writes a `*` as an atomic group: no text, however hostile, makes it backtrack. Brackets are no globs here.
    expression = re.compile("|".join(fnmatch.translate(one.replace("[", "[[]")) for one in globs))
    return lambda text: text in plain or expression.match(text) is not None
