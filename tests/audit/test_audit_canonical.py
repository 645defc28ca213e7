from __future__ import annotations

import enum
import json
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.audit import JSON, RecordError
from bylaw.audit.canonical import MAX_DEPTH, MAX_LINE_BYTES, encode, parse, plain

KEYS = st.text(st.characters(max_codepoint=127), max_size=5)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12)


def nested(depth: int) -> JSON:
    value: JSON = 1
    for _ in range(depth):
        value = [value]
    return value


@given(st.dictionaries(KEYS, VALUES))
def test_what_is_written_is_read_back_the_same(record: dict[str, JSON]) -> None:
    assert parse(encode(record)) == record


@given(st.binary(max_size=60) | st.dictionaries(KEYS, VALUES).map(lambda value: json.dumps(value).encode()))
def test_no_line_is_read_that_would_not_be_written_so(line: bytes) -> None:
    try:
        record = parse(line)
    except RecordError:
        return
    assert encode(record) == line


class Colour(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, "a"), [1, "a"]),
        (types.MappingProxyType({"a": ()}), {"a": []}),
        (Colour.RED, 3),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (-(2**53) + 1, -(2**53) + 1),
    ],
)
def test_values_of_the_profile_are_kept(value: object, expected: object) -> None:
    assert json.loads(encode({"x": plain(value, where="x")})) == {"x": expected}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0, "a float"),
        ([float("nan")], "a float"),
        (b"bytes", "a bytes"),
        ({1, 2}, "a set"),
        (2**53, "beyond 2^53-1"),
        (-(2**53), "beyond 2^53-1"),
        ("\ud800", "half of a surrogate pair"),
        ({"x": ["\udfff"]}, "`event.x[]`"),
        ({"é": 1}, "not ASCII"),
        ({1: 1}, "not ASCII"),
        (nested(MAX_DEPTH + 1), "nested deeper"),
    ],
)
def test_values_outside_the_profile_are_refused_by_name(value: object, said: str) -> None:
    with pytest.raises(RecordError, match=said.replace("[", r"\[").replace("^", r"\^")):
        plain(value, where="event")


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(RecordError, match="nested deeper"):
        plain(loop, where="event")


def test_nesting_up_to_the_limit_is_kept() -> None:
    record: dict[str, JSON] = {"x": nested(MAX_DEPTH - 1)}
    assert parse(encode({"x": plain(record["x"], where="x", depth=2)})) == record


def test_a_record_over_the_cap_is_refused() -> None:
    with pytest.raises(RecordError, match="more than"):
        encode({"x": "a" * MAX_LINE_BYTES})


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b' {"a":1}',
        b'{"a":1}\r',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u001B"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\x00"}',
        '{"é":1}'.encode(),
        b'{"\\u00e9":1}',
        b"[]",
        b"1",
        b"",
        b'{"a":1}{"a":1}',
        b"[" * 100_000,
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
)
def test_a_line_in_another_form_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        parse(line)


def test_brackets_in_text_are_not_nesting() -> None:
    record: dict[str, JSON] = {"a": "[{" * 100}
    assert parse(encode(record)) == record
