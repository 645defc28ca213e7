"""The expression of find: every action is named; what -exec starts is judged with the start points for `{}`.

Source of the grammar: GNU findutils 4.9, find(1).
"""

from __future__ import annotations

from ..holes import SPLIT, has_hole
from .interpreter import Analyst, Names, Sheet
from .options import Opaque, Several

_PLAIN = frozenset(
    {
        "-H", "-P", "-empty", "-executable", "-readable", "-writable", "-true", "-false", "-nouser", "-nogroup", "-daystart",
        "-depth", "-d", "-mount", "-xdev", "-noleaf", "-ignore_readdir_race", "-noignore_readdir_race", "-warn", "-nowarn",
        "-print", "-print0", "-prune", "-quit", "-ls", "-not", "-a", "-and", "-o", "-or", "(", ")", "!", ",", "-help", "--help",
        "-version", "--version",
    }
)  # fmt: skip
_WITH_TEXT = frozenset(
    {
        "-amin", "-atime", "-cmin", "-ctime", "-fstype", "-gid", "-group", "-ilname", "-iname", "-inum", "-ipath", "-iregex",
        "-iwholename", "-links", "-lname", "-maxdepth", "-mindepth", "-mmin", "-mtime", "-name", "-path", "-perm", "-regex",
        "-regextype", "-size", "-type", "-uid", "-used", "-user", "-wholename", "-xtype", "-context", "-printf", "-D",
    }
)  # fmt: skip
_WITH_REFERENCE = frozenset({"-samefile", "-anewer", "-cnewer", "-newer"})
_WITH_OUTPUT = frozenset({"-fprint", "-fprint0", "-fls", "-fprintf"})
_RUNNERS = frozenset({"-exec", "-ok", "-execdir", "-okdir"})


