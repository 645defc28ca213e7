"""What a path is to a policy: secret, protected, inside the roots, of the system, or outside; judged on real paths.

Patterns have the semantics of gitignore (by pathspec), counted from `/`. Case, Unicode composition and characters that
show nothing do not tell names apart here: on file systems that ignore them, `.ENV` and `.env` are one file.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .errors import PolicyError
from .model import Kind, Paths
from .scope import Files, Scope

MAX_ENTRIES: Final = 20_000

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_PRUNED: Final = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})
"""Directories whose contents are too many to look at and hold nobody's secrets: packages as published. So are git's
objects, which are compressed."""


@dataclass(frozen=True, slots=True)
class Globs:
    """Compiled patterns. `anchored` are those of them that name one path and no more, `tails` those that name one path
    below any directory.

    INVARIANT: a path that a positive pattern matches has a component in `literals` or one that `wildcards` matches, or
    `always` is set; so that most paths are answered without trying the patterns.
    """

    positive: re.Pattern[str] | None
    negative: tuple[re.Pattern[str], ...]
    anchored: tuple[str, ...]
    literals: frozenset[str]
    wildcards: Callable[[str], bool]
    always: bool
    tails: tuple[str, ...]

    def match(self, path: str) -> bool:
        """Whether the path, or a directory that holds it, is matched; a `!` pattern frees a file, never what lies
        below a directory that is matched.
        """
        folded = fold(path).lstrip("/")
        parts = folded.split("/")
        if self.literals.isdisjoint(parts) and not self.always and not any(map(self.wildcards, parts)):
            return False
        if self.positive is None or self.positive.search(folded) is None:
            return False
        if not self.negative:
            return True
        # From the top down: what lies below a directory that is matched is matched, whatever frees it by its own name.
        prefixes = ("/".join(parts[: end + 1]) for end in range(len(parts)))
        return any(self.positive.search(one) and not any(negative.search(one) for negative in self.negative) for one in prefixes)


def fold(text: str) -> str:
    """The text without the differences that file systems may not see."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", unicodedata.normalize("NFC", text).casefold()))


@lru_cache(maxsize=512)
def globs(patterns: tuple[str, ...]) -> Globs:
    """The patterns, compiled once; PolicyError names one that is none. Their order means nothing: `!` comes last.

    A slash at the end is not seen: whether a path is a directory may change after it was judged.
    """
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # imported late: it is slow

    positive: list[str] = []
    negative: list[str] = []
    anchored: list[str] = []
    tails: list[str] = []
    for pattern in patterns:
        try:
            expression, include = GitIgnoreSpecPattern.pattern_to_regex(fold(pattern).rstrip("/"))
        except ValueError as problem:
            raise PolicyError(f"`{pattern}` is no gitignore pattern", hint="see gitignore(5)") from problem
        if expression is None or include is None:
            raise PolicyError(f"the pattern `{pattern}` matches nothing", hint="remove it, or quote a leading `#` with a backslash")
        (positive if include else negative).append(expression)
        if include and pattern.startswith("/") and (path := _as_path(pattern)) is not None:
            anchored.append(path)
        elif include and (tail := _tail(pattern)) is not None:
            tails.append(tail)
    literals, wildcards, always = _components([fold(pattern) for pattern in patterns if not pattern.startswith("!")])
    return Globs(
        positive=re.compile("|".join(f"(?:{one.replace('(?P<ps_d>', '(?:')})" for one in positive), re.DOTALL) if positive else None,
        negative=tuple(re.compile(one, re.DOTALL) for one in negative),
        anchored=tuple(anchored),
        literals=literals,
        wildcards=wildcards,
        always=always,
        tails=tuple(tails),
    )


def _tail(pattern: str) -> str | None:
    """The one path below any directory that a pattern names, or None; a slash in its middle ties it to the root."""
    path = _as_path(pattern.removeprefix("**/"))
    if path is None or path.startswith("/"):
        return None
    return path if "/" not in path or pattern.startswith("**/") else None


