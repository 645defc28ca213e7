"""The filter language of jq: it reads no file by itself, but can load modules and data by name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..holes import has_hole

_LOADS = re.compile(r"\b(import|include|modulemeta)\b")
_YQ_LOADS = re.compile(r"(?<![A-Za-z_])(load|system|eval)")
_YQ_COMMANDS = frozenset({"e", "ea", "eval", "eval-all"})


def unaccounted(text: str) -> str | None:
    """Why a filter cannot be accounted for; None when it only computes. A word in a string counts too: too careful, never wrong."""
    if has_hole(text):
        return "only the run knows a part of it"
    found = _LOADS.search(text)
    return None if found is None else f"`{found[1]}` loads a file"


def unaccounted_yq(words: Iterable[str]) -> str | None:
    """The same for yq, of which there are two: one hands its filter to jq, the other knows operators that load files."""
    for word in words:
        found = None if word in _YQ_COMMANDS else _YQ_LOADS.search(word) or _LOADS.search(word)
        if found is not None:
            return f"`{found[1]}` may load a file or run what it reads"
    return None
