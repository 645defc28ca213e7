"""Commands that were once allowed and do more than they seem to; and their honest neighbours."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bylaw.policy.analysis import Analysis, analyse_command
from bylaw.policy.decision import Decision, Verdict
from bylaw.policy.effects import Unknown
from bylaw.policy.engine import judge
from bylaw.policy.layers import Override, load
from bylaw.policy.machine import make_scope
from bylaw.policy.model import Policy

CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "attack_holes.yaml").read_text())
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")

Check = Callable[..., Decision]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with secrets, and links that lead out of it."""
    base = tmp_path_factory.mktemp("attack").resolve()
    workspace = base / "ws"
    for name in ("d", "e", "f", "g"):
        (workspace / name).mkdir(parents=True)
    (base / "home").mkdir()
    (base / "outside").write_text("canary\n")
    for name in ("a.txt", "b.txt", "j.json", ".env", "d/x", "e/x", "e/y", "f/x", "g/x", "a.gz", "a.xz"):
        (workspace / name).write_text("{}\n")
    (workspace / "d" / "link").symlink_to(base / "outside")
    (workspace / "make").write_text("#!/bin/sh\n")
    (workspace / "make").chmod(0o755)
    for words in (["init", "--quiet"], ["add", "a.txt"], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*GIT, *words], cwd=workspace, check=True)
    return base


@pytest.fixture(scope="module")
def check(base: Path) -> Check:
    """The decision on a command in the repository."""
    workspace, home = str(base / "ws"), str(base / "home")
    policies: dict[str, Policy] = {}

    def decided(command: str, preset: str = "balanced", policy: Policy | None = None) -> Decision:
        chosen = policy or policies.setdefault(preset, load(preset, workspace=workspace, home=home))
        scope = make_scope(chosen, workspace=workspace, home=home, environ={"HOME": home, "LANG": "C.UTF-8"})
        text = command.replace("WORKSPACE", workspace).replace("OUTSIDE", str(base / "outside"))
        found: Analysis = analyse_command(text, scope, chosen.limits)
        return judge(found, chosen, scope, tool="bash")

    return decided


@pytest.mark.parametrize("preset", ["hardened", "strict", "balanced"])
@pytest.mark.parametrize("case", CASES["holes"], ids=lambda case: case["command"])
def test_what_does_more_than_it_seems_is_not_allowed(case: dict[str, str], preset: str, check: Check) -> None:
    assert check(case["command"], preset).verdict is not Verdict.ALLOW, case["why"]


@pytest.mark.parametrize("command", CASES["plain"])
def test_an_honest_neighbour_stays_allowed(command: str, check: Check) -> None:
    decision = check(command)
    assert decision.verdict is Verdict.ALLOW, decision.reasons


@pytest.mark.parametrize("command", ["./make", "timeout 5 ./make", "WORKSPACE/make"])
def test_a_program_that_is_allowed_by_name_is_not_the_file_of_that_name_in_the_workspace(command: str, base: Path, check: Check) -> None:
    overrides = {"allow_command": Override(["make"], "--allow-command")}
    policy = load("balanced", overrides=overrides, workspace=str(base / "ws"), home=str(base / "home"))
    assert check("make", policy=policy).verdict is Verdict.ALLOW
    assert check(command, policy=policy).verdict is not Verdict.ALLOW


def test_names_that_are_found_are_never_replaced_by_the_directory(check: Check) -> None:
    """Without a name, xargs would start `ls` all the same, in a directory that nobody judged."""
    plan = check("find e -name nothing | xargs ls").plan
    assert plan is not None
    assert plan.invocations()[1].argv[:2] == ("xargs", "-r")


@pytest.mark.parametrize("place", ["packed-refs", "info/grafts", "objects/info/x"])
def test_a_link_in_the_repository_that_leads_elsewhere_is_not_accounted_for(place: str, base: Path, check: Check) -> None:
    """git quotes lines that it does not understand: a link there shows any file."""
    link = base / "ws" / ".git" / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(base / "outside")
    try:
        decision = check("git log --oneline")
    finally:
        link.unlink()
    assert decision.verdict is not Verdict.ALLOW
    assert any(isinstance(one, Unknown) and "symbolic link" in one.why for one in decision.effects)


@pytest.mark.parametrize("key", ["blame.ignoreRevsFile", "mailmap.file", "diff.orderFile"])
@pytest.mark.parametrize(("value", "allowed"), [("a.txt", True), (".env", False), ("../outside", False), ("~/x", False), ("d/link", False)])
def test_a_file_that_the_configuration_of_the_repository_names_is_judged_as_one_that_is_read(
    key: str, value: str, *, allowed: bool, base: Path, check: Check
) -> None:
    """`git blame` quotes the first line of the file when it is no list of revisions."""
    configuration = base / "ws" / ".git" / "config"
    before = configuration.read_text()
    section, _, name = key.partition(".")
    configuration.write_text(f"{before}[{section}]\n\t{name} = {value}\n")
    try:
        assert (check("git blame a.txt").verdict is Verdict.ALLOW) is allowed
    finally:
        configuration.write_text(before)


@pytest.mark.parametrize(
    ("effect", "pattern", "command", "allowed"),
    [
        ("read", "{workspace}/**", "cat .env", False),
        ("read", "{workspace}", "cat .env", False),
        ("read", "**/*", "cat d/.env", False),
        ("read", "*e*", "cat .env", True),
        ("read", ".env", "cat .env", True),
        ("read", "{workspace}/*/.env", "cat d/.env", True),
        ("write", "{workspace}/d/**", "touch d/.git/config", False),
        ("write", "{workspace}/d/**", "touch d/x", True),
        ("write", "*.py", "touch .git/hooks/x.py", False),
        ("write", "{workspace}/.github/workflows/**", "touch .github/workflows/x.yml", True),
    ],
)
def test_a_rule_that_allows_a_tree_does_not_allow_what_is_guarded_in_it(
    effect: str, pattern: str, command: str, *, allowed: bool, base: Path, tmp_path: Path, check: Check
) -> None:
    document = tmp_path / "policy.yaml"
    document.write_text(
        "version: 1\nname: mine\ndescription: a test\nextends: balanced\nrules:\n  - id: mine\n    verdict: allow\n"
        f"    match: {{effect: {effect}, path: '{pattern}'}}\n    because: the person said so\n"
    )
    policy = load(None, files=(str(document),), workspace=str(base / "ws"), home=str(base / "home"))
    assert (check(command, policy=policy).verdict is Verdict.ALLOW) is allowed
