"""Second opinions on shell text. bashlex is heard through a helper process with limits, kept for the session."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Final, cast

from ..policy.shell.opinions import Heard, Opinion, Unheard

_HELPER: Final = os.path.join(os.path.dirname(os.path.realpath(__file__)), "bashlex_helper.py")
_START_SECONDS: Final = 15.0
_ANSWER_BYTES: Final = 4 << 20
_CHUNK: Final = 65536


def opinions_for(names: Iterable[str]) -> tuple[Opinion, ...]:
    """The parsers that a policy names in `opinions`; none is started before it is asked."""
    from .tree_sitter_opinion import TreeSitterOpinion  # imported late: it needs this module's neighbours only when it is asked

    known: dict[str, type[BashlexOpinion | TreeSitterOpinion]] = {"bashlex": BashlexOpinion, "tree-sitter": TreeSitterOpinion}
    return tuple(known[name]() for name in sorted(set(names)))


class _Silent(Exception):
    """The helper gave no answer; the text says why."""


class BashlexOpinion:
    """Implements `policy.shell.opinions.Opinion`.

    `hear` never raises and answers within `seconds` (after the first start); None is no opinion, and `silence` says why.
    A helper that hangs, dies or answers nonsense is killed; the next text gets a new one. The helper's limit of processor
    time ends a text long before `seconds` do, so that a busy machine changes no answer.
    """

    name: str = "bashlex"

    def __init__(self, *, seconds: float = 20.0) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: weakref.finalize[[subprocess.Popen[bytes]], BashlexOpinion] | None = None
        self.silence: str | None = None

    def hear(self, text: str) -> Heard | Unheard | None:
        """What bashlex finds in the text, or None: it rejects it. Unheard: it took too long, or the helper failed."""
        with self._lock:
            self.silence = None
            try:
                return self._ask(text)
            except (OSError, ValueError, _Silent) as problem:
                self.silence = str(problem)
                self._drop()
                return Unheard(why=self.silence)
            except BaseException:
                # A question that was left half-way would be answered to the next text.
                self._drop()
                raise

    def close(self) -> None:
        """Ends the helper."""
        with self._lock:
            self._drop()

    def _ask(self, text: str) -> Heard | None:
        process = self._process if self._process is not None and self._process.poll() is None else self._start()
        deadline = time.monotonic() + self._seconds
        _send(process, (json.dumps({"text": text}) + "\n").encode("ascii"), deadline)
        answer = _line(process, deadline)
        if "silent" in answer:
            self.silence = str(answer["silent"])
            return None
        return _heard(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        self._drop()
        found = importlib.util.find_spec("bashlex")
        if found is None or found.origin is None:
            raise _Silent("bashlex is not installed")
        directory = os.path.dirname(os.path.dirname(os.path.realpath(found.origin)))
        # `-I -S`, an empty environment and `/`: a workspace cannot slip a module into the helper.
        process = subprocess.Popen(
            [os.path.realpath(sys.executable), "-I", "-S", "-X", "utf8", _HELPER, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        self._process = process
        self._ended = weakref.finalize(self, _end, process)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
        _line(process, time.monotonic() + _START_SECONDS)
        return process

    def _drop(self) -> None:
        if self._ended is not None:
            self._ended()
        self._process, self._ended = None, None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _send(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    if process.stdin is None:
        raise _Silent("the helper has no input")
    view = memoryview(data)
    while view:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([], [process.stdin], [], left)[1]:
            raise _Silent("the helper took no text in time")
        view = view[os.write(process.stdin.fileno(), view) :]


def _line(process: subprocess.Popen[bytes], deadline: float) -> dict[str, object]:
    """One answer; _Silent when none comes before the deadline."""
    if process.stdout is None:
        raise _Silent("the helper has no output")
    data = bytearray()
    while not data.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise _Silent("bashlex took too long")
        chunk = os.read(process.stdout.fileno(), _CHUNK)
        data += chunk
        if not chunk or len(data) > _ANSWER_BYTES:
            raise _Silent("the helper ended: bashlex took too much memory or time")
    answer: object = json.loads(data)
    if not isinstance(answer, dict):
        raise _Silent("the helper gave an answer of the wrong shape")
    return cast("dict[str, object]", answer)


def _heard(answer: dict[str, object]) -> Heard:
    commands, writes, substitutions = answer.get("commands"), answer.get("writes"), answer.get("substitutions")
    if not isinstance(commands, list) or not isinstance(writes, list) or not isinstance(substitutions, int):
        raise _Silent("the helper gave an answer of the wrong shape")
    return Heard(
        commands=frozenset(str(one) for one in cast("list[object]", commands)),
        substitutions=substitutions,
        writes=frozenset(str(one) for one in cast("list[object]", writes)),
    )
