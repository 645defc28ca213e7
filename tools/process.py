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
from typing import TYPE_CHECKING

from ..policy.decision import Manifest
from ..policy.model import Limits, SandboxMode
from ..policy.plan import Plan
from .capture import Capture
from .errors import ChangedError, ToolError
from .launch import Stream, start, watch
from .outcome import FILE_CEILING, Ended, ProcessOutcome, outcome_of
from .sandbox import Part, Setting, known, layers, select
from .sandbox.bubblewrap import TEMPORARY
from .sandbox.grants import Grants, compile_grants, search_path_of, within
from .sandbox.inside import shapes
from .sandbox.inside.paths import open_plain
from .sandbox.interface import LayerName, LayerState
from .specification import Compiled, compile_plan

if TYPE_CHECKING:
    from .permit import Binding
    from .witness import Witness

__all__ = ["ProcessOutcome", "check_bindings", "run_plan"]

_OPEN_FILES = 4096
_PROCESSES = 4096
_MEMORY_BYTES = 8 << 30
_CPU_SECONDS = 3600
_TRIES = 3
_CHUNK = 1 << 20


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
    witness: Witness | None = None,
    template: tuple[str, ...] = (),
) -> ProcessOutcome:
    """Runs the plan and returns when it, and everything that it started, has ended; seconds in `timeout`.

    `states` says which layers to count on (this machine's, probed, when None). Ctrl-C ends the call with the status
    `interrupted` and what was printed until then. `witness` hears of captured commands and of words that only the run
        raise ToolError("nobody puts captured commands on record", hint="this is a fault in bylaw; please report it")
    ChangedError (a bound file changed), PathError and ToolError (the plan does not fit the manifest).
    """
    if plan.captures and witness is None:
        raise ToolError(
            "the plan holds captured commands, and nobody puts them on record", hint="this is a fault in bylaw; please report it"
        )
    held, notes = select(sandbox, layers(template) if states is None else states)
    check_bindings(bindings)
    grants = compile_grants(manifest, search_path_of(environment))
    seconds = limits.command_seconds if timeout is None else min(timeout, limits.command_seconds)
    captures: dict[Stream, Capture] = {"stdout": Capture(limits.output_bytes), "stderr": Capture(limits.output_bytes)}
    identities = _identities(grants) if held else {}
    with contextlib.ExitStack() as stack:
        scratch = _scratch(held, grants, plan, stack)
        home = _home(held, grants, environment, scratch)
        whole = {**environment, **home, "TMPDIR": scratch}
        compiled = compile_plan(plan, manifest=manifest, grants=grants, limits=limits, environment=whole, witnessed=witness is not None)
        setting = Setting(
            grants=grants,
            held=frozenset(held),
            directories=compiled.directories,
            scratch=scratch,
            memory_bytes=_MEMORY_BYTES,
            processes=_PROCESSES,
        )
        parts = [layer.part(setting) for layer in known(template) if layer.name in held]
        began = time.monotonic()
        for _ in range(_TRIES):
            running = start(
                _specification(compiled, parts, identities, grants, confined=sandbox != "off"),
                shape=_shape(parts, grants, limits),
                identity=[*sorted(identities.items()), *_covered((*grants.hidden, *grants.protected))],
                template=next((part.template for part in parts if part.template), ()),
                again="landlock" in held,
                listen=0,
                stack=stack,
            )
            end = watch(running, captures, seconds=seconds, on_output=on_output, witness=witness)
            if not running.lost:
                break
        duration = round((time.monotonic() - began) * 1000)
    notes += ("HOME is an empty directory: landlock alone cannot make the home directory absent",) if home else ()
    notes += (*grants.notes, *(note for part in parts for note in part.notes))
    notes += tuple(f"the protected path `{path}` was created by this command" for path in grants.missing_protected if os.path.lexists(path))
    ended = Ended(end=end, said=running.said, duration_ms=duration, seconds=seconds)
    return outcome_of(ended, captures, limits=limits, held=held, notes=notes)


def _specification(
    compiled: Compiled, parts: Sequence[Part], identities: dict[str, tuple[int, int]], grants: Grants, *, confined: bool
) -> shapes.Specification:
    held = [path for path in grants.protected if any(within(path, tree) for tree in grants.write_trees)]
    return shapes.Specification(
        plan=compiled.program,
        identities=identities,
        hidden=[(path, device) for path, device, *_ in _covered(grants.hidden)],
        protected=held,
        rules=next((part.rules for part in parts if part.rules is not None), None),
        filter=next((part.filter for part in parts if part.filter), b""),
        notify=any(part.notify for part in parts),
        confined=confined,
    )


def _shape(parts: Sequence[Part], grants: Grants, limits: Limits) -> shapes.Shape:
    caps = shapes.Caps(
        file_bytes=_file_bytes(grants, limits),
        files=_OPEN_FILES,
        processes=_PROCESSES,
        memory_bytes=_MEMORY_BYTES,
        cpu_seconds=_CPU_SECONDS,
    )
    jail = next((part.jail for part in parts if part.jail is not None), None)
    return shapes.Shape(jail=jail, group=next((part.group for part in parts if part.group is not None), None), caps=caps)


def _covered(paths: Iterable[str]) -> list[tuple[str, int, int, int]]:
    """Path, device, inode and time of change of what is covered in a jail: a file that was replaced since is another one, and one
    that has taken over its inode has another time.
    """
    found: list[tuple[str, int, int, int]] = []
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            found.append((path, status.st_dev, status.st_ino, status.st_ctime_ns))
    return found


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


def _file_bytes(grants: Grants, limits: Limits) -> int:
    """The limit on one file, in bytes: that of the policy where only named files are written; builds need more room."""
    only_files = grants.write_files and not grants.write_trees
    return limits.write_bytes if only_files else max(limits.write_bytes, FILE_CEILING)


def _scratch(held: tuple[LayerName, ...], grants: Grants, plan: Plan, stack: contextlib.ExitStack) -> str:
    """The private temporary directory: inside bubblewrap an empty file system, else a fresh directory, removed after."""
    if "bubblewrap" in held:
        named = (*grants.trees, *grants.files, *grants.lists, *grants.write_trees, *grants.write_files)
        directories = (os.path.realpath(path) for one in plan.invocations() for path in (one.directory, *one.elsewhere))
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
