"""Where a program stands in for a builtin of bash, both answer alike."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.shell.builtins import BUILTINS, check_command
from bylaw.policy.shell.commands import ANSWERED, PROVIDED
from bylaw.policy.spans import Span

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
ESCAPES = [f"\\{one}" for one in "abcefnrtvENuUxz0123789\\\"'?"] + ["\\012", "\\0123", "\\123", "\\x4", "\\x41", "\\x414", "\\u0041", "\\"]
WORDS = ["", "a", "-n", "-e", "-E", "-ne", "-x", "-", "--", "é", "a b", "%s", "--help", "--version", *ESCAPES]
FORMATS = [
    "%s",
    "%s\\n",
    "%d\n",
    "%5s|",
    "%-5s|",
    "%05d",
    "%x %o",
    "%%",
    "%",
    "%c",
    "%q",
    "%b",
    "%(%F)T",
    "%.2s|",
    "%*d",
    "%i",
    "% d",
    "%f",
    "%u",
    "%X",
]
VALUES = ["", "a", "5", "-5", "010", "0x1f", "+5", "'a", "é", "999999999999999999", "99999999999999999999", "\\n", "a b", "0", "-0"]
OPERATORS = [
    "-e",
    "-f",
    "-d",
    "-z",
    "-n",
    "-v",
    "-a",
    "-o",
    "-N",
    "-t",
    "-s",
    "=",
    "==",
    "!=",
    "<",
    ">",
    "-eq",
    "-lt",
    "-nt",
    "-ef",
    "=~",
    "!",
    "(",
    ")",
]
OPERANDS = ["", "a", "/", "5", "-5", "05", "+5", "x[0]", "-e", "!", "(", "=", "-a", "--help", "99999999999999999999"]


def uses(name: str) -> Iterable[tuple[str, ...]]:
    match name:
        case "echo":
            return itertools.chain(((), *((one,) for one in WORDS)), itertools.product(["-e", "-n", "-E", "-ne", "a", "--"], WORDS))
        case "printf":
            plain = itertools.chain(((one,) for one in [*FORMATS, *ESCAPES, "-x", "--", "-v"]), itertools.product(FORMATS, VALUES))
            return itertools.chain(
                ((),), plain, itertools.product(["--"], FORMATS, ["5"]), itertools.product(["%s %d\\n", "%s%s|"], ["a"], VALUES)
            )
        case "test":
            one = itertools.chain(((),), ((word,) for word in OPERATORS + OPERANDS), itertools.product(OPERATORS, OPERANDS))
            return itertools.chain(
                one, itertools.product(OPERANDS, OPERATORS, OPERANDS), itertools.product(["!"], ["a", "!", "5", "("], OPERATORS, ["a", "5"])
            )
        case _:
            return itertools.chain(
                ((),), ((word,) for word in [*WORDS, "-P", "-L", "-LP"]), itertools.product(["--help", "a"], ["--help", "a"])
            )


def is_read(argv: tuple[str, ...]) -> bool:
    try:
        check_command(argv, Span(0, 1), real_directory=True)
    except ShellSyntaxError:
        return False
    return True


def answers(calls: list[tuple[str, ...]], tmp_path: Path) -> list[bytes]:
    """The output, error output and exit code of each call, told by one bash; errors count only as being there."""
    script = tmp_path / "calls.sh"
    report = 'printf "[%d,%d]\\001" "$?" "$([ -s e ] && echo 1 || echo 0)"'
    lines = [f"{' '.join(quoted(word) for word in call)} 2>e; {report}" for call in calls]
    script.write_text("\n".join(lines), encoding="utf-8", newline="")
    done = subprocess.run(["/bin/bash", "--norc", str(script)], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
    return done.stdout.split(b"\1")[:-1]


def quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


@pytest.mark.parametrize("name", ["echo", "printf", "test", "[", "pwd", "true", "false"])
def test_the_program_answers_like_the_builtin_wherever_it_is_read(name: str, tmp_path: Path) -> None:
    kind = "test" if name == "[" else name
    closing = ("]",) if name == "[" else ()
    calls = [(name, *use, *closing) for use in uses(kind) if is_read((name, *use, *closing))]
    builtin = answers(calls, tmp_path)
    program = answers([(f"/usr/bin/{call[0]}", *call[1:]) for call in calls], tmp_path)
    assert len(builtin) == len(program) == len(calls) > 1
    assert [call for call, one, other in zip(calls, builtin, program, strict=True) if one != other] == []


@pytest.mark.parametrize(
    "argv",
    [
        ("echo", "-n", "a", "b"), ("echo", "a\\nb"), ("echo", "-e", "a\\tb\\n"), ("printf", "%s\\n", "a", "b"), ("printf", "%d items\\n", "5"),
        ("test", "-f", "x"), ("[", "-d", "src", "]"), ("[", "a", "=", "b", "]"), ("[", "!", "-e", "x", "]"), ("[", "3", "-gt", "2", "]"), ("pwd",),
        ("kill", "-9", "123"), ("kill", "123"), ("printf", "done\\n"), ("[", "-n", "a b", "]"), ("[", "!", "a", "=", "b", "]"),
    ],
)  # fmt: skip
def test_everyday_uses_are_read(argv: tuple[str, ...]) -> None:
    assert is_read(argv)


def test_every_builtin_of_bash_is_known_to_us() -> None:
    done = subprocess.run(["/bin/bash", "--norc", "-c", "compgen -b"], capture_output=True, text=True, check=True)
    answered = {*ANSWERED, *PROVIDED, "kill"}
    assert set(done.stdout.split()) - answered <= BUILTINS
    assert not answered & BUILTINS


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_a_builtin_without_a_program_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ShellSyntaxError) as refused:
        check_command((name, "x"), Span(0, 1), real_directory=True)
    assert refused.value.construct == f"builtin_{'source' if name == '.' else name}"
    assert refused.value.hint
