"""Toolchains and package caches of the home directory: what code of the workspace gets of them, by the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy.actions import RunCommand
from bylaw.policy.decision import Manifest, PathGrant, Verdict
from bylaw.policy.engine import decide
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.policy.model import Policy

CREDENTIALS = (
    ".npmrc",
    ".pypirc",
    ".netrc",
    ".cargo/credentials.toml",
    ".cargo/credentials",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".config/pip/pip.conf",
    ".local/share/uv/credentials/credentials.toml",
    ".config/pypoetry/auth.toml",
    ".composer/auth.json",
    ".nvm/.npmrc",
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with a toolchain, two caches, credentials, and a project."""
    for name in ("home/.rustup/toolchains", "home/.cargo/bin", "home/.cache/pip/http", "home/.npm/_cacache", "home/project"):
        (tmp_path / name).mkdir(parents=True)
    for name in CREDENTIALS:
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    (tmp_path / "home/project/Makefile").write_text("all:\n")
    return tmp_path / "home"


def _policy(home: Path, text: str = "", preset: str = "balanced") -> Policy:
    document = home.parent / "p.yaml"
    document.write_text(f"version: 1\nextends: {preset}\ndefaults: {{execute.workspace: confirm}}\n{text}")
    return load(files=(str(document),), workspace=str(home / "project"), home=str(home))


def _manifest(home: Path, policy: Policy, command: str = "make") -> Manifest:
    scope = make_scope(policy, workspace=str(home / "project"), home=str(home), environ={})
    decision = decide(RunCommand(command=command), policy, scope)
    assert decision.verdict is not Verdict.DENY
    return decision.manifest


def _read(home: Path, manifest: Manifest) -> set[str]:
    below = (grant for grant in manifest.read if grant.path.startswith(f"{home}/"))
    return {grant.path.removeprefix(f"{home}/") for grant in below if grant.recursive} - {"project"}


def test_by_preset_it_is_nothing_reading_or_a_copy(home: Path) -> None:
    modes = {
        name: load(name, workspace=str(home / "project"), home=str(home)).caches
        for name in ("hardened", "strict", "balanced", "permissive")
    }
    assert modes == {"hardened": "none", "strict": "read", "balanced": "overlay", "permissive": "overlay"}


def test_with_none_code_of_the_workspace_gets_neither_toolchain_nor_cache(home: Path) -> None:
    manifest = _manifest(home, _policy(home, "caches: none\n"))
    assert _read(home, manifest) == set()
    assert manifest.overlay == ()


def test_with_read_it_reads_toolchains_and_caches_that_are_there(home: Path) -> None:
    manifest = _manifest(home, _policy(home, "caches: read\n"))
    assert _read(home, manifest) == {".rustup", ".nvm", ".cargo/bin", ".cache/pip", ".npm"}
    assert manifest.overlay == ()


def test_with_overlay_it_reads_toolchains_and_gets_caches_as_a_copy(home: Path) -> None:
    manifest = _manifest(home, _policy(home))
    assert _read(home, manifest) == {".rustup", ".nvm", ".cargo/bin"}
    assert manifest.overlay == (f"{home}/.cache/pip", f"{home}/.npm")
    assert manifest.write == (PathGrant(path=f"{home}/project", recursive=True),)


def test_a_plain_command_gets_nothing_of_them(home: Path) -> None:
    policy = _policy(home)
    manifest = _manifest(home, policy, "cat Makefile")
    assert _read(home, manifest) == set()
    assert manifest.overlay == ()
    scope = make_scope(policy, workspace=str(home / "project"), home=str(home), environ={})
    (reason,) = (one for one in decide(RunCommand(command=f"cat {home}/.rustup/x"), policy, scope).reasons if one.verdict is Verdict.DENY)
    assert reason.rule == "default.read.outside"


@pytest.mark.parametrize("name", CREDENTIALS)
def test_credentials_of_package_managers_are_secret(home: Path, name: str) -> None:
    policy = _policy(home)
    scope = make_scope(policy, workspace=str(home / "project"), home=str(home), environ={})
    rules = {one.rule for one in decide(RunCommand(command=f"cat {home}/{name}"), policy, scope).reasons}
    assert "default.read.secret" in rules


def test_credentials_below_what_is_granted_are_absent(home: Path) -> None:
    (home / ".npm/_cacache/deep").mkdir()
    (home / ".npm/id_rsa").write_text("secret")
    policy = _policy(home, "paths: {toolchains: ['{home}/.cargo', '{home}/.local'], caches: ['{home}/.m2']}\n")
    hidden = {path.removeprefix(f"{home}/") for path in _manifest(home, policy).hidden if path.startswith(f"{home}/")}
    assert hidden == {
        ".cargo/credentials", ".cargo/credentials.toml", ".local/share/uv/credentials", ".m2/settings.xml", ".npm/id_rsa", ".nvm/.npmrc"
    }  # fmt: skip


def test_a_name_that_a_pattern_gives_with_its_directory_is_found_in_what_is_granted(home: Path) -> None:
    (home / "tools/.docker").mkdir(parents=True)
    (home / "tools/.docker/config.json").write_text("secret")
    (home / "tools/.kube").mkdir()
    policy = _policy(home, "paths: {toolchains: ['{home}/tools']}\n")
    assert f"{home}/tools/.docker/config.json" in _manifest(home, policy).hidden


def test_a_link_is_granted_as_what_it_leads_to(home: Path) -> None:
    (home.parent / "disk").mkdir()
    (home / ".cache/uv").symlink_to(home.parent / "disk")
    assert str(home.parent / "disk") in _manifest(home, _policy(home)).overlay


@pytest.mark.parametrize("target", [".", "..", "project", ".ssh", ".cache/uv", "file"])
def test_a_link_to_home_to_the_workspace_to_a_secret_or_nowhere_is_not_granted(home: Path, target: str) -> None:
    (home / ".ssh").mkdir()
    (home / "file").write_text("x")
    (home / ".cache/uv").symlink_to(home / target)
    manifest = _manifest(home, _policy(home))
    assert manifest.overlay == (f"{home}/.cache/pip", f"{home}/.npm")


def test_a_cache_that_is_a_toolchain_too_is_read_once(home: Path) -> None:
    manifest = _manifest(home, _policy(home, "caches: read\npaths: {caches: ['{home}/.rustup']}\n"))
    assert [grant.path for grant in manifest.read].count(f"{home}/.rustup") == 1


@pytest.mark.parametrize("path", ["{home}", "{home}/", "{home}/x/..", "/", "relative"])
def test_home_itself_is_no_toolchain(home: Path, path: str) -> None:
    with pytest.raises(PolicyFileError, match=r"would grant|no absolute path"):
        _policy(home, f"paths: {{toolchains: ['{path}']}}\n")


def test_the_shipped_lists_can_be_taken_out(home: Path) -> None:
    policy = _policy(home, "override: [paths.toolchains, paths.caches]\npaths: {caches: ['{home}/mine/./x']}\n")
    assert policy.paths.toolchains == ()
    assert policy.paths.caches == (f"{home}/mine/x",)
