"""Readers of small languages, of option lists and of git's configuration."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bylaw.policy.errors import ProfileError
from bylaw.policy.git_config import ConfigSyntaxError, Entry, parse_config
from bylaw.policy.profiles.awk import unaccounted as awk_unaccounted
from bylaw.policy.profiles.jq import unaccounted as jq_unaccounted
from bylaw.policy.profiles.loader import parse_profile
from bylaw.policy.profiles.options import Given, parse_words
from bylaw.policy.profiles.sed import scan_sed


@pytest.mark.parametrize(
    "script",
    ["p", "1,120p", "$d", "s/a/b/g", "s|a|b|2gI", "/x/,/y/{s/a/b/;p}", "2~3d", "1,+2p", "0,/x/s//y/", "\\,x,d", "a text; w f", "y/ab/cd/", ":a;N;$!ba;s/\\n/ /g", "1!G;h;$!d", "i\\\nw f", "=", "5q", "#w f", "s/\\//x/"],
)  # fmt: skip
def test_a_sed_script_that_only_edits_is_accounted_for(script: str) -> None:
    assert scan_sed(script) == ([], None)


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("r f", [("read", "f")]),
        ("/x/R f g", [("read", "f g")]),
        ("w f;p", [("write", "f;p")]),
        ("s/a/b/gw f", [("write", "f")]),
        ("a x\nW f", [("write", "f")]),
        ("y/w/x/;w f", [("write", "f")]),
        ("s/w f/x/;s,a,b,w f", [("write", "f")]),
        ("{p;w f\n}", [("write", "f")]),
        ("i\\\n x\\\n y\nw f", [("write", "f")]),
    ],
)
def test_a_sed_script_names_its_files(script: str, files: list[tuple[str, str]]) -> None:
    assert scan_sed(script) == (files, None)


@pytest.mark.parametrize(
    "script",
    ["e", "1e ls", "s/a/b/e", "s/a/b/pe", "s/a", "v", "u", "{e}", "$!{1!e ls\n}", ":x;e ls", "b;e ls", "}e", "s\na\nb\n", "y/a/b", "1,p"],
)
def test_a_sed_script_that_runs_or_is_not_understood_is_not_accounted_for(script: str) -> None:
    assert scan_sed(script)[1] is not None


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from([*"s/xyewrRWgp;{}1$,\\aicbt:n !d#[]IM0~+qlm|\n", "s/x/y/", "a\\", "e ls", "w f"]), min_size=1, max_size=9).map(
        "".join
    )
)
def test_what_sed_itself_forbids_in_its_sandbox_is_never_called_harmless(script: str) -> None:
    files, why = scan_sed(script)
    if files or why is not None:
        return
    sed = shutil.which("sed")
    assert sed is not None
    done = subprocess.run([sed, "--sandbox", "-n", script], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20)
    assert b"sandbox" not in done.stderr


@pytest.mark.parametrize(
    "program",
    ["{print $1}", "$3 > 5", "/a|b/{n++} END{print n}", "{if ($1 > 2) print}", 'BEGIN{FS=","} {print $2 "|" $3}', "{s += $1 / 2}", "NR==1 || NR==2", "/[[:alpha:]|]+/", '{gsub(/[^a]/, ">"); print}', "{print}"],
)  # fmt: skip
def test_an_awk_program_that_only_prints_is_accounted_for(program: str) -> None:
    assert awk_unaccounted(program) is None


@pytest.mark.parametrize(
    "program",
    [
        'BEGIN{system("x")}', '{print > "f"}', '{print >> "f"}', '{print | "sh"}', '{"x" | getline}', "{getline l < f}", "BEGIN{ARGV[1]=f;ARGC=2}",
        '@include "f"', "{@f()}", '{print x / 2 > "f" / 2}', '{print x++ / 1 > "f" / 1}', '/[]/ "]/ ; print > "f" ; x = " /', '/[[:alpha:]/]/ {print > "f"}',
        '{print "a', "{print /a", '{printf("x") > "f"}', '{print $1 |& "x"}', 'BEGIN{SYMTAB["x"]=1}', "}{print > f", '(1){print > "f"}', '{f = "x"; print a, b > f}',
    ],
)  # fmt: skip
def test_an_awk_program_that_could_reach_out_is_not_accounted_for(program: str) -> None:
    assert awk_unaccounted(program) is not None


def test_jq_loads_files_only_by_name() -> None:
    assert jq_unaccounted(".a | keys[]") is None
    assert jq_unaccounted('import "m" as m; 1') is not None
    assert jq_unaccounted('include "m"; 1') is not None


TABLE = parse_profile(
    'program: x\ncategory: y\noptions:\n  flag: "-a --all, -b"\n  write: "-o --output"\n  text?: "-i --in-place, --color"\noperands: read',
    source="x",
).table


def _read(*words: str) -> list[tuple[str, str | None]]:
    parsed = parse_words(TABLE, words)
    found = [(one.option.spellings[0], one.value) if isinstance(one, Given) else ("", one.word) for one in parsed.items]
    return [*found, *(("?", fault) for fault in parsed.faults)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("-abo", "f", "g"), [("-a", None), ("-b", None), ("-o", "f"), ("", "g")]),
        (("-abof",), [("-a", None), ("-b", None), ("-o", "f")]),
        (("--outp=f",), [("-o", "f")]),
        (("--output", "-a"), [("-o", "-a")]),
        (("f", "-a", "--", "-b", "-"), [("", "f"), ("-a", None), ("", "-b"), ("", "-")]),
        (("-i.bak", "-i", "f"), [("-i", ".bak"), ("-i", None), ("", "f")]),
        (("--all=x",), [("?", "--all=x")]),
        (("-z", "--frob", "-o"), [("?", "-z"), ("?", "--frob"), ("?", "-o")]),
        (("-az",), [("-a", None), ("?", "-az")]),
    ],
)
def test_options_are_read_as_getopt_reads_them(words: tuple[str, ...], found: list[tuple[str, str | None]]) -> None:
    assert _read(*words) == found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("program: x\ncategory: y\nfrob: z", "`frob`"),
        ("program: x\ncategory: y\noptions: {frob: -a}", "`frob`"),
        ("program: x\ncategory: y\noptions: {flag: '-a, -a'}", "`-a`"),
        ("program: x\nprogram: y", "twice"),
        ("program: x\ncategory: y\nalways: [explode]", "`explode`"),
        ("program: x\ncategory: y\nexamples: [ls]", "=>"),
        ("program: x\ncategory: y\nnumeric: maybe", "true or false"),
        ("program: x\ncategory: y\nstyle: odd", "`odd`"),
        ("program: [", "YAML"),
        ("- a", "mapping"),
        ("program: x\ncategory: y\ninterpreter: odd", "`odd` is no interpreter"),
        ("program: x\ncategory: y\nrepository: odd", "`odd` is nothing that can be done to a repository"),
        ("program: x\ncategory: y\nexact: a", "f.yaml: profile.exact: a list"),
        ("program: x\ncategory: y\nbare: {a: b}", "profile.bare: a list"),
        ("program: x\ncategory: y\nexamples: a", "examples: a list"),
        ("program: x\ncategory: y\ncommands: {a b: {}, b c: {}}", "`b` stands twice"),
        ("program: [x]\ncategory: y", "a text"),
        ("category: y", "text"),
    ],
)
def test_a_malformed_profile_is_named(text: str, what: str) -> None:
    with pytest.raises(ProfileError, match=r".") as problem:
        parse_profile(text, source="f.yaml")
    assert what in str(problem.value)


def test_words_of_a_profile_may_be_a_list_and_one_effect_a_text() -> None:
    profile = parse_profile("program: x\ncategory: y\naliases: [a, b c]\nbare: read .", source="f.yaml")
    assert profile.aliases == ("a", "b c")
    assert [(one.kind, one.subject) for one in profile.table.bare] == [("read", ".")]


def test_git_configuration_is_read_as_git_reads_it() -> None:
    text = '# c\n[core]\n\tbare = false ; c\n[Filter "a\\"b"] clean = "x # y" z \\\n w\n[old.Sub]\n\tKey\n[x]y=1#2\n'
    assert parse_config(text) == (
        Entry(section="core", subsection="", key="bare", value="false"),
        Entry(section="filter", subsection='a"b', key="clean", value="x # y z  w"),
        Entry(section="old", subsection="sub", key="key", value="true"),
        Entry(section="x", subsection="", key="y", value="1"),
    )


@pytest.mark.parametrize("text", ["key = 1", "[a", '[a]\nb = "x', "[a]\nb = \\x", "[a]\n1b = x", "\ufeff[a]", "[a] b c"])
def test_git_configuration_that_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(ConfigSyntaxError):
        parse_config(text)
