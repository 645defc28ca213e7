"""docs/programs.md is what the data says."""

from __future__ import annotations

from typing import get_args

from bylaw.policy.effects import ConstructName
from bylaw.policy.profiles import profile_names
from bylaw.policy.shell.refusals import Construct
from programs_page import PAGE, page

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_of_programs_is_made_of_the_data() -> None:
    assert page() == TEXT, "run `make readme`"


def test_the_page_names_every_program_construct_and_refusal() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert len(rows) == len(profile_names()) + len(get_args(ConstructName)) + len(get_args(Construct))
