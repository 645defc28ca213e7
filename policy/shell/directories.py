"""What `cd` does, before it is done: the logical path, as bash keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from ..scope import Files, Scope
from ..spans import Span
from .globs import is_directory
from .refusals import refusal


def change_directory(argv: Sequence[str], scope: Scope, directory: str, span: Span) -> str:
    """The absolute directory after `cd`; it must exist now.

    `.` and `..` are removed by name, as bash does: `cd link/..` stays where it is. Raises ShellSyntaxError.
    """
    operands = list(argv[1:])
    if operands[:1] == ["--"]:
        operands = operands[1:]
    elif operands and operands[0] == "-":
        raise refusal("cd_previous", span)
    elif operands and operands[0].startswith("-"):
        raise refusal("cd_option", span, operands[0])
    if len(operands) > 1 or operands in ([""], ["-"]):
        raise refusal("cd_operand", span)
    if "CDPATH" in scope.environment:
        raise refusal("cd_path_variable", span)
    target = operands[0] if operands else scope.home
    if target.startswith("//") and not target.startswith("///"):
        # Bash keeps exactly two leading slashes.
        raise refusal("cd_operand", span, target)
    found = _logical(target if target.startswith("/") else f"{directory}/{target}", scope.files)
    if found is None or not is_directory(scope.files, found):
        raise refusal("cd_missing", span, target)
    return found


def is_real(files: Files, directory: str) -> bool:
    """Whether no part of the directory is a symbolic link."""
    return files.real(directory) == directory


def _logical(path: str, files: Files) -> str | None:
    """The path without `.` and `..`; None when a `..` follows something that is not a directory."""
    kept: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            kept.append(part)
        elif kept:
            if not is_directory(files, "/" + "/".join(kept)):
                return None
            kept.pop()
    return "/" + "/".join(kept)
