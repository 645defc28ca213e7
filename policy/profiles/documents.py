"""Profiles from YAML. Every scalar is text, every key must be known: a profile that is misread could miss an effect."""

from __future__ import annotations

import re
import shlex
from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias, get_args

import yaml

from ..errors import ProfileError
from .model import Always, Argument, Example, Interpreter, Option, Profile, Repository, Role, Style, Table

if TYPE_CHECKING:
    _Base = yaml.BaseLoader
else:
    _Base = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

Node: TypeAlias = "str | list[Node] | dict[str, Node]"

_SPELLING = re.compile(r"(--?[A-Za-z0-9?#@%+=:.,!/^_-]+|-\Z|[a-z_]+\Z|\+[A-Za-z]*)\Z")
_ROLES: frozenset[str] = frozenset(get_args(Role))
_WITHOUT_ARGUMENT: frozenset[str] = frozenset({"flag", "recurse", "no_target", "unknown", "rewrite", "follow", "end"})
_ALWAYS: frozenset[str] = frozenset({"read", "tree", "write", "write_tree", "delete", "workspace", "connect", "code", "unknown"})
_TABLE_KEYS = frozenset(
    {
        "style", "options", "abbreviations", "numeric", "loose", "operands", "first_given_by", "bare", "always", "exact",
        "commands", "exact_unless", "pin", "repository", "filters", "bare_if_recursive",
        "always_unless", "detached", "response",
    }
)  # fmt: skip
_PROFILE_KEYS = frozenset({"program", "category", "interpreter", "aliases", "helpers", "environment", "examples"})


