"""The output formats that git is asked for: `policy.analysis` builds the argument vectors, `tools.git` parses the answers.

Every format is separated by NUL, which neither a path, a name nor a message can hold. Source: git-status(1) "Porcelain
Format Version 2", git-log(1) "PRETTY FORMATS", git-check-attr(1) "-z". Each tuple starts with the subcommand and stands
behind git's own global options; what a repository's configuration could add (external diff, textconv, colours, prefixes) is
switched off in words here, and where git has only a setting for it (signatures, submodule diffs) by `policy.profiles.git`.
"""

from __future__ import annotations

from typing import Final

STATUS: Final = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--find-renames")
"""Then nothing, or `--` and paths."""

DIFF: Final = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
"""Then `--cached` for what is staged, a commit, `--`, and a path."""

LOG_FIELDS: Final = ("hash", "short_hash", "author", "email", "date", "message")
"""What a record of `LOG` holds, in order; `-z` ends each record with one more NUL in place of the line feed."""

LOG: Final = (
    "log",
    "-z",
    "--no-color",
    "--no-patch",
    "--no-ext-diff",
    "--no-textconv",
    "--no-notes",
    "--encoding=UTF-8",
    "--format=tformat:%H%x00%h%x00%an%x00%ae%x00%aI%x00%B",
)
"""Then `-n` and the count, `--`, and a path."""

ADD: Final = ("add", "--")
"""Then the paths, taken literally (`GIT_LITERAL_PATHSPECS=1` or git's `--literal-pathspecs`)."""

COMMIT: Final = ("commit", "--no-verify", "--no-gpg-sign", "--no-edit", "--cleanup=whitespace")
"""Then `-m` and the message. Hooks other than the two that `--no-verify` skips are switched off by `core.hooksPath`."""

COMMIT_WITH_HOOKS: Final = ("commit", "--no-gpg-sign", "--no-edit", "--cleanup=whitespace")
"""The same where the policy lets hooks run."""

CHECK_ATTRIBUTES: Final = ("check-attr", "-z", "filter", "--")
"""Then the paths; answers `path NUL attribute NUL value NUL`."""

LIST_FILES: Final = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--")
"""Then paths; the files that `ADD` of them could stage. Looks at names only, so no clean filter runs."""

STAGED_FILES: Final = ("diff", "--cached", "--name-only", "-z", "--no-renames", "--diff-filter=d", "--no-ext-diff", "--no-textconv")
"""The staged paths that are not removals, relative to the top of the working tree."""

TOP: Final = ("rev-parse", "--show-cdup")
"""The way up from the directory to the top of the working tree (`../../`), empty at the top."""

HEAD: Final = ("rev-parse", "--verify", "--quiet", "HEAD")
"""The hash of the commit that is checked out; exit code 1 where there is none."""

CHANGED: Final = ("diff-tree", "-z", "--root", "--no-commit-id", "--name-only", "-r", "--no-ext-diff", "HEAD")
"""The paths that the last commit changed."""
