from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bylaw.audit import AuditError, AuditLog, WriteError, state_directory
from bylaw.audit.places import open_private


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BYLAW_HOME": "/b", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/b/audit"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/bylaw/audit"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/bylaw/audit"),
        ({"BYLAW_HOME": "", "XDG_STATE_HOME": "", "HOME": "/h"}, "/h/.local/state/bylaw/audit"),
    ],
)
def test_the_state_directory_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert str(state_directory(environ)) == expected


def test_without_a_home_the_account_has_one() -> None:
    assert state_directory({}).is_absolute()


def test_a_relative_home_of_ours_is_refused() -> None:
    with pytest.raises(AuditError, match="not an absolute path"):
        state_directory({"BYLAW_HOME": "here"})


def test_missing_directories_are_made_private(tmp_path: Path) -> None:
    AuditLog.create(tmp_path / "a" / "b", session="s").close()
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a", "a/b")] == [0o700, 0o700]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    with pytest.raises(WriteError, match="changed by other accounts"):
        AuditLog.create(tmp_path / "open", session="s")


def test_a_directory_of_another_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # this process becomes another account in its own eyes: to chown is not given to everybody
    if os.stat(tmp_path).st_uid == 0:
        os.chown(tmp_path, 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(WriteError, match="changed by other accounts"):
        AuditLog.create(tmp_path, session="s")


@pytest.mark.parametrize("target", ["real", "missing"])
def test_a_linked_directory_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(WriteError, match="cannot be used"):
        AuditLog.create(tmp_path / "link", session="s")
    with pytest.raises(WriteError, match="cannot be used"):
        AuditLog.create_file(tmp_path / "link" / "x.jsonl", session="s")


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot be used"):
        AuditLog.create(tmp_path / "file" / "below", session="s")


def test_two_sessions_may_make_the_directory_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = os.mkdir

    def second(path: Path, mode: int) -> None:
        make(path, mode)
        make(path, mode)  # as if the other had been faster

    monkeypatch.setattr(os, "mkdir", second)
    os.close(open_private(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
