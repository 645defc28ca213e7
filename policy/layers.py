"""Layers: a preset, the documents of the user over it, the flags over those, made into one policy.

A value given replaces the value below it; lists and rules add up. `override` in a user's document takes a rule (by its
id) or a list (by its name) out of what lies below. Nothing depends on order within a document. Every value keeps its
origin: `presets/balanced.yaml:12`, a user's `file:line`, or the flag that gave it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import shipped
from .compile import finish
from .constructs import RULES as CONSTRUCT_RULES
from .decision import Verdict
from .errors import PolicyError, PolicyFileError
from .model import Policy
from .near import did_you_mean
from .paths import globs
from .raw import Raw, RawRule, allow_command, as_items, as_text, construct_rules
from .yaml_source import Node, Scalar, Table, decoded, parse, place, read_source

LISTS: Final = (
    "paths.read",
    "paths.write",
    "paths.system",
    "paths.secret",
    "paths.protected",
    "paths.toolchains",
    "paths.caches",
    "environment",
)
"""Values that add up over the layers, by the names that `override` knows them by."""

_REPLACED_LISTS: Final = ("opinions", "sandbox.launcher")
_GROUPS: Final = ("limits", "paths", "sandbox", "defaults")
_PATH_FLAGS: Final = {
    "paths.read": ("paths.read",),
    "paths.write": ("paths.write",),
    "allow_path": ("paths.read", "paths.write"),
}
_NOT_VALUES: Final = ("version", "extends", "include", "override", "operators", "constructs", "rules")


@dataclass(frozen=True, slots=True)
class Override:
    """A value that a flag gives; `source` names the flag. It counts whatever it is, also when it equals a default."""

    value: str | int | float | bool | Sequence[str]
    source: str


@dataclass(frozen=True, slots=True)
class _Layer:
    """One document; `source` is its path, `shown` says whether the origin has a column (a user's file)."""

    root: Table
    source: str
    user: bool = False


@dataclass(slots=True)
class _Merge:
    """What the layers so far add up to."""

    raw: Raw = field(default_factory=Raw)
    sets: set[str] = field(default_factory=set[str])

    def add(self, layer: _Layer) -> None:
        """Puts a document over what is there: what it overrides goes first, then its rule sets, its values, its rules."""
        inherited = frozenset(self.raw.rules)
        for node in as_items(layer.root.nodes.get("override"), layer.source):
            self._override(as_text(node, layer.source), node, layer)
        for node in as_items(layer.root.nodes.get("include"), layer.source):
            name = as_text(node, layer.source)
            rules = shipped.rule_set(name, source=place(layer.source, node.mark))
            if name not in self.sets:
                self.sets.add(name)
                self.add(_Layer(rules, f"presets/sets/{name}.yaml"))
        for name, node, line in _values(layer.root, layer.source):
            self._value(name, node, f"{layer.source}:{line}", layer)
        self._constructs(layer)
        self._rules(layer, inherited)

    def _override(self, name: str, node: Node, layer: _Layer) -> None:
        if name in LISTS:
            self.raw.lists[name] = {}
        elif self.raw.rules.pop(name, None) is None:
            raise PolicyFileError(
                f"`override` names `{name[:80]}`, and nothing below this document has that name",
                source=place(layer.source, node.mark),
                hint=did_you_mean(name, [*self.raw.rules, *LISTS]),
            )

    def _value(self, name: str, node: Node, origin: str, layer: _Layer) -> None:
        if name in LISTS:
            known = self.raw.lists.setdefault(name, {})
            for one in as_items(node, layer.source):
                known.setdefault(as_text(one, layer.source), f"{layer.source}:{one.mark.line}")
        elif name in _REPLACED_LISTS:
            self.raw.values[name] = (tuple(as_text(one, layer.source) for one in as_items(node, layer.source)), origin)
        elif name == "network" and not (isinstance(node, Scalar) and node.value is None):
            # `none` is a word of its own: a document takes back what lies below it only by saying so
            hosts = () if isinstance(node, Scalar) and node.value == "none" else as_items(node, layer.source)
            self.raw.lists[name] = {as_text(one, layer.source): f"{layer.source}:{one.mark.line}" for one in hosts}
            self.raw.values[name] = (", ".join(self.raw.lists[name]), origin)
        elif isinstance(node, Scalar):
            if node.value is not None:
                self.raw.values[name] = (node.value, origin)
        else:
            raise PolicyFileError(f"`{name}` is a single value", source=place(layer.source, node.mark))

    def _constructs(self, layer: _Layer) -> None:
        """A line that is stricter replaces the one below it; to be laxer, it has to override it by name."""
        for rule in construct_rules(layer.root, layer.source):
            below = self.raw.rules.get(rule.id)
            if below is not None and Verdict.parse(rule.verdict) < Verdict.parse(below.verdict):
                raise PolicyFileError(
                    f"the rule `{rule.id}` says `{below.verdict}` at {below.source}, and `{rule.verdict}` would loosen it",
                    source=rule.source,
                    hint=f"to loosen it, add `override: [{rule.id}]`",
                )
            self.raw.rules[rule.id] = rule

    def _rules(self, layer: _Layer, inherited: frozenset[str]) -> None:
        own: set[str] = set()
        for node in as_items(layer.root.nodes.get("rules"), layer.source):
            rule = RawRule.read(node, layer.source, user=layer.user)
            if rule.id in CONSTRUCT_RULES:
                raise PolicyFileError(
                    f"the id `{rule.id}` is that of a construct",
                    source=place(layer.source, node.mark),
                    hint="give the rule an id of its own, or say it in `operators:` or `constructs:`",
                )
            if rule.id in self.raw.rules:
                again = rule.id in own or rule.id not in inherited
                hint = "give each rule an id of its own" if again else f"to replace it, add `override: [{rule.id}]`"
                first = self.raw.rules[rule.id].source
                raise PolicyFileError(
                    f"the rule `{rule.id}` is there already, from {first}", source=place(layer.source, node.mark), hint=hint
                )
            own.add(rule.id)
            self.raw.rules[rule.id] = rule


def load(
    preset: str | None = None,
    *,
    files: Sequence[str] = (),
    overrides: Mapping[str, Override] | None = None,
    workspace: str,
    home: str,
    own_directories: Sequence[str] = (),
    contents: Mapping[str, bytes] | None = None,
    real: Callable[[str], str] = os.path.realpath,
) -> Policy:
    """The policy that a preset, the user's files and the flags form.

    Without `preset`, it is what a file `extends`, and else `balanced`; a file that extends another than the one asked
    for is refused. `workspace` and `home` are absolute real paths. `own_directories` are where bylaw keeps its state and
    configuration: no call reads or writes there. `contents` are files that were read already; `real` says where a root
    leads. Keys of `overrides`: `limits.*`, `sandbox.mode`, `sandbox.launcher`, `paths.read`,
    `paths.write`, `allow_path` (both of these), `allow_command` (program names), `allow_host` (as in `network`).

    Raises PolicyFileError for whatever cannot be used, examples that fail included.
    """
    layers = [_user_layer(path, (contents or {}).get(path)) for path in files]
    merge = _Merge()
    merge.add(_base(preset, layers))
    for layer in layers:
        merge.add(layer)
    for name, override in (overrides or {}).items():
        _apply_override(merge.raw, name, override)
    for directory in own_directories:
        for name in ("paths.secret", "paths.protected"):
            merge.raw.literals.setdefault(name, {})[directory] = "bylaw's own files"
    policy = finish(merge.raw, workspace=workspace, home=home, real=real)
    if files:
        _check_patterns(policy)
    if any(rule.user for rule in merge.raw.rules.values()):
        from .examples import check_examples  # imported late: only a user's rules are tried at every start

        check_examples(merge.raw)
    return policy


def _check_patterns(policy: Policy) -> None:
    """Tries to compile every pattern of a path, where it was given."""
    for name in ("secret", "protected"):
        for index, pattern in enumerate(getattr(policy.paths, name)):
            _check_pattern(pattern, policy.origins.get(f"paths.{name}[{index}]", ""))
    for rule in policy.rules:
        for matcher in (rule.match, *rule.excepts):
            for pattern in matcher.path:
                _check_pattern(pattern, rule.source)


def _check_pattern(pattern: str, source: str) -> None:
    try:
        globs((pattern,))
    except PolicyError as problem:
        raise PolicyFileError(problem.message, source=source, hint=problem.hint) from problem


def _user_layer(path: str, data: bytes | None) -> _Layer:
    from .documents import check  # imported late: pydantic is slow to import, and shipped documents do not need it

    root = parse(read_source(path) if data is None else decoded(data, path), source=path)
    check(root, source=path)
    return _Layer(root, path, user=True)


def _base(asked: str | None, layers: Sequence[_Layer]) -> _Layer:
    """The preset at the bottom, agreed on by the flag and every document."""
    chosen, chooser = asked, "--preset"
    for layer in layers:
        node = layer.root.nodes.get("extends")
        if node is None or (isinstance(node, Scalar) and node.value is None):
            continue
        name, source = as_text(node, layer.source), place(layer.source, node.mark)
        if chosen is not None and name != chosen:
            raise PolicyFileError(
                f"extends `{name}`, but {chooser} asks for `{chosen}`", source=source, hint=f"use `--preset {name}`, or none"
            )
        chosen, chooser = name, layer.source
    name = chosen or shipped.DEFAULT_PRESET
    return _Layer(shipped.preset(name, source="--preset"), f"presets/{name}.yaml")


def _values(root: Table, source: str) -> Iterator[tuple[str, Node, int]]:
    """Every value of a document by its full name (`limits.read_bytes`), with its line."""
    for key, node in root.nodes.items():
        if key in _GROUPS and isinstance(node, Table):
            for inner, one in node.nodes.items():
                yield f"{key}.{inner}", one, node.keys[inner].line
        elif key in _GROUPS and not (isinstance(node, Scalar) and node.value is None):
            raise PolicyFileError(f"`{key}` is a mapping", source=place(source, node.mark))
        elif key not in _GROUPS and key not in _NOT_VALUES:
            yield key, node, root.keys[key].line


def _apply_override(raw: Raw, name: str, override: Override) -> None:
    value, source = override.value, override.source
    if name.startswith("limits.") or name == "sandbox.mode":
        if not isinstance(value, str | int | float):
            raise PolicyFileError(f"`{name}` is a single value", source=source)
        raw.values[name] = (value, source)
    elif isinstance(value, str | int | float):
        raise PolicyFileError(f"`{name}` is a list", source=source)
    elif name == "sandbox.launcher":
        raw.values[name] = (tuple(value), source)
    elif name == "allow_host":
        raw.lists.setdefault("network", {}).update(dict.fromkeys(value, source))
    elif name == "allow_command":
        for rule in (rule for program in value for rule in allow_command(program, source)):
            raw.rules[rule.id] = rule
    elif name in _PATH_FLAGS:
        for list_name in _PATH_FLAGS[name]:
            raw.literals.setdefault(list_name, {}).update(dict.fromkeys(map(_existing(source), value), source))
    else:
        raise PolicyFileError(f"`{name}` cannot be given on the command line", source=source, hint="put it in a policy file")


def _existing(source: str) -> Callable[[str], str]:
    """The real path of what a flag names; a root that is not there would become one for whoever makes it."""

    def real(path: str) -> str:
        try:
            return os.path.realpath(path, strict=True)
        except (OSError, ValueError) as problem:
            raise PolicyFileError(f"`{path}` cannot be found", source=source, hint="give a path that exists") from problem

    return real
