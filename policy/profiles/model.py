"""The form of a program profile: what the options, subcommands and operands of a program mean in effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..records import EMPTY, Record

Role = Literal[
    "flag",
    "text",
    "read",
    "tree",
    "follow",
    "write",
    "write_tree",
    "delete",
    "delete_tree",
    "directory",
    "recurse",
    "target",
    "no_target",
    "connect",
    "script",
    "code",
    "shell",
    "program",
    "joined",
    "list",
    "module",
    "unknown",
    "none",
    "revision",
    "rewrite",
    "format",
    "end",
]
"""What a word means.

`flag`, `text`: nothing outside the program. `read`, `write`, `delete`: a path; `tree`, `write_tree`, `delete_tree`:
and all below it; `follow`: below it, and through symbolic links. `directory`: later relative paths start there.
`recurse`: paths are meant with all below them. `target`, `no_target`: where copies go. `connect`: a host or URL.
`script`: a file whose text is run; `code`: text that is run; `shell`: text that a shell
runs, judged besides; `program`: with all that follows a program that is started and judged besides, `joined`: the same,
put together to text that a shell runs. `list`: a file that names what is worked on: read, and not accounted for.
`module`: the name of code that is run, all that follows is its own. `revision`: a git revision or path. `rewrite`: the
files that are read are replaced. `format`: text when it begins with `+`, not accounted for otherwise. `end`: all that
follows are operands. `unknown`: not accounted for. `none`: no operand here.
"""

Argument = Literal["none", "required", "optional"]

Style = Literal["gnu", "posix", "single", "words", "dd"]
"""How options are read.

`gnu`: getopt_long, options anywhere, unique abbreviations. `posix`: the same, up to the first operand.
`single`: long options with one dash (`-name`), up to the first operand or not at all. `words`: no options, every word
is an operand. `dd`: `name=value`.
"""

Interpreter = Literal[
    "table", "awk", "copy", "env", "find", "git", "jq", "launcher", "parallel", "sed", "shell", "test", "transfer", "wrapper", "xargs",
]  # fmt: skip

Repository = Literal["", "read", "tree", "write", "work", "remote", "outside"]
"""What a git subcommand does: reads the repository, reads the working tree too, writes the repository, writes the
working tree too, talks to a remote. `outside`: works without a repository."""


class Option(Record):
    """One option in all its spellings."""

    spellings: tuple[str, ...]
    role: Role
    argument: Argument


class Always(Record):
    """An effect that holds whatever the words are; `path` is relative to the directory, absolute, or begins with `~/`."""

    kind: Literal["read", "tree", "write", "write_tree", "delete", "workspace", "connect", "code", "unknown"]
    subject: str = ""


class Table(Record):
    """How the words after a program or a subcommand are read.

    `bare`: effects when no path is given (with `bare_if_recursive`, only together with a recursive option).
    `first_given_by`: options that supply what the first operand would be.
    `exact`: whole argument lists that only print something, but where one of the files `exact_unless` lies in the directory
    or above it (`name:text`: and has this text in it), which choose the program that answers. `loose`: any further word is
    only text (for programs that run code of the workspace anyway). `pin`: words put before all others, `numeric`: `-20` is
    a flag.
    `always_unless`: options with which `always` does not hold. `detached`: the value of a short option is always the next
    word, never the rest of its own. `response`: a word that begins with `@` names a file of further words.
    """

    style: Style = "gnu"
    options: Mapping[str, Option] = EMPTY
    abbreviations: bool = True
    numeric: bool = False
    loose: bool = False
    operands: tuple[Role, ...] = ()
    first_given_by: frozenset[str] = frozenset()
    bare: tuple[Always, ...] = ()
    bare_if_recursive: bool = False
    always: tuple[Always, ...] = ()
    exact: frozenset[tuple[str, ...]] = frozenset()
    exact_unless: tuple[str, ...] = ()
    commands: Mapping[str, Table] = EMPTY
    pin: tuple[str, ...] = ()
    repository: Repository = ""
    filters: bool = False
    always_unless: frozenset[str] = frozenset()
    detached: bool = False
    response: bool = False


class Example(Record):
    """A command and the effects it must have, written as `read a`, `write* b`, `unknown`, `connect h`..."""

    command: str
    effects: frozenset[str]


class Profile(Record):
    """A program; `helpers` are programs that it starts by itself."""

    program: str
    category: str
    interpreter: Interpreter
    table: Table
    aliases: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    examples: tuple[Example, ...] = ()
