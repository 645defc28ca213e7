from __future__ import annotations

import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy.actions import SearchText
from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Plan
from bylaw.policy.records import replace
from bylaw.tools.capture import Captured
from bylaw.tools.errors import PathError, ToolError
from bylaw.tools.paths import open_root
from bylaw.tools.patterns import Glob, compile_pattern, translate
from bylaw.tools.permit import Target
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.result import JSON, ToolResult
from bylaw.tools.ripgrep import Ripgrep, find_ripgrep
from bylaw.tools.runner import Runner
from bylaw.tools.search import search_text

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=20, command_characters=1000, regular_files=True
)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    descriptor = open_root(str(tmp_path))
    yield tmp_path, descriptor
    os.close(descriptor)


def action(pattern: str, **fields: object) -> SearchText:
    return SearchText.model_validate({"pattern": pattern, **fields})


def grep(root: tuple[Path, int], pattern: str, *, hidden: tuple[str, ...] = (), limits: Limits = LIMITS, **fields: object) -> ToolResult:
    """By our own engine."""
    target = Target(descriptor=root[1], relative=".", shown=str(root[0]))
    return search_text(action(pattern, **fields), target, Manifest(hidden=hidden), limits)


def directly(plan: Plan, **_: object) -> ProcessOutcome:
    """Runs the one program of a plan without the sandbox, for speed where the sandbox is not the matter."""
    (one,) = plan.invocations()
    done = subprocess.run(one.argv, check=False, executable=one.program, cwd=one.directory, capture_output=True)
    captures = [
        Captured(text=raw.decode("utf-8", "replace"), total_bytes=len(raw), sha256="", truncated=False)
        for raw in (done.stdout, done.stderr)
    ]
    return ProcessOutcome(
        exit_code=done.returncode, signal=None, status="ok", stdout=captures[0], stderr=captures[1], duration_ms=0, layers=(), notes=()
    )


def both(root: tuple[Path, int], pattern: str, *, runner: Runner = directly) -> tuple[ToolResult, ToolResult, bool]:
    """By our own engine, and with ripgrep; and whether ripgrep gave an answer."""
    program = find_ripgrep()
    if program is None:
        pytest.skip("ripgrep is not installed")
    target = Target(descriptor=root[1], relative=".", shown=str(root[0]))
    manifest = Manifest(read=(PathGrant(path=str(root[0]), recursive=True),))
    helper = Ripgrep(program=program, runner=runner, target=target, manifest=manifest, limits=LIMITS, sandbox="prefer", fewest=0)
    answered: list[bool] = []

    def candidates(expression: str, files: object) -> frozenset[str] | None:
        told = helper.candidates(expression, files)  # type: ignore[arg-type]  # passed through
        answered.append(told is not None)
        return told

    return grep(root, pattern), search_text(action(pattern), target, manifest, LIMITS, candidates), any(answered)


