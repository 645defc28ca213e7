"""A jail that bubblewrap builds and a launcher joins.

bubblewrap makes the namespaces and mounts, and leaves a program in them that only waits (`cat` on a pipe). The launcher
joins these namespaces: it needs no interpreter inside, and what bubblewrap has no option for is mounted by it: trees
without execution, and private views of caches. Two processes: the outer one, in the process namespace of the machine,
ends the jail when the inner one, which serves calls and can start threads, is gone.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select

from .files import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .shapes import Jail

_NEWNS = 0x00020000
_NEWCGROUP = 0x02000000
_NEWUTS = 0x04000000
_NEWIPC = 0x08000000
_NEWUSER = 0x10000000
_NEWPID = 0x20000000
_NEWNET = 0x40000000
_GET_USERNS = 0xB701  # ioctl_ns(2)
_SIGKILL = 9
_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 0x1
_MOUNT_ATTR_NOEXEC = 0x8
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a private one, in the jail
_MS_NOSUID_NODEV = 0x2 | 0x4
_MNT_DETACH = 2
_INFORMATION_BYTES = 4096

_libc = ctypes.CDLL(None, use_errno=True)


class JailError(Exception):
    """The jail could not be built or joined."""


def enter(jail: Jail, serve: Callable[[], None]) -> None:
    """Builds the jail and runs `serve` in a process inside it; returns when that has ended and everything inside is gone."""
    builder, init, keep = _build(jail)
    try:
        _join(jail, init)
        inner = os.fork()
        if inner == 0:
            try:
                os.close(keep)
                serve()
            finally:
                os._exit(0)
        os.waitpid(inner, 0)
    finally:
        _end(builder, init)


def _build(jail: Jail) -> tuple[int, int, int]:
    """Starts bubblewrap; its process, that of number 1 inside, and the pipe that keeps the waiting program alive."""
    words: list[str] = []
    inherited: list[int] = []
    for word in jail["arguments"]:
        if isinstance(word, str):
            words.append(word)
        else:
            inherited.append(moved(os.open(word[0], os.O_RDONLY | os.O_CLOEXEC)))
            words.append(str(inherited[-1]))
    # The arguments hold paths, so they go over a descriptor, never into a process title.
    source = moved(os.memfd_create("arguments", os.MFD_CLOEXEC))
    os.write(source, b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(source, 0, os.SEEK_SET)
    told, information = (moved(one) for one in os.pipe2(os.O_CLOEXEC))
    waits, keep = (moved(one) for one in os.pipe2(os.O_CLOEXEC))
    answer, answers = (moved(one) for one in os.pipe2(os.O_CLOEXEC))
    inherited += [source, information]
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    argv = [jail["program"], "--info-fd", str(information), "--args", str(source), "--", jail["waiting"]]
    actions = [(os.POSIX_SPAWN_DUP2, waits, 0), (os.POSIX_SPAWN_DUP2, answers, 1), (os.POSIX_SPAWN_DUP2, answers, 2)]
    builder = os.posix_spawn(jail["program"], argv, {}, file_actions=actions)
    for descriptor in (*inherited, waits, answers):
        os.close(descriptor)
    try:
        os.write(keep, b".")
    except BrokenPipeError:
        pass  # it has ended already: why, stands on the other pipe
    # What bubblewrap complains of comes on the same pipe, and does not begin with the dot that `cat` gives back.
    said = os.read(answer, _INFORMATION_BYTES)
    if said != b".":
        while more := os.read(answer, _INFORMATION_BYTES):
            said += more
        os.waitpid(builder, 0)
        raise JailError(f"bubblewrap could not build the jail: {said.decode('utf-8', 'replace').strip()[:500] or 'it ended'}")
    init = _number_of_init(os.read(told, _INFORMATION_BYTES))
    os.close(told)
    os.close(answer)
    return builder, init, keep


def _number_of_init(information: bytes) -> int:
    """`child-pid` of what bubblewrap tells (JSON, bwrap(1))."""
    for pair in information.strip().strip(b"{}").split(b","):
        name, _, value = pair.partition(b":")
        if name.strip() == b'"child-pid"':
            return int(value)
    raise JailError("bubblewrap does not tell the process that it made")


def _join(jail: Jail, init: int) -> None:
    """Enters the namespaces, mounts what bubblewrap cannot, and goes on to the innermost user namespace where there are two.

    As an ordinary user, bubblewrap mounts in one user namespace and puts programs into a second one below it, which may
    not mount: the first is entered for the mounts.
    """
    target = os.pidfd_open(init)
    names = f"/proc/{init}/ns"
    mounts = os.open(f"{names}/mnt", os.O_RDONLY | os.O_CLOEXEC)
    owner = fcntl.ioctl(mounts, _GET_USERNS)
    ours, inner = os.stat("/proc/self/ns/user").st_ino, os.stat(f"{names}/user").st_ino
    try:
        entered = ours
        if (outer := os.fstat(owner).st_ino) != ours:
            _set_namespace(owner, _NEWUSER)
            entered = outer
        _set_namespace(target, _NEWNS)
        _mount(jail)
        rest = _NEWPID | _NEWIPC | _NEWUTS | _NEWNET | _NEWCGROUP
        _set_namespace(target, rest if entered == inner else rest | _NEWUSER)
    finally:
        for descriptor in (target, mounts, owner):
            os.close(descriptor)
    os.chdir("/")


def _set_namespace(descriptor: int, kinds: int) -> None:
    if _libc.setns(descriptor, kinds) != 0:
        number = ctypes.get_errno()
        raise JailError(f"the jail cannot be joined: {os.strerror(number).lower()}")


def _mount(jail: Jail) -> None:
    for path, hidden in jail["overlays"]:
        _overlay(path, hidden)
    for path in jail["noexec"]:
        _change_mount(path, forbid=_MOUNT_ATTR_NOEXEC)
    # Devices and entries of /proc are those of the machine: what changes their mode or owner changes it for everybody.
    for path in ("/proc", "/dev"):
        if os.path.ismount(path):
            _change_mount(path, forbid=_MOUNT_ATTR_RDONLY)
    _change_mount(_SHARED_MEMORY, permit=_MOUNT_ATTR_RDONLY)


class _MountAttributes(ctypes.Structure):
    _fields_ = (("set", ctypes.c_uint64), ("clear", ctypes.c_uint64), ("propagation", ctypes.c_uint64), ("userns", ctypes.c_uint64))


def _change_mount(path: str, *, forbid: int = 0, permit: int = 0) -> None:
    """Changes a mount with everything mounted below it, see mount_setattr(2).

    Without execution no file is started, nor mapped as code: so the loader cannot start it either.
    """
    attributes = _MountAttributes(forbid, permit, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR), ctypes.c_int(-100), os.fsencode(path), ctypes.c_uint(_AT_RECURSIVE), ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )  # fmt: skip
    if result != 0:
        raise JailError(f"the mount at `{path}` cannot be changed: {os.strerror(ctypes.get_errno()).lower()}")


def _overlay(path: str, hidden: list[str]) -> None:
    """A private view of a directory: changes go to memory and end with the jail; what is hidden is not there."""
    place = f"{_SHARED_MEMORY}/.view"
    os.mkdir(place, 0o700)
    _checked(_libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", ctypes.c_ulong(_MS_NOSUID_NODEV), None), f"memory for `{path}`")
    for name in ("upper", "scratch"):
        os.mkdir(f"{place}/{name}", 0o755)
    quoted = path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
    options = f"lowerdir={quoted},upperdir={place}/upper,workdir={place}/scratch,userxattr"
    _checked(
        _libc.mount(b"overlay", os.fsencode(path), b"overlay", ctypes.c_ulong(_MS_NOSUID_NODEV), os.fsencode(options)),
        f"a private view of `{path}`",
    )
    # The view keeps what it needs; nobody else has a name for it.
    _checked(_libc.umount2(os.fsencode(place), _MNT_DETACH), f"memory for `{path}`")
    os.rmdir(place)
    for one in hidden:
        _remove(one)


def _remove(path: str) -> None:
    """Takes a path out of a private view."""
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _remove(f"{path}/{name}")
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise JailError(f"{what} cannot be mounted: {os.strerror(ctypes.get_errno()).lower()}")


def _end(builder: int, init: int) -> None:
    """Kills number 1 inside, and with it everything; returns when the kernel has taken it all away."""
    try:
        gone = os.pidfd_open(init)
    except ProcessLookupError:
        gone = -1
    try:
        os.kill(init, _SIGKILL)
    except ProcessLookupError:
        pass
    if gone >= 0:
        select.select([gone], [], [])
        os.close(gone)
    os.waitpid(builder, 0)


__all__ = ["JailError", "enter"]
