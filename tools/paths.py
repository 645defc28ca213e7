"""Opening below a directory descriptor, so that what was judged is what is opened.

A `Target` names a real path: when it was judged, no component of it was a symbolic link. A link that is met now was
put there since, by somebody who races us, and is refused. The kernel holds this with openat2(2); where it cannot, each
component is opened on its own without following links. Everything later works on descriptors.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from ..policy.model import Limits
from .errors import MissingError, PathError
from .permit import Target
from .text import visible

_RESOLVE = 0x02 | 0x04 | 0x08  # RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH, linux/openat2.h
_SYS_OPENAT2 = 437  # the same number on every architecture that Debian ships
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW
_AGAIN = 16  # openat2 gives EAGAIN while a directory above is being renamed


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _openat2(directory: int, path: str, flags: int, mode: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    how = _How(flags, mode if flags & os.O_CREAT else 0, _RESOLVE)
    name = ctypes.c_char_p(os.fsencode(path))
    opened = libc.syscall(
        ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(directory), name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
    )
    if opened < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return int(opened)


@functools.cache
def has_openat2() -> bool:
    """Whether the kernel (and the seccomp filter of a container around us) lets openat2 through."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0))
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(root)


def _by_components(directory: int, path: str, flags: int, mode: int) -> int:
    """What openat2 does, by hand: no component is followed when it is a link."""
    *above, last = path.split("/")
    current = os.dup(directory)
    try:
        for name in above:
            below = os.open(name, os.O_PATH | os.O_DIRECTORY | _ALWAYS, dir_fd=current)
            os.close(current)
            current = below
        opened = os.open(last, flags, mode, dir_fd=current)
    finally:
        os.close(current)
    return opened


def _open(directory: int, path: str, flags: int, mode: int) -> int:
    if not has_openat2():
        return _by_components(directory, path, flags, mode)
    for _ in range(_AGAIN):
        try:
            return _openat2(directory, path, flags, mode)
        except OSError as problem:
            if problem.errno != errno.EAGAIN:
                raise
    return _by_components(directory, path, flags, mode)


def checked(relative: str) -> str:
    """The relative path, when each component is a plain name (or the whole is `.`); PathError otherwise."""
    if relative == ".":
        return relative
    if any(part in ("", ".", "..") for part in relative.split("/")) or "\0" in relative:
        raise PathError(
            f"`{visible(relative)}` is not a path of plain names below a root", hint="this is a fault in bylaw; please report it"
        )
    return relative


def refusal(shown: str, problem: OSError) -> PathError:
    """An error of the kernel in words; the caller raises it from `problem`."""
    name = visible(shown)
    match problem.errno:
        case errno.ENOENT:
            return MissingError(f"`{name}` does not exist", hint="look at its directory with `ls`")
        case errno.ELOOP | errno.EXDEV:
            return PathError(f"`{name}` is or lies behind a symbolic link that was not there when it was judged", hint="ask again")
        case errno.ENOTDIR:
            return PathError(f"a part of `{name}` is not a directory (or has become a link)", hint="look at it with `ls`")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PathError(f"`{name}` cannot be opened: {problem.strerror}", hint="this account may not; work on another path")
        case _:
            return PathError(f"`{name}` cannot be opened: {problem.strerror}")


def open_root(path: str) -> int:
    """A descriptor of the directory (O_PATH) that `path` really is; PathError when there is no directory."""
    try:
        real = os.path.realpath(path, strict=True)
        top = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise refusal(path, problem) from problem
    try:
        return open_beneath(Target(descriptor=top, relative=real.lstrip("/") or ".", shown=real), os.O_PATH | os.O_DIRECTORY)
    finally:
        os.close(top)


def open_beneath(target: Target, flags: int, mode: int = 0) -> int:
    """A descriptor of what the target names; never follows a link, never blocks, never becomes our terminal.

    Raises MissingError when there is nothing, PathError for anything else that is not as it was judged.
    """
    relative = checked(target.relative)
    flags |= _ALWAYS
    if not flags & os.O_PATH:
        flags |= os.O_NONBLOCK | os.O_NOCTTY
    try:
        opened = _open(target.descriptor, relative, flags, mode)
    except OSError as problem:
        raise refusal(target.shown, problem) from problem
    # O_PATH with O_NOFOLLOW gives a descriptor of the link itself.
    if flags & os.O_PATH and stat.S_ISLNK(os.fstat(opened).st_mode):
        os.close(opened)
        raise PathError(f"`{visible(target.shown)}` is a symbolic link", hint="give the path that the link leads to")
    return opened


