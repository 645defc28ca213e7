"""docs/programs.md, made of the data: every program with a profile, every construct of the shell, every refusal.

python tests/contract/programs_page.py     writes the page anew
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from bylaw.policy.analysis import analyse_command
from bylaw.policy.constructs import CONSTRUCTS, rule_id
from bylaw.policy.examples import synthetic_scope
from bylaw.policy.holes import visible
from bylaw.policy.layers import load
from bylaw.policy.profiles import Profile, find_profile, profile_names
from bylaw.policy.profiles.model import Always, Role, Table
from bylaw.policy.shell.refusals import REFUSALS
from help_options import counted, known

PAGE = Path(__file__).resolve().parents[2] / "docs" / "programs.md"
_ROLES: dict[Role, str] = {
    "flag": "",
    "text": "",
    "end": "",
    "no_target": "",
    "format": "",
    "none": "",
    "read": "read",
    "tree": "read with all below",
    "follow": "read with all below, through links",
    "recurse": "with all below",
    "write": "write",
    "write_tree": "write with all below",
    "rewrite": "rewrite what is read",
    "delete": "remove",
    "delete_tree": "remove with all below",
    "directory": "work elsewhere",
    "target": "write there",
    "connect": "connect",
    "script": "run a file",
    "code": "run text",
    "shell": "run text in a shell, judged besides",
    "program": "start a program, judged besides",
    "joined": "run text in a shell, judged besides",
    "list": "read a list of what is worked on",
    "module": "run a module",
    "revision": "read a revision or path",
    "unknown": "not accounted for",
}
_OPERANDS: dict[Role, str] = {**_ROLES, "text": "text", "format": "a format", "flag": "text", "none": "none"}
_INTERPRETERS = {
    "awk": "its program is read for files and commands",
    "copy": "the last operand is where things go",
    "env": "the program that it starts is judged",
    "find": "each word of the expression is judged, and what it starts",
    "git": "helpers of the repository are switched off",
    "jq": "its filter is read for what it loads",
    "launcher": "the program that it starts is judged besides",
    "parallel": "the lines that it makes are judged besides",
    "sed": "its script is read for files and commands",
    "shell": "the text that it is given is judged besides",
    "test": "file tests read",
    "transfer": "what is sent from files is read",
    "wrapper": "the program that it starts is judged",
    "xargs": "the program that it starts is judged",
    "table": "",
}


def page() -> str:
    """The whole page."""
    return "\n".join((*_programs(), *_constructs(), *_refusals()))


def _programs() -> Iterator[str]:
    names = profile_names()
    counting = counted()
    yield f"""# Programs, constructs and refusals

This page is made of the data (`make readme` writes it, a test compares it). A profile says what each option and operand of a program
does: what it does not know is not accounted for, and never allowed. `bylaw check COMMAND` shows the effects of one command.

## Programs

{len(names)} profiles. Of {len(counting)} (marked ✓), every option in the help text of the program itself is classified or listed as not
accounted for, and there are examples both ways; of {sum(_tabled(name) for name in counting)} of these, option by option, the words of the
others being all alike. Options are counted by spelling, those of all subcommands together; an option that has another effect in another
subcommand is listed with each.

| program | category | operands | options with effects | options | not accounted for | ✓ |
|---|---|---|---|---:|---:|:-:|"""
    for name in names:
        profile = find_profile(name)
        assert profile is not None
        yield _line(profile, counts=name in counting)
    yield ""


def _tabled(name: str) -> bool:
    profile = find_profile(name)
    return profile is not None and known(profile) is not None


def _line(profile: Profile, *, counts: bool) -> str:
    tables = list({id(table): table for table in _tables(profile.table)}.values())
    options = {spelling: option for table in tables for spelling, option in table.options.items()}
    unknown = {one for one, option in options.items() if option.role == "unknown"}
    named = ", ".join(f"`{one}`" for one in profile.aliases)
    return _row(
        f"`{profile.program}`" + (f" ({named})" if named else ""),
        profile.category,
        _operands(profile, tables),
        _options(tables),
        str(len(options)),
        str(len(unknown)),
        "✓" if counts else "",
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "⏎") for cell in cells) + " |"


def _tables(table: Table) -> Iterator[Table]:
    yield table
    for below in table.commands.values():
        yield from _tables(below)


def _operands(profile: Profile, tables: list[Table]) -> str:
    said: list[str] = [_INTERPRETERS[profile.interpreter]]
    if profile.table.commands:
        said.append(f"{len(profile.table.commands)} subcommands")
        said.append(", ".join(dict.fromkeys(_OPERANDS[role] for table in tables for role in table.operands)))
    else:
        said.append(", ".join(_OPERANDS[role] for role in profile.table.operands))
    said += list(dict.fromkeys(_always(one) for table in tables for one in table.always))
    return "; ".join(one for one in said if one)


def _always(always: Always) -> str:
    match always.kind:
        case "workspace":
            return "runs code of the workspace"
        case "connect":
            return f"connects to {always.subject}" if always.subject else "connects"
        case "unknown":
            return always.subject or "not accounted for"
        case "code":
            return "runs its input"
        case _:
            return f"{_ROLES[always.kind]} `{always.subject}`"


def _options(tables: list[Table]) -> str:
    """The options that do more than choose and format, by what they do."""
    found: dict[str, dict[str, None]] = {}
    for table in tables:
        for option in table.options.values():
            if _ROLES[option.role] and option.role != "unknown":
                found.setdefault(_ROLES[option.role], {})[option.spellings[0]] = None
    return "; ".join(f"{does}: {' '.join(f'`{one}`' for one in spellings)}" for does, spellings in found.items())


def _constructs() -> Iterator[str]:
    yield """## Constructs of the shell

Each construct is judged by its rule. What the plan can express runs without a shell, as argument vectors. The rest runs in
`bash --noprofile --norc -c`, as an effect of the kind `execute.shell`.

| rule | what it is | for example | is run |
|---|---|---|---|"""
    scope, limits = synthetic_scope(), load("balanced", workspace="/workspace", home="/home/user").limits
    for name, construct in CONSTRUCTS.items():
        shell = analyse_command(construct.example, scope, limits).by_bash
        example = construct.example.replace("`", "'")
        yield _row(f"`{rule_id(name)}`", construct.meaning, f"`{example}`", "by bash" if shell else "from the plan")
    yield ""


def _refusals() -> Iterator[str]:
    yield """## Refusals

What is not read is refused by name, with the place in the command and what to do instead.

| name | why | instead |
|---|---|---|"""
    for name, (message, hint) in REFUSALS.items():
        yield _row(f"`{name}`", visible(message), visible(hint))
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
