"""docs/sandbox.md is what the data says, and every reason that the layers give is documented."""

from __future__ import annotations

from bylaw.agent.held import JUDGED
from bylaw.policy.explain import REASONS
from contract_repository import text
from sandbox_page import PAGE, TABLES, refreshed

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_of_the_sandbox_are_made_of_the_data() -> None:
    assert len(TABLES.findall(TEXT)) == 1
    assert refreshed(TEXT) == TEXT, "run `python tests/contract/sandbox_page.py`"


def test_every_capability_that_decides_has_a_reason_that_is_explained() -> None:
    assert {f"sandbox.lacks.{name}" for name in JUDGED} == {name for name in REASONS if name.startswith("sandbox.lacks.")}


def test_the_page_of_policies_leads_to_the_page_of_the_sandbox() -> None:
    assert "(sandbox.md)" in text("docs/policy.md")
