"""Where the effects of one analysis are written down; here words become absolute real paths, or `Unknown` by name."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Final, assert_never

from ..effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from ..holes import has_hole, visible
from ..records import replace
from ..scope import Scope
from ..spans import Span
from .options import Opaque

_STREAMS = frozenset(
    {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/stdin", "/dev/stdout", "/dev/stderr"}
    | {f"/dev/fd/{number}" for number in range(3)}
)
_READABLE_PROC = frozenset(
    f"/proc/{name}" for name in ("cpuinfo", "meminfo", "version", "uptime", "loadavg", "filesystems", "stat", "vmstat", "cmdline")
)
_MAX_ENTRIES = 4000
_MAX_DEPTH = 64
_PORT_DIGITS = 5
_LARGEST_PORT = 65_535


def within(path: str, root: str) -> bool:
    """Whether a path is a directory or lies below it; both absolute and normal."""
    return root in {path, "/"} or path.startswith(f"{root}/")


NOT_KNOWN_YET = "which path this is, only the run knows"


def _without_holes(effect: Effect) -> Effect:
    """The effect; an `Unknown` in its place where it names what is not known yet. What people are shown has no marks, but
    the operands and options of a program keep them, for the rules.
    """
    match effect:
        case Read() | Write() | Delete():
            about, named = "path", effect.path
        case Execute():
            about, named = "program", f"{effect.program}{effect.path or ''}"
            if any(map(has_hole, effect.argv)):
                effect = replace(effect, argv=tuple(map(visible, effect.argv)))
        case Connect() | Send():
            about, named = "host", effect.host
        case SetEnvironment():
            about, named = "variable", effect.name
            effect = replace(effect, value=visible(effect.value)) if has_hole(effect.value) else effect
        case Unknown():
            return replace(effect, subject=visible(effect.subject)) if has_hole(effect.subject) else effect
        case UseConstruct():
            return effect
        case _:
            assert_never(effect)
    if has_hole(named):
        return Unknown(why=f"which {about} this is, only the run knows", subject=visible(named), span=effect.span)
    return effect


class Entered(str):
    """A real directory in which a program is started, maybe one that is made by then: the runner enters it and nothing else,
    so that `..` from there is its parent.
    """

    __slots__ = ()


def joined(word: str, directory: str) -> str:
    """The absolute path of a word in a directory."""
    if word.startswith("/"):
        return word
    if isinstance(directory, Entered) and ".." in word:
        parts, above = word.split("/")[::-1], str(directory)
        while parts[-1:] in (["."], [".."], [""]):
            if parts.pop() == "..":
                above = above.rpartition("/")[0]
        return f"{above}/{'/'.join(reversed(parts))}"
    return f"{directory}/{word}"


class Ledger:
    """The effects found so far, each once, in the order in which they were found."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.effects: dict[Effect, None] = {}
        self.not_installed: dict[str, None] = {}
        self.skipped: dict[str, None] = {}

    def add(self, effect: Effect) -> None:
        """Writes an effect down. INVARIANT: the only way in, so that no path, host or program in `effects` holds a hole."""
        self.effects[_without_holes(effect)] = None

    def unknown(self, why: str, subject: str, span: Span | None) -> None:
        self.add(Unknown(why=why, subject=subject, span=span))

    def path(self, word: str, directory: str, span: Span | None) -> str | None:
        """The real path of a word; None, with an `Unknown` written down, when it has none that is sure."""
        if not word or "\0" in word:
            self.unknown("an empty path names nothing", word, span)
            return None
        whole = joined(word, directory)
        if has_hole(whole):
            self.unknown(NOT_KNOWN_YET, whole if has_hole(directory) else word, span)
            return None
        try:
            real = self.scope.files.real(whole)
        except OSError:
            self.unknown("where this path leads is not known", word, span)
            return None
        # What lies below /proc and /dev/fd differs for every process: ours is not the one that will look.
        if "/proc" not in whole and "/dev" not in whole and not real.startswith(("/proc", "/dev")):
            return real
        for shape in (posixpath.normpath(whole).replace("//", "/", 1), real):
            if (within(shape, "/proc") and shape not in _READABLE_PROC) or within(shape, "/dev/fd"):
                self.unknown("what this path means depends on the process that opens it", word, span)
                return None
        return real

    def read(self, word: str, directory: str, span: Span | None, *, recursive: bool = False) -> str | None:
        if word in _STREAMS:
            return None
        real = self.path(word, directory, span)
        if real is not None:
            self.add(Read(path=real, recursive=recursive or isinstance(word, Opaque), span=span))
        return real

    def name(self, word: str, directory: str) -> str:
        """The name itself, only its directory's links resolved; empty where it is the real path or has none."""
        folder, _, last = joined(word, directory).rstrip("/").rpartition("/")
        try:
            given = f"{self.scope.files.real(folder or '/').rstrip('/')}/{last}"
            return "" if last in {"", ".", ".."} or given == self.scope.files.real(given) else given
        except OSError:
            return ""

    def write(self, word: str, directory: str, span: Span | None, *, recursive: bool = False) -> str | None:
        if word in _STREAMS:
            return None
        real = self.path(word, directory, span)
        if real is not None:
            self.add(Write(path=real, recursive=recursive or isinstance(word, Opaque), span=span))
        return real

    def delete(self, word: str, directory: str, span: Span | None, *, recursive: bool = False) -> str | None:
        """A removal takes the name away, not what a link points to: only the parent's path is resolved."""
        if has_hole(word):
            return self.path(word, directory, span)
        trimmed = word.rstrip("/") or word
        parent, _, name = joined(trimmed, directory).rpartition("/")
        if name in {"", ".", ".."}:
            real = self.path(word, directory, span)
        else:
            folder = self.path(parent or "/", directory, span)
            real = None if folder is None else f"{folder.rstrip('/')}/{name}"
        if real is not None:
            self.add(Delete(path=real, recursive=recursive or isinstance(word, Opaque), span=span))
        return real

    def follow(self, word: str, directory: str, span: Span | None) -> None:
        """All below a path, symbolic links followed: known only where no link leaves it."""
        try:
            directories = self.scope.files.kind(self.scope.files.real(joined(word, directory))) != "file"
        except OSError:
            directories = True
        real = self.read(word, directory, span, recursive=directories)
        if real is not None:
            self.links_stay(real, span)

    def links_stay(self, root: str, span: Span | None) -> None:
        """Writes an `Unknown` when a link below this directory leads out of it, or when there are too many to look at."""
        way = self.walk(root)
        if way is None:
            self.unknown("the tree is too large to prove that no link leaves it", root, span)
            return
        for path, kind in way:
            if kind != "symlink":
                continue
            try:
                inside = within(self.scope.files.real(path), root)
            except OSError:
                inside = False
            if not inside:
                self.unknown("a symbolic link leads out of the tree", path, span)
                return

    def walk(self, root: str) -> list[tuple[str, str]] | None:
        """Every path below a directory with its kind; None when there are more than a few thousand."""
        found: list[tuple[str, str]] = []
        waiting = [(root, 0)]
        while waiting:
            directory, depth = waiting.pop()
            names = self.scope.files.names(directory)
            if len(found) + len(names) > _MAX_ENTRIES or depth > _MAX_DEPTH:
                return None
            for name in names:
                path = f"{directory.rstrip('/')}/{name}"
                kind = self.scope.files.kind(path)
                found.append((path, kind))
                if kind == "directory":
                    waiting.append((path, depth + 1))
        return found

    def connect(self, word: str, directory: str, span: Span | None) -> None:
        """A host or URL; `file:` is a read, another scheme than those of the web, ssh and git is not known."""
        if has_hole(word) or isinstance(word, Opaque):
            self.unknown("which host or address this is, only the run knows", word, span)
            return
        scheme, separator, rest = word.partition("://")
        if separator and scheme.lower() == "file":
            host, _, path = rest.partition("/")
            # What is encoded, a pattern, a query or a fragment is not the name of the file that is opened.
            if host.lower() not in {"", "localhost"} or not all(one.isascii() and (one.isalnum() or one in "/._-+,=@") for one in path):
                self.unknown("which file this address names is not known", word, span)
            else:
                self.read("/" + path, directory, span)
            return
        if word.strip().lower().startswith("file:") or "\\" in word:
            self.unknown("this kind of address is not known", word, span)
            return
        if separator and scheme.lower() not in PORTS:
            self.unknown("this kind of address is not known", word, span)
            return
        host, port = _host(rest if separator else word)
        if port is None and separator and host != "*":
            port = PORTS[scheme.lower()]
        self.add(Connect(host=host, port=port, span=span))


