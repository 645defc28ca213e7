"""Globs: names in the real tree that match a pattern, as bash without options finds them.

`*`, `?` and simple brackets; a leading dot is matched by a written dot only; results are in the order of their
code points (as in the locale C.UTF-8); a pattern that matches nothing stays as it is. The bracket forms on which
shells differ are refused.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..scope import Files
from ..spans import Span
from .refusals import refusal

MAX_RESULTS: Final = 10_000
MAX_NAMES: Final = 200_000
MAX_STARS: Final = 16
MAX_PATTERN: Final = 1_000

Piece = tuple[str, bool]
"""Text, and whether it was quoted."""

_SPECIAL: Final = re.compile(r"[*?\[]")
_IN_BRACKET: Final = frozenset(string.ascii_letters + string.digits + "_.,+@%=:")
_ALIKE: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_POSIX_CLASSES: Final = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9a-fA-F",
    "space": r" \t\n\r\f\v",
    "punct": re.escape(string.punctuation),
}


@dataclass(slots=True)
class Budget:
    """What globs may still cost in this script."""

    results: int = MAX_RESULTS
    names: int = MAX_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Component:
    """What stands between two slashes: literal text, or an expression.

    `loose` reads every class such as `[:alpha:]` as any character: what is in a class outside ASCII is the locale's.
    """

    text: str
    expression: re.Pattern[str] | None = None
    loose: re.Pattern[str] | None = None
    hidden: bool = False


class _Unclosed(Exception):
    """A `[` that nothing closes: bash reads it as text."""


def has_pattern(pieces: Iterable[Piece]) -> bool:
    """Whether anything unquoted could be a pattern."""
    return any(not quoted and _SPECIAL.search(text) for text, quoted in pieces)


def expand_glob(pieces: Sequence[Piece], files: Files, directory: str, budget: Budget, span: Span) -> list[str] | None:
    """The names that match, sorted; empty when none does; None when the word is no pattern after all."""
    characters = [(character, quoted) for text, quoted in pieces for character in text]
    if len(characters) > MAX_PATTERN:
        raise refusal("glob_too_large", span)
    components: list[_Component] = []
    unclosed = False
    for part in _split(characters):
        try:
            components.append(_compile(part, span))
        except _Unclosed:
            unclosed = True
    patterns = any(one.expression for one in components)
    if unclosed and (patterns or sum(not quoted and bool(_SPECIAL.match(one)) for one, quoted in characters) > 1):
        raise refusal("glob_bracket", span, "".join(one for one, _ in characters))
    if not patterns:
        return None
    first = next(index for index, one in enumerate(components) if one.expression)
    if any(one.text in {"", ".", ".."} for one in components[first:-1]) or components[-1].text in {".", ".."}:
        # Bash drops slashes there, and `..` behind a name means what the name is, not where it stands.
        raise refusal("glob_path", span)
    return sorted(_search(components, files, directory, budget, span))


def _split(characters: Sequence[Piece]) -> list[list[Piece]]:
    parts: list[list[Piece]] = [[]]
    for character, quoted in characters:
        if character == "/":
            parts.append([])
        else:
            parts[-1].append((character, quoted))
    return parts


def _compile(part: Sequence[Piece], span: Span) -> _Component:
    """A component as an expression; refuses more stars than matching is meant for."""
    text = "".join(character for character, _ in part)
    if not has_pattern(part):
        return _Component(text=text)
    exact: list[str] = [""]
    loose: list[str] = [""]
    has_class, at = False, 0
    while at < len(part):
        character, quoted = part[at]
        at += 1
        if not quoted and character == "*":
            if exact[-1] or len(exact) == 1:
                exact.append("")
                loose.append("")
            continue
        expression, classed = re.escape(character), False
        if not quoted and character == "?":
            expression = "."
        elif not quoted and character == "[":
            expression, at, classed = _bracket(part, at, span)
        exact[-1] += expression
        loose[-1] += "." if classed else expression
        has_class = has_class or classed
    if len(exact) > MAX_STARS:
        raise refusal("glob_too_large", span, text)
    return _Component(text=text, expression=_joined(exact), loose=_joined(loose) if has_class else None, hidden=part[0][0] == ".")


def _joined(runs: Sequence[str]) -> re.Pattern[str]:
    """The expression for what stands between stars; stars are atomic, so that matching never goes back beyond one."""
    middle = "".join(f"(?>.*?{run})" for run in runs[1:-1])
    return re.compile(runs[0] + middle + (f".*{runs[-1]}" if len(runs) > 1 else ""), re.DOTALL)


def _bracket(part: Sequence[Piece], at: int, span: Span) -> tuple[str, int, bool]:
    """A bracket whose `[` ends at `at`: its expression, where it ends, and whether it names a class."""
    if not any(character == "]" and not quoted for character, quoted in part[at:]):
        raise _Unclosed
    text = "".join(character for character, _ in part)
    negated = at < len(part) and part[at] in {("!", False), ("^", False)}
    at += negated
    body, has_class = "", False
    while part[at][0] != "]" or part[at][1]:
        found = re.match(r"\[:([a-z]+):\]", text[at : at + 12])
        if found and found.group(1) in _POSIX_CLASSES:
            body, has_class = body + _POSIX_CLASSES[found.group(1)], True
            at += found.end()
        elif text[at + 1 : at + 2] == "-" and text[at + 2 : at + 3] != "]":
            body += _range(text[at], text[at + 2 : at + 3], span)
            at += 3
        elif text[at] in _IN_BRACKET or (text[at] == "-" and (not body or text[at + 1 : at + 2] == "]")):
            body += re.escape(text[at])
            at += 1
        else:
            raise refusal("glob_bracket", span, text)
        if at >= len(part):
            raise refusal("glob_bracket", span, text)
    if not body or any(quoted for _, quoted in part[part.index(("[", False)) : at]):
        raise refusal("glob_bracket", span, text)
    return f"[{'^' if negated else ''}{body}]", at + 1, has_class


def _range(first: str, last: str, span: Span) -> str:
    if not any(first in alike and last and last in alike for alike in _ALIKE) or first > last:
        raise refusal("glob_bracket", span, f"{first}-{last}")
    return f"{first}-{last}"


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
