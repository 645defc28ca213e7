"""The form of a policy document: what a YAML file may hold, checked before anything is made of it.

pydantic knows the form, publishes it as JSON Schema and finds the fault; what a document means is the work of `layers`.
Shipped documents are checked by the test-suite and not at every start, so this module is imported for a user's file only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from .constructs import SIGNS
from .effects import ConstructName, Origin, OtherConstruct
from .errors import PolicyFileError
from .forms import Form, LimitsForm, PathsForm, SandboxForm, VerdictWord, Word
from .model import Caches, Grants, Hooks, Kind, Opinion
from .near import near_miss
from .yaml_source import Mark, Node, Plain, Table, locate, place, plain

RuleVerdict = Literal["allow", "confirm", "deny", "blocked"]
EffectName = Literal["read", "write", "delete", "execute", "connect", "send", "environment", "construct", "unknown"]

Text = Annotated[str, Field(min_length=1, max_length=2000)]
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*$", max_length=80)]


def _listed(value: Plain) -> Plain:
    return [value] if isinstance(value, str) else value


def _no_hosts(value: Plain) -> Plain:
    return [] if value == "none" else value


def _plain_text(value: Plain) -> Plain:
    # INVARIANT: a bare `{` in the message of a rule never becomes a variable; only paths have variables.
    return value.strip() if isinstance(value, str) else value


Words = Annotated[list[Word], BeforeValidator(_listed, json_schema_input_type=Word | list[Word]), Field(min_length=1, max_length=500)]
Hosts = Annotated[list[Word], BeforeValidator(_no_hosts, json_schema_input_type=Literal["none"] | list[Word]), Field(max_length=500)]
EffectNames = Annotated[
    list[EffectName], BeforeValidator(_listed, json_schema_input_type=EffectName | list[EffectName]), Field(min_length=1, max_length=20)
]
Origins = Annotated[list[Origin], BeforeValidator(_listed, json_schema_input_type=Origin | list[Origin]), Field(min_length=1)]
Constructs = Annotated[
    list[ConstructName], BeforeValidator(_listed, json_schema_input_type=ConstructName | list[ConstructName]), Field(min_length=1)
]
OperatorSign = Literal["|", "&&", "||", ";", "&", "!", "<", ">", ">>", "2>&1", "<<", "<<<"]
Prose = Annotated[str, Field(min_length=10, max_length=2000), BeforeValidator(_plain_text)]


class MatchForm(Form):
    """Matches an effect when every field given matches; a field matches when any of its values does."""

    effect: EffectNames | None = None
    tool: Words | None = Field(default=None, description="The tool that is called: bash, read, write, edit, ...")
    program: Words | None = Field(default=None, description="Globs of the program's name.")
    origin: Origins | None = Field(default=None, description="Whose code runs: a known program's, or the workspace's.")
    category: Words | None = Field(default=None, description="Categories of program profiles.")
    subcommand: Words | None = Field(default=None, description="Words that choose what the program does, matched as a prefix.")
    option: Words | None = Field(default=None, description="Exact spellings of options.")
    operand: Words | None = Field(default=None, description="Globs of an operand.")
    path: Words | None = Field(default=None, description="gitignore patterns of a path that is read, written or deleted.")
    host: Words | None = Field(default=None, description="Globs of a host name.")
    name: Words | None = Field(default=None, description="Globs of an environment variable's name.")
    construct_: Constructs | None = Field(default=None, alias="construct", description="Shell constructs.")
    subject: Words | None = Field(default=None, description="Globs of what a construct is applied to, or of what is unknown.")
    why: Words | None = Field(default=None, description="Globs of why something is unknown.")

    @model_validator(mode="after")
    def _says_something(self) -> MatchForm:
        if not self.model_fields_set:
            raise ValueError("give at least one field to match")
        return self


class ExamplesForm(Form):
    """Commands (or `@tool {json}`) that the rule must match and must not match; tried when the policy is loaded."""

    match: list[Text] = Field(default=[])
    not_match: list[Text] = Field(default=[])


class RuleForm(Form):
    """One rule. `verdict: blocked` takes the policy's `defaults.blocked`."""

    id: RuleId
    verdict: RuleVerdict
    match: MatchForm
    except_: list[MatchForm] = Field(default=[], alias="except")
    because: Prose = Field(description="Why, for the person who is asked and the model that is refused.")
    suggest: Prose | None = Field(default=None, description="What to do instead.")
    examples: ExamplesForm | None = None


class PolicyForm(Form):
    """A bylaw policy. Values given replace those of the preset; lists and rules are added to it. `override` names
    what is taken out of the preset first: rules by their id, lists by their name (`paths.secret`).
    """

    version: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    description: Text | None = None
    extends: Literal["hardened", "strict", "balanced", "permissive"] | None = None
    include: list[Word] = Field(default=[])
    override: list[Word] = Field(default=[])
    limits: LimitsForm | None = None
    paths: PathsForm | None = None
    sandbox: SandboxForm | None = None
    defaults: dict[Kind, VerdictWord] = Field(default={})
    opinions: list[Opinion] | None = None
    environment: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\*?$")]] = Field(default=[])
    grants: Grants | None = None
    approve_all: bool | None = None
    hooks: Hooks | None = None
    network: Hosts | None = Field(default=None, description="Hosts that calls reach without a question: `host:port`, or `none`.")
    caches: Caches | None = Field(default=None, description="What code of the workspace gets of toolchains and caches.")
    operators: dict[OperatorSign, VerdictWord] = Field(default={}, description="A rule for each sign of the shell: `operator.<name>`.")
    constructs: dict[OtherConstruct, VerdictWord] = Field(
        default={}, description="A rule for each construct that is no sign: `construct.<name>`."
    )
    rules: list[RuleForm] = Field(default=[])


