"""Approvals: a question that the policy raised, and the answer of a person.

interface.py   Question, Approval, the Approver protocol
terminal.py    asks on the terminal
headless.py    nobody is there (deny), and `--unsafe-approve-all`
"""

from __future__ import annotations

from .headless import Headless, UnsafeApproveAll
from .interface import Approval, Approved, Approver, Denied, Edited, Question

__all__ = ["Approval", "Approved", "Approver", "Denied", "Edited", "Headless", "Question", "UnsafeApproveAll"]
