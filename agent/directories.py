"""Where bylaw keeps its own things. No call of a model reads or writes there."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping


def own_directories(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The real paths of bylaw's state, configuration and cache: `$BYLAW_HOME`, or else `bylaw` below the XDG directories.

    Raises AuditError when BYLAW_HOME is relative.
    """
    home = environ.get("BYLAW_HOME")
    if home:
        if not os.path.isabs(home):
            from ..audit import state_directory  # imported late: only the room of the record says why this is no place

            state_directory(environ)
        return (os.path.realpath(home),)
    return (
        _below(environ, "XDG_STATE_HOME", ".local/state"),
        _below(environ, "XDG_CONFIG_HOME", ".config"),
        _below(environ, "XDG_CACHE_HOME", ".cache"),
    )


def cache_directory(environ: Mapping[str, str]) -> str:
    """The real path of the cache; it lies in one of the `own_directories`."""
    home = environ.get("BYLAW_HOME")
    return os.path.realpath(f"{home}/cache") if home else _below(environ, "XDG_CACHE_HOME", ".cache")


def _below(environ: Mapping[str, str], variable: str, otherwise: str) -> str:
    base = environ.get(variable, "")
    if not os.path.isabs(base):  # the specification wants relative values ignored
        base = os.path.join(environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir, otherwise)
    return os.path.realpath(os.path.join(base, "bylaw"))
