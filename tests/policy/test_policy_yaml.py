"""YAML, read for trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy.errors import PolicyFileError
from bylaw.policy.yaml_source import MAX_BYTES, Mark, locate, parse, plain, read_source

ACCEPTED: list[tuple[str, object]] = [
    ("a: 1\nb: [x, {c: d}]\n", {"a": 1, "b": ["x", {"c": "d"}]}),
    ("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
    ("a: 1_000\nb: 1.5\nc: true\nd:\ne: 'true'\n", {"a": 1000, "b": 1.5, "c": True, "d": None, "e": "true"}),
    ("\ufeffa: 12\n", {"a": 12}),
    ("{}", {}),
    ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
]

REFUSED = [
    ("", "is empty", "f.yaml"),
    ("# nothing\n", "is empty", "f.yaml"),
    ("[1]", "a policy is a mapping", "f.yaml:1:1"),
    ("a: 1\na: 2", "the key `a` is given twice, first in line 1", "f.yaml:2:1"),
    ("a: {b: 1, b: 2}", "the key `b` is given twice", "f.yaml:1:11"),
    ("a: *x", "names no finished value", "f.yaml:1:4"),
    ("a: &x [*x]", "names no finished value", "f.yaml:1:8"),
    ("<<: {a: 1}", "merge keys are not read", "f.yaml:1:1"),
    ("a: !!python/object:os.system x", "is not read here", "f.yaml:1:4"),
    ("a: !!set {b}", "is not read here", "f.yaml:1:4"),
    ("a: ! 12", "is not read here", "f.yaml:1:4"),
    ("a: !x [b]", "is not read here", "f.yaml:1:4"),
    ("a: 2020-01-01", "timestamp` is not read here", "f.yaml:1:4"),
    ("a: " + "1" * 5000, "is no number", "f.yaml:1:4"),
    ("a: 0x_", "is no number", "f.yaml:1:4"),
    ("--- {a: 1}\n--- {b: 2}", "one document", "f.yaml:2:1"),
    ("? [a]\n: 1", "a key is a text", "f.yaml:1:3"),
    ("1: 2", "a key is a text", "f.yaml:1:1"),
    ("a: [", "not readable as YAML", "f.yaml:2:1"),
    ("a: \x01", "control characters are not allowed", "f.yaml"),
    ("a: " + "[" * 100 + "]" * 100, "nested deeper than 32", "f.yaml:1:35"),
    ("a: &a x\nb: [" + "*a, " * 65 + "]", "more than 64 aliases", "f.yaml:2:"),
    ("a: [" + "1, " * 20_001 + "]", "more than 20,000 values", "f.yaml"),
]

BILLION = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 7))


@pytest.mark.parametrize(("text", "value"), ACCEPTED)
def test_plain_values_are_read(text: str, value: object) -> None:
    assert plain(parse(text, source="f.yaml")) == value


@pytest.mark.parametrize(("text", "message", "where"), REFUSED, ids=[message for _, message, _ in REFUSED])
def test_what_is_not_plain_is_refused_with_its_place(text: str, message: str, where: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        parse(text, source="f.yaml")
    assert message in caught.value.message
    assert caught.value.source.startswith(where)
    assert caught.value.exit_code == 7


def test_aliases_that_multiply_are_refused() -> None:
    with pytest.raises(PolicyFileError, match="more than"):
        parse(BILLION, source="f.yaml")


def test_deep_nesting_of_flow_collections_does_not_exhaust_the_stack() -> None:
    with pytest.raises(PolicyFileError, match="nested deeper"):
        parse("a: " + "[" * 100_000, source="f.yaml")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_no_text_raises_anything_but_the_policys_own_error(text: str) -> None:
    try:
        parse(text, source="f.yaml")
    except PolicyFileError as problem:
        assert str(problem).startswith("f.yaml")


def test_a_value_is_found_by_its_path() -> None:
    root = parse("a:\n  - b: 1\n    c: [2, 3]\n", source="f.yaml")
    assert locate(root, ("a", 0, "c")) == Mark(3, 5)
    assert locate(root, ("a", 0, "c", 1)) == Mark(3, 12)
    assert locate(root, ("a", 0, "missing")) == Mark(2, 5)
    assert locate(root, ("a", 7)) == Mark(1, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="No such file") as caught:
        read_source(str(tmp_path / "none.yaml"))
    assert caught.value.source.endswith("none.yaml")


def test_a_directory_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="no regular file"):
        read_source(str(tmp_path))


def test_a_pipe_is_no_policy_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PolicyFileError, match="no regular file"):
        read_source(str(tmp_path / "pipe"))


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("#" * (MAX_BYTES + 1))
    with pytest.raises(PolicyFileError, match="larger than 262,144 bytes"):
        read_source(str(tmp_path / "big.yaml"))


def test_bytes_that_are_no_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(PolicyFileError, match="not UTF-8") as caught:
        read_source(str(tmp_path / "latin.yaml"))
    assert caught.value.source.endswith("latin.yaml:2")
