"""Reading and writing files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..policy.actions import ReadFile, WriteFile
from ..policy.model import Limits
from .atomic import replace
from .errors import LimitError, PathError, ToolError
from .paths import opened_file, require_file_name
from .permit import Binding, Target
from .result import JSON, ToolResult
from .text import plural, visible

LINE_CHARACTERS = 2_000
_CHUNK = 64 * 1024
_LINE_BYTES = LINE_CHARACTERS * 4
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def encoded(text: str, limits: Limits, shown: str) -> bytes:
    """The text as it is written to a file; LimitError when it is larger than the policy lets be written."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise ToolError("the content holds half of a surrogate pair, which no file can hold", hint="send the whole character") from problem
    if len(data) > limits.write_bytes:
        raise LimitError(
            f"the new content of `{visible(shown)}` has {len(data)} bytes; the policy lets {limits.write_bytes} be written",
            hint="write less, or raise the limit `write_bytes`",
        )
    return data


def require_text(head: bytes, shown: str) -> None:
    """PathError when the first bytes are not those of a text."""
    if head.startswith(_UTF16) and len(head) % 2 == 0:
        raise PathError(f"`{visible(shown)}` is UTF-16 text, which is not read", hint="convert it: `iconv -f UTF-16 -t UTF-8`")
    if b"\0" in head:
        raise PathError(f"`{visible(shown)}` is a binary file", hint="look at it with `file` or `xxd`")


@dataclass(slots=True, kw_only=True)
class _Page:
    """What has been gathered of a file."""

    shown: list[str] = field(default_factory=list[str])
    lines: int = 0
    cut_lines: int = 0
    undecodable: int = 0
    carriage_returns: int = 0
    taken: int = 0
    size: int = 0
    stopped: str | None = None

    def add(self, number: int, raw: bytes, whole: int) -> None:
        """One line; `whole` is its length in bytes, of which `raw` may be the beginning only."""
        if raw.endswith(b"\r"):
            self.carriage_returns += 1
            raw = raw[:-1]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            # A line that was cut may end in the middle of a character; that is no fault of the file.
            text = raw.decode("utf-8", "replace") if whole == len(raw) else raw[:-3].decode("utf-8", "replace")
            self.undecodable += "\ufffd" in text
        if len(text) > LINE_CHARACTERS or whole > len(raw) + 1:
            self.cut_lines += 1
            text = f"{text[:LINE_CHARACTERS]} [... line cut, {whole} bytes in all]"
        line = f"{number:6d}\t{text}"
        self.shown.append(line)
        self.size += len(line.encode("utf-8", "replace")) + 1


def read_file(action: ReadFile, target: Target, limits: Limits) -> ToolResult:
    """The lines of a text file with their numbers. Memory is bounded by the limits, whatever the file's size.

    Raises PathError (missing, binary, not as judged), LimitError (larger than the limit and no part was asked for).
    """
    require_file_name(action.path)
    with opened_file(target, limits) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > limits.read_bytes and action.limit is None and action.offset == 1:
            raise LimitError(
                f"`{visible(target.shown)}` has {size} bytes; the policy lets {limits.read_bytes} be read at once",
                hint="give offset and limit to read a part of it, or search it with `grep`",
            )
        try:
            page = _gather(descriptor, action, target, limits)
        except BlockingIOError as problem:
            raise PathError(f"`{visible(target.shown)}` has nothing to read now and is not waited for") from problem
        except OSError as problem:
            raise PathError(f"`{visible(target.shown)}` cannot be read: {problem.strerror}") from problem
    return _answer(page, action, target, size)


def _gather(descriptor: int, action: ReadFile, target: Target, limits: Limits) -> _Page:
    page = _Page()
    deadline = time.monotonic() + limits.command_seconds
    for number, (raw, whole) in enumerate(_lines(descriptor, target.shown, page), start=1):
        page.lines = number
        if time.monotonic() > deadline:
            page.stopped = f"stopped after {limits.command_seconds:g} seconds at line {number}"
            return page
        if number < action.offset:
            continue
        last = action.offset + len(page.shown) - 1
        if action.limit is not None and len(page.shown) >= action.limit:
            page.stopped = f"lines {action.offset} to {last} shown; there are more: continue with offset={number}"
            return page
        if page.shown and page.size + min(whole, _LINE_BYTES) + 8 > min(limits.read_bytes, limits.output_bytes):
            page.stopped = f"lines {action.offset} to {last} shown, more would pass the limit: continue with offset={number}"
            return page
        page.add(number, raw, whole)
    return page


def _lines(descriptor: int, shown: str, page: _Page) -> Iterator[tuple[bytes, int]]:
    """Each line without its line feed, cut to what is ever shown, and its whole length in bytes; the page counts what is read."""
    kept, whole, first = b"", 0, True
    while chunk := os.read(descriptor, _CHUNK):
        page.taken += len(chunk)
        if first:
            require_text(chunk, shown)
            first = False
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            yield (kept + part[: _LINE_BYTES - len(kept)], whole + len(part))
            kept, whole = b"", 0
        kept += rest[: _LINE_BYTES - len(kept)]
        whole += len(rest)
    if whole:
        yield kept, whole


def _answer(page: _Page, action: ReadFile, target: Target, size: int) -> ToolResult:
    notes: list[str] = []
    if page.stopped:
        notes.append(page.stopped)
    if page.undecodable:
        notes.append(f"not UTF-8: {plural(page.undecodable, 'line')} shown with replacement characters")
    if page.cut_lines:
        notes.append(f"{plural(page.cut_lines, 'line')} longer than {LINE_CHARACTERS} characters cut")
    if page.carriage_returns:
        notes.append(f"{plural(page.carriage_returns, 'line')} shown without the carriage return at the end (CRLF)")
    if not page.lines:
        notes.append("the file is empty")
    elif not page.shown and page.stopped is None:
        notes.append(f"offset {action.offset} is past the end: the file has {plural(page.lines, 'line')}")
    total = None if page.stopped else page.lines
    data: dict[str, JSON] = {
        "path": target.shown,
        "size": size,
        "first_line": action.offset,
        "lines": len(page.shown),
        "total_lines": total,
    }
    data |= {"content": "\n".join(page.shown), "truncated": page.stopped is not None}
    text = "\n".join([*page.shown, *(f"[{note}]" for note in notes)])
    cut = page.stopped is not None or page.cut_lines > 0
    return ToolResult(status="ok", text=text, data=data, read_bytes=page.taken, truncated=cut)


def write_file(action: WriteFile, target: Target, limits: Limits, bindings: tuple[Binding, ...]) -> ToolResult:
    """Gives the target the content, making missing parents. Raises PathError, LimitError, ChangedError; then nothing changed."""
    require_file_name(action.path)
    change, notes = replace(target, encoded(action.content, limits, target.shown), bindings=bindings)
    created = change.before is None
    said = f"{'created' if created else 'replaced'} {visible(target.shown)} ({plural(change.size, 'byte')})"
    return ToolResult(
        status="ok",
        text="\n".join((said, *(f"[{note}]" for note in notes))),
        data={"path": target.shown, "bytes_written": change.size, "created": created},
        changes=(change,),
        notes=notes,
    )
