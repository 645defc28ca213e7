"""What lies in the cache directory is believed only when nobody else can have put it there, and it is what it says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bylaw.agent import cache
from bylaw.agent.cache import DirectoryStore
from bylaw.agent.directories import cache_directory, own_directories
from bylaw.audit import AuditError, state_directory

KEY = "a" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DirectoryStore(str(tmp_path / "base" / "cache")).put("policy", KEY, b"data")
    return tmp_path / "base" / "cache"


def entry(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_an_entry_is_found_under_its_kind_and_key_alone(folder: Path) -> None:
    store = DirectoryStore(str(folder))
    assert store.get("policy", KEY) == b"data"
    assert store.get("profile", KEY) is None
    assert store.get("policy", "b" * 64) is None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert entry(folder).stat().st_mode & 0o777 == 0o600


def test_an_entry_is_replaced_as_a_whole(folder: Path) -> None:
    store = DirectoryStore(str(folder))
    store.put("policy", KEY, b"other")
    assert store.get("policy", KEY) == b"other"
    assert entry(folder).name == f"policy-{KEY}"


def test_no_change_of_a_byte_goes_unseen(folder: Path) -> None:
    whole = entry(folder).read_bytes()
    for place in range(len(whole)):
        entry(folder).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert DirectoryStore(str(folder)).get("policy", KEY) is None
    for end in range(len(whole)):
        entry(folder).write_bytes(whole[:end])
        assert DirectoryStore(str(folder)).get("policy", KEY) is None
    entry(folder).write_bytes(whole + b"x")
    assert DirectoryStore(str(folder)).get("policy", KEY) is None


def test_an_entry_that_was_given_another_name_is_not_believed(folder: Path) -> None:
    entry(folder).rename(folder / f"policy-{'b' * 64}")
    assert DirectoryStore(str(folder)).get("policy", "b" * 64) is None


def _link(place: Path) -> None:
    place.rename(place.parent.parent / "there")
    place.symlink_to(place.parent.parent / "there")


def _fifo(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def _writable(place: Path) -> None:
    place.chmod(0o620)


def _directory(place: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize("change", [_link, _fifo, _writable, _directory])
def test_an_entry_that_is_no_file_of_this_account_alone_is_not_believed(folder: Path, change: Callable[[Path], None]) -> None:
    change(entry(folder))
    assert DirectoryStore(str(folder)).get("policy", KEY) is None


def test_an_entry_that_is_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_LARGEST", 10)
    assert DirectoryStore(str(folder)).get("policy", KEY) is None


def test_a_directory_that_others_may_write_is_neither_read_nor_written(folder: Path) -> None:
    folder.chmod(0o770)
    store = DirectoryStore(str(folder))
    store.put("policy", "b" * 64, b"data")
    assert store.get("policy", KEY) is None
    assert len(list(folder.iterdir())) == 1


def test_a_directory_of_another_account_is_neither_read_nor_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    store = DirectoryStore(str(folder))
    store.put("policy", "b" * 64, b"data")
    assert store.get("policy", KEY) is None
    assert len(list(folder.iterdir())) == 1


def test_a_link_in_the_place_of_the_directory_is_neither_read_nor_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    store = DirectoryStore(str(tmp_path / "link"))
    store.put("policy", "b" * 64, b"data")
    assert store.get("policy", KEY) is None
    assert len(list(folder.iterdir())) == 1


def test_where_no_directory_can_be_made_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DirectoryStore(str(tmp_path / "file" / "cache"))
    store.put("policy", KEY, b"data")
    assert store.get("policy", KEY) is None


@pytest.mark.parametrize("call", ["open", "rename", "listdir"])
def test_a_disk_that_fails_leaves_no_half_entry(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    real = getattr(os, call)

    def full(*given: object, **named: object) -> object:
        if call == "open" and "dir_fd" not in named:
            return real(*given, **named)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        DirectoryStore(str(folder)).put("policy", KEY, b"new")
    assert DirectoryStore(str(folder)).get("policy", KEY) == (b"new" if call == "listdir" else b"data")
    assert entry(folder).name == f"policy-{KEY}"


def test_when_there_are_too_many_the_oldest_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST", 3)
    store = DirectoryStore(str(folder))
    os.utime(entry(folder), (2, 2))
    for age, key in ((1, "b"), (3, "c")):
        store.put("policy", key, b"")
        os.utime(folder / f"policy-{key}", (age, age))
    store.put("policy", "d", b"")
    assert {one.name for one in folder.iterdir()} == {"policy-c", "policy-d"}


ENVIRONMENTS = [
    {"HOME": "/h"},
    {"HOME": "/h", "XDG_STATE_HOME": "/s"},
    {"HOME": "/h", "XDG_STATE_HOME": "relative", "XDG_CONFIG_HOME": "relative", "XDG_CACHE_HOME": "relative"},
    {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_CACHE_HOME": "/k"},
    {"HOME": "/h", "BYLAW_HOME": "/b", "XDG_STATE_HOME": "/s"},
    {},
]


@pytest.mark.parametrize("environ", ENVIRONMENTS)
def test_the_record_and_the_cache_lie_in_own_directories(environ: dict[str, str]) -> None:
    own = own_directories(environ)
    assert os.path.realpath(state_directory(environ).parent) in own
    assert any(cache_directory(environ) in {one, f"{one}/cache"} for one in own)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/bylaw"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/k"}, "/k/bylaw"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "k"}, "/h/.cache/bylaw"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/k", "BYLAW_HOME": "/b"}, "/b/cache"),
    ],
)
def test_the_cache_directory_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert cache_directory(environ) == expected


def test_a_relative_home_of_bylaw_is_refused() -> None:
    with pytest.raises(AuditError, match="BYLAW_HOME"):
        own_directories({"BYLAW_HOME": "here"})
