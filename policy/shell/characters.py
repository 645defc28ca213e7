"""Characters that are refused before a text is read: they mean something else to a person than to a shell.

Controls move a terminal's cursor, bidirectional marks reorder what is shown, invisible characters make two
different words look alike, and exotic blanks look like separators but are not (Unicode 16 ranges).
"""

from __future__ import annotations

from typing import Final

from ..lazy import lazily
from ..spans import Span
from .refusals import Construct, refusal

_CLASSES: Final[tuple[tuple[Construct, str], ...]] = (
    ("carriage_return", "\r"),
    ("nul_character", "\0"),
    ("control_character", "\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"),
    ("exotic_blank", "\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000"),
    ("bidirectional_character", "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"),
    (
        "invisible_character",
        (
            "\xad\u034f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d"
            "\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ue000-\uf8ff"
            "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
        ),
    ),
    ("surrogate", "\ud800-\udfff"),
)
_REFUSED: Final = lazily("|".join(f"(?P<{name}>[{characters}])" for name, characters in _CLASSES))
_NAMES: Final[dict[str, Construct]] = {name: name for name, _ in _CLASSES}


def check_characters(text: str) -> None:
    """Raises ShellSyntaxError for the first character that no command may hold."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return  # as nearly every text is, and much the fastest way to know it
    found = _REFUSED.search(text)
    if found is not None:
        construct = _NAMES[found.lastgroup or ""]
        raise refusal(construct, Span(found.start(), found.end()), f"U+{ord(found.group()):04X}")


_DECODED: Final = lazily(
    "|".join(f"[{characters}]" for name, characters in _CLASSES if name not in {"carriage_return", "control_character"})
)


def check_decoded(text: str, place: Span) -> None:
    """Raises ShellSyntaxError where escapes make a character that no command may hold; line ends and controls are fine there."""
    found = _DECODED.search(text)
    if found is not None:
        raise refusal("ansi_c_quote", place, f"U+{ord(found.group()):04X}")
