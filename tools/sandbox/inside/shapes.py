"""What crosses the wall: the shapes of the specification, for the type checker and the parent.

They mirror `policy.plan`, names made real. The launcher imports this only for checking: `typing` would double the time
that it takes to start.
"""

from __future__ import annotations

from typing import Literal, TypedDict

Connector = Literal["then", "and", "or"]


class Rules(TypedDict):
    """A Landlock ruleset: what is handled, and what of it is given back, path by path and port by port."""

    abi: int
    fs: int
    net: int
    scope: int
    paths: list[tuple[str, int]]
    ports: list[int]


class Caps(TypedDict):
    """Resource limits: bytes of one file, open files, processes of the account."""

    file_bytes: int
    files: int
    processes: int


# --- words and arithmetic ---------------------------------------------------------------------------------------


class Fixed(TypedDict):
    kind: Literal["fixed"]
    text: str
    quoted: bool


class Operation(TypedDict):
    """See `policy.plan.Operation`; `name` is its kind."""

    name: str
    colon: bool
    word: list[Part] | None
    pattern: str
    longest: bool
    every: bool
    anchor: str
    offset: Sum | None
    length: Sum | None


class Get(TypedDict):
    kind: Literal["get"]
    name: str
    quoted: bool
    operation: Operation | None


class Output(TypedDict):
    kind: Literal["output"]
    number: int
    quoted: bool


class Compute(TypedDict):
    kind: Literal["compute"]
    value: Sum
    quoted: bool


Part = Fixed | Get | Output | Compute
Word = str | list[Part]
"""A word: known, or parts that the run finds."""


class Number(TypedDict):
    kind: Literal["number"]
    value: int


class Name(TypedDict):
    kind: Literal["name"]
    name: str


class Unary(TypedDict):
    kind: Literal["unary"]
    operator: str
    operand: Sum


class Binary(TypedDict):
    kind: Literal["binary"]
    operator: str
    left: Sum
    right: Sum


class Choose(TypedDict):
    kind: Literal["choose"]
    condition: Sum
    yes: Sum
    no: Sum


class Assign(TypedDict):
    kind: Literal["assign"]
    name: str
    value: Sum
    old: bool


Sum = Number | Name | Unary | Binary | Choose | Assign


# --- redirections -----------------------------------------------------------------------------------------------


class Opened(TypedDict):
    """`fd` is opened on a real path; `regular`: only a regular file will do.

    Where `relative` is not empty, it is opened in the current directory, and must be `path` or one of `others`.
    """

    kind: Literal["open"]
    fd: int
    path: str
    mode: Literal["read", "write", "append"]
    regular: bool
    relative: str
    others: list[str]


class Copied(TypedDict):
    """`fd` becomes a copy of `source`; None closes it."""

    kind: Literal["copy"]
    fd: int
    source: int | None


class Given(TypedDict):
    """`fd` reads this text, behind what `late` comes to."""

    kind: Literal["text"]
    fd: int
    text: bytes
    late: list[Part] | None


Redirection = Opened | Copied | Given


# --- what runs --------------------------------------------------------------------------------------------------


class Call(TypedDict):
    """One invocation as the runner resolved it: real paths; `environment` is what was written before the command."""

    kind: Literal["call"]
    argv: list[bytes]
    late: list[tuple[int, list[Part]]]
    program: str | None
    builtin: str | None
    directory: str
    elsewhere: list[str]
    environment: list[tuple[str, Word]]
    redirections: list[Redirection]


class Group(TypedDict):
    kind: Literal["group"]
    steps: list[Step]
    subshell: bool
    redirections: list[Redirection]


class Function(TypedDict):
    kind: Literal["function"]
    arguments: list[Word]
    steps: list[Step]
    redirections: list[Redirection]


class If(TypedDict):
    kind: Literal["if"]
    branches: list[tuple[list[Step], list[Step]]]
    otherwise: list[Step]
    redirections: list[Redirection]


class Loop(TypedDict):
    kind: Literal["loop"]
    condition: list[Step]
    body: list[Step]
    until: bool
    redirections: list[Redirection]


class Each(TypedDict):
    kind: Literal["each"]
    name: str
    values: list[str]
    bodies: list[list[Step]]
    redirections: list[Redirection]


class For(TypedDict):
    kind: Literal["for"]
    name: str
    words: list[Word]
    body: list[Step]
    redirections: list[Redirection]


class Arm(TypedDict):
    patterns: list[str]
    body: list[Step]
    end: str


class Case(TypedDict):
    kind: Literal["case"]
    word: Word
    arms: list[Arm]
    redirections: list[Redirection]


class Check(TypedDict):
    kind: Literal["check"]
    operator: str
    left: Word
    right: Word | None


class Not(TypedDict):
    kind: Literal["not"]
    condition: Condition


class Pair(TypedDict):
    kind: Literal["both", "either"]
    left: Condition
    right: Condition


Condition = Check | Not | Pair


class Conditional(TypedDict):
    kind: Literal["conditional"]
    condition: Condition
    directory: str
    elsewhere: list[str]
    redirections: list[Redirection]


class Calculate(TypedDict):
    kind: Literal["calculate"]
    value: Sum
    redirections: list[Redirection]


Compound = Group | Function | If | Loop | Each | For | Case | Conditional | Calculate
Node = Call | Compound


class Step(TypedDict):
    """One pipeline and when it runs."""

    connector: Connector
    negated: bool
    timed: bool
    stages: list[Node]


class Program(TypedDict):
    """A plan: `needs` names the modules of the interpreter that it uses, `start` is where it begins.

    `witnessed`: captures and final vectors are reported, and wait for an answer. `capture_bytes` bounds one capture.
    """

    steps: list[Step]
    captures: list[list[Step]]
    environment: dict[str, str]
    start: str
    needs: list[str]
    witnessed: bool
    capture_bytes: int


class Specification(TypedDict):
    """What the parent hands over. `rules` is None without Landlock; `own_pids`: the launcher is number 1 of its own;
    `confined`: capabilities and new privileges are given up; `identities`: device and inode of what was granted, by path.
    """

    plan: Program
    identities: dict[str, tuple[int, int]]
    rules: Rules | None
    caps: Caps
    confined: bool
    own_pids: bool
