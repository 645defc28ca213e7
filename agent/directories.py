"""Where bylaw keeps its own things. No call of a model reads or writes there."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..audit import state_directory


def own_directories(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The real paths of bylaw's state and configuration: `$BYLAW_HOME`, or else `bylaw` below the XDG directories.

    Raises AuditError when BYLAW_HOME is relative.
    """
    record = state_directory(environ)
    if environ.get("BYLAW_HOME"):
        return (os.path.realpath(record.parent),)
    base = environ.get("XDG_CONFIG_HOME", "")
    # the specification wants relative values ignored
    config = base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".config")
    return (os.path.realpath(record.parent), os.path.realpath(os.path.join(config, "bylaw")))
