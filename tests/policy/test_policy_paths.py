"""What a path is to a policy."""

from __future__ import annotations

from pathlib import Path

import pathspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy import paths
from bylaw.policy.compile import glob_literal
from bylaw.policy.errors import PolicyError
from bylaw.policy.examples import HOME, WORKSPACE, SyntheticFiles, synthetic_scope
from bylaw.policy.layers import load
from bylaw.policy.machine import MachineFiles
from bylaw.policy.paths import Walker, globs, read_kind, within, write_kind

PATHS = load("balanced", workspace=WORKSPACE, home=HOME).paths

READS = [
    ("/workspace/src/app.py", "read.inside"),
    ("/workspace", "read.inside"),
    ("/workspace2/x", "read.outside"),
    ("/usr/bin/ls", "read.system"),
    ("/etc/ssl/certs/ca.pem", "read.system"),
    ("/etc/ssl/private/x", "read.secret"),
    ("/home/user/notes", "read.outside"),
    ("/home/user/.ssh", "read.secret"),
    ("/home/user/.ssh/config", "read.secret"),
    ("/home/user/.aws/credentials", "read.secret"),
    ("/workspace/.env", "read.secret"),
    ("/workspace/.ENV", "read.secret"),
    ("/workspace/.e\u200bnv", "read.secret"),
    ("/workspace/deep/down/.env.production", "read.secret"),
    ("/workspace/.env.example", "read.inside"),
    ("/workspace/.env.d/x/.env.example", "read.secret"),
    ("/workspace/.envoy", "read.inside"),
    ("/workspace/id_rsa", "read.secret"),
    ("/workspace/id_rsa.pub", "read.inside"),
    ("/workspace/tls/server.pem", "read.secret"),
    ("/workspace/.npmrc", "read.secret"),
    ("/workspace/.docker/config.json", "read.secret"),
    ("/proc/1/environ", "read.secret"),
    ("/proc/self/environ", "read.secret"),
    ("/proc/cpuinfo", "read.system"),
    ("/home/user/.local/state/bylaw/audit/x.jsonl", "read.secret"),
]

WRITES = [
    ("/workspace/src/app.py", "write.inside"),
    ("/workspace/.git/hooks/pre-commit", "write.protected"),
    ("/workspace/sub/.git/config", "write.protected"),
    ("/workspace/.git/objects/ab/cd", "write.inside"),
    ("/workspace/.gitignore", "write.inside"),
    ("/workspace/AGENTS.md", "write.protected"),
    ("/workspace/agents.md", "write.protected"),
    ("/workspace/.github/workflows/ci.yml", "write.protected"),
    ("/workspace/.env", "write.protected"),
    ("/home/user/.bashrc", "write.protected"),
    ("/home/user/.config/bylaw/policy.yaml", "write.protected"),
    ("/usr/bin/ls", "write.outside"),
    ("/etc/passwd", "write.outside"),
]


@pytest.mark.parametrize(("path", "kind"), READS)
def test_a_path_that_is_read_is_of_its_kind(path: str, kind: str) -> None:
    assert read_kind(path, PATHS, synthetic_scope()) == kind


@pytest.mark.parametrize(("path", "kind"), WRITES)
def test_a_path_that_is_written_is_of_its_kind(path: str, kind: str) -> None:
    assert write_kind(path, PATHS, synthetic_scope()) == kind


def test_removing_inside_is_a_kind_of_its_own() -> None:
    assert write_kind("/workspace/x", PATHS, synthetic_scope(), delete=True) == "delete.inside"
    assert write_kind("/workspace", PATHS, synthetic_scope(), delete=True) == "write.protected"
    assert write_kind("/x", PATHS, synthetic_scope(), delete=True) == "write.outside"


def test_everything_lies_within_the_root_directory() -> None:
    assert within("/x", ("/",))
    assert not within("/ab", ("/a",))


def test_a_directory_with_glob_characters_stands_for_itself() -> None:
    spec = globs((glob_literal("/w*[a]!# b"),))
    assert spec.match("/w*[a]!# b/x")
    assert not spec.match("/wxa!# b/x")