@contextmanager
def opened(target: Target, flags: int, mode: int = 0) -> Generator[int]:
    """`open_beneath`, closed at the end."""
    descriptor = open_beneath(target, flags, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def kind_name(mode: int) -> str:
    """What a file is, in words."""
    names = (
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    )
    return next((name for test, name in names if test(mode)), "a file of an unknown kind")


def require_readable_kind(target: Target, mode: int, limits: Limits) -> None:
    """PathError for a directory always, and for anything but a regular file when the policy asks for that."""
    if stat.S_ISDIR(mode):
        raise PathError(f"`{visible(target.shown)}` is a directory", hint="list it with `ls`")
    if not stat.S_ISREG(mode) and limits.regular_files:
        raise PathError(f"`{visible(target.shown)}` is {kind_name(mode)}, not a regular file", hint="the policy allows regular files only")


def has_more_names(status: os.stat_result) -> bool:
    """Whether this is a regular file that other names (hard links), perhaps outside of every root, lead to as well."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def require_one_name(shown: str, status: os.stat_result, limits: Limits) -> None:
    """PathError for a file with several names, when the policy refuses those: one of them may be what was to be kept apart."""
    if limits.hard_links == "refuse" and has_more_names(status):
        raise PathError(
            f"`{visible(shown)}` has {status.st_nlink} names (hard links), and the policy refuses to read such files",
            hint="read another file; a person can copy this one, or set `hard_links: allow` in the policy's limits",
        )


@contextmanager
def opened_file(target: Target, limits: Limits) -> Generator[int]:
    """The target opened for reading; a pipe or device that the policy refuses is never opened, not even for a moment.

    Raises MissingError, PathError; that also for a file with several names, when the policy refuses those.
    """
    with opened(target, os.O_PATH) as looked_at:
        before = os.fstat(looked_at)
        require_readable_kind(target, before.st_mode, limits)
        with opened(target, os.O_RDONLY) as descriptor:
            after = os.fstat(descriptor)
            if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
                require_readable_kind(target, after.st_mode, limits)
            require_one_name(target.shown, after, limits)
            yield descriptor


def require_file_name(given: str) -> None:
    """PathError for a path, as the model gave it, that ends like a directory's: to the kernel too, `x/` is never the file `x`."""
    if given.endswith("/"):
        raise PathError(f"`{visible(given)}` ends with `/` and so names a directory", hint="name the file without the slash")


def parent_of(target: Target) -> tuple[Target, str]:
    """The directory that holds the target, and the target's name in it; PathError for a root itself."""
    relative = checked(target.relative)
    if relative == ".":
        raise PathError(f"`{visible(target.shown)}` is a directory", hint="name a file below it")
    above, _, name = relative.rpartition("/")
    return Target(descriptor=target.descriptor, relative=above or ".", shown=os.path.dirname(target.shown)), name


def child_of(target: Target, relative: str) -> Target:
    """What lies at `relative` below the target."""
    below = relative if target.relative == "." else f"{target.relative}/{relative}"
    return Target(descriptor=target.descriptor, relative=below, shown=f"{target.shown.rstrip('/')}/{relative}")


def make_parents(target: Target, mode: int = 0o755) -> int:
    """A descriptor of the directory that holds the target; those that are missing are made, `mode` without the umask.

    Raises PathError when a component is, or becomes, anything but a directory.
    """
    parent, _ = parent_of(target)
    flags = os.O_RDONLY | os.O_DIRECTORY
    try:
        return open_beneath(parent, flags)
    except MissingError:
        pass
    made = Target(descriptor=parent.descriptor, relative=".", shown=target.shown)
    current = open_beneath(made, flags)
    try:
        for name in parent.relative.split("/"):
            try:
                os.mkdir(name, mode, dir_fd=current)
            except FileExistsError:
                pass
            below = open_beneath(Target(descriptor=current, relative=name, shown=parent.shown), flags)
            os.close(current)
            current = below
    except OSError as problem:
        os.close(current)
        raise refusal(parent.shown, problem) from problem
    except PathError:
        os.close(current)
        raise
    return current


def target_for(real_path: str, roots: Mapping[str, int]) -> Target:
    """The target of a real path below the root that is nearest to it; PathError when it lies below none of them."""
    if not real_path.startswith("/") or (real_path != "/" and any(part in ("", ".", "..") for part in real_path[1:].split("/"))):
        raise PathError(f"`{visible(real_path)}` is not an absolute path without `..`", hint="this is a fault in bylaw; please report it")
    holding = [root for root in roots if real_path == root or real_path.startswith(root.rstrip("/") + "/")]
    if not holding:
        raise PathError(f"`{visible(real_path)}` lies outside every root", hint="work below the workspace")
    root = max(holding, key=len)
    relative = real_path[len(root) :].lstrip("/")
    return Target(descriptor=roots[root], relative=relative or ".", shown=real_path)
