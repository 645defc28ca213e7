"""Stand-ins for text that is not known yet, inside words that are judged before it is.

Both are noncharacters of Unicode: no command may hold them, and where a name or a value of the environment does, it is
taken for unknown, which is the safe side. Because the mark is part of the text, it survives whatever a profile cuts out
of a word. INVARIANT: no effect that names a path, a host or a program holds one; the ledger writes `Unknown` instead.
"""

from __future__ import annotations

from typing import Final

HOLE: Final = "\U0010fffe"
"""Text of unknown length and content, within one word."""

SPLIT: Final = "\U0010ffff"
"""An unquoted unknown value: it may make the word vanish, or become several."""


def has_hole(text: str) -> bool:
    """Whether a part of this text is not known."""
    return HOLE in text or SPLIT in text


def visible(text: str) -> str:
    """The text for people and for the record."""
    return text.replace(HOLE, "…").replace(SPLIT, "…")
