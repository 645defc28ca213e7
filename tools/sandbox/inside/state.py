"""What a shell remembers between commands, and the ways in which a command leaves the middle of a plan."""

from __future__ import annotations

import os


class Halt(Exception):
    """The plan cannot go on as it was judged."""


class Leave(Exception):
    """`break`, `continue` or `return`: `levels` loops are left, the last one goes on with `again`."""

    def __init__(self, kind: str, levels: int = 1, status: int = 0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.levels = levels
        self.status = status


class Finish(Exception):
    """The shell process ends with `status`; `signal` is what ends it (a builtin wrote to a closed pipe)."""

    def __init__(self, status: int, signal: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.signal = signal


class Failed(Exception):
    """A word cannot be had (division by 0, a value that is no number): bash gives up the rest, with this status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class State:
    """Variables, positional parameters, options, the current directory and the last status."""

    __slots__ = (
        "captured", "directory", "errexit", "exported", "functions", "ignoring", "loops", "nounset", "physical", "pipefail", "positional",
        "signal", "status", "subshell", "variables",
    )  # fmt: skip

    def __init__(self, environment: dict[str, str], directory: str) -> None:
        # INVARIANT: IFS is never taken from the environment, as in bash.
        self.variables = {**environment, "IFS": " \t\n"}
        self.exported = set(environment) - {"IFS"}
        self.positional: list[str] = []
        self.errexit = self.nounset = self.pipefail = False
        self.ignoring = 0
        self.loops = self.functions = 0
        self.subshell = False
        self.status = 0
        self.signal = 0
        self.captured: int | None = None
        self.directory = directory
        self.physical = ""
        self.variables.setdefault("PWD", directory)

    def environment(self) -> dict[str, str]:
        """What a program gets, before the assignments in front of it."""
        return {name: self.variables[name] for name in self.exported if name in self.variables}

    def unset(self, name: str) -> None:
        """Forgets a variable; a name that never was is no error."""
        self.variables.pop(name, None)
        self.exported.discard(name)


def decoded(data: bytes) -> str:
    """Bytes as text; what is not UTF-8 keeps its bytes."""
    return data.decode("utf-8", "surrogateescape")


def sure(text: str) -> str:
    """The text, for a pattern, a length or a place in it; Halt where shells count its bytes as other characters than we do."""
    # Bash falls back to bytes for some patterns, and the C library reads some bytes as characters behind the last one of Unicode.
    if any("\udc80" <= one <= "\udcff" for one in text):
        raise Halt("the characters of a value that is not UTF-8 cannot be told apart for certain")
    return text


def encoded(text: str) -> bytes:
    """The bytes of a text: those that `decoded` was given."""
    return text.encode("utf-8", "surrogateescape")


def why(problem: OSError) -> str:
    """The system's words for a failure."""
    return os.strerror(problem.errno or 0)
