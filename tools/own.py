"""Where the code of bylaw lies that is running: no call changes it, wherever it was installed and whatever a policy grants."""

from __future__ import annotations

import os
from typing import Final

_ROOMS: Final = ("policy", "audit", "tools", "agent", "presets")


def _rooms() -> tuple[str, ...]:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = {os.path.realpath(os.path.join(package, room)) for room in _ROOMS}
    return tuple(sorted(path for path in found if os.path.isdir(path)))


OWN_CODE: Final = _rooms()
"""The real directories of the rooms that are loaded from: a checkout that is worked on with itself, too."""
