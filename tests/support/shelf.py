"""A store in memory, for tests of what is kept in one."""

from __future__ import annotations


class Shelf:
    """A store that can be looked into."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], bytes] = {}

    def get(self, kind: str, key: str) -> bytes | None:
        return self.entries.get((kind, key))

    def put(self, kind: str, key: str, data: bytes) -> None:
        self.entries[kind, key] = data
