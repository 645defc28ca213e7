"""Profiles out of a store: the same as those that are read anew, and no entry is believed that is odd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bylaw.policy.profiles import find_profile, loader
from bylaw.policy.store import code_stamp, pack
from shelf import Shelf


def forget() -> None:
    loader.find_profile.cache_clear()
    loader.aliases.cache_clear()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    found = Shelf()
    forget()
    loader.keep_in(found)
    yield found
    loader.keep_in(None)
    forget()


@pytest.mark.parametrize("name", ["git", "ls", "egrep", "docker"])
def test_a_profile_from_the_store_is_the_one_that_was_read(shelf: Shelf, name: str) -> None:
    read = find_profile(name)
    forget()
    assert find_profile(name) == read
    assert shelf.entries


def test_a_subcommand_from_the_store_is_made_once(shelf: Shelf) -> None:
    read = find_profile("git")
    forget()
    kept = find_profile("git")
    assert read is not None
    assert kept is not None
    assert list(kept.table.commands) == list(read.table.commands)
    assert len(kept.table.commands) == len(read.table.commands)
    assert kept.table.commands["commit"] is kept.table.commands["commit"]


@pytest.mark.parametrize("data", [b"", b"nobody packed this"])
def test_an_entry_that_nobody_packed_is_no_entry(shelf: Shelf, data: bytes) -> None:
    read = find_profile("ls")
    shelf.entries = dict.fromkeys(shelf.entries, data)
    forget()
    assert find_profile("ls") == read


def test_an_entry_of_another_form_is_no_entry(shelf: Shelf) -> None:
    read = find_profile("ls")
    shelf.entries = dict.fromkeys(shelf.entries, pack(("three", "are")))
    loader.find_profile.cache_clear()
    assert find_profile("ls") == read


def test_an_unknown_program_is_not_kept(shelf: Shelf) -> None:
    find_profile("ls")
    kept = dict(shelf.entries)
    assert find_profile("no-such-program") is None
    assert shelf.entries == kept


def test_where_the_code_has_no_stamp_nothing_is_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_stamp() is not None
    monkeypatch.setattr(loader, "code_stamp", lambda: None)
    assert find_profile("ls") is not None
    assert shelf.entries == {}


def test_the_subcommands_from_the_store_are_a_mapping_like_those_that_were_read(shelf: Shelf) -> None:
    read = find_profile("git")
    forget()
    kept = find_profile("git")
    assert read is not None
    assert kept is not None
    assert isinstance(kept.table.commands, loader.Tables)
    assert len(kept.table.commands) == len(read.table.commands)
    assert list(kept.table.commands) == list(read.table.commands)
    assert dict(kept.table.commands) == dict(read.table.commands)
    assert "no such" not in kept.table.commands
