"""Programs that start another program: timeout, nice, env, xargs and their like. Both are judged."""

from __future__ import annotations

import re

from ..effects import SetEnvironment
from ..holes import has_hole
from .interpreter import Analyst, Names, Sheet
from .options import Given, Opaque, Parsed, Several, parse_words

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z", re.DOTALL)
_NEEDS_QUOTING = frozenset(" \t\n'\"\\\v\f\r")


def interpret_wrapper(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """The operands that the profile names, then the program to start and its words."""
    words = sheet.call.argv[1:]
    table = sheet.profile.table
    if words in table.exact:
        return words
    parsed = analyst.parse(sheet, table, words)
    for one in parsed.items:
        if isinstance(one, Given):
            analyst.option(sheet, one)
    operands = parsed.operands()
    own = len(table.operands)
    for role, operand in zip(table.operands, operands, strict=False):
        analyst.word(sheet, role, operand.word)
        if isinstance(operand.word, Several):
            analyst.unknown_part("it may become the program that starts, given to", operand.word, sheet)
    if len(operands) <= own:
        analyst.ledger.unknown("which program this starts is not known", sheet.call.argv[0], sheet.span)
        return words
    begin = operands[own].index
    if (text := table.options.get(operands[own].word)) is not None and text.role == "shell" and len(operands) > own + 1:
        analyst.word(sheet, "shell", operands[own + 1].word)
    inner = analyst.inner(sheet, words[begin:])
    if sheet.profile.program == "timeout":
        # What is stopped in the middle of a name has printed another one.
        sheet.names = None
    return (*words[:begin], *inner)


def interpret_env(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """Assignments, then the program to start; without one, the environment is printed, which holds nothing secret."""
    words = sheet.call.argv[1:]
    parsed = analyst.parse(sheet, sheet.profile.table, words)
    for one in parsed.items:
        if isinstance(one, Given):
            analyst.option(sheet, one)
    operands = parsed.operands()
    for split in parsed.given("-S"):
        # What is split is read as words of its own, before the rest of the words.
        rest = words[operands[0].index :] if operands else ()
        if not any(isinstance(one, Opaque) for one in rest):
            analyst.literal(sheet, " ".join(("env", split.value or "", *(quoted(one) for one in rest))))
    assigned: set[str] = set()
    for operand in operands:
        found = _ASSIGNMENT.match(operand.word)
        if found is None and "=" in operand.word:
            analyst.ledger.unknown("this assignment is not accounted for", operand.word, sheet.span)
        if found is None:
            inner = analyst.inner(sheet, words[operand.index :], assigned=frozenset(assigned))
            _kept(analyst, sheet, parsed)
            return (*words[: operand.index], *inner)
        assigned.add(found[1])
        analyst.ledger.add(SetEnvironment(name=found[1], value=found[2], span=sheet.span))
    return words


def quoted(word: str) -> str:
    """The word as a shell reads it back."""
    return "'" + word.replace("'", "'\\''") + "'"


def _kept(analyst: Analyst, sheet: Sheet, parsed: Parsed) -> None:
    """What is pinned for the inner program must reach it: an `env` that clears variables takes it away."""
    if sheet.environment and parsed.given("-i", "-u"):
        analyst.ledger.unknown("variables that keep this program from starting others would be cleared", sheet.call.argv[0], sheet.span)


def interpret_xargs(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """The program that xargs starts, its last words being names that another program prints."""
    words = sheet.call.argv[1:]
    parsed = analyst.parse(sheet, sheet.profile.table, words)
    for one in parsed.items:
        if isinstance(one, Given):
            analyst.option(sheet, one)
    operands = parsed.operands()
    begin = operands[0].index if operands else len(words)
    inner = words[begin:] or ("echo",)
    for word in filter(has_hole, words[:begin]):
        analyst.unknown_part("it is more than data to", word, sheet)
    names = sheet.call.fed
    separator = _separator(parsed)
    if names is None or separator is None or not _proven(analyst, sheet, names, separator):
        analyst.ledger.unknown("the names that xargs would pass on are not known", " ".join(inner)[:200], sheet.span)
        analyst.inner(sheet, inner)
        return words
    replaced = [given.value for given in parsed.given("-I")]
    marker = replaced[-1] if replaced else None
    # Of `-I` and a number of names a call, the last one counts: the marker would then be a plain word.
    if marker is not None and (
        parsed.given("-n", "-L", "-l", "--max-lines") or any((marker in one and one != marker) or has_hole(one) for one in inner)
    ):
        analyst.ledger.unknown("what this would run is not known", " ".join(inner)[:200], sheet.span)
    opaque = tuple((Several if marker is None else Opaque)(root) for root in names.roots)
    filled = (*inner, *opaque) if marker is None else tuple(word for one in inner for word in (opaque if one == marker else (one,)))
    judged = analyst.inner(sheet, filled)
    sheet.names = None
    if marker is None:
        # Without a single name the program would start all the same, and look at its directory instead: `-r` forbids it.
        once = () if parsed.given("-r") else ("-r",)
        return (*once, *words[:begin], *(str(one) for one in judged if not isinstance(one, Opaque)))
    return (*words[:begin], *_restored(judged, marker))


def _restored(judged: tuple[str, ...], marker: str) -> tuple[str, ...]:
    """The vector with one marker for every run of opaque words."""
    back: list[str] = []
    for place, one in enumerate(judged):
        if not isinstance(one, Opaque):
            back.append(one)
        elif place == 0 or not isinstance(judged[place - 1], Opaque):
            back.append(marker)
    return tuple(back)


def _separator(parsed: Parsed) -> str | None:
    """What parts the names: NUL, a newline, or blanks and quotes as xargs does by itself (an empty text)."""
    delimiters = [given.value for given in parsed.given("-d")]
    if delimiters:
        return "\n" if delimiters[-1] in {"\\n", "\n"} else None
    return "\0" if parsed.given("-0") else ""


def _proven(analyst: Analyst, sheet: Sheet, names: Names, separator: str) -> bool:
    """Whether every word that xargs makes of the names is a path at or below their roots, and no option."""
    if (separator == "\0") != (names.separator == "\0"):
        return False
    breaking = _NEEDS_QUOTING if separator == "" else frozenset("\n") if separator == "\n" else frozenset[str]()
    for root in names.roots:
        if root.startswith("-") or not breaking.isdisjoint(root):
            return False
        real = analyst.ledger.read(root, sheet.directory, sheet.span, recursive=True)
        if real is None:
            return False
        if not names.plain:
            analyst.ledger.links_stay(real, sheet.span)
        way = analyst.ledger.walk(real)
        if way is None:
            return False
        if any(not breaking.isdisjoint(path[len(real) :]) for path, _ in way):
            return False
    return True


def passes_on(sheet: Sheet) -> Names | None:
    """For a filter between the printer of names and xargs: the names, when whole lines pass through unchanged."""
    fed = sheet.call.fed
    if fed is None or fed.separator != "\n":
        return None
    safe = {"sort": "-r -u -n -V", "uniq": "", "head": "-n", "tail": "-n", "grep": "-v -i -E -F -e -w -x -q"}
    allowed = safe.get(sheet.profile.program)
    if allowed is None:
        return None
    parsed = parse_words(sheet.profile.table, sheet.call.argv[1:])
    operands = len(parsed.operands())
    pattern = 1 if sheet.profile.program == "grep" and not parsed.given("-e") else 0
    known = all(not set(allowed.split()).isdisjoint(one.option.spellings) for one in parsed.items if isinstance(one, Given))
    return fed if known and operands == pattern and not (parsed.faults or parsed.doubts) else None
