"""Programs of awk, read for what they could start, read or write. Anything of the kind is `Unknown`.

Source of the grammar: POSIX awk and the gawk manual. Whether `/` divides or begins a pattern depends on what stands before
it; where the two could be mistaken, no harmless reading is assumed.
"""

from __future__ import annotations

import re

from ..holes import SPLIT, has_hole
from .interpreter import Analyst, Sheet
from .options import Opaque

_WORDS = re.compile(r"(?:(?<![A-Za-z0-9_])|[0-9.][xXA-Fa-f]*)(system|getline|ARGV|ARGC|SYMTAB|FUNCTAB|extension)(?![A-Za-z0-9_])")
"""A name may touch the number before it: `1system("x")` calls."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9.]+")
_BRACKET = re.compile(r"\[\^?\]?(?:\[:[a-z]+:\]|\\.|[^\]\[\\])*\]", re.DOTALL)
_OPERAND_FOLLOWS = frozenset("(,!~{};\n&|=<>+-*%^?:")
_KEYWORDS = frozenset({"print", "printf", "return", "in", "case", "do", "else"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class _Program:
    """One program, token by token; the first fault ends the reading."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.braces = 0
        self.parentheses = 0
        self.before = "\n"
        self.divides = False

    def fault(self) -> str | None:
        while self.at < len(self.text):
            problem = self._token()
            if problem is not None:
                return problem
        if self.divides and not set("|>@").isdisjoint(self.text):
            return "it divides, and holds `|`, `>` or `@`"
        return None

    def _token(self) -> str | None:
        one = self.text[self.at]
        self.at += 1
        if one in " \t\r":
            return None
        if one == "\\" and self.text[self.at : self.at + 1] == "\n":
            self.at += 1
            return None
        if one == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            return None
        if one == '"':
            return self._string()
        if one == "/":
            return self._slash()
        name = _NAME.match(self.text, self.at - 1)
        if name is not None:
            self.at = name.end()
            self.before = "(" if name[0] in _KEYWORDS else "a"
            return None
        return self._sign(one)

    def _sign(self, one: str) -> str | None:
        following = self.text[self.at : self.at + 1]
        if one in "+-" and following == one:
            # `x++ / 2` divides, `++/x/` would not: taken as a division, which is the careful reading.
            self.at += 1
            self.before = "a"
            return None
        if one == "|" and following == "|":
            self.at += 1
        elif one == "|":
            return "`|` starts a program"
        elif one == "@":
            return "`@` loads a file or calls by name"
        elif one == ">" and following != "=" and self.braces and not self.parentheses:
            return "`>` may write a file"
        elif one == "{":
            self.braces += 1
        elif one == "}":
            self.braces -= 1
        elif one in "([":
            self.parentheses += 1
        elif one in ")]":
            self.parentheses -= 1
        if self.braces < 0 or self.parentheses < 0:
            return "a bracket is closed that was not opened"
        if one in "{}" and self.parentheses:
            return "a brace stands inside parentheses"
        self.before = "(" if one == "[" else one if one in _OPERAND_FOLLOWS else "a"
        return None

    def _string(self) -> str | None:
        while self.at < len(self.text):
            one = self.text[self.at]
            self.at += 2 if one == "\\" else 1
            if one == '"':
                self.before = "a"
                return None
            if one == "\n":
                break
        return "a text does not end"

    def _slash(self) -> str | None:
        if self.before not in _OPERAND_FOLLOWS:
            self.divides = True
            self.before = "("
            return None
        begin = self.at
        while self.at < len(self.text):
            one = self.text[self.at]
            self.at += 2 if one == "\\" else 1
            if one == "/":
                self.before = "a"
                # Versions of awk differ in whether `/` ends a pattern inside brackets.
                return "`/` stands in a bracket expression" if _open_bracket(self.text[begin : self.at - 1]) else None
            if one == "\n":
                break
        return "a pattern does not end"


def _open_bracket(pattern: str) -> bool:
    """Whether a bracket expression is still open at the end of a pattern."""
    at = 0
    while at < len(pattern):
        if pattern[at] != "[":
            at += 2 if pattern[at] == "\\" else 1
            continue
        found = _BRACKET.match(pattern, at)
        if found is None:
            return True
        at = found.end()
    return False


def unaccounted(text: str) -> str | None:
    """Why a program cannot be accounted for; None when it only computes and prints."""
    if has_hole(text):
        return "only the run knows a part of it"
    word = _WORDS.search(text)
    if word is not None:
        return f"`{word[1]}` can start programs or name files"
    return _Program(text).fault()


def interpret_awk(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """The program is read; operands are files, but for assignments."""
    words = sheet.call.argv[1:]
    table = sheet.profile.table
    if words in table.exact:
        return words
    parsed = analyst.parse(sheet, table, words)
    analyst.meaning(sheet, table, parsed)
    operands = [one.word for one in parsed.operands()]
    sheet.operands[:] = operands
    if parsed.given("-f"):
        analyst.ledger.unknown("`awk` runs the program in this file", parsed.given("-f")[0].value or "", sheet.span)
    elif operands:
        why = "a name would be run as the program" if isinstance(operands[0], Opaque) else unaccounted(operands[0])
        if why is not None:
            analyst.ledger.unknown(f"this program of awk is not accounted for: {why}", operands[0], sheet.span)
        operands = operands[1:]
    for word in operands:
        if word != "-" and (SPLIT in word or not _ASSIGNMENT.match(word)):
            analyst.ledger.read(word, sheet.directory, sheet.span)
    return words
