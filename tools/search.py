"""Searching file contents by regular expression.

RE2 decides what matches, always. ripgrep, where it is installed, only says which files are worth reading: it gets the
files that our own walk found, so that nothing secret, ignored or behind a link reaches it, and the answer is the same
with and without it. It runs confined like any other program.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..policy.actions import SearchText
from ..policy.decision import Manifest
from ..policy.model import Limits
from .errors import PathError, ToolError
from .paths import child_of, has_more_names, opened, opened_file
from .patterns import Compiled, Glob, compile_pattern, translate
from .permit import Target
from .result import JSON, ToolResult
from .text import cap, plural, visible
from .walk import Walk, refuse_hidden

MOST_MATCHES = 100
MOST_BYTES = 50 * 1024
LINE_CHARACTERS = 500
_CHUNK = 256 * 1024
_LINE_BYTES = 1 << 20

Candidates = Callable[[str, Sequence[str]], "frozenset[str] | None"]
"""Which of these files (relative to the target) may hold a match of this expression; None when that cannot be told."""


@dataclass(slots=True)
class _File:
    """What was found in one file: lines to show (number, text, whether it matches), and how many match in all."""

    lines: list[tuple[int, str, bool]] = field(default_factory=list[tuple[int, str, bool]])
    matches: int = 0
    long_lines: int = 0


def search_text(action: SearchText, target: Target, manifest: Manifest, limits: Limits, candidates: Candidates | None = None) -> ToolResult:
    """The lines that match, with their files and numbers. Raises PathError, ToolError for a pattern or glob that is none."""
    hidden = frozenset(manifest.hidden)
    refuse_hidden(target, hidden)
    pattern = compile_pattern(action.pattern, case_insensitive=action.case_insensitive)
    include = Glob(action.include) if action.include is not None else None
    search = _Search(action=action, target=target, limits=limits, pattern=pattern)
    names_hidden = include is not None and include.names_hidden
    walk = Walk(target=target, hidden=hidden, seconds=limits.command_seconds, names_hidden=names_hidden)
    with opened(target, os.O_PATH) as looked_at:
        directory = stat.S_ISDIR(os.fstat(looked_at).st_mode)
    if not directory:
        with opened_file(target, limits) as descriptor:
            search.add(os.path.basename(target.shown), descriptor)
        return search.answer(walk, prefix=os.path.dirname(action.path))
    files = [entry.relative for entry in walk.entries() if entry.kind == "file" and (include is None or include.matches(entry.relative))]
    if limits.hard_links == "refuse":
        # before ripgrep is asked, so that the count does not tell which of them hold a match
        files = [name for name in files if not search.skips(name)]
    expression = ("(?i)" if action.case_insensitive else "") + (translate(action.pattern, "rust") or "")
    if candidates is not None and translate(action.pattern, "rust") is not None:
        told = candidates(expression, files)
        files = files if told is None else [name for name in files if name in told]
    for name in files:
        if walk.out_of_time():
            break
        try:
            with opened(child_of(target, name), os.O_RDONLY) as descriptor:
                status = os.fstat(descriptor)
                if stat.S_ISREG(status.st_mode) and not search.refuses(status):
                    search.add(name, descriptor, walk)
        except (PathError, OSError):
            walk.unreadable += 1
    return search.answer(walk, prefix=action.path)


@dataclass(slots=True, kw_only=True)
class _Search:
    """One search under way."""

    action: SearchText
    target: Target
    limits: Limits
    pattern: Compiled
    _quick: Compiled | None = field(init=False, default=None)
    _shown: list[str] = field(init=False, default_factory=list[str])
    _found: list[JSON] = field(init=False, default_factory=list["JSON"])
    _bytes: int = field(init=False, default=0)
    _matches: int = field(init=False, default=0)
    _files: int = field(init=False, default=0)
    _long: int = field(init=False, default=0)
    _read: int = field(init=False, default=0)
    _linked: int = field(init=False, default=0)
    _pending: list[tuple[str, _File]] = field(init=False, default_factory=list[tuple[str, _File]])

    def __post_init__(self) -> None:
        """Prepares the expression that tells of a whole block whether any of its lines can match."""
        many = translate(self.action.pattern, "re2")
        if many is not None:
            try:
                self._quick = compile_pattern(many, case_insensitive=self.action.case_insensitive)
            except ToolError:
                self._quick = None

    def refuses(self, status: os.stat_result) -> bool:
        """Whether the policy lets this file not be read because other names lead to it; counts those."""
        refused = self.limits.hard_links == "refuse" and has_more_names(status)
        self._linked += refused
        return refused

    def skips(self, name: str) -> bool:
        """`refuses`, of a file by its name below the target; what cannot be looked at is left to the reading."""
        try:
            with opened(child_of(self.target, name), os.O_PATH) as looked_at:
                return self.refuses(os.fstat(looked_at))
        except PathError:
            return False

    def add(self, name: str, descriptor: int, walk: Walk | None = None) -> None:
        """Searches one file; a binary file gives nothing."""
        found = self._scan(descriptor, walk)
        if found is None or not found.matches:
            return
        self._files += 1
        self._matches += found.matches
        self._long += found.long_lines
        if sum(one.matches for _, one in self._pending) < MOST_MATCHES:
            self._pending.append((name, found))

    def _scan(self, descriptor: int, walk: Walk | None) -> _File | None:
        found = _File()
        before: deque[tuple[int, bytes]] = deque(maxlen=self.action.context_lines)
        number, after = 0, 0
        for block in _blocks(descriptor, self._count):
            if b"\0" in block:
                return None
            if walk is not None and walk.out_of_time():
                break
            lines = block.split(b"\n")
            if lines[-1] == b"":
                lines.pop()
            possible = self._quick is None or self._quick.search(block.replace(b"\r\n", b"\n").removesuffix(b"\r")) is not None
            if number == 0 and lines and lines[0].startswith(b"\xef\xbb\xbf"):
                lines[0] = lines[0][3:]
                possible = True
            if not possible and not after and not before.maxlen:
                number += len(lines)
                continue
            for line in lines:
                number += 1
                text = line.removesuffix(b"\r")
                if possible and self.pattern.search(text) is not None:
                    found.matches += 1
                    after = self.action.context_lines
                    if found.matches <= MOST_MATCHES:
                        found.lines.extend((place, self._line(one, found), False) for place, one in before)
                        found.lines.append((number, self._line(text, found), True))
                    before.clear()
                elif after:
                    after -= 1
                    if found.matches <= MOST_MATCHES:
                        found.lines.append((number, self._line(text, found), False))
                else:
                    before.append((number, text))
        return found

    def _count(self, size: int) -> None:
        self._read += size

    @staticmethod
    def _line(raw: bytes, found: _File) -> str:
        text = raw[: LINE_CHARACTERS * 4 + 4].decode("utf-8", "replace")
        if len(text) <= LINE_CHARACTERS:
            return text
        found.long_lines += 1
        return f"{text[:LINE_CHARACTERS]} [... line cut]"

    def answer(self, walk: Walk, *, prefix: str) -> ToolResult:
        """Everything that was found, within the caps, with the totals."""
        shown = self._lay_out("" if prefix in ("", ".") else prefix.rstrip("/") + "/")
        notes = list(walk.notes())
        cut = shown < self._matches
        if cut:
            notes.append(f"{shown} of {self._matches} matches shown; narrow the pattern, the path or `include`")
        if self._linked:
            notes.append(f"{plural(self._linked, 'file')} with several names (hard links) skipped: the policy refuses to read them")
        if self._long:
            notes.append(f"{plural(self._long, 'line')} longer than {LINE_CHARACTERS} characters cut")
        head = f"{plural(self._matches, 'match', 'matches')} in {plural(self._files, 'file')}:" if self._matches else "no matches found"
        capped = cap("\n".join((head, *self._shown, *(f"[{note}]" for note in notes))), self.limits.output_bytes)
        truncated = cut or capped.truncated or walk.stopped is not None
        return ToolResult(
            status="ok",
            text=capped.text,
            data={"matches": self._found, "total": self._matches, "files": self._files, "truncated": truncated},
            read_bytes=self._read,
            truncated=truncated,
            notes=tuple(notes),
        )

    def _lay_out(self, prefix: str) -> int:
        """Fills the lines to show; answers how many matches they hold."""
        shown = 0
        room = min(MOST_BYTES, self.limits.output_bytes - 200)
        for name, found in self._pending:
            last = 0
            for number, text, matches in found.lines:
                if shown == MOST_MATCHES:
                    return shown
                path = visible(prefix + name)
                line = f"{path}:{number}{':' if matches else ' '} {text}"
                self._bytes += len(line.encode("utf-8")) + 1
                if self._bytes > room:
                    return shown
                if self.action.context_lines and self._shown and number != last + 1:
                    self._shown.append("--")
                self._shown.append(line)
                last = number
                if matches:
                    shown += 1
                    self._found.append({"file": path, "line_number": number, "line": text})
        return shown


def _blocks(descriptor: int, count: Callable[[int], None]) -> Iterator[bytes]:
    """The content in blocks of whole lines, the last line feed of a block included or not; a line that is too long is
    cut, and the rest of it thrown away. `count` hears how many bytes are read.
    """
    rest, skipping = b"", False
    while chunk := os.read(descriptor, _CHUNK):
        count(len(chunk))
        if skipping:
            end = chunk.find(b"\n")
            if b"\0" in chunk:
                yield b"\0"
            if end < 0:
                continue
            chunk, skipping = b"\n" + chunk[end + 1 :], False
        whole = rest + chunk
        end = whole.rfind(b"\n") + 1
        if end:
            yield whole[:end]
        rest = whole[end:]
        if len(rest) > _LINE_BYTES:
            rest, skipping = rest[:_LINE_BYTES], True
    if rest:
        yield rest
