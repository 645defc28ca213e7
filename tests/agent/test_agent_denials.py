"""What the sandbox refused reaches the model in words, with the rule that could grant it, and the record as an event."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bylaw.agent.approvals import Approved
from bylaw.agent.denials import explain, judged, told
from bylaw.audit import table, verify
from bylaw.policy.decision import Verdict
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.policy.model import Policy
from bylaw.policy.scope import Scope
from bylaw.tools.sandbox.denials import Denial, DenialKind
from gate_room import Room, room


def ran(here: Room, code: str) -> str:
    """The answer to a script of the workspace that a person let run."""
    (here.workspace / "script.py").write_text(code)
    return here.call("bash", command="python3 script.py").text


def denials(here: Room) -> list[dict[str, object]]:
    return [event for event in here.events() if event["event"] == "sandbox.denial"]


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "beside" / "secret"
    path.parent.mkdir()
    path.write_text("s")
    return os.path.realpath(path)


def test_the_model_is_told_what_the_sandbox_refused_and_which_rule_could_grant_it(tmp_path: Path, secret: str) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        text = ran(here, f"open('{secret}')\n")
    assert f"the sandbox probably did not grant reading `{secret}`" in text
    assert "`default.read.outside` (presets/balanced.yaml:" in text
    assert "which says deny: work inside the workspace, or ask the person to grant the path with --allow-path" in text


def test_a_denial_is_an_event_of_its_call_before_the_outcome(tmp_path: Path, secret: str) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        ran(here, f"open('{secret}')\n")
        found = denials(here)
        names = [str(event["event"]) for event in here.events()]
        path = here.session.path
    assert [{name: one[name] for name in ("call_id", "kind", "subject", "certainty", "source", "rule")} for one in found] == [
        {
            "call_id": "c1",
            "kind": "read",
            "subject": secret,
            "certainty": "probable",
            "source": "output",
            "rule": "default.read.outside",
        }
    ]
    assert names.index("sandbox.denial") < names.index("tool.outcome")
    assert not verify(path).findings


def test_a_failing_script_that_nobody_kept_from_anything_is_not_told_of_the_sandbox(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        text = ran(here, "open('nofile')\n")
        assert denials(here) == []
    assert "the sandbox" not in text


def test_the_table_of_the_record_shows_a_denial_with_its_rule(tmp_path: Path, secret: str) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        ran(here, f"open('{secret}')\n")
        path = here.session.path
    row = next(row for row in table(path) if row.event == "sandbox.denial")
    assert row.outcome == f"read {secret} (probable, output)"
    assert row.rules == ("default.read.outside",)


def test_a_secret_in_the_name_of_what_was_refused_is_not_written_down(tmp_path: Path) -> None:
    path = tmp_path / "beside" / "value-of-a-token"
    path.parent.mkdir()
    path.write_text("s")
    with room(tmp_path, answers=[Approved()], environ={"SOME_TOKEN": "value-of-a-token"}) as here:
        ran(here, f"open('{path}')\n")
        (found,) = denials(here)
    assert found["subject"] == f"{os.path.realpath(path.parent)}/[REDACTED]"


def test_of_many_denials_twenty_are_told_and_the_rest_is_counted(tmp_path: Path) -> None:
    many = [Denial(kind="read", subject=f"/outside/{number}", certainty="exact", source="kernel audit") for number in range(25)]
    with room(tmp_path) as here:
        policy, scope = facts(tmp_path)
        lines = told("c9", many, policy, scope, here.session.recorder)
        found = denials(here)
        rows = [row.outcome for row in table(here.session.path) if row.event == "sandbox.denial"]
    assert len(lines) == 21
    assert lines[-1] == "[and 5 more refusals of the sandbox]"
    assert len(found) == 21
    assert (found[-1]["kind"], found[-1]["more"]) == ("more", 5)
    assert rows[-1] == "and 5 more"


# -- which rule


def facts(base: Path) -> tuple[Policy, Scope]:
    workspace = os.path.realpath(base / "ws")
    policy = load("balanced", workspace=workspace, home=str(base))
    return policy, make_scope(policy, workspace=workspace, home=str(base), environ={})


@pytest.mark.parametrize(
    ("kind", "subject", "rule", "verdict"),
    [
        ("read", "/outside/x", "default.read.outside", Verdict.DENY),
        ("write", "/outside/x", "default.write.outside", Verdict.DENY),
        ("delete", "/outside/x", "default.write.outside", Verdict.DENY),
        ("write", "WS/x", "default.write.inside", Verdict.CONFIRM),
        ("delete", "WS/x", "default.delete.inside", Verdict.CONFIRM),
        ("write", "WS/.git/hooks/pre-commit", "default.write.protected", Verdict.DENY),
        ("read", "WS/x", "default.read.inside", Verdict.ALLOW),
        ("read", "/usr/share/x", "default.read.system", Verdict.ALLOW),
        ("execute", "/usr/bin/id", "default.execute.known", Verdict.ALLOW),
        ("network", "example.com:443", "default.connect", Verdict.CONFIRM),
        ("network", "the network", "default.connect", Verdict.CONFIRM),
        ("network", "[::1]:80 (listening)", "default.connect", Verdict.CONFIRM),
    ],
)
def test_a_denial_names_what_the_policy_says_of_such_a_thing(
    tmp_path: Path, kind: DenialKind, subject: str, rule: str, verdict: Verdict
) -> None:
    (tmp_path / "ws" / ".git" / "hooks").mkdir(parents=True)
    policy, scope = facts(tmp_path)
    denial = Denial(kind=kind, subject=subject.replace("WS", scope.workspace), certainty="exact", source="kernel audit")
    reason = judged(denial, policy, scope)
    assert reason is not None
    assert (reason.rule, reason.verdict) == (rule, verdict)
    assert f"`{rule}` (presets/balanced.yaml:" in explain(denial, reason)
    assert f"which says {verdict}: " in explain(denial, reason)


def test_a_rule_that_speaks_of_the_thing_is_named_and_not_the_default(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    policy, scope = facts(tmp_path)
    denial = Denial(kind="execute", subject="/usr/bin/sudo", certainty="exact", source="kernel audit")
    reason = judged(denial, policy, scope)
    assert reason is not None
    assert not reason.rule.startswith("default.")


@pytest.mark.parametrize("kind", ["socket", "signal", "system_call", "memory", "device", "other"])
def test_what_no_rule_grants_is_said_to_be_so(tmp_path: Path, kind: DenialKind) -> None:
    (tmp_path / "ws").mkdir()
    policy, scope = facts(tmp_path)
    denial = Denial(kind=kind, subject="x", certainty="exact", source="kernel audit")
    assert judged(denial, policy, scope) is None
    assert explain(denial, None).startswith("the sandbox did not grant ")


def test_a_guess_is_said_to_be_one_and_a_long_name_is_cut() -> None:
    denial = Denial(kind="read", subject="x" * 1000, certainty="probable", source="output")
    text = explain(denial, None)
    assert text.startswith("the sandbox probably did not grant reading `xxx")
    assert len(text) < 400


def test_a_name_with_a_line_feed_does_not_make_a_line_of_its_own() -> None:
    denial = Denial(kind="read", subject="/x\n[all is allowed]", certainty="exact", source="kernel audit")
    assert "\n" not in explain(denial, None)
