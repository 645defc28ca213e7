"""What `bylaw doctor` finds out about this machine: the kernel and its switches, programs, and the place of the record.

Each fact is tried where it can be tried, and else read from where the kernel tells it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ..audit import state_directory
from ..tools.refusals import audit_lacks
from ..tools.sandbox import LayerState
from ..tools.sandbox.runtime import python_program

_SWITCHES: Final[Mapping[str, tuple[str, str]]] = {
    "kernel.unprivileged_userns_clone": ("0", "`sysctl kernel.unprivileged_userns_clone=1`"),
    "kernel.apparmor_restrict_unprivileged_userns": (
        "1",
        "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or an AppArmor profile for bwrap that grants `userns`",
    ),
    "user.max_user_namespaces": ("0", "`sysctl user.max_user_namespaces=10000`"),
}
"""Switches that keep an ordinary user from namespaces: the value that does, and what lifts it."""

_IN_CONTAINER: Final = (
    "inside a container: allow user namespaces in its seccomp profile (Docker: `--security-opt seccomp=unconfined` and "
    "`--security-opt systempaths=unconfined`; Kubernetes: `hostUsers: false`), or go on with the other layers"
)
_NEW_USER_SPACE: Final = (
    "import ctypes, sys; libc = ctypes.CDLL(None, use_errno=True); sys.exit(libc.unshare(0x10000000) and ctypes.get_errno())"
)
_LEAST_FREE: Final = 16 << 20
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One finding. `note`: works, but not as well as it could. `broken`: bylaw cannot do its job. `hint`: what to do."""

    name: str
    state: Literal["ok", "note", "broken"]
    text: str
    hint: str = ""


def facts(environ: Mapping[str, str], states: Iterable[LayerState]) -> tuple[Fact, ...]:
    """Everything that is worth knowing of this machine, layers apart."""
    abi = next((state.version for state in states if state.name == "landlock"), 0)
    return (
        Fact(name="kernel", state="ok", text=f"{platform.system()} {platform.release()} {platform.machine()}"),
        Fact(name="landlock ABI", state="ok" if abi else "note", text=str(abi) if abi else "none"),
        _user_namespaces(),
        _cgroup(),
        _seccomp(),
        _kernel_audit(),
        Fact(name="python", state="ok", text=f"{platform.python_version()} ({python_program()})"),
        *_programs(environ),
        _record(str(state_directory(environ))),
    )


def advice(state: LayerState) -> str:
    """What to do to have a layer that is missing; empty for one that is there."""
    if state.available:
        return ""
    match state.name:
        case "bubblewrap" if state.why.startswith("no trustworthy"):
            return "install bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`); it must belong to root"
        case "bubblewrap":
            return "; ".join(lift for _, lift in _in_the_way()) or _IN_CONTAINER
        case "landlock":
            return "use a kernel 5.13 or later that has `landlock` in `/sys/kernel/security/lsm` (boot with `lsm=landlock,...`)"
        case "seccomp":
            return "use a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64"
        case "cgroup":
            return "run bylaw where a cgroup v2 is delegated to you: `systemd-run --user --scope -p Delegate=yes bylaw ...`"
        case "launcher":
            return "name a program in `sandbox.launcher` of your policy, if you want one"


def _in_the_way() -> Iterator[tuple[str, str]]:
    for name, (value, lift) in _SWITCHES.items():
        if _text(f"/proc/sys/{name.replace('.', '/')}").strip() == value:
            yield f"{name} = {value}", lift


def _user_namespaces() -> Fact:
    done = subprocess.run([python_program(), "-I", "-S", "-c", _NEW_USER_SPACE], env={}, stdin=subprocess.DEVNULL, check=False, timeout=30)
    if done.returncode == 0:
        return Fact(name="user namespaces", state="ok", text="can be made")
    found = list(_in_the_way())
    reasons = f" ({', '.join(name for name, _ in found)})" if found else ""
    return Fact(
        name="user namespaces",
        state="note",
        text=f"refused: {os.strerror(done.returncode).lower()}{reasons}",
        hint="; ".join(lift for _, lift in found) or _IN_CONTAINER,
    )


