"""How a plan ended, made of what the launcher reported and what was seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from ..policy.model import Limits
from .capture import Capture, Captured
from .errors import ChangedError, LaunchError
from .launch import End, Stream
from .result import Status
from .sandbox.denials import Denial
from .sandbox.interface import LayerName

_SIGXFSZ = 25
_UNCOVERED: Final = "a hidden or protected file was replaced from outside while this ran, and lay open to it from then on: look at it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOutcome:
    """How a plan ended.

    `exit_code` is bash's (128+n after signal n, 127 not found, 126 not startable); None when the plan did not end by
    itself. `status` is `ok` for a plan that was carried out, whatever its exit code; `error` when it could not go on as
    judged. `layers` held, outermost first; `notes` are what a person must know, `denials` what the sandbox refused.
    """

    exit_code: int | None
    signal: int | None
    status: Status
    stdout: Captured
    stderr: Captured
    duration_ms: int
    layers: tuple[LayerName, ...]
    notes: tuple[str, ...]
    denials: tuple[Denial, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a launcher ended: what it reported, and what was seen from outside."""

    end: End
    said: Mapping[str, str]
    duration_ms: int
    seconds: float


def outcome_of(
    ended: Ended, captures: Mapping[Stream, Capture], *, limits: Limits, held: tuple[LayerName, ...], notes: tuple[str, ...]
) -> ProcessOutcome:
    """The outcome of a call; LaunchError when the plan was never started."""
    stdout, stderr = captures["stdout"].result(), captures["stderr"].result()
    if changed := ended.said.get("changed"):
        raise ChangedError(f"{changed}: it has changed since it was judged", hint="the command was not run; ask again")
    if ended.end == "done" and "started" not in ended.said:
        why = ended.said.get("error") or "the launcher ended"
        raise LaunchError(f"the sandbox could not be put up for this call: {why[:500]}", hint="the command was not run; see `bylaw doctor`")
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
    if "uncovered" in said:
        notes.append(_UNCOVERED)
    if stopped := said.get("halted") or said.get("error"):
        return "error", 1, 0, (f"the plan stopped: {stopped}", *notes)
    if "exit" not in said:
        return "killed", None, 0, ("the process that ran the plan was killed: from inside, or for want of memory", *notes)
    signal = int(said.get("signal", "0"))
    if signal == _SIGXFSZ:
        least = min(limits.write_bytes, limits.file_bytes)
        notes.append(f"a file reached its limit ({least} bytes where single files are granted, {limits.file_bytes} elsewhere)")
    return "ok", int(said["exit"]), signal, tuple(notes)
