"""git: its repository, and the configuration that keeps a hostile one from starting anything.

Every command runs without the system's and the user's configuration, and with the helpers that a repository could name
switched off, by environment variables that win over the repository's own file. Each pin is proven by a test that runs git
on a repository which tries.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import lru_cache

from ..effects import Connect, Read, Write
from ..git_config import Entry, Repository, find_repository, user_identity, user_values
from ..holes import has_hole
from .interpreter import Analyst, Sheet
from .ledger import PORTS
from .model import Table
from .options import Given, parse_words

_SETTINGS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.pager", "cat"),
    ("core.editor", ":"),
    ("core.askPass", ""),
    ("core.alternateRefsCommand", ":"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("diff.submodule", "short"),
    ("diff.ignoreSubmodules", "dirty"),
    ("interactive.diffFilter", ""),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("status.submoduleSummary", "false"),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("merge.verifySignatures", "false"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("gpg.openpgp.program", "false"),
    ("gpg.x509.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.ssh.defaultKeyCommand", ""),
    ("protocol.ext.allow", "never"),
    ("protocol.file.allow", "never"),
    ("safe.bareRepository", "explicit"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("sequence.editor", ":"),
)
_VARIABLES = (
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", ":"),
    ("GIT_SEQUENCE_EDITOR", ":"),
    ("GIT_SSH_COMMAND", "ssh"),
    ("GIT_PROXY_COMMAND", ""),
    ("GIT_ALLOW_PROTOCOL", "git:http:https:ssh"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
)
_HARMLESS_VARIABLES = frozenset(
    {f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")} | {name for name, _ in _VARIABLES}
)
_READING_CONFIG = ("--get", "--get-all", "--get-regexp", "--get-urlmatch", "-l", "--get-color", "--get-colorbool")
_COMMIT_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction", "post-index-change")
_FILES_NAMED = (("blame", "ignorerevsfile"), ("mailmap", "file"), ("diff", "orderfile"), ("commit", "template"))
"""Values that name a file which git reads, and of which it quotes what it does not understand."""
_MAX_BELOW = 30_000
_LINES_OF_AN_OPERAND = frozenset({"blame", "annotate"})
"""Their `-L` has no file of its own."""
_MERGING = frozenset({"merge", "pull", "rebase", "cherry-pick", "revert", "stash", "am", "checkout", "switch", "merge-tree", "merge-file"})


def interpret_git(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """The words by their table, then what the subcommand does to the repository that git would find."""
    _hidden_variables(analyst, sheet)
    words = analyst.apply(sheet, sheet.profile.table, sheet.call.argv[1:])
    repository = find_repository(str(sheet.directory), analyst.scope.files)
    sheet.environment += _pinned(tuple(_settings(analyst, repository)))
    table = _chosen(sheet)
    if table is None:
        return words
    if table.filters or table.repository == "remote" or sheet.subcommand[:1] == ["config"]:
        for word in filter(has_hole, sheet.operands):
            analyst.unknown_part("it is more than data to", word, sheet)
    if sheet.subcommand[:1] == ["config"]:
        _configure(analyst, sheet, repository)
    if sheet.subcommand[0] not in _LINES_OF_AN_OPERAND:
        _lines(analyst, sheet, table)
    if sheet.subcommand[:1] == ["commit"]:
        _skipped(analyst, repository)
    if table.repository == "outside":
        return words
    if repository is None:
        analyst.ledger.read(".", sheet.directory, sheet.span, recursive=table.repository != "read")
        if table.repository in {"write", "work", "remote"} and sheet.subcommand[:1] not in (["clone"], ["init"]):
            analyst.ledger.write(".", sheet.directory, sheet.span, recursive=True)
    else:
        _touch(analyst, sheet, repository, table)
    if table.repository == "remote":
        _connect(analyst, sheet, repository)
    return words


def _lines(analyst: Analyst, sheet: Sheet, table: Table) -> None:
    """`-L 1,5:FILE` prints what commits hold under a name, which is as secret as what lies there now."""
    words = sheet.call.argv[1:]
    given = parse_words(table, words[words.index(sheet.subcommand[0]) + 1 :]).given("-L")
    for value in (one.value for one in given if one.value is not None):
        if has_hole(value):
            analyst.unknown_part("it may name a file for", value, sheet)
            continue
        # A pattern before the name may hold colons too: each could be the one that counts.
        for at in (at for at, one in enumerate(value) if one == ":" and value[at + 1 :]):
            analyst.ledger.read(value[at + 1 :], sheet.directory, sheet.span)


def _hidden_variables(analyst: Analyst, sheet: Sheet) -> None:
    """Variables that name repositories, helpers or files of git would win over what is pinned."""
    for name in sorted({*sheet.call.assigned, *analyst.scope.environment}):
        if (
            name.startswith("GIT_")
            and (name in sheet.call.assigned or name not in _HARMLESS_VARIABLES)
            and not name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))
        ):
            analyst.ledger.unknown("this variable changes what git does", name, sheet.span)


def _skipped(analyst: Analyst, repository: Repository | None) -> None:
    """Writes down what git would run around a commit and is not let to: hooks that are there, signing that is asked for."""
    if repository is None:
        return
    files, skipped = analyst.scope.files, analyst.ledger.skipped
    paths = (*user_values(analyst.scope.home, files, "core", "hookspath"), *repository.values("core", "hookspath"))
    folder = posixpath.join(repository.top, paths[-1]) if paths else f"{repository.common}/hooks"
    if not analyst.hooks:
        skipped.update(dict.fromkeys(f"the hook `{name}`" for name in _COMMIT_HOOKS if files.executable(f"{folder}/{name}")))
    signing = (*user_values(analyst.scope.home, files, "commit", "gpgsign"), *repository.values("commit", "gpgsign"))
    if signing and signing[-1].lower() not in {"false", "no", "off", "0", ""}:
        skipped["signing"] = None


def _chosen(sheet: Sheet) -> Table | None:
    table = sheet.profile.table
    for word in sheet.subcommand:
        following = table.commands.get(word)
        if following is None:
            return None
        table = following
    return table if sheet.subcommand else None


def _settings(analyst: Analyst, repository: Repository | None) -> Iterator[tuple[str, str]]:
    yield from (one for one in _SETTINGS if one[0] != "core.hooksPath" or not analyst.hooks)
    yield "core.excludesFile", f"{analyst.scope.home}/.config/git/ignore"
    own = {f"user.{key}" for key in ("name", "email") if repository is not None and repository.values("user", key)}
    for key, value in user_identity(analyst.scope.home, analyst.scope.files):
        if key not in own:
            yield key, value
    if repository is None:
        return
    for name in repository.drivers("filter"):
        yield from (
            (f"filter.{name}.{key}", value) for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        )
    for name in repository.drivers("diff"):
        yield from ((f"diff.{name}.{key}", "") for key in ("textconv", "command"))
    for name in repository.drivers("merge"):
        yield f"merge.{name}.driver", "false"
    for name in repository.drivers("remote"):
        yield f"remote.{name}.uploadpack", "git-upload-pack"
        yield f"remote.{name}.receivepack", "git-receive-pack"


@lru_cache(maxsize=16)
def _pinned(settings: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    found = [*_VARIABLES, ("GIT_CONFIG_COUNT", str(len(settings)))]
    for number, (key, value) in enumerate(settings):
        found += (f"GIT_CONFIG_KEY_{number}", key), (f"GIT_CONFIG_VALUE_{number}", value)
    return tuple(found)


def _touch(analyst: Analyst, sheet: Sheet, repository: Repository, table: Table) -> None:
    ledger, span = analyst.ledger, sheet.span
    for why, subject in repository.faults:
        ledger.unknown(why, subject, span)
    for value in (value for section, key in _FILES_NAMED for value in repository.values(section, key) if value):
        if value.startswith(("~", "%", ":")):
            ledger.unknown("the repository's configuration names a file elsewhere", value, span)
        else:
            ledger.read(value, repository.top, span)
    for path in dict.fromkeys((repository.top, repository.directory, repository.common)):
        ledger.add(Read(path=path, recursive=True, span=span))
    if table.repository in {"write", "work", "remote"}:
        for path in dict.fromkeys((repository.directory, repository.common)):
            ledger.add(Write(path=path, recursive=True, span=span))
    if table.repository == "work":
        ledger.add(Write(path=repository.top, recursive=True, span=span))
    if sheet.subcommand and sheet.subcommand[0] in _MERGING and repository.drivers("merge"):
        ledger.unknown("the repository's configuration names a program that merges", repository.drivers("merge")[0], span)
    if table.filters:
        _filters(analyst, sheet, repository)
    if sheet.subcommand == ["add"]:
        _repositories_below(analyst, sheet, repository)


def _filters(analyst: Analyst, sheet: Sheet, repository: Repository) -> None:
    """Files with a filter attribute would be stored or checked out unfiltered: said by name."""
    folders = {repository.top}
    for word in sheet.operands:
        path = posixpath.normpath(posixpath.join(sheet.directory, word))
        while path != repository.top and path.startswith(f"{repository.top}/"):
            folders.add(path)
            path = posixpath.dirname(path)
    places = [f"{folder}/.gitattributes" for folder in sorted(folders)] + [f"{repository.common}/info/attributes"]
    for place in places:
        if analyst.scope.files.kind(place) == "missing" or analyst.scope.files.kind(posixpath.dirname(place)) == "file":
            continue
        _attributes(analyst, sheet, place)


def _attributes(analyst: Analyst, sheet: Sheet, place: str) -> None:
    text = analyst.scope.files.read_text(place, 262_144)
    if text is None or "filter" in text:
        analyst.ledger.unknown("attributes name a filter, which git would not run here", place, sheet.span)


def _repositories_below(analyst: Analyst, sheet: Sheet, repository: Repository) -> None:
    """`git add` starts git in every repository below, where filters of that one's own configuration would run."""
    files = analyst.scope.files
    whole = not sheet.operands or not {"-A", "-u"}.isdisjoint(sheet.options)
    starts = [repository.top] if whole else [posixpath.normpath(posixpath.join(sheet.directory, word)) for word in sheet.operands]
    waiting = [start for start in starts if files.kind(start) == "directory"]
    seen = 0
    while waiting:
        folder = waiting.pop()
        names = files.names(folder)
        seen += len(names)
        if seen > _MAX_BELOW:
            analyst.ledger.unknown("the tree is too large to prove that no repository lies below", folder, sheet.span)
            return
        if ".gitattributes" in names:
            _attributes(analyst, sheet, f"{folder}/.gitattributes")
        if ".git" in names and folder != repository.top:
            below = find_repository(folder, files)
            if below is None or below.faults or below.drivers("filter"):
                analyst.ledger.unknown("a repository below names programs of its own", folder, sheet.span)
        waiting += [path for name in names if name != ".git" and files.kind(path := f"{folder.rstrip('/')}/{name}") == "directory"]


