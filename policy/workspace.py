"""Which directory may be a workspace, and where its repository lies."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable
from typing import Final, Protocol

from .errors import PolicyFileError
from .paths import within

_MAX_POINTER: Final = 4_096
_MAX_CONFIG: Final = 262_144


class _Reader(Protocol):
    def real(self, path: str) -> str: ...
    def read_text(self, path: str, limit: int) -> str | None: ...


def check_workspace(path: str, home: str, state_dirs: Iterable[str]) -> str:
    """The real path of a workspace.

    PolicyFileError (exit 7) for a directory that is missing, `/`, somebody's home or above the person's own, or that
    holds, or lies in, one of bylaw's own directories (`state_dirs`).
    """
    try:
        real = os.path.realpath(path, strict=True)
    except (OSError, ValueError) as problem:
        raise PolicyFileError("the workspace does not exist", source=path, hint="give the directory of a project") from problem
    if not os.path.isdir(real):
        raise PolicyFileError("the workspace is no directory", source=path, hint="give the directory of a project")
    if real == "/":
        raise PolicyFileError("`/` cannot be a workspace", source=path, hint="give the directory of a project")
    homes = {os.path.realpath(entry.pw_dir) for entry in pwd.getpwall() if entry.pw_dir.startswith("/")}
    if real in homes or within(os.path.realpath(home), (real,)):
        raise PolicyFileError("a home directory cannot be a workspace", source=path, hint="give the directory of one project in it")
    for directory in map(os.path.realpath, state_dirs):
        if within(directory, (real,)) or within(real, (directory,)):
            raise PolicyFileError(
                f"the workspace holds bylaw's own files (`{directory}`)",
                source=path,
                hint="keep them outside, see BYLAW_HOME and XDG_STATE_HOME",
            )
    return real


def git_directories(workspace: str, files: _Reader) -> tuple[str, ...]:
    """Where the repository of a worktree or submodule lies: its own directory, and the one that it shares with others.

    A `.git` file is content of the workspace and names what it likes. It is believed only where the directory that it
    names points back to this workspace, which nobody who writes in the workspace alone can arrange.
    """
    pointer = files.read_text(f"{workspace}/.git", _MAX_POINTER)
    if pointer is None or not pointer.startswith("gitdir: "):
        return ()
    directory = _joined(files, workspace, pointer.removeprefix("gitdir: ").strip())
    if directory is None or within(directory, (workspace,)):
        return ()
    back = files.read_text(f"{directory}/gitdir", _MAX_POINTER)
    if back is not None:
        return _worktree(files, workspace, directory, back.strip())
    config = files.read_text(f"{directory}/config", _MAX_CONFIG) or ""
    found = re.search(r"^\s*worktree\s*=\s*(.+?)\s*$", config, re.MULTILINE)
    if found is not None and _joined(files, directory, found.group(1)) == workspace:
        return (directory,)
    return ()


def _worktree(files: _Reader, workspace: str, directory: str, back: str) -> tuple[str, ...]:
    shared = _joined(files, directory, (files.read_text(f"{directory}/commondir", _MAX_POINTER) or "").strip())
    if _joined(files, directory, back) != f"{workspace}/.git" or shared is None:
        return ()
    return (directory, shared) if directory.startswith(f"{shared}/worktrees/") else ()


def _joined(files: _Reader, base: str, path: str) -> str | None:
    """The real path, or None where there is none."""
    if not path:
        return None
    try:
        return files.real(path if path.startswith("/") else f"{base}/{path}")
    except OSError:
        return None
