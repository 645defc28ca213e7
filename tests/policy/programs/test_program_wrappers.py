"""Programs that start programs: both are judged, and only names that are known are passed on."""

from __future__ import annotations

import pytest

from made_up import Tree, argv, effects, whys

UNKNOWN_NAMES = "the names that xargs would pass on are not known"


def test_a_wrapper_that_starts_nothing_is_said_to() -> None:
    assert whys("timeout 5") == ["which program this starts is not known"]


def test_nice_alone_only_prints() -> None:
    assert effects("nice") == set()
    assert whys("nice ''")


@pytest.mark.parametrize("command", ["timeout -k 1 5 cat a", "timeout --kill-after=1 5 cat a", "nice -n 5 cat a", "nice -5 cat a"])
def test_options_of_a_wrapper_are_not_the_program(command: str) -> None:
    assert effects(command) == {"read a"}


def test_a_chain_of_wrappers_ends_somewhere() -> None:
    assert "which program this starts is not known" in whys("timeout 1 " * 12 + "cat a")


def test_an_assignment_that_is_no_name_is_not_accounted_for() -> None:
    assert "this assignment is not accounted for" in whys("env 1A=b cat a")


def test_env_starts_the_program_by_its_full_path_with_what_it_sets() -> None:
    assert argv("env A=b -- cat a")[:2] == ("env", "A=b")
    assert argv("env A=b cat a") == ("env", "A=b", "/usr/bin/cat", "a")


@pytest.mark.parametrize("option", ["-i", "-u GIT_PAGER"])
def test_an_env_that_takes_pins_away_is_not_accounted_for(option: str) -> None:
    assert "variables that keep this program from starting others would be cleared" in whys(f"env {option} git status")
    assert not whys(f"env {option} cat a")


# --- xargs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "find d | xargs cat",
        "find d -print0 | xargs -0 cat",
        "find d | xargs -d '\\n' cat",
        "find d | xargs -I % cat %",
        "find d | xargs -n 2 cat",
        "find d | sort -u | grep -v x | head -n 3 | xargs cat",
        "find d | grep -e x | xargs",
    ],
)
def test_names_that_find_printed_are_known(command: str) -> None:
    assert effects(command) == {"read* d"}


@pytest.mark.parametrize(
    "command",
    [
        "find d -print0 | xargs cat",
        "find d | xargs -0 cat",
        "find d | xargs -d x cat",
        "find d -print0 | sort | xargs cat",
        "find d | sort -o x | xargs cat",
        "find d | grep x a | xargs cat",
        "find d | grep -o x | xargs cat",
        "find d | sort --frob | xargs cat",
        "find d | cat | xargs cat",
        "find d | sort > x | xargs cat",
        "find 'd x' | xargs cat",
        "find loop | xargs cat",
        "find '' | xargs cat",
        "cat a | sort | xargs cat",
    ],
)
def test_names_that_were_changed_on_the_way_or_cannot_be_told_apart_are_not_known(command: str) -> None:
    assert UNKNOWN_NAMES in whys(command)


def test_names_of_a_tree_too_large_to_look_through_are_not_known() -> None:
    large: Tree = {f"/w/d/{number}": "x" for number in range(4001)}
    assert UNKNOWN_NAMES in whys("find d -type f | xargs cat", large)


def test_a_name_that_xargs_would_run_is_not_known() -> None:
    assert "which program this starts is not known" in whys("find d -type f | xargs -I % % x")


def test_a_marker_inside_a_word_is_not_accounted_for() -> None:
    assert "what this would run is not known" in whys("find d | xargs -I % cat x%")


@pytest.mark.parametrize("option", ["-n 2", "-L 1", "-l", "--max-lines=1", "--max-args=3"])
def test_a_marker_that_another_option_turns_off_is_not_taken_for_the_names(option: str) -> None:
    """xargs takes the last of `-I` and a number of names: `/etc/secret` would be a plain word that is read."""
    assert "what this would run is not known" in whys(f"find d | xargs -I /etc/secret {option} cat /etc/secret")


def test_a_variable_that_xargs_sets_is_not_accounted_for() -> None:
    assert whys("find d | xargs --process-slot-var=LD_PRELOAD cat")


def test_what_runs_has_one_marker_for_the_names() -> None:
    assert argv("find d a | xargs -I % cp % b", number=1) == ("xargs", "-I", "%", "/usr/bin/cp", "%", "b")
    assert effects("find d a | xargs -I % cat b %") == {"read* d", "read* a", "read b"}


def test_a_copy_into_names_that_are_found_writes_anywhere_below() -> None:
    assert effects("find d -type d | xargs cp a") == {"read* d", "read a", "write* d"}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("find d | xargs awk", "this program of awk is not accounted for: a name would be run as the program"),
        ("find d | xargs sed", "`sed` would run a name as its script"),
        ("find d | xargs jq", "this filter of jq is not accounted for: it is a name that another program gives"),
        ("find d | xargs git", "this subcommand of `git` is not accounted for"),
        ("find d | xargs bash", "what would be run is not known"),
        ("find d | xargs -I % git -C % status", "in which directory this runs is not known"),
    ],
)
def test_a_name_is_never_a_program_or_a_place(command: str, why: str) -> None:
    assert why in whys(command)


def test_a_command_judges_only_so_many_programs() -> None:
    many = "find " + "a " * 401 + "-exec cat {} ';'"
    assert "which program this starts is not known" in whys(many)
