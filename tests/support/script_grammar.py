"""Random scripts: from a grammar around the subset, and mutations of known tricky ones.

Marker commands are `m0`, `m1`, ... (which succeed in the oracle) and `n0`, ... (which fail), files are `f0`, ...
Most scripts hold one thing that the subset refuses at most, so that many are accepted and the rest probe its edge.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

_SPLICES = (
    "'", '"', "$", "`", "\\", "(", ")", "{", "}", "<", ">", "&", "|", ";", "\n", " ", "#", "!", "*", "[", "]", "=", "~",
    "$(", "<(", "${", "$((", "\\\n", "$'", "<<E\n", "<<'E'\n", "\nE\n", "&&", "||", ">f1", "m7", "\t", ":-", "@P", '""', "''",
    " m8 ", ";m9;", "`m6`", "$(m5)", "x=", "a[0]=", "2>", ">&", "<<<", " #", "\\\n ", ",", "..", "{a,b}", "&>", ">|", "2", " 2>&1",
    "~/", ":~", "$X1", "${X5}", "-", "%", "A=", "cd d", "cd ..", "\n\n", ";;", "|&", "if ", "[a-c]", "?", "/",
)  # fmt: skip
_PLAIN = (
    "a", "b", "1", "-x", "--long=1", "a.b", "/t", "a=b", "é", "a#b", "%", "^", "@", "+", "}", "]", "{", "{}", "a{b}", "x{,", "!", "HEAD~1",
    "@{u}", "a,b", ":", "=", "0", "a:b", ".", "..", "-", "--", "a~", "{a}", "2", "10", "[", "a]", "[]a", "--a={}", "{a\\,b}", "{'a,b'}",
)  # fmt: skip
_GLOBS = (
    "*", "*.txt", "?1", "d/*", "*/one.py", "[a-b].txt", "[!a]*", ".h*", ".*", "*/", "d*/*.py", "x[12]", "x[[:digit:]]", "[[:upper:]]*", "-*",
    "no*pe", "**", "d//*", "./*", "../w/*.md", "/mnt/w/x?", "*.nope", "l*k/*", "*/..", "?", "a*t", "*a*.*", "\\**", "'*'*", "x\\[1]", "[ab",
    "*'.txt'", '"a"*', "br*", "e*/*", "d/.*", "with*", "[x-z]?", "[^x]1", "*[0-9]", "é*", "[é]*", "[[:alpha:]].txt", "x[1]", "x'[1]'",
    "*/*/*", "d/*/", "l*/", "d/up/*.md", "*/sub/..", "[a-]*", "[.]*", "[*]", "[!-a]*", "empty/*", "*/.keep", "b*/x", "x[]1]", "x[!]]",
)  # fmt: skip
_QUOTED = ("a", ";", "$(m7)", '"', ")", "`", "#", "\\", "(", "", " ", "\n", "*", "~", "{a,b}", "$X1", "&", "|", "<", "\t", "\\\n")
_DOUBLE = ("a", ";", ")", "'", "#", "(", " ", "\n", "*", "~", "{a,b}", "\\$", "\\\\", '\\"', "\\`", "\\n", "\\\n", "$", "!", "\\a", "\t")
_VARIABLES = ("$X0", "${X1}", "$X2", "$X3", "${X4}", "$X5", "$X6", "$A", "$B", "$UNSET", "$HOME", "$PWD", "$X7", "${A}x", "$X0/a", "$PATH")
_OUTSIDE = (
    "$(m6)", "`m6`", "<(m6)", "$'a'", '$"a"', "$((1+1))", "$[1]", "${X0:-a}", "$?", "$$", "$1", "{a,b}", "{1..3}", "~root", "~+", "@(a|b)",
    "a\\\nb", "${X0}\\\n", "$@", "!(a)", "x=~", "$_", "${#X0}",
)  # fmt: skip


def scripts(count: int, seed: int, corpus: Sequence[str]) -> list[str]:
    """That many different scripts; the same for the same seed and corpus."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        kind = chance.random()
        text = chance.choice(corpus) if kind > 0.75 else _Grammar(chance).script()
        if kind > 0.55:
            text = _mutated(chance, text)
        if len(text) < 600 and "\0" not in text:
            found[text] = None
    return list(found)


def _mutated(chance: random.Random, text: str) -> str:
    characters = list(text)
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(characters) + 1)
        kind = chance.random()
        if kind < 0.55:
            characters[at:at] = chance.choice(_SPLICES)
        elif kind < 0.8:
            del characters[at : at + chance.choice((1, 1, 2))]
        else:
            end = chance.randrange(len(characters) + 1)
            characters[at:at] = characters[min(at, end) : max(at, end)][:12]
    return "".join(characters)


