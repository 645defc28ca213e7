"""`bylaw audit`: the record, listed, shown and verified."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ...audit import Row, Verification, read, sessions, state_directory, table, verify
from ..errors import ConfigurationError
from ..visible import shorten, visible, visible_json


def list_logs(environ: Mapping[str, str], form: str) -> int:
    """The logs of the state directory, newest first."""
    for log in sessions(state_directory(environ)):
        if form == "json":
            fields = {"path": str(log.path), "session": log.session, "started_us": log.started_us, "bytes": log.size}
            print(visible_json(json.dumps(fields, ensure_ascii=False)))
        else:
            print(f"{_time(log.started_us, date=True):<19}  {log.size:>9} bytes  {visible(str(log.path))}")
    return 0


def show_log(environ: Mapping[str, str], file: str | None, form: str) -> int:
    """A log as a table, or its records as they stand in the file."""
    path = _chosen(environ, file)
    if form == "json":
        reading = read(path)
        for record in reading:
            line = record.raw.decode("utf-8")
            sys.stdout.write((visible_json(line) if sys.stdout.isatty() else line) + "\n")
        return 1 if reading.problems else 0
    rows = list(table(path))
    print(f"record {visible(str(path))}")
    print_rows(rows)
    return 1 if any(row.problem for row in rows) else 0


def print_rows(rows: Iterable[Row]) -> None:
    """The rows as a table on standard output, as wide as it is or as the terminal."""
    from rich.table import Table
    from rich.text import Text

    from .console import console_for

    styles = {"allow": "green", "confirm": "yellow", "deny": "red"}
    printed = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("seq", "time", "event", "call", "tool", "verdict", "rules", "outcome"):
        printed.add_column(title, overflow="fold", no_wrap=title in {"seq", "time", "verdict"})
    for row in rows:
        cells = (
            "?" if row.seq is None else str(row.seq),
            _time(row.ts_us),
            row.event,
            shorten(row.call_id or "", 40),
            row.tool or "",
            row.verdict or "",
            ", ".join(row.rules),
            row.problem or row.outcome or "",
        )
        printed.add_row(*(Text(visible(cell, keep_newlines=False), style=styles.get(cell, "")) for cell in cells))
    console_for(sys.stdout, wrap=True, width=None if sys.stdout.isatty() else 160).print(printed)


def verify_log(environ: Mapping[str, str], file: str | None, form: str) -> int:
    """Checks a log; 0 when nothing was found, 1 when anything was."""
    found = verify(_chosen(environ, file))
    if form == "json":
        print(visible_json(json.dumps(_to_json(found), ensure_ascii=False)))
    else:
        print_verification(found)
    return 1 if found.findings or found.more else 0


def print_verification(found: Verification) -> None:
    """What was found, and what this file alone cannot show, on standard output."""
    print(f"record {visible(str(found.path))}: {found.records} records, {visible(found.summary)}")
    for finding in found.findings:
        print(f"  {finding.kind} at line {finding.line}: {visible(finding.text)}")
    if found.more:
        print(f"  and {found.more} more")
    for note in found.notes:
        print(f"  note: {visible(note)}")
    print(f"  not detectable here: {'; '.join(found.not_detectable)}")
    if found.head:
        print(f"  head {found.head} (keep it elsewhere, and a cut or rewritten file can be told)")


def _to_json(found: Verification) -> dict[str, object]:
    return {
        "path": str(found.path),
        "records": found.records,
        "session": found.session,
        "head": found.head,
        "consistent": found.consistent,
        "ended": found.ended,
        "live": found.live,
        "summary": found.summary,
        "findings": [{"kind": one.kind, "line": one.line, "seq": one.seq, "text": one.text} for one in found.findings],
        "more": found.more,
        "notes": list(found.notes),
        "not_detectable": list(found.not_detectable),
    }


def _chosen(environ: Mapping[str, str], file: str | None) -> Path:
    if file is not None:
        return Path(file)
    directory = state_directory(environ)
    logs = sessions(directory)
    if not logs:
        raise ConfigurationError(f"there is no record in `{directory}` yet", hint="run `bylaw demo`, or name a log file")
    return logs[0].path


def _time(ts_us: int | None, *, date: bool = False) -> str:
    if ts_us is None:
        return "?"
    moment = datetime.fromtimestamp(ts_us / 1_000_000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S.%f")[: 19 if date else 12]
