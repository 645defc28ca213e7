"""Builtins that change the shell itself, or ask it: a closed list, each in the forms that are understood completely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .. import plan
from ..lazy import lazily
from ..plan import Builtin, Invocation, LateWord
from .late import is_integer, is_one_word
from .opened import redirections
from .refusals import builtin_refusal, refusal
from .slots import assigned, shown
from .state import State, Ways
from .tree import Command, Text, Word
from .variables import changes_the_shell

if TYPE_CHECKING:
    from .flow import Flow

_NAME: Final = lazily(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPORTED: Final = lazily(r"([A-Za-z_][A-Za-z0-9_]*)=")
_SHORT_OPTIONS: Final = lazily(r"[-+][eu]+")
_NUMBER: Final = lazily(r"[0-9]{1,3}")
_LAST_STATUS: Final = 255


def _invocation(
    flow: Flow,
    command: Command,
    builtin: Builtin,
    words: Sequence[str | LateWord],
    state: State,
    *,
    environment: tuple[tuple[str, str], ...] = (),
) -> Invocation:
    """The builtin as the runner gets it, in the state before it changes anything."""
    late = tuple((place, word) for place, word in enumerate(words, 1) if isinstance(word, LateWord))
    return Invocation(
        argv=(command.words[0].written(), *(word.written if isinstance(word, LateWord) else word for word in words)),
        directory=state.directories[0],
        builtin=builtin,
        environment=environment,
        redirections=redirections(flow, command.redirections, state),
        span=command.span,
        late=late,
        elsewhere=state.directories[1:],
    )


def known(flow: Flow, command: Command, state: State) -> list[str]:
    """The words of a builtin, all of them known."""
    words = flow.expander.words(command.words[1:], state)
    known = [word for word in words if isinstance(word, str)]
    if len(known) != len(words):
        name = command.words[0].written()
        raise builtin_refusal(name, command.span, "a word of it is known to the run only", "write the word itself")
    return known


# --- variables --------------------------------------------------------------------------------------------------


def export(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`export NAME=value ...` and `export NAME ...`: later programs get it."""
    words: list[str | LateWord] = []
    before = state.copy()
    for word in command.words[1:]:
        first = word.parts[0] if word.parts else None
        found = _EXPORTED.match(first.text) if isinstance(first, Text) and not first.quoted else None
        if found is None or not isinstance(first, Text):
            words += _exported_names(flow, command, word, state)
            continue
        name, rest = found.group(1), first.text[found.end() :]
        parts = ((Text(text=rest, quoted=False, span=first.span), *word.parts[1:])) if rest else word.parts[1:]
        value = flow.expander.value(Word(parts=parts, span=word.span), state)
        flow.expander.note("export", name, word.span)
        if isinstance(value, LateWord):
            flow.assign(state, name, None, shown(value), word.span, integer=is_integer(value, state))
            words.append(assigned(name, value))
        else:
            flow.assign(state, name, value, value, word.span)
            words.append(f"{name}={value}")
        flow.export(state, name, value if isinstance(value, str) else shown(value), word.span)
    if not words:
        raise builtin_refusal("export", command.span, "it would print the environment", "use env")
    return _invocation(flow, command, "export", words, before), Ways(state)


def _exported_names(flow: Flow, command: Command, word: Word, state: State) -> list[str]:
    found: list[str] = []
    for name in flow.expander.words([word], state):
        if not isinstance(name, str) or not _NAME.fullmatch(name) or changes_the_shell(name):
            raise builtin_refusal("export", command.span, "it takes NAME=value and names here", "write export NAME=value")
        flow.expander.note("export", name, word.span)
        value = state.variables.get(name, flow.scope.environment.get(name, ""))
        flow.export(state, name, "…" if value is None else value, word.span)
        unseen = name in flow.expander.unseen
        if unseen and value is None:
            flow.expander.needs_shell("a variable that a word has set")
        found.append(name if value is None or not unseen else f"{name}={value}")
    return found


