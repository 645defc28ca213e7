"""`bylaw demo`: the main job on a small repository made for it. Only the model's words come from a script."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue

from ...audit import table, verify
from ..events import Event, RunStarted
from .audit import print_rows, print_verification
from .options import PolicyOptions, load_policy
from .run import Job, RunOptions, approver_for, work
from .view import TextView

_GIT = (
    "git",
    "-c",
    "user.name=bylaw demo",
    "-c",
    "user.email=demo@example.org",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "commit.gpgsign=false",
)


class _Demo(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    task: str
    files: dict[str, str]
    policy: str
    turns: list[JsonValue]


def demo(environ: Mapping[str, str]) -> int:
    """Runs the demonstration and shows its record. The repository is removed at the end, the record is kept.

    Returns 0 when the run came to its end and its record verifies; 130 after Ctrl-C.
    """
    text = resources.files(__package__.removesuffix(".cli")).joinpath("demo/demo.yaml").read_text("utf-8")
    script = _Demo.model_validate(yaml.safe_load(text))
    scratch = Path(tempfile.mkdtemp(prefix="bylaw-demo-"))
    try:
        workspace = scratch / "shop"
        _make_repository(workspace, script.files)
        (scratch / "policy.yaml").write_text(script.policy)
        (scratch / "turns.yaml").write_text(yaml.safe_dump(script.turns))
        code, path = _run(script.task, workspace, scratch, environ)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if code:
        return code
    print("\nThe record, as `bylaw audit show` prints it:\n")
    print_rows(table(path))
    print("\nAnd what `bylaw audit verify` says of it:\n")
    found = verify(path)
    print_verification(found)
    program = "bylaw" if shutil.which("bylaw") else sys.argv[0]
    print(
        "\nTry next:\n"
        f"  {program} check 'git push --force'              what the policy says, without doing it\n"
        f"  {program} policy show --preset strict           every value, and the file and line it comes from\n"
        f"  {program} run 'explain this repository' --model openai/NAME\n"
    )
    return 0 if found.consistent and found.ended else 1


def _make_repository(workspace: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for arguments in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "A very small shop")):
        subprocess.run([*_GIT, *arguments], cwd=workspace, check=True)


def _run(task: str, workspace: Path, scratch: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    options = RunOptions(
        task=task,
        model=None,
        base_url=None,
        policy=PolicyOptions(preset=None, files=(str(scratch / "policy.yaml"),), workspace=str(workspace), values={}),
        max_turns=20,
        dry_run=False,
        format="text",
        audit_log=None,
        allow_denials=True,
        approve_all=False,
    )
    loaded = load_policy(options.policy, environ)
    show = TextView(sys.stdout, sys.stdout)
    records: list[str] = []

    def view(event: Event) -> None:
        if isinstance(event, RunStarted):
            records.append(event.session)
        show(event)

    approver = approver_for(environ, approve_all=False)
    model = f"scripted:{scratch / 'turns.yaml'}"
    print("The policy: balanced, and one rule more: what lies below shop/ may be changed without asking.\n")
    code = work(Job(task=task, model=model, loaded=loaded, approver=approver, view=view, options=options), environ)
    return code, records[0]
