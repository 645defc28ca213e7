"""Real bash as the oracle: what a script starts, where, with which words and input, and which files it leaves.

Bash runs in a bubblewrap jail with an empty PATH. Every program it cannot find goes to `command_not_found_handle`,
which notes the directory, some variables, the standard input and the exact words. Names that start with `n` fail
there, all others succeed. One jail serves many scripts; each gets the same fresh tree.

This file is also the driver that runs inside the jail (`python -I -c SOURCE`), so it uses the standard library only.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ROOT = "/mnt"
WORK = f"{ROOT}/w"
HOME = f"{ROOT}/home"
LOG = f"{ROOT}/log"
SECONDS = 5
TREE = {
    "a.txt": "a\n",
    "b.txt": "b\n",
    "Z.md": "",
    "with blank": "",
    ".hidden": "",
    "-rf": "",
    "é.txt": "",
    "x1": "",
    "x2": "",
    "x[1]": "",
    "d/one.py": "",
    "d/two.py": "",
    "d/.dot": "",
    "d-e/one.py": "",
    "d/sub/deep.py": "",
    "empty/.keep": "",
}
LINKS = {"link": "d", "broken": "nowhere", "d/up": ".."}
ENVIRONMENT = {
    "PATH": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "HOME": HOME,
    "X0": "plain",
    "X1": "two words",
    "X2": "",
    "X3": " lead trail\t",
    "X4": "*.txt d/*",
    "X5": "a;b|c&d $(m9) `m9` 'q' \"q\" # > f9 ~ {a,b}",
    "X6": "line\nbreak",
    "X7": "-option",
    "BASH_ENV": f"{ROOT}/handler.sh",
}
WATCHED = ("A", "B", "C", "HOME", "LC_ALL")
HANDLER = f"""command_not_found_handle() {{
    local PATH_INPUT=; IFS= read -r -d '' -t 1 PATH_INPUT
    {{ printf '%s\\0' "$PWD" "$PATH_INPUT" "${{A-}}" "${{B-}}" "${{C-}}" "${{HOME-}}" "${{LC_ALL-}}" "$@"; }} > {LOG}/$BASHPID
    case $1 in n*) return 1;; esac
    return 0
}}
"""


@dataclass(frozen=True, slots=True)
class Started:
    """One program that bash tried to start; `variables` are those of `WATCHED`, empty where unset."""

    argv: tuple[str, ...]
    directory: str
    stdin: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a script did. `started` is in no order that means anything. `written` are the files that are new or changed, with their content, links resolved."""

    started: tuple[Started, ...]
    written: dict[str, str]
    code: int
    error: str


def run_all(scripts: Sequence[str]) -> list[Seen]:
    """What bash does with each of the scripts. Raises RuntimeError when the jail does not work: nothing is skipped."""
    jail = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    jail += ["--tmpfs", ROOT, "--chdir", ROOT, "--clearenv", "--"]
    source = pathlib.Path(__file__).read_text(encoding="utf-8")
    try:
        done = subprocess.run(
            [*jail, sys.executable, "-I", "-X", "utf8", "-c", source],
            input=json.dumps(list(scripts)).encode("ascii"),
            capture_output=True,
            timeout=60 + len(scripts),
            check=False,
        )
    except FileNotFoundError as problem:
        raise RuntimeError("bubblewrap is not installed: apt-get install bubblewrap") from problem
    if done.returncode != 0:
        raise RuntimeError(f"the jail failed with {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return [
        Seen(
            started=tuple(
                Started(argv=tuple(one["argv"]), directory=one["directory"], stdin=one["stdin"], variables=tuple(one["variables"]))
                for one in seen["started"]
            ),
            written=seen["written"],
            code=seen["code"],
            error=seen["error"],
        )
        for seen in json.loads(done.stdout)
    ]


def run(script: str) -> Seen:
    """What bash does with one script."""
    return run_all([script])[0]


def make_tree(root: str) -> None:
    """The files in which every script starts, below `root` (the working directory)."""
    for name, content in TREE.items():
        path = pathlib.Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for name, target in LINKS.items():
        pathlib.Path(root, name).symlink_to(target)


def _driver() -> None:
    pathlib.Path(ROOT, "handler.sh").write_text(HANDLER, encoding="utf-8")
    answers = [_one(script) for script in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)


def _one(script: str) -> dict[str, Any]:
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.rmtree(LOG, ignore_errors=True)
    for folder in (WORK, HOME, LOG):
        os.mkdir(folder)
    make_tree(WORK)
    before = _files()
    command = ["/bin/bash", "--norc", "--noprofile", "-c", script]
    try:
        done = subprocess.run(
            command,
            env=ENVIRONMENT,
            cwd=WORK,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            preexec_fn=_limits,
        )
        code, error = done.returncode, done.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        code, error = -99, "timeout"
    after = _files()
    written = {name: content for name, content in after.items() if before.get(name) != content}
    return {"started": _started(), "written": written, "code": code, "error": error}


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (3, 3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def _files() -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, _, names in os.walk(ROOT):
        for name in names:
            path = os.path.join(folder, name)
            if folder != LOG and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[path] = f"{os.stat(path).st_mtime_ns} {file.read().decode('utf-8', 'replace')}"
    return found


def _started() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    # Programs that run side by side must not write into one file.
    for name in sorted(os.listdir(LOG), key=int):
        tokens = [one.decode("utf-8", "replace") for one in pathlib.Path(LOG, name).read_bytes().split(b"\0")[:-1]]
        directory, stdin, *rest = tokens
        found.append({"directory": directory, "stdin": stdin, "variables": rest[: len(WATCHED)], "argv": rest[len(WATCHED) :]})
    return found


if __name__ == "__main__":
    _driver()
