"""Plans to run, and the layers that a call is to count on, for the tests of the process runner."""

from __future__ import annotations

import os
import select
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.machine import MachineFiles
from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Redirection, Step
from bylaw.policy.records import Record, asdict, replace
from bylaw.policy.scope import Scope
from bylaw.policy.shell import parse, resolve
from bylaw.tools.report import Report
from bylaw.tools.sandbox import layers
from bylaw.tools.sandbox.grants import compile_grants
from bylaw.tools.sandbox.inside import keeper
from bylaw.tools.sandbox.inside.calls import prepared as prepared_runner
from bylaw.tools.sandbox.inside.steps import Halt
from bylaw.tools.sandbox.interface import LayerName, LayerState
from bylaw.tools.sandbox.proxy import Connection
from bylaw.tools.specification import compile_plan

SEARCH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
ENVIRONMENT = {"PATH": ":".join(SEARCH), "LC_ALL": "C.UTF-8"}
COMBINATIONS: dict[str, tuple[LayerName, ...]] = {
    "all": ("bubblewrap", "cgroup", "landlock", "seccomp"),
    "unjailed": ("cgroup", "landlock", "seccomp"),
    "both": ("bubblewrap", "landlock"),
    "landlock": ("landlock",),
    "bubblewrap": ("bubblewrap",),
    "none": (),
}


def states(combination: str) -> tuple[LayerState, ...]:
    """The layers that the call is to count on; the others are said to be missing."""
    wanted = COMBINATIONS[combination]
    return tuple(
        state if state.name in wanted else LayerState(name=state.name, available=False, why="left out by the test") for state in layers()
    )


def limits(*, output: int = 20_000, write: int = 1 << 20, seconds: float = 20.0, regular: bool = True) -> Limits:
    return Limits(
        read_bytes=1 << 20,
        write_bytes=write,
        output_bytes=output,
        command_seconds=seconds,
        command_characters=10_000,
        regular_files=regular,
    )


def program(name: str) -> str | None:
    found = (f"{directory}/{name}" for directory in SEARCH)
    return next((os.path.realpath(path) for path in found if os.access(path, os.X_OK)), None)


def call(
    *argv: str, at: Path | str, redirections: tuple[Redirection, ...] = (), environment: tuple[tuple[str, str], ...] = ()
) -> Invocation:
    return Invocation(argv=argv, directory=str(at), program=program(argv[0]), redirections=redirections, environment=environment)


def alive(marker: str) -> list[int]:
    """Processes of this machine whose command line holds the marker."""
    found: list[int] = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in words:
                found.append(int(name))
    return found


def launchers() -> list[int]:
    """The launchers of this process, without the process that forks them, which is their parent."""
    forkers = [pid for pid in keeper.children(os.getpid()) if b"launcher.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return [pid for forker in forkers for pid in keeper.descendants(forker) if b"launcher.py" in _words(pid)]


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def pipe(*calls: Invocation) -> Plan:
    return Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=calls)),))


# -- scripts: parsed, resolved, and run without the sandbox, for speed


def scope(at: Path) -> Scope:
    """The real file system, `at` being the workspace."""
    here = str(at)
    return Scope(
        files=MachineFiles(), workspace=here, cwd=here, home=here, read_roots=(here,), write_roots=(here,), environment=ENVIRONMENT
    )


def planned(script: str, at: Path) -> Plan:
    """The plan of a script, programs found, nothing judged; AssertionError for one that needs a shell."""
    resolved = resolve(parse(script), scope(at))
    assert not resolved.by_bash, resolved.by_bash
    plan: Plan = _found(resolved.plan)
    return plan


def _found(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_found, cast("tuple[object, ...]", value)))
    if isinstance(value, Invocation) and value.builtin is None:
        value = replace(value, program=program(value.argv[0]))
    if isinstance(value, Record):
        return replace(value, **{name: _found(one) for name, one in asdict(value).items()})
    return value


@dataclass
class Heard:
    """A witness that remembers."""

    began: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    ended: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])
    vectors: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    def capture(self, number: int, run: int) -> None:
        self.began.append((number, run))

    def captured(self, number: int, run: int, *, status: int, size: int, sha256: str) -> None:
        assert len(sha256) == 64
        self.ended.append((number, run, status, size))

    connections: list[Connection] = field(default_factory=list[Connection])

    def vector(self, argv: tuple[str, ...]) -> None:
        self.vectors.append(argv)

    def opening(self, connection: Connection) -> None:
        self.connections.append(connection)

    def connected(self, connection: Connection) -> None:
        self.connections.append(connection)


def directly(plan: Plan, at: Path, witness: Heard | None = None) -> tuple[int, bytes, bytes]:
    """Exit code, output and errors of a plan that the interpreter carries out in a fork of this process."""
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(at), recursive=True),))
    compiled = compile_plan(
        plan,
        manifest=manifest,
        grants=compile_grants(manifest, ENVIRONMENT["PATH"]),
        limits=limits(),
        environment=ENVIRONMENT,
        witnessed=True,
    )
    pipes = [os.pipe() for _ in range(4)]
    (out, out_there), (err, err_there), (report, report_there), (answers_there, answers) = pipes
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out_there, 1)
            os.dup2(err_there, 2)
            for descriptor in (out, err, report, answers, out_there, err_there):
                os.close(descriptor)
            for descriptor in (report_there, answers_there):
                os.set_inheritable(descriptor, False)
            runner = prepared_runner(compiled.program, report_there, [answers_there])
            try:
                runner.run()
                os.write(report_there, f"exit {runner.state.status}\n".encode())
            except Halt as problem:
                runner.tell_halted(problem)
        except BaseException as problem:  # noqa: BLE001  # the far end of a fork: told to the test
            os.write(err_there, f"{type(problem).__name__}: {problem}".encode())
        finally:
            os._exit(0)
    for descriptor in (out_there, err_there, report_there, answers_there):
        os.close(descriptor)
    heard = Report(witness or Heard(), answers, lambda: os.killpg(child, 9))
    found = {out: b"", err: b""}
    waiting = {out, err, report}
    while waiting:
        ready = select.select(list(waiting), [], [], 20)[0]
        if not ready:
            os.killpg(child, 9)
            raise TimeoutError(plan)
        for descriptor in ready:
            chunk = os.read(descriptor, 65536)
            if not chunk:
                waiting.discard(descriptor)
            elif descriptor == report:
                heard.feed(chunk)
            else:
                found[descriptor] += chunk
    os.waitpid(child, 0)
    for descriptor in (out, err, report, answers):
        os.close(descriptor)
    return int(heard.said.get("exit", "-1")), found[out], found[err]


def by_bash(script: str, at: Path) -> tuple[int, bytes, bytes]:
    """The same of the script, run by bash."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", script],
        cwd=at, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr
