"""A name that is exchanged between the judgement and the start of the sandbox brings nothing in that was not judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Step
from bylaw.tools import launch
from bylaw.tools.errors import ChangedError
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.sandbox import layers

_LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=10_000, command_seconds=20, command_characters=1000, regular_files=True
)
_BOTH = ("bubblewrap", "landlock")


def _place(base: Path) -> tuple[Path, Path]:
    workspace = Path(os.path.realpath(base)) / "ws"
    (workspace / "sub").mkdir(parents=True)
    (workspace / "sub" / "note").write_text("harmless\n")
    outside = workspace.parent / "outside"
    outside.mkdir()
    (outside / "note").write_text("canary-outside\n")
    return workspace, outside


def _cat(workspace: Path, *, layer: str) -> ProcessOutcome:
    path = str(workspace / "sub" / "note")
    plan = Plan(
        steps=(
            Step(
                connector="then",
                pipeline=Pipeline(stages=(Invocation(argv=("cat", path), directory=str(workspace), program="/usr/bin/cat"),)),
            ),
        )
    )
    manifest = Manifest(programs=("/usr/bin/cat",), read=(PathGrant(path=path, recursive=False),))
    states = tuple(replace(one, available=one.available and one.name == layer) for one in layers())
    return run_plan(plan, manifest=manifest, limits=_LIMITS, sandbox="require", environment={"PATH": "/usr/bin"}, states=states)


def _exchange(workspace: Path, outside: Path, *, directory: bool) -> None:
    if directory:
        (workspace / "sub").rename(workspace / "old")
        (workspace / "sub").symlink_to(outside)
    else:
        (workspace / "sub" / "note").unlink()
        (workspace / "sub" / "note").symlink_to(outside / "note")


def _needs(layer: str) -> None:
    if not any(one.name == layer and one.available for one in layers()):
        pytest.skip(f"{layer} is not to be had here")


@pytest.mark.parametrize("layer", _BOTH)
def test_a_granted_file_that_is_not_exchanged_is_read(tmp_path: Path, layer: str) -> None:
    _needs(layer)
    workspace, _ = _place(tmp_path)
    assert _cat(workspace, layer=layer).stdout.text == "harmless\n"


@pytest.mark.parametrize("layer", _BOTH)
@pytest.mark.parametrize("directory", [True, False])
def test_a_link_that_came_after_the_judgement_is_not_granted(tmp_path: Path, layer: str, *, directory: bool) -> None:
    _needs(layer)
    workspace, outside = _place(tmp_path)
    _exchange(workspace, outside, directory=directory)
    with pytest.raises(ChangedError):
        _cat(workspace, layer=layer)


@pytest.mark.parametrize("layer", _BOTH)
@pytest.mark.parametrize("directory", [True, False])
def test_a_link_that_comes_while_the_sandbox_is_put_up_is_not_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str, *, directory: bool
) -> None:
    _needs(layer)
    workspace, outside = _place(tmp_path)
    start = cast("Callable[..., object]", launch.start)

    def late(*arguments: object, **named: object) -> object:
        _exchange(workspace, outside, directory=directory)
        return start(*arguments, **named)

    monkeypatch.setattr("bylaw.tools.process.start", late)
    with pytest.raises(ChangedError):
        _cat(workspace, layer=layer)


def test_a_directory_that_became_a_link_after_the_judgement_is_not_entered(tmp_path: Path) -> None:
    workspace, outside = _place(tmp_path)
    _exchange(workspace, outside, directory=True)
    pwd = Invocation(argv=("pwd",), directory=str(workspace / "sub"), builtin="pwd")
    plan = Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(pwd,))),))
    with pytest.raises(ChangedError, match="leads elsewhere"):
        run_plan(plan, manifest=Manifest(), limits=_LIMITS, sandbox="off", environment={})
