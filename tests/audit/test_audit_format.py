from __future__ import annotations

import hashlib
import re
from pathlib import Path

from bylaw.audit import read, verify

PAGE = Path(__file__).parents[2] / "docs" / "audit-format.md"


def block(name: str) -> list[str]:
    found = re.search(rf"^```{name}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1].removesuffix("\n").split("\n")


def test_the_hashes_of_the_test_vector_are_those_of_its_lines() -> None:
    assert [hashlib.sha256(line.encode()).hexdigest() for line in block("json vector")] == block("text hashes")


def test_the_test_vector_verifies(tmp_path: Path) -> None:
    path = tmp_path / "vector.jsonl"
    path.write_text("\n".join(block("json vector")) + "\n", encoding="utf-8")
    answer = verify(path)
    assert (answer.findings, answer.notes, answer.ended, answer.records, answer.head) == ((), (), True, 4, block("text hashes")[-1])
    assert list(read(path))[1].fields["text"] == 'é\U0001f600\n\x1b"\\/\x7f\u2028'
