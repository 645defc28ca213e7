"""Approvals that outlive one call: exceptions to the `confirm` rules that asked, for equal calls, until the session ends.

A grant is never an exception to a deny, and never wider than what was shown: the same tool with the same arguments
and effects and, where code of the workspace runs, the same bytes; for a commit the same changes; for `write` and `edit`
the same file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from ..policy.actions import Action, EditFile, RunCommand, WriteFile
from ..policy.decision import Decision, Verdict
from ..policy.effects import Write
from ..tools.permit import Binding
from .visible import shorten, visible

_SHOWN: Final = 200
_BACKTICK: Final = r"\u{60}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`key` names the calls it covers, `rules` the confirm rules it answers, `text` what the person was shown."""

    key: str
    rules: frozenset[str]
    text: str


class Grants:
    """The grants of one session."""

    def __init__(self) -> None:
        self._given: dict[str, Grant] = {}

    def add(self, grant: Grant) -> None:
        """Keeps the grant; what it answers adds to what an earlier one for the same calls answered."""
        before = self._given.get(grant.key)
        rules = grant.rules | (before.rules if before else frozenset())
        self._given[grant.key] = Grant(key=grant.key, rules=rules, text=grant.text)

    def covers(self, grant: Grant) -> bool:
        """Whether everything that asks now was answered for the whole session before."""
        given = self._given.get(grant.key)
        return given is not None and grant.rules <= given.rules


def proposal(action: Action, decision: Decision, bindings: tuple[Binding, ...], *, diff: str = "") -> Grant:
    """The grant that would answer this decision for the rest of the session; `diff` is what a commit would hold."""
    rules = frozenset(reason.rule for reason in decision.reasons if reason.verdict is Verdict.CONFIRM)
    if isinstance(action, (WriteFile, EditFile)):
        paths = sorted(effect.path for effect in decision.effects if isinstance(effect, Write))
        subject, text = "\0".join(paths), f"{action.tool} of {', '.join(map(_quoted, paths))}"
    else:
        subject = action.model_dump_json() + "".join(f"\0{one.path}\0{one.sha256}" for one in bindings)
        # the same words mean other files when a glob matches more, or a link leads elsewhere
        subject += f"\0{decision.effects!r}\0{decision.plan!r}\0{diff}"
        exactly = "arguments, effects and bytes" if bindings or diff else "arguments and effects"
        text = f"{action.tool} {_quoted(_words(action))} with exactly these {exactly}"
    key = hashlib.sha256(f"{action.tool}\0{subject}".encode("utf-8", "surrogatepass")).hexdigest()
    return Grant(
        key=key,
        rules=rules,
        text=f"allow {text} for this session, although {' and '.join(sorted(rules))} {'asks' if len(rules) == 1 else 'ask'}",
    )


def _words(action: Action) -> str:
    if isinstance(action, RunCommand):
        return action.command
    return "; ".join(f"{name} = {value}" for name, value in action.model_dump(mode="json", exclude_defaults=True).items())


def _quoted(text: str) -> str:
    """On one line and between backticks, none of which comes from the text: a command cannot pass for the words around it."""
    return f"`{shorten(visible(text, keep_newlines=False), _SHOWN).replace('`', _BACKTICK)}`"
