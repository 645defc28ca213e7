"""What only the run knows: slots in words, what the judge sees of them, and what is refused instead of guessed."""

from __future__ import annotations

import pytest

from bash_words import Case, expander, read_words, scope, state
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.holes import HOLE, SPLIT
from bylaw.policy.plan import Compute, Fixed, Get, LateWord, Name, Operation, Output
from bylaw.policy.profiles.options import Several
from bylaw.policy.records import replace
from bylaw.policy.shell.caps import DEFAULT
from bylaw.policy.shell.expand import Expander
from bylaw.policy.shell.late import is_one_word, judged
from bylaw.policy.shell.state import State


def late_state() -> State:
    """`late` is known to the run only, `k` is not; the second positional parameter is late."""
    made = state(Case("", {"k": "v w"}))
    made.variables["late"] = None
    made.positional = ("one", LateWord(parts=(Get(name="late", quoted=True),), written="$late"), "three")
    return made


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('"$late"', [HOLE]),
        ("$late", [SPLIT]),
        ('a"$late"b', [f"a{HOLE}b"]),
        ("$k$late", ["v", f"w{SPLIT}"]),
        ("$late$k", [f"{SPLIT}v", "w"]),
        ("${#late}", [HOLE]),
        ("$?", [HOLE]),
        ("$#", ["3"]),
        ("$((late + 1))", [HOLE]),
        ("$(m1)", [SPLIT]),
        ('"x$(m1)"', [f"x{HOLE}"]),
        ("<(m1)", [HOLE]),
        ('"${late:-a b}"', [HOLE]),
        ("${late#x}", [SPLIT]),
        ("'*'$late", [f"*{SPLIT}"]),
        ('*"$late"', [f"{SPLIT}{HOLE}"]),
        ('"$@"', ["one", HOLE, "three"]),
        ('"$*"', [f"one {HOLE} three"]),
        ("$@", ["one", SPLIT, "three"]),
        ("$1 $3 ${4-none}", ["one", "three", "none"]),
    ],
)
def test_the_judge_sees_a_hole_where_only_the_run_knows(text: str, seen: list[str]) -> None:
    words = expander().words(read_words(text), late_state())
    assert [judged(word) for word in words] == seen
    assert [word for word in words if isinstance(word, LateWord) and is_one_word(word) != (SPLIT not in judged(word))] == []


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("late#a*", Operation(kind="trim_prefix", pattern="(?s:a.*)")),
        ("late%%.?", Operation(kind="trim_suffix", pattern="(?s:\\..)", longest=True)),
        ("late^", Operation(kind="upper")),
        ("late,,", Operation(kind="lower", every=True)),
    ],
)
def test_an_operator_on_a_late_value_is_an_operation_for_the_run(text: str, operation: Operation) -> None:
    (word,) = expander().words(read_words(f'"${{{text}}}"'), late_state())
    assert word == LateWord(
        parts=(Get(name="late", quoted=True, operation=operation),), written=f"{read_words(f'${{{text}}}')[0].written()}"
    )


def operation_of(text: str) -> Operation:
    (word,) = expander().words(read_words(f'"${{{text}}}"'), late_state())
    assert isinstance(word, LateWord)
    (part,) = word.parts
    assert isinstance(part, Get)
    assert part.operation is not None
    return part.operation


def test_a_default_a_replacement_and_a_slice_carry_their_words_and_sums() -> None:
    default = operation_of("late:-x$k")
    assert (default.kind, default.colon) == ("default", True)
    assert default.word is not None
    assert default.word.parts == (Fixed(text="xv w", quoted=True),)
    assert operation_of("late+y").kind == "alternative"
    replaced = operation_of("late//a/b")
    assert (replaced.kind, replaced.every, replaced.anchor) == ("replace", True, "")
    assert replaced.word == LateWord(parts=(Fixed(text="b", quoted=True),), written="b")
    assert operation_of("late/%a/b").anchor == "end"
    cut = operation_of("late:1+1:2")
    assert cut.kind == "slice"
    assert cut.offset is not None
    assert cut.length is not None
    assert operation_of("k:late").kind == "slice"
    assert operation_of("k:0:late").length is not None


@pytest.mark.parametrize("text", ["${late:=x}", "${late:?}", "${k2:=$late}"])
def test_setting_or_asking_for_a_late_value_is_refused_by_name(text: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        expander().words(read_words(text), late_state())
    assert refused.value.construct == "late_parameter"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${k#$late}", "a part of `${...}` that only the run knows"),
        ("${late#[[:alpha:]]}", "a part of `${...}` that only the run knows"),
        ("<(m1)", "a process substitution"),
    ],
)
def test_what_the_plan_cannot_express_needs_a_shell(text: str, why: str) -> None:
    one = expander()
    one.words(read_words(text), late_state())
    assert one.shell == [why]


def test_a_variable_that_a_word_has_set_is_not_read_by_the_run() -> None:
    one, known = expander(), late_state()
    assert one.words(read_words("${new:=a} $new"), known) == ["a", "a"]
    known.variables["new"] = None
    one.words(read_words("$new"), known)
    assert one.shell == ["a variable that a word has set"]


@pytest.mark.parametrize(
    ("text", "directory"), [("*.py", "."), ("src/*.py", "src"), ("/etc/x?/y", "/etc"), ("/*", "/"), ("'a*/'*", "a*"), ("../*", "..")]
)
def test_a_glob_that_an_earlier_command_may_change_is_found_by_the_run(text: str, directory: str) -> None:
    known = late_state()
    known.tree_may_change = True
    (word,) = expander().words(read_words(text), known)
    assert isinstance(word, LateWord)
    assert all(isinstance(part, Fixed) for part in word.parts)
    seen = judged(word)
    assert isinstance(seen, Several)
    assert str(seen) == directory


