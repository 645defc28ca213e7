"""What a person is shown before answering: what would happen, exactly, and which rule asks."""

from __future__ import annotations

from typing import Final

from ..policy.actions import Action, EditFile, GitCommit, WriteFile
from ..policy.decision import Decision, Verdict
from ..policy.effects import Execute, UseConstruct
from .describe import effect_in_words, tier_in_words
from .plans import plan_in_words
from .visible import visible

_QUOTED: Final = "  | "


def question_text(action: Action, decision: Decision, *, diff: str, sandbox: str, grant: str | None) -> str:
    """The whole text of a question; `grant` is what an answer for the session would add.

    Nothing is cut: what is not shown cannot be approved.

    INVARIANT: every character that came from the model or the repository went through `visible`.
    """
    lines = [f"{action.tool}: {_headline(action)}"]
    if diff:
        lines.extend(visible(diff).splitlines())
    if decision.plan is not None:
        lines.append("would start:")
        lines.extend(plan_in_words(decision.plan))
    effects = [effect_in_words(one) for one in decision.effects if not isinstance(one, (UseConstruct, Execute))]
    effects += [
        effect_in_words(one)
        for one in decision.effects
        if isinstance(one, Execute) and (one.origin == "workspace" or one.category == "shell")
    ]
    if (tier := tier_in_words(decision.manifest)) is not None:
        effects.append(tier)
    if effects:
        lines.append("would:")
        lines.extend(f"  {one}" for one in dict.fromkeys(effects))
    if decision.plan is not None:
        lines.append(f"sandbox: {sandbox}")
    lines.extend(f"! {_lines(reason.text)}" for reason in decision.reasons if reason.rule == "git.hooks")
    lines.extend(
        f"! {reason.rule} asks ({reason.source}): {_lines(reason.text)}" for reason in decision.reasons if reason.verdict is Verdict.CONFIRM
    )
    if grant is not None:
        lines.append(f"s allows: {grant}")
    return "\n".join(lines)


def _headline(action: Action) -> str:
    match action:
        case WriteFile():
            return visible(f"{action.path} ({len(action.content.encode('utf-8', 'replace'))} bytes)", keep_newlines=False)
        case EditFile():
            return visible(action.path, keep_newlines=False)
        case GitCommit():
            return "message:" + "".join(f"\n{_QUOTED}{line}" for line in visible(action.message or "").splitlines())
        case _:
            fields = action.model_dump(mode="json", exclude_defaults=True)
            return _lines("; ".join(f"{name} = {value}" for name, value in fields.items()))


def _lines(text: str) -> str:
    """The text; where it has several lines, all but the first are marked: none of them can pass for a line of the question."""
    return f"\n{_QUOTED}".join(visible(text).split("\n"))
