"""Patterns that are compiled when they are first used: most commands need few of them, and a cold start counts each."""

from __future__ import annotations

import re
from typing import cast


class _Pattern:
    """Becomes what it stands for: from the first use on, the methods of the compiled pattern are its own attributes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> object:
        compiled = re.compile(self._text)
        self.__dict__.update({one: getattr(compiled, one) for one in ("match", "fullmatch", "search", "finditer", "sub", "split")})
        return getattr(compiled, name)


def lazily(text: str) -> re.Pattern[str]:
    """The pattern, not compiled yet; what is wrong with it is found when it is used."""
    return cast("re.Pattern[str]", _Pattern(text))