class _Expression:
    """One command line of find, read word by word; `words` are rewritten where a program is started."""

    def __init__(self, analyst: Analyst, sheet: Sheet) -> None:
        self.analyst = analyst
        self.sheet = sheet
        self.words = list(sheet.call.argv[1:])
        self.at = 0
        self.starts: list[str] = []
        self.follows = False
        self.deletes = False
        self.runs = False
        self.files_only = False
        self.branches = False
        self.names_links = False
        self.other_output = False
        self.separators: set[str] = set()

    def unknown(self, why: str, subject: str) -> None:
        self.analyst.ledger.unknown(why, subject, self.sheet.span)

    def read(self) -> tuple[str, ...]:
        for word in self.words:
            if SPLIT in word:
                self.unknown("only the run knows this word, and it may become several", word)
        self._starts()
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word.startswith("-"):
                self.sheet.options.add(word)
            self._primary(word)
        self._below_starts()
        return tuple(self.words)

    def _starts(self) -> None:
        while self.at < len(self.words):
            word = self.words[self.at]
            if word in {"-H", "-P", "-L"} or (word.startswith("-O") and word[2:].isdecimal()):
                self.follows = self.follows or word == "-L"
                self.sheet.options.add(word)
            elif word == "-D":
                self.at += 1
            elif word == "--":
                pass
            elif word.startswith("-") or word in {"(", "!", ")", ","}:
                break
            else:
                self.starts.append(word)
            self.at += 1
        self.sheet.operands += self.starts
        self.starts = self.starts or ["."]

    def _value(self, word: str) -> str | None:
        if self.at >= len(self.words):
            self.unknown("this word of `find` needs another one", word)
            return None
        self.at += 1
        value = self.words[self.at - 1]
        if isinstance(value, Several):
            self.unknown("only the run knows this word, and it may become several", value)
        return value

    def _primary(self, word: str) -> None:
        ledger, directory, span = self.analyst.ledger, self.sheet.directory, self.sheet.span
        if has_hole(word):
            self.unknown("only the run knows this word, and it may be an action of `find`", word)
        elif word in _PLAIN:
            self.separators |= {"\0"} if word == "-print0" else {"\n"} if word == "-print" else set()
            self.branches = self.branches or word in {"-o", "-or", ",", "!", "-not"}
            self.other_output = self.other_output or word in {"-ls", "-help", "--help", "-version", "--version"}
        elif word in {"-L", "-follow"}:
            self.follows = True
        elif word in _WITH_TEXT:
            value = self._value(word)
            self.files_only = self.files_only or (word == "-type" and value == "f")
            self.other_output = self.other_output or word == "-printf"
        elif word == "-files0-from":
            value = self._value(word)
            if value is not None:
                self.analyst.word(self.sheet, "list", value)
        elif word in _WITH_REFERENCE or (word.startswith("-newer") and len(word) == len("-newerXY")):
            value = self._value(word)
            if value is not None and not word.endswith("t"):
                ledger.read(value, directory, span)
        elif word in _WITH_OUTPUT:
            value = self._value(word)
            # The file may be the standard output: what is printed there is then more than names.
            self.other_output = True
            if value is not None:
                ledger.write(value, directory, span)
            if word == "-fprintf":
                self._value(word)
        elif word == "-delete":
            self.deletes = True
        elif word in _RUNNERS:
            self._run(word)
        else:
            self.unknown("this word of `find` is not accounted for", word)

    def _run(self, word: str) -> None:
        begin = self.at
        while self.at < len(self.words):
            last = self.words[self.at]
            # `-ok` and `-okdir` go on to the `;`: to them `+` is a word like any other.
            many = word in {"-exec", "-execdir"} and last == "+" and self.at > begin and self.words[self.at - 1] == "{}"
            if last == ";" or many:
                break
            self.at += 1
        inner = self.words[begin : self.at]
        end = self.at
        self.at += 1
        if end >= len(self.words) or not inner:
            self.unknown("the command of this action has no end", word)
            return
        # A word that only the run knows may be the `;` that ends the action, so that what follows means something else.
        if word in {"-execdir", "-okdir"} or any(("{}" in one and one != "{}") or has_hole(one) for one in inner):
            self.unknown("what this action would run is not known", f"{word} {' '.join(inner)}")
        self.runs = True
        self.names_links = self.names_links or not self.files_only
        if inner[0] == "{}":
            self.analyst.script(Opaque(self.starts[0]), self.sheet)
            self.unknown("files that are found would be run", f"{word} {' '.join(inner)}")
            return
        written: tuple[str, ...] = ()
        stand_in = Several if self.words[end] == "+" else Opaque
        for start in self.starts:
            written = self.analyst.inner(self.sheet, tuple(stand_in(start) if one == "{}" else one for one in inner))
        # INVARIANT: what runs has `{}` where the judged vector has an opaque word.
        back = ["{}" if isinstance(one, Opaque) else str(one) for one in written]
        self.words[begin:end] = back
        self.at += len(back) - len(inner)

    def _below_starts(self) -> None:
        ledger, sheet = self.analyst.ledger, self.sheet
        follows_names = self.runs and (self.names_links or self.branches)
        for start in self.starts:
            if self.follows:
                ledger.follow(start, sheet.directory, sheet.span)
            else:
                real = ledger.read(start, sheet.directory, sheet.span, recursive=True)
                if follows_names and real is not None:
                    # The program that is started follows a link that find only names.
                    ledger.links_stay(real, sheet.span)
            if self.deletes:
                ledger.delete(start, sheet.directory, sheet.span, recursive=True)
        sheet.names = None
        # Where `-print` and `-print0` both speak, no separator parts the names.
        if not (self.other_output or self.runs) and len(self.separators) <= 1:
            plain = self.files_only and not (self.follows or self.branches)
            sheet.names = Names(roots=tuple(self.starts), separator=next(iter(self.separators), "\n"), plain=plain)


def interpret_find(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """Writes down what a command line of find does."""
    return _Expression(analyst, sheet).read()
