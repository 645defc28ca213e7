"""What a model may ask for: one pydantic model a tool; its JSON Schema is what the model sees.

Fields are checked strictly and unknown fields are refused: a call that does not fit is a denied call, never a guess.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import ActionError

Path = Annotated[str, Field(min_length=1, max_length=4096)]


class _Base(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    tool: ClassVar[str]


class ReadFile(_Base):
    """Read a text file. Every line is given with its number. Use offset and limit for long files."""

    tool: ClassVar[str] = "read"
    path: Path = Field(description="The file, relative to the workspace or absolute.")
    offset: int = Field(default=1, ge=1, description="First line to show, counted from 1.")
    limit: int | None = Field(default=None, ge=1, description="How many lines to show at most.")


class WriteFile(_Base):
    """Create a file or replace its whole content. Missing parent directories are created."""

    tool: ClassVar[str] = "write"
    path: Path = Field(description="The file, relative to the workspace or absolute.")
    content: str = Field(description="The whole new content.")


class EditFile(_Base):
    """Replace a text in a file. The old text must occur exactly once, unless all is true. Alternatively give
    start_line and end_line instead of old_string to replace whole lines (inclusive).
    """

    tool: ClassVar[str] = "edit"
    path: Path = Field(description="The file, relative to the workspace or absolute.")
    new_string: str = Field(description="The text to put there; empty to delete.")
    old_string: str | None = Field(default=None, min_length=1, description="The exact text to replace.")
    all: bool = Field(default=False, description="Replace every occurrence.")
    start_line: int | None = Field(default=None, ge=1, description="First line to replace, counted from 1.")
    end_line: int | None = Field(default=None, ge=1, description="Last line to replace, inclusive.")

    @model_validator(mode="after")
    def _one_way(self) -> EditFile:
        by_lines = self.start_line is not None or self.end_line is not None
        if by_lines == (self.old_string is not None):
            raise ValueError("give either old_string, or start_line and end_line")
        if by_lines and (self.start_line is None or self.end_line is None or self.end_line < self.start_line):
            raise ValueError("start_line and end_line must both be given, in order")
        return self


class RunCommand(_Base):
    """Run a shell command in the workspace. It is read as bash: lists, pipelines, redirections, quoting, variables, globs,
    if, for, while, case, [[ ]], $( ), here-documents and functions are understood; arrays, eval and what is not clear before
    it runs are refused by name, with what to write instead.
    """

    tool: ClassVar[str] = "bash"
    command: str = Field(min_length=1, description="The command.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds; the policy's limit is the upper bound.")


class SearchText(_Base):
    """Search file contents for a regular expression (RE2 syntax). Respects .gitignore."""

    tool: ClassVar[str] = "grep"
    pattern: str = Field(min_length=1, description="Regular expression, RE2 syntax.")
    path: Path = Field(default=".", description="File or directory to search.")
    include: str | None = Field(default=None, min_length=1, description="Only files whose name matches this glob, such as *.py.")
    context_lines: int = Field(default=0, ge=0, le=50, description="Lines to show before and after each match.")
    case_insensitive: bool = False


class FindFiles(_Base):
    """Find files by a glob such as **/*.py. Respects .gitignore."""

    tool: ClassVar[str] = "find"
    pattern: str = Field(min_length=1, description="Glob: * within a name, ** across directories.")
    path: Path = Field(default=".", description="Directory to search below.")
    type: Literal["file", "directory", "both"] = "both"


class ListDirectory(_Base):
    """List a directory."""

    tool: ClassVar[str] = "ls"
    path: Path = Field(default=".", description="The directory.")
    all: bool = Field(default=False, description="Show names that start with a dot.")


class GitStatus(_Base):
    """Show branch, staged, modified and untracked files."""

    tool: ClassVar[str] = "git_status"
    path: Path = Field(default=".", description="A directory inside the repository.")


class GitDiff(_Base):
    """Show changes as a unified diff: of the working tree, of what is staged, or against a commit."""

    tool: ClassVar[str] = "git_diff"
    path: Path = Field(default=".", description="A directory inside the repository.")
    file: Path | None = Field(default=None, description="Only this file.")
    staged: bool = False
    commit: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^-]", description="Compare with this commit.")


class GitLog(_Base):
    """Show commits, newest first."""

    tool: ClassVar[str] = "git_log"
    path: Path = Field(default=".", description="A directory inside the repository.")
    count: int = Field(default=10, ge=1, le=200)
    file: Path | None = Field(default=None, description="Only commits that touch this file.")


class GitCommit(_Base):
    """Commit what is staged; files given are staged first. Without a message one is composed. Hooks and signing are not run."""

    tool: ClassVar[str] = "git_commit"
    path: Path = Field(default=".", description="A directory inside the repository.")
    message: str | None = Field(default=None, min_length=1, max_length=10000)
    files: tuple[Path, ...] = Field(default=(), max_length=500, strict=False, description="Files to stage first.")


Action = ReadFile | WriteFile | EditFile | RunCommand | SearchText | FindFiles | ListDirectory | GitStatus | GitDiff | GitLog | GitCommit

ACTIONS: dict[str, type[Action]] = {
    one.tool: one
    for one in (ReadFile, WriteFile, EditFile, RunCommand, SearchText, FindFiles, ListDirectory, GitStatus, GitDiff, GitLog, GitCommit)
}
"""Every tool by the name the model uses, in the order in which models are told of them."""


def parse_action(tool: str, arguments: str) -> Action:
    """The action that a tool call asks for; `arguments` is the JSON text of the model.

    Raises ActionError when there is no such tool or the arguments do not fit.
    """
    model = ACTIONS.get(tool)
    if model is None:
        raise ActionError(f"there is no tool `{tool[:80]}`", hint=f"the tools are {', '.join(ACTIONS)}")
    try:
        return model.model_validate_json(arguments or "{}")
    except ValidationError as problem:
        faults = "; ".join(_fault(fault["loc"], fault["msg"]) for fault in problem.errors(include_url=False)[:5])
        raise ActionError(
            f"the arguments of `{tool}` do not fit: {faults[:600]}", hint="send a JSON object with the fields of the tool's schema"
        ) from problem


def _fault(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place)) or 'arguments'}: {message}"
