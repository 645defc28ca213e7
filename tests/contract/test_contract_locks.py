"""The lock files name exactly what pyproject.toml asks for, with hashes, and nothing that only one machine knows."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from contract_repository import code, text, tree

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-models.lock")
PIN = re.compile(r"^(?P<pin>[a-z0-9-]+==\S+(?: ; [^\\]+?)?) \\$", re.MULTILINE)


@cache
def _project() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))


def _asked(group: str) -> Iterator[Requirement]:
    entries: list[str | dict[str, str]] = _project()["dependency-groups"][group]
    for one in entries:
        if isinstance(one, str):
            yield Requirement(one)
        else:
            yield from _asked(one["include-group"])


def _direct(lock: str) -> list[Requirement]:
    runtime = [Requirement(str(one)) for one in _project()["project"]["dependencies"]]
    match lock:
        case "requirements.lock":
            return [*runtime, *_asked("build")]
        case "requirements-dev.lock":
            return [*runtime, *_asked("dev")]
        case _:
            return list(_asked("models"))


@cache
def _pins(lock: str) -> dict[str, Requirement]:
    pins = [Requirement(found["pin"]) for found in PIN.finditer(text(lock))]
    return {canonicalize_name(one.name): one for one in pins}


def _is_for_here(pin: Requirement) -> bool:
    return pin.marker is None or pin.marker.evaluate()


def _version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_what_is_asked_for(lock: str) -> None:
    for asked in _direct(lock):
        pin = _pins(lock).get(canonicalize_name(asked.name))
        assert pin is not None, f"`{asked.name}` is not in {lock}; run `make lock`"
        assert asked.specifier.contains(_version(pin), prereleases=True), f"{lock} pins {pin}, asked for is {asked}; run `make lock`"


@pytest.mark.parametrize("lock", LOCKS[:2])
def test_a_lock_holds_nothing_that_nobody_asks_for(lock: str) -> None:
    """What is reachable from the direct requirements through the metadata of what is installed is all there is."""
    wanted: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [(str(canonicalize_name(one.name)), frozenset(one.extras)) for one in _direct(lock)]
    while queue:
        name, extras = queue.pop()
        seen.add((name, extras))
        wanted.add(name)
        if not _is_for_here(_pins(lock)[name]):
            continue
        for line in importlib.metadata.distribution(name).requires or []:
            needed = Requirement(line)
            asked_by_extra = any(needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in ("", *extras))
            step = (str(canonicalize_name(needed.name)), frozenset(needed.extras))
            if asked_by_extra and step not in seen:
                assert step[0] in _pins(lock), f"`{step[0]}`, which `{name}` needs, is not in {lock}; run `make lock`"
                queue.append(step)
    # A pin with a marker, or needed only by another Python, stands for machines that this one is not.
    loose = {name for name, pin in _pins(lock).items() if pin.marker is None} - wanted
    assert loose - _needed_elsewhere(lock, wanted) == set()


def _needed_elsewhere(lock: str, wanted: set[str]) -> set[str]:
    found: set[str] = set()
    for name in wanted:
        if _is_for_here(_pins(lock)[name]):
            found |= {canonicalize_name(Requirement(line).name) for line in importlib.metadata.distribution(name).requires or []}
    return found


def test_the_two_locks_agree() -> None:
    runtime, dev = _pins("requirements.lock"), _pins("requirements-dev.lock")
    assert {name: _version(pin) for name, pin in runtime.items()} == {name: _version(dev[name]) for name in runtime if name in dev}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    body = "".join(line for line in text(lock).splitlines(keepends=True) if not line.startswith("#"))
    for entry in re.split(r"\n(?=[a-z0-9])", body.strip()):
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert re.search(r"://|--index|--find-links|\s/", body) is None


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_installed_is_what_the_lock_names(lock: str) -> None:
    for name, pin in _pins(lock).items():
        if _is_for_here(pin):
            assert importlib.metadata.version(name) == _version(pin), f"`{name}`; make sets up the environment anew"


def test_every_direct_dependency_has_its_reason() -> None:
    table = text("docs/dependencies.md")
    for lock in LOCKS:
        for asked in _direct(lock):
            assert f"| `{asked.name}` |" in table, f"`{asked.name}` has no line in docs/dependencies.md"


def test_what_the_rooms_import_is_what_they_ask_for() -> None:
    """A library that is imported is asked for by name, not found by luck; a library that is asked for is imported."""
    providers = importlib.metadata.packages_distributions()
    imported = {module for name in code() for module in _imports(name) if module not in sys.stdlib_module_names}
    found = {str(canonicalize_name(one)) for module in imported for one in providers.get(module, [module])}
    found -= {"pydantic-core"}  # one library in two distributions: pydantic pins it exactly
    asked = {str(canonicalize_name(Requirement(one).name)) for one in _project()["project"]["dependencies"]}
    assert found == asked


def _imports(name: str) -> Iterator[str]:
    for node in ast.walk(tree(name)):
        match node:
            case ast.Import(names=names):
                yield from (one.name.split(".")[0] for one in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.split(".")[0]
            case ast.Call(func=ast.Attribute(attr="import_module" | "find_spec"), args=[ast.Constant(value=str(module))]):
                yield module.split(".")[0]
            case _:
                continue
