"""Words whose value the run finds: variables, captured output, sums; split and globbed as bash does where unquoted."""

from __future__ import annotations

from .state import Failed, Halt
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
    for part in parts:
        quoted = part["quoted"]
        if part["kind"] == "fixed":
            found.append((part["text"], quoted, inner and not quoted))
        elif part["kind"] == "compute":
            found.append((str(calculate(runner.state, part["value"])), quoted, not quoted))
        elif part["kind"] == "output":
            if runner.channel is None:
                raise Halt("a captured command has nobody to witness it")
            found.append((runner.channel.run(runner, part["number"], table), quoted, not quoted))
        elif part["name"] in ("@", "*"):
            found += _all_positional(runner, part)
        else:
            found += _get(runner, part, table)
    return found


def _all_positional(runner: Runner, part: Get) -> list[Piece]:
    raise Halt(f"`${part['name']}` is known to the run only ({len(runner.state.positional)} words)")


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
        found = ""
    text = found if operation is None else _operated(runner, operation, found, table)
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
        change = str.upper if name == "upper" else str.lower
        end = len(text) if operation["every"] else 1
        return "".join(one if len(changed := change(one)) != 1 else changed for one in text[:end]) + text[end:]
    if name == "slice":
        return _slice(runner, operation, text)
    if name == "replace":
        return _replaced(runner, operation, text, table)
    return _trimmed(operation, text)


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
    """The leftmost longest match, or each. An unquoted `&` in the replacement stands for what matched (bash 5.2)."""
    import re

    pieces = _pieces(runner, operation["word"] or [], table, inner=False)
    anchor = operation["anchor"]
    if not operation["pattern"]:
        return text if not anchor else _filled(pieces, "") + text if anchor == "start" else text + _filled(pieces, "")
    pattern = re.compile(operation["pattern"], re.DOTALL)
    if anchor:
        sizes = range(len(text), -1, -1)
        for size in sizes:
            if anchor == "start" and pattern.fullmatch(text, 0, size):
                return _filled(pieces, text[:size]) + text[size:]
            if anchor == "end" and pattern.fullmatch(text, len(text) - size):
                return text[: len(text) - size] + _filled(pieces, text[len(text) - size :])
        return text
    if not text:
        return _filled(pieces, "") if pattern.fullmatch("") else ""
    done: list[str] = []
    at = 0
    while at < len(text) and (match := pattern.search(text, at)) is not None:
        if match.end() == match.start():
            break
        done += [text[at : match.start()], _filled(pieces, match.group())]
        at = match.end()
        if not operation["every"]:
            break
    return "".join(done) + text[at:]


def _filled(pieces: list[Piece], matched: str) -> str:
    """The replacement with every unquoted `&` filled in; behind a backslash it is the character itself."""
    found: list[str] = []
    for text, quoted, _ in pieces:
        found.append(text if quoted else text.replace("\\&", "\0").replace("&", matched).replace("\0", "&"))
    return "".join(found)
