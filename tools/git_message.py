"""A commit message from what is staged: the same for the same change, in the form of Conventional Commits 1.0.0."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .errors import ToolError
from .result import JSON
from .text import plural, visible

_SUBJECT = 72
_MOST_LINES = 50
_DOCUMENTS = (".md", ".rst", ".txt", ".adoc")
_BUILD = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "package.json", "Cargo.toml", "go.mod", "go.sum", "Makefile", "Dockerfile"})
_Verb = Literal["add", "remove", "rename", "update"]


@dataclass(slots=True)
class _Change:
    path: str
    verb: _Verb = "update"
    origin: str = ""
    added: int = 0
    removed: int = 0


def compose_message(status: Mapping[str, JSON], diff: str) -> str:
    """A message for what `status` (as `git_status` gives it) says is staged, with the counts that `diff` shows.

    Raises ToolError when nothing is staged.
    """
    staged = status.get("staged")
    paths = [str(path) for path in staged] if isinstance(staged, list | tuple) else []
    if not paths:
        raise ToolError("nothing is staged", hint="name the files to commit in `files`")
    told = _from_diff(diff)
    changes = [told.get(path) or _Change(path) for path in sorted(set(paths))]
    renamed = status.get("renamed")
    for one in renamed if isinstance(renamed, list | tuple) else ():
        if isinstance(one, Mapping):
            for change in changes:
                if change.path == one.get("to"):
                    change.verb, change.origin = "rename", str(one.get("from"))
    return _subject(changes) + _body(changes)


def _from_diff(diff: str) -> dict[str, _Change]:
    """What a unified diff says of each path; a path that it cannot tell is left out."""
    found: dict[str, _Change] = {}
    verb: _Verb = "update"
    old = ""
    change: _Change | None = None
    in_hunk = False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            verb, old, change, in_hunk = "update", "", None, False
            # Both names are the same but for renames, which are told of separately; so a blank in them does no harm.
            names = line.removeprefix("diff --git ")
            half = names[: len(names) // 2]
            if names == f"{half} b/{half.removeprefix('a/')}":
                change = found.setdefault(half.removeprefix("a/"), _Change(half.removeprefix("a/")))
        elif in_hunk and change is not None and line[:1] in ("+", "-"):
            change.added += line[0] == "+"
            change.removed += line[0] == "-"
        elif line.startswith("@@ "):
            in_hunk = True
        elif not in_hunk and line.startswith(("new file mode", "deleted file mode")):
            verb = "add" if line.startswith("new") else "remove"
            if change is not None:
                change.verb = verb
        elif not in_hunk and line.startswith("rename from "):
            old = line.removeprefix("rename from ")
        elif not in_hunk and line.startswith("rename to "):
            name = line.removeprefix("rename to ")
            change = found[name] = _Change(name, "rename", old)
    return found


def _subject(changes: list[_Change]) -> str:
    verbs = {change.verb for change in changes}
    verb = verbs.pop() if len(verbs) == 1 else "update"
    head = f"{_kind(changes)}: {verb} "
    if len(changes) == 1:
        only = changes[0]
        what = f"{only.origin} to {only.path}" if only.verb == "rename" and only.origin else only.path
    else:
        common = posixpath.commonpath([posixpath.dirname(change.path) or "." for change in changes])
        what = f"{plural(len(changes), 'file')}" + (f" in {common}" if common not in ("", ".") else "")
        short = ", ".join(posixpath.basename(change.path) for change in changes)
        if len(head) + len(short) <= _SUBJECT:
            what = short
    what = visible(what)
    if len(head) + len(what) > _SUBJECT:
        what = visible(posixpath.basename(changes[0].path)) if len(changes) == 1 else plural(len(changes), "file")
    return (head + what)[:_SUBJECT]


def _kind(changes: list[_Change]) -> str:
    def every(test: Callable[[str], bool]) -> bool:
        return all(test(change.path) for change in changes)

    if every(lambda path: path.endswith(_DOCUMENTS) or path.startswith(("docs/", "doc/"))):
        return "docs"
    if every(_is_test):
        return "test"
    if every(lambda path: path.startswith((".github/", ".gitlab-ci", ".ci/", ".circleci/"))):
        return "ci"
    if every(lambda path: posixpath.basename(path) in _BUILD or path.endswith(".lock")):
        return "build"
    return "feat" if any(change.verb == "add" and not _is_test(change.path) for change in changes) else "chore"


def _is_test(path: str) -> bool:
    name = posixpath.basename(path)
    return path.startswith(("tests/", "test/")) or name.startswith("test_") or "_test." in name or ".test." in name or ".spec." in name


def _body(changes: list[_Change]) -> str:
    if len(changes) == 1:
        return ""
    lines = [
        f"- {change.verb} {visible(change.path)}" + (f" (+{change.added} -{change.removed})" if change.added or change.removed else "")
        for change in changes[:_MOST_LINES]
    ]
    if len(changes) > _MOST_LINES:
        lines.append(f"- and {len(changes) - _MOST_LINES} more")
    return "\n\n" + "\n".join(lines)