JSONSchema: TypeAlias = "dict[str, JSONSchema] | list[JSONSchema] | str | int | float | bool | None"


def schema() -> dict[str, JSONSchema]:
    """The JSON Schema of a policy document."""
    made: dict[str, JSONSchema] = PolicyForm.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "bylaw policy"} | {
        key: value for key, value in made.items() if key != "title"
    }


def check(root: Table, *, source: str) -> None:
    """Refuses a document that has not the form of a policy: PolicyFileError at the first fault, in the order of the file.

    The message names the first few faults, and how many more there are.
    """
    try:
        PolicyForm.model_validate(plain(root))
    except ValidationError as problem:
        faults = [(_location(root, fault), fault) for fault in problem.errors(include_url=False, include_context=True)]
        # A misspelt key first: it explains the missing one.
        faults.sort(key=lambda pair: (not _is_unknown_key(pair[1]), pair[0][1].line, pair[0][1].column))
        (path, mark), first = faults[0]
        messages = [_message(path, first)]
        messages += [f"line {where.line}: {_message(other, fault)}" for (other, where), fault in faults[1:_SHOWN]]
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise PolicyFileError("; ".join(messages) + more, source=place(source, mark), hint=_hint(path, first)) from problem


_SHOWN: Final = 3
"""How many faults a message names."""


def _location(root: Node, fault: ErrorDetails) -> tuple[tuple[str | int, ...], Mark]:
    path = tuple(step for step in fault["loc"] if step != "[key]")
    return path, locate(root, path)


def _is_unknown_key(fault: ErrorDetails) -> bool:
    return fault["type"] == "extra_forbidden" or fault["loc"][-1:] == ("[key]",)


def _spelled(path: tuple[str | int, ...]) -> str:
    """`rules[2].match.program`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "the document"


def _message(path: tuple[str | int, ...], fault: ErrorDetails) -> str:
    if _is_unknown_key(fault):
        return f"the key `{_spelled(path)}` is not known"
    if fault["type"] == "missing":
        return f"the key `{_spelled(path)}` is missing"
    given = fault["input"]
    if fault["type"] == "string_type" and isinstance(given, bool):
        return f"`{_spelled(path)}` should be a text, and YAML reads this word as the boolean `{str(given).lower()}`"
    text = _LEAD.sub("", fault["msg"]).removesuffix(" after validation, not 0")
    shown = f", not `{str(given)[:60]}`" if isinstance(given, str | int | float) else ""
    return f"`{_spelled(path)}` {text[0].lower()}{text[1:]}{shown}"


_LEAD: Final = re.compile(r"^(?:Value error, |(?:Input|String|List|Value) (?=should))")
"""What pydantic puts before the sentence; the path stands there instead."""


def _hint(path: tuple[str | int, ...], fault: ErrorDetails) -> str:
    known: list[str] = []
    word = str(path[-1]) if path else ""
    if fault["type"] == "extra_forbidden":
        form = next((_FORMS[step] for step in reversed(path[:-1]) if isinstance(step, str) and step in _FORMS), PolicyForm)
        if (form, word) in _ELSEWHERE:
            return _ELSEWHERE[form, word]
        known = [one.alias or name for name, one in form.model_fields.items()]
    elif isinstance(fault["input"], bool) and (fault["type"] == "string_type" or "'off'" in fault["msg"]):
        return "quote it: `yes`, `no`, `on`, `off`, `true` and `false` are booleans in YAML"
    elif path[:1] == ("constructs",) and word in _SIGN_OF:
        return f"it is a sign: `operators: {{{_SIGN_OF[word]!r}: ...}}`"
    elif fault["type"] == "literal_error":
        known = _quoted(str(fault.get("ctx", {}).get("expected", "")))
        word = str(fault["input"])
    near = near_miss(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    # The message lists the values of a literal itself; of keys it lists none.
    return f"known here: {', '.join(known)}" if known and _is_unknown_key(fault) else "`bylaw policy schema` prints the form of a policy"


def _quoted(expected: str) -> list[str]:
    return [one.strip(" '") for one in expected.replace(" or ", ",").split(",")]


_FORMS: dict[str, type[BaseModel]] = {
    "limits": LimitsForm,
    "paths": PathsForm,
    "sandbox": SandboxForm,
    "rules": RuleForm,
    "match": MatchForm,
    "except": MatchForm,
    "examples": ExamplesForm,
}

_SIGN_OF: Final[Mapping[str, str]] = {name: sign for sign, name in SIGNS.items()}

_ELSEWHERE: Final[Mapping[tuple[type[BaseModel], str], str]] = {
    (RuleForm, "override"): "`override` belongs at the top level of the document: `override: [RULE_ID]`",
    (MatchForm, "command"): "commands are matched by `program`, `subcommand`, `option` and `operand`",
}
"""Keys that are looked for in the wrong place, and where to say it instead."""
