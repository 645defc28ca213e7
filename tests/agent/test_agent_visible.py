"""Text of others cannot disguise itself on the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.agent.visible import shorten, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
        ("safe\rrm -rf", "safe\\u{d}rm -rf"),
        ("access \u202erof denied", "access \\u{202e}rof denied"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("no\u00a0break", "no\\u{a0}break"),
        ("line\u2028separator", "line\\u{2028}separator"),
        ("\udc80", "\\u{dc80}"),
        ("grüße 漢字 🙂", "grüße 漢字 🙂"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_newlines_are_written_out_where_a_line_is_wanted() -> None:
    assert visible("a\nb", keep_newlines=False) == "a\\u{a}b"


@given(st.text())
def test_nothing_unprintable_is_left(text: str) -> None:
    assert all(one.isprintable() or one in "\n\t" for one in visible(text))


@given(st.text(alphabet="abc", max_size=300), st.integers(min_value=40, max_value=200))
def test_shortened_text_fits_and_keeps_both_ends(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= max(limit, 45)
    if len(text) > limit:
        assert short.startswith(text[:3])
        assert short.endswith(text[-3:])
