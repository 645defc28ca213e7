"""The script that carries out one plan inside the sandbox; started as `python -I -S launcher.py SPEC REPORT CONTROL`.

The three words are numbers of inherited descriptors: the specification (marshal, written by the same interpreter), the
pipe for the report, and a pipe whose other end the parent closes to stop everything. Only numbers are words of the
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
    from .shapes import Specification


def main(words: list[str]) -> None:
    """Reads the specification, keeps watch over the plan, and reports."""
    source, report, control = (int(word) for word in words)
    for descriptor in (source, report, control):
        os.set_inheritable(descriptor, False)
    with open(source, "rb") as stream:
        specification: Specification = marshal.loads(stream.read())  # noqa: S302 - written by the parent, on a private descriptor
    confine.become_subreaper()
    confine.close_to_others()
    keeper.keep(lambda: _carry_out(specification, report), control=control, report=report, own_pids=specification["own_pids"])


def _carry_out(specification: Specification, report: int) -> None:
    confine.limit(specification["caps"])
    runner = steps.Runner()
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
        runner.run(specification["stages"])
    except steps.Halt as problem:
        text = str(problem).encode("utf-8", "backslashreplace")[:2000]
        os.write(2, b"bylaw: " + text + b"; nothing more was run\n")
        os.write(report, f"halted {text.hex()}\n".encode())
        return
    os.write(report, f"exit {runner.code}\nsignal {runner.signal}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
