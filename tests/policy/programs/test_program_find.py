"""The expression of find: every action is named, and nothing but names is passed on as names."""

from __future__ import annotations

import pytest

from made_up import argv, effects, run, whys


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("find -L d -name x", {"read* d"}),
        ("find -O3 d", {"read* d"}),
        ("find -D exec d", {"read* d"}),
        ("find -- d", {"read* d"}),
        ("find d -follow", {"read* d"}),
        ("find d -newermt 2024-01-01", {"read* d"}),
        ("find d -neweraa a", {"read* d", "read a"}),
        ("find d -fprintf out '%p'", {"read* d", "write out"}),
        ("find d -exec cat {} ';' -delete", {"read* d", "delete* d"}),
    ],
)
def test_the_words_before_and_in_the_expression_are_read_as_find_reads_them(command: str, expected: set[str]) -> None:
    assert effects(command) == expected


@pytest.mark.parametrize("word", ["-name", "-newer", "-fprint", "-fprintf"])
def test_an_expression_that_ends_too_early_is_not_accounted_for(word: str) -> None:
    assert "this word of `find` needs another one" in whys(f"find d {word}")


@pytest.mark.parametrize("command", ["find d -exec", "find d -exec cat {}", "find d -exec ';'", "find d -exec cat +"])
def test_an_action_without_an_end_or_a_command_is_not_accounted_for(command: str) -> None:
    assert "the command of this action has no end" in whys(command)


def test_running_what_is_found_is_running_code_of_the_workspace() -> None:
    assert effects("find d -type f -exec {} ';'") == {"read* d", "unknown", "workspace"}
    assert "files that are found would be run" in whys("find d -exec {} ';'")


@pytest.mark.parametrize("command", ["find d -execdir cat {} ';'", "find d -exec cat x{} ';'", "find d -okdir cat ';'"])
def test_words_that_only_find_puts_together_are_not_accounted_for(command: str) -> None:
    assert "what this action would run is not known" in whys(command)


def test_what_runs_has_the_braces_where_the_judged_words_stood_for_the_names() -> None:
    assert argv("find d -type f -exec git log {} ';' -name x")[-4:] == ("{}", ";", "-name", "x")
    assert argv("find d -exec cat {} + -name x") == ("find", "d", "-exec", "/usr/bin/cat", "{}", "+", "-name", "x")


def test_a_plus_does_not_end_a_command_that_asks_first() -> None:
    """find reads on to the `;`: what would be judged as two actions is one command with more words."""
    assert effects("find d -ok rm {} + -exec cat /etc/secret ';'") >= {"unknown", "delete* d"}
    assert argv("find d -ok cat {} + a ';'") == ("find", "d", "-ok", "/usr/bin/cat", "{}", "+", "a", ";")


@pytest.mark.parametrize(
    "action",
    [
        "-fprintf /dev/stdout '/etc/secret\\n'",
        "-fprint /dev/stdout",
        "-fls /dev/stdout",
        "-fprint0 /dev/stderr",
        "-printf /etc/secret",
        "-ls",
    ],
)
def test_output_that_is_more_than_names_is_not_known_to_xargs(action: str) -> None:
    assert "the names that xargs would pass on are not known" in whys(f"find d {action} | xargs cat")


@pytest.mark.parametrize("command", ["find d -mtime ' /etc/secret ' 2>&1 | xargs cat", "find d | sort -r 2>&1 | xargs cat"])
def test_messages_of_errors_that_go_the_way_of_the_names_are_not_names(command: str) -> None:
    assert "the names that xargs would pass on are not known" in whys(command)


def test_messages_of_errors_that_go_elsewhere_leave_the_names_known() -> None:
    assert not whys("find d 2> /dev/null | xargs cat")


def test_the_output_of_a_command_that_find_starts_is_not_known_to_xargs() -> None:
    assert "the names that xargs would pass on are not known" in whys("find d -exec cat {} ';' | xargs cat")


def test_links_that_lead_out_are_not_accounted_for_where_find_follows_them() -> None:
    where = {"/w/d/l": "->/etc"}
    assert "a symbolic link leads out of the tree" in whys("find -L d -name x", where)
    assert not whys("find d -name x", where)


def test_a_link_that_leads_nowhere_sure_is_not_accounted_for_where_links_are_followed() -> None:
    assert whys("find -L d", {"/w/d/l": "->l"}) == ["a symbolic link leads out of the tree"]
    assert not whys("find -L d", {"/w/d/l": "->b"})


def test_a_tree_too_large_to_look_through_is_said_where_links_are_followed() -> None:
    large: dict[str, str | None] = {f"/w/d/{number}": "x" for number in range(4001)}
    assert whys("find -L d", large) == ["the tree is too large to prove that no link leaves it"]


def test_a_start_that_leads_nowhere_sure_is_not_accounted_for() -> None:
    assert whys("find loop -delete")[0] == "where this path leads is not known"
    assert not [one for one in run("find loop/x -delete").effects if "delete" in str(type(one)).lower()]
