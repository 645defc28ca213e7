"""A command resolved for running: argument vectors, no text that is read again.

`policy.shell` makes a plan from a parsed script, `tools.process` runs it without a shell. What only the run can know (an
exit status, what a command printed, a line that was read) stands in a plan as a typed slot: a `LateWord`. Slots fill
data only: a program, a subcommand, an option or the target of a redirection is always a literal here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

from .records import Record
from .spans import Span

Builtin = Literal[
    "assign", "break", "cd", "command", "continue", "echo", "exit", "export", "false", "printf", "pwd", "read", "return", "set",
    "shift", "test", "true", "type", "unset", "[",
]  # fmt: skip
"""What the runner does itself. `assign` holds assignments (or redirections) only; `true` stands for `:` too."""

Connector = Literal["then", "and", "or"]


# --- words that only the run can know ---------------------------------------------------------------------------


class Fixed(Record):
    """Known text. Unquoted, it may hold `*`, `?` and `[`: the word is a glob then, expanded when it is reached."""

    text: str
    quoted: bool


class Operation(Record):
    """What `${NAME...}` does to a value. `pattern` is a regular expression (Python's) made from the shell's pattern.

    `default`, `alternative`: with `colon`, an empty value counts as unset; `word` is used then. `trim_prefix`,
    `trim_suffix`: the shortest match, with `longest` the longest. `replace`: the first match, with `every` each one;
    `anchor` holds it to the start or the end. `slice`: from `offset`, `length` characters. `upper`, `lower`: the first
    character, with `every` all.
    """

    kind: Literal["default", "alternative", "length", "trim_prefix", "trim_suffix", "replace", "slice", "upper", "lower"]
    colon: bool = False
    word: LateWord | None = None
    pattern: str = ""
    longest: bool = False
    every: bool = False
    anchor: Literal["", "start", "end"] = ""
    offset: Sum | None = None
    length: Sum | None = None


class Get(Record):
    """The value of a variable: `NAME`, `?` (the last exit status), `#`, or a positional parameter (`1`)."""

    name: str
    quoted: bool
    operation: Operation | None = None


class Output(Record):
    """What `Plan.captures[number]` prints, without its last newlines."""

    number: int
    quoted: bool


class Compute(Record):
    """The value of an arithmetic expression."""

    value: Sum
    quoted: bool


LatePart = Fixed | Get | Output | Compute


class LateWord(Record):
    """A word whose value the run finds. Unquoted parts are split at blanks. `written` is what a person is shown."""

    parts: tuple[LatePart, ...]
    written: str


# --- arithmetic (64 bit, as in bash) ----------------------------------------------------------------------------


class Number(Record):
    value: int


class Name(Record):
    """A variable; at run time its value must be a plain decimal number, or be unset or empty (0)."""

    name: str


class Unary(Record):
    operator: Literal["+", "-", "!", "~"]
    operand: Sum


class Binary(Record):
    operator: Literal[
        "+", "-", "*", "/", "%", "**", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&", "^", "|", "&&", "||", ","
    ]  # fmt: skip
    left: Sum
    right: Sum


class Choose(Record):
    """`condition ? yes : no`."""

    condition: Sum
    yes: Sum
    no: Sum


class Assign(Record):
    """`NAME = value`; compound assignments (`+=`) are written out. `old`: the value is the one before (`NAME++`)."""

    name: str
    value: Sum
    old: bool = False


Sum = Number | Name | Unary | Binary | Choose | Assign
"""An arithmetic expression."""


# --- redirections -----------------------------------------------------------------------------------------------


class OpenFile(Record):
    """Descriptor `fd` reads from, writes to or appends to the file at absolute path `path`.

    Where the directory is one of several, `relative` is the target as written, opened in the directory that the run
    has come to, and `path` and `others` are all that it may be.
    """

    fd: int
    path: str
    mode: Literal["read", "write", "append"]
    span: Span | None = None
    relative: str = ""
    others: tuple[str, ...] = ()


class Duplicate(Record):
    """Descriptor `fd` becomes a copy of `source` (`2>&1`); None closes it (`2>&-`)."""

    fd: int
    source: int | None
    span: Span | None = None


class Text(Record):
    """Descriptor `fd` reads this text (a here-document or here-string); `late` holds it where only the run knows it."""

    fd: int
    text: str
    span: Span | None = None
    late: LateWord | None = None


Redirection = OpenFile | Duplicate | Text


# --- what runs --------------------------------------------------------------------------------------------------


class Invocation(Record):
    """One program to start, or one builtin.

    `argv` is exactly what the program gets, `argv[0]` the name as written; but for the places in `late`, whose words the
    run finds (each may become none, one or many; `argv` shows them as written). `program` is the real file that is
    executed (None for a builtin, and while the program is not installed). `environment` holds the assignments written
    before the command (`late_environment`: those whose value the run finds). Redirections apply in order. `directory`
    is absolute; where the run may have come to others, they are `elsewhere`, and it is started where `cd` has led.
    """

    argv: tuple[str, ...]
    directory: str
    program: str | None = None
    builtin: Builtin | None = None
    environment: tuple[tuple[str, str], ...] = ()
    redirections: tuple[Redirection, ...] = ()
    span: Span | None = None
    late: tuple[tuple[int, LateWord], ...] = ()
    late_environment: tuple[tuple[str, LateWord], ...] = ()
    elsewhere: tuple[str, ...] = ()


class Group(Record):
    """`{ ...; }`, or in a process of its own `( ... )`."""

    steps: tuple[Step, ...]
    subshell: bool = False
    redirections: tuple[Redirection, ...] = ()


class Call(Record):
    """A function that is called: its body, with these words as `$1`, `$2`, ..."""

    name: str
    arguments: tuple[str | LateWord, ...]
    steps: tuple[Step, ...]
    redirections: tuple[Redirection, ...] = ()


class Branch(Record):
    """`body` runs when `condition` succeeds."""

    condition: tuple[Step, ...]
    body: tuple[Step, ...]


class If(Record):
    """The first branch whose condition succeeds, else `otherwise`."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Step, ...] = ()
    redirections: tuple[Redirection, ...] = ()


class Loop(Record):
    """`body` again and again, while `condition` succeeds (or, with `until`, fails)."""

    condition: tuple[Step, ...]
    body: tuple[Step, ...]
    until: bool = False
    redirections: tuple[Redirection, ...] = ()


class Each(Record):
    """`for` over known values: `name` becomes each value in turn, and the body made for it runs."""

    name: str
    values: tuple[str, ...]
    bodies: tuple[tuple[Step, ...], ...]
    redirections: tuple[Redirection, ...] = ()


class For(Record):
    """`for` over words of which at least one is known to the run only."""

    name: str
    words: tuple[str | LateWord, ...]
    body: tuple[Step, ...]
    redirections: tuple[Redirection, ...] = ()


class Arm(Record):
    """One arm of `case`: regular expressions (Python's, for the whole text), and how it ends (`;;`, `;&`, `;;&`)."""

    patterns: tuple[str, ...]
    body: tuple[Step, ...]
    end: Literal["stop", "next", "test"] = "stop"


class Case(Record):
    """The arms whose pattern matches the word."""

    word: str | LateWord
    arms: tuple[Arm, ...]
    redirections: tuple[Redirection, ...] = ()


class Check(Record):
    """One test of `[[ ]]`: `operator` with one operand or two. `=` and `!=` compare with the pattern in `right`: a
    regular expression (Python's, for the whole text). A path in an operand is relative to the current directory.
    """

    operator: str
    left: str | LateWord
    right: str | LateWord | None = None


class Not(Record):
    condition: Condition


class Both(Record):
    left: Condition
    right: Condition


class Either(Record):
    left: Condition
    right: Condition


Condition = Check | Not | Both | Either


class Conditional(Record):
    """`[[ ... ]]`."""

    condition: Condition
    redirections: tuple[Redirection, ...] = ()
    directory: str = ""
    elsewhere: tuple[str, ...] = ()


class Calculate(Record):
    """`(( ... ))`: succeeds when the value is not 0."""

    value: Sum
    redirections: tuple[Redirection, ...] = ()


Node = Invocation | Group | Call | If | Loop | Each | For | Case | Conditional | Calculate


class Pipeline(Record):
    """Commands that run side by side, each reading what the one before it writes; `!` makes it `negated`, `time` `timed`."""

    stages: tuple[Node, ...]
    negated: bool = False
    timed: bool = False


class Step(Record):
    """A pipeline, and when it runs: always (`then`), after success (`and`), after failure (`or`) of what ran last."""

    connector: Connector
    pipeline: Pipeline


class Capture(Record):
    """A command substitution: a plan of its own, run when its word is reached, as a nested call with its own intent."""

    steps: tuple[Step, ...]
    span: Span | None = None
    text: str = ""


class Plan(Record):
    """All that a command does, in order. `captures` are the command substitutions that late words name by number."""

    steps: tuple[Step, ...]
    captures: tuple[Capture, ...] = ()

    def invocations(self) -> tuple[Invocation, ...]:
        """Every program and builtin of the plan: in the order of the text, those of the captures at the end."""
        found = list(invocations(self.steps))
        for capture in self.captures:
            found += invocations(capture.steps)
        return tuple(found)


def invocations(steps: tuple[Step, ...]) -> Iterator[Invocation]:
    """Every program and builtin that these steps may run."""
    for step in steps:
        for node in step.pipeline.stages:
            if isinstance(node, Invocation):
                yield node
            else:
                for inner in bodies(node):
                    yield from invocations(inner)


def bodies(node: Node) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps that a node holds."""
    match node:
        case Group() | Call():
            return (node.steps,)
        case If():
            return (*(one for branch in node.branches for one in (branch.condition, branch.body)), node.otherwise)
        case Loop():
            return (node.condition, node.body)
        case Each():
            return node.bodies
        case For():
            return (node.body,)
        case Case():
            return tuple(arm.body for arm in node.arms)
        case Invocation() | Conditional() | Calculate():
            return ()
        case _:
            assert_never(node)
