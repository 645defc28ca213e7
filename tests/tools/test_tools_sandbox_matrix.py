"""The matrix says what the kernel does: its cells are tried on the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bylaw.tools.sandbox import LayerState, layers
from bylaw.tools.sandbox.interface import LayerName
from bylaw.tools.sandbox.matrix import CAPABILITIES, CELLS, LAYER_NAMES, MEANINGS, Capability, Grade, alone, coverage, walled

NOBODY = 65534


def state(name: LayerName, version: int = 0, *, available: bool = True) -> LayerState:
    return LayerState(name=name, available=available, why="made for the test", version=version)


def grades(*states: LayerState, root: bool = False) -> dict[Capability, Grade]:
    return {name: held.grade for name, held in coverage(states, root=root).items()}


def test_every_capability_has_a_meaning_and_a_cell() -> None:
    assert tuple(MEANINGS) == CAPABILITIES
    assert {cell.capability for cell in CELLS} == set(CAPABILITIES)


def test_every_answer_says_why() -> None:
    for name in LAYER_NAMES:
        assert all(held.why for held in alone(state(name, 7)).values())


def test_nothing_but_what_the_launcher_does_itself_is_held_without_a_layer() -> None:
    assert {name: grade for name, grade in grades().items() if grade != "no"} == {
        "environment": "partly",
        "cleanup": "partly",
        "limits": "partly",
    }


def test_a_layer_that_cannot_be_had_holds_nothing() -> None:
    assert grades(state("bubblewrap", available=False), state("landlock", 7, available=False)) == grades()


def test_nothing_is_taken_for_held_by_a_launcher_that_nobody_knows() -> None:
    assert grades(state("launcher")) == grades()
    assert "a launcher of your own" in coverage((state("launcher"),))["write"].why


@pytest.mark.parametrize(
    ("capability", "abi", "grade"),
    [
        ("write", 2, "partly"),
        ("write", 3, "yes"),
        ("network", 3, "no"),
        ("network", 4, "partly"),
        ("processes", 5, "no"),
        ("processes", 6, "partly"),
        ("protected", 7, "no"),
        ("grain", 7, "no"),
        ("attributes", 7, "no"),
        ("absent", 7, "no"),
        ("metadata", 7, "no"),
        ("programs", 7, "no"),
        ("sockets", 7, "no"),
        ("hosts", 7, "no"),
        ("listing", 1, "yes"),
        ("read", 1, "yes"),
        ("environment", 1, "yes"),
    ],
)
def test_landlock_alone_holds_what_its_version_knows(capability: Capability, abi: int, grade: Grade) -> None:
    assert grades(state("landlock", abi))[capability] == grade


@pytest.mark.parametrize(
    ("names", "capability", "grade"),
    [
        ("landlock seccomp", "network", "yes"),
        ("landlock seccomp", "sockets", "yes"),
        ("landlock seccomp", "hosts", "partly"),
        ("landlock seccomp", "kernel", "yes"),
        ("bubblewrap", "listing", "no"),
        ("bubblewrap", "programs", "no"),
        ("bubblewrap landlock", "listing", "yes"),
        ("bubblewrap landlock", "programs", "partly"),
        ("bubblewrap", "hosts", "yes"),
        ("bubblewrap", "protected", "yes"),
        ("landlock cgroup", "cleanup", "yes"),
        ("cgroup", "limits", "yes"),
    ],
)
def test_layers_hold_more_together(names: str, capability: Capability, grade: Grade) -> None:
    assert grades(*(state(name, 7) for name in LAYER_NAMES if name in names.split()))[capability] == grade


def test_more_layers_never_hold_less() -> None:
    order: tuple[Grade, ...] = ("no", "partly", "yes")
    for name in LAYER_NAMES:
        for other in LAYER_NAMES:
            one, both = grades(state(name, 7)), grades(state(name, 7), state(other, 7))
            assert all(order.index(both[capability]) >= order.index(one[capability]) for capability in CAPABILITIES)


def test_the_number_of_processes_does_not_bind_root() -> None:
    assert "does not bind root" in coverage((), root=True)["limits"].why
    assert "limited for the user" in coverage((), root=False)["limits"].why


def test_only_layers_that_hold_files_are_walls() -> None:
    assert [name for name in LAYER_NAMES if walled((state(name),))] == ["launcher", "bubblewrap", "landlock"]
    assert not walled((state("bubblewrap", available=False),))


def test_the_probe_of_landlock_tells_its_version() -> None:
    found = {one.name: one for one in layers()}["landlock"]
    assert found.version == (int(found.why.split()[1].rstrip(",")) if found.available else 0)


CONFINED = """
import os, socket, sys
sys.path.append(sys.argv[1])
from inside import confine
confine.gain_nothing()
rules = {"abi": 7, "fs": (1 << 16) - 1, "net": 3, "scope": 3, "paths": [["/usr", 13], ["/lib", 13], ["/lib64", 13], ["/proc", 12]], "ports": []}
confine.restrict(confine.ruleset_of(rules, {}), 7)
def tried(what):
    try:
        what()
    except OSError as problem:
        return problem.strerror
    return "done"
