"""What a person is asked, and what a person can answer.

An approver gets a `Question` and gives an `Approval`. It performs nothing and remembers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...policy.actions import Action
from ...policy.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call that the policy wants confirmed.

    `text` is everything that is shown, already made visible; `grant` is the rule that an answer for the whole
    session would add, None where the policy keeps no grants.
    """

    call_id: str
    action: Action
    decision: Decision
    text: str
    grant: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Yes, this once; with `session`, also for equal calls until the session ends."""

    session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """No; `message` goes to the model. `unattended` says that nobody was there to ask."""

    message: str | None = None
    unattended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Yes to something else: new arguments (JSON text) for the same tool, judged again from the start."""

    arguments: str


Approval = Approved | Denied | Edited


class Approver(Protocol):
    """Asks whoever answers for the call."""

    @property
    def how(self) -> str:
        """How the answer is got, for the record: `terminal`, `headless`, `unsafe-approve-all`."""
        ...

    def ask(self, question: Question) -> Approval:
        """The answer; blocks while a person thinks. KeyboardInterrupt passes through."""
        ...