def put(root: tuple[Path, int], files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root[0] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def found(result: ToolResult) -> list[str]:
    matches: JSON = result.data["matches"]
    assert isinstance(matches, list)
    return [f"{one['file']}:{one['line_number']}" for one in matches if isinstance(one, dict)]


def test_matches_are_given_with_file_and_line(root: tuple[Path, int]) -> None:
    put(root, {"a.py": "x\nneedle here\n", "d/b.py": "needle\n"})
    assert grep(root, "needle").text == "2 matches in 2 files:\na.py:2: needle here\nd/b.py:1: needle"


def test_nothing_found_is_said(root: tuple[Path, int]) -> None:
    assert grep(root, "needle").text == "no matches found"


def test_a_pattern_that_looks_like_an_option_is_a_pattern(root: tuple[Path, int]) -> None:
    put(root, {"a": "x --pre=./evil y\n", "evil": "#!/bin/sh\ntouch owned\n"})
    (root[0] / "evil").chmod(0o755)
    own, with_ripgrep, asked = both(root, "--pre=./evil", runner=run_plan)
    assert asked
    assert found(own) == found(with_ripgrep) == ["a:1"]
    assert not (root[0] / "owned").exists()


def test_a_file_name_that_looks_like_an_option_is_a_file(root: tuple[Path, int]) -> None:
    put(root, {"--pre=x": "needle\n"})
    own, with_ripgrep, asked = both(root, "needle")
    assert asked
    assert found(own) == found(with_ripgrep) == ["--pre=x:1"]


def test_context_lines_are_shown_apart_from_matches(root: tuple[Path, int]) -> None:
    put(root, {"a": "1\n2\nneedle\n4\n5\n6\n7\nneedle\n9\n"})
    assert grep(root, "needle", context_lines=1).text.split("\n")[1:] == [
        "a:2  2", "a:3: needle", "a:4  4", "--", "a:7  7", "a:8: needle", "a:9  9",
    ]  # fmt: skip


def test_case_and_include_narrow_the_search(root: tuple[Path, int]) -> None:
    put(root, {"a.py": "Needle\n", "b.txt": "needle\n", "d/c.py": "NEEDLE\n"})
    assert found(grep(root, "needle", case_insensitive=True, include="*.py")) == ["a.py:1", "d/c.py:1"]
    assert found(grep(root, "needle", include="*.{txt,md}")) == ["b.txt:1"]


def test_what_git_ignores_is_not_searched(root: tuple[Path, int]) -> None:
    put(root, {
        ".gitignore": "*.log\nbuild/\n/only-here\n", "a.log": "needle", "build/x": "needle", "only-here": "needle", "d/only-here": "needle",
        "d/.gitignore": "!keep.log\nprivate\n", "d/keep.log": "needle", "d/private": "needle", ".git/info/exclude": "excluded\n",
        "excluded": "needle", ".git/x": "needle", "private": "needle",
    })  # fmt: skip
    assert found(grep(root, "needle")) == ["d/keep.log:1", "d/only-here:1", "private:1"]


def test_an_ignore_file_that_is_hostile_is_survived(root: tuple[Path, int]) -> None:
    put(root, {".gitignore": "\\\n[z-a\n!\n" + "*a" * 60 + "b\n" + "\x00\n", "a" * 200: "needle"})
    (root[0] / "d").mkdir()
    os.mkfifo(root[0] / "d" / ".gitignore")
    assert grep(root, "needle").data["total"] == 1


def test_hidden_names_links_and_binary_files_are_passed_over(root: tuple[Path, int]) -> None:
    put(root, {".env": "needle", "bin": b"needle\0", "late": b"needle\n" * 100_000 + b"\0", "a": "needle"})
    (root[0] / "link").symlink_to("a")
    (root[0] / "out").symlink_to("/etc")
    os.mkfifo(root[0] / "pipe")
    own, with_ripgrep, asked = both(root, "needle")
    assert asked
    assert found(own) == found(with_ripgrep) == ["a:1"]


def test_hidden_names_are_searched_when_asked_for(root: tuple[Path, int]) -> None:
    put(root, {".github/x.yml": "needle", ".git/config": "needle"})
    assert found(grep(root, "needle", include=".github/*.yml")) == [".github/x.yml:1"]


def test_a_secret_is_neither_opened_nor_named(root: tuple[Path, int]) -> None:
    put(root, {"secret.key": "needle", "vault/x": "needle", "a": "needle"})
    before = (root[0] / "secret.key").stat().st_atime_ns
    result = grep(root, "needle", hidden=(f"{root[0]}/secret.key", f"{root[0]}/vault"))
    assert found(result) == ["a:1"]
    assert (root[0] / "secret.key").stat().st_atime_ns == before


@pytest.mark.parametrize("relative", ["vault", "vault/x"])
def test_a_search_that_starts_in_a_secret_is_refused(root: tuple[Path, int], relative: str) -> None:
    put(root, {"vault/x": "needle"})
    target = Target(descriptor=root[1], relative=relative, shown=f"{root[0]}/{relative}")
    with pytest.raises(PathError, match="withheld"):
        search_text(action("needle"), target, Manifest(hidden=(f"{root[0]}/vault",)), LIMITS)


def test_one_file_can_be_searched(root: tuple[Path, int]) -> None:
    put(root, {"d/.hidden": "needle\n"})
    target = Target(descriptor=root[1], relative="d/.hidden", shown=f"{root[0]}/d/.hidden")
    assert found(search_text(action("needle", path="d/.hidden"), target, Manifest(), LIMITS)) == ["d/.hidden:1"]


def test_caps_say_what_was_cut_and_keep_the_totals(root: tuple[Path, int]) -> None:
    put(root, {"a": "needle\n" * 250, "b": "needle" + "x" * 5000 + "\n"})
    result = grep(root, "needle")
    assert result.data["total"] == 251
    assert len(found(result)) == 100
    assert "[100 of 251 matches shown; narrow" in result.text
    assert "[1 line longer than 500 characters cut]" in result.text


def test_the_answer_stays_within_its_bytes(root: tuple[Path, int]) -> None:
    put(root, {"a": ("needle" + "x" * 480 + "\n") * 90})
    assert len(grep(root, "needle", limits=replace(LIMITS, output_bytes=8_000)).text) < 9_000


def test_a_line_of_many_megabytes_does_not_hide_the_next(root: tuple[Path, int]) -> None:
    put(root, {"a": b"x" * 3_000_000 + b"needle\nneedle\n"})
    assert found(grep(root, "needle")) == ["a:2"]


def test_a_pattern_that_would_hang_a_backtracking_engine_ends(root: tuple[Path, int]) -> None:
    put(root, {"a": "a" * 5000 + "!\n"})
    assert grep(root, "(a+)+$").data["total"] == 0


@pytest.mark.parametrize("pattern", ["(?<=a)b", r"(a)\1", "a(", "[z-a]", "*a", "(?x)a"])
def test_what_is_not_re2_is_refused_by_either_engine(root: tuple[Path, int], pattern: str) -> None:
    with pytest.raises(ToolError, match="RE2"):
        grep(root, pattern)


def test_names_that_lie_are_made_visible(root: tuple[Path, int]) -> None:
    put(root, {"a\nb": "needle", "\u202egpj.exe": "needle"})
    (root[0] / os.fsdecode(b"caf\xe9")).write_text("needle")
    own, with_ripgrep, asked = both(root, "needle")
    assert asked
    assert own.text == with_ripgrep.text
    assert {"a\\nb:1", "caf\\xe9:1", "\\u{202e}gpj.exe:1"} == set(found(own))


def test_time_is_limited_and_that_is_said(root: tuple[Path, int]) -> None:
    put(root, {f"f{number}": "x" for number in range(50)})
    started = time.monotonic()
    result = grep(root, "x", limits=replace(LIMITS, command_seconds=0.000001))
    assert time.monotonic() - started < 10
    assert "stopped after" in result.text
    assert result.truncated


PATTERNS = [
    r"\d+", r"\w+\b", r"\bfoo\b", r"\Bo", r"^foo", r"foo$", r"\Afoo", r"foo\z", r"(?m)^foo$", r"(?-m:^foo)", r"(?i)FOO", r"(?i:FOO)bar", r"(?s).", r"[[:alpha:]]+",
    r"[[:^alpha:]]", r"[a&&b]", r"[[a]b]", r"[a--]", r"[^\w]", r"[\W\d]", r"\W", r"\D", r"\S\s\S", r"\pL+", r"\p{Greek}", r"\p{^Greek}", r"\PL", r"\x41", r"\x{e4}",
    r"\101", r"a{2}", r"a{,2}", r"{", r"}", r"]", r"a{2", r"\Qa.b\E", r"\Q.*", r"#", r"~", r"&&", r"a|b|", r"()", r"(?P<name>fo+)", r"foo.", r"foo.$", r"\.", r"\-", r"\/", r"[^a]",
    r"[\]a]", r"[]a]", r"[^]a]", r"[a-]", r"[-a]", r"ä", r"[ä-ü]", r"\n", r"[\n]", r"\t", r"[\t ]", "\t", r".*", r"x*", r"\r", r"-e", r"--", r"%", r"\%", r"(?U)a+", r"(?i)k", r"(?i)[k-l]",
    r"\s$", r"\C",
]  # fmt: skip
LINES = [
    b"foo", b"foobar", b"barfoo", b"FOO Foo", b"foo\r", b"foo!\r", b"a.b", b"a+b", b"{", b"a{,2}", b"]x", b"a&b", b"[a]b]", b"123", "\u0663\u0664".encode(), "äöü".encode(),
    "Ελλάς".encode(), b"caf\xe9", b"\tx", b"a b", b"# ~ &&", b"", b"-e --", b"AAA", b"aa", b"%", "\u212a".encode(), b"k", b"a\\b", b"/x-y", b"a-b", b"\xff\xfe"[:1],
]  # fmt: skip


def test_both_engines_give_the_same_answers(root: tuple[Path, int]) -> None:
    source = random.Random(7)
    for number in range(25):
        lines = [source.choice(LINES) for _ in range(4)]
        put(
            root,
            {
                f"f{number:02}.{source.choice(['py', 'txt'])}": source.choice([b"", b"\xef\xbb\xbf"])
                + b"\n".join(lines)
                + source.choice([b"", b"\n"])
            },
        )
    asked = 0
    for pattern in PATTERNS:
        try:
            own, with_ripgrep, answered = both(root, pattern)
        except ToolError:
            continue
        asked += answered
        assert own.text == with_ripgrep.text, pattern
    assert asked > 60


def test_every_pattern_finds_the_same_lines_when_it_is_translated_for_many_lines() -> None:
    for pattern in PATTERNS:
        try:
            compiled = compile_pattern(pattern)
        except ToolError:
            continue
        many = translate(pattern, "re2")
        if many is None:
            continue
        quick = compile_pattern(many)
        for line in LINES:
            text = line.removesuffix(b"\r")
            if compiled.search(text) is not None:
                assert quick.search(b"zz\n" + text + b"\nzz") is not None, (pattern, line)


@given(st.text(alphabet="ab\\[]^$.*+?(){}|-dwsDWSbBAzQE0x1:&~ip,", max_size=12), st.text(alphabet="ab-^.[]& d1\\", max_size=8))
def test_a_translated_pattern_finds_at_least_what_the_pattern_finds(pattern: str, line: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except ToolError:
        return
    many = translate(pattern, "re2")
    if many is not None and compiled.search(line.encode()) is not None:
        assert compile_pattern(many).search(b"\n" + line.encode() + b"\n") is not None


GLOBS: list[tuple[str, str, bool]] = [
    ("*.py", "a.py", True), ("*.py", "d/a.py", True), ("**/*.py", "a.py", True), ("**/*.py", "d/e/a.py", True), ("d/*.py", "d/a.py", True),
    ("d/*.py", "d/e/a.py", False), ("d/**", "d/e/a.py", True), ("d/**", "d", False), ("**", "a/b", True), ("a?.txt", "ab.txt", True),
    ("a?.txt", "a/.txt", False), ("[ab].c", "b.c", True), ("[!ab].c", "b.c", False), ("[!ab].c", "c.c", True), ("[a-c]x", "bx", True), ("[]]x", "]x", True),
    ("d[/]x", "d/x", True), ("d[!a]x", "d/x", False), ("{a,b}/*.c", "b/x.c", True), ("./a/*", "a/b", True), ("a.b", "axb", False), ("\\*", "*", True), ("\\*", "a", False),
    ("a/**/b", "a/b", True), ("a/**/b", "a/x/y/b", True), ("a,b", "a,b", True), ("x}", "x}", True), ("ä*", "äx", True),
]  # fmt: skip


@pytest.mark.parametrize(("glob", "path", "fits"), GLOBS)
def test_a_glob_matches_as_documented(glob: str, path: str, fits: bool) -> None:
    assert Glob(glob).matches(path) is fits


@pytest.mark.parametrize("glob", ["../x", "a/../b", "/etc/*", "[a", "{a"])
def test_a_glob_that_leaves_the_directory_or_does_not_end_is_refused(glob: str) -> None:
    with pytest.raises(ToolError):
        Glob(glob)


def test_a_ripgrep_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    fake = tmp_path / "rg"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o777)
    assert find_ripgrep([str(tmp_path)]) is None


def test_where_no_sandbox_can_be_had_our_own_engine_answers(root: tuple[Path, int]) -> None:
    def no_sandbox(*_: object, **__: object) -> ProcessOutcome:
        raise ToolError("no layer")

    put(root, {"a": "needle"})
    target = Target(descriptor=root[1], relative=".", shown=str(root[0]))
    helper = Ripgrep(
        program="/usr/bin/rg", runner=no_sandbox, target=target, manifest=Manifest(), limits=LIMITS, sandbox="require", fewest=0
    )
    assert found(search_text(action("needle"), target, Manifest(), LIMITS, helper.candidates)) == ["a:1"]


def test_the_documented_syntax_is_that_of_the_action() -> None:
    assert re.search("RE2", str(SearchText.model_json_schema()))
