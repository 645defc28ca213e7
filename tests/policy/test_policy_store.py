"""What is kept comes back as it was, and an entry can be taken for nothing else."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy import store
from bylaw.policy.decision import Verdict
from bylaw.policy.model import Default, Matcher
from bylaw.policy.records import Record
from bylaw.policy.store import Kept, code_stamp, key_of, pack, stamp, unpack

KINDS: dict[str, type[Record]] = {"Default": Default, "Matcher": Matcher}
MATCHER = Matcher(program=("git",), subcommand=(("stash", "push"),))

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
_FACTS = st.recursive(
    st.text() | st.binary() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8
)


@given(st.recursive(_PLAIN, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner)))
def test_plain_values_come_back_as_they_were(value: Kept) -> None:
    assert unpack(pack(value), {}) == value


def test_records_come_back_and_what_was_shared_is_shared() -> None:
    default = Default(verdict=Verdict.CONFIRM, source="a:1")
    first, second, found = unpack(pack((MATCHER, MATCHER, {"x": default, "y": frozenset({"z"})})), KINDS)
    assert first is second
    assert first == MATCHER
    assert found == {"x": default, "y": frozenset({"z"})}
    assert found["x"].verdict is Verdict.CONFIRM


def test_what_is_no_plain_data_is_not_packed() -> None:
    with pytest.raises(TypeError, match="set cannot be kept"):
        pack({"x": {1}})  # type: ignore[dict-item]  # that is the fault


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        pack(("x", MATCHER))[:-1],
        marshal.dumps(["Unheard", 1]),
        marshal.dumps(["Default", 1]),
        marshal.dumps(["Default", 1, "s", 2]),
        marshal.dumps([]),
        marshal.dumps(["Verdict", 7]),
        marshal.dumps((1, {2})),
        marshal.dumps(test_what_is_no_plain_data_is_not_packed.__code__),
    ],
)
def test_bytes_that_nobody_packed_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="nothing that was packed"):
        unpack(data, KINDS)


@given(_FACTS, _FACTS)
def test_different_facts_have_different_keys(first: object, second: object) -> None:
    same = repr(first) == repr(second)
    assert (key_of(first) == key_of(second)) is same
    assert same is (first == second and repr(first) == repr(second))


def test_facts_are_not_run_together() -> None:
    assert len({key_of("a", "bc"), key_of("ab", "c"), key_of(("a", "bc")), key_of("a", b"bc"), key_of("\udc80"), key_of("\\udc80")}) == 6


def test_the_stamp_of_a_folder_tells_every_change_of_a_file(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("x = 1\n")
    (tmp_path / "b.txt").write_text("not code")
    seen = [stamp(str(tmp_path), ".py")]
    source.write_text("x = 2\n")
    seen.append(stamp(str(tmp_path), ".py"))
    before = os.stat(source)
    (tmp_path / "new").write_text("x = 3\n")
    os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(tmp_path / "new", source)  # the same size and the same time: another file all the same
    seen.append(stamp(str(tmp_path), ".py"))
    (tmp_path / "c.py").touch()
    seen.append(stamp(str(tmp_path), ".py"))
    assert len({repr(one) for one in seen}) == 4
    (tmp_path / "d.txt").touch()
    assert stamp(str(tmp_path), ".py") == seen[-1]


def test_code_that_does_not_lie_in_files_has_no_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_stamp() is not None
    monkeypatch.setattr(store, "_CODE", ("/nonexistent",))
    assert code_stamp.__wrapped__() is None


def test_the_library_that_translates_patterns_is_part_of_the_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_stamp.__wrapped__()
    (tmp_path / "pathspec").mkdir()
    (tmp_path / "pathspec-99.0.dist-info").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    assert code_stamp.__wrapped__() != before
    monkeypatch.setattr("sys.path", [])
    assert code_stamp.__wrapped__() != before


def test_a_digest_is_the_same_where_the_interpreter_lacks_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    known = store.digest(b"a")
    with monkeypatch.context() as lacking:
        lacking.setitem(sys.modules, "_blake2", None)
        spare = importlib.util.spec_from_file_location("bylaw.policy.store_without", store.__file__)
        assert spare is not None
        assert spare.loader is not None
        other = importlib.util.module_from_spec(spare)
        spare.loader.exec_module(other)
    assert other.digest(b"a") == known == hashlib.blake2b(b"a", digest_size=32).hexdigest()
