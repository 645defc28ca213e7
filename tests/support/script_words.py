"""Random words, redirections and arithmetic for `script_grammar`."""

from __future__ import annotations

import random
from collections.abc import Callable

PLAIN = (
    "a", "b", "1", "-x", "--long=1", "a.b", "/t", "a=b", "é", "a#b", "%", "^", "@", "+", "}", "]", "{", "{}", "a{b}", "x{,", "!", "HEAD~1",
    "@{u}", "a,b", ":", "=", "0", "a:b", ".", "..", "-", "--", "a~", "{a}", "2", "10", "[", "a]", "[]a", "--a={}", "{a\\,b}", "{'a,b'}",
)  # fmt: skip
GLOBS = (
    "*", "*.txt", "?1", "d/*", "*/one.py", "[a-b].txt", "[!a]*", ".h*", ".*", "*/", "d*/*.py", "x[12]", "x[[:digit:]]", "[[:upper:]]*", "-*",
    "no*pe", "**", "d//*", "./*", "../w/*.md", "/mnt/w/x?", "*.nope", "l*k/*", "*/..", "?", "a*t", "*a*.*", "\\**", "'*'*", "x\\[1]", "[ab",
    "*'.txt'", '"a"*', "br*", "e*/*", "d/.*", "with*", "[x-z]?", "[^x]1", "*[0-9]", "é*", "[é]*", "[[:alpha:]].txt", "x[1]", "x'[1]'",
    "*/*/*", "d/*/", "l*/", "d/up/*.md", "*/sub/..", "[a-]*", "[.]*", "[*]", "[!-a]*", "empty/*", "*/.keep", "b*/x", "x[]1]", "x[!]]",
)  # fmt: skip
QUOTED = ("a", ";", "$(m7)", '"', ")", "`", "#", "\\", "(", "", " ", "\n", "*", "~", "{a,b}", "$X1", "&", "|", "<", "\t", "\\\n")
DOUBLE = ("a", ";", ")", "'", "#", "(", " ", "\n", "*", "~", "{a,b}", "\\$", "\\\\", '\\"', "\\`", "\\n", "\\\n", "$", "!", "\\a", "\t")
ANSI = ("a", "\\n", "\\t", "\\'", "\\\\", "\\x41", "\\101", "\\u00e9", "*", "$X0", '\\"', " ", "\\x4a", "b", ";", "$(m7)")
ANSI_RARE = ("\\e", "\\cA", "\\?", "\\q", "\\x4", "\\18", "\\0", "\\x00")
VARIABLES = ("$X0", "${X1}", "$X2", "$X3", "${X4}", "$X5", "$X6", "$A", "$B", "$UNSET", "$HOME", "$PWD", "$X7", "${A}x", "$X0/a", "$PATH")
NAMES = ("X0", "X1", "X2", "X4", "A", "A", "B", "UNSET", "i", "r", "1", "#", "?")
PATTERNS = (
    "*",
    "?",
    "a*",
    "[a-c]",
    "\\*",
    "'*'",
    "*.txt",
    "o",
    "$X0",
    "*o*",
    "p?ain",
    "[!p]*",
    "t*o",
    " ",
    "*' '*",
    "a|b",
    "$A",
    "é",
    "[[:alpha:]]*",
)
OUTSIDE = (
    '$"a"',
    "$[1]",
    "$$",
    "~root",
    "~+",
    "@(a|b)",
    "a\\\nb",
    "${X0}\\\n",
    "!(a)",
    "x=~",
    "$_",
    "$!",
    "$-",
    "${!X0}",
    "${A[0]}",
    "${X0@Q}",
    "$0",
)
BRACES = ("{a,b}", "{1..3}", "x{a,'b c'}y", "{a,}", "{a..c}", "{3..1}", "{01..03}", "{1..7..3}", "{a,{b,c}}", "{$X0,b}", "{a,b}{1,2}", "{*.txt,q}", "{-1..1}", "d/{one,two}.py", "{,a}", '"{a,b}"')  # fmt: skip


