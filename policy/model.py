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

Caches = Literal["none", "read", "overlay"]
"""What code of the workspace gets of the package caches under the home directory: nothing (and no toolchains either),
reading, or a private view that it may change and that is thrown away after the call."""

HardLinks = Literal["allow", "refuse"]
"""Whether a tool reads a file that has several names, of which others may lie outside the roots."""


class Limits(Record):
    """Byte, time and size limits of one call. Bytes are bytes, seconds are seconds, characters are code points (in UTF-8,
    65,536 bytes at most).

    What `command_depth` to `glob_results` count is said in `policy.shell.caps`, whose values are theirs where none is given.
    `processes` to `cpu_seconds` are what the kernel holds a command to: `processes` count at once, `memory_bytes` are the
    data of one process (of all of them together, where a control group can be had), `file_bytes` the largest file that it
    may make, `cpu_seconds` the processor time of one process. `session_*` are totals of a session: bytes that were read,
    written and answered, and files that were written. `hard_links`: whether a file that has other names too may be read.
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
    hard_links: HardLinks = "allow"
    processes: int = 2_048
    memory_bytes: int = 8 << 30
    file_bytes: int = 1 << 30
    open_files: int = 4_096
    cpu_seconds: int = 600
    session_read_bytes: int = 500_000_000
    session_write_bytes: int = 200_000_000
    session_output_bytes: int = 20_000_000
    session_files: int = 5_000


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
    "processes": (8, 1_000_000),
    "memory_bytes": (64 << 20, 1 << 40),
    "file_bytes": (1_024, 1 << 40),
    "open_files": (256, 1_048_576),
    "cpu_seconds": (1, 86_400),
    "session_read_bytes": (1_024, 1 << 40),
    "session_write_bytes": (1_024, 1 << 40),
    "session_output_bytes": (128, 1 << 40),
    "session_files": (1, 10_000_000),
}
"""Floors keep a tool usable; ceilings keep a slip of the keyboard from meaning "no limit"."""


class Paths(Record):
    """Roots are absolute real paths; globs are gitignore patterns with `{workspace}` and `{home}` filled in. `toolchains`
    and `caches` are absolute paths as written, which need not be there; where they lead is looked at for each call.
    """

    read: tuple[str, ...]
    write: tuple[str, ...]
    system: tuple[str, ...]
    secret: tuple[str, ...]
    protected: tuple[str, ...]
    toolchains: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()


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
    """`require`: no command runs without a layer. `prefer`: it runs, said loudly and recorded, after `degraded`.

    `launcher` is the vector of a launcher of the person's own, empty for none: an absolute program and its arguments, in
    which `{shell}` and `{command}` are whole words and `{cwd}` is a part of any word but the first.
    """

    mode: SandboxMode
    degraded: Verdict
    launcher: tuple[str, ...] = ()


class Policy(Record):
    """One policy, ready to judge. `digest` is the SHA-256 (hex) of everything that can change a verdict.

    `network` are the hosts that calls reach without a question, each as `policy.network.entry` writes it.
    """

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
    network: tuple[str, ...] = ()
    caches: Caches = "none"
    origins: Mapping[str, str] = EMPTY
