from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from bylaw.audit import AuditLog, Kind, ReadError, read, sessions, table, verify
from bylaw.audit.reading import raw_lines

Forge = Callable[[Sequence[Mapping[str, object]]], Path]
Lines = tuple[bytes, ...]


def test_records_are_read_with_their_raw_lines(sample: Path, tmp_path: Path) -> None:
    reading = read(sample)
    records = list(reading)
    assert b"".join(record.raw + b"\n" for record in records) == sample.read_bytes()
    assert [(record.line, record.seq) for record in records] == [(number, number) for number in range(1, 9)]
    assert records[4].fields == {"call_id": "c1", "status": "ok", "exit_code": 0}
    assert reading.problems == []


def test_a_torn_tail_and_an_unreadable_line_are_problems_and_the_rest_is_read(sample_lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"".join([*sample_lines[:3], b"junk\n", *sample_lines[3:], b'{"half']))
    reading = read(path)
    assert [record.seq for record in reading] == list(range(1, 9))
    assert [(problem.kind, problem.line) for problem in reading.problems] == [(Kind.MALFORMED, 4), (Kind.TORN, 10)]


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe"])
def test_what_is_no_log_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    for use in (lambda: list(read(path)), lambda: verify(path), lambda: list(table(path))):
        with pytest.raises(ReadError, match=r"cannot be read|not a regular file"):
            use()


def test_a_disk_that_fails_while_reading_is_an_error_of_ours() -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(ReadError, match="after line 0: Input/output error"):
        list(raw_lines(Broken(), Path("x")))


def test_the_logs_of_a_directory_are_listed_newest_first(tmp_path: Path) -> None:
    for session in ("first", "second", "third"):
        AuditLog.create(tmp_path / "logs", session=session).close()
    (tmp_path / "logs" / "empty.jsonl").touch()
    (tmp_path / "logs" / "foreign.jsonl").write_text("{}\n")
    (tmp_path / "logs" / "link.jsonl").symlink_to("empty.jsonl")
    (tmp_path / "logs" / "notes.txt").touch()
    logs = sessions(tmp_path / "logs")
    assert [(log.session, log.started_us is None) for log in logs] == [
        ("third", False),
        ("second", False),
        ("first", False),
        (None, True),
        (None, True),
    ]
    assert [log.size > 100 for log in logs] == [True, True, True, False, False]


def test_a_log_whose_first_line_is_no_opening_tells_no_session(forge: Forge) -> None:
    path = forge([{"event": "notice"}])
    assert [(log.session, log.started_us) for log in sessions(path.parent)] == [(None, None)]


def test_no_directory_has_no_logs(tmp_path: Path) -> None:
    assert sessions(tmp_path / "missing") == ()


def test_a_directory_that_cannot_be_listed_is_an_error(sample: Path) -> None:
    with pytest.raises(ReadError, match="cannot be listed"):
        sessions(sample)


def test_the_table_follows_a_call_from_intent_to_outcome(sample: Path) -> None:
    rows = [(row.event, row.call_id, row.tool, row.verdict, row.rules, row.outcome) for row in table(sample)]
    assert rows == [
        ("log.open", None, None, None, (), None),
        ("session.start", None, None, None, (), None),
        ("tool.intent", "c1", "bash", "confirm", ("default.write",), None),
        ("tool.confirmation", "c1", "bash", None, (), "approved"),
        ("tool.outcome", "c1", "bash", None, (), "ok"),
        ("tool.intent", "c2", "read", "deny", (), None),
        ("tool.refused", "c2", "read", None, ("secret.read",), "refused by policy"),
        ("session.end", None, None, None, (), None),
    ]


def test_lines_that_cannot_be_read_have_rows_of_their_own_in_place(sample_lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"".join([b"junk\n", *sample_lines, b"torn"]))
    rows = list(table(path))
    assert [(row.line, row.event) for row in rows if row.problem] == [(1, "malformed"), (10, "torn")]
    assert [row.line for row in rows] == list(range(1, 11))


def test_fields_of_another_shape_leave_their_cells_empty(forge: Forge) -> None:
    records: list[dict[str, object]] = [
        {"event": "tool.intent", "tool": 1, "verdict": [], "reasons": [1, {}, {"rule": 2, "verdict": []}], "call_id": 3},
        {"event": "tool.outcome", "status": "error", "exit_code": 3, "rules": [1, "x"]},
        {"event": "tool.skipped", "why": "dry run"},
    ]
    rows = list(table(forge(records)))
    assert [(row.tool, row.verdict, row.rules, row.outcome) for row in rows] == [
        (None, None, (), None),
        (None, None, ("x",), "error, exit 3"),
        (None, None, (), "dry run"),
    ]


def test_the_memory_of_calls_is_bounded(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bylaw.audit.rows._REMEMBERED_CALLS", 1)
    records = [{"event": "tool.intent", "call_id": name, "tool": name} for name in "ab"] + [
        {"event": "tool.outcome", "call_id": name} for name in "ab"
    ]
    assert [row.tool for row in table(forge(records))] == ["a", "b", "a", None]