def _connect(analyst: Analyst, sheet: Sheet, repository: Repository | None) -> None:
    host, port = "*", None
    first = sheet.operands[0] if sheet.operands else ""
    urls = repository.values("remote", "url") if repository is not None and (not first or first in repository.drivers("remote")) else ()
    if "://" in first:
        urls = (first,)
    rewritten = repository is not None and any(_leads_elsewhere(one, repository) for one in repository.entries)
    if len(urls) == 1 and "://" in urls[0] and not rewritten:
        try:
            from urllib.parse import urlsplit  # imported late: most commands of git name no URL

            url = urlsplit(urls[0])
            if name := (url.hostname or "").removesuffix("."):
                host, port = name, url.port or PORTS.get(url.scheme.removeprefix("git+").removesuffix("+git"))
        except ValueError:
            host, port = "*", None
    analyst.ledger.add(Connect(host=host, port=port, span=sheet.span))


def _leads_elsewhere(entry: Entry, repository: Repository) -> bool:
    """Whether a setting can make git connect to another host than a remote's `url` names."""
    match entry.section, entry.key:
        case ("url" | "http" | "https", _) | ("remote", "pushurl" | "proxy" | "vcs"):
            return True
        case ("remote", "pushdefault") | ("branch", "remote" | "pushremote"):
            return entry.value not in repository.drivers("remote")
        case _:
            return False


