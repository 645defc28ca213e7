"""A repository's own configuration, read as text: which helpers it names, so that they can be switched off.

The grammar is that of git-config(1), "Syntax". Fail closed: a file that cannot be read whole, an include, or a line that is not
understood is a fault, and a git command on such a repository is not accounted for.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from .records import Record
from .scope import Files

_LIMIT = 262_144
_SECTION = re.compile(r'\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\.)*)")?\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*")
_BLANK = re.compile(r"[ \t\r\n]*(?:[#;][^\n]*)?")


class Entry(Record):
    """One value. `section` and `key` are in lower case, `subsection` is as written."""

    section: str
    subsection: str
    key: str
    value: str


class Repository(Record):
    """A repository as git finds it. `top` is the working tree, `common` where objects and configuration lie.

    `faults` are the reasons why what git would do here is not known.
    """

    top: str
    directory: str
    common: str
    entries: tuple[Entry, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()

    def values(self, section: str, key: str) -> tuple[str, ...]:
        return tuple(one.value for one in self.entries if one.section == section and one.key == key)

    def drivers(self, section: str) -> tuple[str, ...]:
        """The subsections of a section: the names of filters, remotes, diff or merge drivers."""
        return tuple(sorted({one.subsection for one in self.entries if one.section == section}))


class ConfigSyntaxError(Exception):
    """A configuration file that is not understood."""


def parse_config(text: str) -> tuple[Entry, ...]:
    """The entries of a configuration file. Raises ConfigSyntaxError for anything that is not plainly understood."""
    entries: list[Entry] = []
    section = subsection = ""
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None and blank.end() > at:
            at = blank.end()
            continue
        heading = _SECTION.match(text, at)
        if heading is not None:
            section, _, dotted = heading[1].lower().partition(".")
            if heading[2] is not None:
                # `[a.b "c"]` is the subsection `b.c`: the section ends at the first dot of the whole name.
                quoted = re.sub(r"\\(.)", r"\1", heading[2])
                subsection = f"{dotted}.{quoted}" if dotted else quoted
            else:
                subsection = dotted
            at = heading.end()
            continue
        key = _KEY.match(text, at)
        if key is None or not section:
            raise ConfigSyntaxError(text[at : at + 40])
        at = key.end()
        value = "true"
        if text[at : at + 1] == "=":
            value, at = _value(text, at + 1)
        elif text[at : at + 1] not in {"", "\n", "\r", "#", ";"}:
            raise ConfigSyntaxError(text[at : at + 40])
        entries.append(Entry(section=section, subsection=subsection, key=key[1].lower(), value=value))
    return tuple(entries)


def _value(text: str, at: int) -> tuple[str, int]:
    found: list[str] = []
    quoted = False
    kept = 0
    while at < len(text):
        one = text[at]
        at += 1
        if one == "\n":
            break
        if one == "\\":
            escaped = text[at : at + 1]
            at += 1
            if escaped == "\n":
                continue
            if escaped not in {"\\", '"', "n", "t", "b"}:
                raise ConfigSyntaxError(text[at - 2 : at + 20])
            found.append({"n": "\n", "t": "\t", "b": "\b"}.get(escaped, escaped))
            kept = len(found)
        elif one == '"':
            quoted = not quoted
            kept = len(found)
        elif one in "#;" and not quoted:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end + 1
            break
        elif one in " \t\r" and not quoted:
            if found:
                found.append(one)
        else:
            found.append(one)
            kept = len(found)
    if quoted:
        raise ConfigSyntaxError("a quote does not end")
    return "".join(found[:kept]), at


class _Finder:
    """Looks for the repository of one directory, as setup.c of git does, and reads its configuration."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.faults: list[tuple[str, str]] = []

    def find(self, directory: str) -> Repository | None:
        for folder in _upwards(directory):
            marker = posixpath.join(folder, ".git")
            kind = self.files.kind(marker)
            if kind == "symlink":
                self.faults.append(("`.git` is a symbolic link", marker))
                return self._repository(folder, marker)
            if kind == "directory" and self._looks_like_one(marker):
                return self._repository(folder, marker)
            if kind == "file":
                return self._linked(folder, marker)
            if kind not in {"missing", "directory"}:
                self.faults.append(("`.git` is neither a directory nor a file", marker))
                return self._repository(folder, marker)
            if self._looks_like_one(folder):
                self.faults.append(("a bare repository lies here, which brings a configuration of its own", folder))
                return self._repository(folder, folder)
        return None

    def _looks_like_one(self, path: str) -> bool:
        return all(self.files.kind(posixpath.join(path, name)) != "missing" for name in ("HEAD", "objects", "refs"))

    def _linked(self, folder: str, marker: str) -> Repository:
        text = self.files.read_text(marker, _LIMIT)
        target = text[len("gitdir: ") :].rstrip("\r\n") if text is not None and text.startswith("gitdir: ") else ""
        if not target or "\n" in target:
            self.faults.append(("this `.git` file is not understood", marker))
            return Repository(top=folder, directory=marker, common=marker, faults=tuple(self.faults))
        return self._repository(folder, posixpath.join(folder, target))

    def _repository(self, top: str, directory: str) -> Repository:
        try:
            directory = self.files.real(directory)
            common = self._common(directory)
        except OSError:
            self.faults.append(("where the repository lies is not known", directory))
            return Repository(top=top, directory=directory, common=directory, faults=tuple(self.faults))
        entries = self._read(posixpath.join(common, "config"))
        if any(one.section == "extensions" and one.key == "worktreeconfig" for one in entries):
            entries += self._read(posixpath.join(directory, "config.worktree"))
        self._links(top, directory, common)
        self._check(top, directory, common, entries)
        return Repository(top=top, directory=directory, common=common, entries=entries, faults=tuple(self.faults))

    def _common(self, directory: str) -> str:
        path = posixpath.join(directory, "commondir")
        if self.files.kind(path) == "missing":
            return directory
        text = (self.files.read_text(path, _LIMIT) or "").rstrip("\r\n")
        if not text or "\n" in text:
            raise OSError(path)
        return self.files.real(posixpath.join(directory, text))

    def _read(self, path: str) -> tuple[Entry, ...]:
        if self.files.kind(path) == "missing":
            return ()
        text = self.files.read_text(path, _LIMIT)
        if text is not None:
            try:
                return parse_config(text)
            except ConfigSyntaxError:
                pass
        self.faults.append(("this configuration of the repository is not understood", path))
        return ()

    def _check(self, top: str, directory: str, common: str, entries: Iterable[Entry]) -> None:
        for one in entries:
            name = f"{one.section}.{one.key}"
            if one.section in {"include", "includeif"}:
                self.faults.append(("the repository's configuration includes another file", one.value))
            elif name == "core.worktree" and not self._same(posixpath.join(directory, one.value), top):
                self.faults.append(("the repository names a working tree elsewhere", one.value))
            elif (one.section == "extensions" and one.key == "partialclone") or (one.section == "remote" and one.key == "promisor"):
                self.faults.append(("the repository fetches missing objects by itself", name))
            elif one.section == "tar" and one.key == "command":
                self.faults.append(("the repository's configuration names a program for archives", one.value))
            elif name in {"gc.recentobjectshook", "core.bare"} and (
                one.key != "bare" or one.value.lower() not in {"false", "no", "off", "0", ""}
            ):
                self.faults.append((f"`{name}` stands in the repository's configuration", one.value))
        for name in ("alternates", "http-alternates"):
            if self.files.kind(posixpath.join(common, "objects", "info", name)) != "missing":
                self.faults.append(("the repository takes objects from elsewhere", name))

    def _links(self, top: str, directory: str, common: str) -> None:
        """Git reads through a link in its own directory, and quotes what it does not understand there."""
        for folder in dict.fromkeys((directory, common, f"{common}/info", f"{common}/objects", f"{common}/objects/info")):
            for name in self.files.names(folder):
                path = f"{folder}/{name}"
                if self.files.kind(path) == "symlink" and not self._below(path, (top, directory, common)):
                    self.faults.append(("a symbolic link in the repository leads elsewhere", path))

    def _below(self, path: str, roots: tuple[str, ...]) -> bool:
        try:
            real = self.files.real(path)
        except OSError:
            return False
        return any(real == root or real.startswith(f"{root}/") for root in roots)

    def _same(self, path: str, top: str) -> bool:
        try:
            return self.files.real(path) == self.files.real(top)
        except OSError:
            return False