def _components(patterns: list[str]) -> tuple[frozenset[str], Callable[[str], bool], bool]:
    """For every pattern a component that a path must have to match it: a literal one, the last, or else a wildcard."""
    literals: set[str] = set()
    wildcards: list[str] = []
    always = False
    for pattern in patterns:
        parts = [part for part in pattern.split("/") if part not in {"", "**"}]
        plain = [text for part in parts if (text := _as_path(part)) is not None]
        if pattern != pattern.rstrip():
            always = True  # whether blanks at the end count is a question of backslashes
        elif plain:
            literals.add(plain[-1])
        elif parts and not any(character in parts[-1] for character in "[\\"):
            wildcards.append(fnmatch.translate(parts[-1]))
        else:
            always = True
    expression = re.compile("|".join(wildcards) or r"(?!)")

    @lru_cache(maxsize=8192)
    def wildcard(name: str) -> bool:
        return expression.match(name) is not None

    return frozenset(literals), wildcard, always


def _as_path(pattern: str) -> str | None:
    """The one path that a pattern names, or None when it has wildcards."""
    plain = re.sub(r"\\(.)", "", pattern)
    if any(character in plain for character in "*?["):
        return None
    return re.sub(r"\\(.)", r"\1", pattern).rstrip("/") or None


def within(path: str, roots: tuple[str, ...]) -> bool:
    """Whether the path is one of these directories or lies below one."""
    return any(root in {path, "/"} or path.startswith(f"{root}/") for root in roots)


def read_kind(path: str, paths: Paths, scope: Scope) -> Kind:
    """What reading this real path is."""
    if globs(paths.secret).match(path):
        return "read.secret"
    if within(path, scope.read_roots) or within(path, scope.write_roots):
        return "read.inside"
    return "read.system" if within(path, paths.system) else "read.outside"


def write_kind(path: str, paths: Paths, scope: Scope, *, delete: bool = False) -> Kind:
    """What writing (or removing) this real path is. A secret is protected too; so is a root itself from removal."""
    if globs(paths.secret).match(path) or globs(paths.protected).match(path):
        return "write.protected"
    if delete and path in scope.write_roots:
        return "write.protected"
    if not within(path, scope.write_roots):
        return "write.outside"
    return "delete.inside" if delete else "write.inside"


@dataclass(frozen=True, slots=True)
class Below:
    """What a walk found: the topmost paths that match, and whether it saw everything."""

    matched: tuple[str, ...]
    complete: bool


class Walker:
    """Looks below directories on behalf of one decision; each tree is read once, so that all questions see the same."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._seen: dict[str, tuple[list[str], bool]] = {}

    def below(self, top: str, patterns: tuple[str, ...]) -> Below:
        """The paths below a directory that match. Links are not followed; MAX_ENTRIES at most are looked at.

        Paths that a pattern names in full, and names directly in the directory, are found in any case, however large the
        tree is.
        """
        spec = globs(patterns)
        matched = {path: None for path in spec.anchored if path != top and within(path, (top,)) and self._files.kind(path) != "missing"}
        matched |= {path: None for tail in spec.tails if self._has(top, tail) and spec.match(path := f"{top.rstrip('/')}/{tail}")}
        if top not in self._seen:
            self._seen[top] = self._entries(top)
        entries, complete = self._seen[top]
        covered: set[str] = set()
        for path in entries:
            if path.rpartition("/")[0] in covered:
                covered.add(path)
            elif spec.match(path):
                covered.add(path)
                matched[path] = None
        return Below(tuple(matched), complete)

    def _has(self, top: str, tail: str) -> bool:
        """Whether the name is there, no link on the way."""
        *above, _ = parts = tail.split("/")
        places = [f"{top.rstrip('/')}/{'/'.join(parts[: end + 1])}" for end in range(len(parts))]
        return all(self._files.kind(place) == "directory" for place, _ in zip(places, above, strict=False)) and (
            self._files.kind(places[-1]) != "missing"
        )

    def _entries(self, top: str) -> tuple[list[str], bool]:
        """Everything below, breadth first, so that a tree that is too large is known near its top."""
        found: list[str] = []
        complete = True
        waiting = deque([top] if self._files.kind(top) == "directory" else [])
        while waiting:
            directory = waiting.popleft()
            names = self._files.names(directory)
            if len(found) + len(names) > MAX_ENTRIES:
                # one directory that is too large must not hide what lies beside it
                complete = False
                continue
            prefix = directory.rstrip("/")
            for name in names:
                path = f"{prefix}/{name}"
                found.append(path)
                if name not in _PRUNED and not path.endswith("/.git/objects") and self._files.kind(path) == "directory":
                    waiting.append(path)
        return found, complete
