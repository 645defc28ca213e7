"""What the contract tests look at: the files of the repository as git sees them, and their syntax trees."""

from __future__ import annotations

import ast
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("policy", "audit", "tools", "agent", "presets")


@cache
def files() -> tuple[str, ...]:
    """Every file that is in git or would be after `git add --all`, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file()))


def code(*folders: str) -> tuple[str, ...]:
    """The Python files below these folders; all rooms when none is named."""
    return tuple(name for name in files() if name.endswith(".py") and name.split("/")[0] in (folders or ROOMS))


@cache
def text(name: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tree(name: str) -> ast.Module:
    """The syntax tree of a Python file of the repository."""
    return ast.parse(text(name), filename=name)


def calls(name: str) -> Iterator[ast.Call]:
    """Every call written in a Python file."""
    return (node for node in ast.walk(tree(name)) if isinstance(node, ast.Call))


def callee(call: ast.Call) -> str:
    """The last name of what is called: `issue` for `self.issuer.issue(...)`."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def comments(name: str) -> Iterator[tuple[int, str]]:
    """Line number and text of every comment, and of nothing that only looks like one."""
    for token in tokenize.generate_tokens(StringIO(text(name)).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
