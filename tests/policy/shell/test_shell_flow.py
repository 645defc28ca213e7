"""What a script does is followed along every way that a run may take; what is not sure is known to the run only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bylaw.policy.effects import SetEnvironment, Unknown, UseConstruct
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Calculate, Call, Case, Conditional, Each, For, Group, If, Invocation, Loop, Node, OpenFile
from bylaw.policy.records import replace
from bylaw.policy.scope import Scope
from bylaw.policy.shell import Resolved, parse, resolve
from bylaw.policy.shell.caps import Caps
from bylaw.policy.shell.late import judged
from bylaw.policy.shell.state import MAX_DIRECTORIES

Vectors = Callable[[str], list[tuple[str, ...]]]


def resolved(text: str, scope: Scope) -> Resolved:
    return resolve(parse(text), scope)


def seen(text: str, scope: Scope) -> list[list[str]]:
    """The vectors of programs as the judge sees them, a hole written as `?`."""
    found: list[list[str]] = []
    for one in resolved(text, scope).plan.invocations():
        if one.builtin is None:
            words = dict(one.late)
            found.append([judged(words[place]).replace("\U0010fffe", "?").replace("\U0010ffff", "??") if place in words else word
                          for place, word in enumerate(one.argv)])  # fmt: skip
    return found


def refused(text: str, scope: Scope, caps: Caps | None = None) -> str:
    with pytest.raises(ShellSyntaxError) as error:
        resolve(parse(text), scope, *([caps] if caps else []))
    return error.value.construct


def node(text: str, scope: Scope) -> Node:
    return resolved(text, scope).plan.steps[-1].pipeline.stages[0]


# --- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=1; m0 $x", [["m0", "1"]]),
        ("m0 && x=1; m1 $x", [["m0"], ["m1", "??"]]),
        ('x=1; m0 && x=2; m1 "$x"', [["m0"], ["m1", "?"]]),
        ('x=1; m0 && x=1; m1 "$x"', [["m0"], ["m1", "1"]]),
        ("m0 && x=1 && m1 $x", [["m0"], ["m1", "1"]]),
        ("x=1 | m0; m1 $x", [["m0"], ["m1"]]),
        ("(x=1; m0 $x); m1 $x", [["m0", "1"], ["m1"]]),
        ("{ x=1; }; m0 $x", [["m0", "1"]]),
        ('if m0; then x=1; else x=2; fi; m1 "$x"', [["m0"], ["m1", "?"]]),
        ("if m0; then x=1; else x=1; fi; m1 $x", [["m0"], ["m1", "1"]]),
        ("if m0; then x=1; else exit; fi; m1 $x", [["m0"], ["m1", "1"]]),
        ('m0 || exit 3; x=1; m1 "$x"', [["m0"], ["m1", "1"]]),
        ('for i in a b; do m0 "$i"; done; m1 $i', [["m0", "a"], ["m0", "b"], ["m1", "b"]]),
        ('for i in a b; do m0 && break; done; m1 "$i"', [["m0"], ["m0"], ["m1", "?"]]),
        ('for i in a b; do m0 || continue; x=$i; done; m1 "$x"', [["m0"], ["m0"], ["m1", "?"]]),
        ('x=1; while m0 "$x"; do x=2; done; m1 "$x"', [["m0", "?"], ["m1", "?"]]),
        ('x=1; until m0; do m1 "$x"; done; m2 "$x"', [["m0"], ["m1", "1"], ["m2", "1"]]),
        ('while read -r l; do m0 "$l" $l; done', [["m0", "?", "??"]]),
        ('case $X0 in a) x=1;; *) x=2;; esac; m0 "$x"', [["m0", "?"]]),
        ('case $X0 in a) x=1;& b) m0 "$x";; esac', [["m0", "?"]]),
        ("x=a; x+=b; m0 $x", [["m0", "ab"]]),
        ('x=a; m0 && x=c; x+=b; m1 "$x"', [["m0"], ["m1", "?"]]),
        ('x=a; x+=$(m0); m1 "$x"', [["m1", "?"], ["m0"]]),
        ('X0+=b; m0 "$X0"', [["m0", "plainb"]]),
        ('read -r -d "" x; m0 "$x"', [["m0", "?"]]),
        ('x=$(m0) y=a; m1 "$x" $y', [["m1", "?", "a"], ["m0"]]),
        ("x=$(m0) y=a$? m1", [["m1"], ["m0"]]),
        ("x=1; unset x; m0 $x", [["m0"]]),
        ("X0=b; m0 $X0", [["m0", "b"]]),
        ('x=$(m0); m1 "$x"', [["m1", "?"], ["m0"]]),
        ("f() { m0 $1 $#; }; f a; f b c", [["m0", "a", "1"], ["m0", "b", "2"]]),
        ("f() { x=$1; }; f a; m0 $x", [["m0", "a"]]),
        ("f() { m0; return; m1; }; f && m2", [["m0"], ["m1"], ["m2"]]),
        ("f() { if m0; then x=1; return; fi; x=2; }; f; m1 $x", [["m0"], ["m1", "?"]]),
        ("f() { m0; }; f() { m1; }; f", [["m1"]]),
        ("m0() { m1 in; }; m0; command m0 x", [["m1", "in"], ["m0", "x"]]),
        ("set -- a 'b c'; m0 $1 \"$2\" $#; shift; m1 \"$@\"", [["m0", "a", "b c", "2"], ["m1", "b c"]]),
        ("((i = 2)); m0 $i", [["m0", "2"]]),
        ("for i; do m0 $i; done", [["m0", "??"]]),
        ("set -- a b; for i; do m0 $i; done", [["m0", "a"], ["m0", "b"]]),
        ('for i in "$(m0)" b; do m1 "$i"; done', [["m1", "?"], ["m0"]]),
    ],
)  # fmt: skip
def test_a_value_is_known_only_where_every_way_agrees(text: str, expected: list[list[str]], scope: Scope) -> None:
    assert seen(text, scope) == expected


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("if m0; then m1; elif m2; then m3; else m4; fi", 5),
        ("while m0; do m1; done", 2),
        ("case a in b) m0;; c) m1;& *) m2;; esac", 3),
        ("exit; m0", 1),
        ("f() { return; m0; }; f", 1),
        ("for i in; do m0; done", 1),
        ("f() { m0; }", 0),
        ("m0 $(m1 $(m2)) <<E\n$(m3)\nE\n", 4),
        ("x=$(m0) m1", 2),
        ("m0 <(m1) >(m2)", 3),
        ("m0 & m1", 2),
        ("[[ $(m0) == $(m1) ]]", 2),
        ("case $(m0) in a) ;; esac", 1),
        ("m0 >$(m1)", 2),
        ("while m0; do m1; break; m2; done; m3", 4),
    ],
)
def test_everything_that_may_run_is_in_the_plan(text: str, commands: int, scope: Scope) -> None:
    assert len([one for one in resolved(text, scope).plan.invocations() if one.builtin is None]) == commands


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{ m0; }", Group),
        ("(m0)", Group),
        ("if m0; then m1; fi", If),
        ("while m0; do m1; done", Loop),
        ("for i in a; do m0; done", Each),
        ("for i in $(m0); do m1; done", For),
        ("case a in a) m0;; esac", Case),
        ("[[ -n a ]]", Conditional),
        ("((1))", Calculate),
        ("f() { m0; }; f", Call),
        ("pushd d", Group),
        ("m0", Invocation),
    ],
)
def test_each_construct_has_its_node(text: str, kind: type[Node], scope: Scope) -> None:
    assert isinstance(node(text, scope), kind)


def test_negation_and_time_belong_to_the_pipeline(scope: Scope) -> None:
    first, second = (step.pipeline for step in resolved("! m0 | m1; time m2", scope).plan.steps)
    assert (first.negated, first.timed, len(first.stages)) == (True, False, 2)
    assert (second.negated, second.timed) == (False, True)


@pytest.mark.parametrize(
    ("text", "construct", "subject"),
    [
        ("m0 | m1", "pipeline", "m1"),
        ("m0 | { m1; }", "pipeline", "{"),
        ("m0 | (m1)", "pipeline", "("),
        ("m0 | while m1; do m2; done", "pipeline", "while"),
        ("m1() { m2; }; m0 | m1", "pipeline", "function"),
        ("! m0", "negation", ""),
        ("time m0", "time", ""),
        ("(m0)", "subshell", ""),
        ("{ m0; }", "group", ""),
        ("if m0; then m1; fi", "if", ""),
        ("for i in a; do m0; done", "for", "i"),
        ("while m0; do m1; done", "while", ""),
        ("until m0; do m1; done", "until", ""),
        ("case a in b) ;; esac", "case", ""),
        ("[[ -n a ]]", "conditional_expression", ""),
        ("((1))", "arithmetic_command", ""),
        ("f() { m0; }", "function", "f"),
        ("m0 &", "background", ""),
        ("export A=b", "export", "A"),
        ("set -e", "set_option", "-e"),
        ("read -r x", "read", "x"),
        ("pushd d", "directory_stack", "pushd"),
        ("cd d", "change_directory", "/mnt/w/d"),
        ("m0 <<<a", "here_string", ""),
        ("m0 <<E\nE\n", "here_document", "E"),
    ],
)
def test_each_construct_is_named(text: str, construct: str, subject: str, scope: Scope) -> None:
    found = [(one.construct, one.subject) for one in resolved(text, scope).effects if isinstance(one, UseConstruct)]
    assert (construct, subject) in found


# --- the environment ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected", "exported"),
    [
        ("x=1; m0", [], set[str]()),
        ("export B=1; m0", [("B", "1")], {"B"}),
        ("B=1; export B", [("B", "1")], {"B"}),
        ("export B=1; B=2", [("B", "1"), ("B", "2")], {"B"}),
        ("X0=b; m0", [("X0", "b")], {"X0"}),
        ("unset X0; m0", [("X0", "")], {"X0"}),
        ("export B=$(m0)", [("B", "…")], {"B"}),
        ("read -r X0", [("X0", "…")], {"X0"}),
        ("for X0 in a b; do m0; done", [("X0", "a"), ("X0", "b")], {"X0"}),
        ("A=1 m0", [("A", "1")], set[str]()),
        ("(export B=1)", [("B", "1")], {"B"}),
    ],
)
def test_what_programs_get_from_a_script_is_an_effect(text: str, expected: list[tuple[str, str]], exported: set[str], scope: Scope) -> None:
    found = resolved(text, scope)
    assert list(dict.fromkeys((one.name, one.value) for one in found.effects if isinstance(one, SetEnvironment))) == expected
    assert found.exported == exported


# --- what a plan cannot say --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["m0 &", "m0 & wait", "m0 <(m1)", "m0 >$(m1)", "m0 >$x$(m1)", "case a in $(m0)) m1;; esac", "[[ a =~ b ]]"]
)
def test_what_a_plan_cannot_say_needs_a_shell(text: str, scope: Scope) -> None:
    assert resolved(text, scope).by_bash


def test_a_target_that_only_the_run_knows_is_an_unknown(scope: Scope) -> None:
    found = [one for one in resolved("m0 >$(m1)", scope).effects if isinstance(one, Unknown)]
    assert [one.subject for one in found] == ["$(...)"]


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("f() { f; }; f", "recursive_function"),
        ("f() { g; }; g() { f; }; f", "recursive_function"),
        ("m0 && f() { m1; }; f", "uncertain_function"),
        ("if m0; then f() { m1; }; else f() { m2; }; fi; f", "uncertain_function"),
        ("f() { m0; }; A=1 f", "assignment_before_builtin"),
        ("f() { m0; }; f $(m1)", "late_parameters"),
        ("set -- $(m0)", "late_parameters"),
        ("set -- a; m0 && shift; m1", "conditional_parameters"),
        ("while m0; do shift; done; set -- a; while m0; do shift; done", "conditional_parameters"),
        ("cd nope/..", "cd_missing"),
        ("mkdir a && cd a/..", "cd_missing"),
        ("cd $(m0)", "cd_operand"),
        ("cd -", "cd_previous"),
        ("m0 && cd d; cd -", "cd_previous"),
        ("m0 >f0/", "redirect_target"),
        ("m0 <d/.", "redirect_target"),
        ("B=2 m0 <<<a${B=b}", "assignment_order"),
        ("set -- a <f1", "conditional_parameters"),
        ("m0 $(m1 <<E; m2\nx\nE\n)", "here_document_substitution"),
        ("m0 $(m1 <<E & m2\nx\nE\n)", "here_document_substitution"),
        ("popd", "uncertain_stack"),
        ("cd d; pushd d", "uncertain_stack"),
        ("m0 && pushd d; popd", "uncertain_stack"),
        ("pushd +1", "builtin_pushd"),
        ("popd +1", "builtin_popd"),
        ("export", "builtin_export"),
        ("export -n X0", "builtin_export"),
        ("export PATH=/x", "special_variable"),
        ("export PATH", "builtin_export"),
        ("PATH=/x", "special_variable"),
        ("IFS=:", "special_variable"),
        ("for PATH in a; do m0; done", "special_variable"),
        ("unset PATH", "builtin_unset"),
        ("unset -f f", "builtin_unset"),
        ("f() { m0; }; unset f", "builtin_unset"),
        ("unset $(m0)", "builtin_unset"),
        ("read", "builtin_read"),
        ("read -p x y", "builtin_read"),
        ("read -a x", "builtin_read"),
        ("A=1 read x", "builtin_read"),
        ("IFS=$(m0) read x", "builtin_read"),
        ("read PATH", "special_variable"),
        ("set", "builtin_set"),
        ("set -x", "builtin_set"),
        ("set -o noglob", "builtin_set"),
        ("set a b", "builtin_set"),
        ("exit $(m0)", "builtin_exit"),
        ("exit a", "builtin_exit"),
        ("exit 256", "builtin_exit"),
        ("return", "builtin_return"),
        ("f() { (return); }; f", "builtin_return"),
        ("break", "builtin_break"),
        ("continue 2", "builtin_continue"),
        ("for i in a; do (break); done", "builtin_break"),
        ("for i in a; do break 2; done", "builtin_break"),
        ("f() { break; }; for i in a; do f; done", "builtin_break"),
        ("[[ $X0 -eq 1 ]]", "conditional_number"),
        ("x=$(m0) y=$((x + 1))", "assignment_order"),
        ("x=$(m0) y=$x$(m1) m2", "assignment_order"),
        ("until continue; do m0; done", "builtin_continue"),
        ("while for i in a; do break 2; done; do m0; done", "builtin_break"),
        ("shift a", "builtin_shift"),
        ("type", "builtin_type"),
        ("type -a m0", "builtin_type"),
        ("f() { m0; }; type f", "builtin_type"),
        ("command -p m0", "builtin_command"),
        ("command", "builtin_command"),
        ("A=1 command -v m0", "assignment_before_builtin"),
        ("command eval m0", "builtin_eval"),
        ("A=1 exit", "assignment_before_builtin"),
        ("printf $(m0)", "builtin_printf"),
        ("[ a $(m0) b ]", "builtin_test"),
        ("x=$(m0) y=$x", "assignment_order"),
        ("x=$(m0) y=$x m1", "assignment_order"),
        ("local x=1", "builtin_local"),
        ("trap m0 EXIT", "builtin_trap"),
        ("wait %1", "builtin_wait"),
    ],
)
def test_what_is_not_sure_or_not_provided_is_refused_by_name(text: str, construct: str, scope: Scope) -> None:
    assert refused(text, scope) == construct


@pytest.mark.parametrize(
    ("text", "directory", "elsewhere"),
    [
        ("m0 && cd new && m1", "/mnt/w/new", ()),
        ("cd new/a && m1", "/mnt/w/new/a", ()),
        ("cd new && cd .. && m1", "/mnt/w", ()),
        ("cd new/a && cd ../b && m1", "/mnt/w/new/b", ()),
        ("cd new && cd ../d/.. && m1", "/mnt/w", ()),
        ("cd new; m1", "/mnt/w/new", ("/mnt/w",)),
        ("cd a.txt && m1", "/mnt/w/a.txt", ()),
        ("cd broken && m1", "/mnt/w/broken", ()),
        ("cd d; m0; cd sub; m1", "/mnt/w/d/sub", ("/mnt/w/sub", "/mnt/w/d", "/mnt/w")),
        ("cd d && cd - && m1", "/mnt/w", ()),
        ("cd d && cd sub && cd - && m1", "/mnt/w/d", ()),
        ("cd d && cd - && cd - && m1", "/mnt/w/d", ()),
        ("pushd d && cd - && m1", "/mnt/w", ()),
    ],
)
def test_a_directory_may_be_made_by_then(text: str, directory: str, elsewhere: tuple[str, ...], scope: Scope) -> None:
    found = resolved(text, scope).plan.invocations()[-1]
    assert (found.directory, set(found.elsewhere)) == (directory, set(elsewhere))


def test_a_redirection_to_above_a_directory_that_is_not_there_opens_what_is_above(scope: Scope) -> None:
    found = resolved("cd new/a && m1 >../../x", scope).plan.invocations()[-1].redirections[0]
    assert isinstance(found, OpenFile)
    assert found.path == "/mnt/w/x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('x=1; { x=2; } <missing; m0 "$x"', "?"),
        ('x=1; { x=2; } </dev/null; m0 "$x"', "2"),
        ('x=1; { x=2; } 2>&1; m0 "$x"', "2"),
        ('x=1; { x=2; } 3>&-; m0 "$x"', "2"),
        ('x=1; { x=2; } <&7; m0 "$x"', "?"),
        ('x=1; { { x=2; } 2>&1; } >&-; m0 "$x"', "?"),
        ('x=1; if m1; then x=2; else x=2; fi <missing; m0 "$x"', "?"),
        ('x=1; while x=2; do x=2; done <missing; m0 "$x"', "?"),
        ('x=1; for x in 2; do m1; done >d; m0 "$x"', "?"),
        ('x=1; case a in *) x=2;; esac <missing; m0 "$x"', "?"),
        ('x=1; f() { x=2; }; f <missing; m0 "$x"', "?"),
        ('x=1; f() { x=2; } <missing; f; m0 "$x"', "?"),
        ('x=1; unset x <missing; m0 "$x"', "?"),
        ('x=1; export x=2 <missing; m0 "$x"', "?"),
        ('x=1; (( x = 2 )) <missing; m0 "$x"', "?"),
        ('x=1; m1 || exit <missing && x=2; m0 "$x"', "?"),
        ('f() { x=1; return <missing; x=2; }; f; m0 "$x"', "?"),
        ('for i in a; do x=1; break <missing; x=2; done; m0 "$x"', "?"),
        ('x=1; { x=2; } <<<a; m0 "$x"', "2"),
        ('x=1; { x=2 && m1; } <missing && m0 "$x"', "2"),
    ],
)
def test_a_file_that_cannot_be_opened_keeps_a_command_from_running(text: str, expected: str, scope: Scope) -> None:
    assert seen(text, scope)[-1] == ["m0", expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i=0; while m1; do i=$((i + 1)); done; m0 $i", "?"),
        ("m1 && i=-7; i=3; m2 || i=4; m0 $i", "?"),
        ("i=0; until m1; do ((i++)); done; m0 $i", "?"),
        ("i=8; until m1; do ((i = i / 2)); done; m0 $i", "?"),
        ("m1; i=$?; m0 $i", "?"),
        ("x=$(m1); i=${#x}; m0 $i", "?"),
        ("m1; export i=$?; m0 $i", "?"),
        ("m1; i=$?; j=$i; m0 $j", "?"),
        ("x=$(m1); ((i = 3, x)); m0 $i", "?"),
        ("x=$(m1); ((x && (i = 3))); m0 $i", "??"),
        ("x=$(m1); ((i = x)); m0 $i", "??"),
        ("i=0; m1 || i=08; m0 $i", "??"),
        ("i=0; m1 || i=$(m2); m0 $i", "??"),
        ("m1 || i=1; m0 $i", "??"),
        ("i=$?; unset i; m1 || i=1; m0 $i", "??"),
        ("i=$?$?; m0 $i", "??"),
        ("i=$?; read i; m0 $i", "??"),
    ],
)
def test_a_number_is_one_word_whatever_it_is(text: str, expected: str, scope: Scope) -> None:
    commands = [one for one in seen(text, scope) if one[0] == "m0"]
    assert commands == [["m0", expected]]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("read x; ((x))", ["$x"]),
        ("read x; m0 $((1 + x))", ["$x"]),
        ("read x; ((y = x + 1)); m0 $((y))", ["$x", "$y"]),
        ("read v; read x; m0 ${v:x:1}", ["$x"]),
        ("read x; [[ $x -eq 1 ]]", ["$x"]),
        ("i=0; while m1; do ((i++)); done; [[ $i -lt 3 ]]", []),
        ("m0; i=$?; ((i > 1)); [[ $? -eq 0 ]]", []),
    ],
)
def test_a_value_that_a_shell_would_read_as_an_expression_is_named(text: str, code: list[str], scope: Scope) -> None:
    assert list(dict.fromkeys(one.subject for one in resolved(text, scope).code)) == code


@pytest.mark.parametrize(
    ("text", "words"),
    [(": ${B:=b}; export B; m0", ("export", "B=b")), ("export X0; m0", ("export", "X0"))],
)
def test_what_a_word_has_set_is_told_to_the_run(text: str, words: tuple[str, ...], scope: Scope) -> None:
    found = resolved(text, scope)
    assert (found.plan.invocations()[-2].argv, found.by_bash) == (words, "")


@pytest.mark.parametrize("text", [": ${B:=b}; m0 && B=c; export B", ": ${B:=b}; m0 && B=c; B+=d"])
def test_what_a_word_has_set_on_one_way_needs_a_shell(text: str, scope: Scope) -> None:
    assert "a variable that a word has set" in resolved(text, scope).by_bash


# --- limits ------------------------------------------------------------------------------------------------------


def test_more_directories_than_are_followed_are_refused_by_name(scope: Scope) -> None:
    roots = ("/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/var", "/mnt/w/d", "/mnt/w/d/sub", "/tmp", "/proc")
    walks = [f"m0 && cd {path};" for path in roots]
    assert resolved(" ".join(walks[: MAX_DIRECTORIES - 1]) + "m1", scope)
    assert refused(" ".join(walks[:MAX_DIRECTORIES]) + "m1", scope) == "too_many_directories"


def test_rounds_and_calls_are_counted(scope: Scope) -> None:
    small = Caps(expansions=10, commands=10, depth=4)
    many = " ".join("abcdefghijkl")
    assert refused(f"for i in {many}; do m0; done", scope, small) == "too_many_expansions"
    doubled = "a() { m0; m0; }; b() { a; a; }; c() { b; b; }; c; c"
    assert refused(doubled, scope, small) == "too_many_commands"
    chain = "".join(f"f{number}() {{ f{number + 1}; }}; " for number in range(5))
    assert refused(chain + "f5() { m0; }; f0", scope, Caps(depth=3)) == "too_deep"
    wrapped = "f() { ( ( m0 ) ); }; g() { ( ( f ) ); }; "
    assert refused(wrapped + "( ( g ) )", scope, Caps(depth=4)) == "too_deep"
    assert resolve(parse(wrapped + "g"), scope, Caps(depth=5)).plan.invocations()


def test_a_loop_that_walks_up_settles_or_is_refused_by_name(scope: Scope) -> None:
    found = resolved("while m0; do cd ..; done; m1", scope).plan.invocations()[-1]
    assert (found.directory, found.elsewhere) == ("/mnt/w", ("/mnt", "/"))


def test_a_switch_of_the_environment_refuses_every_script(scope: Scope) -> None:
    assert refused("m0", replace(scope, environment={"SHELLOPTS": "xtrace"})) == "special_variable"


def test_effects_of_rounds_that_were_tried_are_not_kept(scope: Scope) -> None:
    found = resolved('x=1; while m0; do m1 "$(m2 "$x")"; x=2; done', scope)
    assert len(found.plan.captures) == 1
