"""The options that a program says it has: a tolerant reader of `--help` texts, and the record of what programs said.

`python tests/support/help_options.py [PROGRAM...]` asks the programs that are installed here and renews their entries in
`tests/policy/programs/data/help.yaml`; the others stay as they are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess  # asks programs for their help, in an empty directory
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path

import yaml

from bylaw.policy.profiles import Profile, find_profile, profile_names
from bylaw.policy.profiles.model import Table
from bylaw.policy.profiles.options import all_data

RECORDED = Path(__file__).parent.parent / "policy" / "programs" / "data" / "help.yaml"
_BRACKET = re.compile(r"\[(-[^\]]*)\]")
_HEAD = re.compile(r"\s{2,}|\t| : |\. |; ")
_OPTION = re.compile(r"(?<![\w<>/=.'\"`-])(--\[no-\][A-Za-z][\w-]*|--?[A-Za-z0-9#?@][\w.+-]*|-[#?%@])")
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "git": (
        "status",
        "diff",
        "log",
        "show",
        "add",
        "commit",
        "branch",
        "tag",
        "blame",
        "rev-parse",
        "ls-files",
        "grep",
        "checkout",
        "stash",
    ),
    "pip": ("list", "show", "freeze", "check", "download", "install"),
    "npm": (),
}
NOT_OPTIONS: Mapping[str, frozenset[str]] = {
    "cut": frozenset({"-M"}),
    "numfmt": frozenset({"-M"}),
    "diff": frozenset({"--GTYPE-group-format", "--LTYPE-line-format"}),
    "git rev-parse": frozenset({"--foo", "--bar", "--baz", "--qux"}),
}
"""What stands where an option would, and is a shape of a number, a placeholder or an example."""
SEPARATE = frozenset({"find", "gofmt", "gcc", "java", "javac", "test", "bracket", "openssl", "jq"})
"""Programs whose long options have one dash."""


def options_of(text: str, profile: Profile | None = None) -> frozenset[str]:
    """The spellings of options in a help text: those at the beginning of a line, up to the description; where there are
    none, those in the brackets of the usage.
    """
    single = profile is not None and profile.program in SEPARATE
    found: set[str] = set()
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped.startswith("-"):
            continue
        parts = _HEAD.split(stripped)
        # some programs set the short and the long spelling in columns of their own
        head = " ".join(takewhile(lambda part: part.startswith("-"), parts))
        for word in _OPTION.findall(head):
            found.update(_spelled(word.rstrip(".-:,"), single=single))
    return frozenset(found) if found else frozenset(_in_usage(text))


def _in_usage(text: str) -> Iterator[str]:
    for part in _BRACKET.findall(text):
        for word in _OPTION.findall(part):
            if word.startswith("--") or len(word) == len("-x"):
                yield from _spelled(word, single=False)
            else:
                yield from (f"-{letter}" for letter in word[1:] if letter.isalnum())


def _spelled(word: str, *, single: bool) -> Iterator[str]:
    if word.startswith("--[no-]"):
        yield f"--{word.removeprefix('--[no-]')}"
        yield f"--no-{word.removeprefix('--[no-]')}"
    elif word.startswith("--"):
        yield word
    elif len(word) > len("-x") and not single:
        if not word[1:].isupper():  # `-NUM` is a number, not an option
            yield word[:2]
    elif word != "-":
        yield word


def ask(profile: Profile, words: tuple[str, ...] = ()) -> str | None:
    """What the installed program prints for `--help`; None when it is not installed or does not answer."""
    name = next((one for one in (profile.program, *profile.aliases) if shutil.which(one)), None)
    if name is None:
        return None
    for question in ("--help", "-h"):
        with tempfile.TemporaryDirectory() as empty:
            environment = {"PATH": os.environ["PATH"], "HOME": empty, "LC_ALL": "C", "TERM": "dumb", "COLUMNS": "200", "PAGER": "cat"}
            try:
                done = subprocess.run(  # a program that a profile names, asked for its help
                    [name, *words, question],
                    cwd=empty,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=20,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                continue
        text = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
        if len(options_of(text, profile)) > 0:
            return text
    return None


def known(profile: Profile, words: tuple[str, ...] = ()) -> frozenset[str] | None:
    """The options that the profile has a place for; None when every option is taken (a table without options of its own)."""
    table: Table | None = profile.table
    exact = {word for line in profile.table.exact for word in line}
    for word in words:
        table = table.commands.get(word) if table is not None else None
    if table is None:
        return frozenset()
    if table.style == "words" or table.loose:
        return None
    return frozenset(table.options) | exact


def missing(profile: Profile, options: Iterable[str], words: tuple[str, ...] = ()) -> list[str]:
    """The options of a help text that the profile neither classifies nor lists as unknown."""
    places = known(profile, words)
    if places is None:
        return []
    junk = NOT_OPTIONS.get(" ".join((profile.program, *words)), frozenset())
    return sorted(set(options) - places - junk - ({f"-{digit}" for digit in range(10)} if profile.table.numeric else set()))


def version(profile: Profile) -> str:
    """The first line that the program prints for `--version`, or nothing."""
    name = next((one for one in (profile.program, *profile.aliases) if shutil.which(one)), "")
    if not name:
        return ""
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(  # a program that a profile names, asked for its version
                [name, "--version"],
                cwd=empty,
                env={"PATH": os.environ["PATH"], "HOME": empty, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    lines = [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
    return re.sub(r" from /.*| \[.*|/\S+", "", lines[0])[:100] if lines and done.returncode == 0 else ""


def questions() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every program with a profile, and the subcommands whose own help is asked for."""
    for name in profile_names():
        yield name, ()
        yield from ((name, (word,)) for word in _COMMANDS.get(name, ()))


def recorded() -> dict[str, dict[str, str]]:
    """What programs said when they were last asked: `{"git log": {"version": ..., "options": "-a --all ..."}}`."""
    loaded: dict[str, dict[str, str]] = yaml.safe_load(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    return loaded


def examples_both_ways(profile: Profile) -> bool:
    """Whether there is an example of what is accounted for and of what is not (or runs code, or reaches the network). A
    program of which every use is of one kind has examples of that kind alone.
    """
    table = profile.table
    restricted = [
        any(effect in {"unknown", "workspace"} or effect.startswith("connect") for effect in one.effects) for one in profile.examples
    ]
    never = bool(table.always) and not table.exact
    ever = profile.interpreter == "test" or (all_data(table) and not table.always)
    commands = bool(table.commands) and all(one.always for one in table.commands.values()) and not table.exact
    return (True in restricted or ever) and (False in restricted or never or commands)


def counted() -> list[str]:
    """The profiles that count: every option in the recorded help has its place, and there are examples both ways."""
    said = recorded()
    found: list[str] = []
    for name in profile_names():
        profile = find_profile(name)
        if profile is not None and name in said and not missing(profile, said[name]["options"].split()) and examples_both_ways(profile):
            found.append(name)
    return found


def main(only: list[str]) -> None:
    """Renews the record."""
    found = recorded()
    for name, words in questions():
        profile = find_profile(name)
        if profile is None or (only and name not in only):
            continue
        text = ask(profile, words)
        if text is not None:
            options = " ".join(sorted(options_of(text, profile)))
            found[" ".join((name, *words))] = {"version": version(profile), "options": options}
    RECORDED.write_text(yaml.safe_dump(found, sort_keys=True, width=130, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
