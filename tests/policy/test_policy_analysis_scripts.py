"""What scripts would do: every way is judged, late words keep their places, and what no plan can say is left to a shell by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bylaw.policy.analysis import Analysis, analyse_command
from bylaw.policy.effects import Delete, Effect, Execute, Read, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.holes import has_hole
from bylaw.policy.machine import MachineFiles
from bylaw.policy.model import Limits
from bylaw.policy.plan import Conditional, Invocation, LateWord
from bylaw.policy.records import asdict, replace
from bylaw.policy.scope import Scope

LIMITS = Limits(read_bytes=10**6, write_bytes=10**6, output_bytes=10**6, command_seconds=60, command_characters=8192, regular_files=True)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    root = tmp_path_factory.mktemp("scripts").resolve()
    for name in ("src", "lib", "lib/src"):
        (root / name).mkdir()
    for name in ("a", "b", "list", "src/a", "lib/a"):
        (root / name).write_text("x\n")
    here = str(root)
    return Scope(
        files=MachineFiles(), workspace=here, cwd=here, home="/nonexistent", read_roots=(here,), write_roots=(here,),
        environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )  # fmt: skip


def run(command: str, where: Scope) -> Analysis:
    return analyse_command(command, where, LIMITS)


def reads(analysis: Analysis, where: Scope) -> set[str]:
    return {Path(one.path).relative_to(where.cwd).as_posix() for one in analysis.effects if isinstance(one, Read)}


def unknown(analysis: Analysis) -> list[str]:
    return [one.why for one in analysis.effects if isinstance(one, Unknown)]


def programs(analysis: Analysis) -> set[str]:
    return {one.program for one in analysis.effects if isinstance(one, Execute)}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("if cat a; then cat b; else cat list; fi", {"a", "b", "list"}),
        ("while cat a; do cat b; done", {"a", "b"}),
        ("for f in a b; do cat $f; done", {"a", "b"}),
        ("case x in a) cat a;; b) cat b;& *) cat list;; esac", {"a", "b", "list"}),
        ("f() { cat $1; }; f a; f b", {"a", "b"}),
        ("(cat a); { cat b; }", {"a", "b"}),
        ("[[ -f a && ! ( b -nt list || -n x ) ]]", {"a", "b", "list"}),
        ("[[ -f '' || -f a ]]", {"a"}),
        ("[ -f a ]; test -d src", {"a", "src"}),
        ("cat a <list >/dev/null", {"a", "list"}),
        ('while read -r x; do echo "$x"; done <list', {"list"}),
        ("{ echo a; } <list", {"list"}),
        ("echo $(cat a) >/dev/null", {"a"}),
        ("cd src; cat a", {"src/a", "a"}),
        ("cd src && cat a", {"src/a"}),
        ("cd src || cd lib; cat a", {"src/a", "lib/a", "a"}),
        ("cd src || exit; cat a", {"src/a"}),
        ("cd lib; cat <a", {"lib/a", "a"}),
        ("cd lib; [[ -f a ]]", {"lib/a", "a"}),
        ("exit; cat a", {"a"}),
        ("for f in; do cat a; done", {"a"}),
        ("cat <<E\n$(cat a)\nE\n", {"a"}),
        ("diff <(cat a) b", {"a", "b"}),
        ("cat a & cat b", {"a", "b"}),
        ("command cat a", {"a"}),
    ],
)  # fmt: skip
def test_every_way_is_judged(command: str, expected: set[str], where: Scope) -> None:
    assert reads(run(command, where), where) == expected


@pytest.mark.parametrize(
    "command",
    [
        'for f in a b; do wc -l "$f"; done',
        "if [ -f a ]; then cat a; fi",
        'echo "here: $(cat a)"',
        'x=$(cat a); echo "$x" $x',
        'echo "status: $?"',
        'cat list | while read -r l; do echo "$l"; done',
        "printf '%s\\n' \"$(cat a)\"",
        "for i in 1 2 3; do echo $((i * 2)); done",
        "touch new; ls *",
        "type cat; command -v cat",
        "set -euo pipefail; cat a | wc -l",
        "case $(cat a) in x) echo yes;; *) echo no;; esac",
        "[[ $(cat a) == x* ]] && echo yes",
        "time cat a; ! cat b",
        'f() { echo "$1"; }; f "$(cat a)"',
        'export FOO="$(cat a)"; cat b',
        'cat a > /dev/null; cat <<< "$(cat b)"',
    ],
)  # fmt: skip
def test_what_only_reads_runs_from_a_plan(command: str, where: Scope) -> None:
    found = run(command, where)
    assert found.refusal is None
    assert (found.by_bash, unknown(found)) == ("", [])
    assert found.plan is not None


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ('while read -r f; do cat "$f"; done <list', "a word that only the run knows is more than data"),
        ("cat $(cat list)", "a word that only the run knows is more than data"),
        ("timeout 5 $(cat a)", "a word that only the run knows is more than data"),
        ('[ -f "$(cat a)" ]', "a word that only the run knows is more than data"),
        ("[[ -f $(cat a) ]]", "a word that only the run knows is more than data"),
        ("cat a >$(cat b)", "a redirection to a file that only the run knows"),
        ("cat a & cat b", "a command in the background"),
        ("diff <(cat a) b", "a process substitution"),
        ("echo $(rm a)", "a command substitution that does more than read"),
        ("echo $(./x)", "a command substitution that does more than read"),
        ("echo $(cat a >b)", "a command substitution that does more than read"),
    ],
)  # fmt: skip
def test_what_no_plan_can_say_is_run_by_a_shell_that_is_named(command: str, why: str, where: Scope) -> None:
    found = run(command, where)
    assert why in found.by_bash
    assert found.plan is not None
    (one,) = found.plan.invocations()
    assert one.argv == ("bash", "--noprofile", "--norc", "-c", command)
    assert one.directory == where.cwd
    shells = [each for each in found.effects if isinstance(each, Execute) and each.category == "shell"]
    assert [each.argv for each in shells] == [one.argv]
    assert found.captures == ()


def test_a_path_that_only_the_run_knows_is_unknown(where: Scope) -> None:
    assert unknown(run('while read -r f; do cat -- "$f"; done <list', where))
    assert unknown(run("cat a >$(cat b)", where))


def test_a_program_does_not_run_in_a_shell_without_what_its_profile_pins(where: Scope) -> None:
    for command in ("git show $(git rev-parse HEAD)", "git log & cat a"):
        found = run(command, where)
        assert found.refusal is not None
        assert found.refusal.construct == "pins_of_shell"


def test_pins_of_the_environment_are_given_to_the_shell(where: Scope) -> None:
    found = run("git rev-parse HEAD & cat a", where)
    assert found.plan is not None
    (one,) = found.plan.invocations()
    assert ("GIT_CONFIG_GLOBAL", "/dev/null") in one.environment


@pytest.mark.parametrize("name", ["BASH_ENV", "ENV", "BASH_FUNC_cat%%"])
def test_a_shell_is_not_started_where_the_environment_would_run_code_in_it(name: str, where: Scope) -> None:
    found = run("cat a &", replace(where, environment={**where.environment, name: "x"}))
    assert found.refusal is not None
    assert found.refusal.construct == "special_variable"


def test_a_shell_that_is_not_installed_is_said_to_be_so(where: Scope) -> None:
    found = run("cat a &", replace(where, search_path=("/nonexistent",)))
    assert "bash" in found.not_installed


# --- late words --------------------------------------------------------------------------------------------------


def late(analysis: Analysis) -> list[tuple[tuple[str, ...], list[int]]]:
    assert analysis.plan is not None
    return [(one.argv, [place for place, _ in one.late]) for one in analysis.plan.invocations() if one.late]


@pytest.mark.parametrize(
    ("command", "argv", "places"),
    [
        ('echo a "$(cat a)" b "$?"', ("echo", "a", "$(...)", "b", "$?"), [2, 4]),
        ('git log --grep "$(cat a)"', None, None),
        ('git commit -m "$(cat a)" -m "$?"', None, None),
        ("touch z; ls -l *", ("ls", "-l", "*"), [2]),
    ],
)  # fmt: skip
def test_late_words_keep_their_places_behind_what_a_profile_inserts(
    command: str, argv: tuple[str, ...] | None, places: list[int] | None, where: Scope
) -> None:
    found = run(command, where)
    assert found.plan is not None
    assert found.by_bash == ""
    for words, at in late(found):
        assert argv is None or words == argv
        assert places is None or at == places
    for one in found.plan.invocations():
        assert [one.argv[place] for place, _ in one.late] == [word.written for _, word in one.late]
        assert not any(map(has_hole, one.argv))
    assert late(found)


def test_a_prefix_that_is_pinned_wins_over_a_late_one(where: Scope) -> None:
    found = run('GIT_PAGER="$(cat a)" git status', where)
    assert found.plan is not None
    one = found.plan.invocations()[0]
    assert "GIT_PAGER" not in dict(one.late_environment)
    assert dict(one.environment)["GIT_PAGER"] == "cat"


# --- captures ----------------------------------------------------------------------------------------------------


def test_each_capture_is_a_call_of_its_own_and_part_of_the_whole(where: Scope) -> None:
    found = run('echo "$(cat a)" "$(echo "$(cat b)")"', where)
    assert found.plan is not None
    assert [one.text for one in found.captures] == ["$(cat a)", '$(echo "$(cat b)")', "$(cat b)"]
    assert len(found.plan.captures) == 3
    for one in found.captures:
        assert set(one.effects) <= set(found.effects)
        assert one.plan is not None
        assert one.plan.captures == found.plan.captures
    first, second, third = found.captures
    assert (reads(first, where), reads(third, where)) == ({"a"}, {"b"})
    assert any(isinstance(one, UseConstruct) and one.construct == "command_substitution" for one in second.effects)


# --- what bash itself looks for ----------------------------------------------------------------------------------

_DASH = "bash would take a name that begins with `-` for an option"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("sort * & wait", [_DASH]),
        ("sort ?b & wait", [_DASH]),
        ("sort [ab]* & wait", [_DASH]),
        ("sort -o* & wait", [_DASH]),
        ("sort '-'o* & wait", [_DASH]),
        ("touch new; wait; sort *", [_DASH]),
        ("x=*; sort $x & wait", [_DASH]),
        ("set -- *; cat a & wait", [_DASH]),
        ('for f in *; do echo "$f"; done & wait', [_DASH]),
        ("cd src || cd lib; sort * & wait", [_DASH]),
        ("sort ./* & wait", []),
        ("sort src/* & wait", []),
        ("sort a* & wait", []),
        ("sort '*' & wait", []),
        ('sort "$PWD"/* & wait', []),
        ("sort *", []),
        ("touch new; sort *", []),
    ],
)
def test_a_glob_that_may_find_an_option_is_unknown_where_bash_looks(command: str, found: list[str], where: Scope) -> None:
    assert unknown(run(command, where)) == found


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('for f in src/*; do echo "$f"; done & wait', {"src"}),
        ("echo l*/a & wait", {"."}),
        ("echo lib/s*/b* & wait", {"lib", "lib/src"}),
        ("true > lib/new; echo src/* & wait", {"src"}),
        ("cd src || cd lib; echo ./* & wait", {".", "src", "lib"}),
        ("cd src & wait", {"src"}),
        ("pushd lib/src && popd & wait", {".", "lib/src"}),
        ("cd src", set[str]()),
        ('for f in src/*; do echo "$f"; done', set[str]()),
    ],
)
def test_what_bash_lists_and_enters_is_read(command: str, expected: set[str], where: Scope) -> None:
    assert reads(run(command, where), where) == expected


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("P=cat; $P a", ("cat", "a")),
        ("P='cat a'; $P b", ("cat", "a", "b")),
        ('f() { "$@"; }; f cat a', ("cat", "a")),
        ("${P:-cat} a", ("cat", "a")),
        ("P=if; $P a", ("if", "a")),
        ("P=x=1; $P a", ("x=1", "a")),
    ],
)
def test_a_program_whose_name_is_known_is_judged(command: str, argv: tuple[str, ...], where: Scope) -> None:
    found = run(command, where)
    assert argv in {one.argv for one in found.effects if isinstance(one, Execute)}
    assert not found.by_bash


# --- several directories -----------------------------------------------------------------------------------------


def test_a_relative_program_in_several_directories_is_left_to_a_shell(where: Scope) -> None:
    (Path(where.cwd) / "src" / "run").write_text("#!/bin/sh\n")
    (Path(where.cwd) / "src" / "run").chmod(0o755)
    (Path(where.cwd) / "run").write_text("#!/bin/sh\n")
    (Path(where.cwd) / "run").chmod(0o755)
    assert "depends on the directory" in run("cd src; ./run", where).by_bash


def test_a_program_starts_in_the_real_directory_behind_a_link(where: Scope) -> None:
    link = Path(where.cwd) / "linked"
    link.unlink(missing_ok=True)
    link.symlink_to("src")
    found = run("cd linked && cat a", where)
    assert reads(found, where) == {"src/a"}
    assert found.plan is not None
    assert [Path(one.directory).name for one in found.plan.invocations() if one.argv[0] == "cat"] == ["src"]


@pytest.mark.parametrize(
    ("command", "construct"),
    [
        ("cd one || cd two; git status", "pins_of_directories"),
        ("(cd one && git rev-parse HEAD) & (cd two && git rev-parse HEAD)", "pins_of_shell"),
    ],
)
def test_a_program_that_needs_other_pins_in_each_directory_is_refused_by_name(command: str, construct: str, where: Scope) -> None:
    for name, config in (("one", ""), ("two", '[filter "x"]\n\tclean = ./p\n')):
        git = Path(where.cwd) / name / ".git"
        for folder in ("objects", "refs"):
            (git / folder).mkdir(parents=True, exist_ok=True)
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "config").write_text(config)
    found = run(command, where)
    assert found.refusal is not None
    assert found.refusal.construct == construct


def test_what_a_script_exports_is_what_git_is_judged_with(where: Scope) -> None:
    plain, exported = run("git status", where), run("export GIT_DIR=/x; git status", where)
    assert not unknown(plain)
    assert unknown(exported)
    assert any(isinstance(one, SetEnvironment) and one.name == "GIT_DIR" for one in exported.effects)


# --- invariants --------------------------------------------------------------------------------------------------

_COMMANDS = st.sampled_from(["cat a", "rm b", "echo $x", "cd src", "ls *", "x=$(cat a)", "git status", "cat $x", "touch n", "echo a >b"])
_SHAPES = st.sampled_from(
    ["{0}; {1}", "{0} && {1}", "{0} || {1}", "if {0}; then {1}; fi", "while {0}; do {1}; done", "for x in p q; do {0}; {1}; done",
     "({0}); {1}", "{{ {0}; }} | {1}", "f() {{ {0}; }}; f; {1}", "case $x in a) {0};; *) {1};; esac", "! {0}; {1}"]
)  # fmt: skip


def _bare(effects: tuple[Effect, ...]) -> set[object]:
    """What is read, written and deleted, without its places in the text."""
    return {
        (type(one), tuple(sorted((name, repr(value)) for name, value in asdict(one).items() if name != "span")))
        for one in effects
        if isinstance(one, Write | Delete | Read)
    }


@given(first=_COMMANDS, second=_COMMANDS, more=_COMMANDS, shape=_SHAPES)
@settings(max_examples=150, deadline=None)
def test_a_command_that_is_added_takes_no_effect_away(first: str, second: str, more: str, shape: str, where: Scope) -> None:
    before, after = run(shape.format(first, second), where), run(f"{shape.format(first, second)}; {more}", where)
    if after.refusal is None:
        assert before.refusal is None
        assert _bare(before.effects) <= _bare(after.effects)


@given(text=st.text(alphabet="abx $(){}[];&|<>!'\"\\\n=*?#-", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_is_without_an_answer(text: str, where: Scope) -> None:
    found = run(text, where)
    assert not any(one.startswith("the analysis failed") for one in unknown(found))
    assert (found.plan is None) == (found.refusal is not None)


@given(parts=st.lists(st.tuples(_COMMANDS, _SHAPES), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_effect_of_a_script_names_what_is_not_known(parts: list[tuple[str, str]], where: Scope) -> None:
    text = "cat a"
    for command, shape in parts:
        text = shape.format(command, text)
    for one in run(text, where).effects:
        assert not has_hole(repr(one))


def test_a_late_word_is_never_a_program(where: Scope) -> None:
    found = run("echo $(cat a); [[ -n $(cat b) ]]", where)
    assert found.plan is not None
    nodes = [node for step in found.plan.steps for node in step.pipeline.stages]
    assert isinstance(nodes[0], Invocation)
    assert isinstance(nodes[0].late[0][1], LateWord)
    assert nodes[0].late[0][0] > 0
    assert isinstance(nodes[1], Conditional)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("mkdir new && cd new && cat ../a", "a"),
        ("mkdir new && cd new && cat ./..//a", "a"),
        ("mkdir -p new/b && cd new/b && cat ../../b", "b"),
        ("mkdir new && cd new && cat <../a", "a"),
        ("mkdir new && cd new && [[ -f ../a ]]", "a"),
        ("mkdir new && cd new && cat x", "new/x"),
        ("cd src && cd - && cat a", "a"),
    ],
)
def test_a_directory_that_is_made_first_is_judged_as_what_it_will_be(command: str, expected: str, where: Scope) -> None:
    found = run(command, where)
    assert unknown(found) == []
    assert expected in reads(found, where)


def test_the_way_up_from_another_directory_that_is_not_there_is_not_known(where: Scope) -> None:
    assert "where this path leads is not known" in unknown(run("mkdir new && cat new/../a", where))
    assert "where this path leads is not known" in unknown(run("mkdir new && cd new && git -C sub log -- ../../x", where))


@pytest.mark.parametrize(("joined", "others"), [(";", ["."]), ("&&", [])])
def test_a_condition_is_asked_in_the_real_directory(joined: str, others: list[str], where: Scope, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(Path(where.cwd) / "src")
    plan = run(f"cd {tmp_path}/link {joined} [[ -f a ]]", where).plan
    assert plan is not None
    node = plan.steps[-1].pipeline.stages[0]
    assert isinstance(node, Conditional)
    assert {Path(one).relative_to(where.cwd).as_posix() for one in (node.directory, *node.elsewhere)} == {"src", *others}


@pytest.mark.parametrize("command", ["sort a; cat l*", "touch q && cat l*", "cd src || cd lib; cat l*"])
def test_what_a_late_glob_finds_now_is_judged_too(command: str, where: Scope) -> None:
    assert "list" in reads(run(command, where), where)


@pytest.mark.parametrize("command", ["while read -r x; do (( x > 1 )); done < <(cat list)", "read -r x; [[ $x -eq 1 ]] & cat a"])
def test_a_value_that_a_shell_would_run_as_code_is_unknown(command: str, where: Scope) -> None:
    assert "bash would run what this value holds" in unknown(run(command, where))


def test_a_counted_loop_runs_from_the_plan(where: Scope) -> None:
    found = run("i=0; while [ $i -lt 5 ]; do echo $i; i=$((i+1)); done", where)
    assert (found.by_bash, unknown(found), found.refusal) == ("", [], None)
