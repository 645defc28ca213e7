"""What one record costs, as a ratio to a plain write of as many bytes."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bylaw.audit import JSON, AuditLog

from .figures import in_turns, ratio, table

FIELDS: dict[str, JSON] = {
    "call": "call_0001",
    "tool": "bash",
    "arguments_sha256": "0" * 64,
    "verdict": "confirm",
    "rules": ["default.write.inside", "git.commit"],
    "policy_sha256": "1" * 64,
    "effects": [{"effect": "write", "path": "/srv/project/src/module.py"}] * 4,
}


def _plain(descriptor: int, line: bytes, *, durable: bool) -> Callable[[], None]:
    def write() -> None:
        os.write(descriptor, line)
        if durable:
            os.fdatasync(descriptor)

    return write


def main(arguments: Sequence[str]) -> int:
    """Prints the table; `--directory` chooses the disk."""
    parser = argparse.ArgumentParser(prog="python -m bench audit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--directory", default=None, help="where the files go; a directory of its own below the temporary one by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bylaw-bench-", dir=options.directory) as place:
        log = AuditLog.create(Path(place) / "audit", session="bench")
        log.append("intent", FIELDS)
        line = log.path.read_bytes().splitlines(keepends=True)[-1]
        descriptor = os.open(Path(place) / "plain", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        sides: dict[str, Callable[[], object]] = {
            "plain write": _plain(descriptor, line, durable=False),
            "record": lambda: log.append("intent", FIELDS),
            "plain write + fdatasync": _plain(descriptor, line, durable=True),
            "durable record": lambda: log.append("intent", FIELDS, durable=True),
        }
        taken = in_turns(sides, rounds=options.rounds)
        log.close()
        os.close(descriptor)
    baseline = {"record": "plain write", "durable record": "plain write + fdatasync"}
    rows = [
        (
            name,
            f"{1 / statistics.median(seconds):,.0f}",
            f"{ratio(seconds, taken[baseline[name]]):.1f} to `{baseline[name]}`" if name in baseline else "1",
        )
        for name, seconds in taken.items()
    ]
    print(table((f"{len(line)} bytes a line", "a second (of the median)", "ratio of the time"), rows))
    return 0