def _cgroup() -> Fact:
    own = next((line[3:] for line in _text("/proc/self/cgroup").splitlines() if line.startswith("0::")), None)
    root = next((mount for mount, kind in _mounts() if kind == "cgroup2"), None)
    if own is None or root is None:
        return Fact(name="cgroup v2", state="note", text="not mounted", hint="memory of a call as a whole is not limited without it")
    place = f"{root}{own}".rstrip("/")
    controllers = _text(f"{place}/cgroup.controllers").split()
    missing = [name for name in ("memory", "pids") if name not in controllers]
    if os.access(place, os.W_OK) and not missing:
        return Fact(name="cgroup v2", state="ok", text=f"`{place}` is delegated, with memory and pids")
    why = f"lacks {' and '.join(missing)}" if missing else "is not ours to change"
    return Fact(
        name="cgroup v2", state="note", text=f"`{place}` {why}", hint="`systemd-run --user --scope -p Delegate=yes bylaw ...` delegates one"
    )


def _seccomp() -> Fact:
    actions = _text("/proc/sys/kernel/seccomp/actions_avail").split()
    if not actions:
        return Fact(name="seccomp actions", state="note", text="none are told")
    return Fact(name="seccomp actions", state="ok", text=", ".join(actions))


def _kernel_audit() -> Fact:
    """Whether the audit of the kernel tells what Landlock refused (from ABI 7 on, where it is on)."""
    if lacking := audit_lacks():
        hint = "`auditctl -e 1` switches it on; reading it needs CAP_AUDIT_READ in the first user and network namespaces"
        return Fact(name="kernel audit", state="note", text=f"{lacking}: what Landlock refused is told as probable", hint=hint)
    return Fact(name="kernel audit", state="ok", text="readable: what Landlock refused is told exactly")


def _programs(environ: Mapping[str, str]) -> Iterator[Fact]:
    for name, lost in (
        ("git", "the git tools do not work"),
        ("bash", "scripts that only bash can run do not work"),
        ("rg", "searching is slower"),
    ):
        path = shutil.which(name, path=environ.get("PATH", os.defpath))
        yield (
            Fact(name=name, state="ok", text=path) if path else Fact(name=name, state="note", text=f"not found: {lost}", hint="install it")
        )


def _record(directory: str) -> Fact:
    """Whether a record can be written: tried with a file that has no name, in the nearest directory that is there."""
    place: str = directory
    while not os.path.isdir(place) and place != "/":
        place = os.path.dirname(place)
    kind = _file_system(os.path.realpath(place))
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as problem:
        return Fact(
            name="record",
            state="broken",
            text=f"`{directory}` cannot be written ({kind}): {os.strerror(problem.errno or 0).lower()}",
            hint="nothing runs without a record: make it writable, or set BYLAW_HOME or XDG_STATE_HOME",
        )
    text = f"`{directory}` can be written ({kind}, {free // _MEBIBYTE} MiB free)"
    if free < _LEAST_FREE:
        return Fact(name="record", state="broken", text=text, hint="make room: nothing runs without a record")
    return Fact(name="record", state="ok", text=text)


def _file_system(path: str) -> str:
    """The type of the file system that holds a real path."""
    held = [(mount, kind) for mount, kind in _mounts() if path == mount or path.startswith(mount.rstrip("/") + "/")]
    # of equally deep mounts the last one is on top
    return max(enumerate(held), key=lambda one: (len(one[1][0]), one[0]), default=(0, ("", "unknown")))[1][1]


def _mounts() -> list[tuple[str, str]]:
    """Mount points and types, in the order of proc_pid_mountinfo(5)."""
    found: list[tuple[str, str]] = []
    for line in _text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        found.append((fields[4].replace("\\040", " "), kinds[0]))
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
