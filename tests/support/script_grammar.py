"""Random scripts: from a grammar of the whole language and its edges, and mutations of known tricky ones.

Marker commands are `m0`, `m1`, ... (which succeed in the oracle) and `n0`, ... (which fail), files are `f0`, ... Loops end
by themselves. Most scripts hold one thing at most that is refused, so that many are accepted and the rest probe the edge.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from script_words import PATTERNS, Words

_SPLICES = (
    "'", '"', "$", "`", "\\", "(", ")", "{", "}", "<", ">", "&", "|", ";", "\n", " ", "#", "!", "*", "[", "]", "=", "~",
    "$(", "<(", "${", "$((", "\\\n", "$'", "<<E\n", "<<'E'\n", "\nE\n", "&&", "||", ">f1", "m7", "\t", ":-", "@P", '""', "''",
    " m8 ", ";m9;", "`m6`", "$(m5)", "x=", "a[0]=", "2>", ">&", "<<<", " #", "\\\n ", ",", "..", "{a,b}", "&>", ">|", "2", " 2>&1",
    "~/", ":~", "$X1", "${X5}", "-", "%", "A=", "cd d", "cd ..", "\n\n", ";;", "|&", "if ", "[a-c]", "?", "/",
    ")\n", "case x in x) ", "esac", "(( ", "))", "[[ ", " ]]", "then ", "fi", "do ", "done", "for x in a; ", "else ", "f() ", "f", "! ",
    "time ", "{ ", "; }", "( ", " )", "while ", "break", "continue", "exit 3", "return", "set -e; ", "set -u; ", "export ", "read -r r ", "}}",
)  # fmt: skip
_BODIES = (
    "a\n", "$(m7)\n", "`m7`\n", "it's\n", '"\n', "E \n", "# c\n", "\\\n", "$X0\n", "m7\n", "\n", "\tb\n", "EE\n", "foo\\\n", "${\n", ")\n",
    "$A $1 \\$X1\n", "${X2:-d}\n", "$((1+1))\n", "\\a \\\\ \\`\n", "'$X1'\n", "$i\n", "*\n", "~\n",
)  # fmt: skip
_FILES = ("a.txt", "nope", "d", "link", "broken", "f0", "x1", "$X0", '"$A"', "d/one.py", "", ".hidden", "/", "/mnt/w")


def scripts(count: int, seed: int, corpus: Sequence[str]) -> list[str]:
    """That many different scripts; the same for the same seed and corpus."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        kind = chance.random()
        text = chance.choice(corpus) if kind > 0.8 else Grammar(chance).script()
        if kind > 0.65:
            text = mutated(chance, text)
        if len(text) < 700 and "\0" not in text:
            found[text] = None
    return list(found)


def mutated(chance: random.Random, text: str) -> str:
    """The text with one to three places changed."""
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