place, pid, path = sys.argv[2], sys.argv[3], sys.argv[4]
for one in (
    lambda: open(place + "/secret").read(),
    lambda: open(place + "/secret", "w"),
    lambda: os.truncate(place + "/secret", 0),
    lambda: os.stat(place + "/secret"),
    lambda: os.chmod(place + "/secret", 0o640),
    lambda: os.utime(place + "/secret", (1, 1)),
    lambda: open(f"/proc/{pid}/environ").read(),
    lambda: os.kill(int(pid), 0),
    lambda: os.kill(int(pid), 15),
    lambda: socket.socket(socket.AF_UNIX).connect(path),
    lambda: socket.socket(socket.AF_INET).connect(("127.0.0.1", 9)),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
):
    print(tried(one))
"""


def _as_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


def _readable_copy(place: Path, sandbox: Path) -> str:
    """The launcher's modules where an ordinary user can read them, whoever owns the checkout."""
    for name in ("__init__.py", "confine.py", "files.py", "paths.py", "state.py"):
        (place / "code" / "inside").mkdir(parents=True, exist_ok=True)
        (place / "code" / "inside" / name).write_bytes((sandbox / "inside" / name).read_bytes())
    return str(place / "code")


@pytest.mark.skipif(not any(one.name == "landlock" and one.version >= 6 for one in layers()), reason="needs Landlock ABI 6")
def test_landlock_alone_does_on_this_kernel_what_the_matrix_says(tmp_path: Path) -> None:
    import socket

    import bylaw.tools.sandbox

    for one in (tmp_path, *tmp_path.parents[:3]):  # as far as pytest made them
        one.chmod(0o755)
    secret = tmp_path / "secret"
    secret.write_text("canary")
    if os.geteuid() == 0:
        os.chown(tmp_path, NOBODY, NOBODY)
        os.chown(secret, NOBODY, NOBODY)
    sleeper = subprocess.Popen([*_as_nobody(), "sleep", "60"], env={"TOKEN": "canary", "PATH": os.environ["PATH"]})
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "agent.sock"))
            (tmp_path / "agent.sock").chmod(0o777)
            server.listen(1)
            done = subprocess.run(
                [
                    *_as_nobody(),
                    "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    CONFINED,
                    _readable_copy(tmp_path, Path(bylaw.tools.sandbox.__file__).resolve().parent),
                    str(tmp_path),
                    str(sleeper.pid),
                    str(tmp_path / "agent.sock"),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
    finally:
        sleeper.kill()
        sleeper.wait()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [
        "Permission denied",  # read: yes
        "Permission denied",  # write: yes
        "Permission denied",
        "done",  # metadata, absent: no
        "done",  # attributes: no
        "done",
        "Permission denied",  # environment: yes
        "Operation not permitted",  # processes: signals are refused
        "Operation not permitted",
        "done",  # sockets: no
        "Permission denied",  # network: TCP is
        "done",  # UDP is not
    ]
