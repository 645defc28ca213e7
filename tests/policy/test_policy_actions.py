"""What a model may ask for: a call that does not fit is an error that says what would."""

from __future__ import annotations

import json

import pytest

from bylaw.policy.actions import parse_action
from bylaw.policy.decision import Decision, Reason, Verdict
from bylaw.policy.errors import ActionError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either old_string, or start_line and end_line"),
        ({"old_string": "a", "start_line": 1, "end_line": 2}, "give either old_string, or start_line and end_line"),
        ({"start_line": 1}, "must both be given, in order"),
        ({"end_line": 1}, "must both be given, in order"),
        ({"start_line": 3, "end_line": 2}, "must both be given, in order"),
    ],
)
def test_an_edit_says_what_it_replaces_in_one_way(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ActionError) as caught:
        parse_action("edit", json.dumps({"path": "a", "new_string": "b", **arguments}))
    assert message in caught.value.message


@pytest.mark.parametrize("arguments", [{"old_string": "a"}, {"start_line": 2, "end_line": 2}])
def test_an_edit_by_text_or_by_lines_is_read(arguments: dict[str, object]) -> None:
    assert parse_action("edit", json.dumps({"path": "a", "new_string": "b", **arguments})).tool == "edit"


def _reason(verdict: Verdict) -> Reason:
    return Reason(rule="r", verdict=verdict, text="t", source="f:1")


@pytest.mark.parametrize("reasons", [(), (_reason(Verdict.CONFIRM),), (_reason(Verdict.ALLOW), _reason(Verdict.DENY))])
def test_a_verdict_without_its_reason_cannot_be_made(reasons: tuple[Reason, ...]) -> None:
    with pytest.raises(ValueError, match="the strictest of them is its verdict"):
        Decision(verdict=Verdict.ALLOW, reasons=reasons)