def _upwards(directory: str) -> list[str]:
    found = [directory]
    while found[-1] != "/":
        found.append(posixpath.dirname(found[-1]))
    return found


def find_repository(directory: str, files: Files) -> Repository | None:
    """The repository that git would use in this real directory; None when there is none. Never raises."""
    return _Finder(files).find(directory)


def user_identity(home: str, files: Files) -> tuple[tuple[str, str], ...]:
    """`user.name` and `user.email` of the user's own configuration, which commits need and which runs nothing."""
    found = {f"user.{key}": values[-1] for key in ("email", "name") if (values := user_values(home, files, "user", key))}
    return tuple(found.items())


def user_values(home: str, files: Files, section: str, key: str) -> tuple[str, ...]:
    """What the user's own configuration says of `section.key`, the value that wins last; a file not understood says nothing."""
    found: list[str] = []
    for path in (f"{home}/.config/git/config", f"{home}/.gitconfig"):
        text = files.read_text(path, _LIMIT)
        try:
            entries = parse_config(text) if text is not None else ()
        except ConfigSyntaxError:
            continue
        found += [one.value for one in entries if one.section == section and one.key == key and not one.subsection]
    return tuple(found)


def path_in_revision(word: str, directory: str, files: Files) -> str | None:
    """The path that `REV:PATH`, `:PATH` or `:2:PATH` names, as it would lie in the working tree; None for other words.

    Source: gitrevisions(7).
    """
    revision, colon, path = word.partition(":")
    if not colon or not path or (not revision and path.startswith(("/", "!"))):
        return None
    if not revision and path[:2] in {"0:", "1:", "2:", "3:"}:
        path = path[2:]
    if path.startswith(("./", "../")):
        return posixpath.join(directory, path)
    repository = find_repository(directory, files)
    return posixpath.join(repository.top if repository is not None else directory, path)
