"""The kernel's own account of what Landlock denied: real domains, real denials, the machine's audit."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Invocation
from bylaw.tools.process import run_plan
from bylaw.tools.refusals import audit_lacks
from bylaw.tools.sandbox import kernel_audit
from bylaw.tools.sandbox.denials import Denial
from bylaw.tools.sandbox.kernel_audit import KernelAudit, denial_of, fields_of
from plan_room import ENVIRONMENT, limits, pipe, program, states

RESTRICTED = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
class Path(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("descriptor", ctypes.c_int))
rights = (ctypes.c_uint64 * 3)((1 << 16) - 1, 3, 3)
rules = libc.syscall(ctypes.c_long(444), rights, ctypes.c_long(24), ctypes.c_long(0))
for path, access in (("/usr", 13), ("/bin", 13), ("/lib", 13), ("/lib64", 13), ("/etc/ld.so.cache", 4), ("/dev/null", 6)):
    if os.path.exists(path):
        one = Path(access, os.open(path, os.O_PATH))
        libc.syscall(ctypes.c_long(445), ctypes.c_long(rules), ctypes.c_long(1), ctypes.byref(one), ctypes.c_long(0))
libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall(ctypes.c_long(446), ctypes.c_long(rules), ctypes.c_long(2)) == 0
def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError:
        return
    raise SystemExit(f"{what} was not refused")
here = sys.argv[1]
"""
"""Puts a process under Landlock so that denials are logged; what is appended runs restricted, with its directory in `here`."""


def possible() -> str:
    """Why the machine's audit cannot be switched on for a test; empty where it can."""
    why = KernelAudit().probe()
    return "" if why in ("", "the kernel's audit is off") and os.geteuid() == 0 else why or "only root may switch the audit on"


needs_audit = pytest.mark.skipif(bool(possible()), reason=possible())


def switch(*, on: bool) -> None:
    """AUDIT_SET of `enabled` (linux/audit.h)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as asked:
        body = struct.pack("=11I", 1, on, *([0] * 9))
        asked.send(struct.pack("=IHHII", 16 + len(body), 1001, 5, 1, 0) + body)
        answer = asked.recv(4096)
    assert struct.unpack_from("=i", answer, 16)[0] == 0


@pytest.fixture
def audit() -> Iterator[KernelAudit]:
    was_on = not KernelAudit().probe()
    switch(on=True)
    try:
        with KernelAudit() as audit:
            audit.start()
            yield audit
    finally:
        switch(on=was_on)


def restricted(code: str, here: Path) -> int:
    """Runs the code under Landlock to its end; the number of its process."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", RESTRICTED + code, str(here)])
    assert process.wait() == 0
    return process.pid


def seen(denials: tuple[Denial, ...]) -> list[tuple[str, str]]:
    assert all((one.certainty, one.source) == ("exact", "kernel audit") for one in denials)
    return [(one.kind, one.subject) for one in denials]


@pytest.mark.skipif(possible() != "" or not KernelAudit().probe(), reason="the machine's audit is on, or cannot be asked")
def test_an_audit_that_is_off_is_said_to_be_off() -> None:
    assert KernelAudit().probe() == "the kernel's audit is off"


@needs_audit
def test_an_audit_that_is_on_can_be_used(audit: KernelAudit) -> None:
    assert audit.probe() == ""


