"""What a tool needs in order to run a plan: `tools.process.run_plan`, or a stand-in for it in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..policy.decision import Manifest
from ..policy.model import Limits, SandboxMode
from ..policy.plan import Plan
from .outcome import ProcessOutcome
from .permit import Binding
from .witness import Witness


class Runner(Protocol):
    """Runs a plan confined to a manifest; raises SandboxError, ChangedError, ToolError."""

    def __call__(
        self,
        plan: Plan,
        *,
        manifest: Manifest,
        limits: Limits,
        sandbox: SandboxMode,
        environment: Mapping[str, str],
        timeout: float | None = None,
        bindings: Sequence[Binding] = (),
        witness: Witness | None = None,
        template: tuple[str, ...] = (),
    ) -> ProcessOutcome: ...
