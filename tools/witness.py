"""Who is told what a plan finds out while it runs: the gate, which puts it on the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .sandbox.proxy import Connection


class Witness(Protocol):
    """Hears of captured commands, final argument vectors and connections, each before it takes effect.

    `number` is that of `Plan.captures`, `run` counts from 1 how often this one was reached (a loop may reach it again).
    What a method raises stops the plan.
    """

    def capture(self, number: int, run: int) -> None:
        """A captured command is about to run. INVARIANT: it starts only after this has returned."""
        ...

    def captured(self, number: int, run: int, *, status: int, size: int, sha256: str) -> None:
        """It has run: its exit status, and size (bytes) and digest (hex) of what it printed."""
        ...

    def vector(self, argv: tuple[str, ...]) -> None:
        """A program or builtin with words that only the run knew is about to start with exactly these."""
        ...

    def opening(self, connection: Connection) -> None:
        """A connection is about to be opened. INVARIANT: nothing leaves for it before this has returned. Not on the main thread."""
        ...

    def connected(self, connection: Connection) -> None:
        """What became of a connection, refused ones too. Not on the main thread."""
        ...
