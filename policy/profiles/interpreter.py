"""A profile applied to an argument vector: what it would do, and the vector as it will be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from ..effects import Connect, Execute, Read
from ..git_config import path_in_revision
from ..holes import HOLE, has_hole
from ..records import Record, replace
from ..scope import Scope
from ..spans import Span
from .identity import Identity, identify
from .ledger import Ledger
from .loader import find_profile
from .model import Always, Interpreter, Option, Profile, Role, Table
from .options import DATA, Given, Opaque, Operand, Parsed, Several, parse_words

_MAX_DEPTH = 8
_MAX_CALLS = 400
_MAX_TEXT = 1_000_000


class Names(Record):
    """What a program prints, where that is proven: names at or below these words, one a line or ended by NUL.

    `plain`: none of them is a symbolic link. Every name begins with its root.
    """

    roots: tuple[str, ...]
    separator: str = "\n"
    plain: bool = False


class Call(Record):
    """One program to start. `assigned` are the names of variables set for it, `fed` what it reads from a pipe."""

    argv: tuple[str, ...]
    directory: str
    span: Span | None = None
    assigned: frozenset[str] = frozenset()
    fed: Names | None = None
    depth: int = 0


class Judged(Record):
    """The call as it will be run: `program` is the real file, `entry` the name it was found under."""

    argv: tuple[str, ...]
    program: str | None = None
    entry: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    names: Names | None = None


class Sheet:
    """What one call has shown so far: the parts of its `Execute` effect."""

    __slots__ = (
        "call", "directory", "environment", "identity", "names", "operands", "options", "profile", "subcommand", "workspace",
    )  # fmt: skip

    def __init__(self, *, call: Call, profile: Profile, directory: str, identity: Identity) -> None:
        self.call = call
        self.profile = profile
        self.directory = directory
        self.identity = identity
        self.workspace = False
        self.subcommand: list[str] = []
        self.options: set[str] = set()
        self.operands: list[str] = []
        self.environment: list[tuple[str, str]] = []
        self.names: Names | None = None

    @property
    def span(self) -> Span | None:
        return self.call.span


TextJudge = Callable[["Analyst", str, Call, tuple[str, ...]], None]
"""Writes down what a shell would do with a text, given the call of the program that runs it and the parameters `$1`, `$2`..."""

Interpretation = Callable[["Analyst", Sheet], tuple[str, ...]]
"""Writes down what a call does; answers the words after the program's name, as they will be run."""


