"""What documents say, before it means anything: values with their origins, rules with their variables still in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from .constructs import CONSTRUCTS, NAMED, SIGNS, rule_id, title
from .effects import ConstructName
from .errors import PolicyFileError
from .model import Matcher
from .near import did_you_mean
from .records import fields
from .yaml_source import Items, Node, Scalar, Table, place

Value = str | int | float | bool | tuple[str, ...]
RuleVerdict = Literal["allow", "confirm", "deny", "blocked"]

_VERDICTS: Final[tuple[RuleVerdict, ...]] = ("allow", "confirm", "deny", "blocked")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRule:
    """A rule as written: variables not filled in, `blocked` not resolved. `user`: it comes from a user's document."""

    id: str
    verdict: RuleVerdict
    match: Matcher
    because: str
    source: str
    suggest: str | None = None
    excepts: tuple[Matcher, ...] = ()
    examples_match: tuple[str, ...] = ()
    examples_not_match: tuple[str, ...] = ()
    user: bool = False

    @classmethod
    def read(cls, node: Node, file: str, *, user: bool) -> RawRule:
        """The rule that stands at a node; PolicyFileError when it is none."""
        table = as_table(node, file)
        examples = as_table(table.nodes["examples"], file) if "examples" in table.nodes else Table({}, {}, table.mark)
        suggest = table.nodes.get("suggest")
        return cls(
            id=as_text(_get(table, "id", file), file),
            verdict=_verdict(_get(table, "verdict", file), file),
            match=read_matcher(_get(table, "match", file), file),
            because=as_text(_get(table, "because", file), file).strip(),
            source=f"{file}:{table.mark.line}",
            suggest=as_text(suggest, file).strip() if suggest is not None else None,
            excepts=tuple(read_matcher(one, file) for one in as_items(table.nodes.get("except"), file)),
            examples_match=_texts(examples.nodes.get("match"), file),
            examples_not_match=_texts(examples.nodes.get("not_match"), file),
            user=user,
        )


@dataclass(slots=True)
class Raw:
    """What the layers add up to, each value with its origin. `literals` are paths as they are, without variables."""

    values: dict[str, tuple[Value, str]] = field(default_factory=dict[str, tuple[Value, str]])
    lists: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    literals: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    rules: dict[str, RawRule] = field(default_factory=dict[str, RawRule])


NO_PROFILE: Final = "there is no profile of this program*"
"""How the analysis says that it knows nothing of a program. INVARIANT: a flag that allows a program does not allow an
unknown option or subcommand of another program that has the same name."""


_PROGRAM: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def allow_command(program: str, flag: str) -> tuple[RawRule, RawRule]:
    """The rules of `--allow-command`: the program may start, and that nothing is known of it is accepted.

    They stand in for defaults only; a deny or confirm rule that matches still speaks. PolicyFileError for what is not
    the plain name of one program: a pattern, a list or a path would allow more, or other, than it seems to.
    """
    if _PROGRAM.fullmatch(program) is None:
        raise PolicyFileError(
            f"`{program[:80]}` names no program", source=flag, hint=f"repeat the flag; a plain program name, such as `{flag} tokei`"
        )
    because = f"the command line allows `{program}`"
    return (
        RawRule(
            id=f"allow-command.{program}",
            verdict="allow",
            match=Matcher(effect=("execute",), program=(program,)),
            because=because,
            source=flag,
        ),
        RawRule(
            id=f"allow-command.{program}.unknown",
            verdict="allow",
            match=Matcher(effect=("unknown",), subject=(program,), why=(NO_PROFILE,)),
            because=f"{because}, and what it does is not known",
            source=flag,
        ),
    )


def construct_rules(root: Table, file: str) -> Iterator[RawRule]:
    """The rules of `operators:` and `constructs:`: one for each line there."""
    sections: tuple[tuple[str, Mapping[str, ConstructName]], ...] = (("operators", SIGNS), ("constructs", NAMED))
    for section, known in sections:
        if section in root.nodes:
            table = as_table(root.nodes[section], file)
            for key, node in table.nodes.items():
                mark = table.keys[key]
                if key not in known:
                    text = f"the key `{section}.{key}` is not known"
                    raise PolicyFileError(text, source=place(file, mark), hint=did_you_mean(key, known))
                yield _construct_rule(known[key], _plain_verdict(node, file), f"{file}:{mark.line}")


def _construct_rule(name: ConstructName, verdict: RuleVerdict, source: str) -> RawRule:
    construct = CONSTRUCTS[name]
    return RawRule(
        id=rule_id(name),
        verdict=verdict,
        match=Matcher(effect=("construct",), construct=(name,)),
        because=f"`{title(name)}`: {construct.meaning}",
        source=source,
        suggest=None if verdict == "allow" else f"do it without `{title(name)}`, one call at a time",
        examples_match=(construct.example,),
        examples_not_match=("true",),
    )


def read_matcher(node: Node, file: str) -> Matcher:
    """The matcher that a mapping of fields to a value or values gives; a `subcommand` is split into its words."""
    table = as_table(node, file)
    fields = {key: _words(one, file) for key, one in table.nodes.items()}
    if unknown := fields.keys() - _FIELDS:
        name = min(unknown)
        raise PolicyFileError(f"the key `{name}` is not known", source=place(file, table.keys[name]), hint=did_you_mean(name, _FIELDS))
    if not fields:
        raise PolicyFileError("a match needs at least one field", source=place(file, table.mark))
    subcommand = tuple(tuple(words.split()) for words in fields.pop("subcommand", ()))
    return Matcher(subcommand=subcommand, **fields)


_FIELDS: Final = frozenset(fields(Matcher))


def as_table(node: Node, file: str) -> Table:
    """The node as a mapping; PolicyFileError when it is something else."""
    if isinstance(node, Table):
        return node
    raise PolicyFileError("a mapping is expected", source=place(file, node.mark))


def as_items(node: Node | None, file: str) -> tuple[Node, ...]:
    """The elements of a list, none of an absent or empty one; PolicyFileError when it is something else."""
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return ()
    if isinstance(node, Items):
        return node.nodes
    raise PolicyFileError("a list is expected", source=place(file, node.mark))


def as_text(node: Node, file: str) -> str:
    """The node as a text; PolicyFileError when it is something else."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    raise PolicyFileError("a text is expected", source=place(file, node.mark), hint="quote it")


def _get(table: Table, key: str, file: str) -> Node:
    if key not in table.nodes:
        raise PolicyFileError(f"the key `{key}` is missing", source=place(file, table.mark))
    return table.nodes[key]


def _texts(node: Node | None, file: str) -> tuple[str, ...]:
    return tuple(as_text(one, file) for one in as_items(node, file))


def _words(node: Node, file: str) -> tuple[str, ...]:
    return _texts(node, file) if isinstance(node, Items) else (as_text(node, file),)


def _plain_verdict(node: Node, file: str) -> RuleVerdict:
    verdict = _verdict(node, file)
    if verdict == "blocked":
        raise PolicyFileError("a construct is allowed, confirmed or denied", source=place(file, node.mark), hint="write `deny`")
    return verdict


def _verdict(node: Node, file: str) -> RuleVerdict:
    word = as_text(node, file)
    for verdict in _VERDICTS:
        if verdict == word:
            return verdict
    raise PolicyFileError(f"`{word[:80]}` is no verdict", source=place(file, node.mark), hint=did_you_mean(word, _VERDICTS))
