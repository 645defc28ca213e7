"""Changing a part of a file: an exact text, or a range of lines. What is not touched stays byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..policy.actions import EditFile
from ..policy.model import Limits
from .atomic import bounded_bytes, existing_file, replace
from .diff import lines_of, unified
from .errors import ChangedError, LimitError, MissingError, ToolError
from .files import require_text
from .paths import require_file_name, require_one_name
from .permit import Binding, Target
from .result import ToolResult
from .text import listed, plural, visible

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The bytes after an edit, both texts for a diff, and how many places changed."""

    old: bytes
    new: bytes
    before: str
    after: str
    replacements: int


def apply_edit(action: EditFile, data: bytes, limits: Limits, shown: str) -> Edited:
    """What the edit makes of these bytes.

    Raises ToolError when the text is missing or ambiguous, the lines are not there, or nothing would change; LimitError
    when the result is larger than the policy lets be written.
    """
    require_text(data, shown)
    # Bytes that are not UTF-8 become lone surrogates, and those very bytes again when they are written.
    whole = data.decode("utf-8", "surrogateescape")
    mark, text = (_BOM, whole[1:]) if whole.startswith(_BOM) else ("", whole)
    if action.old_string is None:
        after, count = _by_lines(action, text, shown), 1
    else:
        after, count = _by_text(action.old_string, action, text, shown)
    if after == text:
        raise ToolError("the edit would change nothing", hint="the new text is the same as the old one")
    try:
        new = (mark + after).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as problem:
        raise ToolError("the new text holds half of a surrogate pair, which no file can hold", hint="send the whole character") from problem
    if len(new) > limits.write_bytes:
        raise LimitError(
            f"`{visible(shown)}` would have {len(new)} bytes; the policy lets {limits.write_bytes} be written",
            hint="make it smaller, or raise the limit `write_bytes`",
        )
    return Edited(old=data, new=new, before=text, after=after, replacements=count)


def _uses_crlf(text: str) -> bool:
    return "\r\n" in text and text.count("\r\n") == text.count("\n")


def _with_ends(new: str, text: str) -> str:
    """The new text with the line endings of the file, when the file has but one kind."""
    return new.replace("\r\n", "\n").replace("\n", "\r\n") if _uses_crlf(text) else new


def _by_text(old: str, action: EditFile, text: str, shown: str) -> tuple[str, int]:
    new = _with_ends(action.new_string, text)
    if old not in text and "\r" not in old and _uses_crlf(text):
        old = old.replace("\n", "\r\n")
    count = text.count(old)
    if not count:
        raise ToolError(f"the text to replace does not occur in `{visible(shown)}`", hint=_near(old, text))
    if count > 1 and not action.all:
        raise ToolError(
            f"the text to replace occurs {count} times in `{visible(shown)}`, on lines {listed(_places(old, text))}",
            hint="give more of the text around it, or set `all` to change every place",
        )
    return text.replace(old, new), count


def _places(old: str, text: str) -> list[str]:
    """The lines on which the text begins."""
    found: list[str] = []
    at = text.find(old)
    line, counted = 1, 0
    while at >= 0:
        line += text.count("\n", counted, at)
        counted = at
        found.append(str(line))
        at = text.find(old, at + len(old))
    return found


def _near(old: str, text: str) -> str:
    """What to do about a text that is not there; says where it stands with other blanks."""
    wanted = [" ".join(line.split()) for line in old.strip().split("\n")]
    if any(wanted):
        for number, line in enumerate(text.split("\n"), start=1):
            if " ".join(line.split()) == wanted[0]:
                return f"its first line is like line {number}, but for white space or what follows: read the file again and copy it exactly"
    return "read the file again and copy the text exactly, with its white space"


def _by_lines(action: EditFile, text: str, shown: str) -> str:
    lines = lines_of(text)
    first, last = action.start_line or 1, action.end_line or 1
    if last > len(lines):
        raise ToolError(f"`{visible(shown)}` has {plural(len(lines), 'line')}; line {last} is not there", hint="read the file again")
    new = _with_ends(action.new_string, text)
    if new and not new.endswith("\n") and lines[last - 1].endswith("\n"):
        new += "\r\n" if lines[last - 1].endswith("\r\n") else "\n"
    elif new.endswith("\n") and not lines[last - 1].endswith("\n"):
        new = new.removesuffix("\n").removesuffix("\r")
    return "".join((*lines[: first - 1], new, *lines[last:]))


def edit_file(action: EditFile, target: Target, limits: Limits, bindings: tuple[Binding, ...]) -> ToolResult:
    """Performs the edit and gives the diff. Raises PathError, ToolError, LimitError, ChangedError; then nothing changed."""
    require_file_name(action.path)
    with existing_file(target) as existing:
        if existing is None:
            if any(binding.path == target.shown and binding.sha256 is not None for binding in bindings):
                raise ChangedError(f"`{visible(target.shown)}` has gone since it was judged", hint="look for it with `ls`")
            raise MissingError(f"`{visible(target.shown)}` does not exist", hint="create it with `write`")
        require_one_name(target.shown, existing.status, limits)
        data = bounded_bytes(existing, limits.read_bytes, target)
    edited = apply_edit(action, data, limits, target.shown)
    # The bytes that were edited must be those that are replaced, approval or not.
    change, notes = replace(target, edited.new, bindings=(*bindings, binding_of(target, data)))
    diff = unified(edited.before, edited.after, path=target.relative, limit=limits.output_bytes)
    said = f"edited {visible(target.shown)} ({plural(edited.replacements, 'replacement')})"
    return ToolResult(
        status="ok",
        text="\n".join((said, diff, *(f"[{note}]" for note in notes))).rstrip("\n"),
        data={"path": target.shown, "replacements": edited.replacements, "diff": diff, "bytes_written": change.size},
        read_bytes=len(data),
        changes=(change,),
        notes=notes,
    )


def binding_of(target: Target, data: bytes | None) -> Binding:
    """The binding to these bytes at the target."""
    return Binding(path=target.shown, sha256=None if data is None else hashlib.sha256(data).hexdigest())
