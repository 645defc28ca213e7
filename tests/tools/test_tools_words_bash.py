"""What the run makes of a value that only it knows is what bash makes of it, or the plan ends and says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plan_room import by_bash, directly, planned

OPERATIONS = [
    "${x:0:-4}", "${x: -3}", "${x: -3:2}", "${x:1}", "${x:2:2}", "${x:9}", "${x:0:0}", "${x:1:2}", "${x^}", "${x^^}", "${x,}", "${x,,}",
    "${#x}", "${x#?}", "${x##*/}", "${x%?}", "${x%%.*}", "${x%.*}", "${x#*.}", "${x##*.}", "${x#[!a]}", "${x%%[ab]*}", "${x//a/b}",
    "${x/a/bc}", "${x/a}", "${x//[ab]/}", "${x/*/Q}", "${x//a*/Q}", "${x/#a/Z}", "${x/%a/Z}", "${x//\\//-}", '${x//"*"/s}', '${x/a/"&"}',
    "${x:-d}", "${x-d}", "${x:+A}", "${x+A}", "${x:-$(echo d)}",
]  # fmt: skip
TEXTS = [
    "", "a", "ab", "abc", "hello", "home/user/file.tar.gz", "aaa", "éàü", "straße", "ŉ", "ǆ", "ǅ", "ı", "ς", "Σ", "日本語", "a\u0301", "*",
    "a b  c", "\\", "a\\b", "&", "[x]", "a*b", "?", "!a", "\tq", "\x01", "𝒳", "ʾ", "ǰ", "ΐ", "µ", "ſ", "K", "Ω", "ⅷ", "ⓐ",
]  # fmt: skip
NUMBERS = ["", "0", "1", "-1", "+7", "63", "64", "-9", "9223372036854775807", "-9223372036854775808"]
SUMS = [
    "x + 1", "-x", "!x", "~x", "x - 3", "x * x", "x / 3", "x % 3", "-7 / 2 + x", "-7 % 3 + x", "x << 3", "x >> 2", "1 << x", "x < 1", "x <= 0",
    "x > 1", "x >= 64", "x == 0", "x != 0", "x & 6", "x ^ 6", "x | 6", "x && 1 / x", "x || 1 / (x + 1)", "x ? x : 9", "x, 4", "x ** 2", "n = x",
    "n += x", "n++ + x", "++n + x", "n -= x, n", "x % -1", "0x10 + x", "010 + x",
]  # fmt: skip


def both(script: str, here: Path, content: bytes) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """Exit code and output of a script that reads `in`: ours, and bash's."""
    place = Path(os.path.realpath(here))
    (place / "in").write_bytes(content)
    ours, bashs = directly(planned(script, place), place), by_bash(script, place)
    return ours[:2], bashs[:2]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_on_a_line_makes_what_bash_makes(tmp_path: Path, operation: str) -> None:
    lines = b"".join(one + b"\n" for one in (text.encode() for text in TEXTS))
    # In a process of its own: where bash gives up a command, it goes on with the next line here.
    ours, bashs = both(f'while IFS= read -r x; do ( echo "[{operation}]" ); echo "$?"; done < in', tmp_path, lines)
    assert ours == bashs


@pytest.mark.parametrize("expression", SUMS)
def test_a_sum_over_a_line_is_that_of_bash(tmp_path: Path, expression: str) -> None:
    ours, bashs = both(
        f"n=5; while IFS= read -r x; do echo $(( {expression} )) $n; done < in", tmp_path, "".join(f"{one}\n" for one in NUMBERS).encode()
    )
    assert ours == bashs


@pytest.mark.parametrize(
    ("script", "content", "why"),
    [
        ('read -r x < in; echo "${x^^}"', "İ".encode(), b"the other case"),
        ('read -r x < in; echo "${x,,}"', "ꭰ".encode(), b"the other case"),
        ('read -r x < in; echo "${#x}"', b"\xf5\x80\x80\x80", b"not UTF-8"),
        ('read -r x < in; echo "${x#?}"', b"\xc3\xa9\xff\xc3\xa9", b"not UTF-8"),
        ("read -r x < in; case $x in ?) echo one;; esac", b"\xf5\x80\x80\x80", b"not UTF-8"),
        ("read -r x < in; [[ $x == ? ]] && echo one", b"\xf5\x80\x80\x80", b"not UTF-8"),
        ("read -r x < in; echo $x", b"a\xc3", b"in the middle of a character"),
        ("read -r x y < in; echo $x", b"\xe2\x82", b"in the middle of a character"),
        ("read x < in; echo $x", b"\xe2\x82\\n.", b"in the middle of a character"),
        ("read -r x < in; echo $(( x + 1 ))", b"a[$(id)]", b"no plain decimal number"),
        ("read -r x < in; if (( x > 2 )); then echo more; fi", b"0x10", b"no plain decimal number"),
        ("read -r x < in; if (( x > 2 )); then echo more; fi", b"9" * 1001, b"1001 digits"),
        ("read -r x < in; ( echo $(( x )) ) | cat; echo after", b"08", b"no plain decimal number"),
        ("read -r x < in; echo $(( 2 * $x ))", b"1+1", b"no plain decimal number"),
        ("read -r x < in; echo $(( 1 || $x ))", b"{a}", b"no plain decimal number"),
        ("read -r x < in; echo $(( x, $x ))", b"", b"a plain number is needed"),
        ("read -r x < in; (( 1 ? 2 : $x )) && echo yes", b"", b"a plain number is needed"),
        ("read -r x < in; echo $(( 1 + (y = $x) ))", b"+1", b"a plain number is needed"),
        ("read -r x < in; echo $(( 1 -$x ))", b"-1", b"a plain number is needed"),
        ("read -r x < in; v=abc; echo ${v:-$x:0 || $x}${v:0 || $x}", b"", b"a plain number is needed"),
    ],
)
def test_a_value_that_is_not_sure_ends_the_plan_and_says_why(tmp_path: Path, script: str, content: bytes, why: bytes) -> None:
    place = Path(os.path.realpath(tmp_path))
    (place / "in").write_bytes(content + b"\n")
    code, out, err = directly(planned(script, place), place)
    assert (code, out) == (-1, b"")
    assert why in err


@pytest.mark.parametrize(
    "script",
    [
        "./in; echo $?",
        "./sub; echo $?",
        "sub/none; echo $?",
        "in/none; echo $?",
        'read -r x < in; echo "$x"*',
        'read -r x < none; echo "[${x:0:-1}${x/*/Q}${#x}${x^^}]"',
        "B=k A=$(printenv B) printenv A",
        "A=$(printenv A B) B=k printenv A B",
        "B=$(echo heard >&2; echo x; touch made) B=k printenv B; echo *",
        "B=$(touch made) cat < nothing; echo $? *",
        "A=$(cat) cat < in",
        "B=$(touch made) B=1; echo $B *",
        "export B=old; A=$(printenv B) B=new; echo $A $B",
        "read -r B < in; export B; A=$(printenv B) B=new; echo $A $B",
        "B=k A=$(printenv B) true; printenv A B; echo $?",
    ],
)
def test_what_surrounds_a_command_is_as_in_bash(tmp_path: Path, script: str) -> None:
    results = [tmp_path / "ours", tmp_path / "bash"]
    for place in results:
        (place / "sub").mkdir(parents=True)
        (place / "in").write_text("-n\n")
    ours, bashs = (Path(os.path.realpath(place)) for place in results)
    assert directly(planned(script, ours), ours)[:2] == by_bash(script, bashs)[:2]
