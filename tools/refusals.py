"""What the sandbox refused to one call, gathered from everybody who can tell."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from .sandbox.denials import Denial, Failed, merged, probable

if TYPE_CHECKING:
    from .launch import Running
    from .sandbox.kernel_audit import KernelAudit
    from .sandbox.proxy import Connection

_INCOMPLETE: Final = "the kernel lost records of its audit: more may have been refused than is told"


class Refusals:
    """Listens while a call runs, where there is something to listen to; then says what was refused."""

    def __init__(self, audit: KernelAudit | None) -> None:
        self._audit = audit
        self.notes: tuple[str, ...] = ()

    def denials(self, running: Running, failed: Failed, connections: Iterable[Connection]) -> tuple[Denial, ...]:
        """Every denial of the call, the exact ones first, each once."""
        exact = [*self._landlock(running), *_system_calls(running), *_connections(connections)]
        return merged(exact, probable(failed))

    def _landlock(self, running: Running) -> tuple[Denial, ...]:
        if self._audit is None:
            return ()
        found = self._audit.denials({running.launcher.pid})
        self.notes = () if self._audit.complete else (_INCOMPLETE,)
        return found


@contextlib.contextmanager
def listening(held: Iterable[str]) -> Iterator[Refusals]:
    """Listens to the kernel's audit where Landlock holds the call and the audit is on and may be read."""
    with contextlib.ExitStack() as stack:
        audit: KernelAudit | None = None
        if "landlock" in held and not audit_lacks():
            from .sandbox.kernel_audit import KernelAudit

            with contextlib.suppress(OSError):  # it was there a moment ago: without it, denials are probable
                audit = stack.enter_context(KernelAudit())
                audit.start()
        yield Refusals(audit)


@functools.cache
def audit_lacks() -> str:
    """Empty where the kernel's audit tells denials; else why not. Asked once for each process."""
    from .sandbox.kernel_audit import KernelAudit

    return KernelAudit().probe()


def _system_calls(running: Running) -> Iterator[Denial]:
    if not running.refused:
        return
    from .sandbox.seccomp import described, is_commonplace

    for number, *arguments in running.refused:
        words = (*arguments, 0, 0, 0)[:3]
        if not is_commonplace(number, words):
            yield Denial(kind="system_call", subject=described(number, words).replace("`", ""), certainty="exact", source="seccomp")


def _connections(connections: Iterable[Connection]) -> Iterator[Denial]:
    for one in connections:
        if one.verdict == "refused" and one.host:
            yield Denial(kind="network", subject=f"{one.host}:{one.port}", certainty="exact", source="proxy")
