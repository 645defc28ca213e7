"""Inputs that are made to keep a reader of shell busy: deep, long, many, and all of these unclosed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

LARGEST: Final = 1 << 20

_SIZES: Final = (20_000, 65_000, LARGEST)
_NESTED: Final = (
    ("$(", ")"), ("`", "`"), ("(", ")"), ("{ ", "; }"), ("((", "))"), ("$((", "))"), ("<(", ")"), ("${a:-", "}"), ("[[ ( ", " ) ]]"),
    ("if ", "; then :; fi"), ("while ", "; do :; done"), ("case x in x) ", ";; esac"), ("f() { ", "; }"), ("! ", ""), ("time ", ""),
    ('"$(', ')"'), ("{a,", "}"), ("$[", "]"), ("a[", "]"), ("@(", ")"),
)  # fmt: skip
_REPEATED: Final = (
    "a ", "a=", "a= ", "a=b ", "*", "?", "**/", "*/", "[a", "[!a-z]*", "{a,b}", "{1..9}", "'", '"', "\\", "\\\n", "$'\\x41'",
    "$a", "${a}", "$", ";", "&", "|", "a;", "a|", "a&&", "a||", "a&", "\n", "a\n", " ", "\t", "#", "# a\n", "<", ">", ">a ",
    "<<a ", "<<<a ", "<<a\n", "2>&1 ", "~/", "é", "\u202e", "\0", "-", "--a ", "1+", "!", "../", "a/", "$((1+",
    "case x in a) ;; esac;", "for i in a; do b; done;", "[[ a ]];", "echo $(a);",
)  # fmt: skip
_STARTS: Final = ("", "echo ", "git ")


def inputs() -> Iterator[tuple[str, str]]:
    """Every input with a name."""
    for opening, closing in _NESTED:
        for depth in (15, 1_000, 100_000):
            if len(text := opening * depth + "a" + closing * depth) <= LARGEST:
                yield f"{depth} deep {opening}", text
            if len(text := opening * depth) <= LARGEST:
                yield f"{depth} deep {opening} unclosed", text
    for one in _REPEATED:
        for start in _STARTS:
            for size in _SIZES:
                yield f"{start}{one!r} up to {size}", (start + one * (size // len(one)))[:size]
    yield "a word of 1 MiB", "a" * LARGEST
    yield "100,000 words", "echo " + "a " * 100_000
    yield "a here-document of 1 MiB", f"cat <<E\n{'x' * 79 + chr(10)}" * 1 + ("x" * 79 + "\n") * 13_000 + "E\n"
    yield "1,000 here-documents", "".join(f"cat <<E{number}\nx\nE{number}\n" for number in range(1_000))
    yield "a function that calls itself", "f() { f; f; }; f"
    yield "functions that call twice", ";".join(f"f{number}() {{ f{number + 1}; f{number + 1}; }}" for number in range(30)) + ";f0"
    yield "a brace tower", "echo " + "{a,b}" * 16
    yield "loops in loops", "for a in 1 2 3 4 5 6 7 8 9; do " * 8 + "echo $a" + "; done" * 8
    yield "a variable that doubles", "a=xxxxxxxx;" + "a=$a$a;" * 60 + "echo $a"
