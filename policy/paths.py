"""What a path is to a policy: secret, protected, inside the roots, of the system, or outside; judged on real paths.

Patterns have the semantics of gitignore (by pathspec), counted from `/`. Case, Unicode composition and characters that
show nothing do not tell names apart here: on file systems that ignore them, `.ENV` and `.env` are one file.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from .errors import PolicyError
from .lazy import lazily
from .model import Kind, Paths
from .records import Record
from .scope import Files, PathKind, Scope

MAX_ENTRIES: Final = 20_000

_INVISIBLE: Final = lazily(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_PRUNED: Final = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})
"""Directories whose contents are too many to look at and hold nobody's secrets: packages as published. So are git's
objects, which are compressed."""


class Globs:
    """Compiled patterns. `anchored` are those of them that name one path and no more, `tails` those that name one path
    below any directory. `known` holds what `may_match` said of names.

    INVARIANT: a path that a positive pattern matches has the component that the pattern is filed under, literal or as a
    wildcard, or the pattern is one of `always`; so that most paths are answered without trying a pattern, and a pattern
    is compiled when the first path that it may match comes.
    """

    __slots__ = (
        "_always",
        "_compiled",
        "_ends",
        "_expressions",
        "_heads",
        "_literals",
        "_negative",
        "_numbers",
        "_wildcards",
        "anchored",
        "known",
        "tails",
    )

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._expressions: list[str] = []
        self._compiled: dict[int, re.Pattern[str]] = {}
        self._negative: list[str] = []
        self._literals: dict[str, list[int]] = {}
        self._wildcards: list[tuple[int, Callable[[str], bool]]] = []
        self._always: list[int] = []
        self._numbers: dict[str, tuple[int, ...]] = {}
        self.known: dict[str, bool] = {}
        # what a name must begin with, or else end with, for any of the wildcards to match it
        self._heads: tuple[str, ...] = ()
        self._ends: tuple[str, ...] = ()
        anchored: list[str] = []
        tails: list[str] = []
        for pattern in patterns:
            expression, include = translated(pattern)
            if not include:
                self._negative.append(expression)
                continue
            self._file(fold(pattern), len(self._expressions))
            self._expressions.append(expression)
            if pattern.startswith("/"):
                anchored += [path] if (path := _as_path(pattern)) is not None else []
            elif (tail := _tail(pattern)) is not None:
                tails.append(tail)
        self.anchored = tuple(anchored)
        self.tails = tuple(tails)

    def match(self, path: str) -> bool:
        """Whether the path, or a directory that holds it, is matched; a `!` pattern frees a file, never what lies
        below a directory that is matched.
        """
        folded = fold(path).lstrip("/")
        parts = folded.split("/")
        numbers, known = [*self._always], self._numbers
        for part in parts:
            filed = known.get(part)
            numbers += self._filed(part) if filed is None else filed
        if not numbers:
            return False
        positive = [self._pattern(number) for number in dict.fromkeys(numbers)]
        if not any(one.search(folded) for one in positive):
            return False
        if not self._negative:
            return True
        # From the top down: what lies below a directory that is matched is matched, whatever frees it by its own name.
        negative = [self._pattern(-number) for number in range(1, len(self._negative) + 1)]
        prefixes = ("/".join(parts[: end + 1]) for end in range(len(parts)))
        return any(
            any(wanted.search(one) for wanted in positive) and not any(freeing.search(one) for freeing in negative) for one in prefixes
        )

    def may_match(self, name: str) -> bool:
        """Whether a path may be matched because it has this component; False is certain."""
        known = self.known.get(name)
        if known is None:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            known = self.known[name] = bool(self._always) or bool(self._filed(fold(name)))
        return known

    def _file(self, pattern: str, number: int) -> None:
        """Under a component that a path must have to match: a literal one, the last, or else a wildcard."""
        parts = [part for part in pattern.split("/") if part not in {"", "**"}]
        plain = [text for part in parts if (text := _as_path(part)) is not None]
        if pattern == pattern.rstrip() and plain:
            self._literals.setdefault(plain[-1], []).append(number)
        elif pattern == pattern.rstrip() and parts and "[" not in parts[-1] and "\\" not in parts[-1]:
            self._wildcards.append((number, _wildcard(parts[-1])))
            head = parts[-1].partition("*")[0].partition("?")[0]
            end = parts[-1].rpartition("*")[2].rpartition("?")[2]
            if head:
                self._heads += (head,)
            else:
                self._ends += (end,)
        else:
            self._always.append(number)  # blanks at the end are a question of backslashes, brackets one of their own

    def _filed(self, part: str) -> tuple[int, ...]:
        found = self._numbers.get(part)
        if found is None:
            if len(self._numbers) >= _REMEMBERED:
                self._numbers.clear()
            found = tuple(self._literals.get(part, ()))
            if part.startswith(self._heads) or part.endswith(self._ends):
                found += tuple(number for number, test in self._wildcards if test(part))
            self._numbers[part] = found
        return found

    def _pattern(self, number: int) -> re.Pattern[str]:
        """A pattern by its number; those that free a path are counted from -1 down."""
        known = self._compiled.get(number)
        if known is None:
            known = re.compile(self._expressions[number] if number >= 0 else self._negative[-number - 1], re.DOTALL)
            self._compiled[number] = known
        return known


_REMEMBERED: Final = 65_536


def _wildcard(part: str) -> Callable[[str], bool]:
    """A test for one component; the usual `*.x` and `x*` need no expression."""
    head, star, tail = part.partition("*")
    if star and "*" not in tail and "?" not in part:
        length = len(head) + len(tail)
        return lambda name: len(name) >= length and name.startswith(head) and name.endswith(tail)
    expression = re.compile(fnmatch.translate(part))
    return lambda name: expression.match(name) is not None


def fold(text: str) -> str:
    """The text without the differences that file systems may not see."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", unicodedata.normalize("NFC", text).casefold()))


