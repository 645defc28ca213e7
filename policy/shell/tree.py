"""The tree of a script: what was read, before anything is looked up.

Every node knows its place in the text. Leaves, marks (the signs and keywords of a compound node) and trivia together
tile the text (`pieces`): the parser checks this, so that no character of an accepted script is without a meaning.
"""

from __future__ import annotations

from typing import Literal, assert_never

from ..plan import Sum
from ..records import Record
from ..spans import Span

Connector = Literal["then", "and", "or"]
TriviaKind = Literal["blank", "newline", "continuation", "comment"]


# --- words ------------------------------------------------------------------------------------------------------


class Text(Record):
    """Literal characters, quotes, backslashes and `$'...'` escapes decoded; only unquoted ones can be special (`*`)."""

    text: str
    quoted: bool
    span: Span


class Variable(Record):
    """`$NAME` or `${NAME}`, or a parameter: `?`, `#`, `@`, `*`, `0` to `9...`; quoted, it is neither split nor globbed."""

    name: str
    quoted: bool
    span: Span


class Slice(Record):
    """`:OFFSET` or `:OFFSET:LENGTH`."""

    offset: Sum
    length: Sum | None


Operator = Literal["-", "=", "?", "+", "length", "#", "##", "%", "%%", "/", "//", "/#", "/%", "slice", "^", "^^", ",", ",,"]


class Parameter(Record):
    """`${NAME...}` with an operator. `colon`: `:-` and its like. `word` is the default, the pattern or what is replaced,
    `replacement` what it is replaced with. `marks` are all of its text that is not in these words.
    """

    name: str
    operator: Operator
    quoted: bool
    span: Span
    marks: tuple[Span, ...]
    colon: bool = False
    word: Word | None = None
    replacement: Word | None = None
    slice: Slice | None = None


class CommandSubstitution(Record):
    """`$(...)` or backticks without a backslash in them; `body` may be empty."""

    body: List
    quoted: bool
    span: Span
    marks: tuple[Span, ...]


class ProcessSubstitution(Record):
    """`<(...)` or `>(...)`."""

    body: List
    writes: bool
    span: Span
    marks: tuple[Span, ...]


class Arithmetic(Record):
    """`$((...))`; the text between is one leaf, read as an expression."""

    value: Sum
    quoted: bool
    span: Span


class Tilde(Record):
    """An unquoted `~` that stands for the home directory."""

    span: Span


class Brace(Record):
    """`{a,b}` (each alternative is a word, maybe empty), or `{1..9..2}` / `{a..e}` as the texts that it makes."""

    alternatives: tuple[Word, ...]
    span: Span
    marks: tuple[Span, ...]
    sequence: tuple[str, ...] = ()


Part = Text | Variable | Parameter | CommandSubstitution | ProcessSubstitution | Arithmetic | Tilde | Brace


class Word(Record):
    """One word as written; a quoted empty text keeps an empty word alive."""

    parts: tuple[Part, ...]
    span: Span

    def written(self) -> str:
        """The word without its quotes, variables by their name (`$HOME`): what a reader would call it."""
        return "".join(_written(part) for part in self.parts)


