"""Floating point for `printf`: numbers are held as bash holds them, a long double of this machine, and printed exactly."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .printf import _Printing  # pyright: ignore[reportPrivateUsage]  # the two are one builtin

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+))?|(inf(?:inity)?|nan))", re.IGNORECASE | re.ASCII)
_HEX = re.compile(r"[ \t\n\v\f\r]*[+-]?0[xX]")
_BITS = {"x86_64": 64, "i686": 64, "aarch64": 113}
_LARGEST = 4000


def formatted(printing: _Printing, letter: str, flags: set[str], precision: int | None) -> tuple[bytes, bool]:
    """One `%e`, `%f` or `%g`, and whether zeros may fill it up."""
    from .state import Halt

    text = printing.next() or ""
    if letter in "aA" or _HEX.match(text):
        raise Halt("printf with hexadecimal floating point is not supported")
    negative, special, numerator, denominator = _read(printing, text)
    sign = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    if special:
        return (sign + (special.upper() if letter.isupper() else special)).encode(), False
    places = 6 if precision is None else precision
    kind, alternative = letter.lower(), "#" in flags
    if kind == "f":
        body = _fixed(numerator, denominator, places, alternative=alternative)
    elif kind == "e":
        body = _scientific(numerator, denominator, places, alternative=alternative)
    else:
        body = _general(numerator, denominator, places or 1, alternative=alternative)
    return (sign + (body.upper() if letter.isupper() else body)).encode(), True


def _read(printing: _Printing, text: str) -> tuple[bool, str, int, int]:
    """Sign, `inf` or `nan`, and else the number as a fraction."""
    if text[:1] in ("'", '"') and text:
        return False, "", (ord(text[1]) if len(text) > 1 else 0), 1
    found = _NUMBER.match(text)
    if text and (found is None or found.end() != len(text)):
        printing.complain(f"{text}: invalid number")
    if found is None:
        return False, "", 0, 1
    sign, digits, exponent, special = found.groups()
    if special:
        return sign == "-", special[:3].lower(), 0, 1
    whole, _, fraction = digits.partition(".")
    power = int((exponent or "0")[:8]) - len(fraction)
    mantissa = int((whole + fraction) or "0")
    if abs(power) > _LARGEST:
        from .state import Halt

        raise Halt("printf with a number that is out of range")
    numerator, denominator = (mantissa * 10**power, 1) if power >= 0 else (mantissa, 10**-power)
    return (sign == "-", "", *_rounded(numerator, denominator))


def _rounded(numerator: int, denominator: int) -> tuple[int, int]:
    """The nearest long double, ties to even."""
    if not numerator:
        return 0, 1
    bits = _BITS.get(os.uname().machine, 53)
    shift = numerator.bit_length() - denominator.bit_length() - bits
    while True:
        scaled, unit = (numerator, denominator << shift) if shift > 0 else (numerator << -shift, denominator)
        mantissa = _nearest(scaled, unit)
        if mantissa >> (bits + 1) or (mantissa >> bits and mantissa != 1 << bits):
            shift += 1
        elif mantissa < 1 << (bits - 1):
            shift -= 1
        else:
            break
    return (mantissa << shift, 1) if shift > 0 else (mantissa, 1 << -shift)


def _nearest(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


def _fixed(numerator: int, denominator: int, places: int, *, alternative: bool) -> str:
    digits = str(_nearest(numerator * 10**places, denominator)).rjust(places + 1, "0")
    if not places:
        return digits + "." * alternative
    return f"{digits[:-places]}.{digits[-places:]}"


def _decimal(numerator: int, denominator: int, places: int) -> tuple[str, int]:
    """`places + 1` digits and the exponent of the first."""
    if not numerator:
        return "0" * (places + 1), 0
    exponent = len(str(numerator)) - len(str(denominator))
    while numerator * 10 ** max(-exponent, 0) >= denominator * 10 ** max(exponent, 0) * 10:
        exponent += 1
    while numerator * 10 ** max(-exponent, 0) < denominator * 10 ** max(exponent, 0):
        exponent -= 1
    power = places - exponent
    digits = str(_nearest(numerator * 10 ** max(power, 0), denominator * 10 ** max(-power, 0)))
    # 9.99 rounds up to 10.0: one digit more.
    return (digits[:-1], exponent + 1) if len(digits) > places + 1 else (digits, exponent)


def _scientific(numerator: int, denominator: int, places: int, *, alternative: bool) -> str:
    digits, exponent = _decimal(numerator, denominator, places)
    point = "." if places or alternative else ""
    return f"{digits[0]}{point}{digits[1:]}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _general(numerator: int, denominator: int, places: int, *, alternative: bool) -> str:
    _, exponent = _decimal(numerator, denominator, places - 1)
    if exponent < -4 or exponent >= places:
        text = _scientific(numerator, denominator, places - 1, alternative=alternative)
        head, mark, tail = text.partition("e")
    else:
        head, mark, tail = _fixed(numerator, denominator, places - 1 - exponent, alternative=alternative), "", ""
    if not alternative and "." in head:
        head = head.rstrip("0").rstrip(".")
    return head + mark + tail
