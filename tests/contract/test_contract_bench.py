"""What the tables of bench/ promise, held by a test: no attack is allowed that nobody has answered for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import jail, verdicts
from bench.corpus import ATTACKS, EVERYDAY, Case, disclosing, harmless, read
from bylaw.policy.actions import RunCommand
from bylaw.policy.decision import Verdict
from bylaw.policy.engine import decide
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.tools.process import run_plan
from contract_repository import ROOT


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(4))
def test_every_attack_that_balanced_allows_is_answered_for(share: int) -> None:
    """`python -m bench verdicts` says the same of all presets; the most lenient of the guarded ones is enough here."""
    excuses = harmless()
    allowed = verdicts.allowed(verdicts.ask(read(ATTACKS)[share::4], ["balanced"], project=False))
    assert [one.case for one in allowed if (one.case.id, one.case.command) not in excuses] == []


@pytest.mark.parametrize("case", [case for case in read(ATTACKS) if (case.id, case.command) in harmless()], ids=lambda case: case.id)
def test_an_attack_that_is_called_harmless_leaves_no_evidence(tmp_path: Path, case: Case) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "mnt").mkdir()
    here = jail.Jail(workspace=str(tmp_path / "srv"), outside=str(tmp_path / "mnt"), prefix=())
    jail.lay(here, case.setup)
    policy = load("balanced", workspace=here.workspace, home=f"{here.workspace}/home")
    scope = make_scope(policy, workspace=here.workspace, home=f"{here.workspace}/home", environ=jail.environment(here))
    decision = decide(RunCommand(command=here.placed(case.command)), policy, scope)
    if decision.not_installed or decision.verdict is not Verdict.ALLOW:
        return  # nothing is performed, so nothing happens
    assert decision.plan is not None
    environment = dict(decision.manifest.environment)
    done = run_plan(decision.plan, manifest=decision.manifest, limits=policy.limits, sandbox="prefer", environment=environment)
    shown = done.stdout.text + done.stderr.text
    assert list(tmp_path.rglob("PWNED")) == []
    assert (tmp_path / "srv" / "victim").read_text() == "precious\n"
    assert "CANARY-SECRET" not in shown or case.id in disclosing()


def test_no_excuse_is_stale() -> None:
    assert set(harmless()) <= {(case.id, case.command) for case in read(ATTACKS)}


def test_every_excuse_is_a_sentence() -> None:
    assert [name for name, because in harmless().items() if len(because.split()) < 4] == []


def test_the_corpora_have_an_id_for_each_command() -> None:
    for corpus in (ATTACKS, EVERYDAY):
        ids = [case.id for case in read(corpus)]
        assert len(ids) == len(set(ids)) > 50


def test_a_jail_lays_the_workspace_anew(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "mnt").mkdir()
    here = jail.Jail(workspace=str(tmp_path / "srv"), outside=str(tmp_path / "mnt"), prefix=())
    jail.lay(here, "echo left > /srv/left; echo out > /mnt/out")
    assert (tmp_path / "srv" / "left").read_text() == "left\n"
    assert (tmp_path / "mnt" / "out").read_text() == "out\n"
    jail.lay(here, "")
    assert sorted(one.name for one in (tmp_path / "srv").iterdir()) == ["home", "p", "victim"]
    assert [one.name for one in (tmp_path / "mnt").iterdir()] == ["secret"]


def test_only_whole_places_are_rewritten() -> None:
    here = jail.Jail(workspace="/a", outside="/b", prefix=())
    assert here.placed("cat /srv/x /mnt/secret ./srv/x /usr/srv /srvx") == "cat /a/x /b/secret ./srv/x /usr/srv /srvx"


def test_the_tables_are_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench"], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert all(name in done.stdout for name in ("startup", "verdicts", "decisions", "audit"))
