"""What a call depends on, and what becomes of it where the layers do not hold that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bylaw.agent.held import JUDGED, Holding, held_to, holding, needs
from bylaw.policy.decision import Decision, Manifest, PathGrant, Verdict
from bylaw.policy.engine import decide_command
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import load
from bylaw.policy.manifest import EVERY_PROGRAM
from bylaw.policy.model import Policy
from bylaw.policy.records import replace as revised
from bylaw.tools.sandbox import LayerState
from bylaw.tools.sandbox.interface import LayerName


def policy(preset: str = "balanced") -> Policy:
    return load(preset, workspace=WORKSPACE, home=HOME)


def machine(*names: LayerName, abi: int = 7) -> Holding:
    return holding(
        LayerState(name=name, available=True, why="made for the test", version=abi if name == "landlock" else 0) for name in names
    )


def decision(command: str, rules: Policy, manifest: Manifest | None = None) -> Decision:
    made = decide_command(command, rules, synthetic_scope())
    return made if manifest is None else revised(made, manifest=manifest)


def lacking(manifest: Manifest, here: Holding, preset: str = "balanced") -> list[str]:
    rules = policy(preset)
    judged = held_to(decision("true", rules, manifest), rules, here, refuse=False)
    return [one.rule.removeprefix("sandbox.lacks.") for one in judged.reasons if one.rule.startswith("sandbox.")]


TIER = Manifest(programs=(EVERY_PROGRAM,))


def test_every_command_depends_on_reading_and_writing_being_held() -> None:
    assert needs(Manifest()) == {"read", "write"}


def test_a_directory_that_is_granted_for_its_names_is_to_give_no_more(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "listing" in needs(Manifest(read=(PathGrant(path=str(tmp_path)),)))
    assert "listing" not in needs(Manifest(read=(PathGrant(path=str(tmp_path), recursive=True), PathGrant(path=str(tmp_path / "file")))))


def test_code_that_nobody_read_depends_on_the_kernel_alone() -> None:
    assert needs(TIER) == {"read", "write", "attributes", "sockets", "network"}
    assert needs(revised(TIER, hosts=("example.org",))) == {"read", "write", "attributes", "sockets", "hosts"}


def test_what_needs_can_name_is_what_is_judged() -> None:
    whole = revised(TIER, hosts=("example.org",), protected=("/p",), read=(PathGrant(path="/"),))
    assert needs(whole) | needs(TIER) == set(JUDGED)


@pytest.mark.parametrize(
    ("names", "manifest", "expected"),
    [
        (("landlock",), Manifest(), []),
        (("landlock",), Manifest(protected=("/p",)), ["protected"]),
        (("landlock",), Manifest(hosts=("example.org",)), ["hosts"]),
        (("landlock",), TIER, ["attributes", "network", "sockets"]),
        (("landlock", "seccomp"), TIER, ["attributes"]),
        (("landlock", "seccomp"), Manifest(hosts=("example.org",)), ["hosts"]),
        (("bubblewrap",), revised(TIER, protected=("/p",), hosts=("example.org",)), []),
        (("bubblewrap",), Manifest(read=(PathGrant(path="/"),)), ["listing"]),
        (("bubblewrap", "landlock"), Manifest(read=(PathGrant(path="/"),)), []),
        (("launcher",), Manifest(), ["read", "write"]),
        (("seccomp", "cgroup"), TIER, ["sandbox.missing"]),
        ((), Manifest(), ["sandbox.missing"]),
    ],
)
def test_a_call_is_told_what_the_layers_do_not_hold_of_it(names: tuple[LayerName, ...], manifest: Manifest, expected: list[str]) -> None:
    assert lacking(manifest, machine(*names)) == expected


def test_an_old_landlock_does_not_hold_writing_as_a_whole() -> None:
    assert lacking(Manifest(), machine("landlock", abi=2)) == ["write"]


@pytest.mark.parametrize(("preset", "verdict"), [("hardened", 2), ("strict", 2), ("balanced", 1), ("permissive", 0)])
def test_the_policy_says_what_becomes_of_it_and_is_named(preset: str, verdict: int) -> None:
    rules = policy(preset)
    before = decision("true", rules, Manifest(protected=("/p",)))
    after = held_to(before, rules, machine("landlock"), refuse=False)
    assert after.verdict == max(before.verdict, verdict)
    assert after.reasons[:-1] == before.reasons
    assert after.reasons[-1].source.startswith(f"presets/{preset}.yaml:")


def test_a_required_sandbox_that_is_not_there_is_a_deny_for_who_asks_and_left_to_the_run_at_the_gate() -> None:
    rules = policy("strict")
    made = decision("true", rules)
    assert held_to(made, rules, machine(), refuse=False) == made
    refused = held_to(made, rules, machine(), refuse=True)
    assert (refused.verdict, refused.reasons[-1].rule) == (Verdict.DENY, "sandbox.missing")


def test_what_is_no_command_and_what_the_policy_confines_to_nothing_stay_as_they_are() -> None:
    rules = policy()
    made = decision("true", rules, Manifest(protected=("/p",)))
    without_plan = revised(made, plan=None)
    assert held_to(without_plan, rules, machine(), refuse=True) == without_plan
    off = revised(rules, sandbox=revised(rules.sandbox, mode="off"))
    assert held_to(made, off, machine(), refuse=True) == made


def test_a_verdict_is_never_made_laxer() -> None:
    rules = policy("permissive")
    denied = decision("cat .env", rules)
    assert denied.verdict is Verdict.DENY
    assert held_to(denied, rules, machine(), refuse=True).verdict is Verdict.DENY


def test_a_layer_that_cannot_be_had_is_no_wall() -> None:
    state = LayerState(name="bubblewrap", available=True, why="made for the test")
    assert holding((state,)).wall
    assert not holding((replace(state, available=False),)).wall
