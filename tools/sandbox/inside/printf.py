"""`printf`: bash's formats; the format is used again until no argument is left."""

from __future__ import annotations

from .builtins import Wrong, put
from .escapes import Cut, unescaped
from .state import Halt, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .steps import Runner

_SIGN = 1 << 63
_ALL = 1 << 64
_MOST = 1 << 20
_SPECIAL = frozenset(" !\"$&'()*,;<>?[\\]^`{|}")
_NAMED = {"\a": "\\a", "\b": "\\b", "\x1b": "\\E", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


class _Printing:
    """One run of `printf`: the arguments that are left, what was printed, and whether one was wrong."""

    def __init__(self, runner: Runner, arguments: list[str], table: Table) -> None:
        self.runner = runner
        self.arguments = arguments
        self.table = table
        self.done = bytearray()
        self.status = 0

    def next(self) -> str | None:
        return self.arguments.pop(0) if self.arguments else None

    def complain(self, text: str) -> None:
        self.runner.complain(self.table, f"printf: {text}")
        self.status = 1

    def integer(self, text: str | None, *, unsigned: bool = False) -> int:
        """The number in an argument: C's prefixes, or the code of a character behind a quote."""
        if not text:
            return 0
        if text[0] in "'\"":
            return ord(text[1]) if len(text) > 1 else 0
        value, rest = _prefix(text)
        if rest:
            self.complain(f"{text}: invalid {'octal number' if text.strip()[:1] == '0' and text.strip()[1:2].isdigit() else 'number'}")
        low, high = -_SIGN, (_ALL if unsigned else _SIGN) - 1
        if not low <= value <= high:
            self.runner.complain(self.table, f"printf: warning: {text}: Numerical result out of range")
            value = high if value > high or unsigned else low
        return value


def _prefix(text: str) -> tuple[int, str]:
    """The number at the start (strtoll with base 0), and what is left behind it."""
    stripped = text.lstrip(" \t\n\v\f\r")
    sign = -1 if stripped[:1] == "-" else 1
    body = stripped[1:] if stripped[:1] in ("+", "-") else stripped
    base, digits = 10, "0123456789"
    if body[:2] in ("0x", "0X") and body[2:3] and body[2] in "0123456789abcdefABCDEF":
        base, digits, body = 16, "0123456789abcdefABCDEF", body[2:]
    elif body[:1] == "0":
        base, digits = 8, "01234567"
    end = 0
    while end < len(body) and body[end] in digits:
        end += 1
    if not end:
        return 0, text or " "
    return sign * int(body[:end][:400], base), body[end:]


def printf(runner: Runner, words: list[str], table: Table) -> int:
    """The status is 1 where an argument was no number; what can be printed is."""
    if words and words[0].startswith("-") and words[0] != "--" and len(words[0]) > 1:
        if words[0].startswith("-v"):
            raise Halt("printf -v is not supported")
        raise Wrong(f"{words[0][:2]}: invalid option", 2)
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise Wrong("usage: printf [-v var] format [arguments]", 2)
    printing = _Printing(runner, words[1:], table)
    try:
        while True:
            left = len(printing.arguments)
            _once(printing, words[0])
            if not printing.arguments or len(printing.arguments) == left:
                break
            if len(printing.done) > _MOST:
                put(table, bytes(printing.done))
                printing.done.clear()
    except Cut:
        pass
    except Wrong:
        put(table, bytes(printing.done))
        raise
    put(table, bytes(printing.done))
    return printing.status


def _once(printing: _Printing, form: str) -> None:
    at = 0
    while at < len(form):
        stop = form.find("%", at)
        if stop < 0:
            break
        _text(printing, form[at:stop])
        if form.startswith("%%", stop):
            printing.done += b"%"
            at = stop + 2
        else:
            at = _directive(printing, form, stop + 1)
    _text(printing, form[at:])


def _text(printing: _Printing, text: str) -> None:
    printing.done += unescaped(text, form="printf")


def _directive(printing: _Printing, form: str, at: int) -> int:
    start = at
    while at < len(form) and form[at] in "-+ #0'":
        at += 1
    flags = set(form[start:at])
    width, at = _measure(printing, form, at)
    if width is not None and width < 0:
        flags.add("-")
        width = -width
    precision: int | None = None
    if form[at : at + 1] == ".":
        precision, at = _measure(printing, form, at + 1)
        precision = 0 if precision is None else None if precision < 0 else precision
    while at < len(form) and form[at] in "hjlLtz":
        at += 1
    if at >= len(form):
        raise Wrong(f"`{form[start - 1 :]}': missing format character")
    if max(width or 0, precision or 0) > _MOST:
        raise Halt(f"printf with a width of more than {_MOST}")
    letter = form[at]
    if letter == "(":
        return _time(printing, form, at, flags, (width, precision))
    data = _converted(printing, letter, flags, precision)
    if data is None:
        raise Wrong(f"`{letter}': invalid format character")
    body, zeros = data
    printing.done += _padded(body, flags, width or 0, zeros=zeros)
    return at + 1


def _measure(printing: _Printing, form: str, at: int) -> tuple[int | None, int]:
    if form[at : at + 1] == "*":
        return printing.integer(printing.next()), at + 1
    end = at
    while end < len(form) and form[end] in "0123456789":
        end += 1
    return (int(form[at:end][:9]) if end > at else None), end


def _converted(printing: _Printing, letter: str, flags: set[str], precision: int | None) -> tuple[bytes, bool] | None:
    """The text of one conversion, and whether zeros may fill it up; None for a letter that is none."""
    if letter in "di":
        value = printing.integer(printing.next())
        sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
        return _number(sign, str(abs(value)), precision, value), precision is None
    if letter in "ouxX":
        value = printing.integer(printing.next(), unsigned=True) % _ALL
        digits = format(value, {"o": "o", "u": "d", "x": "x", "X": "X"}[letter])
        prefix = "0" + letter if "#" in flags and letter in "xX" and value else ""
        if "#" in flags and letter == "o" and not digits.startswith("0") and len(digits) >= (precision or 0):
            precision = len(digits) + 1
        return _number(prefix, digits, precision, value), precision is None
    if letter in "eEfFgGaA":
        from .floats import formatted

        return formatted(printing, letter, flags, precision)
    argument = printing.next()
    text = argument or ""
    if letter == "s":
        data = encoded(text)
    elif letter == "c":
        return encoded(text)[:1] or b"\0", False
    elif letter == "b":
        try:
            data = unescaped(text, form="b")
        except Cut as cut:
            printing.done += cut.text if precision is None else cut.text[:precision]
            raise
    elif letter == "q":
        data = encoded(quoted(text))
    else:
        return None
    return data if precision is None else data[:precision], False


def _number(prefix: str, digits: str, precision: int | None, value: int) -> bytes:
    if precision == 0 and value == 0:
        digits = ""
    return (prefix + digits.rjust(precision or 0, "0")).encode()


def _padded(body: bytes, flags: set[str], width: int, *, zeros: bool) -> bytes:
    if len(body) >= width:
        return body
    if "-" in flags:
        return body.ljust(width)
    if "0" in flags and zeros:
        head = 1 if body[:1] in (b"+", b"-", b" ") else 0
        head += 2 if body[head : head + 2] in (b"0x", b"0X") else 0
        return body[:head] + body[head:].rjust(width - head, b"0")
    return body.rjust(width)


def _time(printing: _Printing, form: str, at: int, flags: set[str], measures: tuple[int | None, int | None]) -> int:
    width, precision = measures
    end = form.find(")T", at)
    if end < 0:
        raise Wrong(f"`{form[at:]}': invalid format character")
    import time

    argument = printing.next()
    seconds = printing.integer(argument) if argument is not None else -1
    if seconds in (-1, -2):
        seconds = int(time.time())
    text = time.strftime(form[at + 1 : end] or "%X", time.localtime(seconds))
    data = encoded(text)
    printing.done += _padded(data if precision is None else data[:precision], flags, width or 0, zeros=False)
    return end + 2


def quoted(text: str) -> str:
    """The text as `%q` writes it: a shell reads it back as one word."""
    if not text:
        return "''"
    if any(not one.isprintable() for one in text):
        return "$'" + "".join(_ansi(one) for one in text) + "'"
    found: list[str] = []
    for index, one in enumerate(text):
        special = one in _SPECIAL or (one == "~" and index == 0) or (one == "#" and index == 0)
        special = special or (one == "~" and text[index - 1] in ":=")
        found.append(f"\\{one}" if special else one)
    return "".join(found)


def _ansi(one: str) -> str:
    if one in _NAMED:
        return _NAMED[one]
    if one in "\\'":
        return f"\\{one}"
    if one.isprintable():
        return one
    return "".join(f"\\{byte:03o}" for byte in encoded(one))
