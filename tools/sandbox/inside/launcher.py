"""The script that carries out one plan inside the sandbox; started as `python -I -S launcher.py SPEC REPORT CONTROL [ANSWERS]`.

The words are numbers of inherited descriptors: the specification (marshal, written by the same interpreter), the pipe
for the report, a pipe whose other end the parent closes to stop everything, and where the plan waits for answers of the
parent a pipe for these. Only numbers are words of the
command line: a process title can be read by everybody.
"""

from __future__ import annotations

import marshal
import os
import sys

if __name__ == "__main__":
    # The script belongs to a package that only this line makes known: its modules are then loaded from compiled files.
    __package__ = "inside"
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from . import confine, keeper, steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Program, Specification


def main(words: list[str]) -> None:
    """Reads the specification, keeps watch over the plan, and reports."""
    source, report, control, *answers = (int(word) for word in words)
    for descriptor in (source, report, control, *answers):
        os.set_inheritable(descriptor, False)
    with open(source, "rb") as stream:
        specification: Specification = marshal.loads(stream.read())  # noqa: S302 - written by the parent, on a private descriptor
    confine.become_subreaper()
    confine.close_to_others()
    keeper.keep(lambda: _carry_out(specification, report, answers), control=control, report=report, own_pids=specification["own_pids"])


def _carry_out(specification: Specification, report: int, answers: list[int]) -> None:
    confine.limit(specification["caps"])
    runner = prepared(specification["plan"], report, answers)
    if specification["confined"]:
        confine.drop_capabilities()
        confine.gain_nothing()
    rules = specification["rules"]
    try:
        confine.require_same(specification["identities"])
        if rules is not None:
            confine.restrict(rules, specification["identities"])
    except confine.ChangedError as problem:
        os.write(report, f"changed {str(problem).encode('utf-8', 'backslashreplace')[:2000].hex()}\n".encode())
        return
    confine.close_to_others()
    os.write(report, b"started 1\n")
    try:
        runner.run()
    except steps.Halt as problem:
        runner.tell_halted(problem)
        return
    os.write(report, f"exit {runner.state.status}\nsignal {runner.state.signal}\n".encode())


def prepared(plan: Program, report: int, answers: list[int]) -> steps.Runner:
    """The runner, with all modules that the plan needs.

    INVARIANT: nothing of the interpreter is loaded once a program of the plan has run, which might have written there.
    """
    for name in plan["needs"]:
        __import__(name if name == "re" else f"{__package__}.{name}")
    channel = None
    if plan["witnessed"]:
        from .captures import Channel

        channel = Channel(report, answers[0], plan["capture_bytes"])
    return steps.Runner(plan, report, channel)


if __name__ == "__main__":
    main(sys.argv[1:])
    # All is said and nothing is buffered: taking the interpreter down in order would only cost time.
    os._exit(0)