@lru_cache(maxsize=512)
def globs(patterns: tuple[str, ...]) -> Globs:
    """The patterns, read once; PolicyError names one that is none. Their order means nothing: `!` comes last.

    A slash at the end is not seen: whether a path is a directory may change after it was judged.
    """
    return Globs(patterns)


_TRANSLATED: Final[dict[str, tuple[str, bool]]] = {}


def translated(pattern: str) -> tuple[str, bool]:
    """The expression of a gitignore pattern, and whether it takes in (`!` frees). Raises PolicyError."""
    known = _TRANSLATED.get(pattern)
    if known is None:
        known = _TRANSLATED[pattern] = _translate(pattern)
    return known


def learn(translations: Mapping[str, tuple[str, bool]]) -> None:
    """Takes over what `translated` said in another process, so that pathspec need not be imported in this one."""
    _TRANSLATED.update(translations)


def _translate(pattern: str) -> tuple[str, bool]:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # imported late: it is slow

    try:
        expression, include = GitIgnoreSpecPattern.pattern_to_regex(fold(pattern).rstrip("/"))
    except ValueError as problem:
        raise PolicyError(f"`{pattern}` is no gitignore pattern", hint="see gitignore(5)") from problem
    if expression is None or include is None:
        raise PolicyError(f"the pattern `{pattern}` matches nothing", hint="remove it, or quote a leading `#` with a backslash")
    return expression, include


def _tail(pattern: str) -> str | None:
    """The one path below any directory that a pattern names, or None; a slash in its middle ties it to the root."""
    path = _as_path(pattern.removeprefix("**/"))
    if path is None or path.startswith("/"):
        return None
    return path if "/" not in path or pattern.startswith("**/") else None


def _as_path(pattern: str) -> str | None:
    """The one path that a pattern names, or None when it has wildcards."""
    plain = re.sub(r"\\(.)", "", pattern) if "\\" in pattern else pattern
    if "*" in plain or "?" in plain or "[" in plain:
        return None
    return (re.sub(r"\\(.)", r"\1", pattern) if "\\" in pattern else pattern).rstrip("/") or None


def within(path: str, roots: tuple[str, ...]) -> bool:
    """Whether the path is one of these directories or lies below one."""
    for root in roots:  # noqa: SIM110  # asked of every path, and a generator costs more than the answer
        if root in {path, "/"} or path.startswith(f"{root}/"):
            return True
    return False


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


class Below(Record):
    """What a walk found: the topmost paths that match, and whether it saw everything."""

    matched: tuple[str, ...]
    complete: bool


