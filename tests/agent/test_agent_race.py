"""A process that swaps a directory for a link to outside, as fast as it can, while every file tool and commands run.

`BYLAW_RACE_SECONDS` says for how long (a few seconds unless it is given); the run prints what it did with `pytest -s`.
"""

from __future__ import annotations

import collections
import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bylaw.agent.approvals import Approval, Approved, Denied, Question
from bylaw.agent.gate import Answer
from bylaw.tools import paths
from bylaw.tools.errors import SandboxError
from gate_room import Person, room
from race_room import CANARY, SECONDS, state, swapping, two_places

HOWS = ("done", "failed", "denied", "no sandbox")

TOOLS: dict[str, dict[str, object]] = {
    "read": {"path": "dir/file"},
    "write": {"path": "dir/file", "content": "inside again\n"},
    "edit": {"path": "dir/file", "start_line": 1, "end_line": 1},
    "ls": {"path": "dir", "all": True},
    "find": {"pattern": "**"},
    "grep": {"pattern": "."},
}
COMMANDS = (
    "cat dir/file",
    "grep -r inside dir",
    "ls dir",
    "cat < dir/file",
    "echo made > dir/redirected",
    "cp a.txt dir/copied",
    "touch dir/touched",
    "cd dir && cat file",
    "rm -f dir/redirected",
)


@dataclass
class Careful(Person):
    """Says yes to everything but what is shown to lead outside, which a lax policy asks about."""

    outside: str = ""

    def ask(self, question: Question) -> Approval:
        self.asked.append(question)
        return Denied() if self.outside in question.text else Approved()


def race(
    base: Path, calls: tuple[tuple[str, str, dict[str, object]], ...], preset: str, *, fewest: int, pause: float = 0, some_done: bool = True
) -> None:
    """Runs the calls in turn while the directory is swapped, then compares what lies outside with what lay there."""
    outside = base / "outside"
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    person = Careful(outside=str(outside))
    with room(base, preset=preset, person=person) as here:
        two_places(here.workspace, outside)
        before = state(outside)
        with swapping(here.workspace, pause) as stop:
            end = time.monotonic() + SECONDS
            for number, (label, tool, arguments) in enumerate(itertools.cycle(calls)):
                enough = number >= fewest * len(calls) and (not some_done or any(how == "done" for _, how in counts))
                if time.monotonic() > (end if enough else end + 60):
                    break
                new = {"new_string": f"inside {number}\n"} if tool == "edit" else {}
                try:
                    answer = here.call(tool, **arguments, **new)
                except SandboxError:
                    # the mounts were made while the name changed: no sandbox, so no command
                    counts[label, "no sandbox"] += 1
                    continue
                # INVARIANT: no byte and no name of what lies outside reaches the model, or a person who is asked.
                assert CANARY not in answer.text, (label, answer.text)
                assert "only-outside" not in answer.text, (label, answer.text)
                how = "denied" if answer.denied else "failed" if failed(answer) else "done"
                counts[label, how] += 1
            swaps = stop()
        assert not any(CANARY in question.text and str(outside) not in question.text for question in person.asked)
        assert state(outside) == before
        debris = [one for place in (here.workspace / "dir", here.workspace / "link") for one in place.glob(".bylaw-*")]
        assert debris == []
    report(preset, swaps, counts)
    for label, _, _ in calls:
        assert sum(counts[label, how] for how in HOWS) >= fewest
    # a swap that never pauses is too fast for most commands: they are refused, and the race with pauses lets some through
    assert not some_done or any(how == "done" for _, how in counts)
    assert swaps > 1


def failed(answer: Answer) -> bool:
    """Whether a call was let through and then refused by the tools or the kernel."""
    return answer.result is None or answer.result.is_error or answer.result.exit_code not in {0, None}


def report(preset: str, swaps: int, counts: collections.Counter[tuple[str, str]]) -> None:
    """Prints the figures."""
    total = sum(counts.values())
    print(f"\n{preset}: {swaps} swaps, {total} calls in {SECONDS:g} s or more, 0 escapes")
    for label in dict.fromkeys(label for label, _ in counts):
        print(f"  {label:28}" + "".join(f"{how} {counts[label, how]:6}  " for how in HOWS))


@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("preset", ["balanced", "permissive"])
@pytest.mark.parametrize("way", ["openat2", "components"])
def test_no_file_tool_is_led_outside_by_a_directory_that_is_swapped_for_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, preset: str
) -> None:
    if way == "components":
        monkeypatch.setattr(paths, "has_openat2", lambda: False)
    race(tmp_path, tuple((tool, tool, arguments) for tool, arguments in TOOLS.items()), preset, fewest=5)


@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("pause", [0, 1.0])
def test_no_command_is_led_outside_by_a_directory_that_is_swapped_for_a_link(tmp_path: Path, pause: float) -> None:
    race(
        tmp_path,
        tuple((command, "bash", {"command": command}) for command in COMMANDS),
        "balanced",
        fewest=3,
        pause=pause,
        some_done=pause > 0,
    )
