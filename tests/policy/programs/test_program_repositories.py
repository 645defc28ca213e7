"""How git finds its repository, read from the same files: what is not understood is a fault, never a guess."""

from __future__ import annotations

import pytest

from bylaw.policy.git_config import find_repository, parse_config, user_identity
from made_up import MadeUp, Tree, effects, run, scope, whys

BARE: Tree = {"HEAD": "ref: refs/heads/main", "objects": None, "refs": None}


def _at(folder: str, **more: str | None) -> Tree:
    return {f"{folder}/{name}": content for name, content in {**BARE, **more}.items()} | {folder: None}


def _repository(config: str = "", **more: str | None) -> Tree:
    return _at("/w/.git", config=config, **more)


def _faults(tree: Tree, directory: str = "/w") -> list[str]:
    found = find_repository(directory, MadeUp({"/w": None, **tree}))
    assert found is not None
    return [why for why, _ in found.faults]


@pytest.mark.parametrize(
    ("tree", "fault"),
    [
        ({"/w/.git": "->elsewhere", **_at("/w/elsewhere")}, "`.git` is a symbolic link"),
        ({"/w/.git": "device"}, "`.git` is neither a directory nor a file"),
        (_at("/w"), "a bare repository lies here, which brings a configuration of its own"),
        ({"/w/.git": "gitdir: "}, "this `.git` file is not understood"),
        ({"/w/.git": "nonsense"}, "this `.git` file is not understood"),
        ({"/w/.git": "gitdir: a\nb\n"}, "this `.git` file is not understood"),
        ({"/w/.git": "gitdir: loop\n", "/w/loop": "->loop"}, "where the repository lies is not known"),
        (_repository(commondir=""), "where the repository lies is not known"),
        (_repository("[a"), "this configuration of the repository is not understood"),
        (_repository("x" * 300_000), "this configuration of the repository is not understood"),
        (_repository("[include]\npath = /etc/x"), "the repository's configuration includes another file"),
        (_repository('[includeIf "gitdir:/"]\npath = /etc/x'), "the repository's configuration includes another file"),
        (_repository("[core]\nworktree = /etc"), "the repository names a working tree elsewhere"),
        (_repository("[core]\nworktree = ../loop") | {"/w/loop": "->loop"}, "the repository names a working tree elsewhere"),
        (_repository("[extensions]\npartialClone = origin"), "the repository fetches missing objects by itself"),
        (_repository('[remote "o"]\npromisor = true'), "the repository fetches missing objects by itself"),
        (_repository('[tar "tgz"]\ncommand = ./evil'), "the repository's configuration names a program for archives"),
        (_repository("[core]\nbare = true"), "`core.bare` stands in the repository's configuration"),
        (_repository("[gc]\nrecentObjectsHook = ./evil"), "`gc.recentobjectshook` stands in the repository's configuration"),
        (_repository() | {"/w/.git/objects/info/alternates": "/etc"}, "the repository takes objects from elsewhere"),
    ],
)
def test_a_repository_that_brings_something_of_its_own_has_a_fault(tree: Tree, fault: str) -> None:
    assert fault in _faults(tree)


@pytest.mark.parametrize("config", ["", "[core]\nbare = false", "[core]\nworktree = ..", "[user]\nname = x"])
def test_a_plain_repository_has_no_fault(config: str) -> None:
    assert _faults(_repository(config)) == []


def test_a_worktree_has_its_own_configuration_and_a_shared_one() -> None:
    tree = {
        **_at("/m/.git", config="[extensions]\nworktreeConfig = true\n[a]\nb = shared"),
        **_at("/m/.git/worktrees/w", commondir="../..\n", **{"config.worktree": "[a]\nb = own"}),
        "/w/.git": "gitdir: /m/.git/worktrees/w\n",
    }
    found = find_repository("/w", MadeUp({"/w": None, "/m": None, **tree}))
    assert found is not None
    assert (found.top, found.directory, found.common) == ("/w", "/m/.git/worktrees/w", "/m/.git")
    assert found.values("a", "b") == ("shared", "own")
    assert not found.faults


