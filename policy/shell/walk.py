"""Goes through a tree: every command in it, and every piece of its text."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final, assert_never

from ..spans import Span
from .tree import (
    Arithmetic,
    Both,
    Brace,
    Bracketed,
    Calculate,
    Case,
    Check,
    Command,
    CommandSubstitution,
    Condition,
    Conditional,
    DuplicateRedirection,
    Either,
    FileRedirection,
    For,
    Function,
    Group,
    HereDocument,
    HereString,
    If,
    List,
    Loop,
    Node,
    Not,
    Parameter,
    Part,
    ProcessSubstitution,
    Redirection,
    Script,
    Text,
    Tilde,
    Variable,
    Word,
)

Leaf = Span | List | Word
"""What a node is made of: places of its own, and what has pieces again."""


def pieces(script: Script) -> list[Span]:
    """The places of all leaves, marks and trivia, in order; in a script that was read they tile the text."""
    found = [one.span for one in script.trivia]
    waiting: list[Leaf] = [script.body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Span):
            found.append(one)
        elif isinstance(one, List):
            waiting += _of_list(one)
        else:
            for part in one.parts:
                if isinstance(part, Text):  # most parts are
                    found.append(part.span)
                else:
                    waiting += _of_part(part)
    return sorted(found, key=_PLACE)


_PLACE: Final = attrgetter("start", "end")


def tiles(script: Script) -> bool:
    """Whether the pieces cover the text without a gap and without an overlap."""
    at = 0
    for span in pieces(script):
        if span.start != at or span.end <= at:
            return False
        at = span.end
    return at == len(script.text)


def nodes(body: List) -> Iterator[Node]:
    """Every command of a list, simple or compound, and of all that it holds: bodies, substitutions, functions."""
    waiting: list[List | Word] = [body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, List):
            for step in one.steps:
                for node in step.pipeline.commands:
                    yield from _and_below(node)
                    waiting += [leaf for leaf in of_node(node) if not isinstance(leaf, Span)]
                    waiting += _documents(node)
        else:
            for part in one.parts:
                waiting += [leaf for leaf in _of_part(part) if not isinstance(leaf, Span)]


def commands(script: Script) -> Iterator[Command]:
    """Every simple command of a script, wherever it stands."""
    return (node for node in nodes(script.body) if isinstance(node, Command))


def _documents(node: Node) -> list[Word]:
    """The contents of the here-documents of a command: for the text one piece, but substitutions in them hold commands."""
    node = node.body if isinstance(node, Function) else node
    return [one.content for one in node.redirections if isinstance(one, HereDocument)]


def _and_below(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Function):
        yield node.body


def _of_list(body: List) -> Iterator[Leaf]:
    yield from (one.span for one in body.separators)
    for step in body.steps:
        if step.operator is not None:
            yield step.operator
        yield from step.pipeline.marks
        yield from step.pipeline.pipes
        for node in step.pipeline.commands:
            yield from of_node(node)


def of_node(node: Node) -> Iterator[Leaf]:
    """What a command is made of."""
    if not isinstance(node, Function):
        for redirection in node.redirections:
            yield from of_redirection(redirection)
    if not isinstance(node, Command | Calculate):
        yield from node.marks
    match node:
        case Command():
            for assignment in node.assignments:
                yield from (assignment.head, assignment.value)
            yield from node.words
        case Group():
            yield node.body
        case If():
            for branch in node.branches:
                yield from (branch.condition, branch.body)
            if node.otherwise is not None:
                yield node.otherwise
        case Loop():
            yield from (node.condition, node.body)
        case For():
            yield from node.words or ()
            yield node.body
        case Case():
            yield node.word
            for arm in node.arms:
                yield from arm.patterns
                yield arm.body
        case Conditional():
            yield from _of_condition(node.condition)
        case Calculate():
            yield node.leaf
        case Function():
            yield from of_node(node.body)
        case _:
            assert_never(node)


def _of_condition(condition: Condition) -> Iterator[Leaf]:
    yield from condition.marks
    match condition:
        case Check():
            yield condition.left
            if condition.right is not None:
                yield condition.right
        case Not() | Bracketed():
            yield from _of_condition(condition.condition)
        case Both() | Either():
            yield from _of_condition(condition.left)
            yield from _of_condition(condition.right)
        case _:
            assert_never(condition)


def of_redirection(redirection: Redirection) -> Iterator[Leaf]:
    """What a redirection is made of. The body of a here-document is one piece: its parts lie within it."""
    yield redirection.operator
    match redirection:
        case FileRedirection():
            yield redirection.target
        case HereDocument():
            yield redirection.body
        case HereString():
            yield redirection.word
        case DuplicateRedirection():
            pass
        case _:
            assert_never(redirection)


def _of_part(part: Part) -> Iterator[Leaf]:
    match part:
        case Text() | Variable() | Arithmetic() | Tilde():
            yield part.span
        case Parameter():
            yield from part.marks
            yield from (one for one in (part.word, part.replacement) if one is not None)
        case CommandSubstitution() | ProcessSubstitution():
            yield from part.marks
            yield part.body
        case Brace():
            yield from part.marks
            yield from part.alternatives
        case _:
            assert_never(part)
