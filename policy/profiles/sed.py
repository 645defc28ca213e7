"""Scripts of sed, read for what they read, write and run. Anything that is not fully understood is `Unknown`.

Source of the grammar: GNU sed 4.9, sed/compile.c.
"""

from __future__ import annotations

import posixpath

from ..holes import has_hole
from .interpreter import Analyst, Sheet
from .options import Given, Opaque

_BLANK = " \t\r\v\f"
_PLAIN = frozenset("=dDgGhHnNpPxFz")
_NUMBERED = frozenset("lLqQ")
_JUMPS = frozenset("btT")
_TEXTS = frozenset("aic")


class _NotUnderstoodError(Exception):
    """A place in a script that this reader cannot account for."""


class _Script:
    """One script, read character by character. `files` are (`read` or `write`, name) in the order of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.files: list[tuple[str, str]] = []

    def run(self) -> list[tuple[str, str]]:
        while self._skip(_BLANK + "\n;"):
            self._address()
            self._command()
        return self.files

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _next(self) -> str:
        one = self._peek()
        self.at += 1
        return one

    def _skip(self, characters: str) -> bool:
        while self._peek() and self._peek() in characters:
            self.at += 1
        return bool(self._peek())

    def _fail(self, why: str) -> _NotUnderstoodError:
        return _NotUnderstoodError(why)

    def _address(self) -> None:
        if self._one_address():
            self._skip(_BLANK)
            if self._peek() == ",":
                self.at += 1
                self._skip(_BLANK)
                if self._peek() in {"+", "~"}:
                    self.at += 1
                    self._digits()
                elif not self._one_address():
                    raise self._fail("an address is missing after `,`")
        self._skip(_BLANK + "!")

    def _one_address(self) -> bool:
        one = self._peek()
        if one.isdecimal() and one.isascii():
            self._digits()
            self._skip(_BLANK)
            if self._peek() == "~":
                self.at += 1
                self._digits()
            return True
        if one == "$":
            self.at += 1
            return True
        if one in {"/", "\\"} and one:
            self.at += 1
            self._until(self._delimiter(self._next()) if one == "\\" else "/")
            while self._peek() and self._peek() in "IM":
                self.at += 1
            return True
        return False

    def _digits(self) -> None:
        while self._peek().isdecimal() and self._peek().isascii():
            self.at += 1

    def _delimiter(self, one: str) -> str:
        if not one or one in "\n\\" or not one.isascii():
            raise self._fail("this delimiter is not accounted for")
        return one

    def _until(self, delimiter: str, *, newlines: bool = False) -> str:
        """Up to the delimiter; a backslash takes the next character with it, brackets mean nothing here."""
        begin = self.at
        while True:
            one = self._next()
            if not one:
                raise self._fail(f"`{delimiter}` is missing")
            if one == delimiter:
                return self.text[begin : self.at - 1]
            if one == "\\":
                if not self._next():
                    raise self._fail("the script ends in a backslash")
            elif one == "\n" and not newlines:
                raise self._fail("a newline stands in a pattern")

    def _command(self) -> None:
        one = self._next()
        if one == "{":
            return
        if one == "}" or (one and one in _PLAIN):
            self._end()
        elif one == "#":
            self._line()
        elif one and one in _NUMBERED:
            self._skip(_BLANK)
            self._digits()
            self._end()
        elif one and one in _JUMPS:
            self._label()
        elif one == ":":
            self._skip(_BLANK)
            self._label()
        elif one == "s":
            self._substitute()
        elif one == "y":
            delimiter = self._delimiter(self._next())
            self._until(delimiter)
            self._until(delimiter)
            self._end()
        elif one and one in _TEXTS:
            self._text()
        elif one and one in "rR":
            self._file("read")
        elif one and one in "wW":
            self._file("write")
        else:
            raise self._fail(f"the command `{one}` is not accounted for")

    def _end(self) -> None:
        self._skip(_BLANK)
        if self._peek() not in {"", "\n", ";", "}", "#"}:
            raise self._fail("a command does not end where it should")

    def _line(self) -> str:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        line = self.text[self.at : end]
        self.at = end
        return line

    def _label(self) -> None:
        # Versions of sed differ in whether `;` ends a label: reading on from there covers both.
        self._skip(_BLANK)
        while self._peek() and self._peek() not in " \t\r\v\f\n;}":
            self.at += 1

    def _text(self) -> None:
        """Text up to a newline that no backslash precedes."""
        while (one := self._next()) and one != "\n":
            if one == "\\":
                self.at += 1

    def _file(self, kind: str) -> None:
        self._skip(_BLANK)
        name = self._line()
        if not name:
            raise self._fail("a file name is missing")
        self.files.append((kind, name))

    def _substitute(self) -> None:
        delimiter = self._delimiter(self._next())
        self._until(delimiter)
        self._until(delimiter, newlines=False)
        while True:
            one = self._peek()
            if one and one in "gpiIMm0123456789":
                self.at += 1
            elif one == "w":
                self.at += 1
                self._file("write")
                return
            elif one == "e":
                raise self._fail("the flag `e` runs what a substitution makes")
            else:
                self._end()
                return


def scan_sed(text: str) -> tuple[list[tuple[str, str]], str | None]:
    """The files that a script names, with `read` or `write`; and why it cannot be accounted for, or None."""
    if has_hole(text):
        return [], "only the run knows a part of it"
    script = _Script(text)
    try:
        return script.run(), None
    except _NotUnderstoodError as problem:
        return script.files, str(problem)


def interpret_sed(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """The script is read; `-i` replaces the files, through a temporary one beside each."""
    words = sheet.call.argv[1:]
    table = sheet.profile.table
    parsed = analyst.parse(sheet, table, words)
    pieces = [one.value or "" for one in parsed.given("-e")]
    operands = parsed.operands()
    if not parsed.given("-e", "-f") and operands:
        pieces = [operands[0].word]
        operands = operands[1:]
    for piece in pieces:
        if isinstance(piece, Opaque):
            analyst.ledger.unknown("`sed` would run a name as its script", piece, sheet.span)
    files, why = scan_sed("\n".join(pieces))
    for kind, name in files:
        (analyst.ledger.read if kind == "read" else analyst.ledger.write)(name, sheet.directory, sheet.span)
    if why is not None:
        analyst.ledger.unknown(f"this script of sed is not accounted for: {why}", "\n".join(pieces), sheet.span)
    analyst.meaning(sheet, table, parsed)
    for one in parsed.items:
        if isinstance(one, Given) and "-i" in one.option.spellings:
            _in_place(analyst, sheet, one.value or "", [operand.word for operand in operands])
    return words


def _in_place(analyst: Analyst, sheet: Sheet, suffix: str, operands: list[str]) -> None:
    if "/" in suffix or "*" in suffix or has_hole(suffix):
        analyst.ledger.unknown("where this suffix puts the old files is not accounted for", suffix, sheet.span)
    for word in operands:
        real = analyst.ledger.write(word, sheet.directory, sheet.span)
        if real is not None:
            # The new content is written to a temporary file beside the old one, which it then replaces.
            analyst.ledger.write(posixpath.dirname(real), "/", sheet.span)
        if real is not None and suffix:
            analyst.ledger.write(f"{word}{suffix}", sheet.directory, sheet.span)
