"""The one way in which a record is written as bytes.

Source of the form: RFC 8785, restricted to ASCII keys and to integers that every reader keeps exactly (I-JSON, RFC 7493);
inside that profile sorted keys, no blanks and the shortest escapes are the whole of it. See docs/audit-format.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias, cast

from .errors import RecordError

# float is in the alias so that callers may pass what JSON allows; a float is refused when it is appended
JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None"

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False)


def plain(value: object, *, where: str, depth: int = 1) -> JSON:
    """A copy made of dict, list, str, int, bool and None only. RecordError for anything outside the profile."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise RecordError(f"`{where}` holds an integer beyond 2^53-1", hint="write it as text")
        return value
    if depth > MAX_DEPTH:
        raise RecordError(f"`{where[:80]}` is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return {_key(key, where): plain(inner, where=f"{where}.{key}", depth=depth + 1) for key, inner in items.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, where=f"{where}[]", depth=depth + 1) for inner in cast("Sequence[object]", value)]
    raise RecordError(f"`{where}` holds a {type(value).__name__}, which a record cannot hold", hint="write it as an integer or as text")


def encode(record: Mapping[str, JSON]) -> bytes:
    """The line of a record, without its LF. The caller has made the record `plain`. RecordError when it is too long."""
    line = _ENCODER.encode(record).encode()
    if len(line) > MAX_LINE_BYTES:
        raise RecordError(f"the record has {len(line)} bytes, more than {MAX_LINE_BYTES}", hint="record a digest in place of content")
    return line


def parse(line: bytes) -> dict[str, JSON]:
    """The record that a line (without its LF) holds. RecordError, saying why, for a line that `encode` would not write.

    INVARIANT: encode(parse(line)) == line. Two parsers that differ on duplicate keys, escapes or numbers cannot be
    shown two different records by one line.
    """
    try:
        record = cast("object", _DECODER.decode(line.decode()))
    except UnicodeDecodeError:
        raise RecordError("is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"is not a JSON object of this form: {error}") from error
    if not isinstance(record, dict):
        raise RecordError("is not a JSON object")
    fields = cast("dict[str, JSON]", record)
    # keys outside ASCII and deep nesting are rare: looked for only where the bytes leave them possible
    if not line.isascii() or line.count(b"[") + line.count(b"{") > MAX_DEPTH or b"\\u" in line:
        plain(fields, where="record")
    if encode(fields) != line:
        raise RecordError("is not in canonical form (sorted keys, each once, no blanks, no needless escapes)")
    return fields


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecordError(f"`{where}` holds half of a surrogate pair, which is not text", hint="replace it first") from None
    return value


def _key(key: object, where: str) -> str:
    if not isinstance(key, str) or not key.isascii():
        raise RecordError(f"`{where}` has the key {key!a}, which is not ASCII text")
    return key


def _integer(text: str) -> int:
    # the length first: turning a million digits into a number is quadratic
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise ValueError("an integer beyond 2^53-1")
    return int(text)


def _number(text: str) -> NoReturn:
    raise ValueError(f"a number that is not an integer (`{text[:40]}`)")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_number)
