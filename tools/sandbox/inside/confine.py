"""What a process takes from itself before it runs a plan: Landlock, capabilities, new privileges, resources.

Landlock is spoken to by system call number (the same on every architecture), structures as in `linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource

from .files import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .shapes import Caps, Rules

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_DIR: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_CHAR: Final = 1 << 6
MAKE_DIR: Final = 1 << 7
MAKE_REG: Final = 1 << 8
MAKE_SOCK: Final = 1 << 9
MAKE_FIFO: Final = 1 << 10
MAKE_BLOCK: Final = 1 << 11
MAKE_SYM: Final = 1 << 12
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
IOCTL_DEV: Final = 1 << 15
BIND_TCP: Final = 1 << 0
CONNECT_TCP: Final = 1 << 1
SCOPE_ABSTRACT_UNIX: Final = 1 << 0
SCOPE_SIGNAL: Final = 1 << 1

ON_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""The rights that a rule for a file may hold; the others are rights on directories."""

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_RULE_PATH: Final = 1
_RULE_PORT: Final = 2
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION: Final = 0x20080522
_CLONE_FS: Final = 0x200
_CLONE_FILES: Final = 0x400
_LOG_NEW_EXEC_ON: Final = 1 << 1  # LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON
_ABI_OF_LOGGING: Final = 7
_RULESETS_KEPT: Final = 8
_CAPABILITIES: Final = 64
_KEPT_CAPABILITIES: Final = (1 << 0) | (1 << 1) | (1 << 3) | (1 << 4)  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID


class ChangedError(Exception):
    """A path that was granted has become something else."""


class StaleError(Exception):
    """What this jail covered has been replaced since it was built."""


