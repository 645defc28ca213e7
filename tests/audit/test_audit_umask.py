"""A log is its owner's to read, whatever the umask says."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bylaw.audit import AuditLog


def test_a_log_and_its_directories_are_readable_by_their_owner_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        with AuditLog.create(tmp_path / "state" / "audit", session="s") as log:
            path = log.path
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