def unset(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`unset NAME ...`."""
    words = known(flow, command, state)
    made = _invocation(flow, command, "unset", words, state)
    names = words[1:] if words[:1] == ["-v"] else words
    for name in names:
        if not _NAME.fullmatch(name) or changes_the_shell(name):
            raise builtin_refusal("unset", command.span, f"`{name[:40]}` is not a plain variable", "write unset NAME")
        # Where there is no such variable, bash removes the function.
        if name in state.functions and state.variables.get(name) is None:
            raise builtin_refusal("unset", command.span, f"`{name[:40]}` is a function", "do not define it")
        state.forget(name)
        flow.expander.note("assignment", name, command.span)
        if name in flow.scope.environment or name in state.exported:
            flow.export(state, name, "", command.span)
    return made, Ways(state)


def read(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`read [-r] [-d DELIMITER] NAME ...`, with `IFS=...` before it: the run learns the values."""
    words = known(flow, command, state)
    hint = "write read -r NAME"
    names = list(words)
    while names and names[0].startswith("-"):
        option = names.pop(0)
        if option in {"-d", "-rd"} and names and len(names[0]) <= 1:
            names.pop(0)
        elif option != "-r":
            raise builtin_refusal("read", command.span, f"the option `{option[:20]}`", hint)
    if not names or not all(_NAME.fullmatch(name) for name in names):
        raise builtin_refusal("read", command.span, "it takes names of variables here", hint)
    separators: list[tuple[str, str]] = []
    for one in command.assignments:
        value = flow.expander.value(one.value, state)
        if one.name != "IFS" or one.append or isinstance(value, LateWord):
            raise builtin_refusal("read", command.span, "only IFS may stand before it", "write IFS= read -r NAME")
        flow.expander.note("assignment", one.name, one.head)
        separators.append((one.name, value))
    flow.expander.note("read", " ".join(names), command.words[0].span)
    made = _invocation(flow, command, "read", words, state, environment=tuple(separators))
    for name in names:
        flow.assign(state, name, None, "…", command.span)
    return made, Ways(state)


def shift(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`shift [N]`: more than there are is a failure that changes nothing."""
    words = known(flow, command, state)
    count = _number(command, words, default=1)
    made = _invocation(flow, command, "shift", [str(count)], state)
    if count <= len(state.positional):
        state.positional = state.positional[count:]
    return made, Ways(state)


def options(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`set -e`, `-u`, `-o pipefail` and their opposites, and `set -- WORDS`."""
    words = flow.expander.words(command.words[1:], state)
    at = 0
    while at < len(words) and isinstance(word := words[at], str) and word != "--":
        at += 1
        if re.fullmatch(r"[-+][eu]*o", word) and at < len(words) and words[at] in {"pipefail", "errexit", "nounset"}:
            letters = word[:-1] + ("u" if words[at] == "nounset" else "")
            at += 1
        elif _SHORT_OPTIONS.fullmatch(word):
            letters = word
        else:
            raise builtin_refusal("set", command.span, f"`{word[:20]}` is not provided", "use set -e, -u, -o pipefail, or --")
        if "u" in letters:
            state.nounset = letters.startswith("-")
    if not words or (at < len(words) and words[at] != "--"):
        raise builtin_refusal("set", command.span, "it takes options or -- here", "use set -euo pipefail")
    flow.expander.note("set_option", " ".join(word for word in words[:at] if isinstance(word, str)), command.words[0].span)
    made = _invocation(flow, command, "set", words, state)
    if at < len(words):
        rest = words[at + 1 :]
        if not all(isinstance(one, str) or is_one_word(one) for one in rest):
            raise refusal("late_parameters", command.span, "set")
        state.positional = tuple(rest)
    return made, Ways(state)


# --- where a run goes on ----------------------------------------------------------------------------------------


def _number(command: Command, words: Sequence[str], default: int) -> int:
    if len(words) > 1 or (words and not _NUMBER.fullmatch(words[0])):
        raise builtin_refusal(command.words[0].written(), command.span, "it takes one plain number here", "write the number")
    return int(words[0]) if words else default


def finish(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`exit [N]` and `return [N]`."""
    words = known(flow, command, state)
    if _number(command, words, default=0) > _LAST_STATUS:
        raise builtin_refusal(command.words[0].written(), command.span, "a status is at most 255", "write 0 to 255")
    if command.words[0].written() == "exit":
        made = _invocation(flow, command, "exit", words, state)
    else:
        if flow.returns is None:
            raise builtin_refusal("return", command.span, "no function is left here", "use exit")
        made = _invocation(flow, command, "return", words, state)
        flow.returns.append(state.copy())
    state.dead = True
    return made, Ways(state)


def leave(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`break [N]` and `continue [N]`."""
    words = known(flow, command, state)
    count = _number(command, words, default=1)
    builtin: Builtin = "break" if command.words[0].written() == "break" else "continue"
    if not 1 <= count <= len(flow.loops):
        raise builtin_refusal(builtin, command.span, "there is no such loop around it", "leave it out")
    if any(one.in_condition for one in flow.loops[-count:]):
        raise builtin_refusal(builtin, command.span, "it stands in the condition of a loop", "put it into the body")
    made = _invocation(flow, command, builtin, words, state)
    frame = flow.loops[-count]
    (frame.breaks if builtin == "break" else frame.continues).append(state.copy())
    state.dead = True
    return made, Ways(state)


def describe(flow: Flow, command: Command, state: State) -> tuple[plan.Node, Ways]:
    """`type NAME ...`, `command -v NAME ...`: what a name means; it starts nothing."""
    words = known(flow, command, state)
    builtin: Builtin = "type" if command.words[0].written() == "type" else "command"
    names = words if builtin == "type" else words[1:]
    if (builtin == "command" and words[:1] != ["-v"]) or not names or any(name.startswith("-") for name in names):
        raise builtin_refusal(builtin, command.span, "it takes names here", "write type NAME or command -v NAME")
    if any(name in state.functions for name in names):
        raise builtin_refusal(builtin, command.span, "one of the names is a function", "leave it out")
    return _invocation(flow, command, builtin, words, state), Ways(state)
