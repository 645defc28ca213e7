"""What allowed commands really do, by the kernel's account, is what their manifests name."""

from __future__ import annotations

import pytest

import traced
from bench import questions
from bench.corpus import ATTACKS, EVERYDAY, harmless, read
from traced import Touched

SHARES = 4


# libldap, which curl loads, looks up the name of the machine as soon as it is loaded; the sandbox has no network for it.
LOOKS_UP_ITSELF = "curl --version"


def unaccounted(lines: list[dict[str, str | None]], found: list[Touched]) -> list[tuple[str | None, list[str]]]:
    for line, one in zip(lines, found, strict=True):
        if line["command"] == LOOKS_UP_ITSELF:
            one.connected = {each for each in one.connected if "sin_port=htons(53)" not in each or "ENETUNREACH" not in each}
    return [(line["command"], one.beyond()) for line, one in zip(lines, found, strict=True) if one.beyond()]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_an_allowed_everyday_command_starts_writes_and_reaches_what_its_manifest_names(share: int) -> None:
    commands = [case.command for case in read(EVERYDAY)[share::SHARES]]
    lines: list[dict[str, str | None]] = [{"command": command, "setup": None} for command in commands]
    lines[0]["setup"] = questions.EVERYDAY_SETUP
    found = traced.perform(lines)
    assert unaccounted(lines, found) == []
    assert sum(one.verdict == "allow" for one in found) >= len(lines) * 8 // 10
    assert sum(bool(one.programs) for one in found) >= len(lines) // 2, "hardly any program was seen"


@pytest.mark.timeout(600)
def test_an_allowed_attack_starts_writes_and_reaches_what_its_manifest_names() -> None:
    lines: list[dict[str, str | None]] = [
        {"command": case.command, "setup": case.setup} for case in read(ATTACKS) if case.command in harmless()
    ]
    found = traced.perform(lines)
    assert unaccounted(lines, found) == []
    assert [one.verdict for one in found] == ["allow"] * len(lines)


@pytest.mark.timeout(300)
def test_the_trace_sees_programs_files_and_connections() -> None:
    commands = (
        "ls -la",
        "echo changed > victim",
        "cat victim | sort -o victim",
        "python3 -c 'import os; os.mkdir(\"d\")'",
        "curl -s http://127.0.0.1:9/",
    )
    found = traced.perform([{"command": one, "setup": None} for one in commands], preset="permissive")
    by_command = dict(zip(commands, found, strict=True))
    assert by_command[commands[0]].programs == {"/usr/bin/ls"}
    assert by_command[commands[1]].written == {"/srv/victim"}
    assert by_command[commands[2]].programs == {"/usr/bin/cat", "/usr/bin/sort"}
    assert [one.beyond() for one in found] == [[]] * len(found)


@pytest.mark.parametrize(
    ("touched", "beyond"),
    [
        (Touched(verdict="allow", text="", granted={}, programs={"/bin/a"}), ["started /bin/a"]),
        (Touched(verdict="allow", text="", granted={}, written={"/srv/f"}), ["wrote /srv/f"]),
        (Touched(verdict="allow", text="", granted={}, connected={"connect(..)"}), ["connected connect(..)"]),
        (Touched(verdict="allow", text="", granted={}, written={"/dev/null", "/tmp/x"}), []),
    ],
)
def test_what_no_manifest_names_is_seen(touched: Touched, beyond: list[str]) -> None:
    touched.granted = {"programs": [], "write": [], "write_below": [], "hosts": []}
    assert touched.beyond() == beyond
