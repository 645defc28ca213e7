"""From the options of a command to a policy for a workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from ...policy.records import Record

if TYPE_CHECKING:
    from ...policy.model import Policy
    from ...policy.store import Store

FlagValue = str | int | float | bool | list[str]
PresetName = Literal["hardened", "strict", "balanced", "permissive"]


class PolicyOptions(Record):
    """What was given; `values` maps the name of a value (`limits.read_bytes`) to the value and the flag that gave it.

    Without a preset it is the one that a file extends, and else `balanced`.
    """

    preset: PresetName | None = None
    files: tuple[str, ...] = ()
    workspace: str = "."
    values: Mapping[str, tuple[FlagValue, str]]


class Loaded(Record):
    """A policy and the place it was loaded for; `store` keeps what is slow to make."""

    policy: Policy
    workspace: str
    home: str
    store: Store | None


def load_policy(options: PolicyOptions, environ: Mapping[str, str]) -> Loaded:
    """Checks the workspace and loads the policy for it. Raises PolicyError."""
    from ...policy.paths import within
    from ...policy.prepared import Request, prepared
    from ...policy.profiles.loader import keep_in
    from ...policy.workspace import check_workspace
    from ..cache import DirectoryStore
    from ..directories import cache_directory, own_directories

    home = os.path.realpath(os.path.expanduser("~"))
    own, cache = own_directories(environ), cache_directory(environ)
    given = os.path.realpath(options.workspace)
    # A cache in a workspace, or one that holds it, is a file of the workspace: not believed, and not in the way either.
    apart = not within(cache, (given,)) and not within(given, (cache,))
    workspace = check_workspace(options.workspace, home, own if apart else tuple(one for one in own if one != cache))
    store = DirectoryStore(cache) if apart else None
    keep_in(store)
    request = Request(
        preset=options.preset,
        files=options.files,
        values=options.values,
        workspace=workspace,
        home=home,
        own_directories=own if apart else tuple(one for one in own if one != cache),
    )
    return Loaded(policy=prepared(request, store), workspace=workspace, home=home, store=store)