class _Loader(_Base):
    """Text only, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        """Raises ProfileError for a key that stands twice: the second would silently win."""
        found: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        if len(found) != len(node.value):
            keys = [str(key.value) for key, _ in node.value]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ProfileError(f"`{twice}` stands twice", source=f"line {node.start_mark.line + 1}")
        return found


def parse_aliases(text: str) -> dict[str, str]:
    """Which profile another name stands for."""
    found = yaml.load(text, Loader=_Loader)  # noqa: S506  # a base loader: text, lists, mappings
    return {str(alias): str(program) for alias, program in found.items()}


def parse_profile(text: str, *, source: str) -> Profile:
    """The profile that a YAML text describes. Raises ProfileError naming the file and the key."""
    try:
        tree: Node = yaml.load(text, Loader=_Loader)  # noqa: S506  # a base loader: text, lists, mappings
    except yaml.YAMLError as problem:
        raise ProfileError(f"is not YAML: {problem}", source=source) from problem
    reader = _Reader(source)
    fields = reader.mapping(tree, "profile")
    reader.only(fields, _PROFILE_KEYS | _TABLE_KEYS, "profile")
    table = {key: value for key, value in fields.items() if key in _TABLE_KEYS}
    return Profile(
        program=reader.text(fields.get("program", ""), "program"),
        category=reader.text(fields.get("category", ""), "category"),
        interpreter=reader.interpreter(reader.text(fields.get("interpreter", "table"), "interpreter")),
        table=reader.table(table, "profile"),
        aliases=tuple(reader.words(fields.get("aliases", ""), "aliases")),
        helpers=tuple(reader.words(fields.get("helpers", ""), "helpers")),
        environment=tuple(reader.pairs(fields.get("environment", {}), "environment")),
        examples=tuple(reader.examples(fields.get("examples", []))),
    )


class _Reader:
    """Checks each part of a profile; every complaint names the file and the key."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fault(self, message: str, key: str) -> ProfileError:
        return ProfileError(message, source=f"{self.source}: {key}")

    def mapping(self, node: Node, key: str) -> dict[str, Node]:
        if not isinstance(node, dict):
            raise self.fault("a mapping was expected", key)
        return node

    def text(self, node: Node, key: str) -> str:
        if not isinstance(node, str) or (not node and key in {"program", "category"}):
            raise self.fault("a text was expected", key)
        return node

    def words(self, node: Node, key: str) -> list[str]:
        """Words parted by blanks, or a list of texts."""
        if isinstance(node, list):
            return [self.text(one, key) for one in node]
        return self.text(node, key).split()

    def only(self, fields: Mapping[str, Node], known: frozenset[str], key: str) -> None:
        for name in fields:
            if name not in known:
                raise self.fault(f"`{name}` is no key of a profile", key)

    def interpreter(self, word: str) -> Interpreter:
        for one in get_args(Interpreter):
            if word == one:
                return one  # type: ignore[no-any-return]  # get_args gives Any
        raise self.fault(f"`{word}` is no interpreter", "interpreter")

    def pairs(self, node: Node, key: str) -> Iterator[tuple[str, str]]:
        for name, value in self.mapping(node, key).items():
            yield name, self.text(value, key)

    def flag(self, node: Node, key: str) -> bool:
        if node not in {"true", "false"} if isinstance(node, str) else True:
            raise self.fault("true or false was expected", key)
        return node == "true"

    def table(self, node: Node, key: str) -> Table:
        fields = self.mapping(node, key)
        self.only(fields, _TABLE_KEYS, key)
        style = self.text(fields.get("style", "gnu"), f"{key}.style")
        repository = self.text(fields.get("repository", ""), f"{key}.repository")
        if style not in get_args(Style):
            raise self.fault(f"`{style}` is no style", f"{key}.style")
        if repository not in get_args(Repository):
            raise self.fault(f"`{repository}` is nothing that can be done to a repository", f"{key}.repository")
        exact = fields.get("exact", [])
        if not isinstance(exact, list):
            raise self.fault("a list was expected", f"{key}.exact")
        return Table(
            style=style,  # type: ignore[arg-type]  # checked above
            options=self.options(fields.get("options", {}), f"{key}.options"),
            abbreviations=self.flag(fields.get("abbreviations", "true"), f"{key}.abbreviations"),
            numeric=self.flag(fields.get("numeric", "false"), f"{key}.numeric"),
            loose=self.flag(fields.get("loose", "false"), f"{key}.loose"),
            operands=tuple(self.role(word, f"{key}.operands") for word in self.words(fields.get("operands", ""), f"{key}.operands")),
            first_given_by=frozenset(self.words(fields.get("first_given_by", ""), f"{key}.first_given_by")),
            bare=self.always(fields.get("bare", []), f"{key}.bare"),
            bare_if_recursive=self.flag(fields.get("bare_if_recursive", "false"), f"{key}.bare_if_recursive"),
            always=self.always(fields.get("always", []), f"{key}.always"),
            exact=frozenset(tuple(shlex.split(self.text(one, f"{key}.exact"))) for one in exact),
            exact_unless=tuple(self.words(fields.get("exact_unless", ""), f"{key}.exact_unless")),
            commands=self.commands(fields.get("commands", {}), f"{key}.commands"),
            pin=tuple(self.words(fields.get("pin", ""), f"{key}.pin")),
            repository=repository,  # type: ignore[arg-type]  # checked above
            filters=self.flag(fields.get("filters", "false"), f"{key}.filters"),
            always_unless=frozenset(self.words(fields.get("always_unless", ""), f"{key}.always_unless")),
            detached=self.flag(fields.get("detached", "false"), f"{key}.detached"),
            response=self.flag(fields.get("response", "false"), f"{key}.response"),
        )

    def role(self, word: str, key: str) -> Role:
        if word not in _ROLES:
            raise self.fault(f"`{word}` is no role", key)
        return word  # type: ignore[return-value]  # checked above

    def options(self, node: Node, key: str) -> dict[str, Option]:
        """`role: "-a --all, -b"`; `role=` takes an argument, `role?` may have one attached."""
        found: dict[str, Option] = {}
        for heading, groups in self.mapping(node, key).items():
            role = self.role(heading.rstrip("?="), key)
            argument: Argument = "none" if role in _WITHOUT_ARGUMENT else "required"
            argument = "optional" if heading.endswith("?") else "required" if heading.endswith("=") else argument
            for group in self.text(groups, f"{key}.{heading}").split(", "):
                option = Option(spellings=tuple(group.split()), role=role, argument=argument)
                for spelling in option.spellings:
                    if spelling in found or not _SPELLING.match(spelling):
                        raise self.fault(f"`{spelling}` is given twice, or is no option", f"{key}.{heading}")
                    found[spelling] = option
        return found

    def always(self, node: Node, key: str) -> tuple[Always, ...]:
        if isinstance(node, str):
            node = [node]
        if not isinstance(node, list):
            raise self.fault("a list was expected", key)
        found: list[Always] = []
        for one in node:
            kind, _, subject = self.text(one, key).partition(" ")
            if kind not in _ALWAYS:
                raise self.fault(f"`{kind}` is no effect", key)
            found.append(Always(kind=kind, subject=subject))  # type: ignore[arg-type]  # checked above
        return tuple(found)

    def commands(self, node: Node, key: str) -> dict[str, Table]:
        """`"ps images": {...}` gives both subcommands the same table."""
        found: dict[str, Table] = {}
        for names, fields in self.mapping(node, key).items():
            table = self.table(fields or {}, f"{key}.{names}")
            for name in names.split():
                if name in found:
                    raise self.fault(f"`{name}` stands twice", key)
                found[name] = table
        return found

    def examples(self, node: Node) -> Iterator[Example]:
        if not isinstance(node, list):
            raise self.fault("a list was expected", "examples")
        for one in node:
            command, arrow, effects = self.text(one, "examples").rpartition(" => ")
            if not arrow:
                raise self.fault(f"`{one}` has no ` => `", "examples")
            yield Example(command=command, effects=frozenset(word.strip() for word in effects.split(",") if word.strip() != "nothing"))
