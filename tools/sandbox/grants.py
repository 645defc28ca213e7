"""A manifest compiled into concrete paths: what exists, what must be created, what a program needs to start."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...policy.decision import Manifest, PathGrant
from ..own import OWN_CODE

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Directories of the system that hold programs and libraries, and no secret."""

SYSTEM_FILES = tuple(
    f"/etc/{name}"
    for name in (
        "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "passwd", "group", "nsswitch.conf", "hosts", "host.conf",
        "resolv.conf", "gai.conf", "protocols", "services", "localtime", "timezone", "os-release", "debian_version", "lsb-release",
        "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki", "mime.types", "magic", "terminfo", "locale.alias",
        "locale.conf", "papersize", "gitconfig", "perl", "python3", "python3.11", "python3.12", "python3.13",
    )
)  # fmt: skip
"""Files below `/etc` that programs need to run and everybody may know: never `/etc` itself (shadow, keys, passwords)."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_INTERPRETER_LIMIT = 4
_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a call may touch, in paths that exist now.

    `trees` are readable with everything below, `files` one by one, `lists` are directories whose names may be read.
    `write_trees` and `write_files` likewise for changing. `programs` may start, None for every program that is readable.
    `hosts` are what a proxy lets through. `overlays` are directories of which the call gets a private view. `missing_protected`
    do not exist, so that no layer can hold them.
    """

    system: tuple[str, ...]
    trees: tuple[str, ...]
    files: tuple[str, ...]
    lists: tuple[str, ...]
    write_trees: tuple[str, ...]
    write_files: tuple[str, ...]
    hidden: tuple[str, ...]
    protected: tuple[str, ...]
    missing_protected: tuple[str, ...]
    programs: tuple[str, ...] | None
    hosts: tuple[str, ...]
    overlays: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def network(self) -> bool:
        return bool(self.hosts)

    def readable(self, path: str) -> bool:
        """Whether the contents of a real path may be read."""
        if self.concealed(path):
            return False
        trees = (*self.system, *self.trees, *self.write_trees)
        return path in (*self.files, *self.write_files, *DEVICES) or any(within(path, tree) for tree in trees)

    def writable(self, path: str, manifest: Manifest) -> bool:
        """Whether the manifest itself lets a real path be changed: the grain of a directory does not widen this."""
        if self.concealed(path) or any(within(path, one) for one in manifest.protected):
            return False
        return path in DEVICES or any(covers(grant, path) for grant in manifest.write)

    def concealed(self, path: str) -> bool:
        return any(within(path, one) for one in self.hidden)


def within(path: str, tree: str) -> bool:
    """Whether a path is a tree or lies below it."""
    return path == tree or path.startswith(tree.rstrip("/") + "/")


def covers(grant: PathGrant, path: str) -> bool:
    """Whether a grant holds for a path."""
    return grant.path == path or (grant.recursive and within(path, grant.path))


def compile_grants(manifest: Manifest, search_path: str) -> Grants:
    """The grants of a manifest on this machine, now. `search_path` (PATH of the child) finds what `env` starts."""
    files, trees, lists = _readable(manifest.read)
    write_files, write_trees, notes = _writable(manifest.write, manifest.roots)
    programs = None if "*" in manifest.programs else starters(manifest.programs, search_path)
    return Grants(
        system=tuple(path for path in (*SYSTEM, *SYSTEM_FILES) if os.path.exists(path)),
        trees=trees,
        files=files,
        lists=lists,
        write_trees=write_trees,
        write_files=write_files,
        hidden=_real(manifest.hidden),
        protected=tuple(
            sorted({*_real(manifest.protected), *(path for path in OWN_CODE if any(within(path, tree) for tree in write_trees))})
        ),
        missing_protected=tuple(path for path in manifest.protected if not os.path.lexists(path)),
        programs=programs,
        hosts=manifest.hosts,
        overlays=tuple(path for path in manifest.overlay if os.path.isdir(path)),
        notes=notes,
    )


