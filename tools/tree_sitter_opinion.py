"""tree-sitter-bash as a second opinion on shell text: in process, since it neither hangs nor runs anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..policy.shell.opinions import Heard, Unheard

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_CHARACTERS: Final = 65_536
"""More than a policy lets a command have."""

_NAMED_BY_FIRST: Final = frozenset({"declaration_command", "unset_command"})
"""`export A=1`, `unset A`: commands whose name has a node of its own."""

_WRITING: Final = frozenset({">", ">>", ">|", "&>", "&>>", ">&"})
_DESCRIPTORS: Final = frozenset({"number", "file_descriptor"})
_SUBSTITUTIONS: Final = frozenset({"command_substitution", "process_substitution"})


class TreeSitterOpinion:
    """Implements `policy.shell.opinions.Opinion`. A tree with an error or a guessed token in it is no opinion."""

    name: str = "tree-sitter"

    def __init__(self) -> None:
        self._parser: Parser | None = None

    def hear(self, text: str) -> Heard | Unheard | None:
        """What tree-sitter finds in the text, None where it cannot read it; Unheard where it is not installed."""
        if len(text) > _CHARACTERS:
            return None
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return None
        if self._parser is None:
            try:
                self._parser = _parser()
            except ImportError as problem:
                return Unheard(why=f"tree-sitter cannot be loaded: {problem}")
        return _heard(self._parser.parse(data).root_node)


def _parser() -> Parser:
    # imported late: only policies that hear second opinions need it
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _heard(root: Node) -> Heard | None:
    # a token that was guessed (MISSING) is an error too
    if root.has_error:
        return None
    commands: set[str] = set()
    writes: set[str] = set()
    substitutions = 0
    for node in _nodes(root):
        if node.type in _SUBSTITUTIONS:
            substitutions += 1
        elif node.type == "file_redirect":
            writes |= _written(node)
        elif (name := _name(node)) is not None:
            commands.add(_text(name))
    return Heard(commands=frozenset(commands), substitutions=substitutions, writes=frozenset(writes))


def _name(node: Node) -> Node | None:
    """The node that names the program, where this node is a command."""
    if node.type == "command":
        return node.child_by_field_name("name")
    if node.type in _NAMED_BY_FIRST or (node.type == "test_command" and node.children[0].type == "["):
        return node.children[0]
    return None


def _written(redirect: Node) -> set[str]:
    signs = {child.type for child in redirect.children if not child.is_named}
    target = redirect.child_by_field_name("destination")
    if target is None or signs.isdisjoint(_WRITING) or (">&" in signs and target.type in _DESCRIPTORS):
        return set()
    return {_text(target)}


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _nodes(root: Node) -> Iterator[Node]:
    """Every node, without recursion: depth is the text's to choose."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children
