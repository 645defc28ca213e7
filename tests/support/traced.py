"""Runs allowed commands through the gate under strace, and reads from the trace what they really touched.

`strace -f --seccomp-bpf` follows every process. What belongs to a command is told by its ancestry and its time: everything that
descends from the launchers of `tools.sandbox.inside` while the call is under way, but for bubblewrap, which builds their jails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import jail
from bench.corpus import ROOT

_CALLS = "execve,execveat,open,openat,openat2,creat,connect,sendto,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,truncate,mknod,mknodat,clone,clone3,fork,vfork"
_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BEGINS = re.compile(r'"/nonexistent/call \d+"')
# In a namespace of its own, a process has a number there, and one for the trace.
_CHILD = re.compile(r"(?P<pid>\d+)(?: /\* (?P<outer>\d+) in strace)?")
_LAUNCHER = re.compile(r'execve\("[^"]*/python[0-9.]*", \[.*launcher\.py"')
_BUILDER = re.compile(r'execve\("[^"]*/bwrap"')
_FD = re.compile(r"<(/[^>]*)>")
_FAMILIES = ("AF_INET", "AF_INET6")
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
_CHANGES = ("unlink", "rename", "mkdir", "rmdir", "link", "symlink", "truncate", "mknod", "creat")
# Devices that keep nothing, and what a process is about itself.
_NOTHING = (
    "/dev/null",
    "/dev/tty",
    "/dev/zero",
    "/dev/full",
    "/dev/fd/",
    "/proc/self/",
    "/memfd:",
    "pipe:",
    "/dev/pts/",
    "/sys/fs/cgroup/",
)


@dataclass
class Touched:
    """What a command really did, by the kernel's account."""

    verdict: str
    text: str
    granted: dict[str, list[str]]
    programs: set[str] = field(default_factory=set[str])
    written: set[str] = field(default_factory=set[str])
    connected: set[str] = field(default_factory=set[str])

    def beyond(self) -> list[str]:
        """What was touched and is in no manifest."""
        found = [f"started {one}" for one in sorted(self.programs - set(self.granted["programs"]))]
        found += [f"wrote {one}" for one in sorted(self.written) if not self._may_write(one)]
        return found + [f"connected {one}" for one in sorted(self.connected) if not self.granted["hosts"]]

    def _may_write(self, path: str) -> bool:
        below = any(path == one or path.startswith(f"{one.rstrip('/')}/") for one in self.granted["write_below"])
        return below or path in self.granted["write"] or path.startswith(_NOTHING) or path.startswith("/tmp/")


def perform(lines: Sequence[dict[str, Any]], preset: str = "balanced") -> list[Touched]:
    """Performs every `{"command", "setup"}` in order, each under a trace of its own session."""
    with tempfile.TemporaryDirectory(prefix="bylaw-traced-") as scratch:
        place = jail.make(Path(scratch))
        log = Path(place.state, "trace")
        tracer = [
            "strace",
            "-f",
            "-y",
            "-qq",
            "--seccomp-bpf",
            "--decode-pids=pidns",
            "-s",
            "4096",
            "-e",
            f"trace={_CALLS}",
            "-o",
            str(log),
        ]
        module = [sys.executable, "-P", "-m", "bench.perform", place.workspace, place.outside, place.state, preset]
        done = subprocess.run(
            [*place.outer, *tracer, *module],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            input="".join(f"{json.dumps(line)}\n" for line in lines),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the trace failed with {done.returncode}: {done.stderr[-2000:]}")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return list(_touched(answers, log.read_text(encoding="utf-8", errors="surrogateescape")))


def _touched(answers: Sequence[dict[str, Any]], trace: str) -> Iterator[Touched]:
    """What each call touched: the processes that descend from a launcher, in the time of the call."""
    found = [Touched(verdict=one["verdict"], text=one["text"], granted=one["granted"]) for one in answers]
    calls = list(_calls(trace))
    # A parent that waits for its child to start a program hears of the child last.
    parents = {
        child["outer"] or child["pid"]: pid
        for pid, name, _, result in calls
        if name in {"clone", "clone3", "fork", "vfork"} and (child := _CHILD.match(result))
    }
    started = [(pid, text) for pid, name, text, result in calls if name == "execve" and result.startswith("0")]
    launchers = {pid for pid, text in started if _LAUNCHER.match(text)}
    builders = {pid for pid, text in started if _BUILDER.match(text) and _descends(pid, parents, launchers)}
    current = -1
    for pid, name, text, result in calls:
        if _BEGINS.search(text):
            current += 1
        elif current >= 0 and _descends(pid, parents, launchers) and not _descends(pid, parents, builders):
            _note(found[current], name, text, result)
    yield from found


def _calls(trace: str) -> Iterator[tuple[str, str, str, str]]:
    """Process, name, whole text and result of each system call, in the order in which they ended."""
    pending: dict[str, str] = {}
    for raw in trace.split("\n"):
        match = _LINE.match(raw)
        if match is None:
            continue
        pid, text = match.groups()
        if text.endswith("<unfinished ...>"):
            pending[pid] = text.removesuffix("<unfinished ...>")
            continue
        if text.startswith("<... "):
            text = pending.pop(pid, "") + text.partition("resumed>")[2]
        yield pid, text.partition("(")[0], text, text.rpartition(" = ")[2]


def _descends(pid: str, parents: Mapping[str, str], among: Collection[str]) -> bool:
    at: str | None = pid
    while at is not None and at not in among:
        at = parents.get(at)
    return at is not None


def _note(run: Touched, name: str, text: str, result: str) -> None:
    failed = result.startswith("-1")
    if name in {"execve", "execveat"}:
        if not failed:
            run.programs.add(os.path.realpath(_QUOTED.findall(text)[0]))
    elif name in {"connect", "sendto"}:
        if any(f"sa_family={family}," in text for family in _FAMILIES):
            run.connected.add(text)
    elif failed:
        return
    elif name in {"open", "openat", "openat2"}:
        if any(flag in text for flag in _WRITES):
            run.written.update(_FD.findall(result))
    elif name.startswith(_CHANGES):
        run.written.update(_paths(text))


def _paths(text: str) -> list[str]:
    """The absolute paths of a call: a directory's descriptor, and the name in it."""
    found: list[str] = []
    arguments = text.partition("(")[2]
    for match in re.finditer(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', arguments):
        directory, name = match.groups()
        found.append(os.path.normpath(os.path.join(directory or "/", name)))
    return found
