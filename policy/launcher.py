"""A launcher of the person's own: the vector that a policy may put around the program that carries a call out."""

from __future__ import annotations

import re
from typing import Final

from .errors import PolicyFileError

_WHOLE: Final = ("{shell}", "{command}")
_PART: Final = "{cwd}"
_BRACES: Final = re.compile(r"\{[^{}]*\}?|\}")
_MOST: Final = 256


def launcher(words: tuple[str, ...], origin: str) -> tuple[str, ...]:
    """The words as they are. PolicyFileError for a program that is not absolute, and for braces that stand for nothing.

    INVARIANT: the program is named by the policy alone. A `{cwd}` in it would let the workspace say what confines it.
    """
    if not words:
        return ()
    if len(words) > _MOST or any(not one or "\0" in one for one in words):
        raise _no("has an empty word, or too many", origin, "one word of the command to each item of the list")
    if not words[0].startswith("/") or _BRACES.search(words[0]):
        raise _no(f"names the program `{words[0][:80]}`", origin, "start it with the absolute path of the program")
    for word in words[1:]:
        for found in _BRACES.findall(word):
            if found != _PART and word not in _WHOLE:
                hint = (
                    "`{shell}` and `{command}` stand alone in a word, `{cwd}` anywhere in it"
                    if found in _WHOLE
                    else "known: {shell} {command} {cwd}"
                )
                raise _no(f"has `{found}` in the word `{word[:80]}`", origin, hint)
    for whole in _WHOLE:
        if words.count(whole) > 1:
            raise _no(f"has `{whole}` twice", origin, "give it once")
    return words


def _no(what: str, origin: str, hint: str) -> PolicyFileError:
    return PolicyFileError(f"`sandbox.launcher` {what}", source=origin, hint=hint)
