"""Interpretations of a few lines: test, jq, and the programs that transfer URLs."""

from __future__ import annotations

import posixpath

from ..effects import Connect
from ..holes import SPLIT, has_hole
from .interpreter import Analyst, Sheet
from .jq import unaccounted, unaccounted_yq
from .options import Given, Opaque, Several, parse_words

_FILE_TESTS = frozenset(f"-{letter}" for letter in "abcdefghkprsuwxGLNOS")
_COMPARISONS = frozenset({"-nt", "-ot", "-ef"})
_TEXT_TESTS = frozenset({"-n", "-z"})
_TEXT_COMPARISONS = frozenset({"=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_TWO_WORDS = frozenset({"--arg", "--argjson", "--slurpfile", "--rawfile"})


def interpret_test(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """Which files an expression of test looks at."""
    words = sheet.call.argv[1:]
    sheet.operands += words
    if any(map(has_hole, words)) and not _compares_texts(words, bracket=sheet.profile.program == "["):
        analyst.unknown_part("it may be an operator of", next(filter(has_hole, words)), sheet)
    for place, word in enumerate(words):
        compared = words[place + 1 : place + 2] and words[place + 1] in _TEXT_COMPARISONS and words[place + 2 :] not in {(), ("]",)}
        if word in _FILE_TESTS and place + 1 < len(words) and words[place + 1] not in {"]", "-a", "-o", ""} and not compared:
            analyst.ledger.read(words[place + 1], sheet.directory, sheet.span)
        if word in _COMPARISONS and 0 < place < len(words) - 1:
            analyst.ledger.read(words[place - 1], sheet.directory, sheet.span)
            analyst.ledger.read(words[place + 1], sheet.directory, sheet.span)
    return words


def _compares_texts(words: tuple[str, ...], *, bracket: bool) -> bool:
    """Whether the operands of this expression are texts whatever they hold: one operator, in its place."""
    words = words[:-1] if bracket and words[-1:] == ("]",) else words
    words = words[1:] if words[:1] == ("!",) and len(words) in {3, 4} else words
    if any(SPLIT in word for word in words):
        return False
    return (len(words) == len(("-n", "x")) and words[0] in _TEXT_TESTS) or (
        len(words) == len(("x", "=", "y")) and words[1] in _TEXT_COMPARISONS
    )


def interpret_jq(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """The filter is read for what it could load; options that take two words are taken apart first."""
    words = sheet.call.argv[1:]
    rest: list[str] = []
    at = 0
    for word in words:
        if SPLIT in word:
            analyst.unknown_part("it may be an option of", word, sheet)
    while at < len(words):
        if words[at] == "--":
            rest += words[at:]
            break
        if words[at] not in _TWO_WORDS:
            # A value is taken as it stands, also one that looks like an option.
            taken = 2 if words[at] == "--indent" else 1
            rest += words[at : at + taken]
            at += taken
            continue
        sheet.options.add(words[at])
        if any(isinstance(word, Several) for word in words[at : at + 3]):
            analyst.unknown_part("it may be the filter of", words[at], sheet)
        if words[at] in {"--slurpfile", "--rawfile"} and at + 2 < len(words):
            analyst.ledger.read(words[at + 2], sheet.directory, sheet.span)
        at += 3
    parsed = analyst.parse(sheet, sheet.profile.table, tuple(rest))
    operands = parsed.operands()
    if operands and not parsed.given("-f"):
        why = "it is a name that another program gives" if isinstance(operands[0].word, Opaque) else unaccounted(operands[0].word)
        if why is not None:
            analyst.ledger.unknown(f"this filter of jq is not accounted for: {why}", operands[0].word, sheet.span)
    if sheet.profile.program == "yq" and (why := unaccounted_yq(one.word for one in operands)) is not None:
        analyst.ledger.unknown(f"this filter of yq is not accounted for: {why}", operands[0].word, sheet.span)
    analyst.meaning(sheet, sheet.profile.table, parsed)
    return words


def interpret_transfer(analyst: Analyst, sheet: Sheet) -> tuple[str, ...]:
    """URLs, and values of options that begin with `@`: the content of a file is sent."""
    words = sheet.call.argv[1:]
    table = sheet.profile.table
    if words in table.exact:
        return words
    for word in filter(has_hole, words):
        analyst.unknown_part("it may name a file or a host for", word, sheet)
    parsed = parse_words(table, words)
    for upload in parsed.given("-T"):
        value = upload.value or ""
        if any("file:" in word.lower() for word in words) or not set(value).isdisjoint("{}[]"):
            analyst.ledger.unknown("which files this upload reads or writes is not known", value, sheet.span)
    for one in parsed.items:
        if not isinstance(one, Given) or one.value is None or one.option.role != "text":
            continue
        if one.value.startswith("@"):
            analyst.ledger.read(one.value[1:], sheet.directory, sheet.span)
        elif "%output" in one.value or "=@" in one.value or "=<" in one.value or (parsed.given("--data-urlencode") and "@" in one.value):
            analyst.ledger.unknown("this value may send a file", one.value, sheet.span)
    if parsed.given("-L") or sheet.profile.program == "wget":
        # A server may send the request on to any other.
        analyst.ledger.add(Connect(host="*", span=sheet.span))
    if parsed.given("-O") and sheet.profile.program == "curl":
        for operand in parsed.operands():
            name = posixpath.basename(operand.word.partition("?")[0].rstrip("/"))
            analyst.ledger.write(name or "index.html", sheet.directory, sheet.span)
    return (*table.pin, *analyst.apply(sheet, table, words)[len(table.pin) :])
