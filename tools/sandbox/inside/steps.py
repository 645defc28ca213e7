"""Carries out a plan without a shell: the argument vectors that were judged, and bash's meaning of what joins them."""

from __future__ import annotations

import errno
import fcntl
import os

from .paths import open_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Call, Opened, Redirection, Stage

_DEVICES = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_FIRST_FREE = 64
_DEFAULT_SIGNALS = tuple(number for number in range(1, 65) if number not in (9, 19, 32, 33))
_NOT_FOUND = 127
_NOT_STARTED = 126


class Halt(Exception):
    """The plan cannot go on as it was judged."""


class _Redirected(Exception):
    """A redirection failed: the command is not started, as in bash."""


class Runner:
    """Runs stages one after the other; `code` and `signal` are those of what ran last."""

    def __init__(self) -> None:
        # The standard descriptors are kept high and closed on exec: every program gets exactly its own table.
        self._standard = {number: _high(number) for number in (0, 1, 2)}
        self.code = 0
        self.signal = 0

    def run(self, stages: list[Stage]) -> None:
        """Raises Halt where a directory cannot be entered: what would follow was judged for that directory."""
        for stage in stages:
            if stage["connector"] == "and" and self.code != 0:
                continue
            if stage["connector"] == "or" and self.code == 0:
                continue
            self._pipeline(stage["calls"])
            if stage["negated"]:
                self.code, self.signal = int(self.code == 0), 0

    def _pipeline(self, calls: list[Call]) -> None:
        started: list[int | None] = []
        codes: list[int] = []
        source: int | None = None
        for index, call in enumerate(calls):
            table = dict(self._standard)
            owned: list[int] = []
            if source is not None:
                table[0] = source
                owned.append(source)
                source = None
            try:
                if index < len(calls) - 1:
                    reader, writer = os.pipe2(os.O_CLOEXEC)
                    source = _moved(reader)
                    table[1] = _moved(writer)
                    owned.append(table[1])
                pid, code = self._start(call, table, owned)
            finally:
                for descriptor in owned:
                    os.close(descriptor)
            started.append(pid)
            codes.append(code)
        signal = 0
        for index, pid in enumerate(started):
            signal = 0
            if pid is not None:
                status = os.waitpid(pid, 0)[1]
                signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                codes[index] = 128 + signal if signal else os.waitstatus_to_exitcode(status)
        self.code, self.signal = codes[-1], signal

    def _start(self, call: Call, table: dict[int, int], owned: list[int]) -> tuple[int | None, int]:
        """The process that was started, or None and the exit code that stands for it."""
        _enter(call)
        try:
            for redirection in call["redirections"]:
                _redirect(redirection, table, owned)
        except _Redirected as problem:
            self._complain(table, str(problem))
            return None, 1
        if call["builtin"] is not None:
            return None, 0
        program = call["program"]
        name = call["argv"][0].decode("utf-8", "backslashreplace")
        if program is None:
            self._complain(table, f"{name}: command not found")
            return None, _NOT_FOUND
        actions: list[tuple[int, int, int] | tuple[int, int]] = [
            (os.POSIX_SPAWN_DUP2, kept, number) for number, kept in table.items() if number < _FIRST_FREE
        ]
        actions += [(os.POSIX_SPAWN_CLOSE, number) for number in (0, 1, 2) if number not in table]
        try:
            return os.posix_spawn(
                program, call["argv"], call["environment"], file_actions=actions, setsigmask=(), setsigdef=_DEFAULT_SIGNALS
            ), 0
        except OSError as problem:
            self._complain(table, f"{name}: {_why(problem)}")
            return None, _NOT_FOUND if problem.errno in (errno.ENOENT, errno.ENOTDIR) else _NOT_STARTED

    def _complain(self, table: dict[int, int], text: str) -> None:
        if 2 in table:
            try:
                os.write(table[2], f"bylaw: {text}\n".encode("utf-8", "backslashreplace"))
            except OSError:
                return


def _why(problem: OSError) -> str:
    if problem.errno == errno.EACCES:
        return "permission denied: it may not be started, or a file that it needs is not granted"
    return os.strerror(problem.errno or 0).lower()


def _enter(call: Call) -> None:
    """INVARIANT: a command runs in the directory that it was judged for, or the plan ends here."""
    try:
        descriptor = open_plain(call["directory"], os.O_PATH | os.O_DIRECTORY)
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise Halt(f"the directory `{call['directory']}` cannot be entered: {why}") from problem
    try:
        os.fchdir(descriptor)
    except OSError as problem:
        raise Halt(f"the directory `{call['directory']}` cannot be entered: {problem.strerror}") from problem
    finally:
        os.close(descriptor)


def _redirect(redirection: Redirection, table: dict[int, int], owned: list[int]) -> None:
    if redirection["kind"] == "open":
        table[redirection["fd"]] = _open(redirection, table, owned)
    elif redirection["kind"] == "text":
        descriptor = os.memfd_create("text", os.MFD_CLOEXEC)
        owned.append(descriptor := _moved(descriptor))
        _write_all(descriptor, redirection["text"])
        os.lseek(descriptor, 0, os.SEEK_SET)
        table[redirection["fd"]] = descriptor
    elif redirection["source"] is None:
        table.pop(redirection["fd"], None)
    elif redirection["source"] in table:
        table[redirection["fd"]] = table[redirection["source"]]
    else:
        raise _Redirected(f"{redirection['source']}: bad file descriptor")


def _write_all(descriptor: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


def _open(redirection: Opened, table: dict[int, int], owned: list[int]) -> int:
    path = redirection["path"]
    if path in _DEVICES:
        if _DEVICES[path] not in table:
            raise _Redirected(f"{path}: bad file descriptor")
        return table[_DEVICES[path]]
    flags = {
        "read": os.O_RDONLY,
        "write": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
        "append": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    }[redirection["mode"]]
    # Truncation waits until the file is known to be one that may be written; O_NONBLOCK keeps a FIFO from holding the plan.
    try:
        descriptor = open_plain(path, (flags & ~os.O_TRUNC) | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as problem:
        why = os.strerror(problem.errno or 0) if isinstance(problem, OSError) else str(problem)
        raise _Redirected(f"{path}: {why}") from problem
    owned.append(descriptor := _moved(descriptor))
    kind = os.fstat(descriptor).st_mode & 0o170000
    if redirection["regular"] and kind != 0o100000:
        raise _Redirected(f"{path}: not a regular file")
    if kind == 0o040000:
        raise _Redirected(f"{path}: is a directory")
    try:
        if flags & os.O_TRUNC and kind == 0o100000:
            os.ftruncate(descriptor, 0)
    except OSError as problem:
        raise _Redirected(f"{path}: {os.strerror(problem.errno or 0)}") from problem
    os.set_blocking(descriptor, True)
    return descriptor


def _high(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)


def _moved(descriptor: int) -> int:
    """The descriptor under a number that no redirection names."""
    try:
        return _high(descriptor)
    finally:
        os.close(descriptor)
