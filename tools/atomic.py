"""Replacing a file as a whole: a reader, or a machine that stops, sees the old bytes or the new ones, never a mixture.

The new bytes go to a temporary file in the same directory, which takes over mode, owner, ACLs and extended attributes
of the file it replaces; then it takes over the name. What cannot be kept is refused before the name changes.

INVARIANT: nothing but the name that was judged changes: a link is never followed, another name of the same file
(a hard link) keeps the old bytes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import ChangedError, LimitError, MissingError, PathError
from .paths import kind_name, make_parents, open_beneath, opened, parent_of, refusal
from .permit import Binding, Target
from .result import Change
from .text import visible

_TEMPORARY = re.compile(r"\.bylaw-[0-9a-f]{16}\.tmp")
_STALE_SECONDS = 60.0
_CHUNK = 1 << 20
_MOST_HASHED = 1 << 28
_NO_REPLACE = 1  # RENAME_NOREPLACE, linux/fs.h
_PRIVILEGE = stat.S_ISUID | stat.S_ISGID


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """The file that is there now, by an open descriptor."""

    descriptor: int
    status: os.stat_result


@contextmanager
def existing_file(target: Target) -> Generator[Existing | None]:
    """The regular file at the target, opened; None when there is nothing. PathError for anything else."""
    try:
        looked_at = open_beneath(target, os.O_PATH)
    except MissingError:
        yield None
        return
    try:
        mode = os.fstat(looked_at).st_mode
        if not stat.S_ISREG(mode):
            raise PathError(f"`{visible(target.shown)}` is {kind_name(mode)}, not a regular file", hint="only regular files are replaced")
        with opened(target, os.O_RDONLY) as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PathError(f"`{visible(target.shown)}` has become {kind_name(status.st_mode)}", hint="ask again")
            yield Existing(descriptor=descriptor, status=status)
    finally:
        os.close(looked_at)


def digest_of(existing: Existing | None, target: Target) -> str | None:
    """SHA-256 (hex) of the file that is there, read in pieces; None when there is none. LimitError when it is too large."""
    if existing is None:
        return None
    if existing.status.st_size > _MOST_HASHED:
        raise LimitError(
            f"`{visible(target.shown)}` has {existing.status.st_size} bytes; a file over {_MOST_HASHED} is not replaced",
            hint="remove it first, or write to another path",
        )
    digest = hashlib.sha256()
    offset = 0
    while offset <= _MOST_HASHED and (chunk := os.pread(existing.descriptor, _CHUNK, offset)):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def require_bound(bindings: tuple[Binding, ...], target: Target, actual: str | None) -> None:
    """ChangedError when an approval was given for other bytes than those that are there."""
    for binding in bindings:
        if binding.path == target.shown and binding.sha256 != actual:
            was, now = ("no file" if one is None else f"sha256 {one[:12]}" for one in (binding.sha256, actual))
            raise ChangedError(
                f"`{visible(target.shown)}` has changed since it was judged (then {was}, now {now})", hint="read it again, then ask again"
            )


def replace(target: Target, data: bytes, *, bindings: tuple[Binding, ...]) -> tuple[Change, tuple[str, ...]]:
    """Gives the target these bytes; the change, and notes for a person.

    Raises PathError (not a regular file, cannot be written), ChangedError (other bytes than those approved), LimitError.
    """
    with existing_file(target) as existing:
        before = digest_of(existing, target)
        require_bound(bindings, target, before)
        notes = _require_replaceable(target, existing)
        _, name = parent_of(target)
        directory = make_parents(target)
        try:
            _sweep(directory)
            _put(directory, name, data, target, existing)
        except OSError as problem:
            raise refusal(target.shown, problem) from problem
        finally:
            os.close(directory)
    after = hashlib.sha256(data).hexdigest()
    return Change(path=target.shown, before=before, after=after, size=len(data)), notes


def _require_replaceable(target: Target, existing: Existing | None) -> tuple[str, ...]:
    if existing is None:
        return ()
    shown = visible(target.shown)
    mode = existing.status.st_mode
    # New bytes behind an old privilege would run as somebody else; dropping it in silence would break the program.
    if mode & stat.S_ISUID or (mode & _PRIVILEGE and mode & stat.S_IXGRP) or "security.capability" in os.listxattr(existing.descriptor):
        raise PathError(f"`{shown}` runs with the privileges of another account and is not replaced", hint="write to another path")
    # A rename asks the directory only; a file that its owner made read-only is meant to stay as it is.
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PathError(f"`{shown}` is read-only", hint="make it writable first (`chmod u+w`), or write to another path")
    others = existing.status.st_nlink - 1
    return (f"`{shown}` has {others} more name(s) (hard links); they keep the old content",) if others > 0 else ()


def _put(directory: int, name: str, data: bytes, target: Target, existing: Existing | None) -> None:
    temporary = f".bylaw-{secrets.token_hex(8)}.tmp"
    # A new file gets what the umask and the directory's default ACL say; one that takes over is closed until it is like the old.
    mode = 0o666 if existing is None else 0o600
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
    try:
        # The lock tells another bylaw that sweeps this directory that somebody is still at work here.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if existing is not None:
            _take_over(descriptor, existing, target)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        _rename(directory, temporary, name, target, existing)
    except BaseException:
        _remove(directory, temporary)
        raise
    finally:
        os.close(descriptor)
    os.fsync(directory)


def _take_over(descriptor: int, existing: Existing, target: Target) -> None:
    """Owner, mode, ACLs and extended attributes of the old file; PathError when one of them cannot be had."""
    status = existing.status
    try:
        mine = os.fstat(descriptor)
        if (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        wanted = {name: os.getxattr(existing.descriptor, name) for name in os.listxattr(existing.descriptor)}
        for name in os.listxattr(descriptor):
            if name not in wanted:
                os.removexattr(descriptor, name)
        for name, value in wanted.items():
            if name not in os.listxattr(descriptor) or os.getxattr(descriptor, name) != value:
                os.setxattr(descriptor, name, value)
        now = os.fstat(descriptor)
    except OSError as problem:
        raise PathError(
            f"owner, mode or attributes of `{visible(target.shown)}` cannot be kept: {problem.strerror}",
            hint="write to another path, or let its owner change it",
        ) from problem
    if (now.st_uid, now.st_gid, now.st_mode) != (status.st_uid, status.st_gid, status.st_mode):
        raise PathError(f"owner or mode of `{visible(target.shown)}` cannot be kept", hint="write to another path")


def _rename(directory: int, temporary: str, name: str, target: Target, existing: Existing | None) -> None:
    shown = visible(target.shown)
    if existing is None:
        try:
            _rename_new(directory, temporary, name)
        except FileExistsError as problem:
            raise ChangedError(f"`{shown}` has come into being since it was judged", hint="read it, then ask again") from problem
        return
    try:
        now = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError as problem:
        raise ChangedError(f"`{shown}` has gone since it was judged", hint="ask again") from problem
    if _identity(now) != _identity(existing.status):
        raise ChangedError(f"`{shown}` has changed while it was being replaced", hint="read it again, then ask again")
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)


def _rename_new(directory: int, temporary: str, name: str) -> None:
    """Renames without replacing anything, also not what came a moment ago; FileExistsError then."""
    libc = ctypes.CDLL(None, use_errno=True)
    old, new = os.fsencode(temporary), os.fsencode(name)
    if libc.renameat2(directory, old, directory, new, _NO_REPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.ENOSYS, errno.EINVAL, errno.EPERM):
        raise OSError(code, os.strerror(code), name)
    # A file system without it: a second name can only be made where there is none.
    os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    os.unlink(temporary, dir_fd=directory)


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass


def _sweep(directory: int) -> None:
    """Removes temporary files of a bylaw that was killed: old, ours, and locked by nobody."""
    with os.scandir(directory) as entries:
        names = [one.name for one in entries if _TEMPORARY.fullmatch(one.name)]
    for name in names:
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            continue
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or time.time() - status.st_mtime < _STALE_SECONDS:
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(directory, name)
        except OSError:
            continue
        finally:
            os.close(descriptor)


def bounded_bytes(existing: Existing, limit: int, target: Target) -> bytes:
    """The whole content; LimitError when it is larger than `limit`."""
    parts: list[bytes] = []
    offset = 0
    while offset <= limit and (chunk := os.pread(existing.descriptor, min(_CHUNK, limit + 1 - offset), offset)):
        parts.append(chunk)
        offset += len(chunk)
    if offset > limit:
        size = max(existing.status.st_size, offset)
        raise LimitError(
            f"`{visible(target.shown)}` has {size} bytes; the policy lets {limit} be read",
            hint="work on a smaller file, or raise the limit `read_bytes`",
        )
    return b"".join(parts)
