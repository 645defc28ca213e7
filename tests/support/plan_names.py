"""Whether what bash started and wrote is among what an analysis named: late words match all that their known parts allow."""

from __future__ import annotations

import posixpath
import re

from bash_oracle import LINKS, WORK, Seen
from bylaw.policy.plan import Fixed, Invocation, LateWord, OpenFile, Plan
from records_walk import everything

_ANYTHING = ".*"
_INSIDE = "[^\0]*"


def unnamed_programs(plan: Plan, seen: Seen) -> list[tuple[str, ...]]:
    """The argument vectors that bash started and that no invocation of the plan allows for."""
    known = [one for one in plan.invocations() if one.builtin is None or one.builtin == "command"]
    patterns = [re.compile(pattern_of(one), re.DOTALL) for one in known]
    started = [tuple(plain(word) for word in one.argv) for one in seen.started]
    return [argv for argv in started if not any(pattern.fullmatch("".join(f"{word}\0" for word in argv)) for pattern in patterns)]


def pattern_of(invocation: Invocation) -> str:
    """A regular expression for the vectors that this invocation may become, each word followed by a NUL."""
    late = dict(invocation.late)
    return "".join(_late(late[at]) if at in late else re.escape(f"{plain(word)}\0") for at, word in enumerate(invocation.argv))


def plain(word: str) -> str:
    """The word without the `./` that a name with a leading dash gets: the one allowed difference."""
    return word.removeprefix("./") if word.startswith("./-") else word


def _late(word: LateWord) -> str:
    parts = [_part(part) for part in word.parts]
    splits = any(not part.quoted and (not isinstance(part, Fixed) or _globs(part.text)) for part in word.parts)
    return f"(?:{''.join(parts)}\0)?" if splits else "".join(parts) + "\0"


def _part(part: object) -> str:
    if isinstance(part, Fixed):
        return re.escape(part.text) if part.quoted or not _globs(part.text) else _ANYTHING
    return _INSIDE if getattr(part, "quoted", False) else _ANYTHING


def _globs(text: str) -> bool:
    return not frozenset("*?[").isdisjoint(text)


def unnamed_files(plan: Plan, seen: Seen) -> list[str]:
    """The files that bash opened for writing and that no redirection of the plan names."""
    return sorted(set(seen.written) - {through_links(path) for path in named_files(plan)})


def named_files(plan: Plan) -> set[str]:
    """Every path that a redirection of the plan may write to."""
    found: set[str] = set()
    for one in everything(plan):
        if isinstance(one, OpenFile) and one.mode != "read":
            found |= {one.path, *one.others}
    return found


def through_links(path: str) -> str:
    """The place in the oracle's tree that an absolute path leads to, its links followed."""
    links = {f"{WORK}/{link}": target for link, target in LINKS.items()}
    kept = "/"
    for part in path.split("/"):
        kept = posixpath.normpath(f"{kept}/{part}")
        kept = posixpath.normpath(f"{posixpath.dirname(kept)}/{links[kept]}") if kept in links else kept
    return kept
