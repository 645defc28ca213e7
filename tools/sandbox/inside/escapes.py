"""Backslash escapes as `echo -e`, `printf` and `printf %b` read them."""

from __future__ import annotations

_SIMPLE = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_OCTAL = "01234567"
_HEX = "0123456789abcdefABCDEF"


class Cut(Exception):
    r"""`\c`: nothing after it is printed; `text` is what came before."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text


def unescaped(text: str, *, form: str) -> bytes:
    """The bytes of a text; `form` is `echo`, `printf` (a format) or `b` (an argument of `%b`). Raises Cut."""
    done = bytearray()
    at = 0
    while at < len(text):
        stop = text.find("\\", at)
        if stop < 0 or stop == len(text) - 1:
            break
        done += _bytes(text[at:stop])
        at = _escape(text, stop + 1, form, done)
    return bytes(done + _bytes(text[at:]))


def _escape(text: str, at: int, form: str, done: bytearray) -> int:
    """Adds the escape whose letter is at `at`; where it ends."""
    letter = text[at]
    if letter in _SIMPLE:
        done += _bytes(_SIMPLE[letter])
        return at + 1
    if letter == "c" and form != "printf":
        raise Cut(bytes(done))
    if letter in "\"'?" and form == "printf":
        done += _bytes(letter)
        return at + 1
    if letter in _OCTAL and (form != "echo" or letter == "0"):
        start = at + 1 if letter == "0" and form != "printf" else at
        end = _run(text, start, _OCTAL, 3)
        done.append(int(text[start:end] or "0", 8) & 255)
        return end
    if letter in "xuU":
        end = _run(text, at + 1, _HEX, {"x": 2, "u": 4, "U": 8}[letter])
        if end > at + 1:
            code = int(text[at + 1 : end], 16)
            if letter == "x":
                done.append(code)
            else:
                done += chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b""
            return end
    done += b"\\" + _bytes(letter)
    return at + 1


def _run(text: str, start: int, allowed: str, most: int) -> int:
    end = start
    while end < len(text) and end - start < most and text[end] in allowed:
        end += 1
    return end


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
