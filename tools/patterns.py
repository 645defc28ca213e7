r"""Regular expressions and globs that cannot hang: RE2 behind a typed face.

The documented syntax of `grep` is RE2's. ripgrep reads a slightly other language (Unicode `\d`, set operations in
classes, anchors over many lines), so a pattern is translated before ripgrep sees it: it must find at least the lines
that RE2 finds. Source of the syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Literal, Protocol, cast

from .errors import ToolError

_PERL = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\x{9}\x{A}\x{C}\x{D}\x{20}"}
_CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_REPEAT = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_GROUP = re.compile(r"\((?:\?P?<[A-Za-z0-9_]+>|\?(?P<flags>[imsU-]*)(?P<end>[:)]))")
_HEX = re.compile(r"x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))")
_OCTAL = re.compile(r"[0-7]{1,3}")
_PROPERTY = re.compile(r"([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Za-z]))")
_POSIX = re.compile(r"\[:\^?[a-z]+:\]")

Dialect = Literal["rust", "re2"]


class Compiled(Protocol):
    """What of a compiled RE2 expression is used here; texts are bytes in UTF-8."""

    def search(self, text: bytes) -> object | None: ...

    def fullmatch(self, text: bytes) -> object | None: ...


class _Options(Protocol):
    case_sensitive: bool
    dot_nl: bool
    log_errors: bool
    never_capture: bool


class _Engine(Protocol):
    """The part of google-re2 that is used; the package ships no types."""

    Options: Callable[[], _Options]
    error: type[Exception]

    def compile(self, pattern: bytes, options: _Options) -> Compiled: ...


_engine = cast("_Engine", importlib.import_module("re2"))


def compile_pattern(pattern: str, *, case_insensitive: bool = False) -> Compiled:
    """The pattern in RE2; ToolError says what is wrong with it."""
    options = _engine.Options()
    options.case_sensitive = not case_insensitive
    # RE2 prints its own complaint to standard error otherwise, with the model's text in it.
    options.log_errors = False
    options.never_capture = True
    try:
        return _engine.compile(pattern.encode("utf-8"), options)
    except (_engine.error, UnicodeEncodeError) as problem:
        why = problem.args[0] if problem.args else "not a regular expression"
        said = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ToolError(
            f"the pattern is not in RE2 syntax: {said}",
            hint="RE2 has no look-around and no back-references; put a backslash before a character that is meant literally",
        ) from problem


class _Untranslatable(Exception):
    """The pattern is RE2's, but what it means elsewhere is not certain."""


def translate(pattern: str, dialect: Dialect) -> str | None:
    """A pattern that finds, in a text of many lines, every line that RE2 finds in `pattern` line by line; None when
    no such pattern is known. `pattern` must have been accepted by `compile_pattern`.
    """
    try:
        return _Translator(pattern, dialect).run()
    except (_Untranslatable, IndexError, ValueError):
        return None


def _point(code: int) -> str:
    """One character, spelled so that no dialect reads it as an operator."""
    if code == 10:
        # A line holds no line feed: such a pattern finds nothing, and ripgrep refuses it.
        raise _Untranslatable
    return f"\\x{{{code:X}}}"


