"""A made-up machine for the analysis: a file system in a dictionary, and shortcuts over it."""

from __future__ import annotations

from collections.abc import Mapping

from bylaw.policy.analysis import Analysis, analyse_command
from bylaw.policy.effects import Connect, Delete, Effect, Execute, Read, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.model import Limits
from bylaw.policy.scope import PathKind, Scope

LIMITS = Limits(read_bytes=10**6, write_bytes=10**6, output_bytes=10**6, command_seconds=60, command_characters=8192, regular_files=True)

Tree = dict[str, str | None]


class MadeUp:
    """None is a directory, a text that begins with `->` a link, `program` a program, `device` a device, any other a file."""

    def __init__(self, tree: Tree) -> None:
        self.tree: Tree = {"/": None, **tree}

    def real(self, path: str) -> str:
        done = ""
        waiting = [part for part in path.split("/") if part not in {"", "."}]
        for _ in range(64):
            if not waiting:
                return done or "/"
            part = waiting.pop(0)
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            found = self.tree.get(f"{done}/{part}")
            if found is not None and found.startswith("->"):
                waiting = [*(one for one in found[2:].split("/") if one), *waiting]
                done = "" if found.startswith("->/") else done
            else:
                done = f"{done}/{part}"
        raise OSError("a loop")

    def kind(self, path: str) -> PathKind:
        if path not in self.tree:
            return "missing"
        found = self.tree[path]
        if found is None:
            return "directory"
        return "symlink" if found.startswith("->") else "other" if found == "device" else "file"

    def names(self, directory: str) -> tuple[str, ...]:
        prefix = directory.rstrip("/") + "/"
        below = (one.removeprefix(prefix) for one in self.tree if one.startswith(prefix) and one != "/")
        return tuple(sorted(one for one in below if "/" not in one))

    def executable(self, path: str) -> bool:
        return self.tree.get(self.real(path)) == "program"

    def read_text(self, path: str, limit: int) -> str | None:
        found = self.tree.get(self.real(path))
        return found if found is not None and len(found) <= limit else None


_PROGRAMS = (
    *("awk", "cat", "cp", "curl", "du", "echo", "env", "find", "git", "grep", "head", "install", "jq", "ln", "ls", "mv"),
    *("nice", "odd", "rg", "rm", "sed", "sort", "timeout", "wc", "xargs", "xxd"),
)
TREE: Tree = {
    "/w": None,
    "/w/a": "x",
    "/w/b": "x",
    "/w/d": None,
    "/w/d/b": "x",
    "/w/p": "program",
    "/w/loop": "->loop",
    "/etc": None,
    "/etc/secret": "x",
    "/usr": None,
    "/usr/bin": None,
    **{f"/usr/bin/{name}": "program" for name in _PROGRAMS},
}


def scope(
    tree: Mapping[str, str | None] | None = None, *, environment: dict[str, str] | None = None, search: tuple[str, ...] = ("/usr/bin",)
) -> Scope:
    """The workspace `/w` with the tree, and what a test adds to it."""
    return Scope(
        files=MadeUp({**TREE, **(tree or {})}),
        workspace="/w",
        cwd="/w",
        home="/home/u",
        read_roots=("/w",),
        write_roots=("/w",),
        environment=environment or {},
        search_path=search,
    )


def run(command: str, where: Scope | Mapping[str, str | None] | None = None) -> Analysis:
    """What a command would do on the made-up machine."""
    return analyse_command(command, where if isinstance(where, Scope) else scope(where), LIMITS)


def short(effect: Effect) -> str | None:
    """An effect as the profiles' examples write it: `read a`, `write* d`, `connect h`, `set A`; paths below `/w` are relative."""
    match effect:
        case Read() | Write() | Delete():
            path = "." if effect.path == "/w" else effect.path.removeprefix("/w/")
            return f"{type(effect).__name__.lower()}{'*' if effect.recursive else ''} {path}"
        case Connect():
            return f"connect {effect.host}"
        case SetEnvironment():
            return f"set {effect.name}"
        case Unknown():
            return "unknown"
        case Execute():
            return "workspace" if effect.origin == "workspace" else None
        case UseConstruct():
            return None
        case _:
            raise AssertionError(effect)


def effects(command: str, where: Scope | Mapping[str, str | None] | None = None) -> set[str]:
    """The effects of a command in short; a known program that is started, and constructs, are left out."""
    found = run(command, where)
    assert found.refusal is None, found.refusal
    return {one for one in map(short, found.effects) if one is not None}


def whys(command: str, where: Scope | Mapping[str, str | None] | None = None) -> list[str]:
    """Why the command is not accounted for, one sentence for each reason."""
    return [one.why for one in run(command, where).effects if isinstance(one, Unknown)]


def argv(command: str, where: Scope | Mapping[str, str | None] | None = None, *, number: int = 0) -> tuple[str, ...]:
    """The vector that would be started."""
    plan = run(command, where).plan
    assert plan is not None
    return plan.invocations()[number].argv
