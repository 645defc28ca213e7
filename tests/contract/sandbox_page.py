"""The tables of docs/sandbox.md, made of the data: what must be held, and what each layer holds of it.

python tests/contract/sandbox_page.py     writes the tables anew
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bylaw.agent.held import JUDGED
from bylaw.tools.sandbox import LayerState
from bylaw.tools.sandbox.interface import LayerName
from bylaw.tools.sandbox.matrix import CAPABILITIES, CELLS, LAYER_NAMES, MEANINGS, alone, coverage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"
NEWEST_ABI = 7
TABLES = re.compile(r"(?<=<!-- made of the data: the matrix -->\n\n).*?(?=\n<!-- end of the data -->)", re.DOTALL)


def tables() -> str:
    """The meanings, the matrix on a new kernel, and every cell with its reason."""
    return "\n".join(_lines()) + "\n"


def refreshed(text: str) -> str:
    """The page with its tables as they should be."""
    return TABLES.sub(lambda _: tables(), text)


def _state(name: LayerName) -> LayerState:
    return LayerState(name=name, available=True, why="", version={"landlock": NEWEST_ABI, "cgroup": 1}.get(name, 0))


def _lines() -> Iterator[str]:
    states = [_state(name) for name in LAYER_NAMES]
    lone = [alone(state, root=False) for state in states]
    together = coverage(states, root=False)
    yield _row("capability", *LAYER_NAMES, "together", "what is held", "decides")
    yield _row(*("---" for _ in range(len(states) + 4)))
    for name in CAPABILITIES:
        grades = (one[name].grade for one in lone)
        yield _row(f"`{name}`", *grades, together[name].grade, MEANINGS[name], "yes" if name in JUDGED else "")
    yield ""
    yield _row("capability", "held by", "how well", "why")
    yield _row("---", "---", "---", "---")
    for cell in CELLS:
        names = [name for name in LAYER_NAMES if name in cell.layers]
        held_by = (
            " and ".join(f"{name} (ABI {cell.abi})" if name == "landlock" and cell.abi else name for name in names) or "the launcher itself"
        )
        yield _row(
            f"`{cell.capability}`",
            held_by + (", not as root" if cell.user else ", with controllers" if cell.controllers else ""),
            cell.grade,
            cell.why,
        )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
