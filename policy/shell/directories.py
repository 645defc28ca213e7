"""What `cd`, `pushd` and `popd` do, before it is done: the logical path, as bash keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import plan
from ..plan import Duplicate, Invocation, LateWord, OpenFile
from ..scope import Files, Scope
from ..spans import Span
from .globs import is_directory
from .opened import redirections
from .provided import known
from .refusals import builtin_refusal, refusal
from .state import State, Ways
from .tree import Command

if TYPE_CHECKING:
    from .flow import Flow


def target_of(words: Sequence[str], scope: Scope, previous: str | None, span: Span) -> tuple[str, str]:
    """What the words of `cd` name: the word for the runner, and the directory. Raises ShellSyntaxError."""
    operands = list(words)
    if operands[:1] == ["--"]:
        operands = operands[1:]
    elif operands == ["-"]:
        if previous is None:
            raise refusal("cd_previous", span)
        return "-", previous
    elif operands and operands[0].startswith("-"):
        raise refusal("cd_option", span, operands[0])
    if len(operands) > 1 or operands in ([""], ["-"]):
        raise refusal("cd_operand", span)
    if "CDPATH" in scope.environment:
        raise refusal("cd_path_variable", span)
    target = operands[0] if operands else scope.home
    if target.startswith("//") and not target.startswith("///"):
        # Bash keeps exactly two leading slashes.
        raise refusal("cd_operand", span, target)
    return target, target


def enter(target: str, directory: str, files: Files) -> str | None:
    """The absolute directory after `cd target` in a directory, whether it is there now or not; None where that is not known.

    `.` and `..` are removed by name, as bash does: `cd link/..` stays where it is. The run enters what was judged here and
    nothing else: a link that is put there by then is not followed to another place.
    """
    if target.startswith("/"):
        return _logical((), target, files)
    return _logical(tuple(part for part in directory.split("/") if part), target, files)


def is_real(files: Files, directory: str) -> bool:
    """Whether no part of the directory is a symbolic link."""
    return files.real(directory) == directory


def _logical(start: tuple[str, ...], path: str, files: Files) -> str | None:
    """The path without `.` and `..`; None when a `..` follows something that is not a directory now.

    Where the script stands (`start`) is a directory by then, whatever is there now.
    """
    kept = list(start)
    known = len(kept)
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            kept.append(part)
        elif kept:
            if len(kept) > known and not is_directory(files, "/" + "/".join(kept)):
                return None
            kept.pop()
            known = min(known, len(kept))
    return "/" + "/".join(kept)


def change(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`cd`: after success each directory is another one, after failure it is what it was."""
    words: list[str] = []
    for word in flow.expander.words(command.words[1:], state):
        if isinstance(word, LateWord):
            raise refusal("cd_operand", command.span, word.written)
        words.append(word)
    return _changed(flow, command, state, *target_of(words, flow.scope, state.previous, command.span))


def _changed(flow: Flow, command: Command, state: State, word: str, target: str) -> tuple[Invocation, Ways]:
    opened = redirections(flow, command.redirections, state)
    if any(not isinstance(one, Duplicate) and not (isinstance(one, OpenFile) and one.path == "/dev/null") for one in opened):
        raise refusal("cd_redirection", command.span)
    found = [enter(target, one, flow.scope.files) for one in state.directories]
    there = tuple(dict.fromkeys(one for one in found if one is not None))
    if None in found:
        raise refusal("cd_missing", command.span, target)
    inside = state.copy()
    inside.directories = there
    inside.previous = state.directories[0] if len(state.directories) == 1 else None
    for one in there:
        flow.expander.note("change_directory", one, command.words[0].span)
    made = Invocation(
        argv=("cd", "--", word) if word.startswith("-") and word != "-" else ("cd", word),
        directory=state.directories[0],
        builtin="cd",
        redirections=opened,
        span=command.span,
        elsewhere=state.directories[1:],
    )
    return made, Ways(inside, state)


def pushd(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`pushd DIRECTORY`: `cd`, and the directory left is kept; then all are printed."""
    words = known(flow, command, state)
    if len(words) != 1 or words[0].startswith(("-", "+")):
        raise builtin_refusal("pushd", command.span, "it takes one directory here", "write pushd DIRECTORY")
    (here, *others), stack = state.directories, state.stack
    if others or stack is None:
        raise refusal("uncertain_stack", command.span, "pushd")
    left = (here, *stack)
    return _moved(flow, command, state, target_of(words, flow.scope, None, command.span)[1], left)


def popd(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`popd`: back to the directory that was kept last."""
    if len(command.words) > 1:
        raise builtin_refusal("popd", command.span, "it takes no words here", "write popd alone")
    if not state.stack:
        raise refusal("uncertain_stack", command.span, "popd")
    return _moved(flow, command, state, state.stack[0], state.stack[1:])


def _moved(flow: Flow, command: Command, state: State, target: str, stack: tuple[str, ...]) -> tuple[plan.Node, Ways]:
    flow.expander.note("directory_stack", command.words[0].written(), command.words[0].span)
    opened = redirections(flow, command.redirections, state)
    quiet = Command(assignments=(), words=command.words, redirections=(), span=command.span)
    step, ways = _changed(flow, quiet, state, target, target)
    inside = ways.success
    inside.stack = stack
    listed = " ".join(_short(one, flow.scope.home) for one in (inside.directories[0], *stack))
    printed = Invocation(argv=("echo", listed), directory=inside.directories[0], builtin="echo", span=command.span)
    steps = (
        plan.Step(connector="then", pipeline=plan.Pipeline(stages=(step,))),
        plan.Step(connector="and", pipeline=plan.Pipeline(stages=(printed,))),
    )
    return plan.Group(steps=steps, redirections=opened), ways


def _short(directory: str, home: str) -> str:
    """A directory as the stack is printed: `~` for home."""
    return f"~{directory[len(home) :]}" if directory == home or directory.startswith(f"{home}/") else directory
