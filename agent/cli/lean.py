"""`bylaw check COMMAND` in the shape that scripts and hooks start many times: answered without the command-line framework.

INVARIANT: an answer is the one that the framework's command would give, byte for byte. Whatever is not understood
completely here (another command, a flag that is not listed, one that is wrong or given twice) is left to the framework.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .options import PolicyOptions, PresetName

_PRESETS: tuple[PresetName, ...] = ("hardened", "strict", "balanced", "permissive")
_FORMATS: Final = ("text", "json")
_FLAGS: Final = ("--preset", "--policy", "--workspace", "--format")


def answer(arguments: list[str], environ: Mapping[str, str]) -> int | None:
    """The exit code of a check that was answered here; None where the framework has to read the arguments."""
    if arguments[:1] != ["check"] or "_BYLAW_COMPLETE" in environ:
        return None
    given = _read(arguments[1:])
    if given is None:
        return None
    command, form, options = given
    gc.disable()  # a process of one decision ends before a collection would pay
    try:
        from .check import check_call

        return check_call(options, environ, command=command, tool=None, arguments="{}", form=form)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        from . import BROKEN_PIPE

        return BROKEN_PIPE
    except Exception as problem:  # noqa: BLE001  # the last place: our own errors are explained there, others raised again
        from .failures import explain

        return explain(problem)
    finally:
        gc.enable()


def _read(words: list[str]) -> tuple[str, str, PolicyOptions] | None:
    """The command, the form of the answer and the options; None for words that are not all understood here."""
    flags: dict[str, list[str]] = {}
    operands: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands.extend(rest)
        elif word.startswith("--"):
            name, sign, value = word.partition("=")
            found = value if sign else next(rest, "")
            if name not in _FLAGS or not found.strip() or (name in flags and name != "--policy"):
                return None
            flags.setdefault(name, []).append(found)
        elif word.startswith("-"):
            return None
        else:
            operands.append(word)
    form = flags.get("--format", ["text"])[0]
    preset: PresetName | None = next((one for one in _PRESETS if [one] == flags.get("--preset")), None)
    if len(operands) != 1 or form not in _FORMATS or (preset is None and "--preset" in flags):
        return None
    from .options import PolicyOptions

    options = PolicyOptions(
        preset=preset,
        files=tuple(flags.get("--policy", ())),
        workspace=flags.get("--workspace", ["."])[0],
        values={},
    )
    return operands[0], form, options
