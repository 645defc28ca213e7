"""What crosses the wall: the shapes of the specification, for the type checker and the parent.

The launcher imports this only for checking: `typing` would double the time that it takes to start.
"""

from __future__ import annotations

from typing import Literal, TypedDict


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


class Opened(TypedDict):
    """`fd` is opened on a real path; `regular`: only a regular file will do."""

    kind: Literal["open"]
    fd: int
    path: str
    mode: Literal["read", "write", "append"]
    regular: bool


class Copied(TypedDict):
    """`fd` becomes a copy of `source`; None closes it."""

    kind: Literal["copy"]
    fd: int
    source: int | None


class Given(TypedDict):
    """`fd` reads this text."""

    kind: Literal["text"]
    fd: int
    text: bytes


Redirection = Opened | Copied | Given


class Call(TypedDict):
    """One invocation as the runner resolved it: real paths, the whole environment."""

    argv: list[bytes]
    program: str | None
    builtin: str | None
    directory: str
    environment: dict[bytes, bytes]
    redirections: list[Redirection]


class Stage(TypedDict):
    """One pipeline and when it runs."""

    connector: Literal["then", "and", "or"]
    negated: bool
    calls: list[Call]


class Specification(TypedDict):
    """What the parent hands over. `rules` is None without Landlock; `own_pids`: the launcher is number 1 of its own;
    `confined`: capabilities and new privileges are given up; `identities`: device and inode of what was granted, by path.
    """

    stages: list[Stage]
    identities: dict[str, tuple[int, int]]
    rules: Rules | None
    caps: Caps
    confined: bool
    own_pids: bool
