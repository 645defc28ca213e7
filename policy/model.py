"""A policy, compiled: what the engine reads. Plain frozen data without pydantic, so that judging starts fast.

`policy.documents` checks the YAML and makes these. Every value's origin (`file:line`) is kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from .decision import Verdict
from .records import EMPTY, Record

Kind = Literal[
    "read.inside",
    "read.system",
    "read.outside",
    "read.secret",
    "write.inside",
    "write.outside",
    "write.protected",
    "delete.inside",
    "execute.known",
    "execute.workspace",
    "execute.shell",
    "connect",
    "send",
    "environment",
    "construct",
    "unknown",
    "blocked",
]
"""What a policy gives a default for. `blocked` is no effect: it is the verdict that rules of the tier `blocked` take."""

SandboxMode = Literal["require", "prefer", "off"]
Opinion = Literal["bashlex", "tree-sitter"]
DIFFERS: Final = "reads this command differently"
"""How the analysis says that an opinion differs. INVARIANT: what says so is at best confirmed, whatever the rules say."""

Grants = Literal["none", "session", "always"]
Hooks = Literal["skip", "refuse", "run"]
"""What a commit does about the repository's hooks: leave them out and say so, refuse to commit where there are any, or
run them as code of the workspace."""


class Limits(Record):
    """Byte, time and size limits of one call. Bytes are bytes, seconds are seconds, characters are code points (in UTF-8,
    65,536 bytes at most).

    What `command_depth` to `glob_results` count is said in `policy.shell.caps`, whose values are theirs where none is given.
    """

    read_bytes: int
    write_bytes: int
    output_bytes: int
    command_seconds: float
    command_characters: int
    regular_files: bool
    command_depth: int = 16
    command_count: int = 500
    command_words: int = 4_000
    command_expansions: int = 1_000
    glob_results: int = 10_000


LIMIT_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "read_bytes": (1_024, 100_000_000),
    "write_bytes": (1_024, 100_000_000),
    "output_bytes": (128, 10_000_000),
    "command_seconds": (0.001, 86_400),
    "command_characters": (8, 65_536),
    "command_depth": (1, 64),
    "command_count": (1, 10_000),
    "command_words": (1, 65_536),
    "command_expansions": (1, 65_536),
    "glob_results": (1, 100_000),
}
"""Floors keep a tool usable; ceilings keep a slip of the keyboard from meaning "no limit"."""


class Paths(Record):
    """Roots are absolute real paths; globs are gitignore patterns with `{workspace}` and `{home}` filled in."""

    read: tuple[str, ...]
    write: tuple[str, ...]
    system: tuple[str, ...]
    secret: tuple[str, ...]
    protected: tuple[str, ...]


class Matcher(Record):
    """Matches an effect when every field that is given matches; a field matches when any of its patterns does.

    `program`, `operand`, `name`, `host`, `subject`, `why` are globs (`*` and `?`). `path` are gitignore patterns, matched
    against reads, writes and deletes. `subcommand` are words (`stash push`), matched as a prefix. `option` are exact
    spellings. A field that an effect does not have (the host of a read) never matches.
    """

    effect: tuple[str, ...] = ()
    tool: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    subcommand: tuple[tuple[str, ...], ...] = ()
    option: tuple[str, ...] = ()
    operand: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    construct: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


class Rule(Record):
    """A rule of the policy: what it matches, what it says, why, and what to do instead.

    `blocked` says that the verdict is the policy's own for what is blocked by name. An example is a command, or
    `@tool {json}` for a call of another tool.
    """

    id: str
    verdict: Verdict
    because: str
    match: Matcher
    source: str
    suggest: str | None = None
    blocked: bool = False
    excepts: tuple[Matcher, ...] = ()
    examples_match: tuple[str, ...] = ()
    examples_not_match: tuple[str, ...] = ()


class Default(Record):
    """The verdict for effects of one kind that no rule matches."""

    verdict: Verdict
    source: str


class Sandbox(Record):
    """`require`: no command runs without a layer. `prefer`: it runs, said loudly and recorded, after `degraded`."""

    mode: SandboxMode
    degraded: Verdict


class Policy(Record):
    """One policy, ready to judge. `digest` is the SHA-256 (hex) of everything that can change a verdict."""

    name: str
    description: str
    digest: str
    limits: Limits
    paths: Paths
    sandbox: Sandbox
    defaults: Mapping[Kind, Default]
    rules: tuple[Rule, ...]
    opinions: tuple[Opinion, ...]
    environment: tuple[str, ...]
    grants: Grants
    approve_all: bool
    hooks: Hooks
    origins: Mapping[str, str] = EMPTY
