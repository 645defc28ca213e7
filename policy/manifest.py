"""From effects to what the kernel is told: the least that the call needs, and nothing when the call is denied.

A path is granted as the effect names it. To create, replace or remove a name the kernel needs its directory: a sandbox
layer that cannot grant a name that does not exist yet grants the directory that holds it, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .decision import Manifest, PathGrant
from .effects import Connect, Delete, Effect, Execute, Read, Unknown, Write
from .kinds import spans_of_git
from .model import Policy
from .network import open_to_code
from .paths import Walker, globs, within
from .profiles.identity import widens
from .scope import Scope

EVERY_PROGRAM = "*"
"""In `Manifest.programs`: any program may start (code of the workspace starts what it wants, inside its tier)."""


def build(effects: Iterable[Effect], policy: Policy, scope: Scope, walker: Walker, *, tool: str = "bash") -> Manifest:
    """The manifest of a call of this tool that may happen with these effects.

    Code of the workspace, and what cannot be accounted for, run in the workspace's tier: any program, the write roots
    writable but for what is protected, the system readable, toolchains and caches as the policy says, no network but the
    hosts that the policy lists and that other effects name.
    """
    known = list(effects)
    started = [one for one in known if isinstance(one, Execute)]
    named = [one for one in known if isinstance(one, Read | Write | Delete)]
    tier = any(one.origin == "workspace" for one in started) or any(isinstance(one, Unknown) for one in known)
    read: set[PathGrant] = set()
    write: set[PathGrant] = set()
    for one in named:
        (read if isinstance(one, Read) else write).add(PathGrant(path=one.path, recursive=one.recursive))
        if isinstance(one, Delete):
            # removing a name changes the directory that holds it
            write.add(PathGrant(path=_directory(one.path), recursive=False))
    if tier:
        read.update(PathGrant(path=path, recursive=True) for path in (*scope.read_roots, *policy.paths.system))
        write.update(PathGrant(path=path, recursive=True) for path in scope.write_roots)
    by_git = spans_of_git(started)
    # git is given the tree whole: a secret that is hidden from it looks changed, and would be printed, or committed empty
    alone = bool(by_git) and all(one.span in by_git for one in started)
    hiding = {PathGrant(path=one.path, recursive=one.recursive) for one in named if one.span not in by_git}
    if tier and not alone:
        hiding |= read | write
    opened = {directory for grant in write if (directory := _opened(grant.path, scope)) is not None}
    hidden = set(_below(hiding, policy.paths.secret, walker, opened if hiding else set()))
    hosts = {one.address for one in known if isinstance(one, Connect)}
    overlay: tuple[str, ...] = ()
    if tier:
        hosts.update(open_to_code(policy, walker, tool))
        installed, overlay = _under_home(policy, scope)
        read.update(PathGrant(path=path, recursive=True) for path in installed)
        hidden.update(path for top in (*installed, *overlay) for path in walker.named(top, policy.paths.secret))
    programs = (EVERY_PROGRAM,) if tier else _programs(started, scope)
    return Manifest(
        programs=programs,
        read=_sorted(read),
        write=_sorted(write),
        hidden=tuple(sorted(hidden)),
        protected=_below(write, policy.paths.protected, walker, opened),
        hosts=tuple(sorted(hosts)),
        environment=tuple(sorted(scope.environment.items())),
        widened=tuple(filter(None, map(widens, programs))),
        overlay=overlay,
        roots=scope.write_roots if write else (),
    )


def _under_home(policy: Policy, scope: Scope) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What code of the workspace reads under the home directory, and what it gets as a view of its own."""
    if policy.caches == "none":
        return (), ()
    toolchains, caches = (_installed(paths, policy, scope) for paths in (policy.paths.toolchains, policy.paths.caches))
    if policy.caches == "read":
        return (*toolchains, *(one for one in caches if one not in toolchains)), ()
    return toolchains, caches


def _installed(paths: Iterable[str], policy: Policy, scope: Scope) -> tuple[str, ...]:
    """The directories that are there, where they really lie: none that holds the home directory or is a secret, and none
    that is granted for writing as it is.
    """
    found: dict[str, None] = {}
    for path in paths:
        try:
            real = scope.files.real(path)
        except OSError:
            continue
        if scope.files.kind(real) != "directory" or within(scope.home, (real,)) or within(real, scope.write_roots):
            continue
        if not globs(policy.paths.secret).match(real):
            found[real] = None
    return tuple(found)


def newly_protected(manifest: Manifest, policy: Policy, scope: Scope) -> tuple[str, ...]:
    """The protected paths that came into being below what code of the workspace could write: no layer can hold a name
    that is not there yet, so it has to be looked for afterwards. Empty for a call outside of the workspace's tier.
    """
    if EVERY_PROGRAM not in manifest.programs:
        return ()
    trees = {grant for grant in manifest.write if grant.recursive}
    return tuple(path for path in _below(trees, policy.paths.protected, Walker(scope.files), set()) if path not in manifest.protected)


def environment(environ: Mapping[str, str], allowed: Iterable[str], search_path: Iterable[str]) -> dict[str, str]:
    """What a child gets: the variables that the policy names, and what is fixed for every child.

    INVARIANT: a variable that no pattern names does not reach a child; `PATH` is never inherited.
    """
    wanted = tuple(allowed)
    plain = frozenset(wanted)
    starts = tuple(one[:-1] for one in wanted if one.endswith("*"))  # a name may end with one star, and has no other
    kept = {name: value for name, value in environ.items() if name in plain or name.startswith(starts)}
    return {**kept, **PINNED, "PATH": ":".join(search_path)}


PINNED: Mapping[str, str] = {
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
"""No pager and no prompt: a call has no terminal, and a pager is a program that nobody judged."""


def _programs(started: Iterable[Execute], scope: Scope) -> tuple[str, ...]:
    """Real paths of the programs that start, with the helpers that their profiles name, where they are installed."""
    found: set[str] = set()
    for effect in started:
        helpers = (helper if helper.startswith("/") else scope.find_program(helper) for helper in effect.helpers)
        found.update(path for path in (effect.path, *helpers) if path is not None)
    return tuple(sorted(found))


def _sorted(grants: Iterable[PathGrant]) -> tuple[PathGrant, ...]:
    return tuple(sorted(grants, key=lambda grant: (grant.path, grant.recursive)))


def _directory(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _opened(path: str, scope: Scope) -> str | None:
    """The directory that a layer has to open for a path that is one, or is not there yet: with everything below it."""
    kind = scope.files.kind(path)
    if kind == "directory":
        return path
    while kind == "missing" and path != "/":
        path = _directory(path)
        kind = scope.files.kind(path)
        if kind == "directory":
            return path
    return None


def _below(grants: set[PathGrant], patterns: tuple[str, ...], walker: Walker, opened: set[str]) -> tuple[str, ...]:
    """What matches the patterns below the grants, and below the directories `opened` for one name in them. What a grant
    itself names is not taken away again: that it is secret or protected was judged.
    """
    tops = {grant.path for grant in grants if grant.recursive} | opened
    if not tops:
        return ()
    outermost = [top for top in tops if not any(other != top and within(top, (other,)) for other in tops)]
    found = {path for top in outermost for path in walker.below(top, patterns).matched}
    return tuple(sorted(found - {grant.path for grant in grants}))
