"""Which kind each effect is of, and what is decided about it before any rule speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from .decision import Reason, Verdict
from .effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from .holes import HOLE, visible
from .model import DIFFERS, Kind, Policy
from .paths import Walker, read_kind, within, write_kind
from .records import Record
from .scope import Scope
from .spans import Span

_DEVICES: Final = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})


class Judged(Record):
    """An effect and its kind. `text` says what a default would not know to say; `below`: the kind comes from what lies
    below the effect's path. A `reason` is a verdict of its own, beside the rules: a limit that is passed.
    """

    effect: Effect
    kind: Kind
    text: str = ""
    below: bool = False
    reason: Reason | None = None


def kinds(effects: Iterable[Effect], policy: Policy, scope: Scope, walker: Walker) -> Iterator[Judged]:
    """Every effect with its kind, and beside it what the limits and the size of a tree say about it."""
    known = tuple(effects)
    by_git = spans_of_git(known)
    used: set[tuple[str, str]] = set()
    yield from _seen_changed(known, by_git, policy, scope, walker)
    for effect in known:
        match effect:
            case Read():
                kind = read_kind(effect.path, policy.paths, scope)
                yield Judged(effect=effect, kind=kind)
                if effect.span not in by_git:
                    yield from _unseen(effect, policy.paths.secret, walker)
                yield from _not_regular(effect, kind, policy, scope)
            case Write():
                yield from _write(effect, policy, scope, walker, whole=effect.span not in by_git)
                yield from _too_large(effect, policy)
                yield from _not_regular(effect, "write.inside", policy, scope)
            case Delete():
                yield from _write(effect, policy, scope, walker)
            case Execute():
                yield Judged(effect=effect, kind=_started(effect))
                yield from _stored(effect, known, policy, scope, walker)
            case Connect():
                yield Judged(effect=effect, kind="connect")
            case Send():
                yield Judged(effect=effect, kind="send")
            case SetEnvironment():
                yield Judged(effect=effect, kind="environment")
                if _names_a_file(effect.value):
                    yield Judged(effect=Unknown(why=_A_FILE, subject=f"{effect.name}={effect.value}", span=effect.span), kind="unknown")
            case UseConstruct():
                use = effect.construct, effect.subject
                if use not in used:  # the first speaks for all: no policy tells uses of a construct apart by their place
                    used.add(use)
                    yield Judged(effect=effect, kind="construct")
            case Unknown():
                yield Judged(effect=effect, kind="unknown")
                if DIFFERS in effect.why:
                    yield _disagreement(effect)
            case _:
                assert_never(effect)
    yield from _unheld(known, policy, scope, walker)


def _disagreement(effect: Unknown) -> Judged:
    """Beside the default for `unknown`, which may be stricter, and beside any rule."""
    reason = Reason(
        rule="opinions.disagreement",
        verdict=Verdict.CONFIRM,
        text=effect.why,
        source="policy/shell",
        suggestion="write it plainly: fewer quotes, one command at a time",
        span=effect.span,
    )
    return Judged(effect=effect, kind="unknown", reason=reason)


def _started(effect: Execute) -> Kind:
    if effect.category == "shell":
        return "execute.shell"
    return "execute.known" if effect.origin == "known" else "execute.workspace"


def _unheld(effects: Iterable[Effect], policy: Policy, scope: Scope, walker: Walker) -> Iterator[Judged]:
    """Code that may write all of the workspace, where not all is found that has to be kept from it."""
    if not any(isinstance(one, Execute) and one.origin == "workspace" for one in effects):
        return
    for root in scope.write_roots:
        if not all(walker.below(root, patterns).complete for patterns in (policy.paths.secret, policy.paths.protected)):
            yield _too_many(Write(path=root, recursive=True))


_A_FILE: Final = "the value of this variable names a file, and what the program does with it is not known"
_UNSEEN: Final = visible(HOLE)
"""Stands in a value for what only the run knows: it may name any file."""


def _names_a_file(value: str) -> bool:
    """Also a variable that is harmless by its name (a language, a time zone) may make programs read a file as it says."""
    return _UNSEEN in value or any(one.startswith(("/", "~")) or ".." in one.split("/") for one in value.split(":"))


def spans_of_git(effects: Iterable[Effect]) -> frozenset[Span | None]:
    """Where git, and nothing but git, runs. It is given the tree whole: a secret that is hidden from git looks changed to it,
    and would be committed so. What git writes as git (its store, the files of a commit) is a write of the
    tree, and not of the hooks and configuration in it: git is told to run none, and the manifest keeps them unchanged.
    """
    programs: dict[Span | None, set[str]] = {}
    started = [one for one in effects if isinstance(one, Execute)]
    if not any(one.program == "git" for one in started):
        return frozenset()
    for effect in started:
        programs.setdefault(effect.span, set()).add(effect.program if effect.origin == "known" else "")
    return frozenset(span for span, names in programs.items() if names == {"git"})


_NO_TREE: Final = frozenset({"log", "rev-parse", "branch", "tag", "remote", "config", "describe", "rev-list", "for-each-ref", "show-ref"})
_ALL_CHANGES: Final = frozenset({"-a", "--all", "-i", "--include", "-o", "--only", "-p", "--patch", "--interactive"})


def _seen_changed(
    effects: tuple[Effect, ...], by_git: frozenset[Span | None], policy: Policy, scope: Scope, walker: Walker
) -> Iterator[Judged]:
    """A secret is hidden from all programs of a command or from none. Git that compares the tree while it is hidden would print
    it, or commit it empty: such a command is denied, because two calls do the same without harm.
    """
    if not by_git:
        return
    trees = [one.path for one in effects if isinstance(one, Read) and one.recursive and one.span in by_git]
    comparing = [one for one in effects if isinstance(one, Execute) and one.span in by_git and _compares(one, trees, scope)]
    others = [one for one in effects if one.span not in by_git]
    if not comparing or not any(isinstance(one, Execute) for one in others):
        return
    tops = {one.path for one in others if isinstance(one, Read | Write | Delete) and one.recursive}
    if any(isinstance(one, Unknown) or (isinstance(one, Execute) and one.origin == "workspace") for one in others):
        tops |= {*scope.read_roots, *scope.write_roots}
    for path in (hidden for top in sorted(tops) for hidden in walker.below(top, policy.paths.secret).matched):
        if any(within(path, (tree,)) for tree in trees):
            reason = Reason(
                rule="git.alone",
                verdict=Verdict.DENY,
                text=f"git would take `{path}` for changed, because the other programs of this command get the tree without its secrets",
                source="policy/kinds",
                suggestion="run git in a call of its own",
                span=comparing[0].span,
            )
            yield Judged(effect=comparing[0], kind="unknown", reason=reason)
            return


def _compares(git: Execute, trees: list[str], scope: Scope) -> bool:
    """Whether git looks at all files of the working tree, and not only at its store or at the files that are named."""
    match git.subcommand[:1]:
        case ("commit",):
            return bool(git.operands) or not _ALL_CHANGES.isdisjoint(git.options)
        case ("add",):
            return not _names_files(git, trees, scope)
        case (name,):
            return name not in _NO_TREE
        case _:
            return bool(git.operands)  # a subcommand that only the run knows


def _names_files(git: Execute, trees: list[str], scope: Scope) -> bool:
    return bool(git.operands) and all(
        any(scope.files.kind(f"{tree}/{one}") == "file" for tree in (scope.cwd, *trees)) for one in git.operands
    )


def _stored(effect: Execute, effects: tuple[Effect, ...], policy: Policy, scope: Scope, walker: Walker) -> Iterator[Judged]:
    """`git add` of more than named files takes in what git does not ignore, secrets too, and `git diff` would print them."""
    if effect.program != "git":
        return
    match effect.subcommand:
        case ("add",):
            untracked = {"-u", "--update"}.isdisjoint(effect.options)
        case ("stash",) | ("stash", "push" | "save"):
            untracked = not {"--include-untracked", "--all"}.isdisjoint(effect.options)
        case _:
            untracked = False
    if not untracked:
        return
    trees = [one.path for one in effects if isinstance(one, Read) and one.recursive and one.span == effect.span]
    if _names_files(effect, trees, scope):
        return
    for path in (secret for tree in trees for secret in walker.below(tree, policy.paths.secret).matched):
        text = f"git would take in `{path}`, which holds a secret, unless it is told to ignore it; name the files to add"
        yield Judged(effect=Unknown(why="git would store a secret", subject=path, span=effect.span), kind="unknown", text=text)
        return


def _write(effect: Write | Delete, policy: Policy, scope: Scope, walker: Walker, *, whole: bool = True) -> Iterator[Judged]:
    """A write or removal; of a `whole` tree, it is what the most protected path in the tree makes it."""
    delete = isinstance(effect, Delete)
    kind = write_kind(effect.path, policy.paths, scope, delete=delete)
    yield Judged(effect=effect, kind=kind)
    if not whole or kind == "write.protected" or not (effect.recursive or (delete and scope.files.kind(effect.path) == "directory")):
        return
    for patterns in (policy.paths.secret, policy.paths.protected):
        found = walker.below(effect.path, patterns)
        if found.matched:
            text = f"below `{effect.path}` lies `{found.matched[0]}`, which is protected"
            yield Judged(effect=effect, kind="write.protected", text=text, below=True)
    if not walker.below(effect.path, policy.paths.protected).complete:
        yield _too_many(effect)


def _unseen(effect: Read, secret: tuple[str, ...], walker: Walker) -> Iterator[Judged]:
    """Secrets below a tree that is read are hidden from the call; a tree that is too large to find them is not known."""
    if effect.recursive and not walker.below(effect.path, secret).complete:
        yield _too_many(effect)


def _too_many(effect: Read | Write | Delete) -> Judged:
    text = f"there is too much below `{effect.path}` to know what is secret or protected there; name a smaller directory"
    unknown = Unknown(why="the tree is too large to look through", subject=effect.path, span=effect.span)
    return Judged(effect=unknown, kind="unknown", text=text)


def _too_large(effect: Write, policy: Policy) -> Iterator[Judged]:
    limit = policy.limits.write_bytes
    if effect.size is not None and effect.size > limit:
        text = f"{effect.size:,} bytes would be written to `{effect.path}`, and the limit is {limit:,}"
        yield _limit(effect, "write_bytes", text, "write less at a time", policy)


def _not_regular(effect: Read | Write, kind: Kind, policy: Policy, scope: Scope) -> Iterator[Judged]:
    """A link, pipe or device as the target itself. Links of the system are its owner's, not the workspace's."""
    given = effect.given or effect.path
    if not policy.limits.regular_files or (kind == "read.system" and not within(given, (*scope.read_roots, *scope.write_roots))):
        return
    if given in _DEVICES:
        return
    found = scope.files.kind(given)
    match found:
        case "symlink":
            yield _limit(effect, "regular_files", f"`{given}` is a symbolic link", f"name the file itself, `{effect.path}`", policy)
        case "other":
            yield _limit(effect, "regular_files", f"`{given}` is no regular file and no directory", None, policy)
        case "file" | "directory" | "missing":
            pass
        case _:
            assert_never(found)


def _limit(effect: Read | Write, name: str, text: str, suggestion: str | None, policy: Policy) -> Judged:
    source = policy.origins.get(f"limits.{name}", "policy")
    reason = Reason(rule=f"limits.{name}", verdict=Verdict.DENY, text=text, source=source, suggestion=suggestion, span=effect.span)
    return Judged(effect=effect, kind="unknown", reason=reason)
