"""Asking ripgrep which files are worth reading."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..policy.decision import Manifest, PathGrant
from ..policy.model import Limits, SandboxMode
from ..policy.plan import Invocation, Pipeline, Plan, Step
from ..policy.records import replace
from .errors import ToolError
from .permit import Target
from .runner import Runner

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
FEWEST_FILES = 64
_BATCH_BYTES = 512 * 1024
_BATCH_FILES = 20_000
_OUTPUT_BYTES = 4 * 1024 * 1024
_FLAGS = (
    "--no-config",
    "--files-with-matches",
    "--null",
    "--text",
    "--crlf",
    "--no-messages",
    "--no-ignore",
    "--hidden",
    "--color=never",
    "--regex-size-limit=64M",
)
"""`--no-config`: RIPGREP_CONFIG_PATH could name a preprocessor. `--text`: what is binary is decided by us."""


def find_ripgrep(directories: Iterable[str] = SYSTEM_PATH) -> str | None:
    """The real path of `rg` on the system's own path, where only the system's owner can have put it; else None."""
    for directory in directories:
        path = os.path.realpath(f"{directory}/rg")
        try:
            status = os.stat(path)
        except OSError:
            continue
        writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not writable and os.access(path, os.X_OK):
            return path
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ripgrep:
    """ripgrep over the files of one call, confined to reading below `target`."""

    program: str
    runner: Runner
    target: Target
    manifest: Manifest
    limits: Limits
    sandbox: SandboxMode
    launcher: tuple[str, ...] = ()
    fewest: int = FEWEST_FILES

    def candidates(self, expression: str, files: Sequence[str]) -> frozenset[str] | None:
        """Which of the files may hold a match; None when it is not worth a process, or ripgrep gave no whole answer."""
        if len(files) < self.fewest:
            return None
        # The answer comes back as text: a name that is not plain text is read by us in any case.
        plain = [name for name in files if name.isprintable() and "\ufffd" not in name]
        found = {name for name in files if not (name.isprintable() and "\ufffd" not in name)}
        for batch in _batches(plain):
            told = self._ask(expression, batch)
            if told is None:
                return None
            found |= told
        return frozenset(found)

    def _ask(self, expression: str, batch: Sequence[str]) -> frozenset[str] | None:
        argv = ("rg", *_FLAGS, "-e", expression, "--", *batch)
        invocation = Invocation(argv=argv, directory=self.target.shown, program=self.program)
        plan = Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(invocation,))),))
        reading = (PathGrant(path=self.target.shown, recursive=True),)
        manifest = replace(self.manifest, programs=(self.program,), read=reading, write=(), protected=(), hosts=())
        environment = {"PATH": ":".join(SYSTEM_PATH), "LC_ALL": "C.UTF-8"}
        limits = replace(self.limits, output_bytes=_OUTPUT_BYTES)
        try:
            outcome = self.runner(
                plan, manifest=manifest, limits=limits, sandbox=self.sandbox, environment=environment, template=self.launcher
            )
        except ToolError:
            # Without a sandbox nothing is started; our own engine needs none.
            return None
        # 0: found, 1: nothing found, 2: a fault, and then an answer that may lack something.
        if outcome.status != "ok" or outcome.exit_code not in (0, 1) or outcome.stdout.truncated:
            return None
        return frozenset(outcome.stdout.text.split("\0")[:-1])


def _batches(files: Sequence[str]) -> Iterable[Sequence[str]]:
    batch: list[str] = []
    size = 0
    for name in files:
        size += len(os.fsencode(name)) + 9
        batch.append(name)
        if size > _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