def _readable(grants: Iterable[PathGrant]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    files: set[str] = set()
    trees: set[str] = set()
    lists: set[str] = set()
    for grant in grants:
        if not os.path.exists(grant.path):
            continue
        if not os.path.isdir(grant.path):
            files.add(grant.path)
        elif grant.recursive:
            trees.add(grant.path)
        else:
            lists.add(grant.path)
    return tuple(sorted(files)), tuple(sorted(trees)), tuple(sorted(lists))


def _writable(grants: Iterable[PathGrant], roots: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    files: set[str] = set()
    trees: set[str] = set()
    notes: list[str] = []
    for grant in grants:
        if any(within(grant.path, place) for place in ("/dev", "/proc", "/sys")):
            continue  # devices are granted one by one, by name, and nothing else there may be changed
        if os.path.isdir(grant.path):
            if not grant.recursive and _too_wide(grant.path, roots):
                notes.append(f"names in `{grant.path}` cannot be changed: the kernel would have to grant writing below it as a whole")
                continue
            trees.add(grant.path)
            if not grant.recursive:
                notes.append(f"the kernel grants writing below `{grant.path}` as a whole: a directory is the smallest grain for creating")
        elif os.path.exists(grant.path):
            files.add(grant.path)
        else:
            # Neither Landlock nor a mount can name a file that is not there: its nearest directory is opened instead.
            directory = os.path.dirname(grant.path)
            while not os.path.isdir(directory):
                directory = os.path.dirname(directory)
            if _too_wide(directory, roots):
                notes.append(f"`{grant.path}` cannot be created: the kernel would have to grant writing below `{directory}` as a whole")
                continue
            trees.add(directory)
            notes.append(f"`{grant.path}` is to be created, so the kernel grants writing below `{directory}` as a whole")
    return tuple(sorted(files)), tuple(sorted(trees)), tuple(dict.fromkeys(notes))


def _too_wide(directory: str, roots: tuple[str, ...]) -> bool:
    """Whether opening a directory for one new file would open the house: `/`, `/tmp`, `/etc`, a home directory.

    What is granted for work anyway is not: a workspace may lie at the top.
    """
    if any(within(directory, root) for root in roots):
        return False
    return directory.count("/") < 2 or within(os.path.realpath(os.path.expanduser("~")), directory)


def _real(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that exist, and what they lead to where they are links: both names must be held."""
    found = {path for path in paths if os.path.lexists(path) and not os.path.islink(path)}
    found |= {os.path.realpath(path) for path in paths if os.path.islink(path) and os.path.exists(path)}
    return tuple(sorted(found))


def starters(programs: Iterable[str], search_path: str) -> tuple[str, ...]:
    """The programs, and what the kernel starts for them: the loader named in an ELF file, the interpreter of a script."""
    found: dict[str, None] = {}
    waiting = [(path, 0) for path in programs if path.startswith("/")]
    while waiting:
        path, depth = waiting.pop()
        if path in found or not os.path.exists(path):
            continue
        found[path] = None
        if os.path.isdir(path):
            waiting.extend((loader, depth) for loader in _loaders(os.path.realpath("/bin/sh")))
        elif depth < _INTERPRETER_LIMIT:
            waiting.extend((next_one, depth + 1) for next_one in _loaders(path, search_path))
    return tuple(found)


def _loaders(path: str, search_path: str = "") -> tuple[str, ...]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ()
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ()
        head = os.read(descriptor, _HEADER_BYTES)
        if head.startswith(b"#!"):
            return _script_interpreters(head, search_path)
        return _elf_loader(descriptor, head)
    except (OSError, struct.error, UnicodeDecodeError):
        return ()
    finally:
        os.close(descriptor)


def _script_interpreters(head: bytes, search_path: str) -> tuple[str, ...]:
    words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    if not words:
        return ()
    found = [os.path.realpath(words[0])]
    if os.path.basename(words[0]) == "env":
        name = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
        candidates = (f"{directory}/{name}" for directory in search_path.split(":") if directory.startswith("/") and name)
        found += [os.path.realpath(one) for one in candidates if os.access(one, os.X_OK)][:1]
    return tuple(found)


def _elf_loader(descriptor: int, head: bytes) -> tuple[str, ...]:
    """The PT_INTERP of an ELF file (elf(5))."""
    if not head.startswith(b"\x7fELF"):
        return ()
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    offset = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, 32 if wide else 28)[0]
    size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    table = os.pread(descriptor, min(size * count, 65536), offset)
    for start in range(0, len(table) - size + 1, size):
        if struct.unpack_from(f"{order}I", table, start)[0] == 3:
            layout, first = (f"{order}Q16xQ", start + 8) if wide else (f"{order}I8xI", start + 4)
            place, length = struct.unpack_from(layout, table, first)
            name = os.pread(descriptor, min(length, 4096), place).rstrip(b"\0")
            return (os.fsdecode(name),)
    return ()


def search_path_of(environment: Mapping[str, str]) -> str:
    """PATH of the child, or where the C library looks without one."""
    return environment.get("PATH", "/usr/bin:/bin")
