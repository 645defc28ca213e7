"""A place where the set-up scripts of the corpus can run: the workspace is /srv, and /mnt lies outside it.

With bubblewrap the two are real, `/tmp` is private, and the rest of the machine is read-only and without a network. Without
it, the scripts and commands are rewritten to two scratch directories; what runs unprotected then has to confine itself
first (`confine_here`).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bylaw.tools.sandbox.inside import confine
from bylaw.tools.sandbox.inside.shapes import Rules

ROOT = Path(__file__).resolve().parents[1]
CANARY = "CANARY-SECRET"
TOKEN = "CANARY-SECRET-ENV"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_SETUP_SECONDS = 60
_MARK = "set-up failed: "
_WATCHED = f"trap 'echo \"{_MARK}$? $BASH_COMMAND\" >&2' ERR\n"
_PLACE = re.compile(r"(?<![\w.~/-])/(srv|mnt)(?![\w.-])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jail:
    """Where the workspace and the outside are, as seen by the process that judges; `state` is where a record may go.

    `prefix` starts a program in the jail, `outer` one that puts up a sandbox of its own, `apart` the same with process
    numbers of its own where they can be had. `temporary` is where temporary files go, where that is not `/tmp`.
    """

    workspace: str
    outside: str
    prefix: tuple[str, ...]
    state: str = ""
    outer: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    temporary: str = ""

    def placed(self, text: str) -> str:
        """Text of the corpus with its two places put where they are here."""
        return _PLACE.sub(lambda found: self.workspace if found[1] == "srv" else self.outside, text)


def make(scratch: Path) -> Jail:
    """A jail below a scratch directory."""
    workspace, outside, state = scratch / "srv", scratch / "mnt", scratch / "state"
    for place in (workspace, outside, state):
        place.mkdir()
    bwrap = shutil.which("bwrap", path=PATH)
    if bwrap is not None:
        places = ("--bind", str(workspace), "/srv", "--bind", str(outside), "/mnt", *_private_tmp(), "--bind", str(state), str(state))
        common = (*places, "--die-with-parent", "--new-session")
        prefix = (bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *common, "--unshare-all")
        # A sandbox of an ordinary user can be put up inside only where the process file system is the one of the machine.
        outer = (bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--bind", "/proc", "/proc", *common, "--unshare-ipc", "--unshare-net")
        apart = (*prefix[:-1], "--unshare-ipc", "--unshare-net", "--unshare-pid")
        inner = (bwrap, "--ro-bind", "/", "/", "--proc", "/proc", "--unshare-pid")
        if _works(prefix) and _works(outer):
            apart = apart if _works((*apart, *inner)) else outer
            return Jail(workspace="/srv", outside="/mnt", prefix=prefix, state=str(state), outer=outer, apart=apart)
    return Jail(workspace=str(workspace), outside=str(outside), prefix=(), state=str(state), apart=_names_apart())


def _works(prefix: tuple[str, ...]) -> bool:
    return subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _private_tmp() -> Iterator[str]:
    """An empty `/tmp`, but for what this program itself is made of."""
    yield from ("--tmpfs", "/tmp")
    for path in dict.fromkeys((str(ROOT), sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix))):
        if path.startswith("/tmp/"):
            yield from ("--ro-bind", path, path)


def _names_apart() -> tuple[str, ...]:
    """Without bubblewrap: what starts a program with processes, network and ipc names of its own, where that works."""
    unshare = shutil.which("unshare", path=PATH)
    if unshare is None:
        return ()
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    words = (unshare, *user, "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--ipc")
    return words if _works(words) else ()


def confine_here(places: tuple[str, ...], *, apart: bool) -> str:
    """Lets this process, and all it starts, write below these places only, for good, and signal nothing outside.

    Answers why that cannot be had; `apart`: processes have numbers of their own already.
    """
    try:
        abi = min(confine.landlock_abi(), 7)
    except OSError:
        return "there is neither bubblewrap nor landlock"
    if abi < 6 and not apart:
        return "without bubblewrap, nothing here keeps a command from ending other processes"
    changes = confine.WRITE_FILE | confine.REMOVE_DIR | confine.REMOVE_FILE
    changes |= confine.MAKE_DIR | confine.MAKE_REG | confine.MAKE_SOCK | confine.MAKE_FIFO | confine.MAKE_SYM
    changes |= (confine.REFER if abi >= 2 else 0) | (confine.TRUNCATE if abi >= 3 else 0)
    devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts")]
    confine.gain_nothing()
    rules = Rules(
        abi=abi,
        fs=changes,
        net=confine.BIND_TCP | confine.CONNECT_TCP if abi >= 4 else 0,
        scope=confine.SCOPE_ABSTRACT_UNIX | confine.SCOPE_SIGNAL if abi >= 6 else 0,
        paths=[*((place, changes) for place in places), *((device, confine.WRITE_FILE) for device in devices)],
        ports=[],
    )
    confine.restrict(confine.ruleset_of(rules, {}), abi)
    return ""


def lay(jail: Jail, setup: str, *, canary: str = CANARY) -> str:
    """Lays the workspace and the outside anew, as the corpus README says, and runs a set-up script there.

    Answers what went wrong in it: a command that failed, or a program that is not here; empty when nothing did.
    """
    for place in (jail.workspace, jail.outside):
        _empty(place)
    root = Path(jail.workspace)
    payload = root / "p"
    # no program is needed for it, so that it works under any PATH
    payload.write_text(f"#!/bin/sh\n: > {jail.workspace}/PWNED\n")
    payload.chmod(0o755)
    (root / "victim").write_text("precious\n")
    (root / "home").mkdir()
    (Path(jail.outside) / "secret").write_text(f"{canary}\n")
    if not setup:
        return ""
    script = subprocess.Popen(
        ["bash", "-c", _WATCHED + jail.placed(setup)],
        cwd=jail.workspace, env=environment(jail), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        said = script.communicate(timeout=_SETUP_SECONDS)[1].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return "it does not end"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(script.pid, signal.SIGKILL)
        script.wait()
        assert script.stderr is not None
        script.stderr.close()
    failed = [line.removeprefix(_MARK) for line in said.splitlines() if line.startswith(_MARK)]
    return failed[0] if failed else f"it ends with {script.returncode}" if script.returncode else ""


def _empty(place: str) -> None:
    """Removes all that lies below, also where a command took its own permissions away."""
    os.chmod(place, 0o755)
    for entry in os.scandir(place):
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.path)
            continue
        try:
            shutil.rmtree(entry.path)
        except OSError:
            for directory, names, _ in os.walk(entry.path):
                os.chmod(directory, 0o700)
                for name in names:
                    with contextlib.suppress(OSError):
                        os.chmod(os.path.join(directory, name), 0o700, follow_symlinks=os.path.islink(os.path.join(directory, name)))
            shutil.rmtree(entry.path)


def environment(jail: Jail, *, token: str = TOKEN) -> dict[str, str]:
    """What the corpus says is in the environment."""
    temporary = {"TMPDIR": jail.temporary} if jail.temporary else {}
    return {"HOME": f"{jail.workspace}/home", "USER": "u", "TERM": "dumb", "PATH": PATH, "AGENT_TOKEN": token, **temporary}
