"""Second opinions are compared with ours, and are not asked where they are known to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bylaw.policy.shell import Disagreement, Heard, compare, disagreement, names, parse
from bylaw.policy.shell.differences import DIFFERENCES, differences
from bylaw.policy.shell.facts import facts
from bylaw.policy.shell.opinions import Unheard
from known_differences import KNOWN


@dataclass
class Fixed:
    """An opinion that always says the same."""

    answer: Heard | Unheard | None
    name: str = "fixed"
    asked: int = 0

    def hear(self, text: str) -> Heard | Unheard | None:
        self.asked += 1
        return self.answer


def heard(*commands: str, substitutions: int = 0, writes: tuple[str, ...] = ()) -> Heard:
    return Heard(commands=frozenset(commands), substitutions=substitutions, writes=frozenset(writes))


OURS = {
    "a | 'b' && \\c; A=1 d": heard("a", "'b'", "\\c", "d"),
    'a >f 2>>"g h" <i &>j 2>&1': heard("a", writes=("f", '"g h"', "j")),
    "x=1; >$HOME/f": heard(writes=("$HOME/f",)),
    "~/bin/a '$(b)'": heard("~/bin/a"),
    "$x a": heard("$x"),
    "if a; then b >f; elif c; then d; else e; fi": heard("a", "b", "c", "d", "e", writes=("f",)),
    "while a; do b; done >f; until c; do d; done": heard("a", "b", "c", "d", writes=("f",)),
    "for i in $(a); do b; done; case $(c) in $(d)) e;; esac; [[ $(g) ]]": heard("a", "b", "c", "d", "e", "g", substitutions=4),
    "f() { a; } >x; (b); { c; }; ! d & e": heard("a", "b", "c", "d", "e", writes=("x",)),
    'a "$(b "$(c)")" `d` <(e) >(g) "${x:-$(h)}" {$(i),j}': heard("a", "b", "c", "d", "e", "g", "h", "i", substitutions=7),
    "a <<E\n$(b)\nE": heard("a", "b", substitutions=1),
    "a <<'E'\n$(b)\nE": heard("a"),
    'a <<<"$(b)"; x=$(c)': heard("a", "b", "c", substitutions=2),
}


@pytest.mark.parametrize("text", OURS)
def test_our_names_are_those_of_the_whole_tree_as_they_are_spelled(text: str) -> None:
    assert names(parse(text)) == OURS[text]


def test_equal_names_are_no_disagreement() -> None:
    assert disagreement(heard("a", writes=("f",)), heard("a", writes=("f",))) is None


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (heard("a", "b"), "`b` only there"),
        (heard(), "`a` only here"),
        (heard("a", substitutions=1), "substitutions"),
        (heard("a", writes=("f",)), "`f`"),
        (heard(*"bcdefghi"), ", ..."),
    ],
)
def test_a_difference_is_told_in_words(other: Heard, word: str) -> None:
    told = disagreement(heard("a"), other)
    assert told is not None
    assert word in told


def test_each_opinion_that_differs_is_named() -> None:
    same, other, silent = Fixed(heard("a")), Fixed(heard("b"), "other"), Fixed(None, "silent")
    assert [one.opinion for one in compare(parse("a"), [same, other, silent])] == ["other"]
    assert isinstance(compare(parse("a"), [other])[0], Disagreement)


def test_a_parser_that_gives_no_answer_counts_as_one_that_differs() -> None:
    (found,) = compare(parse("a"), [Fixed(Unheard(why="it took too long"))])
    assert found.why == "it gave no answer: it took too long"


def test_nothing_is_gone_through_when_nobody_is_heard() -> None:
    assert compare(parse("a"), []) == ()


def test_every_known_difference_has_scripts() -> None:
    assert KNOWN.keys() == DIFFERENCES.keys()


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in KNOWN.items() for text in texts])
def test_who_is_known_to_be_wrong_is_not_asked(name: str, text: str) -> None:
    script = parse(text)
    assert DIFFERENCES[name].holds(facts(script))
    asked = [Fixed(heard("wrong"), opinion) for opinion in sorted(DIFFERENCES[name].opinions)]
    assert compare(script, asked) == ()
    assert [one.asked for one in asked] == [0] * len(asked)


@pytest.mark.parametrize(
    "text",
    [
        "a 'b' \"c\" | d > f", "a \"$(b)\" $(c) 'd' `e`", "a '$(b)' \"\\$(c)\"", "a ${x:-y} ${x%z}", "A=1 a > f", "! a", "a; b\nc # d",
        "if a; then b; fi", "for i in x; do a $i; done", "a ~/b $HOME", "a \\\n  b",
    ],
)  # fmt: skip
def test_both_are_asked_about_plain_scripts(text: str) -> None:
    assert differences(facts(parse(text))) == {}


def test_tree_sitter_is_asked_about_here_documents_with_a_plain_delimiter() -> None:
    for text in ("a <<E\n$(b)\nE", "a <<'E'\nb\nE", 'a <<"E_1"\nb\nE_1', "a 3<< E-1.x\nb\nE-1.x"):
        assert differences(facts(parse(text))) == {"bashlex": "here_document"}
