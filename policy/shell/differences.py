"""Where another parser is known to be wrong about text that ours reads: there it has no opinion, by name.

Each was measured against bash; each has a test that holds our reading, and one that the other parser still differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from ..records import Record
from .facts import Facts, Substitution
from .tree import Command, CommandSubstitution, Parameter, Text, Word

BASHLEX: Final = "bashlex"
TREE_SITTER: Final = "tree-sitter"

BASHLEX_CHARACTERS: Final = 4_096
"""bashlex is quadratic: what is longer is not given to it, so that how long it may take never decides."""

_CODE_SIGNS: Final = re.compile(r"\$[({]|`|[<>]\(")


_BEFORE_A_WORD: Final = frozenset(" \t\n;&|()<>")


_PLAIN_CONTINUATION: Final = re.compile(r"(?<=[ \t])\\\n(?=[ \t]*[^\s\\#])")
"""Between two words of one command, as people write it."""


class Difference(Record):
    """Who is wrong about what, and why; `holds` says whether a script has it."""

    opinions: frozenset[str]
    why: str
    holds: Callable[[Facts], bool]


def differences(facts: Facts) -> Mapping[str, str]:
    """The opinions that are not asked about a script, each with the name of the (first) difference."""
    found: dict[str, str] = {}
    for name, difference in DIFFERENCES.items():
        if difference.opinions - found.keys() and difference.holds(facts):
            found |= dict.fromkeys(difference.opinions - found.keys(), name)
    return found


def _within(facts: Facts, word: Word) -> list[Substitution]:
    """The substitutions that stand in a word."""
    return [one for one in facts.substitutions if word.span.start <= one.span.start and one.span.end <= word.span.end]


def _after_a_quote(facts: Facts) -> bool:
    # `'a'$(b)'c'` is one literal to bashlex, and `"a"<(b)` has no substitution.
    return any(facts.spelled(word.span)[:1] in {"'", '"'} and _within(facts, word) and not _one_pair(facts, word) for word in facts.words)


def _one_pair(facts: Facts, word: Word) -> bool:
    """Whether a word is one text in double quotes, which bashlex reads rightly."""
    text = facts.spelled(word.span)
    return text.startswith('"') and text.find('"', 1) == len(text) - 1


def _in_quotes(facts: Facts) -> bool:
    # bashlex takes what is quoted in a part of a word, or as `$'...'`, for code, and hangs on `a'${'`.
    return any(
        isinstance(part, Text)
        and part.quoted
        and _CODE_SIGNS.search(spelled := facts.spelled(part.span))
        and (len(word.parts) > 1 or spelled.startswith("$'") or not _at_a_start(facts.text, part.span.start))
        for word in facts.words
        for part in word.parts
    )


def _at_a_start(text: str, at: int) -> bool:
    return not at or text[at - 1] in _BEFORE_A_WORD


def _assigned_late(facts: Facts) -> bool:
    return any(
        assignment.head.start > redirection.operator.start
        for command in facts.commands
        for assignment in command.assignments
        for redirection in command.redirections
    )


def _redirected_first(facts: Facts) -> bool:
    return any(
        command.assignments and command.words and redirection.operator.start < command.words[0].span.start
        for command in facts.commands
        for redirection in command.redirections
    )


def _empty(facts: Facts) -> bool:
    return any(not one.body.steps for one in facts.substitutions)


def _in_parameters(facts: Facts) -> bool:
    return any(_within(facts, word) for one in facts.parameters for word in _operands(one))


def _in_patterns(facts: Facts) -> bool:
    return any(
        one.operator not in {"-", "=", "?", "+"} or facts.spelled(found.span).startswith("`")
        for one in facts.parameters
        for word in _operands(one)
        for found in _within(facts, word)
    )


def _operands(parameter: Parameter) -> list[Word]:
    return [one for one in (parameter.word, parameter.replacement) if one is not None]


def _of_many_lines(facts: Facts) -> bool:
    return any("\n" in facts.spelled(one.span) for one in facts.substitutions)


def _indented(facts: Facts) -> bool:
    return any("<<-" in facts.spelled(one.operator) and _within(facts, one.content) for one in facts.documents)


def _joined(facts: Facts) -> bool:
    return any(facts.text[one.operator.end : one.body.start].rstrip().endswith(("|", "&")) for one in facts.documents)


def _nearly_closed(facts: Facts) -> bool:
    return any(
        line != one.delimiter and line.strip() == one.delimiter for one in facts.documents for line in facts.spelled(one.body).split("\n")
    )


def _escaped_twice(facts: Facts) -> bool:
    return any(
        isinstance(part, Text) and (spelled := facts.spelled(part.span)).startswith("$'") and "\\\\" in spelled
        for word in facts.words
        for part in word.parts
    )


def _commented_close(facts: Facts) -> bool:
    comments = (one.span.start for one in facts.trivia if one.kind == "comment")
    return any(at and facts.text[at - 1] in ";&|()" for at in comments)


def _continued_oddly(facts: Facts) -> bool:
    return any(one.kind == "continuation" and not _PLAIN_CONTINUATION.match(facts.text, one.span.start) for one in facts.trivia)


def _continued_text(facts: Facts) -> bool:
    return any("\\\n" in facts.spelled(word.span) and _within(facts, word) for word in facts.words)


def _backticks_in_document(facts: Facts) -> bool:
    return any(
        isinstance(one, CommandSubstitution) and facts.spelled(one.span).startswith("`")
        for document in facts.documents
        for one in _within(facts, document.content)
    )


def _sums_in_document(facts: Facts) -> bool:
    return any("$((" in facts.spelled(one.body) for one in facts.documents)


def _negated(facts: Facts) -> bool:
    return any(one.negated and not isinstance(one.commands[0], Command) for one in facts.pipelines)


DIFFERENCES: Final[Mapping[str, Difference]] = {
    "time": Difference(
        opinions=frozenset({BASHLEX, TREE_SITTER}),
        why="bashlex rejects `time`, and tree-sitter takes it for the program",
        holds=lambda facts: any(one.timed for one in facts.pipelines),
    ),
    "too_long": Difference(
        opinions=frozenset({BASHLEX}),
        why=f"bashlex is quadratic: it is not given more than {BASHLEX_CHARACTERS:,} characters",
        holds=lambda facts: len(facts.text) > BASHLEX_CHARACTERS,
    ),
    "here_document": Difference(
        opinions=frozenset({BASHLEX}),
        why="bashlex looks for a quoted delimiter with its quotes, and reads no substitution in a here-document",
        holds=lambda facts: bool(facts.documents),
    ),
    "lines_in_substitution": Difference(
        opinions=frozenset({BASHLEX}), why="bashlex reads the first line of a substitution only", holds=_of_many_lines
    ),
    "substitution_in_parameter": Difference(
        opinions=frozenset({BASHLEX}), why="bashlex takes `${x:-$(a)}` for a name", holds=_in_parameters
    ),
    "substitution_in_pattern": Difference(
        opinions=frozenset({TREE_SITTER}),
        why="tree-sitter takes a substitution in the pattern of `${x#...}` for text, and backticks in all of `${...}`",
        holds=_in_patterns,
    ),
    "substitution_after_quote": Difference(
        opinions=frozenset({BASHLEX}),
        why="bashlex takes a word that begins and ends with a quote for one text, whatever stands between",
        holds=_after_a_quote,
    ),
    "quoted_code": Difference(
        opinions=frozenset({BASHLEX}),
        why="bashlex takes `$(`, a backtick and `<(` in quotes for code where they are part of a word, and hangs on `${` there",
        holds=_in_quotes,
    ),
    "late_assignment": Difference(
        opinions=frozenset({BASHLEX}), why="an assignment behind a redirection is the program to bashlex", holds=_assigned_late
    ),
    "redirection_before_name": Difference(
        opinions=frozenset({TREE_SITTER}),
        why="tree-sitter does not see the program behind an assignment and a redirection",
        holds=_redirected_first,
    ),
    "empty_substitution": Difference(
        opinions=frozenset({BASHLEX, TREE_SITTER}), why="both read a substitution of nothing as they like", holds=_empty
    ),
    "arithmetic_command": Difference(
        opinions=frozenset({BASHLEX}), why="bashlex takes `((...))` for commands in parentheses", holds=lambda facts: bool(facts.sums)
    ),
    "comment_after_sign": Difference(
        opinions=frozenset({BASHLEX}), why="bashlex sees no comment in `;#`, and runs its words", holds=_commented_close
    ),
    "indented_document": Difference(
        opinions=frozenset({TREE_SITTER}), why="tree-sitter reads no substitution in a line that `<<-` strips of tabs", holds=_indented
    ),
    "joined_document": Difference(
        opinions=frozenset({TREE_SITTER}), why="to tree-sitter, the body of a here-document behind `|` or `&&` is a command", holds=_joined
    ),
    "nearly_closed_document": Difference(
        opinions=frozenset({TREE_SITTER}),
        why="tree-sitter ends a here-document at a line that only looks like its delimiter, with blanks around it",
        holds=_nearly_closed,
    ),
    "backticks_in_document": Difference(
        opinions=frozenset({TREE_SITTER}), why="tree-sitter takes backticks in a here-document for text", holds=_backticks_in_document
    ),
    "sum_in_document": Difference(
        opinions=frozenset({TREE_SITTER}), why="tree-sitter takes `$((...))` in a here-document for a command", holds=_sums_in_document
    ),
    "negated_compound": Difference(opinions=frozenset({TREE_SITTER}), why="to tree-sitter, `{` behind `!` is a program", holds=_negated),
    "escaped_backslash": Difference(
        opinions=frozenset({TREE_SITTER}), why="tree-sitter goes on behind the quote in `$'a\\\\'`", holds=_escaped_twice
    ),
    "continuation": Difference(
        opinions=frozenset({TREE_SITTER}),
        why="tree-sitter joins the commands around a continued line that is empty",
        holds=_continued_oddly,
    ),
    "continued_text": Difference(
        opinions=frozenset({BASHLEX}), why="bashlex loses its place in a text that goes on in the next line", holds=_continued_text
    ),
}
"""By name, in the order in which they are looked for."""
