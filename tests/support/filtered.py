"""Runs a program under a system call filter, as the launcher does: one thread puts it on and starts, another one answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bylaw.tools import sandbox
from bylaw.tools.sandbox.seccomp import Sockets, compile_filter, is_commonplace
from bylaw.tools.sandbox.system_calls import call_name, numbers

NOTHING = Sockets(unix=False, inet="none", netlink=False)
PLACE = os.path.dirname(os.path.realpath(sandbox.__file__))

_STARTER = """
import _thread, json, os, sys
sys.path.append(sys.argv[1])
from inside import confine, filters
program, report, argv = bytes.fromhex(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
ready, done = _thread.allocate_lock(), _thread.allocate_lock()
ready.acquire(), done.acquire()
found = {}
confine.gain_nothing()

def start():
    found["listener"] = filters.apply(program, notify=True)
    ready.release()
    child = os.posix_spawn(argv[0], argv, os.environ, setsigdef=[13])  # SIGPIPE, which Python ignores
    found["code"] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done.release()

_thread.start_new_thread(start, ())
ready.acquire()
filters.serve(found["listener"], lambda pid, number, words: os.write(report, (json.dumps([pid, number, words]) + "\\n").encode()))
done.acquire()
os._exit(found["code"] & 255)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a program ended, what it printed, and which calls the listener heard: name and arguments."""

    code: int
    out: str
    error: str
    heard: list[tuple[str, list[int]]]

    @property
    def names(self) -> list[str]:
        """What was refused, without what libraries try by themselves."""
        table = numbers(os.uname().machine)
        return [name for name, arguments in self.heard if not is_commonplace(table[name], arguments)]


def run(
    *argv: str,
    sockets: Sockets = NOTHING,
    memory_programs: bool = False,
    own_ipc: bool = False,
    at: Path | str = "/",
    environment: dict[str, str] | None = None,
) -> Run:
    """The program under a filter whose refusals are answered and noted."""
    program = compile_filter(sockets, memory_programs=memory_programs, notify=True, own_ipc=own_ipc)
    reading, writing = os.pipe()
    with open(reading, "rb") as report:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _STARTER, PLACE, program.hex(), str(writing), *argv],
                cwd=at,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", **(environment or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                pass_fds=(writing,),
                timeout=100,
                check=False,
            )
        finally:
            os.close(writing)
        heard = [json.loads(line) for line in report.read().splitlines()]
    machine = os.uname().machine
    return Run(
        code=done.returncode,
        out=done.stdout,
        error=done.stderr,
        heard=[(call_name(number, machine), arguments) for _, number, arguments in heard],
    )


def python(
    code: str, *words: str, sockets: Sockets = NOTHING, memory_programs: bool = False, own_ipc: bool = False, at: Path | str = "/"
) -> Run:
    """Python code under a filter; its first word is where the launcher's modules lie, and the rest are `words`."""
    argv = (os.path.realpath(sys.executable), "-I", "-S", "-c", code, PLACE, *words)
    return run(*argv, sockets=sockets, memory_programs=memory_programs, own_ipc=own_ipc, at=at)
