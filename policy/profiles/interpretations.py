"""Which code reads the words of which kind of profile."""

from __future__ import annotations

from collections.abc import Mapping

from .awk import interpret_awk
from .copying import interpret_copy
from .find import interpret_find
from .git import interpret_git
from .interpreter import Analyst, Interpretation, Sheet
from .model import Interpreter
from .sed import interpret_sed
from .small import interpret_jq, interpret_test, interpret_transfer
from .wrappers import interpret_env, interpret_wrapper, interpret_xargs, passes_on


def _interpret_table(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    words = analyst.table(sheet)
    sheet.names = passes_on(sheet)
    return words


INTERPRETATIONS: Mapping[Interpreter, Interpretation] = {
    "table": _interpret_table,
    "awk": interpret_awk,
    "copy": interpret_copy,
    "env": interpret_env,
    "find": interpret_find,
    "git": interpret_git,
    "jq": interpret_jq,
    "sed": interpret_sed,
    "test": interpret_test,
    "transfer": interpret_transfer,
    "wrapper": interpret_wrapper,
    "xargs": interpret_xargs,
}
"""One entry for each word that `interpreter` may hold in a profile."""
