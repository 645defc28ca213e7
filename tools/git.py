"""Git's answers, parsed. The argument vectors are fixed where they are judged; their formats are in `policy.git_formats`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..policy import git_formats
from ..policy.plan import Invocation
from ..policy.records import replace
from .errors import ToolError
from .git_message import compose_message
from .process import ProcessOutcome
from .result import JSON
from .text import listed, visible

__all__ = [
    "Run",
    "committed",
    "compose_message",
    "instead",
    "log_text",
    "parse_log",
    "parse_status",
    "require_done",
    "require_no_filters",
    "staged_filters",
    "status_text",
]

Run = Callable[[Invocation], ProcessOutcome]

_VALUE_OPTIONS = frozenset({"-c", "-C", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env", "--attr-source"})
_PATHS_AT_ONCE = 500
_NO_COMMITS = "does not have any commits yet"


def require_done(outcome: ProcessOutcome, what: str) -> None:
    """ToolError, in git's own words, unless git ended with 0."""
    if outcome.status == "ok" and outcome.exit_code == 0:
        return
    said = (outcome.stderr.text.strip() or outcome.stdout.text.strip() or f"exit code {outcome.exit_code}")[:2000]
    if outcome.status != "ok":
        said = f"{outcome.status}: {said}"
    hint = "give a directory inside a repository in `path`" if "not a git repository" in said.lower() else None
    raise ToolError(f"`{what}` failed: {said}", hint=hint)


def instead(invocation: Invocation, arguments: Sequence[str]) -> Invocation:
    """The same git, with the same global options, pins and place, for another subcommand."""
    argv = invocation.argv
    at = 1
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in _VALUE_OPTIONS else 1
    return replace(invocation, argv=(*argv[:at], *arguments), redirections=())


def parse_status(text: str) -> dict[str, JSON]:
    """The state of the working tree, from porcelain version 2 with `-z`. ToolError for anything else.

    A file that is staged and changed again is in both lists; a rename is in `renamed`, and its new name in `staged`.
    """
    branch: dict[str, str] = {}
    lists: dict[str, list[str]] = {name: [] for name in ("staged", "modified", "untracked", "conflicted")}
    renamed: list[JSON] = []
    records = iter(text.split("\0"))
    for record in records:
        kind, _, rest = record.partition(" ")
        match kind:
            case "":
                continue
            case "#":
                name, _, value = rest.partition(" ")
                branch[name] = value
            case "1":
                _sort(lists, *_fields(rest, 8))
            case "2":
                state, path = _fields(rest, 9)
                origin = next(records, "")
                _sort(lists, state, path)
                renamed.append({"from": visible(origin), "to": visible(path)})
            case "u":
                lists["conflicted"].append(visible(_fields(rest, 10)[1]))
            case "?":
                lists["untracked"].append(visible(rest))
            case "!":
                continue
            case _:
                raise ToolError("the answer of `git status` is not in the form that was asked for")
    ahead, _, behind = branch.get("branch.ab", "").partition(" ")
    return {
        "branch": branch.get("branch.head", ""),
        "commit": branch.get("branch.oid", ""),
        "upstream": branch.get("branch.upstream"),
        "ahead": int(ahead.lstrip("+") or 0),
        "behind": int(behind.lstrip("-") or 0),
        **lists,
        "renamed": renamed,
        "clean": not any(lists.values()),
    }


def _fields(rest: str, count: int) -> tuple[str, str]:
    """The two state letters, and the path behind `count - 1` more fields; a path may hold blanks."""
    parts = rest.split(" ", count - 1)
    if len(parts) != count or len(parts[0]) != 2:
        raise ToolError("the answer of `git status` is not in the form that was asked for")
    return parts[0], parts[-1]


def _sort(lists: dict[str, list[str]], state: str, path: str) -> None:
    if state[0] != ".":
        lists["staged"].append(visible(path))
    if state[1] != ".":
        lists["modified"].append(visible(path))


def status_text(status: dict[str, JSON]) -> str:
    """The state in a few lines for the model."""
    lines = [f"On branch {visible(str(status['branch']))}"]
    for name in ("staged", "modified", "untracked", "conflicted"):
        paths = status[name]
        if isinstance(paths, list) and paths:
            lines.append(f"{name}:")
            lines.extend(f"  {path}" for path in paths)
    renamed = status["renamed"]
    lines.extend(
        f"renamed: {one['from']} -> {one['to']}" for one in (renamed if isinstance(renamed, list) else ()) if isinstance(one, dict)
    )
    if status["clean"]:
        lines.append("nothing to commit, the working tree is clean")
    return "\n".join(lines)


