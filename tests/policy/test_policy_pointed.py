"""What is not accounted for is shown where it stands, with who would have to know it."""

from __future__ import annotations

import pytest

from bylaw.policy.decision import Verdict
from bylaw.policy.engine import decide_command
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import load

STRICT = load("strict", workspace=WORKSPACE, home=HOME)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("cat README.md | ls --frobnicate", ("cat README.md | ls --frobnicate\n                   ^^^^^^^^^^^^", "profile of `ls`")),
        ("ls; frobnicate x", ("ls; frobnicate x\n    ^^^^^^^^^^", "profile of `frobnicate`")),
        ("git frobnicate", ("git frobnicate\n    ^^^^^^^^^^", "profile of `git`")),
    ],
)
def test_an_unknown_word_has_a_caret_and_names_the_profile(command: str, shown: tuple[str, str]) -> None:
    decision = decide_command(command, STRICT, synthetic_scope())
    assert decision.verdict is Verdict.DENY
    (reason,) = (one for one in decision.reasons if one.rule == "default.unknown")
    for text in shown:
        assert text in reason.text


def test_a_word_that_only_the_run_knows_is_shown_with_its_command() -> None:
    decision = decide_command('ls; cat "$(cat README.md)"', STRICT, synthetic_scope())
    texts = [one.text for one in decision.reasons if one.rule == "default.unknown"]
    assert texts
    for text in texts:
        assert "    ^" in text
        assert "profile of" not in text
