"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def near_miss(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, if any is."""
    import difflib  # imported late: it is slow, and only faults need it

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint: the near miss, or all that is known."""
    words = sorted(known)
    near = near_miss(word, words)
    return f"did you mean `{near}`?" if near is not None else f"known here: {', '.join(words)}"
