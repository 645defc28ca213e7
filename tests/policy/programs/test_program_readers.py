"""Readers of small languages, and of the words of single programs: what they read, write and start."""

from __future__ import annotations

import pytest

from bylaw.policy.profiles.awk import unaccounted as awk_unaccounted
from bylaw.policy.profiles.sed import scan_sed
from made_up import effects, whys


@pytest.mark.parametrize("program", ["{ x = 1 + \\\n 2 }", "# a comment with | and >\n{print}", "{print} # at the end", '{print "a\\"b"}'])
def test_an_awk_program_may_have_comments_and_continued_lines(program: str) -> None:
    assert awk_unaccounted(program) is None


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("({)}", "a brace stands inside parentheses"),
        ('{print "a\nb"}', "a text does not end"),
        ("/a\nb/", "a pattern does not end"),
        ("print)", "a bracket is closed that was not opened"),
    ],
)
def test_an_awk_program_that_awk_would_refuse_is_not_accounted_for(program: str, why: str) -> None:
    assert awk_unaccounted(program) == why


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("awk --version", set[str]()),
        ("awk", set[str]()),
        ("awk '{print}' - x=1 a", {"read a"}),
        ("sed --version", set[str]()),
        ("sed -i.bak d a", {"read a", "write a", "write .", "write a.bak"}),
        ("jq", set[str]()),
        ("jq --slurpfile x", set[str]()),
        ("jq -- .a a", {"read a"}),
        ("jq --indent -f b a", {"read a"}),
        ("curl -T '{a,b}' https://e.org", {"read {a,b}", "unknown", "connect e.org"}),
        ("curl -T a -X PUT https://e.org", {"read a", "connect e.org"}),
        ("curl -X POST https://e.org", {"connect e.org"}),
        ("curl file://other/etc/secret", {"unknown"}),
        ("sed -n /x/Ip a", {"read a"}),
        ("jq -f b a", {"workspace", "read a", "read b"}),
        ("curl -d a=@b https://e.org", {"unknown", "connect e.org"}),
        ("curl -w '%output{x}' https://e.org", {"unknown", "connect e.org"}),
        ("curl -L https://e.org/x", {"connect e.org", "connect *"}),
        ("curl -O https://e.org/x?y", {"write x", "connect e.org"}),
        ("curl -O https://e.org/", {"write e.org", "connect e.org"}),
        ("curl ftp://e.org:21/x", {"connect e.org"}),
        ("curl gopher://e.org/x", {"unknown"}),
        ("curl 'https://e.{a,b}/'", {"connect *"}),
        ("curl u@e.org", {"connect e.org"}),
        ("curl FILE:///etc/secret", {"read /etc/secret"}),
        ("du -L d", {"read* d"}),
        ("du -L", {"read* .", "unknown"}),
        ("grep -R x -", set[str]()),
        ("rg x -", set[str]()),
        ("rg -L x -", set[str]()),
        ("cat -", set[str]()),
        ("xxd -s", {"unknown"}),
        ("cat ''", {"unknown"}),
        ("rm loop/x", {"unknown"}),
        ("rm ''", {"unknown"}),
        ("rm -r d/..", {"delete* ."}),
        ("mv a ''", {"read* a", "delete* a", "unknown"}),
    ],
)
def test_the_words_of_a_program_mean_what_the_program_takes_them_for(command: str, expected: set[str]) -> None:
    assert effects(command) == expected


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("s", "this delimiter is not accounted for"),
        ("s\\a\\b\\", "this delimiter is not accounted for"),
        ("s/a\\", "the script ends in a backslash"),
        ("y/a\nb/c/", "a newline stands in a pattern"),
        ("w", "a file name is missing"),
        ("1,2", "the command `` is not accounted for"),
        ("p p", "a command does not end where it should"),
    ],
)
def test_a_sed_script_that_breaks_off_is_not_accounted_for(script: str, why: str) -> None:
    assert scan_sed(script) == ([], why)


@pytest.mark.parametrize("suffix", ["/tmp/*", "x/", "*.bak"])
def test_a_suffix_that_puts_the_old_files_elsewhere_is_not_accounted_for(suffix: str) -> None:
    assert "where this suffix puts the old files is not accounted for" in whys(f"sed -i'{suffix}' d a")


def test_a_file_in_no_sure_place_is_not_rewritten_in_silence() -> None:
    assert effects("sed -i d loop/x") == {"unknown"}
