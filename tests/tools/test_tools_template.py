"""A launcher of somebody else's around ours: proven by a run, filled in word by word, and no way around the other layers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.plan import Invocation
from bylaw.tools.errors import SandboxError
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.sandbox import layers
from bylaw.tools.sandbox.template import Template, filled
from plan_room import ENVIRONMENT, limits, pipe, program

BWRAP = (
    "/usr/bin/bwrap",
    "--bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--unshare-uts",
    "--hostname",
    "theirs",
    "--chdir",
    "{cwd}",
)


def run(template: tuple[str, ...], script: str, here: Path) -> ProcessOutcome:
    call = Invocation(argv=("sh", "-c", script), program=program("sh"), directory=str(here))
    manifest = Manifest(programs=("*",), write=(PathGrant(path=str(here), recursive=True),))
    return run_plan(pipe(call), manifest=manifest, limits=limits(), sandbox="require", environment=ENVIRONMENT, template=template)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (("/bin/x", "{shell}", "{command}"), ("/bin/x", "{shell}", "{command}")),
        (("/bin/x", "--at={cwd}/y"), ("/bin/x", "--at=/here/y", "{shell}", "{command}")),
        (("/bin/x", "{command}", "--"), ("/bin/x", "{command}", "--", "{shell}")),
    ],
)
def test_a_template_is_filled_word_by_word(template: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert filled(template, "/here") == words


@pytest.mark.parametrize("template", [("/usr/bin/env", "{shell}", "{command}"), ("/usr/bin/env",), ("/usr/bin/nice", "-n", "5")])
def test_commands_run_in_the_launcher_that_the_policy_names(here: Path, template: tuple[str, ...]) -> None:
    outcome = run(template, "echo inside; touch made", here)
    assert (outcome.exit_code, outcome.stdout.text) == (0, "inside\n"), outcome
    assert outcome.layers[0] == "launcher"
    assert "bubblewrap" not in outcome.layers
    assert (here / "made").exists()


def test_what_the_launcher_gives_is_what_the_command_finds(here: Path) -> None:
    if not os.access(BWRAP[0], os.X_OK):
        pytest.skip("bubblewrap is not installed")
    assert run(BWRAP, "uname -n; exit 7", here).stdout.text == "theirs\n"


def test_the_other_layers_hold_inside_the_launcher(here: Path) -> None:
    outside = here.parent / "outside-of-template"
    outside.write_text("canary\n")
    outcome = run(("/usr/bin/env",), f"cat {outside}; echo x > {outside}; unshare -r true", here)
    assert "canary" not in outcome.stdout.text
    assert outside.read_text() == "canary\n"
    assert {"landlock", "seccomp"} <= {*outcome.layers}


@pytest.mark.parametrize("template", [("/bin/false",), ("/no/such/program",), ("/usr/bin/env", "-i", "sh", "-c", "exit 0", "{shell}")])
def test_a_launcher_that_starts_nothing_is_not_counted_on(template: tuple[str, ...]) -> None:
    state = Template(template).probe()
    assert not state.available
    assert "starts no launcher" in state.why


def test_where_the_launcher_is_broken_and_nothing_else_is_a_wall_a_required_sandbox_is_refused(here: Path) -> None:
    call = Invocation(argv=("true",), program=program("true"), directory=str(here))
    states = tuple(one for one in layers(("/bin/false",)) if one.name in ("launcher", "seccomp", "cgroup"))
    with pytest.raises(SandboxError):
        run_plan(pipe(call), manifest=Manifest(), limits=limits(), sandbox="require", environment=ENVIRONMENT, states=states)
