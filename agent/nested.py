"""Captured commands on the record: each `$(...)` is a nested call, with an intent of its own before it runs."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ..audit import AuditError
from ..policy.actions import RunCommand
from ..policy.decision import Decision, Verdict
from ..tools.errors import ToolError
from ..tools.result import JSON, ToolResult

if TYPE_CHECKING:
    from ..tools.sandbox.proxy import Connection
    from .recorder import Recorder

_MAX_RUNS: Final = 1_000
"""How often a captured command may be reached in one call: each time costs a durable record."""

_MAX_VECTORS: Final = 20_000
_MAX_CHARACTERS: Final = 32 << 20
"""How many final argument vectors one call may put on the record, and how long they may be together."""


class NestedCalls:
    """The witness of one call: numbers its captured commands, and writes down what only the run knew."""

    def __init__(self, call_id: str, decision: Decision, recorder: Recorder) -> None:
        self._call_id = call_id
        self._decision = decision
        self._recorder = recorder
        self._started: dict[tuple[int, int], int] = {}
        self._count = 0
        self._vectors = 0
        self._characters = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        """Closes what was still running when its call ended; not where the record itself failed."""
        if isinstance(problem, AuditError):
            return
        for (number, run), started in self._started.items():
            result = ToolResult(status="interrupted", text="", notes=("it was stopped with the call that it is part of",))
            self._recorder.outcome(self._name(number, run), RunCommand.tool, result, started)
        self._started.clear()

    def capture(self, number: int, run: int) -> None:
        """Makes the intent of a captured command durable; raises ToolError for one that was not judged, AuditError."""
        plan, judged = self._decision.plan, self._decision.captures
        decision = judged[number] if number < len(judged) else None
        # INVARIANT: what was approved for the whole call covers its parts, and no part is stricter than the whole.
        if plan is None or decision is None or decision.verdict is Verdict.DENY or decision.verdict > self._decision.verdict:
            raise ToolError("a captured command was not judged as part of its call", hint="this is a fault in bylaw; please report it")
        self._count += 1
        if self._count > _MAX_RUNS:
            raise ToolError(f"captured commands were reached more than {_MAX_RUNS} times", hint="use a pipe, or a loop inside one program")
        action = RunCommand(command=plan.captures[number].text or "$()")
        self._recorder.intent(self._name(number, run), action, decision)
        self._started[number, run] = time.monotonic_ns()

    def captured(self, number: int, run: int, *, status: int, size: int, sha256: str) -> None:
        """Writes down how a captured command ended."""
        result = ToolResult(status="ok", text="", exit_code=status, output_bytes=size, output_sha256=sha256)
        self._recorder.outcome(self._name(number, run), RunCommand.tool, result, self._started.pop((number, run)))

    def vector(self, argv: tuple[str, ...]) -> None:
        """Writes down an argument vector with words that only the run knew; ToolError where there were too many."""
        self._vectors += 1
        self._characters += sum(map(len, argv))
        if self._vectors > _MAX_VECTORS or self._characters > _MAX_CHARACTERS:
            raise ToolError(
                f"more than {_MAX_VECTORS} commands, or {_MAX_CHARACTERS} characters, with words that only the run knew",
                hint="use a pipe, or a loop inside one program",
            )
        self._recorder.note("tool.vector", {"call_id": self._call_id, "argv": list(argv)})

    def opening(self, connection: Connection) -> None:
        """Makes the intent of a connection durable; nothing leaves for it before."""
        fields: dict[str, JSON] = {"call_id": self._call_id, "protocol": connection.protocol, "host": connection.host}
        self._recorder.note("network.opening", {**fields, "port": connection.port}, durable=True)

    def connected(self, connection: Connection) -> None:
        """Writes down what became of a connection: opened, refused or failed, where it led, how many bytes went each way."""
        fields: dict[str, JSON] = {"call_id": self._call_id, "protocol": connection.protocol, "host": connection.host}
        fields |= {"port": connection.port, "verdict": connection.verdict, "address": connection.address, "why": connection.why}
        self._recorder.note("network.connection", {**fields, "sent_bytes": connection.sent, "received_bytes": connection.received})

    def _name(self, number: int, run: int) -> str:
        return f"{self._call_id}.{number + 1}" + (f".{run}" if run > 1 else "")
