"""The examples of rules, tried on a machine that exists only here, so that a rule is known to do what its writer meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .compile import Filler, compile_rule
from .decision import Verdict
from .effects import Effect
from .errors import ActionError, PolicyFileError
from .match import matching
from .model import Limits, Rule
from .paths import Walker
from .raw import Raw, RawRule
from .scope import PathKind, Scope

WORKSPACE: Final = "/workspace"
HOME: Final = "/home/user"

_LIMITS: Final = Limits(
    read_bytes=1_000_000,
    write_bytes=1_000_000,
    output_bytes=16_000,
    command_seconds=60,
    command_characters=65_536,
    regular_files=True,
)
_TREE: Final[Mapping[str, PathKind]] = {
    "/": "directory",
    "/usr": "directory",
    "/usr/bin": "directory",
    "/home": "directory",
    HOME: "directory",
    f"{HOME}/.ssh": "directory",
    f"{HOME}/.ssh/id_ed25519": "file",
    WORKSPACE: "directory",
    f"{WORKSPACE}/.git": "directory",
    f"{WORKSPACE}/.git/HEAD": "file",
    f"{WORKSPACE}/.git/config": "file",
    f"{WORKSPACE}/.git/hooks": "directory",
    f"{WORKSPACE}/.env": "file",
    f"{WORKSPACE}/Makefile": "file",
    f"{WORKSPACE}/README.md": "file",
    f"{WORKSPACE}/build": "directory",
    f"{WORKSPACE}/build/app": "file",
    f"{WORKSPACE}/src": "directory",
    f"{WORKSPACE}/src/app.py": "file",
    f"{WORKSPACE}/tests": "directory",
    f"{WORKSPACE}/tests/test_app.py": "file",
}


class SyntheticFiles:
    """`scope.Files` on a made-up machine: a small repository in `/workspace`, every program installed in `/usr/bin`."""

    def __init__(self, tree: Mapping[str, PathKind] = _TREE, texts: Mapping[str, str] | None = None) -> None:
        self._tree = tree
        self._texts = {f"{WORKSPACE}/.git/HEAD": "ref: refs/heads/main\n", f"{WORKSPACE}/.git/config": ""} if texts is None else texts

    def real(self, path: str) -> str:
        """The path without `.` and `..`; there are no links here."""
        parts: list[str] = []
        for part in path.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in {"", "."}:
                parts.append(part)
        return "/" + "/".join(parts)

    def kind(self, path: str) -> PathKind:
        """What is there."""
        return "file" if self.executable(path) else self._tree.get(path, "missing")

    def names(self, directory: str) -> tuple[str, ...]:
        """The names in a directory, sorted."""
        prefix = directory.rstrip("/") + "/"
        return tuple(
            sorted({path.removeprefix(prefix).partition("/")[0] for path in self._tree if path.startswith(prefix) and path != prefix})
        )

    def executable(self, path: str) -> bool:
        """Whether this is a program: every plain name in `/usr/bin` is one."""
        directory, _, name = path.rpartition("/")
        return directory == "/usr/bin" and bool(name)

    def read_text(self, path: str, limit: int) -> str | None:
        """The text of a file, where it has one here."""
        text = self._texts.get(path)
        return text if text is not None and len(text) <= limit else None


def synthetic_scope() -> Scope:
    """A scope in `/workspace` on the made-up machine."""
    return Scope(
        files=SyntheticFiles(),
        workspace=WORKSPACE,
        cwd=WORKSPACE,
        home=HOME,
        read_roots=(WORKSPACE,),
        write_roots=(WORKSPACE,),
        environment={"HOME": HOME, "LANG": "C.UTF-8", "PATH": "/usr/bin"},
        search_path=("/usr/bin",),
    )


def check_examples(raw: Raw) -> None:
    """Tries the examples of every rule of a user's document; PolicyFileError at the rule whose example fails."""
    for rule in raw.rules.values():
        if rule.user:
            for failure in failures(rule):
                raise PolicyFileError(failure, source=rule.source, hint="`bylaw check` shows the effects of a command")


def failures(raw: RawRule) -> Iterator[str]:
    """What is wrong with the examples of a rule, one sentence each."""
    rule = compile_rule(raw, Verdict.DENY, Filler({"workspace": WORKSPACE, "home": HOME}))
    for example in rule.examples_match:
        if not _matches(rule, example):
            yield f"the rule `{rule.id}` does not match its example `{example}`"
    for example in rule.examples_not_match:
        if _matches(rule, example):
            yield f"the rule `{rule.id}` matches `{example}`, which it should not"


def _matches(rule: Rule, example: str) -> bool:
    scope = synthetic_scope()
    tool, effects = effects_of(example, scope, source=rule.source)
    walker = Walker(scope.files)
    return any(matching((rule,), effect, walker, tool=tool) for effect in effects)


def effects_of(example: str, scope: Scope, *, source: str) -> tuple[str, tuple[Effect, ...]]:
    """The tool and the effects of an example: a command, or `@tool {json}`.

    PolicyFileError for one that is no call, and for a command that is outside the shell language that bylaw reads: such a
    command has no effects that a rule could match, it is refused before any rule.
    """
    from .actions import RunCommand, parse_action  # imported late: pydantic is slow to import
    from .analysis import analyse

    if example.startswith("@"):
        tool, _, arguments = example[1:].partition(" ")
        try:
            action = parse_action(tool, arguments)
        except ActionError as problem:
            raise PolicyFileError(f"the example `{example}` is no call: {problem}", source=source, hint=problem.hint) from problem
    else:
        action = RunCommand(command=example)
    analysis = analyse(action, scope, _LIMITS)
    if analysis.refusal is not None:
        message = f"the example `{example}` is refused before any rule: {analysis.refusal.message}"
        raise PolicyFileError(message, source=source, hint=analysis.refusal.hint)
    return action.tool, analysis.effects
