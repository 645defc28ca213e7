from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.tools.text import cap, listed, plural, visible


def test_a_short_text_stays_as_it_is() -> None:
    capped = cap("abc", 3)
    assert (capped.text, capped.total_bytes, capped.truncated) == ("abc", 3, False)
    assert capped.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_head_and_tail_are_kept_and_the_cut_is_told() -> None:
    capped = cap("HEAD" + "x" * 1000 + "TAIL", 100)
    assert capped.text.startswith("HEADx")
    assert capped.text.endswith("xTAIL")
    assert "[... 908 bytes cut, 1008 bytes in all ...]" in capped.text


@given(st.text(max_size=80), st.integers(min_value=0, max_value=60))
def test_no_character_is_broken_by_a_cut(text: str, limit: int) -> None:
    capped = cap(text, limit)
    assert "\ufffd" not in capped.text or "\ufffd" in text
    assert len(capped.text.encode()) <= limit + 60
    assert capped.total_bytes == len(text.encode())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.txt", "plain.txt"),
        ("ä b", "ä b"),
        ("a\tb", "a\\tb"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\u200bx", "\\u{200b}x"),
        ("\udcffx", "\\xffx"),
        ("\u2028", "\\u{2028}"),
    ],
)
def test_names_show_what_they_hide(name: str, shown: str) -> None:
    assert visible(name) == shown


@given(st.text())
def test_a_visible_name_is_one_printable_line(name: str) -> None:
    assert all(one.isprintable() or one == "\u3000" or one.isspace() for one in visible(name))
    assert "\n" not in visible(name)


def test_counts_and_lists_read_well() -> None:
    assert plural(1, "line") == "1 line"
    assert plural(2, "match", "matches") == "2 matches"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