@needs_audit
@pytest.mark.parametrize(
    ("code", "kind", "subject"),
    [
        ("tried(open, here + '/file')", "read", "HERE/file"),
        ("tried(os.listdir, here)", "read", "HERE"),
        ("tried(os.open, here + '/file', os.O_WRONLY)", "write", "HERE/file"),
        ("tried(os.open, here + '/a name', os.O_WRONLY)", "write", "HERE/a name"),
        ("tried(os.truncate, here + '/file', 0)", "write", "HERE/file"),
        ("tried(os.open, here + '/new', os.O_WRONLY | os.O_CREAT)", "write", "HERE"),
        ("tried(os.mkdir, here + '/new')", "write", "HERE"),
        ("tried(os.unlink, here + '/file')", "delete", "HERE"),
        ("tried(os.rmdir, here + '/sub')", "delete", "HERE"),
        ("tried(os.posix_spawn, here + '/tool', ['tool'], {})", "execute", "HERE/tool"),
        ("tried(socket.socket().connect, ('127.0.0.1', 9))", "network", "127.0.0.1:9"),
        ("tried(socket.socket(socket.AF_INET6).connect, ('::1', 9))", "network", "[::1]:9"),
        ("tried(socket.socket().bind, ('127.0.0.1', 9))", "network", "127.0.0.1:9 (listening)"),
        ("tried(os.kill, os.getppid(), 0)", "signal", "process PARENT "),
        ("libc.mount(b'none', here.encode(), b'tmpfs', 0, None)", "system_call", "mount"),
    ],
)
def test_a_denial_is_told_with_what_it_was_about(audit: KernelAudit, tmp_path: Path, code: str, kind: str, subject: str) -> None:
    for name in ("file", "a name", "tool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "sub").mkdir()
    pid = restricted(code, tmp_path)
    found = seen(audit.denials({pid}))
    wanted = subject.replace("HERE", str(tmp_path)).replace("PARENT", str(os.getpid()))
    assert [one for one in found if one[0] == kind and one[1].startswith(wanted)], found
    assert audit.complete


@needs_audit
def test_an_abstract_socket_of_another_is_told_by_its_name(audit: KernelAudit, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0kept away")
        listening.listen()
        pid = restricted("tried(socket.socket(socket.AF_UNIX).connect, '\\0kept away')", tmp_path)
    assert ("socket", "@kept away") in seen(audit.denials({pid}))


@needs_audit
def test_what_a_program_started_under_landlock_is_denied_is_told_too(audit: KernelAudit, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    pid = restricted("os.waitpid(os.posix_spawn('/bin/cat', ['cat', here + '/file'], {}), 0)", tmp_path)
    assert ("read", str(tmp_path / "file")) in seen(audit.denials({pid}))


@needs_audit
def test_denials_of_other_domains_are_not_taken_for_ours(audit: KernelAudit, tmp_path: Path) -> None:
    pid = restricted("tried(os.listdir, here)", tmp_path)
    assert audit.denials({pid + 1_000_000}) == ()
    assert audit.denials({pid}) != ()


@needs_audit
def test_what_came_before_the_start_is_forgotten(audit: KernelAudit, tmp_path: Path) -> None:
    pid = restricted("tried(os.listdir, here)", tmp_path)
    assert audit.denials({pid})
    audit.start()
    assert audit.denials({pid}) == ()


@needs_audit
def test_more_denials_than_are_kept_are_said_to_be_incomplete(audit: KernelAudit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_audit, "_KEPT", 10)
    pid = restricted("for number in range(30): tried(os.listdir, here)", tmp_path)
    assert seen(audit.denials({pid})) == [("read", str(tmp_path))]
    assert not audit.complete


@needs_audit
def test_records_that_did_not_fit_the_buffer_are_said_to_be_missing(
    audit: KernelAudit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del audit
    monkeypatch.setattr(kernel_audit, "_BUFFER_BYTES", 1)
    with KernelAudit() as small:
        small.start()
        pid = restricted("for number in range(50): tried(os.listdir, here)", tmp_path)
        small.denials({pid})
        assert not small.complete


@needs_audit
def test_a_message_that_the_kernel_did_not_send_is_not_believed(audit: KernelAudit) -> None:
    # The listening socket's number is only known to whoever looks it up, as this test does.
    text = b'audit(1.2:3): domain=1 blockers=fs.read_file path="/x" dev="vda" ino=1'
    made = b"audit(1.2:3): domain=1 status=allocated mode=enforcing pid=77 uid=0"
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as forger:
        for kind, body in ((1423, text), (1424, made)):
            forger.sendto(struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body, (audit.port, 0))
    assert audit.denials({77}) == ()


def test_a_record_in_the_kernel_s_form_is_read() -> None:
    table = {
        'domain=1 blockers=fs.make_reg,fs.refer path="/usr/local" dev="vda2" ino=365': ("write", "/usr/local"),
        "domain=1 blockers=fs.read_file path=2F6120622028" + b"deleted)".hex() + " ino=1": ("read", "/a b"),
        'domain=1 blockers=fs.write_file,fs.read_file path="/x"': ("write", "/x"),
        'domain=1 blockers=fs.ioctl_dev path="/dev/x"': ("device", "/dev/x"),
        'domain=1 blockers=ptrace opid=7 ocomm="sleep"': ("system_call", "ptrace"),
        'domain=1 blockers=fs.not_known_yet path="/x"': ("other", "fs.not_known_yet /x"),
        "domain=1 blockers=net.bind_tcp src=80": ("network", ":80 (listening)"),
    }
    for text, wanted in table.items():
        denial = denial_of(fields_of(text.encode()))
        assert denial is not None
        assert (denial.kind, denial.subject) == wanted


def test_the_terminal_that_programs_look_for_is_no_denial() -> None:
    text = b'domain=1 blockers=fs.write_file,fs.read_file path="/dev/tty" dev="devtmpfs" ino=9'
    assert denial_of(fields_of(text)) is None


def test_an_audit_that_is_not_entered_is_not_asked() -> None:
    with pytest.raises(OSError, match="not listened to"):
        KernelAudit().denials({1})


@needs_audit
def test_a_sandboxed_command_is_told_exactly_what_landlock_refused_it(audit: KernelAudit, tmp_path: Path) -> None:
    inside, outside = tmp_path / "ws", tmp_path / "outside"
    inside.mkdir()
    outside.write_text("canary\n")
    audit_lacks.cache_clear()
    call = Invocation(argv=("cat", str(outside)), program=program("cat"), directory=str(inside))
    manifest = Manifest(programs=(program("cat") or "",), read=(PathGrant(path=str(inside), recursive=True),))
    outcome = run_plan(
        pipe(call), manifest=manifest, limits=limits(), sandbox="require", environment=ENVIRONMENT, states=states("unjailed")
    )
    audit_lacks.cache_clear()
    assert [(one.kind, one.subject, one.certainty, one.source) for one in outcome.denials] == [
        ("read", str(outside), "exact", "kernel audit")
    ]
