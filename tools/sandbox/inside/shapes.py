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
    """Resource limits: bytes of one file, open files, processes of the account, bytes of data and seconds of processor time
    of one process.
    """

    file_bytes: int
    files: int
    processes: int
    memory_bytes: int
    cpu_seconds: int


class Jail(TypedDict):
    """What bubblewrap (`program`) builds: its `arguments`, a path in a tuple standing for a descriptor of that file; the program that
    waits in it; and what the launcher mounts then: trees without execution, private views with what is hidden in them.
    """

    program: str
    arguments: list[str | tuple[str]]
    waiting: str
    noexec: list[str]
    overlays: list[tuple[str, list[str]]]


class Cgroup(TypedDict):
    """A control group is made below `place`, and the files in it get these values where they are there."""

    place: str
    limits: list[tuple[str, str]]


class Shape(TypedDict):
    """What a launcher is for as long as it lives: the place, the limits that no process can raise again, and the system calls.

    `confined`: capabilities and new privileges are given up. `filter` is a program of struct sock_filter, empty without seccomp;
    `notify`: refused calls wait for the launcher's answer.
    """

    jail: Jail | None
    group: Cgroup | None
    caps: Caps
    confined: bool
    filter: bytes
    notify: bool


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
    """A plan: `start` is where it begins.

    `witnessed`: captures and final vectors are reported, and wait for an answer. `capture_bytes` bounds one capture.
    """

    steps: list[Step]
    captures: list[list[Step]]
    environment: dict[str, str]
    start: str
    witnessed: bool
    capture_bytes: int


class Specification(TypedDict):
    """What the parent hands over for one call. `rules` are Landlock's, marshalled (`Rules`), None without it.

    `identities`: device and inode of what was granted, by path; `hidden` (with the device that each is on outside) and
    `protected` are covered where there is a jail.
    """

    plan: Program
    identities: dict[str, tuple[int, int]]
    hidden: list[tuple[str, int]]
    protected: list[str]
    rules: bytes | None
