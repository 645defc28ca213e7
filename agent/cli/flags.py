"""The flags that make a policy, declared once and added to every command that needs one."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any, Literal

import click
import typer

from .options import FlagValue, PolicyOptions


def _declare(
    *,
    preset: Annotated[
        Literal["hardened", "strict", "balanced", "permissive"] | None,
        typer.Option(help="The shipped policy to start from.  [default: balanced]", show_default=False),
    ] = None,
    policy: Annotated[list[str] | None, typer.Option(metavar="FILE", help="A policy document over the preset; may be repeated.")] = None,
    workspace: Annotated[str, typer.Option(metavar="DIR", help="The repository to work on.")] = ".",
    allow_path: Annotated[
        list[str] | None, typer.Option(metavar="DIR", help="One more root for reading and writing; may be repeated.")
    ] = None,
    allow_command: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Allow this program; a rule that denies still denies. May be repeated.")
    ] = None,
    max_file_read_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="Largest file that is read.")] = None,
    max_file_write_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="Largest file that is written.")] = None,
    max_tool_output_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="How much of each output stream is kept.")] = None,
    command_timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="How long a command may run.")] = None,
    max_command_length: Annotated[int | None, typer.Option(metavar="CHARACTERS", help="Longest text of a command.")] = None,
    max_processes: Annotated[int | None, typer.Option(metavar="NUMBER", help="How many processes a command has at once.")] = None,
    max_memory_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="Data of one process of a command.")] = None,
    max_file_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="Largest file that a command makes.")] = None,
    max_open_files: Annotated[int | None, typer.Option(metavar="NUMBER", help="Files that one process has open.")] = None,
    max_cpu_seconds: Annotated[int | None, typer.Option(metavar="SECONDS", help="Processor time of one process.")] = None,
    max_session_read_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="What a session reads in all.")] = None,
    max_session_write_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="What a session writes in all.")] = None,
    max_session_output_bytes: Annotated[int | None, typer.Option(metavar="BYTES", help="Output of a session in all.")] = None,
    max_session_files: Annotated[int | None, typer.Option(metavar="NUMBER", help="How many files a session writes.")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="Reach this host without a question; a rule that denies still denies. May be repeated."),
    ] = None,
    sandbox: Annotated[
        Literal["require", "prefer", "off"] | None, typer.Option(help="Whether commands must run inside the sandbox.")
    ] = None,
    sandbox_command: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="A launcher around each command: words, {shell}, {command}, {cwd}. May be repeated."),
    ] = None,
) -> PolicyOptions:
    """What the flags mean. INVARIANT: a flag that was given counts, whatever its value; None means not given."""
    not_empty("--policy", policy or ())
    not_empty("--workspace", (workspace,))
    not_empty("--allow-path", allow_path or ())
    not_empty("--sandbox-command", sandbox_command or ())
    given: dict[str, tuple[FlagValue, str]] = {}
    for name, value, flag in (
        ("limits.read_bytes", max_file_read_bytes, "--max-file-read-bytes"),
        ("limits.write_bytes", max_file_write_bytes, "--max-file-write-bytes"),
        ("limits.output_bytes", max_tool_output_bytes, "--max-tool-output-bytes"),
        ("limits.command_seconds", command_timeout, "--command-timeout"),
        ("limits.command_characters", max_command_length, "--max-command-length"),
        ("limits.processes", max_processes, "--max-processes"),
        ("limits.memory_bytes", max_memory_bytes, "--max-memory-bytes"),
        ("limits.file_bytes", max_file_bytes, "--max-file-bytes"),
        ("limits.open_files", max_open_files, "--max-open-files"),
        ("limits.cpu_seconds", max_cpu_seconds, "--max-cpu-seconds"),
        ("limits.session_read_bytes", max_session_read_bytes, "--max-session-read-bytes"),
        ("limits.session_write_bytes", max_session_write_bytes, "--max-session-write-bytes"),
        ("limits.session_output_bytes", max_session_output_bytes, "--max-session-output-bytes"),
        ("limits.session_files", max_session_files, "--max-session-files"),
        ("sandbox.mode", sandbox, "--sandbox"),
    ):
        if value is not None:
            given[name] = (value, flag)
    if allow_path:
        given["allow_path"] = ([os.path.realpath(path) for path in allow_path], "--allow-path")
    if allow_command:
        given["allow_command"] = ([*allow_command], "--allow-command")
    if allow_host:
        given["allow_host"] = ([*allow_host], "--allow-host")
    if sandbox_command:
        given["sandbox.launcher"] = ([word for one in sandbox_command for word in _words(one)], "--sandbox-command")
    return PolicyOptions(preset=preset, files=tuple(policy or ()), workspace=workspace, values=given)


def _words(text: str) -> list[str]:
    """The words of a flag: apart by commas or blanks, which quotes as in a shell keep. UsageError for a quote that stays open."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace += ","
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError as problem:
        raise click.UsageError(f"--sandbox-command cannot be read: {str(problem).lower()}") from problem


def not_empty(flag: str, values: Iterable[str | None]) -> None:
    """UsageError for a flag that was given with nothing in it, which must not mean the environment or the current directory."""
    if any(value is not None and not value.strip() for value in values):
        raise click.UsageError(f"{flag} must not be empty")


def with_policy(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes `options: PolicyOptions`, as one that takes the flags instead."""
    own = inspect.signature(command, eval_str=True)
    flags = inspect.signature(_declare, eval_str=True)
    parameters = [one for one in own.parameters.values() if one.name != "options"] + list(flags.parameters.values())

    @wraps(command)
    def with_flags(**given: Any) -> None:  # typer has checked every value against its flag
        made = _declare(**{name: given.pop(name) for name in flags.parameters})
        command(options=made, **given)

    keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    vars(with_flags)["__signature__"] = own.replace(parameters=keyword_only)
    with_flags.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_flags
