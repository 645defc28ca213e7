"""Finding and listing by name."""

from __future__ import annotations

import os
import stat

from ..policy.actions import FindFiles, ListDirectory
from ..policy.decision import Manifest
from ..policy.model import Limits
from .errors import PathError
from .paths import kind_name, open_beneath, opened, refusal
from .patterns import Glob
from .permit import Target
from .result import JSON, ToolResult
from .text import cap, is_text, not_text, plural, visible
from .walk import Entry, EntryKind, Walk, entry_kind, refuse_hidden

MOST_RESULTS = 1_000
_Shown = tuple[EntryKind, str, str | None]
"""Kind, name and (for a link) where it leads."""

_TAGS: dict[EntryKind, str] = {"file": "[file]", "directory": "[dir] ", "symlink": "[link]", "other": "[other]"}


def find_files(action: FindFiles, target: Target, manifest: Manifest, limits: Limits) -> ToolResult:
    """The paths below the target that fit the glob. Raises PathError, ToolError for what is not a glob."""
    hidden = frozenset(manifest.hidden)
    refuse_hidden(target, hidden)
    glob = Glob(action.pattern)
    walk = Walk(target=target, hidden=hidden, seconds=limits.command_seconds, names_hidden=glob.names_hidden)
    found: list[str] = []
    total = odd = 0
    for entry in walk.entries():
        if _wanted(action, entry) and glob.matches(entry.relative):
            total += 1
            odd += not is_text(entry.relative)
            if len(found) < MOST_RESULTS:
                found.append(visible(entry.relative) + ("/" if entry.kind == "directory" else ""))
    notes = (*walk.notes(), *not_text(odd))
    head = f"{plural(total, 'result')}:" if total else "no files found"
    cut = (f"[{len(found)} of {total} shown]",) if total > len(found) else ()
    capped = cap("\n".join((head, *found, *cut, *(f"[{note}]" for note in notes))), limits.output_bytes)
    return ToolResult(
        status="ok",
        text=capped.text,
        data={"files": found, "total": total, "truncated": total > len(found) or walk.stopped is not None},
        truncated=total > len(found) or capped.truncated or walk.stopped is not None,
        notes=notes,
    )


def _wanted(action: FindFiles, entry: Entry) -> bool:
    """A link counts as a file: where it leads is not looked at."""
    return action.type == "both" or (entry.kind == "directory") == (action.type == "directory")


def list_directory(action: ListDirectory, target: Target, manifest: Manifest, limits: Limits) -> ToolResult:
    """The names in the target with what each is; links with where they lead. Raises PathError."""
    hidden = frozenset(manifest.hidden)
    refuse_hidden(target, hidden)
    with opened(target, os.O_PATH) as looked_at:
        mode = os.fstat(looked_at).st_mode
        if not stat.S_ISDIR(mode):
            raise PathError(f"`{visible(target.shown)}` is {kind_name(mode)}, not a directory", hint="read a file with `read`")
    descriptor = open_beneath(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        entries, odd = _entries(descriptor, target, hidden, everything=action.all)
    except OSError as problem:
        raise refusal(target.shown, problem) from problem
    finally:
        os.close(descriptor)
    shown = entries[:MOST_RESULTS]
    lines = [f"{_TAGS[kind]} {name}" + (f" -> {leads}" if leads is not None else "") for kind, name, leads in shown]
    cut = (f"[{len(shown)} of {len(entries)} shown]",) if len(entries) > len(shown) else ()
    notes = not_text(odd)
    text = "\n".join((f"Directory: {visible(target.shown)}", *(lines or ["(empty)"]), *cut, *(f"[{note}]" for note in notes)))
    capped = cap(text, limits.output_bytes)
    listed: list[JSON] = [{"name": name, "kind": kind, "target": leads} for kind, name, leads in shown]
    return ToolResult(
        status="ok",
        text=capped.text,
        data={"path": target.shown, "entries": listed, "total": len(entries), "truncated": bool(cut)},
        truncated=bool(cut) or capped.truncated,
        notes=notes,
    )


def _entries(descriptor: int, target: Target, hidden: frozenset[str], *, everything: bool) -> tuple[list[_Shown], int]:
    """What to show, grouped by kind and sorted, names made visible; and how many of the names are not UTF-8."""
    found: list[_Shown] = []
    odd = 0
    with os.scandir(descriptor) as names:
        for one in names:
            if f"{target.shown.rstrip('/')}/{one.name}" in hidden or (one.name.startswith(".") and not everything):
                continue
            kind = entry_kind(one)
            odd += not is_text(one.name)
            found.append((kind, visible(one.name), _leads(one.name, descriptor) if kind == "symlink" else None))
    return sorted(found, key=lambda one: (_TAGS[one[0]], one[1])), odd


def _leads(name: str, descriptor: int) -> str:
    try:
        return visible(os.readlink(name, dir_fd=descriptor))
    except OSError:
        return "?"
