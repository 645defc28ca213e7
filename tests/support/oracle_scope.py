"""A scope for the analysis that sees the tree of the oracle, laid in a directory of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import bash_oracle
from bylaw.policy.scope import PathKind, Scope


class MovedFiles:
    """The real file system, in which the oracle's directory is a temporary one of ours."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def _here(self, path: str) -> str:
        path = "/" + path.lstrip("/")
        inside = path == bash_oracle.ROOT or path.startswith(f"{bash_oracle.ROOT}/")
        return self.root + path[len(bash_oracle.ROOT) :] if inside else path

    def real(self, path: str) -> str:
        found = os.path.realpath(self._here(path))
        inside = found == self.root or found.startswith(f"{self.root}/")
        return bash_oracle.ROOT + found[len(self.root) :] if inside else found

    def kind(self, path: str) -> PathKind:
        here = Path(self._here(path))
        try:
            if here.is_symlink():
                return "symlink"
            if not here.exists():
                return "missing"
            return "directory" if here.is_dir() else "file" if here.is_file() else "other"
        except OSError:
            return "missing"

    def names(self, directory: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(self._here(directory))))
        except OSError:
            return ()

    def executable(self, path: str) -> bool:
        return os.access(self._here(path), os.X_OK)

    def read_text(self, path: str, limit: int) -> str | None:
        try:
            return Path(self._here(path)).read_text(encoding="utf-8")[:limit]
        except (OSError, UnicodeDecodeError):
            return None


def oracle_scope(root: Path) -> Scope:
    """Lays the oracle's tree below `root`; the scope whose directory and environment are those of the oracle."""
    root = root.resolve()
    (root / "w").mkdir()
    (root / "home").mkdir()
    bash_oracle.make_tree(str(root / "w"))
    return Scope(
        files=MovedFiles(root),
        workspace=bash_oracle.WORK,
        cwd=bash_oracle.WORK,
        home=bash_oracle.HOME,
        read_roots=(bash_oracle.WORK,),
        write_roots=(bash_oracle.WORK,),
        environment=dict(bash_oracle.ENVIRONMENT),
    )
