"""The filter language of jq: it reads no file by itself, but can load modules and data by name."""

from __future__ import annotations

import re

_LOADS = re.compile(r"\b(import|include|modulemeta)\b")


def unaccounted(text: str) -> str | None:
    """Why a filter cannot be accounted for; None when it only computes. A word in a string counts too: too careful, never wrong."""
    found = _LOADS.search(text)
    return None if found is None else f"`{found[1]}` loads a file"