class Grammar:
    """One script; `documents` are the bodies that are due after the next newline."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.words = Words(chance, self.inside)
        self.pick = self.words.pick
        self.word = self.words.word
        self.count = 0
        self.depth = 0
        self.loops = 0
        self.documents: list[str] = []
        self.functions: list[str] = []

    def script(self) -> str:
        """A whole text."""
        chance = self.chance
        text = self.list(chance.choice((1, 1, 2, 2, 3, 4)))
        if chance.random() < 0.12:
            text = (
                chance.choice(("set -e", "set -u", "set -o pipefail", "set -eu", "set -euo pipefail", "set -e; set +e", "set -f"))
                + chance.choice(("; ", "\n"))
                + text
            )
        text += chance.choice(("", "", "", "\n", ";", " ", " # end", "\n\n# end", " \\\n"))
        if self.documents:
            text += self.newline() + chance.choice(("", "m8", "m8 a\n"))
        return chance.choice(("", "", "", "\n", "# c\n", " ", "\\\n")) + text

    def inside(self) -> str:
        """The text of a substitution: a list with its own here-documents."""
        kept, self.documents = self.documents, []
        text = self.list(self.chance.choice((0, 1, 1, 1, 1, 2))) if self.chance.random() < 0.5 else self.short()
        if self.documents:
            text += self.newline()
        self.documents = kept
        return " " + text if text.startswith("(") else text

    def short(self) -> str:
        return self.chance.choice(
            (
                "m6 a",
                "m6 'a  b'",
                "m6 '*.txt'",
                "pwd",
                "echo a b",
                "n6 x",
                "m6; m7 c",
                "m6 $A",
                "printf '%s' a",
                "m6 -x",
                "m0 $i",
                "cd d; pwd",
            )
        )

    def newline(self) -> str:
        due, self.documents = "".join(self.documents), []
        return "\n" + due

    def list(self, count: int) -> str:
        text = ""
        for number in range(count):
            text += (self.separator() if number else "") + self.pipeline()
        return text

    def separator(self) -> str:
        found = self.chance.choice(
            (
                ";",
                "; ",
                "\n",
                "\n\n",
                " && ",
                " || ",
                "&&",
                "||",
                "\n# c\n",
                " # it's\n",
                "&&\n",
                " ||\n",
                " ; ",
                " && \\\n",
                "; ",
                "\n",
                "; ",
            )
            + ((" & ",) if self.chance.random() < 0.2 else ())
        )
        if "\n" not in found or found.endswith("\\\n"):
            return found
        head, tail = found.split("\n", 1)
        return head + self.newline() + tail

    def end(self) -> str:
        """What ends a list in a compound command."""
        return self.newline() if self.documents or self.chance.random() < 0.3 else self.chance.choice((";", "; ", " ; "))

    def pipeline(self) -> str:
        chance = self.chance
        text = chance.choice(("! ", "time ")) if chance.random() < 0.05 else ""
        text += self.command()
        for _ in range(chance.choice((0, 0, 0, 0, 0, 1, 2))):
            sign = chance.choice(("|", " | ", " |\n", "| ", " | ", " |& " if chance.random() < 0.1 else " | "))
            text += sign.rstrip("\n") + (self.newline() if sign.endswith("\n") else "") + self.command()
        return text

    def command(self) -> str:
        if self.depth >= 3 or self.chance.random() < 0.72:
            return self.pick(
                (60, self.simple), (8, self.assignment), (7, self.directory), (3, self.nothing), (8, self.builtin), (4, self.call), (3, self.leave), (5, self.test),
            )  # fmt: skip
        self.depth += 1
        try:
            text = self.pick(
                (10, self.group), (10, self.subshell), (14, self.choice), (14, self.each), (12, self.loop), (12, self.case), (10, self.conditional),
                (6, self.calculation), (8, self.function), (5, self.reading),
            )  # fmt: skip
        finally:
            self.depth -= 1
        if self.chance.random() < 0.12:
            text += " " + self.redirection()
        return text

    # -- simple commands

    def simple(self) -> str:
        chance = self.chance
        text = "".join(
            chance.choice(("A", "B", "C")) + "=" + chance.choice((self.word(), "", "~", "$A", "~/x", "{a,b}", "a=b")) + " "
            for _ in range(chance.choice((0, 0, 0, 0, 0, 1, 2)))
        )
        if chance.random() < 0.05:
            text += self.redirection() + " "
        text += chance.choice("mmmmmn") + str(self.count % 6)
        self.count += 1
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            text += chance.choice((" ", " ", "  ", "\t", " \\\n")) + self.word()
        for _ in range(chance.choice((0, 0, 0, 0, 1, 2))):
            text += chance.choice((" ", " ", "")) + self.redirection()
        return text

    def assignment(self) -> str:
        name = self.chance.choice(("A", "B", "C", "D", "i"))
        return (
            name
            + self.chance.choice(("=", "=", "=", "+="))
            + self.chance.choice((self.word(), self.word(), "", "~", "~/x", "*", "1", "a:~" if self.chance.random() < 0.2 else "2"))
        )

    def directory(self) -> str:
        return self.chance.choice(("cd ", "cd ", "cd ", "cd ", "cd ", "cd ", "pushd ")) + self.chance.choice(
            (
                "d",
                "..",
                "link",
                ".",
                "d/sub",
                "d/../d-e",
                "link/..",
                "/mnt/w/d",
                "nope",
                "",
                "-- d",
                "$X0",
                "d/up",
                '"d"',
                "~",
                "-",
                "$A",
                "empty && popd",
            ),
        )

    def nothing(self) -> str:
        return ":" + self.chance.choice(("", " a", " >f3", " $X4", " ${A:=d}", ' "$(m6)"'))

    def builtin(self) -> str:
        one, word = self.chance.choice, self.word
        return self.pick(
            (4, lambda: f"echo {one(('', '-n ', '-e ', '-x ', '-- '))}{word()} {word()}"),
            (4, lambda: "printf " + one(("'%s\\n' ", "'%s-%s|' ", "'%d\\n' ", "%5s ", "'a\\tb\\n' ", "'%%\\n' ", "'%q ' ", "'%x ' ", '"%-3s|" ', "'%b' ")) + one((word(), "1 2", "", "'a b' c", "'x\\ty'"))),
            (2, lambda: "pwd" + one(("", "", " -P", " -L"))),
            (2, lambda: one(("true", "false"))),
            (2, lambda: f"export {one(('A', 'B=1', 'A=' + word(), 'C', 'A B', 'D=$X1', 'D=~'))}"),
            (1, lambda: f"unset {one(('A', 'B', 'X0', 'i', '-v A', '-f f'))}"),
            (2, lambda: f"read -r {one(('r', 'A B', 'r i', ''))} <<< {word()}"),
            (1, lambda: f"read {one(('r', 'A B', 'r i', '-r -d x r', '-p q r'))} < {one(('lines', 'a.txt', 'empty/.keep', 'nope'))}"),
            (1, lambda: one(("shift", "shift 2", "set -- a 'b c'", "set --", "set -- $X4"))),
            (2, lambda: one(("type m0", "command -v echo", "type echo", "command -v m0", "command m0 a", "command -v if", "type -t pwd"))),
            (1, lambda: one(("eval m0", ". a.txt", "exec m0", "wait", "umask", "trap m0 EXIT", "local q=1", "let i=1", "kill -0 0", "builtin echo a", "readonly Q=1", "declare A=1", "alias q=m0", "times", "hash -r"))),
        )  # fmt: skip

    def call(self) -> str:
        if not self.functions:
            return self.simple()
        return self.chance.choice(self.functions) + "".join(" " + self.word() for _ in range(self.chance.choice((0, 1, 2))))

    def leave(self) -> str:
        if self.loops and self.chance.random() < 0.7:
            return self.chance.choice(("break", "continue", "break 2", "continue 2", "break 1"))
        return self.chance.choice(("exit", "exit 3", "return 2", "exit $?", "return", "break", "exit $i"))

    # -- tests

    def check(self) -> str:
        one, word = self.chance.choice, self.word
        return self.pick(
            (6, lambda: one(("-f", "-d", "-e", "-r", "-s", "-L", "-x", "-h", "-w")) + " " + one(_FILES)),
            (4, lambda: one(("-n", "-z")) + " " + word()),
            (5, lambda: f"{word()} {one(('=', '!=', '=='))} {word()}"),
            (4, lambda: f"{one(('1', '$i', '2', ' -3', '$#', word()))} {one(('-eq', '-ne', '-lt', '-le', '-gt', '-ge'))} {one(('1', '2', '$j', '0', '08'))}"),
            (1, word),
            (1, lambda: f"a.txt {one(('-nt', '-ot', '-ef'))} {one(_FILES)}"),
        )  # fmt: skip

    def test(self) -> str:
        start, stop = self.chance.choice((("[ ", " ]"), ("[ ", " ]"), ("test ", ""), ("[ ! ", " ]"), ("test ! ", "")))
        joined = self.chance.choice(("", "", "", "", f" -a {self.check()}", f" -o {self.check()}"))
        return start + self.check() + joined + stop

    def conditional(self) -> str:
        return f"[[ {self.condition()} ]]"

    def condition(self) -> str:
        one, word = self.chance.choice, self.word
        self.depth += 1
        try:
            return self.pick(
                (8, self.check),
                (4, lambda: f"{word()} {one(('=', '==', '!='))} {one(PATTERNS)}"),
                (2, lambda: f"{word()} {one(('<', '>'))} {word()}"),
                (2, lambda: f"{word()} =~ {one(('^a', 'o', '.*', '[a-c]$', '^p.*n$', '$X0', 'a|b', '^(a|p)', one(PATTERNS)))}"),
                (2, lambda: f"! {self.condition()}"),
                (3 if self.depth < 5 else 0, lambda: f"{self.condition()} {one(('&&', '||'))} {self.condition()}"),
                (1, lambda: f"( {self.condition()} )"),
                (0.3, lambda: one(("-v A", "-o errexit", "-v 'a[$(m9)]'"))),
            )
        finally:
            self.depth -= 1

    def calculation(self) -> str:
        return f"(({self.chance.choice(('', ' '))}{self.words.sum()} ))"

    # -- compound commands

    def body(self) -> str:
        return self.list(self.chance.choice((1, 1, 1, 2, 2))) + self.end()

    def group(self) -> str:
        return "{" + (" " if self.chance.random() < 0.7 else self.newline()) + self.body() + "}"

    def subshell(self) -> str:
        text = self.list(self.chance.choice((1, 1, 2)))
        return "(" + (" " if text.startswith("(") else "") + text + (self.newline() if self.documents else "") + ")"

    def known(self) -> str:
        if self.chance.random() < 0.2:
            return self.list(1)
        return self.chance.choice(("m1", "n1", "true", "false", "[ 1 = 1 ]", "! m1", "m1 && n2", "n1 || m2"))

    def choice(self) -> str:
        text = f"if {self.known()}{self.end()}then {self.body()}"
        for _ in range(self.chance.choice((0, 0, 0, 1))):
            text += f"elif {self.known()}{self.end()}then {self.body()}"
        return text + (f"else {self.body()}" if self.chance.random() < 0.3 else "") + "fi"

    def each(self) -> str:
        words = self.chance.choice(
            (
                "",
                " " + " ".join(self.word() for _ in range(self.chance.choice((1, 2, 3)))),
                " a b",
                " *.txt",
                " 1 2 3",
                " {1..3}",
                " $X1",
                ' "$@"',
                " d/*",
            )
        )
        name = self.chance.choice(("i", "j", "i", "A"))
        head = f"for {name} in{words}" if self.chance.random() < 0.95 else f"for {name}"
        return head + self.end() + self.repeated()

    def repeated(self) -> str:
        self.loops += 1
        try:
            return f"do {self.body()}done"
        finally:
            self.loops -= 1

    def loop(self) -> str:
        self.loops += 1
        try:
            body = self.body()
        finally:
            self.loops -= 1
        end = self.chance.choice((";", "; ", "\n")) if not self.documents else ";"
        return self.pick(
            (2, lambda: f"while {self.chance.choice(('n1', 'false', '[ 1 = 2 ]', '! m2'))}{end}do {body}done"),
            (2, lambda: f"until {self.chance.choice(('m1', 'true', '[ -f a.txt ]'))}{end}do {body}done"),
            (3, lambda: f"while {self.chance.choice(('m1', 'true', ':'))}{end}do {body}break; done"),
            (3, lambda: f"q=0; while [ $q -lt {self.chance.choice('123')} ]{end}do q=$((q+1)){end}{body}done"),
            (2, lambda: f"q=3; while (( q-- > 0 )){end}do {body}done"),
            (2, lambda: f"q=0; until [[ $q -ge 2 ]]{end}do q=$(( q + 1 )){end}{body}done"),
        )

    def reading(self) -> str:
        self.loops += 1
        try:
            body = self.body()
        finally:
            self.loops -= 1
        names = self.chance.choice(("r", "r", "A B", "i"))
        head = self.chance.choice((f"while read -r {names}", f"while IFS= read -r {names.split()[0]}", f"while read {names}"))
        text = f'{head}; do m5 "$r" $A; {body}done'
        return self.chance.choice(
            (f"{text} < lines", f"{text} < a.txt", f"m5 'a b' | {text}", f"{text} <<< $X1", f"printf '%s\\n' a 'b c' | {text}")
        )

    def case(self) -> str:
        chance = self.chance
        subject = self.word()
        start = " " if chance.random() < 0.6 else self.newline()
        arms = ""
        for _ in range(chance.choice((1, 2, 2, 3))):
            patterns = "|".join(chance.choice((*PATTERNS, "a", self.word())) for _ in range(chance.choice((1, 1, 1, 2))))
            content = self.list(chance.choice((0, 1, 1, 2)))
            arms += (
                chance.choice(("", "", "("))
                + patterns
                + ") "
                + content
                + (self.newline() if self.documents else "")
                + (";;" + self.newline() if chance.random() < 0.2 else chance.choice((";;", ";; ", ";; ", ";&", ";;&")))
            )
        last = chance.choice(("", "", f"*) {self.list(1)}{self.newline()}", "*) ;;"))
        return f"case {subject} in{start}{arms} {last} esac"

    def function(self) -> str:
        name = self.chance.choice(("f", "g"))
        kept, self.loops = self.loops, 0
        body = self.pick((5, self.group), (1, self.subshell), (1, self.choice))
        self.loops = kept
        self.functions.append(name)
        return (
            self.chance.choice((f"{name}() {body}", f"{name} () {body}", f"function {name} {body}"))
            + self.end()
            + name
            + self.chance.choice(("", " a", ' "$X1" b', " $X1"))
        )

    # -- redirections

    def redirection(self) -> str:
        return self.words.redirection(self.here_document)

    def here_document(self) -> str:
        chance = self.chance
        strip = chance.choice(("", "", "-"))
        body = "".join(chance.choice(_BODIES) for _ in range(chance.choice((0, 1, 2, 3))))
        self.documents.append(body + ("\t" if strip and chance.random() < 0.5 else "") + "E\n")
        delimiter = chance.choice(
            ("'E'", "'E'", "E", '"E"', "E", "E", "E", "'E'", "E", "E" if chance.random() < 0.7 else chance.choice(("\\E", "'E'x", "''E")))
        )
        return "<<" + strip + chance.choice(("", "", " ")) + delimiter
