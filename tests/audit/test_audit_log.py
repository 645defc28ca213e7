from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from bylaw import __version__
from bylaw.audit import AuditLog, RecordError, WriteError, read, verify


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    with AuditLog.create_file(tmp_path / "log.jsonl", session="s") as log:
        yield log


def failing(*_: object) -> NoReturn:
    raise OSError(5, "Input/output error")


def test_a_log_is_named_after_its_time_and_session_and_is_private(tmp_path: Path) -> None:
    with AuditLog.create(tmp_path / "logs", session="my-session") as log:
        assert log.path.parent == tmp_path / "logs"
        assert log.path.match("????????T??????.??????Z-my-session.jsonl")
        assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_the_first_line_says_who_writes_and_where(log: AuditLog) -> None:
    header = json.loads(log.path.read_bytes())
    assert (header["event"], header["seq"], header["prev"], header["session"], header["v"]) == ("log.open", 1, "0" * 64, "s", 1)
    assert (header["pid"], header["uid"], header["writer"]) == (os.getpid(), os.getuid(), f"bylaw {__version__}")
    assert header["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def test_what_the_machine_does_not_tell_is_not_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> NoReturn:
        raise KeyError

    def unreadable(*_: object, **__: object) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", unreadable)
        AuditLog.create_file(tmp_path / "x.jsonl", session="s").close()
    header = json.loads((tmp_path / "x.jsonl").read_bytes())
    assert (header["user"], header["boot_id"]) == (str(os.getuid()), None)


def test_a_receipt_names_the_line_as_it_lies_on_the_disk(log: AuditLog) -> None:
    receipt = log.append("notice", {"text": "é\n"}, durable=True)
    line = log.path.read_bytes().splitlines()[receipt.seq - 1]
    assert (receipt.seq, receipt.sha256) == (2, hashlib.sha256(line).hexdigest())


@pytest.mark.parametrize("name", ["v", "event", "seq", "prev", "ts_us", "mono_ns", "session"])
def test_a_field_of_the_log_cannot_be_overridden(log: AuditLog, name: str) -> None:
    with pytest.raises(RecordError, match=f"`{name}` is written by the log itself"):
        log.append("notice", {name: 1})


@pytest.mark.parametrize("event", ["log.open", "log.close", "", "Notice", "a b", "notice\n", "a..b", "é"])
def test_an_event_name_outside_the_form_is_refused(log: AuditLog, event: str) -> None:
    with pytest.raises(RecordError, match="not a name for a caller's event"):
        log.append(event, {})


def test_a_refused_event_leaves_the_log_usable_and_whole(log: AuditLog) -> None:
    with pytest.raises(RecordError, match="a float"):
        log.append("notice", {"cost": 0.5})
    log.append("session.end", {})
    log.close()
    assert verify(log.path).findings == ()


@pytest.mark.parametrize("session", ["", "../x", "a/b", ".hidden", "a" * 65, "a b", "é", "a\n"])
def test_a_session_that_is_no_name_is_refused(tmp_path: Path, session: str) -> None:
    with pytest.raises(RecordError, match="not a session name"):
        AuditLog.create(tmp_path / "logs", session=session)
    with pytest.raises(RecordError, match="not a session name"):
        AuditLog.create_file(tmp_path / "x", session=session)
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "directory", "pipe"])
def test_an_existing_name_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "x.jsonl", tmp_path / "other"
    other.write_text("kept")
    match kind:
        case "file":
            path.write_text("kept")
        case "link":
            path.symlink_to(other)
        case "dangling":
            path.symlink_to(tmp_path / "missing")
        case "directory":
            path.mkdir()
        case _:
            os.mkfifo(path)
    with pytest.raises(WriteError, match="is there already"):
        AuditLog.create_file(path, session="s")
    assert other.read_text() == "kept"
    assert not (tmp_path / "missing").exists()


def test_a_name_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be made"):
        AuditLog.create_file(tmp_path / ("x" * 300), session="s")


def test_a_missing_directory_of_an_explicit_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be used"):
        AuditLog.create_file(tmp_path / "missing" / "x.jsonl", session="s")


def test_a_writer_holds_the_lock_until_it_closes(log: AuditLog) -> None:
    with log.path.open("rb") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        log.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_threads_share_one_unforked_chain(log: AuditLog) -> None:
    def work(name: int) -> None:
        for number in range(50):
            log.append("notice", {"thread": name, "number": number}, durable=number % 10 == 0)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.append("session.end", {})
    log.close()
    answer = verify(log.path)
    assert (answer.findings, answer.records, answer.notes) == ((), 402, ())