def _configure(analyst: Analyst, sheet: Sheet, repository: Repository | None) -> None:
    """`git config`: a name alone is read; a name with a value, or any other option, writes the file."""
    table = sheet.profile.table.commands["config"]
    words = sheet.call.argv[1:]
    parsed = parse_words(table, words[words.index("config") + 1 :])
    options = [one for one in parsed.items if isinstance(one, Given)]
    harmless = {
        "--local",
        "--worktree",
        "-z",
        "--name-only",
        "--show-origin",
        "--show-scope",
        "--type",
        "--bool",
        "--int",
        "--path",
        "--default",
    }
    harmless |= {"--bool-or-int", "--expiry-date", "--no-type", "--includes", "--no-includes", "--system", "--global", "--fixed-value"}
    changing = any(harmless.isdisjoint(one.option.spellings) for one in options)
    if parsed.given(*_READING_CONFIG) or (len(parsed.operands()) == 1 and not changing):
        return
    if parsed.given("--global", "--system"):
        analyst.ledger.write(f"{analyst.scope.home}/.gitconfig", "/", sheet.span)
        analyst.ledger.write("/etc/gitconfig", "/", sheet.span)
    elif repository is not None:
        analyst.ledger.write(f"{repository.common}/config", "/", sheet.span)
        analyst.ledger.write(f"{repository.directory}/config.worktree", "/", sheet.span)
    else:
        analyst.ledger.unknown("which configuration this changes is not known", "config", sheet.span)