class Analyst:
    """Judges calls one after another, and writes what they would do into one ledger."""

    def __init__(self, scope: Scope, interpretations: Mapping[Interpreter, Interpretation], text: TextJudge | None = None) -> None:
        self.scope = scope
        self.judge_text = text
        self.texts: set[tuple[str, Call, tuple[str, ...]]] = set()
        self.ledger = Ledger(scope)
        self.interpretations = interpretations
        self.calls = 0
        self.hooks = False

    def judge(self, call: Call) -> Judged:
        """Writes down everything that starting this program would do."""
        name = call.argv[0] if call.argv else ""
        self.calls += 1
        if isinstance(name, Opaque) or has_hole(name) or call.depth > _MAX_DEPTH or self.calls > _MAX_CALLS:
            self.ledger.unknown("which program this starts is not known", name, call.span)
            return Judged(argv=call.argv)
        identity = identify(name, call.directory, self.scope)
        if identity.standing == "workspace":
            return self._workspace(call, identity)
        profile = find_profile(identity.name) if identity.standing in {"known", "missing"} else None
        if profile is None:
            return self._without_profile(call, identity)
        if identity.standing == "missing":
            self.ledger.not_installed[identity.name] = None
        sheet = Sheet(call=call, profile=profile, directory=call.directory, identity=identity)
        self._agent_wrote(identity.path, call.span)
        words = self.interpretations[profile.interpreter](self, sheet)
        self.ledger.add(_execute(sheet))
        environment = (*profile.environment, *sheet.environment)
        return Judged(argv=(call.argv[0], *words), program=identity.path, entry=identity.entry, environment=environment, names=sheet.names)

    def _workspace(self, call: Call, identity: Identity) -> Judged:
        assert identity.path is not None, "a program of the workspace is a file"
        self.ledger.add(Read(path=identity.path, span=call.span))
        self._agent_wrote(identity.path, call.span)
        self.ledger.add(
            Execute(program=call.argv[0], argv=call.argv, path=identity.path, origin="workspace", operands=call.argv[1:], span=call.span)
        )
        return Judged(argv=call.argv, program=identity.path, entry=identity.entry)

    def _without_profile(self, call: Call, identity: Identity) -> Judged:
        match identity.standing:
            case "foreign":
                why = "this file is neither a program of the search path nor in the workspace"
            case "missing":
                why = "there is no profile of this program, and it is not installed"
            case "known" | "workspace":
                why = "there is no profile of this program"
            case _:
                assert_never(identity.standing)
        self.ledger.unknown(why, call.argv[0] if call.argv else "", call.span)
        if identity.standing == "missing":
            self.ledger.not_installed[identity.name] = None
        self.ledger.add(Execute(program=identity.name, argv=call.argv, path=identity.path, operands=call.argv[1:], span=call.span))
        return Judged(argv=call.argv, program=identity.path, entry=identity.entry)

    def _agent_wrote(self, path: str | None, span: Span | None) -> None:
        if path is not None and path in self.scope.agent_files:
            self.ledger.unknown("the agent wrote this file in this session, and it would be run", path, span)

    def unknown_part(self, why: str, word: str, sheet: Sheet) -> None:
        """Writes down that a word of which a part is not known stands where it could do something."""
        self.ledger.unknown(f"only the run knows this word, and {why} `{sheet.profile.program}`", word, sheet.span)

    def script(self, word: str, sheet: Sheet) -> None:
        """A file whose text is run: code of the workspace, wherever it lies; `-` is standard input."""
        if word == "-":
            sheet.workspace = True
            self.ledger.unknown(f"`{sheet.profile.program}` would run what it reads from its input", word, sheet.span)
            return
        real = self.ledger.read(word, sheet.directory, sheet.span)
        sheet.workspace = True
        self._agent_wrote(real, sheet.span)
        if real is None or isinstance(word, Opaque):
            self.ledger.unknown("what would be run is not known", word, sheet.span)

    # --- tables -----------------------------------------------------------------------------------------------

    def table(self, sheet: Sheet) -> tuple[str, ...]:
        """The interpretation of profiles that are data alone."""
        return self.apply(sheet, sheet.profile.table, sheet.call.argv[1:])

    def apply(self, sheet: Sheet, table: Table, words: tuple[str, ...]) -> tuple[str, ...]:
        """Writes down what these words mean by this table; answers the words as they will be run."""
        if words in table.exact and not self._other_answers(table, sheet.directory):
            sheet.options.update(one for one in words if one.startswith("-"))
            return words
        parsed = self.parse(sheet, table, words)
        for always in table.always if table.always_unless.isdisjoint(parsed.spellings()) else ():
            self.always(always, sheet)
        operands = parsed.operands()
        if table.commands and operands:
            return self._subcommand(sheet, table, words, parsed, operands[0])
        self.meaning(sheet, table, parsed)
        return (*table.pin, *words)

    def _other_answers(self, table: Table, directory: str) -> bool:
        """Whether a file says that another program answers than the one that was found."""
        parts = directory.rstrip("/").split("/")
        for above in ("/".join(parts[:count]) for count in range(len(parts), 0, -1)):
            for name, _, text in (one.partition(":") for one in table.exact_unless):
                path = f"{above}/{name}"
                if self.scope.files.kind(path) != "missing" and (not text or text in (self.scope.files.read_text(path, _MAX_TEXT) or text)):
                    return True
        return False

    def parse(self, sheet: Sheet, table: Table, words: tuple[str, ...]) -> Parsed:
        """Reads the words; what the table does not explain is written down as `Unknown`."""
        parsed = parse_words(table, words)
        sheet.options |= parsed.spellings() | ({HOLE} if parsed.anything else frozenset[str]())
        for doubt in parsed.doubts:
            self.unknown_part("it may be an option of", doubt, sheet)
        for fault in parsed.faults:
            sheet.options.add(fault.partition("=")[0])
            if not table.loose:
                self.ledger.unknown(f"this option of `{sheet.profile.program}` is not accounted for", fault, sheet.span)
        return parsed

    def _subcommand(self, sheet: Sheet, table: Table, words: tuple[str, ...], parsed: Parsed, first: Operand) -> tuple[str, ...]:
        for one in parsed.items:
            if isinstance(one, Given):
                self.option(sheet, one)
        chosen = None if isinstance(first.word, Opaque) else table.commands.get(first.word)
        if chosen is None:
            known = not has_hole(first.word)
            sheet.subcommand += [first.word] if known else []
            sheet.operands += words[first.index + known :]
            self.ledger.unknown(f"this subcommand of `{sheet.profile.program}` is not accounted for", first.word, sheet.span)
            return words
        sheet.subcommand.append(first.word)
        return (*words[: first.index + 1], *self.apply(sheet, chosen, words[first.index + 1 :]))

    def meaning(self, sheet: Sheet, table: Table, parsed: Parsed) -> None:
        """Writes down the effects of options and operands, in the order in which they stand."""
        spellings = parsed.spellings()
        roles = table.operands
        if table.first_given_by and not table.first_given_by.isdisjoint(spellings):
            roles = roles[1:] or ("none",)
        given = {one.option.role for one in parsed.items if isinstance(one, Given)}
        module = "module" in given
        if module:
            # the code that runs may do all that code of the workspace may, whatever its words are
            sheet.workspace = True
            roles = ("text",)
        recursive, follow, rewrite = "recurse" in given, "follow" in given, "rewrite" in given
        count = 0
        for one in parsed.items:
            if isinstance(one, Given):
                self.option(sheet, one)
                continue
            sheet.operands.append(one.word)
            role: Role = "text" if table.loose and not roles else roles[min(count, len(roles) - 1)] if roles else "none"
            count += 1
            # INVARIANT: where a word stands for several, each of them may have any of the roles from here on.
            further = roles[count:] if isinstance(one.word, Several) else ()
            for each in dict.fromkeys((role, *further)):
                self.word(sheet, _widened(each, recursive=recursive, follow=follow), one.word)
            if rewrite and role in {"read", "tree"}:
                self.ledger.write(one.word, sheet.directory, sheet.span, recursive=recursive or role == "tree")
        if rewrite and count == 0 and table.bare:
            self.ledger.write(".", sheet.directory, sheet.span, recursive=True)
        pattern = 1 if roles[:1] == ("text",) and len(roles) > 1 else 0
        if not module and count <= pattern and (recursive or follow or not table.bare_if_recursive):
            for always in table.bare:
                self.always(always, sheet, recursive=recursive, follow=follow)

    def option(self, sheet: Sheet, given: Given) -> None:
        """Writes down what one option does."""
        option = given.option
        if option.role == "unknown":
            self._unknown_option(sheet, option, given.value)
        elif option.role == "directory" and isinstance(given.value, Opaque):
            self.ledger.unknown("in which directory this runs is not known", given.value, sheet.span)
        elif option.role == "directory" and given.value is not None and not has_hole(given.value):
            real = self.ledger.read(given.value, sheet.directory, sheet.span)
            sheet.directory = real if real is not None else sheet.directory
        elif given.value is not None:
            self.word(sheet, option.role, given.value)

    def _unknown_option(self, sheet: Sheet, option: Option, value: str | None) -> None:
        shown = option.spellings[-1] if value is None else f"{option.spellings[-1]} {value}"
        self.ledger.unknown(f"this option of `{sheet.profile.program}` is not accounted for", shown, sheet.span)

    def word(self, sheet: Sheet, role: Role, word: str) -> None:
        """Writes down what one word means in its role. INVARIANT: a word that is not wholly known is data, or `Unknown`."""
        ledger, directory, span = self.ledger, sheet.directory, sheet.span
        if has_hole(word) and role not in DATA and not (role == "format" and word.startswith("+")):
            self.unknown_part("it is more than data to", word, sheet)
            sheet.workspace = sheet.workspace or role == "script"
            return
        match role:
            case "flag" | "text" | "module" | "recurse" | "no_target" | "rewrite" | "end" | "directory" | "program" | "joined":
                pass
            case "revision":
                self._revision(word, sheet)
            case "read" | "tree" | "follow" if word == "-":
                pass  # standard input
            case "read":
                ledger.read(word, directory, span)
            case "tree":
                ledger.read(word, directory, span, recursive=True)
            case "follow":
                ledger.follow(word, directory, span)
            case "write" | "target":
                ledger.write(word, directory, span)
            case "write_tree":
                ledger.write(word, directory, span, recursive=True)
            case "delete":
                ledger.delete(word, directory, span)
            case "delete_tree":
                ledger.delete(word, directory, span, recursive=True)
            case "connect":
                ledger.connect(word, directory, span)
            case "script":
                self.script(word, sheet)
            case "code":
                ledger.unknown(f"`{sheet.profile.program}` runs this text", word, span)
            case "shell":
                ledger.unknown(f"`{sheet.profile.program}` runs this text", word, span)
                self.literal(sheet, word)
            case "list":
                ledger.unknown(f"`{sheet.profile.program}` works on what this names", word, span)
                if word != "-":
                    ledger.read(word, directory, span)
            case "format":
                if not word.startswith("+"):
                    ledger.unknown(f"this word of `{sheet.profile.program}` is not accounted for", word, span)
            case "unknown" | "none":
                ledger.unknown(f"this word of `{sheet.profile.program}` is not accounted for", word, span)
            case _:
                assert_never(role)

    def _revision(self, word: str, sheet: Sheet) -> None:
        if self._names_a_path(word, sheet.directory):
            self.ledger.read(word, sheet.directory, sheet.span)
        if (kept := path_in_revision(word, sheet.directory, self.scope.files)) is not None:
            # what a commit holds under a name is as secret as what lies there now
            self.ledger.read(kept, sheet.directory, sheet.span)

    def _names_a_path(self, word: str, directory: str) -> bool:
        """Whether a word that may be a revision could be a path too: git compares two paths even outside a repository."""
        if word.startswith("/") or ".." in word.split("/"):
            return True
        return bool(word) and "\0" not in word and self.scope.files.kind(f"{directory}/{word}") != "missing"

    def always(self, always: Always, sheet: Sheet, *, recursive: bool = False, follow: bool = False) -> None:
        """Writes down an effect that needs no word."""
        ledger, span = self.ledger, sheet.span
        path = self.scope.home + always.subject[1:] if always.subject.startswith("~/") else always.subject
        match always.kind:
            case "read":
                if follow:
                    ledger.follow(path, sheet.directory, span)
                else:
                    ledger.read(path, sheet.directory, span, recursive=recursive)
            case "tree":
                if follow:
                    ledger.follow(path, sheet.directory, span)
                else:
                    ledger.read(path, sheet.directory, span, recursive=True)
            case "write":
                ledger.write(path, sheet.directory, span)
            case "write_tree":
                ledger.write(path, sheet.directory, span, recursive=True)
            case "delete":
                ledger.delete(path, sheet.directory, span)
            case "workspace":
                sheet.workspace = True
            case "connect":
                ledger.add(Connect(host=always.subject or "*", span=span))
            case "code":
                ledger.unknown(f"`{sheet.profile.program}` would run what it reads from its input", sheet.profile.program, span)
            case "unknown":
                ledger.unknown(always.subject or "what this does is not accounted for", sheet.call.argv[0], span)
            case _:
                assert_never(always.kind)

    # --- programs that start programs -------------------------------------------------------------------------

    def inner(self, sheet: Sheet, argv: tuple[str, ...], *, assigned: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Judges the program that another one starts; answers its vector with the program as a full path, so that no
        other search can find another file.
        """
        call = replace(
            sheet.call, argv=argv, directory=sheet.directory, assigned=sheet.call.assigned | assigned, depth=sheet.call.depth + 1
        )
        judged = self.judge(call)
        sheet.environment += judged.environment
        sheet.names = judged.names
        name = judged.argv[0] if judged.entry is None or "/" in judged.argv[0] else judged.entry
        return (name, *judged.argv[1:])

    # INVARIANT: these two only add effects, behind an `Unknown` of the one who calls.

    def beside(self, sheet: Sheet, argv: tuple[str, ...]) -> None:
        """Writes down what a program would do that this one may start; nothing of it is pinned or looked up for the run."""
        missing = dict(self.ledger.not_installed)
        self.judge(replace(sheet.call, argv=argv, directory=sheet.directory, fed=None, depth=sheet.call.depth + 1))
        self.ledger.not_installed = missing

    def literal(self, sheet: Sheet, text: str, positional: tuple[str, ...] = ()) -> None:
        """Writes down what a shell would do that is given this text, where all of it is known."""
        if self.judge_text is None or isinstance(text, Opaque) or has_hole(text) or sheet.call.depth >= _MAX_DEPTH:
            return
        known = () if any(isinstance(one, Opaque) or has_hole(one) for one in positional) else positional
        self.judge_text(self, text, replace(sheet.call, directory=sheet.directory, fed=None, depth=sheet.call.depth + 1), known)


def _widened(role: Role, *, recursive: bool, follow: bool) -> Role:
    if role in {"read", "tree"} and follow:
        return "follow"
    if recursive and role == "read":
        return "tree"
    if recursive and role == "delete":
        return "delete_tree"
    if recursive and role == "write":
        return "write_tree"
    return role


def _execute(sheet: Sheet) -> Execute:
    return Execute(
        program=sheet.identity.name,
        argv=sheet.call.argv,
        path=sheet.identity.path,
        origin="workspace" if sheet.workspace else "known",
        category=sheet.profile.category,
        subcommand=tuple(sheet.subcommand),
        options=frozenset(sheet.options),
        operands=tuple(sheet.operands),
        helpers=sheet.profile.helpers,
        span=sheet.span,
    )
