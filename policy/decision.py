"""What the engine answers: a verdict with every reason, the effects, and what the kernel will be told."""

from __future__ import annotations

from enum import IntEnum

from .effects import Effect
from .plan import Plan
from .records import Record
from .spans import Span


class Verdict(IntEnum):
    """Ordered: the strictest of several is their maximum."""

    ALLOW = 0
    CONFIRM = 1
    DENY = 2

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Verdict:
        """The verdict written as `allow`, `confirm` or `deny`; KeyError for any other word."""
        return {"allow": cls.ALLOW, "confirm": cls.CONFIRM, "deny": cls.DENY}[text]


class Reason(Record):
    """Why: the rule (or default) that spoke, what it says, where it stands (`file:line`), and what to do instead."""

    rule: str
    verdict: Verdict
    text: str
    source: str
    suggestion: str | None = None
    span: Span | None = None


class PathGrant(Record):
    """A path that the kernel lets the call touch; with `recursive`, everything below it."""

    path: str
    recursive: bool = False


class Manifest(Record):
    """The effects of one call compiled into what the kernel is told.

    `programs` are real files that may start. `read` and `write` are the paths granted (a write grant includes
    reading). `hidden` are secrets that lie below a grant and must be absent; `protected` lie below a write grant
    and must stay unchanged. `hosts` is empty: no network. A host is `host:port` where the port is known (`[v6]:port`,
    `*.domain:port`); without one it means the ports 80 and 443; `*` is any host. `environment` are the variables that
    reach the child. `widened` says what the grant of a program's file grants besides that program. `overlay` are
    directories that the call sees as they are and may change for itself alone: its changes are thrown away.
    `roots` are the directories whose contents are the workspace's: any directory in them may be opened for a new name.
    """

    programs: tuple[str, ...] = ()
    read: tuple[PathGrant, ...] = ()
    write: tuple[PathGrant, ...] = ()
    hidden: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    widened: tuple[str, ...] = ()
    overlay: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


class Decision(Record):
    """The answer to one call.

    INVARIANT: `reasons` is not empty and the strictest of them is the verdict.
    `plan` is None for calls that are not commands and for commands that were refused before one could be made.
    `not_installed` names programs that were judged by their profile but are not on this machine. `captures` are the
    decisions on the plan's captured commands, by number: each is part of this one, and none is laxer for being apart.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    effects: tuple[Effect, ...] = ()
    manifest: Manifest = Manifest()
    plan: Plan | None = None
    not_installed: tuple[str, ...] = ()
    policy_digest: str = ""
    captures: tuple[Decision, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a decision that breaks the invariant: a verdict without its reason cannot be explained."""
        if not self.reasons or max(reason.verdict for reason in self.reasons) is not self.verdict:
            raise ValueError("a decision needs reasons, and the strictest of them is its verdict")
