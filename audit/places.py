"""Where logs lie, and how their directory is opened.

A log's directory is made 0700, must not be a symbolic link, and must not be writable by others: who can rename in it can
exchange a log behind its writer's back.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from .errors import AuditError, WriteError

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def state_directory(environ: Mapping[str, str]) -> Path:
    """`$BYLAW_HOME/audit`, or else `bylaw/audit` below `$XDG_STATE_HOME` (default: `~/.local/state`).

    Raises AuditError when BYLAW_HOME is relative, because then the place would hang on the current directory; a relative
    XDG_STATE_HOME is ignored, as the XDG Base Directory Specification wants it.
    """
    if home := environ.get("BYLAW_HOME"):
        if not os.path.isabs(home):
            raise AuditError(f"BYLAW_HOME is `{home}`, which is not an absolute path", hint="set it to an absolute path, or unset it")
        return Path(home) / "audit"
    state = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        return Path(state) / "bylaw" / "audit"
    account = environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir
    return Path(account) / ".local" / "state" / "bylaw" / "audit"


def open_private(path: Path) -> int:
    """A descriptor of the directory, made where it is missing. WriteError when it cannot be trusted with a log."""
    try:
        _make(path)
        descriptor = os.open(path, OPEN_DIRECTORY)
    except OSError as error:
        raise WriteError(
            f"`{path}` cannot be used for audit logs: {error.strerror}", hint="it must be a real directory of yours"
        ) from error
    state = os.fstat(descriptor)
    if state.st_uid not in {os.geteuid(), 0} or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        os.close(descriptor)
        raise WriteError(f"`{path}` can be changed by other accounts", hint=f"own it and run: chmod 0700 {path}")
    return descriptor


def _make(path: Path) -> None:
    missing: list[Path] = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        try:
            os.mkdir(each, 0o700)
            os.chmod(each, 0o700)  # whatever the umask took away
        except FileExistsError:
            continue  # another session starts at the same time; what it made is judged when it is opened
        # a directory that a power cut takes away takes the log with it
        parent = os.open(each.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
