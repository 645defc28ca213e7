"""Second opinions are compared with ours, and stay silent where they are known to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bylaw.policy.shell import Disagreement, Heard, compare, disagreement, names, parse


@dataclass
class Fixed:
    """An opinion that always says the same."""

    answer: Heard | None
    name: str = "fixed"
    asked: int = 0

    def hear(self, text: str) -> Heard | None:
        self.asked += 1
        return self.answer


@pytest.mark.parametrize(
    ("text", "commands", "writes"),
    [
        ("a | 'b' && \\c; A=1 d", ["a", "b", "c", "d"], []),
        ('a >f 2>>"g h" <i &>j 2>&1', ["a"], ["f", "g h", "j"]),
        ("x=1; >$HOME/f", [], ["$HOME/f"]),
        ("~/bin/a '$(b)'", ["~/bin/a"], []),
        ("$x a", ["$x"], []),
    ],
)
def test_our_names_are_those_of_the_tree_without_quotes(text: str, commands: list[str], writes: list[str]) -> None:
    assert names(parse(text)) == Heard(commands=frozenset(commands), writes=frozenset(writes))


def test_equal_names_are_no_disagreement() -> None:
    ours = Heard(commands=frozenset({"a"}), writes=frozenset({"f"}))
    assert disagreement(ours, Heard(commands=frozenset({"a"}), writes=frozenset({"f"}))) is None


@pytest.mark.parametrize(
    ("heard", "word"),
    [
        (Heard(commands=frozenset({"a", "b"})), "`b` only there"),
        (Heard(commands=frozenset()), "`a` only here"),
        (Heard(commands=frozenset({"a"}), substitutions=1), "substitutions"),
        (Heard(commands=frozenset({"a"}), writes=frozenset({"f"})), "`f`"),
    ],
)
def test_a_difference_is_told_in_words(heard: Heard, word: str) -> None:
    told = disagreement(Heard(commands=frozenset({"a"})), heard)
    assert told is not None
    assert word in told


def test_each_opinion_that_differs_is_named() -> None:
    same, other, silent = Fixed(Heard(commands=frozenset({"a"}))), Fixed(Heard(commands=frozenset({"b"})), "other"), Fixed(None, "silent")
    assert [one.opinion for one in compare(parse("a"), [same, other, silent])] == ["other"]
    assert isinstance(compare(parse("a"), [other])[0], Disagreement)


def test_a_here_document_is_compared_with_nobody() -> None:
    wrong = Fixed(Heard(commands=frozenset({"b"})))
    assert compare(parse("a <<'E'\nb\nE"), [wrong]) == ()
    assert wrong.asked == 0