def parse_log(outcome: ProcessOutcome) -> dict[str, JSON]:
    """The commits, from `git_formats.LOG`. ToolError when git failed; a branch without commits gives an empty list."""
    if outcome.exit_code == 128 and _NO_COMMITS in outcome.stderr.text:
        return {"commits": [], "count": 0}
    require_done(outcome, "git log")
    fields = outcome.stdout.text.split("\0")
    width = len(git_formats.LOG_FIELDS)
    if outcome.stdout.truncated:
        # Only whole records before the cut count.
        head = outcome.stdout.text.split("\n[... ", 1)[0].split("\0")
        fields = [*head[: (len(head) - 1) // width * width], ""]
    if (len(fields) - 1) % width or fields[-1].strip():
        raise ToolError("the answer of `git log` is not in the form that was asked for")
    commits: list[JSON] = []
    for start in range(0, len(fields) - 1, width):
        record = dict(zip(git_formats.LOG_FIELDS, fields[start : start + width], strict=True))
        commits.append({**record, "message": record["message"].rstrip("\n")})
    return {"commits": commits, "count": len(commits), "truncated": outcome.stdout.truncated}


def log_text(log: dict[str, JSON]) -> str:
    """One line a commit."""
    commits = log["commits"]
    lines = [
        f"{one['short_hash']} {one['date']} {one['author']}: {str(one['message']).partition(chr(10))[0]}"
        for one in (commits if isinstance(commits, list) else ())
        if isinstance(one, dict)
    ]
    return "\n".join(lines) or "no commits"


def staged_filters(commit: Invocation, files: Sequence[str], run: Run) -> tuple[str, ...]:
    """The paths with a `filter` attribute among those that are staged and those that staging `files` would add.

    A clean filter is a program that the repository's configuration names. Only names are looked at here, so that none
    runs. Raises ToolError when the answer is not whole: what cannot be checked is not committed.
    """
    top = _answer(run(instead(commit, git_formats.TOP)), "git rev-parse").rstrip("\n")
    paths = [top + path for path in _names(run(instead(commit, git_formats.STAGED_FILES)), "git diff --cached")]
    if files:
        paths += _names(run(instead(commit, (*git_formats.LIST_FILES, *files))), "git ls-files")
    found: list[str] = []
    for start in range(0, len(paths), _PATHS_AT_ONCE):
        batch = paths[start : start + _PATHS_AT_ONCE]
        answers = _names(run(instead(commit, (*git_formats.CHECK_ATTRIBUTES, *batch))), "git check-attr")
        if len(answers) != 3 * len(batch):
            raise ToolError("`git check-attr` did not answer for every path")
        found += [visible(path) for path, _, value in _threes(answers) if value not in ("unspecified", "unset")]
    return tuple(dict.fromkeys(found))


def _threes(answers: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    return zip(answers[::3], answers[1::3], answers[2::3], strict=True)


def _answer(outcome: ProcessOutcome, what: str) -> str:
    require_done(outcome, what)
    if outcome.stdout.truncated:
        raise ToolError(f"the answer of `{what}` is too long to be checked", hint="commit fewer files at once")
    return outcome.stdout.text


def _names(outcome: ProcessOutcome, what: str) -> list[str]:
    names = _answer(outcome, what).split("\0")[:-1]
    if odd := [name for name in names if "\ufffd" in name]:
        raise ToolError(f"`{visible(odd[0])}` has a name that is not UTF-8, and its attributes cannot be checked", hint="rename it first")
    return names


def require_no_filters(commit: Invocation, files: Sequence[str], run: Run) -> None:
    """ToolError that names every staged path with a filter attribute."""
    if found := staged_filters(commit, files, run):
        names = listed([f"`{name}`" for name in found])
        raise ToolError(
            f"a filter of the repository's configuration would have to run for {names}",
            hint="unstage them, or let a person commit them; bylaw runs no helper that a repository names",
        )


def committed(commit: Invocation, message: str, run: Run) -> dict[str, JSON]:
    """The hash and the files of the commit that was just made. Raises ToolError when git cannot tell."""
    head = _answer(run(instead(commit, git_formats.HEAD)), "git rev-parse").strip()
    changed = _answer(run(instead(commit, git_formats.CHANGED)), "git diff-tree").split("\0")[:-1]
    return {"success": True, "hash": head, "message": message, "files": [visible(path) for path in changed]}
