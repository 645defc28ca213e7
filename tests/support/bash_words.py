"""What real bash makes of words, and what our expander makes of them: in one directory, with the same variables."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bylaw.policy.plan import LateWord
from bylaw.policy.scope import PathKind, Scope
from bylaw.policy.shell import parse
from bylaw.policy.shell.caps import DEFAULT, Caps
from bylaw.policy.shell.expand import Expander
from bylaw.policy.shell.state import State
from bylaw.policy.shell.tree import Command, Word

ENVIRONMENT = {"PATH": "/nonexistent", "LC_ALL": "C.UTF-8", "HOME": "/home/somebody"}


class Case(NamedTuple):
    """Words as text, the variables and the positional parameters they may use."""

    text: str
    variables: Mapping[str, str] = {}
    positional: Sequence[str] = ()


class PlainFiles:
    """The real file system."""

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def kind(self, path: str) -> PathKind:
        here = Path(path)
        if here.is_symlink():
            return "symlink"
        if not here.exists():
            return "missing"
        return "directory" if here.is_dir() else "file"

    def names(self, directory: str) -> tuple[str, ...]:
        return tuple(sorted(os.listdir(directory))) if os.path.isdir(directory) else ()

    def executable(self, path: str) -> bool:
        return os.access(path, os.X_OK)

    def read_text(self, path: str, limit: int) -> str | None:
        return None


def scope(directory: str) -> Scope:
    return Scope(
        files=PlainFiles(),
        workspace=directory,
        cwd=directory,
        home=ENVIRONMENT["HOME"],
        read_roots=(directory,),
        write_roots=(directory,),
        environment={"HOME": ENVIRONMENT["HOME"]},
    )


def expander(directory: str = "/", caps: Caps = DEFAULT) -> Expander:
    return Expander(scope(directory), caps, lambda part, state: 7)


def state(case: Case, directory: str = "/") -> State:
    made = State((directory,))
    made.variables.update(case.variables)
    made.positional = tuple(case.positional)
    return made


def read_words(text: str) -> tuple[Word, ...]:
    """The words behind the name of a command."""
    command = parse(f"m0 {text}").steps[0].pipeline.commands[0]
    assert isinstance(command, Command)
    return command.words[1:]


def ours(case: Case, directory: str = "/") -> list[str | LateWord]:
    """Raises ShellSyntaxError where the words are refused."""
    return expander(directory).words(read_words(case.text), state(case, directory))


def bash_all(cases: Sequence[Case], directory: str = "/") -> list[list[str] | None]:
    """What bash passes for each case; None where it fails."""
    lines: list[str] = []
    for case in cases:
        values = "; ".join(f"{name}={shlex.quote(value)}" for name, value in case.variables.items())
        words = " ".join(map(shlex.quote, case.positional))
        script = f"{values or ':'}; set -- {words}; m0() {{ [ $# = 0 ] || printf '%s\\0' \"$@\"; }}; m0 {case.text}\nprintf 'ok\\0'"
        lines.append(f"( eval {shlex.quote(script)} ) 2>/dev/null; printf 'end\\0'")
    done = subprocess.run(
        ["/bin/bash", "--norc", "--noprofile"],
        input="\n".join(lines).encode(),
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=120,
        check=True,
    )
    found: list[list[str] | None] = []
    for one in done.stdout.decode().split("end\0")[:-1]:
        said = one.split("\0")[:-1]
        found.append(said[:-1] if said and said[-1] == "ok" else None)
    return found
