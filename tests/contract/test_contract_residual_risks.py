"""The register of residual risks: every row has a class and a holder from the closed lists, and SECURITY.md points to it."""

from __future__ import annotations

import re

import pytest

from contract_repository import text

PAGE = text("docs/residual-risks.md")
ROWS = [tuple(cell.strip() for cell in row.split(" | ")) for row in re.findall(r"^\| (R\d+ .*) \|$", PAGE, re.MULTILINE)]

CLASSES = (
    "environment",
    "git",
    "find",
    "text tools",
    "archives and network",
    "interpreters",
    "wrappers",
    "expansion",
    "redirection",
    "lexical",
    "paths",
    "time",
    "disclosure",
)
LAYERS = ("kernel", "gate", "record", "person", "nobody")


def _named(paragraph: str) -> set[str]:
    found = re.search(rf"^{paragraph}(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return set(re.findall(r"`([a-z ]+)`", found.group(1)))


def test_the_lists_are_those_that_the_page_explains() -> None:
    assert _named("The classes:") == set(CLASSES)
    assert set(LAYERS) <= _named("The layers:")


def test_the_rows_are_numbered_without_a_gap() -> None:
    assert [row[0] for row in ROWS] == [f"R{number}" for number in range(1, len(ROWS) + 1)]
    assert ROWS


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_has_a_class_a_sentence_and_who_holds_it(row: tuple[str, ...]) -> None:
    _, kind, risk, held = row
    assert kind in CLASSES
    assert len(risk.split()) >= 8
    layers = held.split(", ")
    assert set(layers) <= set(LAYERS)
    assert len(layers) == len(set(layers))
    assert layers == ["nobody"] or "nobody" not in layers


def test_every_class_has_a_row() -> None:
    assert {row[1] for row in ROWS} == set(CLASSES)


def test_the_page_on_security_points_to_the_register() -> None:
    assert "docs/residual-risks.md" in text("SECURITY.md")
