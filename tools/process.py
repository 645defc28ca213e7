"""Runs a plan inside the sandbox: the argument vectors that were judged, held to the manifest that was judged."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from ..policy.decision import Manifest
from ..policy.model import Limits, SandboxMode
from ..policy.plan import Duplicate, Invocation, OpenFile, Plan, Redirection, Step, Text
from .capture import Capture, Captured
from .errors import ChangedError, PathError, SandboxError, ToolError
from .launch import End, Stream, start, watch
from .result import Status
from .sandbox import LAYERS, Part, Setting, layers, select
from .sandbox.bubblewrap import TEMPORARY
from .sandbox.grants import DEVICES, Grants, compile_grants, search_path_of, within
from .sandbox.inside import shapes
from .sandbox.inside.paths import open_plain
from .sandbox.interface import LayerName, LayerState
from .sandbox.runtime import runtime_paths

if TYPE_CHECKING:
    from .permit import Binding

_STANDARD = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
_FILE_CEILING = 1 << 30
_OPEN_FILES = 4096
_PROCESSES = 4096
_SIGXFSZ = 25
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOutcome:
    """How a plan ended.

    `exit_code` is bash's (128+n after signal n, 127 not found, 126 not startable); None when the plan did not end by
    itself. `status` is `ok` for a plan that was carried out, whatever its exit code; `error` when it could not go on as
    judged. `layers` held, outermost first; `notes` are what a person must know.
    """

    exit_code: int | None
    signal: int | None
    status: Status
    stdout: Captured
    stderr: Captured
    duration_ms: int
    layers: tuple[LayerName, ...]
    notes: tuple[str, ...]


def run_plan(
    plan: Plan,
    *,
    manifest: Manifest,
    limits: Limits,
    sandbox: SandboxMode,
    environment: Mapping[str, str],
    timeout: float | None = None,
    bindings: Sequence[Binding] = (),
    on_output: Callable[[Stream, bytes], None] | None = None,
    states: Sequence[LayerState] | None = None,
) -> ProcessOutcome:
    """Runs the plan and returns when it, and everything that it started, has ended; seconds in `timeout`.

    `states` says which layers to count on (this machine's, probed, when None). Ctrl-C ends the call with the status
    `interrupted` and what was printed until then. Raises SandboxError (required layer missing, or a layer failed),
    ChangedError (a bound file changed), PathError and ToolError (the plan does not fit the manifest).
    """
    held, notes = select(sandbox, layers() if states is None else states)
    check_bindings(bindings)
    grants = compile_grants(manifest, search_path_of(environment))
    seconds = limits.command_seconds if timeout is None else min(timeout, limits.command_seconds)
    captures: dict[Stream, Capture] = {"stdout": Capture(limits.output_bytes), "stderr": Capture(limits.output_bytes)}
    identities = _identities(grants) if held else {}
    with contextlib.ExitStack() as stack:
        scratch = _scratch(held, grants, plan, stack)
        home = _home(held, grants, environment, scratch)
        stages = [_stage(step, manifest, grants, limits, {**environment, **home, "TMPDIR": scratch}) for step in plan.steps]
        inherited: list[int] = []
        setting = Setting(
            grants=grants,
            held=frozenset(held),
            directories=tuple(dict.fromkeys(call["directory"] for stage in stages for call in stage["calls"])),
            runtime=runtime_paths(),
            scratch=scratch,
            open_empty=lambda: _empty(inherited, stack),
        )
        parts = [layer.part(setting) for layer in LAYERS if layer.name in held]
        specification = shapes.Specification(
            stages=stages,
            identities=identities,
            rules=next((part.rules for part in parts if part.rules is not None), None),
            caps=shapes.Caps(file_bytes=_file_bytes(grants, limits), files=_OPEN_FILES, processes=_PROCESSES),
            confined=sandbox != "off",
            own_pids="bubblewrap" in held,
        )
        began = time.monotonic()
        wrapper, arguments = _wrapped(parts)
        running = start(specification, wrapper=wrapper, arguments=arguments, inherited=inherited, stack=stack)
        end = watch(running, captures, seconds=seconds, on_output=on_output)
        duration = round((time.monotonic() - began) * 1000)
    notes += ("HOME is an empty directory: landlock alone cannot make the home directory absent",) if home else ()
    notes += (*grants.notes, *(note for part in parts for note in part.notes))
    notes += tuple(f"the protected path `{path}` was created by this command" for path in grants.missing_protected if os.path.lexists(path))
    ended = _Ended(end=end, code=running.process.returncode, said=_said(bytes(running.said)), duration_ms=duration, seconds=seconds)
    return _outcome(ended, captures, limits=limits, held=held, notes=notes)


def check_bindings(bindings: Iterable[Binding]) -> None:
    """Raises ChangedError unless every bound file still holds the bytes that were approved."""
    for binding in bindings:
        found = _digest(binding.path)
        if found != binding.sha256:
            what = "is gone" if found is None else "is there now" if binding.sha256 is None else "changed"
            raise ChangedError(f"`{binding.path}` {what} since it was approved", hint="ask again: the approval was for other bytes")


def _digest(path: str) -> str | None:
    """SHA-256 of a regular file, read through one descriptor; None when nothing is there."""
    try:
        descriptor = open_plain(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise ChangedError(f"`{path}` cannot be opened as it was approved: {problem}") from problem
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ChangedError(f"`{path}` is not a regular file any more")
        digest = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _identities(grants: Grants) -> dict[str, tuple[int, int]]:
    """Device and inode of every path that is granted, found without following a link; ChangedError where there is one.

    INVARIANT: what the sandbox opens is what was judged: a name that is exchanged between the two ends the call.
    """
    found: dict[str, tuple[int, int]] = {}
    for path in (*grants.trees, *grants.lists, *grants.files, *grants.write_trees, *grants.write_files):
        if grants.concealed(path) or any(within(path, place) for place in ("/proc", "/dev", "/sys")):
            continue
        try:
            descriptor = open_plain(path, os.O_PATH)
        except (OSError, ValueError) as problem:
            raise ChangedError(f"`{path}` cannot be opened as it was judged: {problem}", hint="ask again: it has changed") from problem
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if stat.S_ISLNK(status.st_mode):
            raise ChangedError(f"`{path}` has become a symbolic link since it was judged", hint="ask again")
        found[path] = (status.st_dev, status.st_ino)
    return found


def _stage(step: Step, manifest: Manifest, grants: Grants, limits: Limits, environment: Mapping[str, str]) -> shapes.Stage:
    return shapes.Stage(
        connector=step.connector,
        negated=step.pipeline.negated,
        calls=[_call(one, manifest, grants, limits, environment) for one in step.pipeline.invocations],
    )


def _call(one: Invocation, manifest: Manifest, grants: Grants, limits: Limits, environment: Mapping[str, str]) -> shapes.Call:
    """An invocation with every name made real; PathError and ToolError where it does not fit the manifest."""
    if one.program is not None and grants.programs is not None and not any(within(one.program, path) for path in grants.programs):
        raise ToolError(f"`{one.program}` is not among the programs that were granted", hint="this is a fault in bylaw; please report it")
    whole = {**environment, **dict(one.environment)}
    return shapes.Call(
        argv=[_bytes(word) for word in one.argv],
        program=one.program,
        builtin=one.builtin,
        directory=os.path.realpath(one.directory),
        environment={_bytes(name): _bytes(value) for name, value in whole.items()},
        redirections=[_redirection(item, manifest, grants, limits) for item in one.redirections],
    )


def _redirection(item: Redirection, manifest: Manifest, grants: Grants, limits: Limits) -> shapes.Redirection:
    match item:
        case OpenFile():
            path = item.path if item.path in _STANDARD else os.path.realpath(item.path)
            allowed = grants.readable(path) if item.mode == "read" else grants.writable(path, manifest)
            # INVARIANT: a redirection opens what the manifest grants, with or without a kernel layer behind it.
            if path not in _STANDARD and not allowed:
                verb = "read" if item.mode == "read" else "written"
                raise PathError(
                    f"`{path}` may not be {verb} by a redirection: it is not granted", hint="a link may have changed since it was judged"
                )
            regular = limits.regular_files and path not in DEVICES
            return shapes.Opened(kind="open", fd=item.fd, path=path, mode=item.mode, regular=regular)
        case Duplicate():
            return shapes.Copied(kind="copy", fd=item.fd, source=item.source)
        case Text():
            return shapes.Given(kind="text", fd=item.fd, text=_bytes(item.text, what="here-document"))
        case _:
            assert_never(item)


def _bytes(word: str, *, what: str = "argument") -> bytes:
    """The bytes of a word: UTF-8, and undecodable bytes as they were; ToolError for what no program can be given."""
    try:
        data = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as problem:
        raise ToolError(f"an {what} holds half a character, which has no bytes") from problem
    if b"\0" in data and what == "argument":
        raise ToolError("an argument holds a null byte, which no program can be given")
    return data


def _file_bytes(grants: Grants, limits: Limits) -> int:
    """The limit on one file, in bytes: that of the policy where only named files are written; builds need more room."""
    only_files = grants.write_files and not grants.write_trees
    return limits.write_bytes if only_files else max(limits.write_bytes, _FILE_CEILING)


def _empty(inherited: list[int], stack: contextlib.ExitStack) -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    inherited.append(descriptor)
    return descriptor


def _scratch(held: tuple[LayerName, ...], grants: Grants, plan: Plan, stack: contextlib.ExitStack) -> str:
    """The private temporary directory: inside bubblewrap an empty file system, else a fresh directory, removed after."""
    if "bubblewrap" in held:
        named = (*grants.trees, *grants.files, *grants.lists, *grants.write_trees, *grants.write_files)
        directories = (os.path.realpath(one.directory) for one in plan.invocations())
        # A Landlock rule for all of /tmp would reach into what is mounted below it.
        shared = any(within(path, TEMPORARY) for path in (*named, *directories)) or "/" in named
        return f"{TEMPORARY}/.private" if shared else TEMPORARY
    directory = os.path.realpath(tempfile.mkdtemp(prefix="bylaw-"))
    stack.callback(_remove, directory)
    return directory


def _home(held: tuple[LayerName, ...], grants: Grants, environment: Mapping[str, str], scratch: str) -> dict[str, str]:
    """HOME for Landlock alone, where the home directory is not granted: git and others fail on one that is there and refused."""
    home = os.path.realpath(environment.get("HOME", "/"))
    if held != ("landlock",) or "HOME" not in environment or any(within(home, tree) for tree in (*grants.trees, *grants.write_trees)):
        return {}
    return {"HOME": scratch}


def _remove(directory: str) -> None:
    """Removes a directory that a command filled, also where it took its own permissions away."""
    shutil.rmtree(directory, ignore_errors=True)
    if os.path.lexists(directory):
        for place in _directories(directory):
            with contextlib.suppress(OSError):
                os.chmod(place, 0o700)
        shutil.rmtree(directory, ignore_errors=True)


def _directories(top: str) -> Iterator[str]:
    yield top
    for place, names, _ in os.walk(top):
        yield from (path for name in names if not os.path.islink(path := os.path.join(place, name)))


def _wrapped(parts: Sequence[Part]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for part in parts:
        if part.wrapper:
            return part.wrapper, part.arguments
    return (), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How a launcher ended: what it reported, and what was seen from outside."""

    end: End
    code: int | None
    said: Mapping[str, str]
    duration_ms: int
    seconds: float


def _outcome(
    ended: _Ended, captures: Mapping[Stream, Capture], *, limits: Limits, held: tuple[LayerName, ...], notes: tuple[str, ...]
) -> ProcessOutcome:
    """The outcome of a call; SandboxError when the plan was never started."""
    stdout, stderr = captures["stdout"].result(), captures["stderr"].result()
    if changed := ended.said.get("changed"):
        raise ChangedError(f"{changed}: it has changed since it was judged", hint="the command was not run; ask again")
    if ended.end == "done" and "started" not in ended.said:
        why = ended.said.get("error") or stderr.text.strip() or f"the launcher ended with {ended.code}"
        raise SandboxError(
            f"the sandbox could not be put up for this call: {why[:500]}", hint="the command was not run; see `bylaw doctor`"
        )
    status, code, signal, more = _judged(ended.said, ended.end, limits=limits, seconds=ended.seconds)
    return ProcessOutcome(
        exit_code=code,
        signal=signal or None,
        status=status,
        stdout=stdout,
        stderr=stderr,
        duration_ms=ended.duration_ms,
        layers=held,
        notes=tuple(dict.fromkeys((*notes, *more))),
    )


def _judged(said: Mapping[str, str], end: End, *, limits: Limits, seconds: float) -> tuple[Status, int | None, int, tuple[str, ...]]:
    """Status, exit code, signal and notes of what the launcher said."""
    match end:
        case "timeout":
            return "timeout", None, 0, (f"ended after {seconds:g} seconds, with everything it had started",)
        case "interrupted":
            return "interrupted", None, 0, ("interrupted, with everything it had started",)
        case "done":
            notes: list[str] = []
        case _:
            assert_never(end)
    if ended := int(said.get("ended", "0")):
        notes.append(f"still running at the end, so ended: {ended} process{'es' if ended > 1 else ''}")
    if stopped := said.get("halted") or said.get("error"):
        return "error", 1, 0, (f"the plan stopped: {stopped}", *notes)
    if "exit" not in said:
        return "killed", None, 0, ("the process that ran the plan was killed: from inside, or for want of memory", *notes)
    signal = int(said.get("signal", "0"))
    if signal == _SIGXFSZ:
        notes.append(f"a file reached its limit ({limits.write_bytes} bytes where single files are granted, {_FILE_CEILING} elsewhere)")
    return "ok", int(said["exit"]), signal, tuple(notes)


def _said(report: bytes) -> dict[str, str]:
    """The report's lines, as far as they have the shape that the launcher writes."""
    said: dict[str, str] = {}
    for line in report.decode("ascii", "replace").splitlines():
        name, _, value = line.partition(" ")
        if name in ("error", "halted", "changed"):
            with contextlib.suppress(ValueError):
                said[name] = bytes.fromhex(value).decode("utf-8", "replace")
        elif name in ("started", "exit", "signal", "ended", "stopped", "died") and value.isascii() and value.isdigit():
            said[name] = value
    return said
