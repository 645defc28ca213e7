"""Text that a model or a repository wrote, made safe to show: nothing in it can move the cursor or reorder a line.

Threat: an approval prompt that shows something else than what runs (escape sequences, carriage returns,
bidirectional overrides, invisible characters; Trojan Source, CVE-2021-42574).
"""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t")


def visible(text: str, *, keep_newlines: bool = True) -> str:
    r"""The text with every control, format, surrogate, private and unassigned character written as `\u{...}`."""
    kept = _KEPT if keep_newlines else frozenset("\t")
    if text.isprintable():
        return text
    return "".join(one if one in kept or _plain(one) else f"\\u{{{ord(one):x}}}" for one in text)


def visible_json(text: str) -> str:
    """JSON text that means the same, with what a terminal would act on written as JSON escapes."""
    if text.isprintable():
        return text
    import json  # imported late: `bylaw check` starts without

    return "".join(one if one == "\n" or _plain(one) else json.dumps(one)[1:-1] for one in text)


def _plain(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] == "C":
        return False
    # blanks other than the space look like it and are not; separators end a line on some terminals
    return category[0] != "Z" or character == " "


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the middle cut out and counted where there are more."""
    if len(text) <= limit:
        return text
    keep = max(1, (limit - 30) // 2)
    return f"{text[:keep]} [... {len(text) - 2 * keep} characters ...] {text[-keep:]}"