class _RulesetAttribute(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scope", ctypes.c_uint64))


class _PathAttribute(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


class _PortAttribute(ctypes.Structure):
    _fields_ = (("access", ctypes.c_uint64), ("port", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _system_call(number: int, *arguments: int | ctypes.c_void_p) -> int:
    words = [word if isinstance(word, ctypes.c_void_p) else ctypes.c_long(word) for word in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *words)
    return result


def _prctl(option: int, value: int) -> int:
    result: int = _libc.prctl(option, value, 0, 0, 0)
    return result


def _at(structure: ctypes.Structure) -> ctypes.c_void_p:
    return ctypes.cast(ctypes.pointer(structure), ctypes.c_void_p)


def landlock_abi() -> int:
    """The version of Landlock that the kernel speaks; OSError where there is none."""
    return _checked(_system_call(_CREATE_RULESET, ctypes.c_void_p(None), 0, 1), "landlock")


def require_same(identities: dict[str, tuple[int, int]]) -> None:
    """ChangedError unless every granted path still is what it was when it was looked at, no link on the way.

    Mounts are made by name: a name that was exchanged in between would have brought in what nobody granted.
    """
    for path, identity in identities.items():
        try:
            status = os.stat(path)
        except OSError as problem:
            raise ChangedError(f"`{path}` is gone") from problem
        _require(path, status, identity)


def require_covered(hidden: list[tuple[str, int]], protected: list[str]) -> None:
    """StaleError unless what covers these paths in this jail is still there; `hidden` have the device that they are on outside.

    A file that is replaced takes what covered it along: the name then shows the new one.
    """
    for path, device in hidden:
        try:
            if os.lstat(path).st_dev == device:
                raise StaleError(path)
        except OSError:
            continue
    for path in protected:
        try:
            if not os.statvfs(path).f_flag & os.ST_RDONLY:
                raise StaleError(path)
        except OSError:
            continue


def _require(path: str, status: os.stat_result, identity: tuple[int, int]) -> None:
    if (status.st_dev, status.st_ino) != identity:
        raise ChangedError(f"`{path}` is not what it was any more")


_rulesets: dict[tuple[bytes, tuple[tuple[str, tuple[int, int]], ...]], tuple[int, int]] = {}


def ready(marshalled: bytes, identities: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """The ruleset of these rules and its ABI, a descriptor under a number that no redirection names; made once for equal ones.

    A ruleset holds the files themselves, not their names: equal rules with equal identities are the same ruleset. OSError when
    the kernel refuses. A path that is not there is not granted: nothing to add.
    """
    key = (marshalled, tuple(identities.items()))
    if key not in _rulesets:
        while len(_rulesets) >= _RULESETS_KEPT:
            os.close(_rulesets.pop(next(iter(_rulesets)))[0])
        # Written by the parent, on a private descriptor.
        rules: Rules = marshal.loads(marshalled)  # noqa: S302 - our own other end wrote it
        _rulesets[key] = moved(ruleset_of(rules, identities)), rules["abi"]
    return _rulesets[key]


def ruleset_of(rules: Rules, identities: dict[str, tuple[int, int]]) -> int:
    """A new ruleset; OSError when the kernel refuses, ChangedError where a path is not what it was."""
    attribute = _RulesetAttribute(rules["fs"], rules["net"], rules["scope"])
    size = 8 if rules["abi"] < 4 else 16 if rules["abi"] < 6 else 24
    ruleset = _checked(_system_call(_CREATE_RULESET, _at(attribute), size, 0), "landlock ruleset")
    try:
        for path, access in rules["paths"]:
            _allow_path(ruleset, path, access & rules["fs"], identities.get(path))
        for port in rules["ports"]:
            one = _PortAttribute(CONNECT_TCP, port)
            _checked(_system_call(_ADD_RULE, ruleset, _RULE_PORT, _at(one), 0), "landlock port")
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def restrict(ruleset: int, abi: int) -> None:
    """Puts the calling thread, and all it starts, under the rules for good; OSError when the kernel refuses.

    INVARIANT: no_new_privs is set before. What is refused to the programs that it starts is logged too, where the kernel can.
    """
    flags = _LOG_NEW_EXEC_ON if abi >= _ABI_OF_LOGGING else 0
    _checked(_system_call(_RESTRICT_SELF, ruleset, flags), "landlock restrict")


def own_tables() -> None:
    """Gives the calling thread a current directory, a mask for new files and descriptors of its own."""
    _checked(_libc.unshare(_CLONE_FS | _CLONE_FILES), "tables of its own")


def _allow_path(ruleset: int, path: str, access: int, identity: tuple[int, int] | None) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if identity is not None:
            _require(path, os.fstat(descriptor), identity)
        if not _is_directory(descriptor):
            access &= ON_FILES
        if access:
            one = _PathAttribute(access, descriptor)
            _checked(_system_call(_ADD_RULE, ruleset, _RULE_PATH, _at(one), 0), f"landlock path {path}")
    finally:
        os.close(descriptor)


def _is_directory(descriptor: int) -> bool:
    return (os.fstat(descriptor).st_mode & 0o170000) == 0o040000


def gain_nothing() -> None:
    """No program started from here on gains privileges (set-user-id, file capabilities)."""
    _checked(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")


def become_subreaper() -> None:
    """Descendants whose parents end become children of this process, so that none is lost."""
    _checked(_prctl(_PR_SET_CHILD_SUBREAPER, 1), "subreaper")


def close_to_others() -> None:
    """Other processes of this account can no longer look into this one: its memory, environment and descriptors."""
    _checked(_prctl(_PR_SET_DUMPABLE, 0), "dumpable")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def give_up_for_good() -> None:
    """Takes from this process, and every thread and program that it starts, the way back to capabilities that it gives up.

    It keeps those that it has itself, because it ends what calls leave behind: each call gives them up.
    """
    for capability in range(_CAPABILITIES):
        if not _KEPT_CAPABILITIES >> capability & 1:
            # An unknown number answers EINVAL, a missing CAP_SETPCAP EPERM: what cannot be dropped here is cleared by each call.
            _prctl(_PR_CAPBSET_DROP, capability)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)


class Capabilities:
    """What a call keeps of the capabilities that this process has; looked up once, put on by each call."""

    def __init__(self) -> None:
        self._header = _CapabilityHeader(_CAPABILITY_VERSION, 0)
        self._data = (_CapabilityData * 2)()
        _checked(_libc.capget(ctypes.byref(self._header), ctypes.byref(self._data)), "capget")
        self._any = bool(self._data[0].permitted or self._data[1].permitted)
        kept = _KEPT_CAPABILITIES & self._data[0].permitted
        self._data[0].effective, self._data[0].permitted, self._data[0].inheritable = kept, kept, 0
        self._data[1].effective, self._data[1].permitted, self._data[1].inheritable = 0, 0, 0

    def drop(self) -> None:
        """Leaves root, in this thread, what it needs to work on files (owner, mode), and nothing that reaches around the sandbox.

        Root would otherwise load modules, open files by handle, look into other processes and change networks. What is out of
        bounds for good was given up before, see `give_up_for_good`.
        """
        if self._any:
            _checked(_libc.capset(ctypes.byref(self._header), ctypes.byref(self._data)), "capset")


def limit(caps: Caps) -> None:
    """Sets the resource limits of this process and all it starts, never above the ones that are there."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, caps["files"])
    _lower(resource.RLIMIT_NPROC, caps["processes"])
    _lower(resource.RLIMIT_FSIZE, caps["file_bytes"])
    _lower(resource.RLIMIT_DATA, caps["memory_bytes"])
    _lower(resource.RLIMIT_CPU, caps["cpu_seconds"])


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (most, most))