def _written(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case Variable():
            return f"${part.name}"
        case Parameter():
            return f"${{{part.name}{part.operator}}}"
        case CommandSubstitution():
            return "$(...)"
        case ProcessSubstitution():
            return ">(...)" if part.writes else "<(...)"
        case Arithmetic():
            return "$((...))"
        case Tilde():
            return "~"
        case Brace():
            return "{" + ",".join(part.sequence or (one.written() for one in part.alternatives)) + "}"
        case _:
            assert_never(part)


class Assignment(Record):
    """`NAME=value`, or with `append` `NAME+=value`; `head` is the place of `NAME=`, `value` may have no parts."""

    name: str
    head: Span
    value: Word
    append: bool = False


# --- redirections -----------------------------------------------------------------------------------------------


class FileRedirection(Record):
    """`<`, `>`, `>>`, `>|`; with `both`, `&>` or `&>>`: standard error follows standard output."""

    fd: int
    mode: Literal["read", "write", "append"]
    operator: Span
    target: Word
    both: bool = False


class DuplicateRedirection(Record):
    """`N>&M` or `N<&M`; `source` None is `-`: the descriptor is closed."""

    fd: int
    source: int | None
    operator: Span


class HereDocument(Record):
    """`<<WORD`: `operator` reaches to the end of the delimiter, `body` holds the closing line too.

    `content` is the text: one quoted `Text` where the delimiter is quoted (`literal`), else parts as in double quotes.
    """

    fd: int
    delimiter: str
    content: Word
    literal: bool
    operator: Span
    body: Span


class HereString(Record):
    """`<<<word`: the word, without splitting or globs, and a newline."""

    fd: int
    operator: Span
    word: Word


Redirection = FileRedirection | DuplicateRedirection | HereDocument | HereString


# --- commands ---------------------------------------------------------------------------------------------------


class Command(Record):
    """A simple command; one of the three is not empty. Redirections are in the order of the text."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    span: Span


class Group(Record):
    """`{ ...; }`, or with `subshell` `( ... )`."""

    body: List
    subshell: bool
    redirections: tuple[Redirection, ...]
    span: Span
    marks: tuple[Span, ...]


class Branch(Record):
    """`if` or `elif`: a condition and what follows `then`."""

    condition: List
    body: List


class If(Record):
    """`if ...; then ...; elif ...; else ...; fi`."""

    branches: tuple[Branch, ...]
    otherwise: List | None
    redirections: tuple[Redirection, ...]
    span: Span
    marks: tuple[Span, ...]


class Loop(Record):
    """`while` or `until`."""

    condition: List
    body: List
    until: bool
    redirections: tuple[Redirection, ...]
    span: Span
    marks: tuple[Span, ...]


class For(Record):
    """`for NAME in words; do ...; done`; without `in`, `words` is None: the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: List
    redirections: tuple[Redirection, ...]
    span: Span
    marks: tuple[Span, ...]


class Arm(Record):
    """One arm of `case`; `end` is `;;` (or nothing, at the last arm), `;&` or `;;&`."""

    patterns: tuple[Word, ...]
    body: List
    end: Literal["stop", "next", "test"]


class Case(Record):
    """`case word in pattern) ...;; esac`."""

    word: Word
    arms: tuple[Arm, ...]
    redirections: tuple[Redirection, ...]
    span: Span
    marks: tuple[Span, ...]


class Check(Record):
    """One test in `[[ ]]`: `operator` is `-f` and its like, `=`, `!=`, `<`, `>`, `-eq`, ..., `=~`; a lone word is `-n`."""

    operator: str
    left: Word
    right: Word | None
    marks: tuple[Span, ...]


class Not(Record):
    condition: Condition
    marks: tuple[Span, ...]


class Both(Record):
    left: Condition
    right: Condition
    marks: tuple[Span, ...]


class Either(Record):
    left: Condition
    right: Condition
    marks: tuple[Span, ...]


class Bracketed(Record):
    condition: Condition
    marks: tuple[Span, ...]


Condition = Check | Not | Both | Either | Bracketed


class Conditional(Record):
    """`[[ ... ]]`."""

    condition: Condition
    redirections: tuple[Redirection, ...]
    span: Span
    marks: tuple[Span, ...]


class Calculate(Record):
    """`((...))`: one leaf, read as an expression."""

    value: Sum
    redirections: tuple[Redirection, ...]
    span: Span
    leaf: Span


class Function(Record):
    """`NAME() body` or `function NAME body`; the body is a compound command with its own redirections."""

    name: str
    body: Compound
    span: Span
    marks: tuple[Span, ...]


Compound = Group | If | Loop | For | Case | Conditional | Calculate
Node = Command | Compound | Function


class Pipeline(Record):
    """Commands joined by `|`; `pipes` has one place less than `commands`; `marks` are those of `!` and `time`."""

    commands: tuple[Node, ...]
    pipes: tuple[Span, ...]
    negated: bool = False
    timed: bool = False
    marks: tuple[Span, ...] = ()


class Step(Record):
    """A pipeline and how it is joined to the one before; `operator` is the place of `&&` or `||`, else None.

    `background`: the chain that ends with this step is followed by `&`.
    """

    connector: Connector
    operator: Span | None
    pipeline: Pipeline
    background: bool = False


class Separator(Record):
    """A `;`, a `&`, or a newline that ends or separates commands."""

    kind: Literal["sequence", "newline", "background"]
    span: Span


class List(Record):
    """Commands in a row. Separators belong to the list in which they stand."""

    steps: tuple[Step, ...]
    separators: tuple[Separator, ...]


class Trivia(Record):
    """Text between the nodes: it has a place, and no effect."""

    kind: TriviaKind
    span: Span


class Script(Record):
    """A whole text that was understood."""

    text: str
    body: List
    trivia: tuple[Trivia, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the outermost list."""
        return self.body.steps
