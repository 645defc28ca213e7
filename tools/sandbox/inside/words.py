"""Words whose value the run finds: variables, captured output, sums; split and globbed as bash does where unquoted."""

from __future__ import annotations

from .state import Failed, Halt, sure
from .sums import calculate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .files import Table
    from .shapes import Get, Operation, Part, Word
    from .steps import Runner

    Piece = tuple[str, bool, bool]
    """Text; whether it was quoted; whether it is split at blanks."""

_BLANKS = " \t\n"
_GLOB = frozenset("*?[")
_LONGEST = 5 << 20
"""Characters that one word may have: room for what a capture may print, and an end for a loop that doubles a variable."""


class Budget:
    """How many bytes the words of one command may have: more could not be started, nor kept on the record."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, words: Iterable[str]) -> None:
        """Halt where there is no more room."""
        self.left -= sum(len(word) + 1 for word in words)
        if self.left < 0:
            raise Halt("the words of a command became longer than can be started")


def value(runner: Runner, word: Word, table: Table) -> str:
    """The text of a word that is neither split nor globbed (an assignment, a here-string, a `case`)."""
    if isinstance(word, str):
        return word
    return "".join(text for text, _, _ in _pieces(runner, word, table, inner=False))


def fields(runner: Runner, word: Word, table: Table) -> list[str]:
    """The words that a word becomes: none, one or many."""
    if isinstance(word, str):
        return [word]
    found: list[str] = []
    for one in _split(_pieces(runner, word, table, inner=False)):
        if any(character in _GLOB for text, quoted in one if not quoted for character in text):
            from .globs import expand

            found += expand(one)
        else:
            found.append("".join(text for text, _ in one))
    return found


def _split(pieces: list[Piece]) -> list[list[tuple[str, bool]]]:
    """The fields: blanks of unquoted values end one; a field that is nothing but empty unquoted values is none."""
    found: list[list[tuple[str, bool]]] = []
    current: list[tuple[str, bool]] = []
    for text, quoted, splits in pieces:
        if not splits:
            if text or quoted:
                current.append((text, quoted))
            continue
        start = 0
        for index, character in enumerate(text):
            if character in _BLANKS:
                if index > start:
                    current.append((text[start:index], False))
                if current:
                    found.append(current)
                    current = []
                start = index + 1
        if start < len(text):
            current.append((text[start:], False))
    if current:
        found.append(current)
    return found


def _pieces(runner: Runner, parts: list[Part], table: Table, *, inner: bool) -> list[Piece]:
    """The values of the parts. `inner`: the word of an operation, whose own text is split like a value."""
    found: list[Piece] = []
    length = 0
    for part in parts:
        quoted, before = part["quoted"], len(found)
        if part["kind"] == "fixed":
            found.append((part["text"], quoted, inner and not quoted))
        elif part["kind"] == "compute":
            found.append((str(calculate(runner.state, part["value"])), quoted, not quoted))
        elif part["kind"] == "output":
            if runner.channel is None:
                raise Halt("a captured command has nobody to witness it")
            found.append((runner.channel.run(runner, part["number"], table), quoted, not quoted))
        else:
            found += _get(runner, part, table)
        length += sum(len(text) for text, _, _ in found[before:])
        _bound(length)
    return found


def _bound(length: int) -> None:
    if length > _LONGEST:
        raise Halt(f"a word became longer than {_LONGEST} characters")


def _get(runner: Runner, part: Get, table: Table) -> list[Piece]:
    found = _lookup(runner, part["name"])
    operation, quoted = part["operation"], part["quoted"]
    if operation is not None and operation["name"] in ("default", "alternative"):
        usable = found is not None and not (operation["colon"] and not found)
        if operation["name"] == "default" and usable:
            return [(found or "", quoted, not quoted)]
        if operation["name"] == "default" or usable:
            return _inner(runner, operation, table, quoted=quoted)
        return [("", quoted, not quoted)]
    if found is None:
        if runner.state.nounset:
            raise Failed(f"{part['name']}: unbound variable", 127)
        # What is not there stays empty, whatever would be done to an empty value.
        operation = operation if operation is not None and operation["name"] == "length" else None
        found = ""
    text = found if operation is None else _operated(runner, operation, sure(found), table)
    return [(text, quoted, not quoted)]


def _inner(runner: Runner, operation: Operation, table: Table, *, quoted: bool) -> list[Piece]:
    pieces = _pieces(runner, operation["word"] or [], table, inner=True)
    if quoted:
        return [("".join(text for text, _, _ in pieces), True, False)]
    return pieces


def _lookup(runner: Runner, name: str) -> str | None:
    state = runner.state
    if name == "?":
        return str(state.status)
    if name == "#":
        return str(len(state.positional))
    if name.isdigit():
        index = int(name)
        return state.positional[index - 1] if 0 < index <= len(state.positional) else None
    return state.variables.get(name)


def _operated(runner: Runner, operation: Operation, text: str, table: Table) -> str:
    name = operation["name"]
    if name == "length":
        return str(len(text))
    if name in ("upper", "lower"):
        return _turned(text, upper=name == "upper", every=operation["every"])
    if name == "slice":
        return _slice(runner, operation, text)
    if name == "replace":
        return _replaced(runner, operation, text, table)
    return _trimmed(operation, text)


def _turned(text: str, *, upper: bool, every: bool) -> str:
    """The first character or all in the other case; Halt for letters whose other case is not surely that of the C library."""
    if any(one == "\u0130" or "\u1f80" <= one <= "\u1fff" or (one > "\u2fff" and one.upper() != one.lower()) for one in text):
        raise Halt(f"the other case of a letter in {text[:60]!a} is not known for certain")
    end = len(text) if every else 1
    change = str.upper if upper else str.lower
    return "".join(changed if len(changed := change(one)) == 1 else one for one in text[:end]) + text[end:]


def _slice(runner: Runner, operation: Operation, text: str) -> str:
    offset = 0 if operation["offset"] is None else calculate(runner.state, operation["offset"])
    start = offset if offset >= 0 else len(text) + offset
    if not 0 <= start <= len(text):
        return ""
    if operation["length"] is None:
        return text[start:]
    length = calculate(runner.state, operation["length"])
    end = start + length if length >= 0 else len(text) + length
    if end < start:
        raise Failed(f"{length}: substring expression < 0")
    return text[start:end]


def _trimmed(operation: Operation, text: str) -> str:
    import re

    pattern = re.compile(operation["pattern"], re.DOTALL)
    prefix = operation["name"] == "trim_prefix"
    sizes = range(len(text), -1, -1) if operation["longest"] else range(len(text) + 1)
    for size in sizes:
        if prefix and pattern.fullmatch(text, 0, size):
            return text[size:]
        if not prefix and pattern.fullmatch(text, len(text) - size):
            return text[: len(text) - size]
    return text


def _replaced(runner: Runner, operation: Operation, text: str, table: Table) -> str:
    """The leftmost longest match replaced, or each."""
    import re

    new = value(runner, operation["word"] or [], table)
    pattern = re.compile(operation["pattern"], re.DOTALL)
    if operation["anchor"]:
        for size in range(len(text), -1, -1):
            if operation["anchor"] == "start" and pattern.fullmatch(text, 0, size):
                return new + text[size:]
            if operation["anchor"] == "end" and pattern.fullmatch(text, len(text) - size):
                return text[: len(text) - size] + new
        return text
    if not text:
        return new if pattern.fullmatch("") else ""
    done: list[str] = []
    at = 0
    while at < len(text) and (match := pattern.search(text, at)) is not None:
        if match.end() == match.start():
            break
        done += [text[at : match.start()], new]
        at = match.end()
        if not operation["every"]:
            break
    return "".join(done) + text[at:]
