"""Carries out a plan without a shell: the argument vectors that were judged, and bash's meaning of what joins them.

Programs are started here. What a plan may hold besides (compound commands, late words, builtins) is in modules of its own.
"""

from __future__ import annotations

import errno
import os
import time

from .children import die, going_on, is_there, refusal, started, stop, wait, waited_for
from .files import FIRST_FREE, Redirected, copy, give, high, keep_only, moved, open_file, write_all
from .paths import open_plain
from .state import Failed, Finish, Halt, Leave, State, decoded, encoded, why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .captures import Channel
    from .files import Table
    from .shapes import Call, Node, Program, Redirection, Step

_DEFAULT_SIGNALS = tuple(number for number in range(1, 65) if number not in (9, 19, 32, 33))
_NOT_FOUND = 127
_NOT_STARTED = 126
_UNBOUND = 127
_REPORTED = 1500


class Runner:
    """Runs a plan; `state.status` and `state.signal` are those of what ran last.

    `channel` speaks to the parent about captures and final vectors; None where there is nothing to say.
    """

    def __init__(self, plan: Program, report: int, channel: Channel | None = None) -> None:
        self.plan = plan
        self.report = report
        self.channel = channel
        self.state = State(plan["environment"], plan["start"])
        self._entered = False
        self.standard = {number: high(number) for number in (0, 1, 2)}

    def run(self) -> None:
        """Raises Halt where the plan cannot go on as it was judged."""
        self.enter(self.plan["start"], [])
        try:
            self.run_steps(self.plan["steps"], self.standard)
        except Finish as end:
            self.state.status, self.state.signal = end.status, end.signal
        except Leave as end:
            self.state.status, self.state.signal = end.status, 0
        except Failed as problem:
            self.complain(self.standard, str(problem))
            # Under `set -e` bash ends with 1 as it complains about an unset name, wherever that stands.
            self.state.status, self.state.signal = 1 if self.state.errexit else problem.status, 0

    def run_steps(self, steps: list[Step], table: Table) -> None:
        """One list of steps; the status of an empty one is that of what ran before."""
        state = self.state
        for index, step in enumerate(steps):
            if step["connector"] == "and" and state.status != 0:
                continue
            if step["connector"] == "or" and state.status == 0:
                continue
            last = index + 1 == len(steps) or steps[index + 1]["connector"] == "then"
            self._pipeline(step, table, ignored=not last)

    def _pipeline(self, step: Step, table: Table, *, ignored: bool) -> None:
        state, stages = self.state, step["stages"]
        ignored = ignored or step["negated"]
        before = self._clock() if step["timed"] else None
        state.ignoring += ignored
        try:
            if len(stages) == 1:
                self.run_node(stages[0], table)
            else:
                self._pipe(stages, table)
        finally:
            state.ignoring -= ignored
        if before is not None:
            self._show_times(before, table)
        if step["negated"]:
            state.status, state.signal = int(state.status == 0), 0
        elif state.status and state.errexit and not ignored and not state.ignoring and _ends_on_error(stages):
            raise Finish(state.status, state.signal)

    def _pipe(self, stages: list[Node], table: Table) -> None:
        """The stages side by side, each in a process of its own; the status is the last one's, or with `pipefail` the last bad."""
        started: list[int | None] = []
        codes: list[int] = []
        source: int | None = None
        for index, stage in enumerate(stages):
            own, owned = dict(table), list[int]()
            if source is not None:
                own[0] = source
                owned.append(source)
                source = None
            try:
                if index < len(stages) - 1:
                    reader, writer = os.pipe2(os.O_CLOEXEC)
                    source = moved(reader)
                    own[1] = moved(writer)
                    owned.append(own[1])
                pid, code = self._stage(stage, own, owned)
            finally:
                for descriptor in owned:
                    os.close(descriptor)
            started.append(pid)
            codes.append(code)
        signal = 0
        for index, pid in enumerate(started):
            signal = 0
            if pid is not None:
                codes[index], signal = wait(pid)
        self.state.status, self.state.signal = codes[-1], signal
        if self.state.pipefail and codes[-1] == 0:
            self.state.status = next((code for code in reversed(codes) if code), 0)

    def _stage(self, stage: Node, table: Table, owned: list[int]) -> tuple[int | None, int]:
        if stage["kind"] == "call" and stage["builtin"] is None and not stage["late"] and _known(stage):
            self.enter(stage["directory"], stage["elsewhere"])
            return self._start(stage, table, owned)
        return self.fork(lambda: self.run_node(stage, table), table), 0

    def run_node(self, node: Node, table: Table) -> None:
        """One command of any kind, in this process."""
        if node["kind"] != "call":
            from .compound import run_compound

            run_compound(self, node, table)
            return
        self.enter(node["directory"], node["elsewhere"])
        owned: list[int] = []
        self.state.signal = 0
        try:
            if node["builtin"] is not None or node["late"] or not _known(node):
                from .simple import run_simple

                run_simple(self, node, table, owned)
                return
            pid, self.state.status = self._start(node, dict(table), owned)
        finally:
            for descriptor in owned:
                os.close(descriptor)
        if pid is not None:
            self.state.status, self.state.signal = wait(pid)

    def _start(self, call: Call, table: Table, owned: list[int]) -> tuple[int | None, int]:
        """The process that was started, or None and the exit code that stands for it."""
        if not self.redirect(call["redirections"], table, owned):
            return None, 1
        environment = {name: value for name, value in call["environment"] if isinstance(value, str)}
        return self.spawn(call["program"], call["argv"], environment, table)

    def spawn(self, program: str | None, argv: list[bytes], environment: dict[str, str], table: Table) -> tuple[int | None, int]:
        """Starts a program with exactly this table, in the current directory."""
        name = argv[0].decode("utf-8", "backslashreplace")
        if program is None:
            refused = "/" in name and is_there(argv[0])
            self.complain(table, f"{name}: {'it is no program' if refused else 'command not found'}")
            return None, _NOT_STARTED if refused else _NOT_FOUND
        actions: list[tuple[int, int, int] | tuple[int, int]] = [
            (os.POSIX_SPAWN_DUP2, kept, number) for number, kept in table.items() if number < FIRST_FREE
        ]
        actions += [(os.POSIX_SPAWN_CLOSE, number) for number in (0, 1, 2) if number not in table]
        whole = {encoded(name): encoded(value) for name, value in {**self.state.environment(), **environment}.items()}
        going_on()
        try:
            # A group of its own: what signals its group does not reach the launcher.
            pid = os.posix_spawn(program, argv, whole, file_actions=actions, setpgroup=0, setsigmask=(), setsigdef=_DEFAULT_SIGNALS)
        except OSError as problem:
            self.complain(table, f"{name}: {refusal(problem)}")
            return None, _NOT_FOUND if problem.errno == errno.ENOENT else _NOT_STARTED
        return started(pid), 0

    def redirect(self, redirections: list[Redirection], table: Table, owned: list[int]) -> bool:
        """Changes the table; False, and a complaint, where a file cannot be opened. The caller closes what is `owned`."""
        before = dict(table)
        try:
            for redirection in redirections:
                if redirection["kind"] == "open":
                    open_file(redirection, table, owned)
                elif redirection["kind"] == "copy":
                    copy(table, redirection["fd"], redirection["source"])
                else:
                    text = redirection["text"]
                    if redirection["late"] is not None:
                        from .words import value

                        text = encoded(value(self, redirection["late"], table)) + text
                    give(table, owned, redirection["fd"], text)
        except Redirected as problem:
            # Bash complains where the command's own standard error went before, or has come to by now.
            self.complain(table if 2 in table else before, str(problem))
            return False
        return True

    def enter(self, directory: str, elsewhere: list[str]) -> None:
        """INVARIANT: a command runs in a directory that it was judged for, or the plan ends here."""
        if elsewhere:
            here = self.current()
            if here != directory and here not in elsewhere:
                raise Halt(f"the run has come to the directory `{here}`, which was not judged")
            return
        if self._entered and self.state.physical == directory:
            return  # it was entered as judged, and not left since
        try:
            descriptor = open_plain(directory, os.O_PATH | os.O_DIRECTORY)
        except (OSError, ValueError) as problem:
            raise Halt(
                f"the directory `{directory}` cannot be entered: {why(problem) if isinstance(problem, OSError) else problem}"
            ) from problem
        try:
            os.fchdir(descriptor)
        except OSError as problem:
            raise Halt(f"the directory `{directory}` cannot be entered: {why(problem)}") from problem
        finally:
            os.close(descriptor)
        self._entered = True
        if self.state.physical != directory:
            self.state.physical = self.state.directory = directory

    def current(self) -> str:
        """The real current directory."""
        try:
            return os.getcwd()
        except OSError as problem:
            raise Halt(f"the current directory cannot be told: {why(problem)}") from problem

    def fork(self, body: Callable[[], None], table: Table) -> int:
        """Runs `body` in a process of its own, which keeps no descriptor but those of the table."""
        going_on()
        pid = os.fork()
        if pid:
            return started(pid)
        code = 1
        try:
            keep_only({*table.values(), self.report, *(self.channel.descriptors if self.channel else ())})
            self.state.subshell, self.state.loops = True, 0
            code = self._end_of(body, table)
        except Halt as problem:
            self.halt(problem)
        finally:
            os._exit(code)

    def _end_of(self, body: Callable[[], None], table: Table) -> int:
        try:
            body()
        except Finish as end:
            if end.signal:
                die(end.signal)
            return end.status
        except Leave as end:
            return end.status
        except Failed as problem:
            self.complain(table, str(problem))
            return 1 if problem.status == _UNBOUND else problem.status
        except Halt:
            raise
        except BaseException as problem:
            # The far end of a process: whatever it was stops the plan by name.
            raise Halt(f"{type(problem).__name__}: {problem}") from problem
        return self.state.status

    def halt(self, problem: Halt) -> None:
        """Stops the whole plan from a process inside it: says why, and waits to be ended with all others."""
        self.tell_halted(problem)
        while True:
            os.read(self._never(), 1)

    def tell_halted(self, problem: Halt) -> None:
        """Says on standard error and to the parent why the plan stops."""
        text = str(problem).encode("utf-8", "backslashreplace")[:_REPORTED]
        try:
            os.write(2, b"bylaw: " + text + b"; nothing more was run\n")
        except OSError:
            pass  # what is on record is the report
        os.write(self.report, f"halted {text.hex()}\n".encode())

    def _never(self) -> int:
        reader, _ = os.pipe2(os.O_CLOEXEC)
        return reader

    def complain(self, table: Table, text: str) -> None:
        """A message on the command's standard error, where it has one."""
        if 2 in table:
            try:
                write_all(table[2], f"bylaw: {text}\n".encode("utf-8", "backslashreplace"))
            except OSError:
                return

    def _clock(self) -> tuple[float, float, float]:
        times = os.times()
        return time.monotonic(), times.user + times.children_user, times.system + times.children_system

    def _show_times(self, before: tuple[float, float, float], table: Table) -> None:
        lines = [""]
        for name, start, end in zip(("real", "user", "sys"), before, self._clock(), strict=True):
            minutes, seconds = divmod(end - start, 60)
            lines.append(f"{name}\t{minutes:.0f}m{seconds:.3f}s")
        if 2 in table:
            write_all(table[2], ("\n".join(lines) + "\n").encode())


def _known(call: Call) -> bool:
    """Whether nothing of a command waits for the run but the program itself."""
    return all(isinstance(value, str) for _, value in call["environment"])


def _ends_on_error(stages: list[Node]) -> bool:
    """Whether `set -e` looks at the status of this pipeline: inside a compound command it has looked already."""
    stage = stages[0]
    return (
        len(stages) > 1
        or stage["kind"] in ("call", "function", "conditional", "calculate")
        or (stage["kind"] == "group" and stage["subshell"])
    )


__all__ = ["Halt", "Runner", "decoded", "stop", "waited_for"]