class _Grammar:
    """One script; `documents` are the bodies that are due after the next newline."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0
        self.documents: list[str] = []

    def script(self) -> str:
        text = self.pipeline()
        for _ in range(self.chance.choice((0, 0, 1, 1, 2, 3))):
            text += self.separator() + self.pipeline()
        text += self.chance.choice(("", "", "", "\n", ";", " ", " # end", "\n\n# end", " \\\n"))
        if self.documents:
            text += self.newline() + self.chance.choice(("", "m8", "m8 a\n"))
        return self.chance.choice(("", "", "", "\n", "# c\n", " ", "\\\n")) + text

    def newline(self) -> str:
        due, self.documents = "".join(self.documents), []
        return "\n" + due

    def separator(self) -> str:
        found = self.chance.choice(
            (";", "; ", "\n", "\n\n", " && ", " || ", "&&", "||", "\n# c\n", " # it's\n", "&&\n", " ||\n", " ; ", " && \\\n")
        )
        if "\n" not in found or found.endswith("\\\n"):
            return found
        head, tail = found.split("\n", 1)
        return head + self.newline() + tail

    def pipeline(self) -> str:
        text = self.command()
        for _ in range(self.chance.choice((0, 0, 0, 0, 1, 2))):
            text += self.chance.choice(("|", " | ", " |" + self.newline(), "| ")) + self.command()
        return text

    def command(self) -> str:
        chance = self.chance
        kind = chance.random()
        if kind < 0.07:
            return chance.choice(("A", "B", "C")) + "=" + chance.choice((self.word(), "", "~", "~/x", "*"))
        if kind < 0.14:
            return "cd " + chance.choice(
                ("d", "..", "link", ".", "d/sub", "d/../d-e", "link/..", "/mnt/w/d", "nope", "", "-- d", "$X0", "d/up", '"d"', "~")
            )
        if kind < 0.17:
            return ":" + chance.choice(("", " a", " >f3", " $X4"))
        text = ""
        for _ in range(chance.choice((0, 0, 0, 0, 1, 2))):
            text += chance.choice(("A", "B", "C")) + "=" + chance.choice((self.word(), "", "~", "$A", "~/x", "{a,b}", "a=b")) + " "
        if chance.random() < 0.07:
            text += self.redirection() + " "
        text += chance.choice("mmmmmn") + str(self.count % 6)
        self.count += 1
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            text += chance.choice((" ", " ", "  ", "\t", " \\\n")) + self.word()
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            text += chance.choice((" ", " ", "")) + self.redirection()
        return text

    def word(self) -> str:
        return "".join(self.part() for _ in range(self.chance.choice((1, 1, 1, 2, 2, 3))))

    def part(self) -> str:
        chance = self.chance
        kind = chance.random()
        if kind < 0.28:
            return chance.choice(_PLAIN)
        if kind < 0.42:
            return chance.choice(_GLOBS)
        if kind < 0.56:
            return "'" + chance.choice(_QUOTED) + "'"
        if kind < 0.72:
            inside = (
                chance.choice(_DOUBLE) if chance.random() < 0.6 else chance.choice(_VARIABLES) for _ in range(chance.choice((0, 1, 2, 3)))
            )
            return '"' + "".join(inside) + '"'
        if kind < 0.88:
            return chance.choice(_VARIABLES)
        if kind < 0.93:
            return "\\" + chance.choice(" ;$*\"'\\~#{&|<>(a\t")
        if kind < 0.965:
            return chance.choice(("~", "~/a", "a~", "~"))
        return chance.choice(_OUTSIDE)

    def redirection(self) -> str:
        chance = self.chance
        kind = chance.random()
        if kind < 0.5:
            sign = chance.choice((">", ">>", "2>", "&>", ">|", "> ", "1>", "&>>", "3>", "2>>"))
            return sign + chance.choice(
                ("f0", "f1", '"f2"', "'f'3", "d/f4", "\\f5", "$X0", "../w/f6", "/mnt/w/f7", "/dev/null", "link/f8", "a.t*", "$A")
            )
        if kind < 0.6:
            return chance.choice(("<a.txt", "< b.txt", "<nope", "0<a.txt", "<'a'.txt"))
        if kind < 0.75:
            return chance.choice(("2>&1", ">&2", "1>&2", "<&-", "3>&-", "2>&-", "3<&0", "<&0"))
        if kind < 0.8:
            return chance.choice(("<>f0", ">&f0", "<<<a", "{fd}>f0", "12>f0", ">&1f0", "2>&$X0", ">#f", "<<E"))
        return self.here_document()

    def here_document(self) -> str:
        chance = self.chance
        strip = chance.choice(("", "", "-"))
        lines = (
            "a\n",
            "$(m7)\n",
            "`m7`\n",
            "it's\n",
            '"\n',
            "E \n",
            "# c\n",
            "\\\n",
            "$X0\n",
            "m7\n",
            "\n",
            "\tb\n",
            "EE\n",
            "foo\\\n",
            "${\n",
            ")\n",
        )
        body = "".join(chance.choice(lines) for _ in range(chance.choice((0, 1, 2, 3))))
        self.documents.append(body + ("\t" if strip and chance.random() < 0.5 else "") + "E\n")
        delimiter = chance.choice(("'E'", "'E'", "'E'", '"E"', "\\E", "E", "'E'x", "''E"))
        return "<<" + strip + chance.choice(("", "", " ")) + delimiter
