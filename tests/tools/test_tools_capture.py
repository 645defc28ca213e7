"""Output is kept within bounds, and what was cut is said."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from bylaw.tools.capture import Capture, Captured


def captured(chunks: list[bytes], limit: int) -> Captured:
    capture = Capture(limit)
    for chunk in chunks:
        capture.feed(chunk)
    return capture.result()


def test_short_output_is_kept_whole() -> None:
    assert captured([b"a", b"bc", b"d"], 4) == Captured(
        text="abcd", total_bytes=4, sha256=hashlib.sha256(b"abcd").hexdigest(), truncated=False
    )


def test_long_output_keeps_head_and_tail_and_counts_the_rest() -> None:
    result = captured([b"0123456789" * 10], 10)
    assert result.text == "01234\n[... 90 bytes cut ...]\n56789"
    assert result.truncated


def test_a_limit_of_nothing_keeps_nothing() -> None:
    assert captured([b"abc"], 0).text == "\n[... 3 bytes cut ...]\n"


def test_undecodable_bytes_are_replaced() -> None:
    assert captured([b"a\xff\xfeb"], 100).text == "a\ufffd\ufffdb"


def test_a_character_split_between_chunks_is_one_character() -> None:
    assert captured([b"\xc3", b"\xa9"], 100).text == "é"


def test_a_cut_never_splits_a_character() -> None:
    text = "é\U0001f600ü" * 50
    for limit in range(1, 60):
        assert "\ufffd" not in captured([text.encode()], limit).text


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 60))
def test_count_digest_and_bounds_hold_for_any_chunks(chunks: list[bytes], limit: int) -> None:
    whole = b"".join(chunks)
    result = captured(chunks, limit)
    assert result.total_bytes == len(whole)
    assert result.sha256 == hashlib.sha256(whole).hexdigest()
    assert result.truncated == (len(whole) > limit)
    if not result.truncated:
        assert result.text == whole.decode("utf-8", "replace")


@given(st.text(alphabet="aé€\U0001f600", max_size=80), st.integers(0, 60))
def test_what_is_kept_and_what_is_cut_add_up(text: str, limit: int) -> None:
    result = captured([text.encode()], limit)
    if result.truncated:
        head, _, rest = result.text.partition("\n[... ")
        count, _, tail = rest.partition(" bytes cut ...]\n")
        assert len(head.encode()) + int(count) + len(tail.encode()) == len(text.encode())
        assert text.startswith(head)
        assert text.endswith(tail)
