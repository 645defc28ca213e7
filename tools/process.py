"""Runs a plan inside the sandbox: the argument vectors that were judged, held to the manifest that was judged."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..policy.decision import Manifest
from ..policy.model import Limits, SandboxMode
from ..policy.plan import Plan
from .capture import Capture
from .errors import ChangedError, ToolError
from .launch import Stream, start, watch
from .outcome import Ended, ProcessOutcome, outcome_of
from .place import covered, held_clean, home_of, identities_of, mounted_otherwise, scratch_of, shape_of
from .refusals import listening
from .sandbox import Part, Setting, known, layers, select
from .sandbox.denials import Failed
from .sandbox.grants import Grants, compile_grants, search_path_of, within
from .sandbox.inside import shapes
from .sandbox.inside.paths import open_plain
from .sandbox.interface import LayerName, LayerState
from .specification import Compiled, compile_plan
from .way_out import way_out

if TYPE_CHECKING:
    from .permit import Binding
    from .witness import Witness

__all__ = ["ProcessOutcome", "check_bindings", "run_plan"]

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

    `states` says which layers to count on (this machine's, probed, when None). `template` is a launcher of the person's own.
    Ctrl-C ends the call with the status `interrupted` and what was printed until then. `witness` hears of captured commands, of
    words that only the run knows, and of connections. Raises SandboxError (no layer where one is required), LaunchError,
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
    identities = identities_of(grants, limits) if held else {}
    # The proxy is closed before the launcher is given back: nothing of this call answers in the next one.
    with contextlib.ExitStack() as stack, way_out(grants.hosts, own_network="bubblewrap" in held, witness=witness) as way:
        scratch = scratch_of(held, grants, plan, stack)
        home = home_of(held, grants, environment, scratch)
        refusals = stack.enter_context(listening(held))
        whole = {**environment, **home, "TMPDIR": scratch, **way.environment}
        compiled = compile_plan(plan, manifest=manifest, grants=grants, limits=limits, environment=whole, witnessed=witness is not None)
        parts = _parts(template, held, grants, compiled, scratch=scratch, limits=limits, port=way.port)
        began = time.monotonic()
        shape = shape_of(parts, grants, limits, confined=sandbox != "off")
        specification = _specification(compiled, parts, identities, grants)
        for _ in range(_TRIES):
            running = start(
                specification,
                shape=shape,
                identity=[*sorted(identities.items()), *covered(mounted_otherwise(grants))],
                template=next((part.template for part in parts if part.template), ()),
                again=held_clean(held, grants),
                listen=way.listen,
                stack=stack,
            )
            end = watch(running, captures, seconds=seconds, on_output=on_output, witness=witness, on_listening=way.open)
            if not running.lost:
                break
        duration = round((time.monotonic() - began) * 1000)
        ended = Ended(end=end, said=running.said, duration_ms=duration, seconds=seconds)
        outcome = outcome_of(ended, captures, limits=limits, held=held, notes=notes)
        denials = refusals.denials(running, _failed(outcome, grants, compiled, whole, limits=limits), way.ended)
    more = _notes(grants, parts, home=bool(home))
    return replace(outcome, denials=denials, notes=tuple(dict.fromkeys((*outcome.notes, *more, *refusals.notes))))


def _notes(grants: Grants, parts: Sequence[Part], *, home: bool) -> Iterator[str]:
    """What a person must know of how the call was held."""
    if home:
        yield "HOME is an empty directory: landlock alone cannot make the home directory absent"
    yield from grants.notes
    for part in parts:
        yield from part.notes
    for path in grants.missing_protected:
        if os.path.lexists(path):
            yield f"the protected path `{path}` was created by this command"


def _failed(outcome: ProcessOutcome, grants: Grants, compiled: Compiled, environment: Mapping[str, str], *, limits: Limits) -> Failed:
    return Failed(
        output=outcome.stderr.text,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        grants=grants,
        held=outcome.layers,
        directories=compiled.directories,
        search_path=search_path_of(environment),
        scratch=environment["TMPDIR"],
        memory_bytes=limits.memory_bytes,
    )


def _parts(
    template: tuple[str, ...], held: Sequence[LayerName], grants: Grants, compiled: Compiled, *, scratch: str, limits: Limits, port: int
) -> list[Part]:
    setting = Setting(
        grants=grants,
        held=frozenset(held),
        directories=compiled.directories,
        scratch=scratch,
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        port=port,
    )
    return [layer.part(setting) for layer in known(template) if layer.name in held]


def _specification(
    compiled: Compiled, parts: Sequence[Part], identities: dict[str, tuple[int, int]], grants: Grants
) -> shapes.Specification:
    held = [path for path in grants.protected if any(within(path, tree) for tree in grants.write_trees)]
    rules = next((part.rules for part in parts if part.rules is not None), None)
    return shapes.Specification(
        plan=compiled.program,
        identities=identities,
        hidden=[(path, device) for path, device, *_ in covered(grants.hidden)],
        protected=held,
        rules=None if rules is None else marshal.dumps({**rules}, 2),  # version 2: equal rules, equal bytes
    )


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
