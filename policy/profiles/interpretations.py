"""Which code reads the words of which kind of profile."""

from __future__ import annotations

from collections.abc import Mapping

from .interpreter import Analyst, Interpretation, Sheet
from .model import Interpreter
from .wrappers import interpret_env, interpret_wrapper, interpret_xargs, passes_on


def _interpret_table(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    words = analyst.table(sheet)
    sheet.names = passes_on(sheet)
    return words


# Each is imported when a program of its kind is met: most commands need none of them.


def _awk(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .awk import interpret_awk

    return interpret_awk(analyst, sheet)


def _copy(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .copying import interpret_copy

    return interpret_copy(analyst, sheet)


def _find(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .find import interpret_find

    return interpret_find(analyst, sheet)


def _git(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .git import interpret_git

    return interpret_git(analyst, sheet)


def _sed(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .sed import interpret_sed

    return interpret_sed(analyst, sheet)


def _jq(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .small import interpret_jq

    return interpret_jq(analyst, sheet)


def _shell(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .launchers import interpret_shell

    return interpret_shell(analyst, sheet)


def _launcher(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .launchers import interpret_launcher

    return interpret_launcher(analyst, sheet)


def _parallel(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .launchers import interpret_parallel

    return interpret_parallel(analyst, sheet)


def _test(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .small import interpret_test

    return interpret_test(analyst, sheet)


def _transfer(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    from .small import interpret_transfer

    return interpret_transfer(analyst, sheet)


INTERPRETATIONS: Mapping[Interpreter, Interpretation] = {
    "table": _interpret_table,
    "awk": _awk,
    "copy": _copy,
    "env": interpret_env,
    "find": _find,
    "git": _git,
    "jq": _jq,
    "launcher": _launcher,
    "parallel": _parallel,
    "sed": _sed,
    "shell": _shell,
    "test": _test,
    "transfer": _transfer,
    "wrapper": interpret_wrapper,
    "xargs": interpret_xargs,
}
"""One entry for each word that `interpreter` may hold in a profile."""
