"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from bylaw.policy.lazy import lazily


def test_a_pattern_works_as_a_compiled_one_from_the_first_use_on() -> None:
    pattern = lazily("a+")
    for _ in range(2):
        found = pattern.match("aab")
        assert found is not None
        assert found.group() == "aa"
    assert pattern.fullmatch("aab") is None
    assert pattern.pattern == "a+"


def test_a_malformed_pattern_is_an_error_at_its_first_use() -> None:
    pattern = lazily("(")
    with pytest.raises(re.error):
        pattern.search("")