def test_a_relative_glob_in_one_of_several_directories_is_found_by_the_run() -> None:
    known = State(("/", "/tmp"))
    relative, absolute = expander().words(read_words("*.none /nowhere/*"), known)
    assert isinstance(relative, LateWord)
    assert absolute == "/nowhere/*"
    (directory,) = expander().words(read_words('"$PWD"'), known)
    assert directory == LateWord(parts=(Get(name="PWD", quoted=True),), written="$PWD")


def test_a_late_glob_that_would_be_an_option_where_nothing_matches_is_refused() -> None:
    known = late_state()
    known.tree_may_change = True
    with pytest.raises(ShellSyntaxError) as refused:
        expander().words(read_words("-*"), known)
    assert refused.value.construct == "option_from_value"


def test_a_value_is_neither_split_nor_globbed() -> None:
    one = expander()
    assert one.value(read_words('$k"*"')[0], late_state()) == "v w*"
    assert one.value(read_words("$late*$(m1)$((late))$@")[0], late_state()) == LateWord(
        parts=(
            Get(name="late", quoted=True),
            Fixed(text="*", quoted=True),
            Output(number=7, quoted=True),
            Compute(value=Name(name="late"), quoted=True),
            Fixed(text="one ", quoted=True),
            Get(name="2", quoted=True),
            Fixed(text=" three", quoted=True),
        ),
        written="$late*$(...)$((...))$@",
    )


def test_a_pattern_is_an_expression_or_known_to_the_run_only() -> None:
    one = expander()
    assert one.pattern(read_words('a*"*"')[0], late_state()) == "(?s:a.*\\*)"
    assert one.pattern(read_words('"$late"*')[0], late_state()) is None
    assert one.shell == []
    assert one.pattern(read_words("[[:alpha:]]")[0], late_state()) == "(?s:[a-zA-Z])"
    assert one.shell == ["a class of characters that depends on the locale"]


def test_an_unset_variable_is_empty_and_refused_under_nounset() -> None:
    known = late_state()
    known.forget("k")
    assert expander().words(read_words('"$k" ${k-d}'), known) == ["", "d"]
    known.nounset = True
    assert expander().words(read_words("${k-d}"), known) == ["d"]
    for text in ("$k", "${#k}", "${k%x}", "$9"):
        with pytest.raises(ShellSyntaxError) as refused:
            expander().words(read_words(text), known)
        assert refused.value.construct == "unset_variable"


def test_every_construct_is_noted() -> None:
    one = expander()
    one.words(read_words("~ $k ${k:-a} $? $(m1) <(m1) $((1)) {a,b} *"), late_state())
    assert [(effect.construct, effect.subject) for effect in one.effects] == [
        ("tilde", "~"), ("variable", "k"), ("parameter_expansion", "k"), ("variable", "k"), ("special_parameter", "?"),
        ("command_substitution", ""), ("process_substitution", ""), ("arithmetic_expansion", ""), ("brace_expansion", "{a,b}"), ("glob", "*"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("${HOME+}${EMPTY:=a}", "assignment_to_environment"),
        ("$(( given = 1 ))", "assignment_to_environment"),
        ("$big" * 3, "argument_too_long"),
    ],
)
def test_what_changes_programs_or_grows_without_end_is_refused_by_name(text: str, construct: str) -> None:
    known = late_state()
    known.exported |= {"EMPTY", "given"}
    known.variables["big"] = "x" * 400_000
    with pytest.raises(ShellSyntaxError) as refused:
        expander().words(read_words(text), known)
    assert refused.value.construct == construct


def test_braces_where_no_word_is_an_argument_are_refused() -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        expander().value(read_words("{a,b}")[0], late_state())
    assert refused.value.construct == "brace_expansion"


def test_a_document_is_a_value_and_a_reason_is_given_once() -> None:
    one = expander()
    assert one.document(read_words('"$k $PWD"')[0], late_state()) == "v w /"
    one.needs_shell("a reason")
    one.needs_shell("a reason")
    assert one.shell == ["a reason"]


@pytest.mark.parametrize(("text", "seen"), [("a[b", "a\\[b"), ('"[*]"', "\\[\\*\\]"), ("[ab]?", "[ab].")])
def test_a_bracket_that_nothing_closes_is_text_in_a_pattern(text: str, seen: str) -> None:
    assert expander().pattern(read_words(text)[0], late_state()) == f"(?s:{seen})"


@pytest.mark.parametrize("text", ["[*", "[a/b]", "[z-a]", '["a"]', "[[:x:]]"])
def test_a_doubtful_bracket_in_a_pattern_is_refused(text: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        expander().pattern(read_words(text)[0], late_state())
    assert refused.value.construct == "glob_bracket"


def test_an_unquoted_value_of_the_environment_never_becomes_an_option_in_silence() -> None:
    made = replace(scope("/"), environment={"X": "a -rf", "Y": " -rf"})
    for text, construct in (("$X", "option_from_value"), ("$Y", "option_from_value"), ('"$Y"', None), ("a$Y", "option_from_value")):
        one = Expander(made, DEFAULT, lambda part, known: 0)
        try:
            assert one.words(read_words(text), State(("/",))) == [" -rf"]
            assert construct is None
        except ShellSyntaxError as refused:
            assert refused.construct == construct


def test_what_a_default_assigns_is_known_to_the_run_only_where_the_run_chooses() -> None:
    known = late_state()
    known.variables["i"] = "1"
    expander().words(read_words("${late:-$((i++))${new:=2}}"), known)
    assert (known.variables["i"], known.variables["new"], known.variables["k"]) == (None, None, "v w")
