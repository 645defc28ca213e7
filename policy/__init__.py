"""The rules: what a call would do, and whether it may.

    errors, spans, records  what everything here is built with
    actions                 what a model may ask for, a pydantic model a tool
    effects, plan, holes    what would happen, in one vocabulary; a command resolved for running; what is not known yet
    decision                what the engine answers: verdict, reasons, manifest
    scope, machine          the facts of the machine behind one protocol; the real machine, and the scope of a session
    workspace               which directory may be a workspace, and where its repository lies

    shell/                  text to tree to plan: a subset of bash, read completely or refused by name
    profiles/, programs/    what a program's options, subcommands and operands mean in effects
    analysis, planned       an action becomes effects and a plan; the plan judged node by node
    git_config, git_formats which helpers a repository's configuration names; the formats git is asked for

    yaml_source             YAML with the place of every value, hardened
    documents               the form of a policy document (pydantic, JSON Schema); imported for user's files only
    shipped, raw            presets and rule sets; values and rules as written
    layers, compile         preset < user's files < flags; types, bounds, variables, the digest
    constructs              every construct of the shell by its rule
    model                   a policy, compiled
    store, prepared         what is slow to make, kept as plain data; a policy that was made before
    examples                the examples of rules, tried on a made-up machine
    explain, words, near    a policy, a reason, an effect in plain words; the word that was probably meant

    paths, match, kinds     what a path is to a policy; rules against effects; the kind of an effect, and the limits
    manifest                effects compiled into what the kernel is told
    engine                  the decision

    reading                 reading a file without being held up by what it turns out to be

This room looks and changes nothing: it spawns no process, opens no socket, asks nobody.
"""

from __future__ import annotations

from .decision import Decision, Manifest, PathGrant, Reason, Verdict
from .errors import PolicyError, PolicyFileError
from .model import Policy

__all__ = ["Decision", "Manifest", "PathGrant", "Policy", "PolicyError", "PolicyFileError", "Reason", "Verdict"]