FORKED = """
import os, sys
from bylaw.audit import AuditLog, WriteError
log = AuditLog.create_file(sys.argv[1], session="s")
child = os.fork()
if not child:
    try:
        log.append("notice", {})
    except WriteError as error:
        log.close()
        os._exit(17 if "belongs to the process" in error.message else 1)
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
log.append("session.end", {"child": code})
log.close()
"""


def test_a_forked_process_cannot_write_into_the_chain_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    subprocess.run([sys.executable, "-I", "-c", FORKED, path], check=True)
    assert [record.fields.get("child") for record in read(path)] == [None, 17]
    assert verify(path).findings == ()


def test_a_log_of_another_process_is_closed_without_a_word(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(WriteError, match="belongs to the process"):
            log.append("notice", {})
        log.close()


def test_two_processes_cannot_write_one_chain(log: AuditLog) -> None:
    code = "import sys; from bylaw.audit import AuditLog; AuditLog.create_file(sys.argv[1], session='s')"
    done = subprocess.run([sys.executable, "-I", "-c", code, log.path], check=False, capture_output=True, text=True)
    assert (done.returncode, "is there already" in done.stderr) == (1, True)


def test_closing_twice_is_nothing_and_writing_after_it_is_an_error(log: AuditLog) -> None:
    log.close()
    log.close()
    with pytest.raises(WriteError, match="is closed"):
        log.append("notice", {})


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    os.replace(path, path.with_name("moved"))
    path.write_bytes(path.with_name("moved").read_bytes())


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"{}\n")


def shorten(path: Path) -> None:
    os.truncate(path, 10)


@pytest.mark.parametrize(
    ("change", "said"),
    [(remove, "not in its place"), (replace, "another file stands"), (lengthen, "bytes where"), (shorten, "10 bytes where")],
)
def test_a_file_that_was_changed_under_its_writer_takes_nothing_more(log: AuditLog, change: object, said: str) -> None:
    assert callable(change)
    change(log.path)
    with pytest.raises(WriteError, match=said):
        log.append("notice", {})
    with pytest.raises(WriteError, match="takes nothing more"):
        log.append("notice", {})
    assert WriteError.exit_code == 6


@pytest.mark.parametrize(("call", "said"), [("write", "a write failed"), ("fdatasync", "the disk did not take it")])
def test_after_a_failure_the_log_is_unusable(log: AuditLog, monkeypatch: pytest.MonkeyPatch, call: str, said: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(WriteError, match=said):
            log.append("tool.intent", {}, durable=True)
    size = log.path.stat().st_size
    with pytest.raises(WriteError, match="takes nothing more"):
        log.append("notice", {})
    log.close()
    assert log.path.stat().st_size == size


def test_half_a_line_is_no_record_and_ends_the_log(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def short(descriptor: int, line: bytes) -> int:
        return write(descriptor, line[:50])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(WriteError, match="only 50 of"):
            log.append("tool.intent", {}, durable=True)
    with pytest.raises(WriteError, match="takes nothing more"):
        log.append("notice", {})
    log.close()
    assert [finding.kind.value for finding in verify(log.path).findings] == ["torn", "unended"]


def test_a_failed_sync_at_the_end_is_an_error(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(WriteError, match="the disk did not take it"):
            log.close()


@pytest.mark.parametrize(
    ("call", "said"), [("fsync", "cannot be made durable"), ("fdatasync", "the disk did not take it"), ("write", "a write failed")]
)
def test_a_log_that_does_not_reach_the_disk_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, said: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(WriteError, match=said):
            AuditLog.create_file(tmp_path / "x.jsonl", session="s")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.parametrize("late", [False, True])
def test_an_interrupt_leaves_the_chain_whole(log: AuditLog, monkeypatch: pytest.MonkeyPatch, call: str, *, late: bool) -> None:
    real = getattr(os, call)

    def interrupted(*arguments: object) -> NoReturn:
        if late:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, call, interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.append("notice", {"text": "interrupted"}, durable=True)
    log.append("session.end", {})
    log.close()
    answer = verify(log.path)
    assert (answer.findings, answer.records) == ((), 2 if (call, late) == ("write", False) else 3)


INTERRUPTED = """
import signal, sys
from bylaw.audit import AuditLog
log = AuditLog.create_file(sys.argv[1], session="s")
def interrupt(_, frame):
    if frame.f_code.co_filename.endswith("log.py"):
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
caught = 0
while caught < 300:
    try:
        log.append("notice", {"text": "x" * 2000})
    except KeyboardInterrupt:
        caught += 1
signal.setitimer(signal.ITIMER_REAL, 0)
log.append("session.end", {})
log.close()
"""


def test_ctrl_c_at_any_moment_leaves_the_chain_whole(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-I", "-c", INTERRUPTED, tmp_path / "x.jsonl"], check=True)
    answer = verify(tmp_path / "x.jsonl")
    assert (answer.findings, answer.ended) == ((), True)
