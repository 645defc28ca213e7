"""How an error looks to a person: what happened, what to do next, and the exit code of its class."""

from __future__ import annotations

import sys

from ...audit.errors import AuditError
from ...policy.errors import PolicyError
from ...tools.errors import ToolError
from ..errors import AgentError
from ..visible import visible


def explain(problem: Exception) -> int:
    """Prints an error of bylaw's own and returns its exit code; any other error is a fault and is raised again."""
    if not isinstance(problem, (PolicyError, ToolError, AuditError, AgentError)):
        raise problem
    print(f"bylaw: {visible(str(problem))}", file=sys.stderr)
    if problem.hint:
        print(f"  next: {visible(problem.hint)}", file=sys.stderr)
    return problem.exit_code
