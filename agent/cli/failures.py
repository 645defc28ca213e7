"""How an error looks to a person: what happened, what to do next, and the exit code of its class."""

from __future__ import annotations

import sys

from ...audit.errors import AuditError
from ...policy.errors import PolicyError
from ...tools.errors import ToolError
from ..errors import AgentError
from ..visible import visible


def explain(problem: Exception) -> int:
    """Prints an error of bylaw's own, or of the system, and returns its exit code; any other is a fault and is raised again."""
    if isinstance(problem, OSError):
        # a full disk behind standard output, a terminal that went away: nothing that a traceback explains better
        print(f"bylaw: the system refused: {visible(str(problem))}", file=sys.stderr)
        return 1
    if not isinstance(problem, (PolicyError, ToolError, AuditError, AgentError)):
        raise problem
    print(f"bylaw: {visible(str(problem))}", file=sys.stderr)
    if problem.hint:
        print(f"  next: {visible(problem.hint)}", file=sys.stderr)
    return problem.exit_code
