"""A log as rows for a table. Plain data: control characters are still in it; who prints it makes them visible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from .reading import Record, read

_REMEMBERED_CALLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record, or one line that cannot be read (`problem` says why, `seq` and `ts_us` are None then)."""

    line: int
    seq: int | None
    ts_us: int | None
    event: str
    call_id: str | None = None
    tool: str | None = None
    verdict: str | None = None
    rules: tuple[str, ...] = ()
    outcome: str | None = None
    problem: str | None = None


def table(path: str | os.PathLike[str]) -> Iterator[Row]:
    """The rows of a log in the file's order, one by one. ReadError when there is no log to read."""
    reading = read(path)
    tools: dict[str, str] = {}
    shown = 0
    while True:
        record = next(reading, None)
        for problem in reading.problems[shown:]:
            yield Row(line=problem.line, seq=None, ts_us=None, event=problem.kind, problem=problem.text)
        shown = len(reading.problems)
        if record is None:
            return
        yield _row(record, tools)


def _row(record: Record, tools: dict[str, str]) -> Row:
    call, tool = record.text("call_id"), record.text("tool")
    if call is not None:
        if tool is None:
            tool = tools.get(call)
        elif len(tools) < _REMEMBERED_CALLS:
            tools[call] = tool[:256]
    return Row(
        line=record.line,
        seq=record.seq,
        ts_us=record.ts_us,
        event=record.event,
        call_id=call,
        tool=tool,
        verdict=record.text("verdict"),
        rules=_rules(record),
        outcome=_outcome(record),
    )


def _rules(record: Record) -> tuple[str, ...]:
    """The rules that gave the verdict: named as such, or those of the reasons whose verdict is the call's."""
    named = record.fields.get("rules")
    if isinstance(named, list):
        return tuple(rule for rule in cast("list[object]", named) if isinstance(rule, str))
    if (rule := record.text("rule")) is not None:
        return (rule,)
    reasons = record.fields.get("reasons")
    if not isinstance(reasons, list):
        return ()
    verdict = record.fields.get("verdict")
    given = [cast("dict[str, object]", one) for one in cast("list[object]", reasons) if isinstance(one, dict)]
    rules = [one.get("rule") for one in given if one.get("verdict") == verdict]
    return tuple(dict.fromkeys(rule for rule in rules if isinstance(rule, str)))


def _outcome(record: Record) -> str | None:
    """How it came out, in one or two words."""
    status, code = record.text("status"), record.fields.get("exit_code")
    if status is not None:
        return f"{status}, exit {code}" if isinstance(code, int) and code else status
    if (answer := record.text("answer")) is not None:
        how = record.text("how")
        return f"{answer} ({how})" if how else answer
    if record.event == "tool.refused":
        return f"refused by {record.text('by') or 'policy'}"
    if record.event == "sandbox.denial":
        return _denial(record)
    return record.text("why")


def _denial(record: Record) -> str:
    """What the sandbox refused, and how that is known."""
    if isinstance(more := record.fields.get("more"), int):
        return f"and {more} more"
    kind, subject = record.text("kind") or "?", record.text("subject") or "?"
    return f"{kind} {subject} ({record.text('certainty') or '?'}, {record.text('source') or '?'})"