class Words:
    """Parts of words; `script` makes the text of a substitution, `depth` how far they stand in one another."""

    def __init__(self, chance: random.Random, script: Callable[[], str]) -> None:
        self.chance = chance
        self.script = script
        self.depth = 0

    def pick(self, *choices: tuple[float, Callable[[], str]]) -> str:
        """What one of the makers makes, each as often as its weight says."""
        return self.chance.choices([make for _, make in choices], [weight for weight, _ in choices])[0]()

    def word(self) -> str:
        return "".join(self.part() for _ in range(self.chance.choice((1, 1, 1, 1, 2, 2, 3))))

    def part(self) -> str:
        one = self.chance.choice
        return self.pick(
            (26, lambda: one(PLAIN)),
            (10, lambda: one(GLOBS)),
            (12, lambda: "'" + one(QUOTED) + "'"),
            (14, self.double),
            (14, self.variable),
            (4, lambda: "\\" + one(" ;$*\"'\\~#{&|<>(a\t")),
            (2, lambda: one(("~", "~/a", "a~", "~", "~", "~/"))),
            (4, lambda: "$'" + "".join(one(ANSI if self.chance.random() < 0.97 else ANSI_RARE) for _ in range(one((0, 1, 2)))) + "'"),
            (4, lambda: one(BRACES)),
            (5, self.parameter),
            (3, self.substitution),
            (3, lambda: f"$(({self.sum()}))"),
            (0.5, lambda: one(OUTSIDE)),
        )

    def variable(self) -> str:
        return self.chance.choice((*VARIABLES, "$i", "$j", "$r", "$1", "$2", "$?", "$#", "$@", "$*", '"$@"', '"$*"', "$C", "${D}"))

    def double(self) -> str:
        inside = (
            self.pick(
                (55, lambda: self.chance.choice(DOUBLE)),
                (30, self.variable_inside),
                (6, self.parameter),
                (5, self.substitution),
                (4, lambda: f"$(({self.sum()}))"),
            )
            for _ in range(self.chance.choice((0, 1, 2, 3)))
        )
        return '"' + "".join(inside) + '"'

    def variable_inside(self) -> str:
        return self.chance.choice((*VARIABLES, "$i", "$r", "$1", "$?", "$#"))

    def parameter(self) -> str:
        chance = self.chance
        name = chance.choice(NAMES)
        if name in {"#", "?", "1"} and chance.random() < 0.8:
            name = "B"
        form = chance.choice(
            (
                "-",
                ":-",
                ":-",
                "+",
                ":+",
                "=",
                ":=",
                "?",
                "length",
                "#",
                "##",
                "%",
                "%%",
                "/",
                "//",
                "/#",
                "/%",
                ":",
                "::",
                "^",
                "^^",
                ",",
                ",,",
            )
        )
        if form == "length":
            return "${#" + name + "}"
        if form in {"#", "##", "%", "%%"}:
            return "${" + name + form + chance.choice(PATTERNS) + "}"
        if form in {"/", "//", "/#", "/%"}:
            return "${" + name + form + chance.choice(PATTERNS) + chance.choice(("/z", "/", "", "/$X0", "/'a b'", "/&")) + "}"
        if form == ":":
            return "${" + name + chance.choice((":1", ":0", ": -2", ":$i", ":i", ":9")) + "}"
        if form == "::":
            return "${" + name + chance.choice((":1:2", ":0:-1", ": -3:2", ":0:1", ":2:9", ":1:0")) + "}"
        if form in {"^", "^^", ",", ",,"}:
            return "${" + name + form + chance.choice(("", "", "", "", "", "[a-p]" if chance.random() < 0.1 else "")) + "}"
        return "${" + name + form + self.default() + "}"

    def default(self) -> str:
        one = self.chance.choice
        return self.pick(
            (
                5,
                lambda: one(
                    (
                        "a",
                        "a b",
                        "",
                        "'a b'",
                        '"a b"',
                        "*.txt",
                        "$X1",
                        '"$X1"',
                        "~" if self.chance.random() < 0.1 else "b",
                        "a'b'",
                        "\\$",
                        "/t",
                        "-x",
                        "$B",
                    )
                ),
            ),
            (1, self.substitution),
            (1, self.parameter if self.depth < 3 else lambda: "z"),
        )

    def substitution(self) -> str:
        if self.depth >= 3:
            return "a"
        self.depth += 1
        try:
            kind = self.chance.random()
            if kind < 0.75:
                return f"$({self.script()})"
            if kind < 0.92:
                return (
                    "`"
                    + self.chance.choice(("m6 a", "m6 'a b'", "m6; m7 b", "n6 a", "m6 $X0", "", "pwd", "echo a", 'm6 "$X1"', "m6 \\$X0"))
                    + "`"
                )
            return self.chance.choice(("<(m6)", "<(m6 a | m7)", ">(m6)"))
        finally:
            self.depth -= 1

    # -- arithmetic

    def sum(self) -> str:
        one = self.chance.choice
        kind = self.chance.random()
        self.depth += 1
        try:
            if kind < 0.4 or self.depth > 4:
                return one(
                    (
                        "0",
                        "1",
                        "2",
                        "3",
                        "10",
                        "0x1f",
                        "010",
                        "i",
                        "j",
                        "$i",
                        "A",
                        "X2",
                        "UNSET",
                        "-1",
                        "7",
                        "${i}",
                        "i ",
                        "16#f" if self.chance.random() < 0.1 else "4",
                    )
                )
            if kind < 0.75:
                sign = one(
                    (
                        "+",
                        "-",
                        "*",
                        "/",
                        "%",
                        "**",
                        "<<",
                        ">>",
                        "<",
                        "<=",
                        ">",
                        ">=",
                        "==",
                        "!=",
                        "&",
                        "^",
                        "|",
                        "&&",
                        "||",
                        ",",
                        " + ",
                        " < ",
                    )
                )
                return self.operand() + sign + self.operand()
            if kind < 0.82:
                return one(("-", "+", "!", "~")) + self.operand()
            if kind < 0.88:
                return f"({self.sum()})"
            if kind < 0.92:
                return f"{self.operand()} ? {self.sum()} : {self.operand()}"
            return one((f"i = {self.sum()}", f"i += {self.sum()}", "i++", "++i", "i--", "--j", f"j *= {self.sum()}"))
        finally:
            self.depth -= 1

    def operand(self) -> str:
        """A sum that may stand beside an operator; now and then as it is, for the order of operators."""
        found = self.sum()
        return f"({found})" if "=" in found or "?" in found or self.chance.random() < 0.2 else found

    # -- redirections

    def target(self) -> str:
        return self.chance.choice(
            ("f0", "f1", '"f2"', "'f'3", "d/f4", "\\f5", "$X0", "../w/f6", "/mnt/w/f7", "/dev/null", "link/f8", "a.t*", "$A", "f$i")
        )

    def redirection(self, here_document: Callable[[], str]) -> str:
        one = self.chance.choice
        return self.pick(
            (50, lambda: one((">", ">>", "2>", "&>", ">|", "> ", "1>", "&>>", "3>", "2>>")) + self.target()),
            (12, lambda: one(("<a.txt", "< b.txt", "<nope", "0<a.txt", "<'a'.txt", "<lines"))),
            (12, lambda: one(("2>&1", ">&2", "1>&2", "<&-", "3>&-", "2>&-", "3<&0", "<&0"))),
            (8, lambda: "<<<" + one(("", " ")) + self.word()),
            (3, lambda: one(("<>f0", ">&f0", "{fd}>f0", "12>f0", ">&1f0", "2>&$X0", ">#f", "<<E", ">$(m6 f9)"))),
            (15, here_document),
        )
