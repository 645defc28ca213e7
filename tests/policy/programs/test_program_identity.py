"""Which program a name stands for, and what its profile is let to say."""

from __future__ import annotations

import pytest

from bylaw.agent.describe import effect_in_words
from bylaw.policy import manifest
from bylaw.policy.effects import Delete, Effect, Execute, Read, Write
from bylaw.policy.layers import load
from bylaw.policy.paths import Walker
from bylaw.policy.profiles import find_profile
from bylaw.policy.profiles.identity import identify, widens
from bylaw.policy.profiles.interpreter import Analyst, Call, Sheet
from bylaw.policy.profiles.model import Always
from made_up import effects, run, scope, whys


@pytest.mark.parametrize("command", ["'' a", '"" a'])
def test_a_program_without_a_name_is_not_accounted_for(command: str) -> None:
    found = run(command)
    assert found.refusal is not None or whys(command)


def test_an_empty_name_is_no_program() -> None:
    assert identify("", "/w", scope()).standing == "missing"
    assert identify("a\0b", "/w", scope()).standing == "missing"


def test_a_path_that_leads_nowhere_sure_is_no_known_program() -> None:
    assert "this file is neither a program of the search path nor in the workspace" in whys("./loop a")


def test_a_later_directory_of_the_search_path_counts_for_a_full_path() -> None:
    where = scope({"/bin": None, "/bin/cat": "program"}, search=("/usr/bin", "/bin"))
    assert effects("/bin/cat a", where) == {"read a"}


def test_a_full_path_that_is_no_program_is_not_known() -> None:
    assert whys("/usr/bin/nothing a")


@pytest.mark.parametrize(
    ("always", "effect"),
    [
        (Always(kind="read", subject="~/x"), Read(path="/home/u/x")),
        (Always(kind="tree", subject="d"), Read(path="/w/d", recursive=True)),
        (Always(kind="write", subject="x"), Write(path="/w/x")),
        (Always(kind="write_tree", subject="d"), Write(path="/w/d", recursive=True)),
        (Always(kind="delete", subject="x"), Delete(path="/w/x")),
    ],
)
def test_what_a_profile_always_does_is_an_effect(always: Always, effect: Effect) -> None:
    analyst, sheet = _judging("cat")
    analyst.always(always, sheet)
    assert list(analyst.ledger.effects) == [effect]


@pytest.mark.parametrize("kind", ["read", "tree"])
def test_what_is_read_without_a_word_is_followed_where_an_option_follows(kind: str) -> None:
    analyst, sheet = _judging("cat")
    analyst.always(Always(kind="read" if kind == "read" else "tree", subject="."), sheet, follow=True)
    assert Read(path="/w", recursive=True) in analyst.ledger.effects
    assert len(analyst.ledger.effects) == 2  # `/w/loop` leads nowhere


def _judging(program: str) -> tuple[Analyst, Sheet]:
    profile = find_profile(program)
    assert profile is not None
    where = scope()
    analyst = Analyst(where, {})
    return analyst, Sheet(
        call=Call(argv=(program,), directory="/w"), profile=profile, directory="/w", identity=identify(program, "/w", where)
    )


def test_a_program_of_the_workspace_is_read_and_run() -> None:
    found = run("./p x")
    assert Read(path="/w/p", span=found.effects[0].span) in found.effects
    assert [one.path for one in found.effects if isinstance(one, Execute)] == ["/w/p"]


@pytest.mark.parametrize(
    ("binary", "why"),
    [
        ("busybox", "this stands for many programs, which differ from those of their names"),
        ("coreutils", "there is no profile of this program"),
    ],
)
def test_a_binary_that_plays_many_programs_is_judged_by_the_name_it_is_called_by(binary: str, why: str) -> None:
    where = scope({"/usr/bin/cat": f"->{binary}", f"/usr/bin/{binary}": "program"})
    assert effects("cat a", where) == {"read a"}
    assert effects("cat --frob", where) == {"unknown"}
    assert why in whys(f"{binary} cat a", where)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/bin/busybox", "every program"),
        ("/usr/bin/coreutils", "every program"),
        ("/usr/bin/git", "every command"),
        ("/home/u/.pyenv/shims/python", "whichever"),
        ("/usr/bin/cat", ""),
    ],
)
def test_a_grant_says_what_else_the_file_is(path: str, word: str) -> None:
    assert word in widens(path)
    assert bool(word) == bool(widens(path))


def test_a_person_reads_what_else_the_file_of_a_program_is() -> None:
    shown = effect_in_words(Execute(program="cat", argv=("cat",), path="/bin/busybox"))
    assert shown == "starts: cat (/bin/busybox); `/bin/busybox` is every program that busybox plays"
    assert effect_in_words(Execute(program="git", argv=("git",), path="/usr/bin/git")) == "starts: git (/usr/bin/git)"


def test_the_manifest_says_what_the_grant_of_a_file_widens() -> None:
    where = scope({"/usr/bin/cat": "->busybox", "/usr/bin/busybox": "program"})
    policy = load("balanced", workspace="/w", home="/home/u")
    found = manifest.build(run("cat a", where).effects, policy, where, Walker(where.files))
    assert found.programs == ("/usr/bin/busybox",)
    assert found.widened == (widens("/usr/bin/busybox"),)