@pytest.mark.parametrize("pattern", ["#comment", "!", "/"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(PolicyError):
        globs((pattern,))


def test_no_patterns_match_nothing() -> None:
    assert not globs(()).match("/x")
    assert not globs(("!x",)).match("/x")


_NAMES = st.sampled_from(["a", "b", "ab", ".env", "x.pem", "a b"])


def _joined(start: str, parts: list[str], end: str) -> str:
    return start + "/".join(parts) + end


_PATTERN = st.builds(
    _joined,
    st.sampled_from(["", "/", "**/"]),
    st.lists(st.sampled_from(["a", "b", "*", "a*", "?b", "[ab]", "**", ".env", "*.pem", "x.*", "a\\ b"]), min_size=1, max_size=3),
    st.sampled_from(["", "/", "/**"]),
)


@given(st.lists(_PATTERN, min_size=1, max_size=4), st.lists(_NAMES, min_size=1, max_size=4))
def test_patterns_mean_what_they_mean_to_git(patterns: list[str], names: list[str]) -> None:
    path = "/".join(names)
    assert globs(tuple(patterns)).match(f"/{path}") == pathspec.GitIgnoreSpec.from_lines([one.rstrip("/") for one in patterns]).match_file(
        path
    )


@given(st.permutations(["*.pem", ".env*", "!.env.example", "!x.pem", "keys/"]), st.lists(_NAMES, min_size=1, max_size=3))
def test_the_order_of_patterns_means_nothing(patterns: list[str], names: list[str]) -> None:
    path = "/" + "/".join(names)
    assert globs(tuple(patterns)).match(path) == globs(tuple(sorted(patterns))).match(path)


def test_what_is_remembered_of_names_is_bounded_and_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns, names = (".env", "*.pem"), (".env", "a.pem", "a", "b", ".env", "a")
    expected = [(globs(patterns).may_match(name), globs(patterns).match(f"/w/{name}")) for name in names]
    globs.cache_clear()
    monkeypatch.setattr(paths, "_REMEMBERED", 1)
    found = globs(patterns)
    assert [(found.may_match(name), found.match(f"/w/{name}")) for name in names] == expected
    assert len(found.known) == 1
    globs.cache_clear()


def test_a_walk_finds_the_topmost_matches(tmp_path: Path) -> None:
    for name in (".ssh/id_rsa", "src/.env", "src/x.py", "node_modules/pkg/.env", ".git/objects/aa/.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("/")
    found = Walker(MachineFiles()).below(str(tmp_path), (".env", ".ssh/"))
    assert found.complete
    assert sorted(found.matched) == [f"{tmp_path}/.ssh", f"{tmp_path}/src/.env"]


def test_a_walk_that_is_too_long_says_so_and_still_finds_what_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_ENTRIES", 2)
    for name in ("a/b/secret", "c", "d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = Walker(MachineFiles()).below(str(tmp_path), (f"{tmp_path}/a/b/secret", f"{tmp_path}/none"))
    assert not found.complete
    assert found.matched == (f"{tmp_path}/a/b/secret",)


def test_below_a_file_there_is_nothing() -> None:
    assert Walker(SyntheticFiles()).below("/workspace/README.md", ("*",)).matched == ()


class Unlisted(MachineFiles):
    """A directory whose names cannot be read, but looked at one by one."""

    def listing(self, directory: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return ((), ())


def test_a_name_that_patterns_give_in_full_is_found_in_a_directory_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / ".config" / "gh").mkdir(parents=True)
    (tmp_path / ".config" / "gh" / "hosts.yml").touch()
    patterns = ("**/.config/gh/hosts.yml", "**/.config/hub", "**/.aws/")
    walker = Walker(Unlisted())
    assert walker.below(str(tmp_path), patterns).matched == (f"{tmp_path}/.config/gh/hosts.yml",)
    assert walker.below(str(tmp_path), patterns) is walker.below(str(tmp_path), patterns)
