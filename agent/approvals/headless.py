"""Nobody is there: a question is a no. And the loud exception that somebody may choose."""

from __future__ import annotations

from .interface import Approval, Approved, Denied, Question


class Headless:
    """Answers every question with no, because nobody is there to say yes."""

    how = "headless"

    def ask(self, question: Question) -> Approval:
        """Denied, always."""
        del question
        return Denied(unattended=True)


class UnsafeApproveAll:
    """Answers every question with yes. Named for what it is; the gate records that it was used."""

    how = "unsafe-approve-all"

    def ask(self, question: Question) -> Approval:
        """Approved, always."""
        del question
        return Approved()