def test_a_git_directory_that_is_none_is_passed_over() -> None:
    tree = {**_repository(), "/w/d": None, "/w/d/.git": None}
    found = find_repository("/w/d", MadeUp({"/w": None, **tree}))
    assert found is not None
    assert found.top == "/w"


def test_a_repository_without_a_configuration_file_is_a_repository() -> None:
    found = find_repository("/w", MadeUp({"/w": None, **_at("/w/.git")}))
    assert found is not None
    assert found.entries == ()


def test_a_continued_value_and_an_escape_are_read() -> None:
    assert [one.value for one in parse_config('[a]\nb = x\\ty\\\n z "\\"q\\\\" \\n')] == ['x\ty z "q\\ \n']


def test_what_the_users_own_configuration_says_wrongly_says_nothing() -> None:
    files = MadeUp({"/h/.gitconfig": "[user]\nname = N\n", "/h/.config/git/config": "[broken"})
    assert user_identity("/h", files) == (("user.name", "N"),)


def test_a_link_in_a_repository_is_a_fault_where_it_leads_out_of_it() -> None:
    why = "a symbolic link in the repository leads elsewhere"
    assert _faults(_repository() | {"/w/.git/config": "->../kept", "/w/kept": ""}) == []
    assert _faults(_repository() | {"/w/.git/packed-refs": "->/etc/secret"}) == [why]
    assert _faults(_repository() | {"/w/.git/packed-refs": "->packed-refs"}) == [why]


# --- what git is let to do --------------------------------------------------------------------------------------------


def test_outside_of_a_repository_git_may_look_at_the_directory() -> None:
    assert effects("git status") == {"read* ."}
    assert effects("git init") == {"write* ."}


def test_writing_outside_of_a_repository_writes_the_directory() -> None:
    assert "write* ." in effects("git add a")


@pytest.mark.parametrize(
    ("name", "unknown"), [("GIT_DIR", True), ("GIT_SSH_COMMAND", False), ("GIT_AUTHOR_NAME", False), ("GIT_TRACE", True), ("HOME", False)]
)
def test_a_variable_that_changes_what_git_does_is_not_accounted_for(name: str, unknown: bool) -> None:
    where = scope(_repository(), environment={name: "x"})
    assert ("this variable changes what git does" in whys("git status", where)) is unknown


def test_a_pinned_variable_that_the_command_sets_is_not_accounted_for() -> None:
    assert "this variable changes what git does" in whys("GIT_PAGER=./p git status", _repository())


def test_a_subcommand_that_is_not_known_is_not_accounted_for() -> None:
    assert "this subcommand of `git` is not accounted for" in whys("git frobnicate", _repository())


@pytest.mark.parametrize("command", ["git log --end-of-options x", "git --version", "git", "git -C d status"])
def test_plain_looking_is_accounted_for(command: str) -> None:
    assert not whys(command, _repository())


def test_a_merge_driver_is_said_where_git_merges() -> None:
    where = _repository('[merge "m"]\ndriver = ./evil')
    assert "the repository's configuration names a program that merges" in whys("git merge x", where)
    assert not whys("git log", where)


def _pinned(config: str) -> dict[str, str]:
    plan = run("git log", _repository(config) | {"/home/u/.gitconfig": "[user]\nname = Person\nemail = p@e.org"}).plan
    assert plan is not None
    variables = dict(plan.invocations()[0].environment)
    return {variables[f"GIT_CONFIG_KEY_{n}"]: variables[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(variables["GIT_CONFIG_COUNT"]))}


def test_a_name_of_the_repositorys_own_is_kept() -> None:
    assert (_pinned("").get("user.name"), _pinned("").get("user.email")) == ("Person", "p@e.org")
    own = _pinned("[user]\nname = Other")
    assert "user.name" not in own
    assert own["user.email"] == "p@e.org"


