"""Redirections, resolved: which file is opened, under every directory that the script may stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, assert_never

from ..effects import Unknown
from ..plan import Duplicate, LateWord, OpenFile
from ..plan import Redirection as PlanRedirection
from ..plan import Text as PlanText
from ..profiles.ledger import Entered, joined
from ..spans import Span
from .refusals import refusal
from .tree import DuplicateRedirection, FileRedirection, HereDocument, HereString, Parameter, Redirection, Tilde, Variable

if TYPE_CHECKING:
    from .flow import Flow
    from .state import State

_OPERATIONS: Final[Mapping[str, Literal["redirect_input", "redirect_output", "redirect_append"]]] = {
    "read": "redirect_input",
    "write": "redirect_output",
    "append": "redirect_append",
}
_NOBODY: Final[frozenset[str]] = frozenset()


def redirections(
    flow: Flow, listed: Sequence[Redirection], state: State, assigned: frozenset[str] = _NOBODY
) -> tuple[PlanRedirection, ...]:
    """What is opened, in order; `assigned` are the names that the same command sets."""
    found: list[PlanRedirection] = []
    for redirection in listed:
        found += _one(flow, redirection, state, assigned)
    return tuple(found)


def _one(flow: Flow, redirection: Redirection, state: State, assigned: frozenset[str]) -> list[PlanRedirection]:
    expander, place = flow.expander, redirection.operator
    match redirection:
        case HereDocument(fd=fd, delimiter=delimiter):
            expander.note("here_document", delimiter, place)
            literal = redirection.literal
            return [_text(fd, redirection.content.written() if literal else expander.document(redirection.content, state), place)]
        case HereString(fd=fd):
            expander.note("here_string", "", place)
            return [_text(fd, expander.value(redirection.word, state), place, end="\n")]
        case DuplicateRedirection(fd=fd, source=source):
            expander.note("redirect_duplicate", "&-" if source is None else f"&{source}", place)
            return [Duplicate(fd=fd, source=source, span=place)]
        case FileRedirection():
            return _file(flow, redirection, state, assigned)
        case _:
            assert_never(redirection)


def _text(fd: int, content: str | LateWord, place: Span, end: str = "") -> PlanText:
    if isinstance(content, str):
        return PlanText(fd=fd, text=content + end, span=place)
    return PlanText(fd=fd, text=end, span=place, late=content)


def _file(flow: Flow, redirection: FileRedirection, state: State, assigned: frozenset[str]) -> list[PlanRedirection]:
    expander, mode = flow.expander, redirection.mode
    place = Span(redirection.operator.start, redirection.target.span.end)
    target = _target(flow, redirection, state, assigned)
    state.tree_may_change |= mode != "read" and target != "/dev/null"
    if isinstance(target, LateWord):
        flow.effects.append(Unknown(why="which file this redirection opens is not known", subject=target.written, span=place))
        expander.note(_OPERATIONS[mode], target.written, place)
        expander.needs_shell("a redirection to a file that only the run knows")
        return []
    expander.note(_OPERATIONS[mode], target, place)
    # INVARIANT: what a decision is about is named absolutely, under each directory.
    paths = [_path(flow, target, one) for one in state.directories]
    several = paths[0] != target and len(paths) > 1
    opened = OpenFile(
        fd=redirection.fd,
        path=paths[0],
        mode=mode,
        span=place,
        relative=target if several else "",
        others=tuple(paths[1:]) if several else (),
    )
    if not redirection.both:
        return [opened]
    expander.note("redirect_duplicate", "&1", place)
    return [opened, Duplicate(fd=2, source=1, span=place)]


def _path(flow: Flow, target: str, directory: str) -> str:
    """The target in a directory. `..` from one that is made by an earlier command is the directory above it."""
    missing = ".." in target and flow.scope.files.kind(directory) == "missing"
    return joined(target, Entered(directory) if missing else directory.rstrip("/"))


def _target(flow: Flow, redirection: FileRedirection, state: State, assigned: frozenset[str]) -> str | LateWord:
    word = redirection.target
    # Bash sets the command's own variables before or after it opens files, depending on the command.
    used = {part.name for part in word.parts if isinstance(part, Variable | Parameter)}
    used |= {"HOME" for part in word.parts if isinstance(part, Tilde)}
    if used & assigned:
        raise refusal("assignment_order", word.span, ", ".join(sorted(used & assigned)))
    found = flow.expander.words([word], state)
    if len(found) != 1 or not found[0]:
        raise refusal("ambiguous_redirection", word.span, word.written())
    target = found[0]
    if isinstance(target, LateWord):
        return target
    if target.startswith(("/dev/tcp/", "/dev/udp/")):
        raise refusal("network_redirection", word.span, target)
    if target.rpartition("/")[2] in {"", ".", ".."}:
        raise refusal("redirect_target", word.span, target)
    if target.startswith("/dev/fd/") or target in {"/dev/stdin", "/dev/stdout", "/dev/stderr"}:
        raise refusal("descriptor_path", word.span, target)
    return target