PORTS: Final[Mapping[str, int]] = {
    "http": 80,
    "https": 443,
    "ssh": 22,
    "sftp": 22,
    "scp": 22,
    "git": 9418,
    "ftp": 21,
    "ftps": 990,
}
"""The ports of the schemes of URLs where none is written (the registry of IANA; git(1) for its own)."""


def _host(text: str) -> tuple[str, int | None]:
    """`user@host:port/path` or `host:path`; `*` when the host is neither a plain name nor an IPv6 address in brackets.

    A dot at the end is left out: it names the same host, and a rule for the host must hold.
    """
    authority = text.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    if authority.startswith("["):
        name, _, port = authority[1:].partition("]")
        name, port = _six(name), port.removeprefix(":")
    else:
        name, _, port = authority.partition(":")
        name = name.removesuffix(".").lower()
        name = name if name and all(one.isascii() and (one.isalnum() or one in ".-_") for one in name) else "*"
    if name == "*" or not (port.isascii() and port.isdecimal()):
        return name, None
    return (name, int(port)) if len(port) <= _PORT_DIGITS and int(port) <= _LARGEST_PORT else ("*", None)


def _six(text: str) -> str:
    """An IPv6 address in its shortest form, or `*`."""
    import ipaddress  # imported late: it is slow, and few commands name such an address

    try:
        return ipaddress.IPv6Address(text.partition("%")[0]).compressed
    except ValueError:
        return "*"
