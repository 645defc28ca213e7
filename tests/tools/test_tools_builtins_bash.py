"""What the interpreter does itself is what bash does: output and exit code, builtin by builtin."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bylaw.policy.plan import (
    Builtin,
    Get,
    Invocation,
    LateWord,
    Operation,
    Pipeline,
    Plan,
    Step,
    Text,
)
from plan_room import by_bash, directly

CASES: tuple[tuple[Builtin, tuple[tuple[str, ...], ...]], ...] = (
    (
        "echo",
        (
            (), ("a", "b"), ("-n", "a"), ("-e", r"a\tb\n"), ("-E", r"a\tb"), ("-neE", r"\n"), ("-ne", r"x\cy"), ("-x", "a"), ("--", "a"),
            ("-",), ("-e", r"\x41\0101\101\u00e9\U0001F600\q\\"), ("-e", "\\"), ("-n", "-e", r"\e\a\b\f\v\r"), ("-nn",), ("-e", r"\x", r"\0", r"\c", "no"),
        ),
    ),
    (
        "printf",
        (
            (r"%s\n", "a"), (r"%s\n", "a", "b", "c"), (r"%s=%s\n", "a", "1", "b"), ("plain",), (r"%d %i\n", "12", "-5"), (r"%5d|%-5d|%05d\n", "1", "2", "3"),
            (r"%+d % d %x %X %#x %o %#o %u\n", "5", "5", "255", "255", "255", "8", "8", "7"), (r"%.3d|%8.3d\n", "5", "5"), (r"%c%c\n", "abc", ""),
            (r"%5s|%-5s|%.2s|%5.1s\n", "abc", "abc", "abc", "abc"), (r"%b", r"a\tb\n"), (r"%b|%s\n", r"x\c", "no"), (r"%b\n", r"\0101\101\x41"),
            (r"%q\n", "a b"), (r"%q\n", ""), (r"%q %q\n", "it's", "$x;`y`"), (r"%q\n", "a\tb\nc"), (r"%q\n", "~a"), (r"%q\n", "#a"), (r"%q\n", "a=~b"), (r"%q\n", "é"),
            (r"%f %e %g\n", "3.14159", "31415.9", "0.00001"), (r"%.2f %.0f %.10f\n", "2.675", "0.5", "0.1"), (r"%E %G\n", "1e10", "1e-10"), (r"%8.3f|%-8.1f|%08.2f\n", "1", "2", "-3"),
            (r"%g %g %g\n", "100000", "1000000", "1e100"), (r"%#g %.3g\n", "1", "1234.5"), (r"%f\n", "inf"), (r"%f\n", "-nan"), (r"%d\n", "0x1f"), (r"%d\n", "010"), (r"%d\n", "'A"),
            (r"%d\n", "abc"), (r"%d\n", "3x"), (r"%d\n", ""), (r"%d\n",), (r"%f\n", "x"), (r"%f\n", "1x"), (r"%d\n", "99999999999999999999"), (r"%u\n", "-1"), (r"%x\n", "-1"),
            (r"%*d|%-*d|\n", "5", "1", "5", "2"), (r"%.*s\n", "2", "abcdef"), (r"%%\n",), (r"a\101\x42\n",), (r"\"\'\\\n",), (r"%",), (r"%z\n",), ("%s",), ("--", "a"), (r"\u00e9\n",),
            (r"%s %d\n", "a", "1", "b"), (r"%(%Y)T\n", "0"), (r"%5%|\n",), (r"%.0f %.0f %.0f\n", "1.5", "2.5", "3.5"), (r"%.20f\n", "0.1"), (r"%.0e %#.0e\n", "15", "25"), (r"%+.1e\n", "0"),
            (), ("-x",), (r"\c", "a"), (r"%s\c", "a"), ("a\\",), (r"%hd %ld\n", "1", "2"), (r"%.s|\n", "abc"), (r"%-05d|\n", "3"), (r"%+s\n", "a"), (r"%b\n", r"\'\"\?"), (r"%o\n", "-8"),
        ),
    ),
    (
        "test",
        (
            (), ("",), ("a",), ("-f",), ("!",), ("-n", ""), ("-n", "a"), ("-z", ""), ("!", ""), ("!", "a"), ("-f", "in"), ("-d", "sub"), ("-e", "no"), ("-s", "empty"), ("-r", "in"),
            ("-x", "in"), ("-w", "in"), ("-L", "link"), ("-h", "in"), ("-p", "in"), ("-S", "in"), ("-b", "in"), ("-c", "/dev/null"), ("-g", "in"), ("-u", "in"), ("-k", "/tmp"), ("-O", "in"),
            ("-G", "in"), ("-t", "1"), ("-t", "x"), ("-q", "a"), ("a", "=", "a"), ("a", "==", "b"), ("a", "!=", "b"), ("a", "<", "b"), ("b", ">", "a"), ("1", "-eq", "1"), ("01", "-eq", "1"),
            ("1", "-ne", "1"), ("1", "-lt", "2"), ("2", "-le", "1"), ("2", "-gt", "1"), ("1", "-ge", "2"), ("x", "-eq", "1"), (" 1 ", "-eq", "1"), ("", "-eq", "0"), ("-1", "-lt", "+1"),
            ("99999999999999999999", "-eq", "1"), ("a", "-a", "b"), ("", "-o", "b"), ("a", "-a", ""), ("!", "-f", "in"), ("!", "a", "b"), ("(", "a", ")"), ("(", "", ")"), ("a", "b", "c"),
            ("!", "a", "=", "a"), ("(", "-f", "in", ")"), ("-f", "in", "-a", "x"), ("a", "-a", "-f", "in"), ("-z", "", "-o", "b"), ("a", "b", "c", "d"), ("!", "!", "a"), ("!", "!", "!", ""),
            ("in", "-nt", "no"), ("no", "-ot", "in"), ("in", "-ef", "link"), ("in", "-ef", "empty"), ("-n", "=", "-n"), ("-f", "=", "x"), ("(", "!", ")"), ("-a", "x"), ("-N", "in"), ("(", "a", "b"), ("(", ")"),
        ),
    ),
    ("[", (("a", "]"), ("a",), (), ("]",), ("-f", "in", "]"), ("1", "-eq", "x", "]"), ("a", "=", "a", "]"), ("!", "a", "=", "b", "]"))),
    ("pwd", ((), ("-P",), ("-L",), ("--",), ("-x",))),
    ("cd", (("sub",), ("sub/../sub",), ("no",), ("in",), ("",), (".",), ("a", "b"), ("-",), ("link-sub",), ("-P", "link-sub"), ("-x",), ("--", "sub"), ("no/..",), ("sub//./",), ())),
    ("type", (("cd",), ("if",), ("nothing-such",), ("ls",), ("-t", "ls", "cd", "if"), ("-p", "ls", "cd"), ("-P", "ls", "cd"), ("cd", "nothing-such", "ls"), (), ("./in",), ("./run",), ("-t", "x-none"))),
    ("command", (("-v", "cd"), ("-v", "ls"), ("-v", "nothing-such"), ("-v", "cd", "no", "ls"), ("-v", "no", "none"), ("-v", "./run"), ("-v", "if"), ("-V", "cd"), ("-v",))),
    ("export", (("A=1",), ("1x=2",), ("A=1", "B"), ("-n", "A"), ("a-b",), ("--", "A=1"))),
    ("unset", (("A",), ("-v", "A"), ("1x",), ("-f", "f"), ("--", "A"), ())),
    ("set", (("-e",), ("+e",), ("-u",), ("-euo", "pipefail"), ("+o", "pipefail"), ("-o", "errexit"), ("--",), ("--", "a"), ("a", "b"))),
    ("shift", ((), ("0",), ("1",), ("5",), ("x",), ("-1",), ("1", "2"))),
    ("exit", ((), ("3",), ("256",), ("-1",), ("x",), ("1", "2"), ("--", "4"))),
    ("return", ((), ("3",))),
    ("break", ((), ("2",))),
    ("continue", ((),)),
    ("true", ((), ("x",))),
    ("false", ((), ("x",))),
    ("read", (("x",), ("-r", "x"), ("-r",), ("-r", "1x"), ("-d", "a", "x"), ("-n", "2", "x"), ("-rd", "", "x"))),
)  # fmt: skip


def place(at: Path) -> Path:
    here = Path(os.path.realpath(at))
    (here / "sub").mkdir(parents=True, exist_ok=True)
    (here / "in").write_text("b\na\nb\n")
    (here / "empty").write_text("")
    (here / "run").write_text("#!/bin/sh\n")
    (here / "run").chmod(0o755)
    (here / "link").symlink_to("in")
    (here / "link-sub").symlink_to("sub")
    return here


def step(one: Invocation, connector: str = "then") -> Step:
    return Step(connector=connector, pipeline=Pipeline(stages=(one,)))  # type: ignore[arg-type]  # one of three words


def alone(name: Builtin, words: tuple[str, ...], at: Path) -> Plan:
    return Plan(steps=(step(Invocation(argv=(name, *words), builtin=name, directory=str(at), elsewhere=(str(at / "sub"),))),))


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, table in CASES for words in table])
def test_a_builtin_answers_as_in_bash(tmp_path: Path, name: Builtin, words: tuple[str, ...]) -> None:
    here = place(tmp_path)
    code, out, err = directly(alone(name, words, here), here)
    bash_code, bash_out, bash_err = by_bash(shlex.join((name, *words)), here)
    assert (code, out) == (bash_code, bash_out), (err, bash_err)
    assert bool(err) == bool(bash_err), (err, bash_err)


BITS = st.text(alphabet="ab01 \\%sdxnt-'\"$~#;é\t", max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(BITS, max_size=3).map(tuple),
    name=st.sampled_from(["echo", "echo -e", "printf %s%b", "printf %q:", "printf [%5s|%-3.1s]"]),
)
def test_echo_and_printf_print_any_text_as_bash_does(tmp_path: Path, name: str, words: tuple[str, ...]) -> None:
    here = Path(os.path.realpath(tmp_path))
    head = tuple(name.split())
    code, out, _ = directly(alone(head[0], (*head[1:], *words), here), here)  # type: ignore[arg-type]  # two of the builtins
    assert (code, out) == by_bash(shlex.join((*head, *words)), here)[:2]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(
        st.sampled_from(
            ["", "a", "b", "1", "02", "-1", "!", "(", ")", "-a", "-o", "-f", "-n", "-z", "in", "=", "!=", "<", "-eq", "-lt", "-nt"]
        ),
        max_size=4,
    ).map(tuple)
)
def test_a_test_of_up_to_four_words_is_read_as_in_bash(tmp_path: Path, words: tuple[str, ...]) -> None:
    here = Path(os.path.realpath(tmp_path))
    code, _, _ = directly(alone("test", words, here), here)
    # `-o NAME` asks for an option of the shell: refused, and the plan stops.
    assert code == by_bash(shlex.join(("test", *words)), here)[0] or (code == -1 and "-o" in words)


NUMBERS = st.tuples(
    st.sampled_from(["%d", "%5d", "%x", "%o", "%+d", "%.3d", "%f", "%.2f", "%e", "%g", "%.3g", "%#g", "%10.4f", "%-9.1e|", "%.0f", "%G"]),
    st.one_of(
        st.integers(-(2**63), 2**63 - 1).map(str),
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30).map(repr),
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=NUMBERS)
def test_printf_prints_numbers_as_bash_does(tmp_path: Path, case: tuple[str, str]) -> None:
    here = Path(os.path.realpath(tmp_path))
    code, out, _ = directly(alone("printf", case, here), here)
    assert (code, out) == by_bash(shlex.join(("printf", *case)), here)[:2]


# -- read


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(alphabet="ab ,:\t\n\\é", max_size=14),
    separators=st.sampled_from([None, "", ",", " ,", ":,", " \t\n"]),
    raw=st.booleans(),
    names=st.sampled_from([("x",), ("x", "y"), ("x", "y", "z")]),
)
def test_read_splits_as_bash_does(tmp_path: Path, text: str, separators: str | None, *, raw: bool, names: tuple[str, ...]) -> None:
    here = Path(os.path.realpath(tmp_path))
    # Bash leaves a mark of its own (\\x01) in the value for a backslash at the very end.
    text = text if raw else text.rstrip("\\")
    options = ("-r",) if raw else ()
    environment = () if separators is None else (("IFS", separators),)
    read = Invocation(
        argv=("read", *options, *names), builtin="read", directory=str(here), environment=environment, redirections=(Text(fd=0, text=text),)
    )
    shown = tuple(get(name) for name in ("?", "x", "y", "z"))
    show = Invocation(argv=("printf", "<%s>", *("late",) * 4), builtin="printf", directory=str(here), late=tuple(enumerate(shown, 2)))
    (here / "text").write_bytes(text.encode())
    prefix = "" if separators is None else f"IFS={shlex.quote(separators)} "
    script = f'{prefix}{shlex.join(read.argv)} < text; printf "<%s>" "$?" "$x" "$y" "$z"'
    assert directly(Plan(steps=(step(read), step(show))), here)[:2] == by_bash(script, here)[:2]


def get(name: str, *, quoted: bool = True, operation: Operation | None = None) -> LateWord:
    return LateWord(parts=(Get(name=name, quoted=quoted, operation=operation),), written=f"${name}")
