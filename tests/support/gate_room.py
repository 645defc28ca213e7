"""A real gate over a real workspace: policy, tools, record and sandbox as they are; only the person is scripted."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bylaw.agent.approvals import Approval, Approved, Denied, Question
from bylaw.agent.gate import Answer
from bylaw.agent.providers.interface import ToolCall
from bylaw.agent.session import Session, SessionSettings, open_session
from bylaw.audit import read
from bylaw.policy.layers import load
from bylaw.policy.records import replace

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")


def git(workspace: Path, *arguments: str) -> str:
    """Runs the machine's git in the workspace, outside of bylaw."""
    return subprocess.run([*GIT, *arguments], cwd=workspace, check=True, capture_output=True, text=True).stdout


def make_workspace(base: Path) -> Path:
    """A small repository with one commit."""
    workspace = base / "ws"
    workspace.mkdir()
    (workspace / "a.txt").write_text("one\ntwo\nthree\n")
    (workspace / ".env").write_text("TOKEN=canary-in-dotenv\n")
    (workspace / ".gitignore").write_text(".env\n")
    git(workspace, "init", "--quiet")
    git(workspace, "add", ".")
    git(workspace, "commit", "--quiet", "-m", "first")
    return workspace


@dataclass
class Person:
    """Gives the answers in order; remembers what was shown. A callable is called when it is asked."""

    answers: list[Approval | Callable[[Question], Approval]] = field(default_factory=list[Approval | Callable[[Question], Approval]])
    asked: list[Question] = field(default_factory=list[Question])
    how: str = "scripted person"

    def ask(self, question: Question) -> Approval:
        self.asked.append(question)
        if not self.answers:
            return Denied(unattended=True)
        answer = self.answers.pop(0)
        return answer(question) if callable(answer) else answer


class Yes(Person):
    """Says yes to everything."""

    def ask(self, question: Question) -> Approval:
        self.asked.append(question)
        return Approved()


@dataclass
class Room:
    """An open session and shortcuts."""

    session: Session
    workspace: Path
    person: Person
    calls: int = 0

    def call(self, tool: str, **arguments: object) -> Answer:
        """One call of the model."""
        return self.raw(tool, json.dumps(arguments))

    def raw(self, tool: str, arguments: str) -> Answer:
        """One call with its arguments as text."""
        self.calls += 1
        return self.session.call(ToolCall(id=f"c{self.calls}", name=tool, arguments=arguments))

    def events(self) -> list[dict[str, object]]:
        """The record so far."""
        return [{"event": record.event, **record.fields} for record in read(self.session.path)]

    def names(self) -> list[str]:
        """The names of the call events so far, without start, end and notices."""
        return [str(event["event"]) for event in self.events() if str(event["event"]).startswith("tool.")]


@contextmanager
def room(
    base: Path,
    *,
    preset: str = "balanced",
    answers: Sequence[Approval | Callable[[Question], Approval]] = (),
    policy: str | None = None,
    dry_run: bool = False,
    environ: dict[str, str] | None = None,
    person: Person | None = None,
    limits: Mapping[str, object] | None = None,
) -> Generator[Room]:
    """A gate over `base`/ws, made where it is missing; the record goes to `base`/home. `limits` replace those of the policy."""
    workspace = base / "ws" if (base / "ws").exists() else make_workspace(base)
    files: tuple[str, ...] = ()
    if policy is not None:
        (base / "policy.yaml").write_text(policy)
        files = (str(base / "policy.yaml"),)
    home = base / "home"
    home.mkdir(exist_ok=True)
    real_home = os.path.realpath(home)
    loaded = load(None if policy else preset, files=files, workspace=os.path.realpath(workspace), home=real_home)
    if limits:
        loaded = replace(loaded, limits=replace(loaded.limits, **limits))
    someone = person or Person(answers=list(answers))
    variables = {"PATH": os.environ["PATH"], "BYLAW_HOME": real_home, "HOME": real_home, **(environ or {})}
    settings = SessionSettings(
        policy=loaded,
        workspace=os.path.realpath(workspace),
        home=real_home,
        environ=variables,
        approver=someone,
        model="none",
        dry_run=dry_run,
    )
    with open_session(settings) as session:
        yield Room(session=session, workspace=workspace, person=someone)
