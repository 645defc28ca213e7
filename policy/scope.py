"""The facts of the machine that an analysis may ask for, behind one protocol, so that rules can be tried on a made-up one.

`policy` looks and changes nothing. What it sees here is what the decision was based on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from .records import EMPTY, Record, replace

PathKind = Literal["file", "directory", "symlink", "other", "missing"]


class Files(Protocol):
    """How the analysis looks at the file system. Paths are absolute."""

    def real(self, path: str) -> str:
        """The path with symbolic links resolved as far as it exists; `..` behind a missing component is refused with
        OSError, because what it means is decided later; so is a loop of links.
        """
        ...

    def kind(self, path: str) -> PathKind:
        """What is there, without following a final symbolic link."""
        ...

    def names(self, directory: str) -> tuple[str, ...]:
        """The names in a directory, sorted; empty when it cannot be read."""
        ...

    def executable(self, path: str) -> bool:
        """Whether the path is a regular file (links followed) that this account may execute."""
        ...

    def read_text(self, path: str, limit: int) -> str | None:
        """The text of a regular file (links followed); None when there is none, when it cannot be read, is longer than
        `limit` bytes, or is not UTF-8.
        """
        ...


class Scope(Record):
    """Where a call would happen.

    `workspace`, `home`, `cwd` and the roots are absolute real paths. `environment` is exactly what a child gets,
    before assignments in the command. `search_path` are the directories in which programs are looked up: absolute,
    real, none inside a write root. `agent_files` are real paths that the agent wrote in this session.
    `hooks`: the policy lets the `git_commit` tool run the hooks of the repository.
    """

    files: Files
    workspace: str
    cwd: str
    home: str
    read_roots: tuple[str, ...]
    write_roots: tuple[str, ...]
    environment: Mapping[str, str] = EMPTY
    search_path: tuple[str, ...] = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
    agent_files: frozenset[str] = frozenset()
    hooks: bool = False

    def steady(self) -> Scope:
        """The scope of one decision: its files look at each path once, where they can."""
        steady = getattr(self.files, "steady", None)
        return self if steady is None else replace(self, files=steady())

    def find_program(self, name: str) -> str | None:
        """The real file that a plain name stands for on the search path, or None when it is not installed."""
        for directory in self.search_path:
            candidate = f"{directory}/{name}"
            if self.files.executable(candidate):
                return self.files.real(candidate)
        return None
