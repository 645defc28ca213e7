"""Other judges of shell commands, each measured in a process of its own in which it is warm: processor time, with that of
the programs that a judge starts.

A peer that cannot be had here is in the table with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIPPY: Final = "https://github.com/ldayton/Dippy"
CODEX: Final = "@openai/codex@0.169.0"
_SAFECMD: Final = "safecmd==0.1.16"
_SHFMT: Final = "shfmt-py==4.2.0"
_BASHLEX: Final = "bashlex==0.18"
_SECONDS: Final = 600

_LOOP: Final = """
import json, sys
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
def spent():
    return sum(one.ru_utime + one.ru_stime for one in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))
commands = json.load(sys.stdin)
taken = []
for turn in range(4):
    for command in commands:
        start = spent()
        try:
            judge(command)
        except Exception:
            pass  # a peer that fails on a command has spent its time all the same
        if turn:
            taken.append(spent() - start)
json.dump(taken, sys.stdout)
"""
_WORKERS: Final = {
    "safecmd": "from safecmd import validate\ndef judge(command): validate(command)\n",
    "bashlex (parse only)": "import bashlex\ndef judge(command): bashlex.parse(command)\n",
    "shlex.split (words only)": "import shlex\ndef judge(command): shlex.split(command)\n",
}
_DIPPY_WORKER: Final = """
import os, sys
from pathlib import Path
sys.path.insert(0, {source!r})
from dippy.core.analyzer import analyze
from dippy.core.config import Config
where = Path(os.getcwd())
def judge(command): analyze(command, Config(), where)
"""
_CODEX_WORKER: Final = """
import subprocess, tempfile
rules = tempfile.NamedTemporaryFile("w", suffix=".rules")
rules.write('prefix_rule(pattern=["git", "push"], decision="forbidden")\\n'); rules.flush()
def judge(command):
    subprocess.run([{program!r}, "execpolicy", "check", "--rules", rules.name, "--", *command.split()], capture_output=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One judge; `missing` says why it cannot be measured."""

    name: str
    python: str = sys.executable
    worker: str = ""
    missing: str = ""


def install(scratch: str, *, dippy: str | None, codex: str | None) -> list[Peer]:
    """The peers, installed into a virtual environment below the scratch directory; each that cannot be had says so."""
    place = Path(scratch) / "peers"
    venv.create(place, with_pip=True, symlinks=True)
    python = str(place / "bin" / "python")
    peers: list[Peer] = [Peer(name="shlex.split (words only)", worker=_WORKERS["shlex.split (words only)"])]
    for name, wanted in (("safecmd", (_SAFECMD, _SHFMT)), ("bashlex (parse only)", (_BASHLEX,))):
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], capture_output=True, text=True, check=False)
        why = "" if done.returncode == 0 else f"does not install: {(done.stderr.strip().splitlines() or ['no reason given'])[-1][:120]}"
        peers.append(Peer(name=f"{name} {wanted[0].partition('==')[2]}", python=python, worker=_WORKERS[name], missing=why))
    source = os.path.join(dippy, "src") if dippy else ""
    peers.append(
        Peer(
            name="Dippy",
            worker=_DIPPY_WORKER.format(source=source),
            missing="" if os.path.isdir(source) else "not on PyPI: give --dippy a checkout",
        )
    )
    program = codex or _codex(place)
    peers.append(
        Peer(
            name=f"codex execpolicy {CODEX.rpartition('@')[2]} (a process each)",
            worker=_CODEX_WORKER.format(program=program),
            missing="" if program else f"npm does not install {CODEX} here: give --codex the program",
        )
    )
    return peers


def _codex(place: Path) -> str:
    """The program, installed by npm; empty where that does not work."""
    npm = shutil.which("npm")
    if npm is not None:
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(place), CODEX]
        subprocess.run(command, capture_output=True, check=False)
    return next(map(str, place.glob("node_modules/@openai/codex-*/vendor/*/bin/codex")), "")


def measure(peer: Peer, commands: Sequence[str], directory: str) -> list[float]:
    """Seconds of each judgement, warm; empty for a peer that is missing or fails."""
    if peer.missing:
        return []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PATH"] = f"{os.path.dirname(peer.python)}:{environment.get('PATH', '')}"
    done = subprocess.run(
        [peer.python, "-I", "-c", peer.worker + _LOOP],
        input=json.dumps(list(commands)),
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        print(f"{peer.name} failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1][:300]}", file=sys.stderr)
        return []
    taken: list[float] = json.loads(done.stdout)
    return taken
