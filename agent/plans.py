"""Plans in words for people, and in plain JSON for the record and for `--format json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, assert_never

from ..policy.plan import (
    Assign,
    Binary,
    Both,
    Calculate,
    Call,
    Case,
    Check,
    Choose,
    Condition,
    Conditional,
    Duplicate,
    Each,
    Either,
    For,
    Group,
    If,
    Invocation,
    LateWord,
    Loop,
    Name,
    Node,
    Not,
    Number,
    OpenFile,
    Plan,
    Redirection,
    Step,
    Sum,
    Text,
    Unary,
)
from .visible import visible

if TYPE_CHECKING:
    from ..tools.result import JSON

_NUMBERED: Final = re.compile(r"\AGIT_CONFIG_(?:KEY|VALUE)_\d+\Z")
_CONNECTORS: Final = {"then": ";", "and": "&&", "or": "||"}
_INDENT: Final = "    "
_DEEPEST: Final = 4
"""So many lists of steps may stand in one another in the JSON of a plan: `audit` bounds how deep a record may be."""


def plan_to_json(plan: Plan) -> list[JSON]:
    """Every step with the exact argument vectors; a captured command stands at the end, under its number.

    So does what is nested deeply, as a `block` with a number of its own: a record has a bound on its depth, a plan has not.
    """
    blocks: list[JSON] = []
    found: list[JSON] = [*_steps_to_json(plan.steps, _Nest(blocks))]
    found += [{"capture": number, "steps": _steps_to_json(one.steps, _Nest(blocks))} for number, one in enumerate(plan.captures)]
    return found + blocks


class _Nest:
    """How deep a list of steps stands; `blocks` takes those that stand too deep."""

    def __init__(self, blocks: list[JSON], level: int = 1) -> None:
        self._blocks = blocks
        self._level = level

    def __call__(self, steps: Sequence[Step]) -> JSON:
        """The steps of a node in this list, or the number of the block that holds them."""
        if self._level < _DEEPEST:
            return _steps_to_json(steps, _Nest(self._blocks, self._level + 1))
        number = len(self._blocks)
        self._blocks.append(None)
        self._blocks[number] = {"block": number, "steps": _steps_to_json(steps, _Nest(self._blocks))}
        return {"block": number}


def _steps_to_json(steps: Sequence[Step], nest: _Nest) -> list[JSON]:
    return [
        {
            "connector": step.connector,
            "negated": step.pipeline.negated,
            "pipeline": [_node_to_json(one, nest) for one in step.pipeline.stages],
        }
        for step in steps
    ]


def _node_to_json(node: Node, nest: _Nest) -> dict[str, JSON]:
    fields = _fields(node, nest)
    if node.redirections:
        fields["redirections"] = [_redirection_to_json(one) for one in node.redirections]
    return fields


def _fields(node: Node, nest: _Nest) -> dict[str, JSON]:
    match node:
        case Invocation():
            return _invocation_to_json(node)
        case Group():
            return {"subshell" if node.subshell else "group": nest(node.steps)}
        case Call():
            return {"call": node.name, "arguments": [_word(one) for one in node.arguments], "steps": nest(node.steps)}
        case If():
            branches: list[JSON] = [{"condition": nest(one.condition), "steps": nest(one.body)} for one in node.branches]
            return {"if": branches, "else": nest(node.otherwise)}
        case Loop():
            return {"until" if node.until else "while": nest(node.condition), "steps": nest(node.body)}
        case Each():
            rounds: list[JSON] = [{"value": value, "steps": nest(body)} for value, body in zip(node.values, node.bodies, strict=True)]
            return {"for": node.name, "rounds": rounds}
        case For():
            return {"for": node.name, "words": [_word(one) for one in node.words], "steps": nest(node.body)}
        case Case():
            arms: list[JSON] = [{"patterns": list(one.patterns), "steps": nest(one.body), "end": one.end} for one in node.arms]
            return {"case": _word(node.word), "arms": arms}
        case Conditional():
            return {"test": _condition(node.condition)}
        case Calculate():
            return {"calculate": _sum(node.value)}
        case _:
            assert_never(node)


def _invocation_to_json(invocation: Invocation) -> dict[str, JSON]:
    fields: dict[str, JSON] = {"argv": list(invocation.argv), "directory": invocation.directory}
    if invocation.elsewhere:
        fields["elsewhere"] = list(invocation.elsewhere)
    if invocation.late:
        fields["late"] = [place for place, _ in invocation.late]
    if invocation.builtin:
        fields["builtin"] = invocation.builtin
    else:
        fields["program"] = invocation.program
    names = [*(name for name, _ in invocation.environment), *(name for name, _ in invocation.late_environment)]
    if names:
        # names only: a value may be a secret; git's numbered settings are bylaw's own and the same every time
        fields["environment"] = [name for name in names if not _NUMBERED.search(name)]
    return fields


def _redirection_to_json(redirection: Redirection) -> dict[str, JSON]:
    match redirection:
        case OpenFile():
            fields: dict[str, JSON] = {"fd": redirection.fd, "open": redirection.path, "mode": redirection.mode}
            return fields | ({"others": list(redirection.others)} if redirection.others else {})
        case Duplicate():
            return {"fd": redirection.fd, "duplicate": redirection.source}
        case Text():
            if redirection.late is not None:
                return {"fd": redirection.fd, "text": "late"}
            return {"fd": redirection.fd, "text_bytes": len(redirection.text.encode("utf-8", "surrogateescape"))}
        case _:
            assert_never(redirection)


def plan_in_words(plan: Plan) -> list[str]:
    """The exact argument vectors, a line each: what will be started, not what was typed.

    Words in angle brackets are those that only the run can know.
    """
    lines = list(_lines(plan.steps, ""))
    for capture in plan.captures:
        lines.append(f"    for $({visible(capture.text, keep_newlines=False)}):")
        lines.extend(_lines(capture.steps, _INDENT))
    return lines


def _lines(steps: Sequence[Step], indent: str) -> Iterator[str]:
    for number, step in enumerate(steps):
        for place, node in enumerate(step.pipeline.stages):
            before = "  |" if place else (f"  {_CONNECTORS[step.connector]}" if number else "   ")
            sign = "! " if step.pipeline.negated and not place else ""
            yield from _node(node, f"{indent}{before:>4} {sign}", indent + _INDENT)


def _node(node: Node, before: str, indent: str) -> Iterator[str]:
    after = "".join(f" {_redirection_in_words(one)}" for one in node.redirections)
    match node:
        case Invocation():
            yield before + _vector(node)
        case Group():
            yield f"{before}{'in a process of its own' if node.subshell else 'together'}:{after}"
            yield from _lines(node.steps, indent)
        case Call():
            arguments = ", ".join(_word(one) for one in node.arguments)
            yield f"{before}function {visible(node.name)} [{arguments}]:{after}"
            yield from _lines(node.steps, indent)
        case If():
            yield from _branches(node, f"{before}if:{after}", indent)
        case Loop():
            yield f"{before}{'until' if node.until else 'while'}:{after}"
            yield from _lines(node.condition, indent)
            yield f"{indent}do:"
            yield from _lines(node.body, indent)
        case Each():
            for number, (value, body) in enumerate(zip(node.values, node.bodies, strict=True)):
                yield f"{before if number == 0 else indent}{node.name} = {_shown(value)}:{after if number == 0 else ''}"
                yield from _lines(body, indent)
            if not node.values:
                yield f"{before}nothing{after}"
        case For():
            yield f"{before}for {node.name} in {' '.join(_word(one) for one in node.words)}:{after}"
            yield from _lines(node.body, indent)
        case Case():
            yield f"{before}case {_word(node.word)}:{after}"
            for arm in node.arms:
                yield f"{indent}{' or '.join(_shown(one) for one in arm.patterns)}:"
                yield from _lines(arm.body, indent)
        case Conditional():
            yield f"{before}test {_condition(node.condition)}{after}"
        case Calculate():
            yield f"{before}calculate {_sum(node.value)}{after}"
        case _:
            assert_never(node)


def _branches(node: If, first: str, indent: str) -> Iterator[str]:
    for number, branch in enumerate(node.branches):
        yield first if number == 0 else f"{indent}else if:"
        yield from _lines(branch.condition, indent)
        yield f"{indent}then:"
        yield from _lines(branch.body, indent)
    if node.otherwise:
        yield f"{indent}else:"
        yield from _lines(node.otherwise, indent)


def _vector(invocation: Invocation) -> str:
    late = dict(invocation.late)
    words = [_word(late.get(place, word)) for place, word in enumerate(invocation.argv)]
    redirections = [_redirection_in_words(one) for one in invocation.redirections]
    set_first = [f"{name}={_shown(value)}" for name, value in invocation.environment if invocation.builtin == "assign"]
    set_first += [f"{name}={_word(word)}" for name, word in invocation.late_environment]
    elsewhere = [f"in one of {', '.join(map(_shown, (invocation.directory, *invocation.elsewhere)))}"] if invocation.elsewhere else []
    return " ".join(["[" + ", ".join(words) + "]", *set_first, *redirections, *elsewhere])


def _word(word: str | LateWord) -> str:
    return f"<{visible(word.written, keep_newlines=False)}>" if isinstance(word, LateWord) else _shown(word)


def _shown(word: str) -> str:
    return visible(repr(word) if _odd(word) else word, keep_newlines=False)


def _odd(word: str) -> bool:
    return not word or not all(one.isalnum() or one in "-_./=:@%+" for one in word)


def _redirection_in_words(redirection: Redirection) -> str:
    match redirection:
        case OpenFile():
            places = " or ".join(visible(one, keep_newlines=False) for one in (redirection.path, *redirection.others))
            return f"{redirection.fd}:{redirection.mode} {places}"
        case Duplicate():
            return f"{redirection.fd}:{'closed' if redirection.source is None else f'as {redirection.source}'}"
        case Text():
            if redirection.late is not None:
                return f"{redirection.fd}:text {_word(redirection.late)}"
            return f"{redirection.fd}:text of {len(redirection.text.encode('utf-8', 'surrogateescape'))} bytes"
        case _:
            assert_never(redirection)


def _condition(condition: Condition) -> str:
    match condition:
        case Check():
            right = "" if condition.right is None else f" {_word(condition.right)}"
            left = _word(condition.left)
            return f"{left} {condition.operator}{right}" if right else f"{condition.operator} {left}"
        case Not():
            return f"not ({_condition(condition.condition)})"
        case Both():
            return f"({_condition(condition.left)}) and ({_condition(condition.right)})"
        case Either():
            return f"({_condition(condition.left)}) or ({_condition(condition.right)})"
        case _:
            assert_never(condition)


def _sum(value: Sum) -> str:
    match value:
        case Number():
            return str(value.value)
        case Name():
            return value.name
        case Unary():
            return f"{value.operator}({_sum(value.operand)})"
        case Binary():
            return f"({_sum(value.left)} {value.operator} {_sum(value.right)})"
        case Choose():
            return f"({_sum(value.condition)} ? {_sum(value.yes)} : {_sum(value.no)})"
        case Assign():
            return f"({value.name} = {_sum(value.value)})"
        case _:
            assert_never(value)
