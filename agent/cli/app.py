"""The commands, their options and help texts. What a command does is in the module of its name, imported when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import click
import typer

from ... import __version__
from . import BROKEN_PIPE
from .flags import not_empty, with_policy
from .options import PolicyOptions

app = typer.Typer(
    name="bylaw",
    help="A coding agent that works under written rules: every tool call is judged, confirmed, confined and on the record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    suggest_commands=False,  # click suggests already
    context_settings={"help_option_names": ["-h", "--help"]},
)
policy_app = typer.Typer(help="Show policies.", no_args_is_help=True, rich_markup_mode=None, suggest_commands=False)
audit_app = typer.Typer(help="Read and verify the record.", no_args_is_help=True, rich_markup_mode=None, suggest_commands=False)
app.add_typer(policy_app, name="policy")
app.add_typer(audit_app, name="audit")

OutputFormat = Annotated[Literal["text", "json"], typer.Option("--format", help="What standard output carries.")]
LogFile = Annotated[str | None, typer.Argument(help="The log; without it the newest one.")]


@app.callback()
def _top(*, version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False) -> None:
    if version:
        print(f"bylaw {__version__}")
        raise typer.Exit


@app.command("run")
@with_policy
def _run(
    *,
    options: PolicyOptions,
    task: Annotated[str, typer.Argument(help="What to do; `-` reads it from standard input.")],
    model: Annotated[str | None, typer.Option(help="openai/NAME, NAME with --base-url, or scripted:FILE.  [env: BYLAW_MODEL]")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the provider is reached.  [env: OPENAI_BASE_URL]")] = None,
    max_turns: Annotated[int, typer.Option(min=1, help="How often the model is asked at most.")] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge and record every call, perform none.")] = False,
    output: OutputFormat = "text",
    audit_log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the record to this new file, not to the state directory.")
    ] = None,
    allow_denials: Annotated[bool, typer.Option("--allow-denials", help="End with 0 although calls were denied.")] = False,
    unsafe_approve_all: Annotated[
        bool, typer.Option("--unsafe-approve-all", help="Answer every confirmation with yes. Loud, recorded, refused by hardened.")
    ] = False,
) -> None:
    """Let a model work on the workspace; every tool call passes the policy."""
    from .run import RunOptions, run_task

    for flag, value in (("--model", model), ("--base-url", base_url), ("--audit-log", audit_log)):
        not_empty(flag, (value,))
    chosen = RunOptions(
        task=task,
        model=model,
        base_url=base_url,
        policy=options,
        max_turns=max_turns,
        dry_run=dry_run,
        format=output,
        audit_log=audit_log,
        allow_denials=allow_denials,
        approve_all=unsafe_approve_all,
    )
    raise typer.Exit(run_task(chosen, os.environ))


@app.command("check")
@with_policy
def _check(
    *,
    options: PolicyOptions,
    command: Annotated[str | None, typer.Argument(help="The shell command to judge.")] = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Judge a call of this tool instead.")] = None,
    arguments: Annotated[str, typer.Option(metavar="JSON", help="The arguments of that call.")] = "{}",
    stdin: Annotated[bool, typer.Option("--stdin", help="Judge JSON lines {id, command}; answer each with one JSON line.")] = False,
    output: OutputFormat = "text",
) -> None:
    """Say what would happen to a call, without doing it. Ends with 0 (allow), 3 (deny) or 10 (confirm)."""
    from .check import check_call, check_lines

    if stdin:
        if command is not None or tool is not None:
            raise click.UsageError("--stdin takes its calls from standard input: give no command and no --tool")
        raise typer.Exit(check_lines(options, os.environ))
    if (command is None) == (tool is None):
        raise click.UsageError("give a command, or --tool NAME with --arguments JSON, or --stdin")
    raise typer.Exit(check_call(options, os.environ, command=command, tool=tool, arguments=arguments, form=output))


@app.command("doctor")
@with_policy
def _doctor(*, options: PolicyOptions, output: OutputFormat = "text") -> None:
    """Show what each layer of the sandbox can do here, and why not.

    And what the policy wants of it, what the machine has, and what to do about what is missing.
    Ends with 0, with 5 where the policy requires a sandbox and there is none, or with 1 where something else is broken.
    """
    from .doctor import diagnose

    raise typer.Exit(diagnose(options, os.environ, output))


@app.command("demo")
def _demo() -> None:
    """Watch the main job on a small repository made for it: no key, no network; all but the model's words is real."""
    from .demo import demo

    raise typer.Exit(demo(os.environ))


@policy_app.command("show")
@with_policy
def _policy_show(*, options: PolicyOptions, output: OutputFormat = "text") -> None:
    """Print the effective policy with the origin (file:line) of every value."""
    from .policy import show_policy

    raise typer.Exit(show_policy(options, os.environ, output))


@policy_app.command("schema")
def _policy_schema() -> None:
    """Print the JSON Schema of policy documents."""
    from .policy import show_schema

    raise typer.Exit(show_schema())


@audit_app.command("list")
def _audit_list(*, output: OutputFormat = "text") -> None:
    """List the logs of the state directory, newest first."""
    from .audit import list_logs

    raise typer.Exit(list_logs(os.environ, output))


@audit_app.command("show")
def _audit_show(*, file: LogFile = None, output: OutputFormat = "text") -> None:
    """Print a log as a table, or its records as JSON lines."""
    from .audit import show_log

    raise typer.Exit(show_log(os.environ, file, output))


@audit_app.command("verify")
def _audit_verify(*, file: LogFile = None, output: OutputFormat = "text") -> None:
    """Check a log: find edits, deletions and reorderings inside it, and say what it cannot show."""
    from .audit import verify_log

    raise typer.Exit(verify_log(os.environ, file, output))


def run(arguments: list[str]) -> int:
    """Runs the command line; returns the exit code. Errors of bylaw's own are printed with their next step."""
    try:
        code = app(arguments, standalone_mode=False, prog_name="bylaw")
    except click.exceptions.NoArgsIsHelpError as problem:
        print(problem.format_message())
        return 0
    except click.ClickException as problem:
        problem.show(file=sys.stderr)
        return 2
    except (KeyboardInterrupt, click.Abort):
        print("\ninterrupted", file=sys.stderr)
        return 130
    except SystemExit as ended:
        # the framework turns a broken pipe into an exit with 1
        if isinstance(ended.__context__, BrokenPipeError):
            return BROKEN_PIPE
        raise
    except Exception as problem:  # noqa: BLE001  # the last place: our own errors are explained there, others raised again
        from .failures import explain

        return explain(problem)
    return code if isinstance(code, int) else 0
