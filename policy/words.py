"""Effects and kinds in plain words, for the person who is asked and the model that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from .effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from .model import Kind

MEANINGS: Final[Mapping[Kind, str]] = {
    "read.inside": "reading inside the roots",
    "read.system": "reading files of the system that hold no secret",
    "read.outside": "reading outside the roots",
    "read.secret": "reading what holds a secret",
    "write.inside": "creating or changing files inside the write roots",
    "write.outside": "writing or removing outside the write roots",
    "write.protected": "changing or removing what is protected",
    "delete.inside": "removing a file inside the write roots",
    "execute.known": "starting a program of this machine",
    "execute.workspace": "running code of the workspace (build, test, script)",
    "execute.shell": "letting bash run a script as text, where no plan can say what it does",
    "connect": "reaching a host over the network",
    "send": "sending content of the repository to a model provider",
    "environment": "setting an environment variable for a program",
    "construct": "using a construct of the shell",
    "unknown": "something that cannot be accounted for",
    "blocked": "what rules block by name",
}
"""What each kind of effect is; the sentence that the documentation and `policy explain` print."""

SUGGESTIONS: Final[Mapping[Kind, str]] = {
    "read.outside": "work inside the workspace, or ask the person to grant the path with --allow-path",
    "read.secret": "work without the secret; ask the person for what is needed from it",
    "write.outside": "work inside the workspace, or ask the person to grant the path with --allow-path",
    "write.protected": "ask the person to make this change",
    "connect": "work without the network, or ask the person",
    "unknown": "write it plainly: known programs and options, literal words, one step at a time",
    "environment": "leave the variable out",
    "execute.shell": "write it so that every program, option and path is a known word, without background jobs",
    "execute.workspace": "use the tools that read, search and edit, or ask the person to run it",
}


def describe(effect: Effect, kind: Kind) -> str:
    """What would happen, in one clause, with what it is about in backticks."""
    match effect:
        case Read():
            return f"reads `{effect.path}`{_below(recursive=effect.recursive)}: {MEANINGS[kind]}"
        case Write():
            return f"writes `{effect.path}`{_below(recursive=effect.recursive)}: {MEANINGS[kind]}"
        case Delete():
            return f"removes `{effect.path}`{_below(recursive=effect.recursive)}: {MEANINGS[kind]}"
        case Execute():
            return f"runs `{' '.join((effect.program, *effect.subcommand))}`: {MEANINGS[kind]}"
        case Connect():
            host = "hosts that the words do not tell" if effect.host == "*" else f"`{effect.address}`"
            return f"connects to {host}"
        case Send():
            return f"sends {effect.size:,} bytes to `{effect.host}` ({effect.provider}, model `{effect.model}`)"
        case SetEnvironment():
            return f"sets the environment variable `{effect.name}`"
        case UseConstruct():
            return f"uses {effect.construct.replace('_', ' ')}" + (f" with `{effect.subject}`" if effect.subject else "")
        case Unknown():
            return f"{effect.why}: `{effect.subject}`" if effect.subject else effect.why
        case _:
            assert_never(effect)


def _below(*, recursive: bool) -> str:
    return " and all below it" if recursive else ""