class Walker:
    """Looks below directories on behalf of one decision; each tree is read once, so that all questions see the same."""

    def __init__(self, files: Files) -> None:
        self._files = files
        # files that tell the names and kinds of a directory at once are much cheaper than to ask for each
        self._listing: Callable[[str], tuple[tuple[str, ...], tuple[str, ...]]] = getattr(files, "listing", self._asked)
        self._seen: dict[str, tuple[list[tuple[str, tuple[str, ...]]], bool]] = {}
        self._answers: dict[tuple[str, Globs], Below] = {}
        self._kinds: dict[str, PathKind] = {}

    def below(self, top: str, patterns: tuple[str, ...]) -> Below:
        """The paths below a directory that match. Links are not followed; MAX_ENTRIES at most are looked at.

        Paths that a pattern names in full, and names directly in the directory, are found in any case, however large the
        tree is.
        """
        spec = globs(patterns)
        known = self._answers.get((top, spec))
        if known is None:
            known = self._answers[top, spec] = self._below(top, spec)
        return known

    def named(self, top: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
        """The paths below a directory that a pattern names in full, and names directly in it: found without a walk."""
        spec = globs(patterns)
        names = self._listing(top)[0]
        there = frozenset(map(fold, names))
        found = {f"{top.rstrip('/')}/{tail}" for tail in spec.tails if fold(tail.partition("/")[0]) in there and self._has(top, tail)}
        found |= {f"{top.rstrip('/')}/{name}" for name in names if spec.may_match(name)}
        anchored = {path for path in spec.anchored if path != top and within(path, (top,)) and self._files.kind(path) != "missing"}
        return tuple(sorted(anchored | {path for path in found if spec.match(path)}))

    def _below(self, top: str, spec: Globs) -> Below:
        matched = {path: None for path in spec.anchored if path != top and within(path, (top,)) and self._files.kind(path) != "missing"}
        if top not in self._seen:
            self._seen[top] = self._entries(top)
        listings, complete = self._seen[top]
        # a directory whose names are not known may have any
        there = frozenset(map(fold, listings[0][1])) if listings and listings[0][0] == top else frozenset[str]()
        named = [tail for tail in spec.tails if not there or fold(tail.partition("/")[0]) in there]
        matched |= {path: None for tail in named if self._has(top, tail) and spec.match(path := f"{top.rstrip('/')}/{tail}")}
        may_match, remembered = spec.may_match, spec.known
        covered: set[str] = set()
        filed = {top} if any(map(spec.may_match, top.split("/"))) else set[str]()  # directories that a pattern may be filed under
        for directory, names in listings:
            prefix = directory.rstrip("/")
            if directory in covered:
                covered.update(f"{prefix}/{name}" for name in names)
                continue
            below_filed = directory in filed
            for name in names:
                if not below_filed and (remembered.get(name) is False or not may_match(name)):
                    continue
                path = f"{prefix}/{name}"
                filed.add(path)
                if spec.match(path):
                    covered.add(path)
                    matched[path] = None
        return Below(matched=tuple(matched), complete=complete)

    def _has(self, top: str, tail: str) -> bool:
        """Whether the name is there, no link on the way."""
        place, *names = top.rstrip("/"), *tail.split("/")
        kind: PathKind = "directory"
        for name in names:
            place = f"{place}/{name}"
            known = self._kinds.get(place) if kind == "directory" else "missing"
            kind = self._kinds[place] = self._files.kind(place) if known is None else known
        return kind != "missing"

    def _entries(self, top: str) -> tuple[list[tuple[str, tuple[str, ...]]], bool]:
        """The names in every directory below, breadth first, so that a tree that is too large is known near its top."""
        found: list[tuple[str, tuple[str, ...]]] = []
        count = 0
        complete = True
        waiting = deque([top] if self._files.kind(top) == "directory" else [])
        while waiting:
            directory = waiting.popleft()
            names, directories = self._listing(directory)
            if count + len(names) > MAX_ENTRIES:
                # one directory that is too large must not hide what lies beside it
                complete = False
                continue
            count += len(names)
            found.append((directory, names))
            prefix = directory.rstrip("/")
            pruned = prefix.endswith("/.git")
            for name in directories:
                if name not in _PRUNED and not (pruned and name == "objects"):
                    waiting.append(f"{prefix}/{name}")
        return found, complete

    def _asked(self, directory: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names in a directory, and those of them that are directories."""
        names = self._files.names(directory)
        prefix = directory.rstrip("/")
        return names, tuple(name for name in names if self._files.kind(f"{prefix}/{name}") == "directory")
