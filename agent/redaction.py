"""Secrets are replaced before anything is written to the record or shown.

Two sources: values of this process's environment whose names say that they are secret, and the shapes of well-known
keys. The engine is RE2: no text makes it slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

MARK = "[REDACTED]"
_NAMES = re.compile(r"(?i)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTH)$")
_SHORTEST = 6

_SHAPES = (
    r"sk-[A-Za-z0-9_-]{16,}",
    r"xai-[A-Za-z0-9]{16,}",
    r"gh[pousr]_[A-Za-z0-9]{16,}",
    r"github_pat_[A-Za-z0-9_]{16,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"A(?:KIA|SIA)[A-Z0-9]{16}",
    r"AIza[A-Za-z0-9_-]{30,}",
    r"xox[abprs]-[A-Za-z0-9-]{10,}",
    r"(?i:bearer)\s+[A-Za-z0-9._~+/=-]{16,}",
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    r"(?i:[a-z][a-z0-9+.-]*)://[^\s:/@]+:[^\s/@]+@",
)


class Redactor:
    """Replaces what must not be kept. Made once a run, from the environment that bylaw itself was started with."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        values = {value.strip() for name, value in environment.items() if _NAMES.search(name) and len(value.strip()) >= _SHORTEST}
        # the longest first, so that a value that holds another is replaced whole
        self._values = sorted(values, key=lambda value: (-len(value), value))

    def __call__(self, text: str) -> str:
        """The text with every known secret replaced by `[REDACTED]`."""
        for value in self._values:
            if value in text:
                text = text.replace(value, MARK)
        return str(self._pattern.sub(MARK, text))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        import re2  # type: ignore[import-untyped]  # the package ships no types

        pattern: re.Pattern[str] = re2.compile("|".join(_SHAPES))
        return pattern
