"""What programs say when something failed: coreutils, shells, git, Python, node, Rust, Go, curl, in one form.

Plain text work, linear in the text and bounded: the first and last lines only, the beginning of each. What is read out of
a line is a guess; whoever uses it compares it with facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Fault: TypeAlias = Literal[
    "access", "read_only", "absent", "not_found", "permission", "name", "unreachable", "unconnected", "proxy", "memory", "bad_call"
]
Wish: TypeAlias = Literal["", "write", "delete", "execute", "connect", "signal"]

_LINES: Final = 100
_LINE_CHARACTERS: Final = 4096
_NAMES: Final = 8
_BEFORE: Final = 6
_OF_PATHS: Final[frozenset[Fault]] = frozenset({"access", "read_only", "absent", "not_found"})

_PHRASES: Final[tuple[tuple[str, Fault], ...]] = (
    ("could not resolve", "name"),
    ("couldn't resolve", "name"),
    ("unable to resolve host", "name"),
    ("name or service not known", "name"),
    ("temporary failure in name resolution", "name"),
    ("failed to lookup address", "name"),
    ("no such host", "name"),
    ("network is unreachable", "unreachable"),
    ("couldn't connect to server", "unconnected"),
    ("response 403", "proxy"),
    ("code 403 from proxy", "proxy"),
    ("connection failed: 403", "proxy"),
    ("read-only file system", "read_only"),
    ("device or resource busy", "read_only"),  # a mount of the sandbox that was to be removed or replaced
    ("permission denied", "access"),
    ("operation not permitted", "permission"),
    ("cannot allocate memory", "memory"),
    ("memory allocation of", "memory"),
    ("bad system call", "bad_call"),
    ("no such file or directory", "absent"),
    ("command not found", "not_found"),
    (": not found", "not_found"),
)
"""In the order in which they count; a line is one complaint."""

_CODES: Final[dict[str, Fault]] = {
    "EAI_AGAIN": "name",
    "ENOTFOUND": "name",
    "ENETUNREACH": "unreachable",
    "EROFS": "read_only",
    "EBUSY": "read_only",
    "EACCES": "access",
    "EPERM": "permission",
    "ENOMEM": "memory",
    "MemoryError": "memory",
    "bad_alloc": "memory",
    "ENOENT": "absent",
}
"""Words that say it alone; only as whole words (`FileNotFoundError` ends in one of them)."""

_WISHES: Final[tuple[tuple[Wish, frozenset[str]], ...]] = (
    ("signal", frozenset({"kill", "pkill", "killall"})),
    ("delete", frozenset({"remove", "removing", "unlink", "unlinkat", "rmdir", "delete", "deleting", "remove_file", "remove_dir_all"})),
    (
        "write",
        frozenset(
            {
                "create", "creating", "touch", "touching", "make", "mkdir", "mkdirat", "writing", "write", "rename", "renaming", "move",
                "moving", "lock", "append", "truncate", "truncating", "creat", "save", "saving", "mkstemp", "mkdtemp", "times",
            }
        ),
    ),
    ("connect", frozenset({"connect", "connecting", "connection", "create_connection", "socket", "dial"})),
    ("execute", frozenset({"exec", "execve", "execvp", "execute", "spawn", "run", "start", "interpreter", "posix_spawn", "fork_exec"})),
)  # fmt: skip

_CALLS: Final = {
    "unshare": "unshare", "ptrace": "ptrace", "strace": "ptrace", "ptrace_attach": "ptrace", "mount": "mount", "umount": "umount2",
    "setns": "setns", "nsenter": "setns", "pivot_root": "pivot_root", "chroot": "chroot", "keyctl": "keyctl", "bpf": "bpf",
    "io_uring": "io_uring_setup", "io_uring_setup": "io_uring_setup", "userfaultfd": "userfaultfd", "perf_event_open": "perf_event_open",
    "sethostname": "sethostname", "hostname": "sethostname", "reboot": "reboot", "swapon": "swapon", "swapoff": "swapoff",
    "clock_settime": "clock_settime", "settimeofday": "settimeofday", "kexec_load": "kexec_load", "init_module": "init_module",
}  # fmt: skip

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]{0,32}[A-Za-z]")
_QUOTED: Final = re.compile(r"(?<!\w)'([^']{1,4096})'|\"([^\"]{1,4096})\"|‘([^’]{1,4096})’|`([^`']{1,4096})[`']")
_WORD: Final = re.compile(r"[A-Za-z_]+")
_HOST: Final = re.compile(
    r"(?:resolve host(?:name)?(?: address)?:? |lookup (?:address )?|eai_again |enotfound |enetunreach |econnrefused |connect to |://)"
    r"[‘'\"]?(?:https?://)?\[?([A-Za-z0-9_.-]{1,253}|[0-9a-fA-F:]{2,45}(?=\]))\]?(?:(?::| port )([0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_ERRNO: Final = re.compile(r"\[Errno -?[0-9]{1,4}\]")
_REDIRECTS: Final = re.compile(r"(?:tee|(?:ba|da)?sh: line [0-9]{1,9}): ")
_NUMBER: Final = re.compile(r"\(?\b([0-9]{1,10})\b\)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One line that says that something failed.

    `names` are the things that it names, each in one or more readings; `wish` is what was to be done, where a word says so.
    `host` is a `host` or `host:port`, for `signal` the number of a process; `call` a system call that the words point to.
    """

    fault: Fault
    names: tuple[tuple[str, ...], ...] = ()
    wish: Wish = ""
    host: str = ""
    call: str = ""


