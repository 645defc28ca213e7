"""Values that may be known to the run only, as people see them and as assignments need them."""

from __future__ import annotations

from ..holes import visible
from ..plan import Fixed, LateWord
from .late import judged, quoted


def shown(value: str | LateWord) -> str:
    """A value for people."""
    return value if isinstance(value, str) else visible(judged(value))


def assigned(name: str, value: LateWord) -> LateWord:
    """`NAME=value` as one word: what an assignment gets is never split."""
    parts = (Fixed(text=f"{name}=", quoted=True), *value.parts)
    return quoted(LateWord(parts=parts, written=f"{name}={value.written}"))
