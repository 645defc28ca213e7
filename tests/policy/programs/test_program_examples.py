"""Every profile's own examples: the effects that its command has in a small workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.analysis import analyse_command
from bylaw.policy.effects import Connect, Delete, Effect, Execute, Read, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.machine import MachineFiles
from bylaw.policy.model import Limits
from bylaw.policy.profiles import find_profile, profile_names
from bylaw.policy.profiles.loader import aliases
from bylaw.policy.scope import Scope

LIMITS = Limits(read_bytes=10**6, write_bytes=10**6, output_bytes=10**6, command_seconds=60, command_characters=4096, regular_files=True)


def _examples() -> Iterator[pytest.ParameterSet]:
    for name in profile_names():
        profile = find_profile(name)
        assert profile is not None
        for example in profile.examples:
            yield pytest.param(example.command, example.effects, id=f"{name}: {example.command}")


def _shown(effect: Effect, workspace: str, home: str) -> str | None:
    def place(path: str) -> str:
        if path == workspace:
            return "."
        return path.removeprefix(f"{workspace}/").replace(home, "~", 1)

    match effect:
        case Read() | Write() | Delete():
            return f"{type(effect).__name__.lower()}{'*' if effect.recursive else ''} {place(effect.path)}"
        case Execute():
            return "workspace" if effect.origin == "workspace" else None
        case Connect():
            return f"connect {effect.host}"
        case SetEnvironment():
            return f"set {effect.name}"
        case Unknown():
            return "unknown"
        case UseConstruct():
            return None
        case _:
            raise AssertionError(effect)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    base = tmp_path_factory.mktemp("examples").resolve()
    workspace, home = base / "w", base / "home"
    (workspace / "d" / "e").mkdir(parents=True)
    home.mkdir()
    for name in ("a", "d/a", "d/e/f", "a.x"):
        (workspace / name).write_text("x\n")
    (workspace / "p").write_text("#!/bin/sh\n")
    (workspace / "p").chmod(0o755)
    where = str(workspace)
    return Scope(files=MachineFiles(), workspace=where, cwd=where, home=str(home), read_roots=(where,), write_roots=(where,))


@pytest.mark.parametrize(("command", "effects"), list(_examples()))
def test_a_profile_does_what_its_examples_say(command: str, effects: frozenset[str], place: Scope) -> None:
    # The form of one character is not shell: a bare `;` ends a command, so it is quoted for the parser.
    text = " ".join("';'" if word == ";" else word for word in command.split(" "))
    found = analyse_command(text, place, LIMITS)
    assert found.refusal is None, found.refusal
    shown = {_shown(effect, place.workspace, place.home) for effect in found.effects} - {None}
    assert shown == {one or "" for one in effects}


def test_every_profile_is_named_as_its_file() -> None:
    for name in profile_names():
        profile = find_profile(name)
        assert profile is not None
        assert profile.program in {name, "["}


def test_the_list_of_aliases_is_that_of_the_profiles() -> None:
    expected: dict[str, str] = {}
    for name in profile_names():
        profile = find_profile(name)
        assert profile is not None
        expected |= dict.fromkeys(profile.aliases, name)
        if profile.program != name:
            expected[profile.program] = name
    assert dict(aliases()) == expected


def test_profiles_name_only_files_that_exist() -> None:
    folder = Path(__file__).parents[3] / "policy" / "programs"
    assert {path.stem for path in folder.glob("*.yaml")} == {*profile_names(), "aliases"}
