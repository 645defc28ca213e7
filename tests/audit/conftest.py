from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from bylaw.audit import AuditLog

Forge = Callable[[Sequence[Mapping[str, object]]], Path]


def write_sample(directory: Path) -> Path:
    with AuditLog.create(directory, session="sample") as log:
        log.append("session.start", {"preset": "balanced"})
        log.append(
            "tool.intent",
            {
                "call_id": "c1",
                "tool": "bash",
                "verdict": "confirm",
                "reasons": [
                    {"rule": "default.write", "verdict": "confirm"},
                    {"rule": "read", "verdict": "allow"},
                    {"rule": "default.write", "verdict": "confirm"},
                ],
            },
            durable=True,
        )
        log.append("tool.confirmation", {"call_id": "c1", "answer": "approved"}, durable=True)
        log.append("tool.outcome", {"call_id": "c1", "status": "ok", "exit_code": 0})
        log.append("tool.intent", {"call_id": "c2", "tool": "read", "verdict": "deny"}, durable=True)
        log.append("tool.refused", {"call_id": "c2", "rules": ["secret.read"], "by": "policy"})
        log.append("session.end", {"reason": "done"})
    return log.path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "logs")


@pytest.fixture(scope="session")
def sample_lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    return tuple(write_sample(tmp_path_factory.mktemp("sample") / "logs").read_bytes().splitlines(keepends=True))


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """Writes a well chained log of the given fields by other means than ours: what an account could write by itself."""

    def write(records: Sequence[Mapping[str, object]]) -> Path:
        prev, lines = "0" * 64, list[bytes]()
        for number, record in enumerate(records, 1):
            common = {"v": 1, "seq": number, "prev": prev, "ts_us": number, "mono_ns": number, "session": "forged"}
            line = json.dumps({**common, **record}, sort_keys=True, separators=(",", ":")).encode()
            prev = hashlib.sha256(line).hexdigest()
            lines.append(line + b"\n")
        path = tmp_path / "forged.jsonl"
        path.write_bytes(b"".join(lines))
        return path

    return write
