"""Text for the model: capped so that head and tail stay, and names that cannot lie about themselves."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Capped:
    """A text within a byte limit; size and SHA-256 (hex) are those of the whole text, in UTF-8."""

    text: str
    total_bytes: int
    sha256: str
    truncated: bool


def cap(text: str, limit: int) -> Capped:
    """The text, or its head and tail with a line between them that says what was cut; about `limit` bytes are kept."""
    raw = text.encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(raw).hexdigest()
    if len(raw) <= limit:
        return Capped(text=raw.decode("utf-8", "replace"), total_bytes=len(raw), sha256=digest, truncated=False)
    head = raw[: limit * 2 // 3]
    tail = raw[len(raw) - (limit - len(head)) :] if limit > len(head) else b""
    kept_head, kept_tail = _whole(head, tail)
    cut = len(raw) - len(kept_head.encode("utf-8")) - len(kept_tail.encode("utf-8"))
    mark = f"[... {cut} bytes cut, {len(raw)} bytes in all ...]"
    joined = "\n".join(part for part in (kept_head.removesuffix("\n"), mark, kept_tail) if part)
    return Capped(text=joined, total_bytes=len(raw), sha256=digest, truncated=True)


def _whole(head: bytes, tail: bytes) -> tuple[str, str]:
    """Both ends without the pieces of a character that the cut left behind."""
    for _ in range(3):
        if tail and tail[0] & 0xC0 == 0x80:
            tail = tail[1:]
    return head.decode("utf-8", "ignore"), tail.decode("utf-8", "replace")


def visible(name: str) -> str:
    """A file name with every control, format, bidirectional or undecodable character spelled out."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(_spelled(one) if unicodedata.category(one) in _HIDDEN_CATEGORIES else one for one in name)


def not_text(count: int) -> tuple[str, ...]:
    """The note on names with bytes that are not UTF-8: how they are shown, and how they can be given all the same."""
    if not count:
        return ()
    return (f"{plural(count, 'name')} not in UTF-8, each odd byte shown as `\\xNN`; only a command can give it: \"$(printf 'a\\351')\"",)


def is_text(name: str) -> bool:
    """Whether the name is UTF-8."""
    return name.isascii() or not any(0xDC80 <= ord(one) <= 0xDCFF for one in name)


def _spelled(one: str) -> str:
    code = ord(one)
    if 0xDC80 <= code <= 0xDCFF:  # how the file system encoding keeps a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(one) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}")


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 line`, `2 lines`."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def listed(items: Iterable[str], most: int = 10) -> str:
    """The first items with commas, and how many more there are."""
    whole = list(items)
    more = f" and {len(whole) - most} more" if len(whole) > most else ""
    return ", ".join(whole[:most]) + more
