"""A write that is stopped at any moment, or finds no room, leaves the old file or the new one, and nothing beside it for good."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

PREAMBLE = """
import json, os, resource, signal, sys, time
from bylaw.policy.actions import EditFile, WriteFile
from bylaw.policy.model import Limits
from bylaw.tools.edit import edit_file
from bylaw.tools.errors import ToolError
from bylaw.tools.files import write_file
from bylaw.tools.paths import child_of, open_root
from bylaw.tools.permit import Target
limits = Limits(read_bytes=9**9, write_bytes=9**9, output_bytes=9**9, command_seconds=60, command_characters=99, regular_files=True)
place = sys.argv[1]
def target(name):
    return child_of(Target(descriptor=open_root(place), relative=".", shown=place), name)
def write(name, content):
    return write_file(WriteFile(path=name, content=content), target(name), limits, ())
"""

# Kills itself with -9 before the n-th call of a function of C, for every n until a write comes to its end: every point
# between two system calls. Forked, so that each attempt is a process of its own and none costs a start.
KILLED = (
    PREAMBLE
    + """
OLD, NEW = "a" * 300_000, "b" * 400_000
def attempt(point, work):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = point
    def count(frame, event, argument):
        nonlocal left
        if event == "c_call":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    work()
    sys.setprofile(None)
    os._exit(0)

def every_point(exists, work):
    found, point = {"old": 0, "new": 0, "none": 0, "other": 0, "debris": 0, "most": 0, "points": 0}, 0
    while True:
        for name in os.listdir(place):
            os.unlink(os.path.join(place, name))
        if exists:
            with open(place + "/f", "w") as file:
                file.write(OLD)
            os.chmod(place + "/f", 0o640)
        code = attempt(point, work)
        names = os.listdir(place)
        debris = [name for name in names if name != "f"]
        found["debris"] += bool(debris)
        found["most"] = max(found["most"], len(debris))
        content = open(place + "/f").read() if "f" in names else None
        mode = os.stat(place + "/f").st_mode & 0o777 if exists else None
        found["old" if content == OLD else "new" if content == NEW else "none" if content is None and not exists else "other"] += 1
        found["other"] += mode not in (None, 0o640)
        if code == 0:
            return found
        assert code == -signal.SIGKILL, code
        if debris and point % 10 == 0:
            for name in debris:
                os.utime(os.path.join(place, name), (time.time() - 3600,) * 2)
            write("f", "done")
            assert os.listdir(place) == ["f"], os.listdir(place)
            found["swept"] = found.get("swept", 0) + 1
        point += 1
        found["points"] = point

edit = lambda: edit_file(EditFile(path="f", start_line=1, end_line=1, new_string=NEW), target("f"), limits, ())
replaced = every_point(True, lambda: write("f", NEW))
edited = every_point(True, edit)
created = every_point(False, lambda: write("f", NEW))
print(json.dumps([replaced, edited, created]))
"""
)

FULL = (
    PREAMBLE
    + """
def tried(work):
    try:
        work()
    except ToolError as problem:
        return problem.message
    return "done"
def state():
    return {name: (os.stat(place + "/" + name).st_size, open(place + "/" + name).read(1)) for name in sorted(os.listdir(place))}
with open(place + "/f", "w") as file:
    file.write("a" * 10_000)
PREPARE
before = state()
said = [
    tried(lambda: write("f", "b" * 500_000)),
    tried(lambda: write("new", "b" * 500_000)),
    tried(lambda: edit_file(EditFile(path="f", start_line=1, end_line=1, new_string="b" * 500_000), target("f"), limits, ())),
]
print(json.dumps([said, state() == before]))
"""
)


def run(program: str, place: Path, *before: str) -> list[object]:
    """What a process of its own printed."""
    command = [*before, sys.executable, "-I", "-c", program, str(place)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    found: list[object] = json.loads(ended.stdout)
    return found


def test_a_writer_that_is_killed_at_any_point_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    found = cast("list[dict[str, int]]", run(KILLED, tmp_path))
    for kinds, expected in zip(found, (("old", "new"), ("old", "new"), ("none", "new")), strict=True):
        assert kinds["other"] == 0, kinds
        assert all(kinds[one] > 0 for one in expected), kinds
        assert kinds["points"] > 30, kinds
        assert kinds["most"] == 1, kinds
        assert kinds["swept"] > 0, kinds


def mounted(options: str) -> tuple[str, ...]:
    """The beginning of a command whose first file system is a small one of its own; skips where none can be had."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed")
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    start = (unshare, "--user", "--map-root-user", "--mount", "sh", "-c", script)
    tried = subprocess.run([*start, "/mnt", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return start


@pytest.mark.parametrize(
    ("options", "prepare"),
    [
        ("size=256k", ""),
        ("size=256k", "open(place + '/filler', 'w').write('x' * 180_000)"),
        ("size=4m,nr_inodes=3", "open(place + '/filler', 'w').close()"),
    ],
    ids=["too small", "nearly full", "no name left"],
)
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(tmp_path: Path, options: str, prepare: str) -> None:
    said, same = full(FULL.replace("PREPARE", prepare), tmp_path, *mounted(options), str(tmp_path))
    assert all("No space left on device" in one for one in said), said
    assert same


def test_a_limit_on_the_size_of_files_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    said, same = full(FULL.replace("PREPARE", "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"), tmp_path)
    assert all("File too large" in one for one in said), said
    assert same


def full(program: str, place: Path, *before: str) -> tuple[list[str], bool]:
    """What each attempt said, and whether the directory was the same afterwards."""
    said, same = run(program, place, *before)
    return cast("list[str]", said), same is True
