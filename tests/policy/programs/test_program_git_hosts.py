"""Which host git would reach: said only where nothing in the repository's configuration leads elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy.actions import RunCommand
from bylaw.policy.analysis import analyse
from bylaw.policy.effects import Connect
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from gate_room import git, make_workspace


def hosts(tmp_path: Path, *settings: str) -> set[str]:
    workspace = make_workspace(tmp_path)
    git(workspace, "remote", "add", "origin", "https://good.example/repo.git")
    for setting in settings:
        name, value = setting.split("=", 1)
        git(workspace, "config", name, value)
    policy = load("balanced", workspace=str(workspace), home=str(tmp_path))
    scope = make_scope(policy, workspace=str(workspace), home=str(tmp_path), environ={})
    analysis = analyse(RunCommand(command="git fetch origin"), scope, policy.limits)
    return {effect.address for effect in analysis.effects if isinstance(effect, Connect)}


def test_the_host_of_the_remote_is_named(tmp_path: Path) -> None:
    assert hosts(tmp_path) == {"good.example:443"}


@pytest.mark.parametrize(
    "setting",
    [
        "url.https://evil.example/.insteadOf=https://good.example/",
        "remote.origin.pushurl=https://evil.example/x",
        "remote.pushDefault=https://evil.example/x",
        "branch.main.remote=https://evil.example/x",
        "http.proxy=http://evil.example:3128",
        "remote.origin.proxy=http://evil.example:3128",
    ],
)
def test_a_setting_that_leads_elsewhere_makes_it_any_host(tmp_path: Path, setting: str) -> None:
    assert hosts(tmp_path, setting) == {"*"}


def test_a_branch_that_follows_a_remote_by_name_leads_nowhere_else(tmp_path: Path) -> None:
    assert hosts(tmp_path, "branch.main.merge=refs/heads/main", "branch.main.remote=origin") == {"good.example:443"}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://good.example/x", "good.example:80"),
        ("https://me@Good.example.:8443/x", "good.example:8443"),
        ("ssh://git@good.example/x", "good.example:22"),
        ("git+ssh://git@good.example/x", "good.example:22"),
        ("ssh+git://git@good.example/x", "good.example:22"),
        ("git://good.example/x", "good.example:9418"),
        ("https://[2001:db8::1]/x", "[2001:db8::1]:443"),
        ("odd://good.example/x", "good.example"),
        ("https://good.example:99999/x", "*"),
        ("https://./x", "*"),
        ("git@good.example:x", "*"),
    ],
)
def test_the_port_is_that_of_the_address_or_of_its_scheme(tmp_path: Path, url: str, host: str) -> None:
    assert hosts(tmp_path, f"remote.origin.url={url}") == {host}
