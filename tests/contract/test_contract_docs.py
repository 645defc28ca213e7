"""The documents say what the program does, and their links lead somewhere."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache

import pytest

from contract_repository import ROOT, code, files, text
from shown_outputs import Block, blocks, output

DOCUMENTS = tuple(name for name in files() if name.endswith(".md") and not name.startswith(("tests/policy/", "tests/cases/")))
LINK = re.compile(r"(?<!\!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)

# Nothing in the tree depends on the machine that it was written on, nor names where packages come from.
ELSEWHERE = re.compile(
    r"(?<![\w.-])/(?:" + "|".join(("wo" + "rk", "fa" + "rm", "ro" + "ot/\\.pyenv", "opt/" + "(?:wheels|pypi)")) + r")(?:/|\b)"
    r"|" + "|".join(("pypi" + r"\.org", "files\\.python" + "hosted", "registry\\.npm" + "js", "deb\\.deb" + "ian"))
)
NOT_OURS = ("tests/corpus/", "tests/data/", "tests/policy/shell/data/", "LICENSE")


@pytest.mark.parametrize(("name", "block"), [(name, block) for name in DOCUMENTS for block in blocks(text(name))], ids=str)
def test_a_shown_output_is_the_programs_own(name: str, block: Block) -> None:
    assert output(block.command) == block.shown, f"{name} shows other words of `{block.command}`; run `make readme`"


def test_the_readme_shows_the_help_of_the_main_commands() -> None:
    shown = {block.command for block in blocks(text("README.md"))}
    assert {"bylaw --help", "bylaw run --help", "bylaw check --help", "bylaw doctor --help"} <= shown


def test_the_table_of_exit_codes_names_every_code_that_an_error_ends_with() -> None:
    section = text("README.md").split("## Exit codes", 1)[1].split("\n## ", 1)[0]
    listed = {int(code) for code in re.findall(r"^\| `?(\d+)`? \|", section, re.MULTILINE)}
    assert listed >= _codes_of_errors()
    assert listed == {0, 1, 2, 3, 4, 5, 6, 7, 10, 130}


@cache
def _codes_of_errors() -> set[int]:
    codes: set[int] = set()
    for name in code():
        if name.endswith("errors.py"):
            module = importlib.import_module("bylaw." + name.removesuffix(".py").replace("/", "."))
            found = [getattr(one, "exit_code", None) for _, one in inspect.getmembers(module, inspect.isclass)]
            codes |= {one for one in found if isinstance(one, int)}
    return codes


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_link_leads_to_a_file_of_the_repository(name: str) -> None:
    for found in LINK.finditer(FENCE.sub("", text(name))):
        target = found["target"].split("#")[0]
        if target and not re.match(r"[a-z]+:", target):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {found['target']}"


@pytest.mark.parametrize("name", [name for name in files() if not name.startswith(NOT_OURS)])
def test_a_file_does_not_speak_of_the_machine_it_was_written_on(name: str) -> None:
    try:
        found = ELSEWHERE.search(text(name))
    except UnicodeDecodeError:
        return  # a binary fixture
    assert found is None, f"{name}: {found[0] if found else ''}"


def test_decisions_are_numbered_without_gaps_and_have_their_four_parts() -> None:
    decisions = sorted(name for name in files() if re.fullmatch(r"docs/decisions/\d{4}-[a-z0-9-]+\.md", name))
    assert [int(name.split("/")[-1][:4]) for name in decisions] == list(range(1, len(decisions) + 1))
    for name in decisions:
        parts = re.findall(r"^## (.+)$", text(name), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "What would make us change"], name
        assert text(name).count("\n") < 70, f"{name} is longer than a page"


def test_every_document_of_decisions_is_listed() -> None:
    listed = text("docs/decisions/README.md")
    for name in files():
        if re.fullmatch(r"docs/decisions/\d{4}-.*\.md", name):
            assert name.rsplit("/", 1)[1] in listed


def test_the_changelog_has_the_version_of_the_package() -> None:
    version = importlib.import_module("bylaw").__version__
    assert f"## [{version}]" in text("CHANGELOG.md")
