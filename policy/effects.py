"""What would happen: the one vocabulary in which files, commands, git and every later tool are judged.

Paths in effects are absolute and real: symbolic links resolved as far as the path exists, no `.` or `..` left.
`span` says where in the command's text the effect comes from, where it comes from a command.
"""

from __future__ import annotations

from typing import Literal

from .records import Record
from .spans import Span

Origin = Literal["known", "workspace"]
"""Whose code an `Execute` runs: a program with a profile, outside every write root; or code of the workspace."""

OperatorConstruct = Literal[
    "pipeline",
    "and_list",
    "or_list",
    "sequence",
    "background",
    "negation",
    "redirect_input",
    "redirect_output",
    "redirect_append",
    "redirect_duplicate",
    "here_document",
    "here_string",
]
OtherConstruct = Literal[
    "newline",
    "comment",
    "time",
    "assignment",
    "variable",
    "parameter_expansion",
    "special_parameter",
    "command_substitution",
    "process_substitution",
    "arithmetic_expansion",
    "brace_expansion",
    "glob",
    "tilde",
    "change_directory",
    "directory_stack",
    "export",
    "set_option",
    "read",
    "subshell",
    "group",
    "if",
    "for",
    "while",
    "until",
    "case",
    "conditional_expression",
    "arithmetic_command",
    "function",
]
ConstructName = Literal[OperatorConstruct, OtherConstruct]
"""The shell constructs that a policy can name; each is judged where it occurs."""


class Read(Record):
    """The call may read this path; with `recursive`, everything below it. `given` is the absolute lexical path
    where it differs from `path` (a link on the way).
    """

    path: str
    recursive: bool = False
    given: str = ""
    span: Span | None = None


class Write(Record):
    """The call may create or change this path; `size` is in bytes where known; `recursive`, anything below it.
    `given` is the absolute lexical path where it differs from `path` (a link on the way).
    """

    path: str
    size: int | None = None
    recursive: bool = False
    given: str = ""
    span: Span | None = None


class Delete(Record):
    """The call may remove this path; with `recursive`, everything below it."""

    path: str
    recursive: bool = False
    span: Span | None = None


class Execute(Record):
    """The call starts a program.

    `program` is the name it was called by, `path` the real file (None: not installed here). `subcommand` are the
    words that choose what the program does (`("stash", "push")`). `options` holds every spelling of every option
    given (`-r` in `rm -rf x` gives `-r`, `-R` and `--recursive`), so that a rule may name any of them.
    """

    program: str
    argv: tuple[str, ...]
    path: str | None
    origin: Origin = "known"
    category: str = ""
    subcommand: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()
    operands: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    span: Span | None = None


class Connect(Record):
    """The call may reach this host over the network; `*` stands for hosts that the words do not tell."""

    host: str
    port: int | None = None
    span: Span | None = None

    @property
    def address(self) -> str:
        """The host, with its port where that is known; an IPv6 address stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class Send(Record):
    """Content of the repository goes to a model provider."""

    provider: str
    host: str
    model: str
    size: int
    span: Span | None = None


class SetEnvironment(Record):
    """The call sets an environment variable for a program it starts."""

    name: str
    value: str
    span: Span | None = None


class UseConstruct(Record):
    """The command uses a shell construct. `subject` is what it is applied to: the program on the right of a pipe,
    the target of a redirection (`&1` for a duplicated descriptor), the name of a variable, the pattern of a glob.
    """

    construct: ConstructName
    subject: str = ""
    span: Span | None = None


class Unknown(Record):
    """Something that the analysis cannot account for, and why."""

    why: str
    subject: str
    span: Span | None = None


Effect = Read | Write | Delete | Execute | Connect | Send | SetEnvironment | UseConstruct | Unknown
