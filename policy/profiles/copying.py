"""cp, mv, ln and install: the last operand is where things go, and a directory there means a name below it."""

from __future__ import annotations

import posixpath

from .interpreter import Analyst, Sheet
from .model import Role
from .options import Given, Opaque


def interpret_copy(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """Reads of the sources, writes below the destination; mv removes the sources, ln makes their content reachable."""
    words = sheet.call.argv[1:]
    if words in sheet.profile.table.exact:
        return words
    parsed = analyst.parse(sheet, sheet.profile.table, words)
    target: str | None = None
    for one in parsed.items:
        if isinstance(one, Given):
            target = one.value if one.option.role == "target" else target
            if one.option.role != "target":
                analyst.option(sheet, one)
    operands = [one.word for one in parsed.operands()]
    sheet.operands += operands
    roles: set[Role] = {one.option.role for one in parsed.items if isinstance(one, Given)}
    program = sheet.profile.program
    if program == "install" and parsed.given("-d"):
        for word in operands:
            analyst.ledger.write(word, sheet.directory, sheet.span)
        return words
    if target is None and program == "ln" and len(operands) == 1:
        target = "."
    if target is None and len(operands) < 2:  # a source and a destination
        analyst.ledger.unknown("a destination is missing", program, sheet.span)
        return words
    sources, destination = (operands, target) if target is not None else (operands[:-1], operands[-1])
    for source in sources:
        _source(analyst, sheet, source, destination, roles=roles, symbolic=bool(parsed.given("-s")), relative=bool(parsed.given("-r")))
        _destination(analyst, sheet, source, destination, below=target is not None, plain="no_target" in roles)
    return words


def _source(analyst: Analyst, sheet: Sheet, source: str, destination: str, *, roles: set[Role], symbolic: bool, relative: bool) -> None:
    ledger, span = analyst.ledger, sheet.span
    match sheet.profile.program:
        case "mv":
            ledger.read(source, sheet.directory, span, recursive=True)
            ledger.delete(source, sheet.directory, span, recursive=True)
        case "ln":
            directory = sheet.directory
            if symbolic and not relative and not source.startswith("/"):
                real = ledger.path(destination, sheet.directory, span)
                if real is None:
                    return
                directory = real if analyst.scope.files.kind(real) == "directory" else posixpath.dirname(real)
                itself = ledger.name(destination, sheet.directory)
                if itself:
                    # A link that stands there may be replaced: the new one then leads on from beside it.
                    ledger.read(source, posixpath.dirname(itself), span, recursive=True)
            # What a link points to is read through it later in the same command.
            ledger.read(source, directory, span, recursive=True)
        case _ if "follow" in roles:
            ledger.follow(source, sheet.directory, span)
        case _:
            ledger.read(source, sheet.directory, span, recursive="recurse" in roles)


def _destination(analyst: Analyst, sheet: Sheet, source: str, destination: str, *, below: bool, plain: bool) -> None:
    ledger, span = analyst.ledger, sheet.span
    real = ledger.path(destination, sheet.directory, span)
    if real is None:
        return
    kind = analyst.scope.files.kind(real)
    program = sheet.profile.program
    if program != "cp" and (plain or kind != "directory" or program == "ln") and (itself := ledger.name(destination, sheet.directory)):
        # cp writes through a link that stands there; the others put theirs in its place.
        ledger.delete(itself, "/", span)
    if isinstance(destination, Opaque):
        # Any directory below may be meant, and the name lands in it.
        ledger.write(destination, sheet.directory, span, recursive=True)
        return
    if plain or (kind in {"file", "other"} and not below):
        ledger.write(destination, sheet.directory, span, recursive=plain)
        return
    name = posixpath.basename(source.rstrip("/"))
    if kind != "directory" or isinstance(source, Opaque) or name in {"", ".", ".."}:
        # A directory may stand there by then, and any name may land below it.
        ledger.write(destination, sheet.directory, span, recursive=True)
        return
    ledger.write(f"{real.rstrip('/')}/{name}", "/", span, recursive=True)
