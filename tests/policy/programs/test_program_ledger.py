"""Words become paths: what `..` takes back depends on whether the directory is there yet."""

from __future__ import annotations

import pytest

from bylaw.policy.profiles.ledger import Entered, joined
from bylaw.policy.profiles.options import Opaque, Several


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a", "/w/s/a"),
        ("a/../b", "/w/s/a/../b"),
        ("../a", "/w/a"),
        ("./../a", "/w/a"),
        (".././/../a", "/a"),
        ("../../../a", "/a"),
        ("/a/../b", "/a/../b"),
    ],
)
def test_leading_dots_are_taken_from_the_real_directory_that_is_entered(word: str, expected: str) -> None:
    assert joined(word, Entered("/w/s")) == expected


@pytest.mark.parametrize(("word", "expected"), [("../a", "/w/s/../a"), ("./a", "/w/s/./a"), ("/a", "/a")])
def test_a_directory_that_may_hold_links_keeps_its_dots(word: str, expected: str) -> None:
    assert joined(word, "/w/s") == expected


def test_the_name_of_something_below_a_directory_is_no_word_of_that_name() -> None:
    assert Opaque("help") != "help"
    assert {"help": 1}.get(Opaque("help")) is None
    assert Opaque("help") != Several("help")
    assert Opaque("help") == Opaque("help")