def complaints(text: str) -> Iterator[Complaint]:
    """The complaints in the first and the last lines of a text."""
    lines = text.split("\n")
    if len(lines) > 2 * _LINES:
        lines = [*lines[:_LINES], *lines[-_LINES:]]
    plain = [_ESCAPES.sub("", line[:_LINE_CHARACTERS]).strip() for line in lines]
    for index, line in enumerate(plain):
        found = _fault(line)
        if found is not None:
            yield _read(*found, line, plain[max(0, index - _BEFORE) : index])


def _fault(line: str) -> tuple[Fault, int] | None:
    """What a line complains of, and where it says so."""
    low = line.lower()
    for phrase, fault in _PHRASES:
        if (place := low.find(phrase)) >= 0:
            return fault, place
    for word in _WORD.finditer(line):
        if (known := _CODES.get(word.group())) is not None:
            return known, word.start()
    return None


def _read(fault: Fault, place: int, line: str, before: list[str]) -> Complaint:
    names = _names(line, place) if fault in _OF_PATHS else ()
    if not names and "(os error " in line:
        # Rust tells the cause in a line of its own, after the one that says what was tried.
        names = next((found for one in reversed(before[-3:]) if (found := _named_above(one))), ())
    rest = line
    for group in names:
        for name in group:
            rest = rest.replace(name, " ")
    words = _words([rest])
    wish = _wish(words)
    if fault == "not_found":
        wish = "execute"
    elif not wish and _REDIRECTS.match(line):
        wish = "write"
    elif not wish and not names and {"connect", "create_connection", "socket"} & {*_words(before)}:
        wish = "connect"
    called = [*words, *(reversed(_words(before[-3:])) if fault == "permission" else ())]
    call = next((_CALLS[word] for word in called if word in _CALLS), "")
    return Complaint(fault=fault, names=names, wish=wish, host=_number(rest) if wish == "signal" else _host(line), call=call)


def _wish(words: list[str]) -> Wish:
    for wish, known in _WISHES:
        if not known.isdisjoint(words):
            return wish
    return ""


def _words(lines: Iterable[str]) -> list[str]:
    return [word.lower() for line in lines for word in _WORD.findall(line)]


def _names(line: str, place: int) -> tuple[tuple[str, ...], ...]:
    """What a line names: in quotes, or else before the colon of the phrase."""
    quoted = [next(filter(None, found.groups())) for found in _QUOTED.finditer(line)]
    if quoted:
        return tuple((name,) for name in quoted[:_NAMES] if "\0" not in name)
    parts = [part.strip() for part in _ERRNO.sub("", line[:place]).rstrip(": ([").split(": ")]
    if len(parts) < 2 and " " not in parts[0] and "/" not in parts[0]:
        return ()  # the name of the program that complains
    return _readings(parts[-1])


def _named_above(line: str) -> tuple[tuple[str, ...], ...]:
    quoted = [next(filter(None, found.groups())) for found in _QUOTED.finditer(line)]
    if any("/" in name for name in quoted):
        return tuple((name,) for name in quoted[:_NAMES])
    return _readings(line[line.index("/") :].split(": ", maxsplit=1)[0]) if "/" in line else ()


def _readings(part: str) -> tuple[tuple[str, ...], ...]:
    """A name that may have words before it: `cannot create /x`, `open x`, `/a file`."""
    readings = [part]
    if "/" in part:
        readings.append(part[part.index("/") :])
    if " " in part:
        readings.append(part.rsplit(" ", 1)[1])
    found = tuple(dict.fromkeys(one for one in readings if one and "\0" not in one))
    return (found,) if found else ()


def _host(line: str) -> str:
    found = _HOST.search(line)
    if found is None:
        return ""
    host, port = found.group(1).rstrip("."), found.group(2)
    return f"{host}:{port}" if port else host


def _number(text: str) -> str:
    found = _NUMBER.findall(text)
    return str(found[-1]) if found else ""
