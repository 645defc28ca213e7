"""Globs: names in the real tree that match a pattern, as bash without options finds them.

`*`, `?` and simple brackets; a leading dot is matched by a written dot only; results are in the order of their
code points (as in the locale C.UTF-8); a pattern that matches nothing stays as it is. The bracket forms on which
shells differ are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ..records import Record
from ..scope import Files
from ..spans import Span
from .patterns import Piece, Unclosed, characters_of, has_pattern, read_pattern
from .refusals import refusal

MAX_RESULTS: Final = 10_000
MAX_NAMES: Final = 200_000


class Budget:
    """What globs may still cost in this script, and the directories that they have listed."""

    __slots__ = ("listed", "names", "results")

    def __init__(self, results: int = MAX_RESULTS, names: int = MAX_NAMES) -> None:
        self.listed: dict[str, None] = {}
        self.results = results
        self.names = names


class _Component(Record):
    """What stands between two slashes: literal text, or an expression.

    `loose` reads every class such as `[:alpha:]` as any character: what is in a class outside ASCII is the locale's.
    """

    text: str
    expression: re.Pattern[str] | None = None
    loose: re.Pattern[str] | None = None
    hidden: bool = False


class Glob(Record):
    """A pattern of paths."""

    components: tuple[_Component, ...]

    @property
    def absolute(self) -> bool:
        """Whether it means the same in every directory."""
        return self.components[0].expression is None and not self.components[0].text

    def find(self, files: Files, directory: str, budget: Budget, span: Span) -> list[str]:
        """The names that match, sorted; empty when none does."""
        return sorted(_search(self.components, files, directory, budget, span))


def read_glob(pieces: Sequence[Piece], span: Span) -> Glob | None:
    """The pattern in a word; None when the word is no pattern after all."""
    characters = characters_of(pieces, span)
    components: list[_Component] = []
    unclosed = False
    for part in _split(characters):
        try:
            components.append(_compile(part, span))
        except Unclosed:
            unclosed = True
    patterns = any(one.expression for one in components)
    if unclosed and (patterns or sum(has_pattern([one]) for one in characters) > 1):
        raise refusal("glob_bracket", span, "".join(one for one, _ in characters))
    if not patterns:
        return None
    first = next(index for index, one in enumerate(components) if one.expression)
    if any(one.text in {"", ".", ".."} for one in components[first:-1]) or components[-1].text in {".", ".."}:
        # Bash drops slashes there, and `..` behind a name means what the name is, not where it stands.
        raise refusal("glob_path", span)
    return Glob(components=tuple(components))


def _split(characters: Sequence[Piece]) -> list[list[Piece]]:
    parts: list[list[Piece]] = [[]]
    for character, quoted in characters:
        if character == "/":
            parts.append([])
        else:
            parts[-1].append((character, quoted))
    return parts


def _compile(part: Sequence[Piece], span: Span) -> _Component:
    text = "".join(character for character, _ in part)
    if not has_pattern(part):
        return _Component(text=text)
    found = read_pattern(part, span)
    loose = found.loosely()
    return _Component(
        text=text,
        expression=re.compile(found.whole()),
        loose=re.compile(loose) if loose is not None else None,
        hidden=part[0][0] == ".",
    )


def _search(components: Sequence[_Component], files: Files, directory: str, budget: Budget, span: Span) -> list[str]:
    found = [""]
    matched = False
    for index, component in enumerate(components):
        slash = "" if index == len(components) - 1 else "/"
        if component.expression is None:
            found = [f"{prefix}{component.text}{slash}" for prefix in found]
            continue
        matched = True
        found = [
            f"{prefix}{name}{slash}" for prefix in found for name in _matching(component, files, _absolute(directory, prefix), budget, span)
        ]
    if matched and components[-1].expression is None:
        found = [path for path in found if _exists(files, _absolute(directory, path))]
    return found


def _matching(component: _Component, files: Files, directory: str, budget: Budget, span: Span) -> list[str]:
    names = files.names(directory)
    budget.listed[directory] = None
    # A directory costs one even when it is empty: otherwise nested patterns could list without an end.
    budget.names -= len(names) + 1
    expression = component.expression
    matching: list[str] = []
    for name in names if expression is not None and budget.names >= 0 else ():
        if (name.startswith(".") and not component.hidden) or name in {".", ".."}:
            continue
        if component.loose is not None and not name.isascii() and component.loose.fullmatch(name):
            raise refusal("glob_name", span, ascii(name))
        if expression is not None and expression.fullmatch(name):
            matching.append(name)
    budget.results -= len(matching)
    if budget.names < 0 or budget.results < 0:
        raise refusal("glob_too_large", span, component.text)
    for name in matching:
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise refusal("glob_name", span, ascii(name))
    return matching


def _absolute(directory: str, path: str) -> str:
    return path if path.startswith("/") else f"{directory.rstrip('/')}/{path}"


def _exists(files: Files, path: str) -> bool:
    if path.endswith("/"):
        return is_directory(files, path)
    kind = files.kind(path)
    if kind != "other":
        return kind != "missing"
    # `other` is also what cannot be looked at; bash takes that for missing.
    parent, _, name = path.rpartition("/")
    return name in files.names(parent or "/")


def is_directory(files: Files, path: str) -> bool:
    """Whether a directory is there, links followed; a loop of links is none."""
    bare = path.rstrip("/") or "/"
    kind = files.kind(bare)
    if kind != "symlink":
        return kind == "directory"
    try:
        return files.kind(files.real(bare)) == "directory"
    except OSError:
        return False
