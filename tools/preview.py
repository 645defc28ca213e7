"""What a write or an edit would change, for the person who is asked, and the bytes that the answer is bound to.

Reads only: no file, no directory and no time stamp changes (but that of the last access).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from ..policy.actions import EditFile, WriteFile
from ..policy.model import Limits
from .atomic import Existing, bounded_bytes, digest_of, existing_file
from .diff import unified
from .edit import apply_edit, binding_of
from .errors import LimitError, MissingError, PathError
from .files import encoded, require_text
from .paths import parent_of, require_file_name, require_one_name
from .permit import Binding, Target
from .text import visible

_WHOLE = 1 << 62
"""A diff that is approved is shown in whole: a cut would hide what is said yes to. The limits on bytes bound its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The unified diff, the bytes that the call replaces, the size in bytes afterwards, and what else to know."""

    diff: str
    binding: Binding
    size: int
    notes: tuple[str, ...] = ()


def preview(action: WriteFile | EditFile, target: Target, limits: Limits) -> Preview:
    """What the call would do now. Raises ToolError for whatever would make the call itself fail."""
    require_file_name(action.path)
    parent_of(target)
    with existing_file(target) as existing:
        match action:
            case WriteFile():
                return _written(action, target, limits, existing)
            case EditFile():
                return _edited(action, target, limits, existing)
            case _:
                assert_never(action)


def _written(action: WriteFile, target: Target, limits: Limits, existing: Existing | None) -> Preview:
    new = encoded(action.content, limits, target.shown)
    if existing is None:
        diff = unified(None, action.content, path=target.relative, limit=_WHOLE)
        return Preview(diff=diff, binding=binding_of(target, None), size=len(new))
    try:
        data = bounded_bytes(existing, limits.read_bytes, target)
        require_text(data, target.shown)
    except (LimitError, PathError):
        binding = Binding(path=target.shown, sha256=digest_of(existing, target))
        note = f"the old content of `{visible(target.shown)}` ({existing.status.st_size} bytes) is binary or too large to be shown"
        diff = f"[{note}]\n" + unified(None, action.content, path=target.relative, limit=_WHOLE)
        return Preview(diff=diff, binding=binding, size=len(new), notes=(note,))
    diff = unified(data.decode("utf-8", "surrogateescape"), action.content, path=target.relative, limit=_WHOLE)
    return Preview(diff=diff, binding=binding_of(target, data), size=len(new))


def _edited(action: EditFile, target: Target, limits: Limits, existing: Existing | None) -> Preview:
    if existing is None:
        raise MissingError(f"`{visible(target.shown)}` does not exist", hint="create it with `write`")
    require_one_name(target.shown, existing.status, limits)
    data = bounded_bytes(existing, limits.read_bytes, target)
    edited = apply_edit(action, data, limits, target.shown)
    diff = unified(edited.before, edited.after, path=target.relative, limit=_WHOLE)
    return Preview(diff=diff, binding=binding_of(target, data), size=len(edited.new))
