"""The policies that ship with bylaw, read as data of the package `presets`."""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import Final

from .errors import PolicyFileError
from .near import did_you_mean
from .yaml_source import Table, parse

PRESETS: Final = ("hardened", "strict", "balanced", "permissive")
DEFAULT_PRESET: Final = "balanced"
SETS: Final = (
    "blocked",
    "build",
    "cloud",
    "containers",
    "environment",
    "git",
    "paths",
)
"""Rule sets that a policy may include by name."""

_PACKAGE: Final = (__package__ or "bylaw.policy").rpartition(".")[0] + ".presets"


def preset(name: str, *, source: str) -> Table:
    """The document of a preset; PolicyFileError (at `source`, which names it) when there is none of that name."""
    if name not in PRESETS:
        raise PolicyFileError(f"there is no preset `{name[:80]}`", source=source, hint=did_you_mean(name, PRESETS))
    return _read(f"{name}.yaml")


def rule_set(name: str, *, source: str) -> Table:
    """The document of a rule set; PolicyFileError (at `source`, which names it) when there is none of that name."""
    if name not in SETS:
        raise PolicyFileError(f"there is no rule set `{name[:80]}`", source=source, hint=did_you_mean(name, SETS))
    return _read(f"sets/{name}.yaml")


@cache
def _read(resource: str) -> Table:
    # pkgutil and not importlib.resources: the same loader is asked, without 20 ms of imports at every start.
    data = pkgutil.get_data(_PACKAGE, resource)
    if data is None:
        raise PolicyFileError("the shipped policy cannot be read", source=f"presets/{resource}", hint="reinstall bylaw")
    return parse(data.decode(), source=f"presets/{resource}")