class _Translator:
    """One pass over the text; every literal is respelled as a code point."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._text = text
        self._dialect = dialect
        self._at: int = 0

    def run(self) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            out.append(self._one())
        return "".join(out)

    def _one(self) -> str:
        here = self._text[self._at]
        if here == "\\":
            return self._escape()
        if here == "[":
            return self._class()
        if here == "(" and (group := _GROUP.match(self._text, self._at)):
            self._at = group.end()
            return self._group(group)
        if here == "{" and (repeat := _REPEAT.match(self._text, self._at)):
            self._at = repeat.end()
            return repeat.group()
        self._at += 1
        if here == "^":
            return "(?m:^)"
        if here == "$":
            return "(?m:$)"
        return here if here in "()|*+?." else _point(ord(here))

    @staticmethod
    def _group(group: re.Match[str]) -> str:
        if group["flags"] is None:
            return "(?:"
        # `m` is decided by the anchors above; a flag group that held nothing else is empty.
        wanted, _, unwanted = group["flags"].replace("m", "").partition("-")
        flags = wanted + (f"-{unwanted}" if unwanted else "")
        if group["end"] == ")":
            return f"(?{flags})" if flags else ""
        return f"(?{flags}:"

    def _escape(self) -> str:
        letter = self._text[self._at + 1]
        if letter == "Q":
            end = self._text.find("\\E", self._at)
            end = len(self._text) if end < 0 else end
            literal = self._text[self._at + 2 : end]
            self._at = end + 2
            return "".join(_point(ord(one)) for one in literal)
        if letter in "bBAz":
            self._at += 2
            word = f"\\{letter}" if self._dialect == "re2" else f"(?-u:\\{letter})"
            return {"A": "(?m:^)", "z": "(?m:$)"}.get(letter, word)
        if letter in "dwsDWS":
            self._at += 2
            return f"[{'^' if letter.isupper() else ''}{_PERL[letter.lower()]}]"
        if (named := self._property()) is not None:
            return named
        return _point(self._escaped_point())

    def _property(self) -> str | None:
        found = _PROPERTY.match(self._text, self._at + 1)
        if found is None:
            return None
        self._at = found.end()
        letter = found[1].swapcase() if found[2] else found[1]
        return f"\\{letter}{{{found[3] or found[4]}}}"

    def _escaped_point(self) -> int:
        """The code point that a backslash and what follows stand for; moves behind it."""
        start = self._at + 1
        letter = self._text[start]
        if found := _HEX.match(self._text, start):
            self._at = found.end()
            return int(found[1] or found[2], 16)
        if found := _OCTAL.match(self._text, start):
            self._at = found.end()
            return int(found.group(), 8)
        self._at = start + 1
        if letter in _CONTROL:
            return _CONTROL[letter]
        if letter.isalnum():
            raise _Untranslatable
        return ord(letter)

    def _class(self) -> str:
        self._at += 1
        out = ["["]
        if self._text[self._at] == "^":
            self._at += 1
            out.append("^")
        first = True
        while first or self._text[self._at] != "]":
            first = False
            out.append(self._class_item())
        self._at += 1
        return "".join([*out, "]"])

    def _class_item(self) -> str:
        if named := _POSIX.match(self._text, self._at):
            self._at = named.end()
            return named.group()
        if self._text[self._at] == "\\":
            letter = self._text[self._at + 1]
            if letter in "dws":
                self._at += 2
                return _PERL[letter]
            if letter in "DWS":
                self._at += 2
                return f"\\{letter}" if self._dialect == "re2" else f"[^{_PERL[letter.lower()]}]"
            if (named_class := self._property()) is not None:
                return named_class
        low = self._class_point()
        if self._text[self._at] == "-" and self._text[self._at + 1] != "]":
            self._at += 1
            return f"{_class_spelling(low)}-{_class_spelling(self._class_point())}"
        return _class_spelling(low)

    def _class_point(self) -> int:
        if self._text[self._at] == "\\":
            return self._escaped_point()
        self._at += 1
        return ord(self._text[self._at - 1])


def _class_spelling(code: int) -> str:
    return f"\\x{{{code:X}}}"


class Glob:
    """A glob over paths with `/`: `*`, `?` and `[...]` within a name, `**` across directories, `{a,b}` either.

    A glob without `/` is matched against the last name of a path, at any depth.
    """

    def __init__(self, text: str) -> None:
        cleaned = text.removeprefix("./")
        parts = cleaned.split("/")
        if cleaned.startswith("/") or ".." in parts:
            raise ToolError(f"the glob `{visible_glob(text)}` leaves the directory that is searched", hint="give the directory in `path`")
        self.names_hidden = any(part.startswith(".") for part in parts)
        self._by_name = "/" not in cleaned
        options = _engine.Options()
        options.dot_nl = True
        options.log_errors = False
        options.never_capture = True
        try:
            self._compiled = _engine.compile(_glob_expression(cleaned).encode("utf-8"), options)
        except (_engine.error, UnicodeEncodeError) as problem:
            raise ToolError(
                f"`{visible_glob(text)}` is not a glob", hint="close every `[` and `{`, or put a backslash before it"
            ) from problem

    def matches(self, relative: str) -> bool:
        """Whether the path, relative to the directory that is searched, fits."""
        subject = relative.rsplit("/", 1)[-1] if self._by_name else relative
        return self._compiled.fullmatch(os_bytes(subject)) is not None


def os_bytes(name: str) -> bytes:
    """A file name as UTF-8 for matching; bytes that are not UTF-8 become the replacement character."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode("utf-8")


def visible_glob(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")[:200]


def _glob_expression(glob: str) -> str:
    out: list[str] = []
    depth = 0
    at = 0
    while at < len(glob):
        here = glob[at]
        starts = at == 0 or glob[at - 1] == "/"
        if starts and glob.startswith("**/", at):
            out.append("(?:[^/]+/)*")
            at += 3
        elif starts and glob[at:] == "**":
            out.append(".+")
            at += 2
        elif here == "*":
            out.append("[^/]*")
            at += 1
        elif here == "?":
            out.append("[^/]")
            at += 1
        elif here == "[":
            at, spelled = _glob_class(glob, at)
            out.append(spelled)
        elif here == "\\" and at + 1 < len(glob):
            out.append(_class_spelling(ord(glob[at + 1])))
            at += 2
        elif here == "{":
            depth += 1
            out.append("(?:")
            at += 1
        elif here in ",}" and depth:
            out.append("|" if here == "," else ")")
            depth -= here == "}"
            at += 1
        else:
            out.append(_class_spelling(ord(here)))
            at += 1
    return "".join(out)


def _glob_class(glob: str, at: int) -> tuple[int, str]:
    end = glob.find("]", at + 2 + (glob[at + 1 : at + 2] in ("!", "^")))
    if end < 0:
        raise ToolError(f"`{visible_glob(glob)}` is not a glob", hint="close every `[`, or put a backslash before it")
    body = glob[at + 1 : end]
    negated = body[0] in "!^"
    body = body[1:] if negated else body
    spelled = "".join("-" if one == "-" and 0 < place < len(body) - 1 else _class_spelling(ord(one)) for place, one in enumerate(body))
    # A class never crosses a directory: `/` is taken out by asking for a name's character first.
    return end + 1, f"[^/{spelled}]" if negated else f"[{spelled}]"
