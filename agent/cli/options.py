"""From the options of a command to a policy for a workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ...policy.model import Policy

FlagValue = str | int | float | bool | list[str]
PresetName = Literal["hardened", "strict", "balanced", "permissive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """What was given; `values` maps the name of a value (`limits.read_bytes`) to the value and the flag that gave it.

    Without a preset it is the one that a file extends, and else `balanced`.
    """

    preset: PresetName | None = None
    files: tuple[str, ...] = ()
    workspace: str = "."
    values: Mapping[str, tuple[FlagValue, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A policy and the place it was loaded for."""

    policy: Policy
    workspace: str
    home: str


def load_policy(options: PolicyOptions, environ: Mapping[str, str]) -> Loaded:
    """Checks the workspace and loads the policy for it. Raises PolicyError."""
    from ...policy.layers import Override, load
    from ...policy.workspace import check_workspace
    from ..directories import own_directories

    home = os.path.realpath(os.path.expanduser("~"))
    own = own_directories(environ)
    workspace = check_workspace(options.workspace, home, own)
    overrides = {name: Override(value, flag) for name, (value, flag) in options.values.items()}
    policy = load(options.preset, files=options.files, overrides=overrides, workspace=workspace, home=home, own_directories=own)
    return Loaded(policy=policy, workspace=workspace, home=home)