def test_every_helper_that_the_repository_names_is_switched_off() -> None:
    config = '[filter "f"]\nclean = x\n[diff "t"]\ntextconv = x\n[merge "m"]\ndriver = x\n[remote "r"]\nuploadpack = x\n'
    pinned = _pinned(config)
    assert pinned["filter.f.clean"] == pinned["diff.t.textconv"] == ""
    assert pinned["merge.m.driver"] == "false"
    assert pinned["remote.r.uploadpack"] == "git-upload-pack"


def test_attributes_that_name_a_filter_are_said_where_files_are_stored() -> None:
    where = _repository() | {"/w/d/.gitattributes": "* filter=f"}
    why = "attributes name a filter, which git would not run here"
    assert why in whys("git add d/b", where)
    assert why in whys("git add d", where)
    assert why in whys("git add -A", where)
    assert why not in whys("git add a", where)


def test_attributes_below_a_name_that_is_a_file_are_not_looked_for() -> None:
    assert not whys("git add a", _repository())


def test_attributes_that_cannot_be_read_are_not_accounted_for() -> None:
    assert whys("git add a", _repository() | {"/w/.gitattributes": "x" * 300_000})


def test_a_repository_below_with_programs_of_its_own_is_said_where_git_adds() -> None:
    plain = {**_repository(), "/w/sub": None, **_at("/w/sub/.git", config="")}
    hostile = {**plain, **_at("/w/sub/.git", config='[filter "f"]\nclean = ./evil')}
    assert not whys("git add sub", plain)
    assert "a repository below names programs of its own" in whys("git add sub", hostile)
    assert "a repository below names programs of its own" in whys("git add -A", hostile)


def test_a_tree_too_large_to_look_through_is_said_where_git_adds() -> None:
    large = {**_repository(), **{f"/w/d/{number}": "x" for number in range(30_001)}}
    assert "the tree is too large to prove that no repository lies below" in whys("git add d", large)


@pytest.mark.parametrize(
    ("command", "config", "host"),
    [
        ("git fetch", '[remote "o"]\nurl = https://example.org/x', "example.org"),
        ("git fetch o", '[remote "o"]\nurl = https://example.org/x', "example.org"),
        ("git fetch https://other.org/x", '[remote "o"]\nurl = https://example.org/x', "other.org"),
        ("git fetch", '[remote "o"]\nurl = example.org:x', "*"),
        ("git fetch", '[remote "o"]\nurl = https://[bad/x', "*"),
        ("git fetch", '[remote "o"]\nurl = https://a/x\nurl = https://b/x', "*"),
        ("git fetch", '[remote "o"]\nurl = https://a/x\n[url "https://evil/"]\ninsteadOf = https://a/', "*"),
        ("git fetch x", '[remote "o"]\nurl = https://a/x', "*"),
    ],
)
def test_a_host_is_named_only_where_it_is_sure(command: str, config: str, host: str) -> None:
    assert f"connect {host}" in effects(command, _repository(config))


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("git config user.name", set[str]()),
        ("git config --get user.name", set[str]()),
        ("git config --show-origin user.name", set[str]()),
        ("git config user.name x", {"write .git/config", "write .git/config.worktree"}),
        ("git config --unset user.name", {"write .git/config", "write .git/config.worktree"}),
        ("git config --global user.name x", {"write /home/u/.gitconfig", "write /etc/gitconfig"}),
    ],
)
def test_a_setting_that_is_changed_writes_the_file_that_holds_it(command: str, written: set[str]) -> None:
    assert {one for one in effects(command, _repository()) if one.startswith("write")} == written


def test_a_setting_changed_outside_of_a_repository_is_not_accounted_for() -> None:
    assert "which configuration this changes is not known" in whys("git config user.name x")
