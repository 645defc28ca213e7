"""Other ways to write a command: the same words quoted and spaced otherwise, and the same command in another construct.

Each rewrite means to bash what the original means, so its verdict may be stricter and is never laxer. Words are found with
the parser of bylaw; a text that it refuses is only wrapped as a whole.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence

from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.records import Record
from bylaw.policy.shell import Script, parse
from bylaw.policy.shell.tree import Case, Check, Command, FileRedirection, For, HereDocument, List, Text, Word

_SPECIAL = frozenset("*?[]!^{}~=:#+@,-%")
"""What may mean more than itself while it is not quoted; a word with such a character keeps it as it stands."""


def script(text: str) -> Script | None:
    """The tree of the text, or None where it is refused."""
    try:
        return parse(text)
    except ShellSyntaxError:
        return None


# --- one word -----------------------------------------------------------------------------------------------------


def single(text: str) -> str:
    """In single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def double(text: str) -> str:
    """In double quotes."""
    return '"' + "".join(f"\\{one}" if one in '$`"\\' else one for one in text) + '"'


def ansi(text: str) -> str:
    """In `$'...'`, every other character as an escape."""
    return "$'" + "".join(f"\\x{ord(one):02x}" if at % 2 and one.isascii() else _plain(one) for at, one in enumerate(text)) + "'"


def _plain(one: str) -> str:
    return {"'": "\\'", "\\": "\\\\", "\n": "\\n"}.get(one, one)


def escaped(text: str) -> str:
    """A backslash before every character; an empty text and a newline cannot be written so."""
    return "".join("'\n'" if one == "\n" else f"\\{one}" for one in text) or "''"


def split(text: str) -> str:
    """In pieces with quotes of every kind, and an empty one."""
    third = max(1, len(text) // 3)
    return single(text[:third]) + '""' + double(text[third : 2 * third]) + (ansi(text[2 * third :]) if text[2 * third :] else "")


QUOTES: dict[str, Callable[[str], str]] = {"single": single, "double": double, "ansi": ansi, "escaped": escaped, "split": split}


# --- the words of a script ----------------------------------------------------------------------------------------


def plain_words(found: Script) -> list[Word]:
    """The words that hold text alone and stand where quotes change nothing but the look, in order."""
    places = {word.span.start: word for word in _words(found.body) if word.parts and all(isinstance(part, Text) for part in word.parts)}
    return [places[start] for start in sorted(places)]


def _words(body: List) -> Iterator[Word]:
    """INVARIANT: no patterns (a quote changes them), no here-documents (a quote is text), nothing in `${}`."""
    waiting: list[object] = [body]
    while waiting:
        one = waiting.pop()
        match one:
            case Command():
                yield from one.words
                yield from (assignment.value for assignment in one.assignments)
                waiting += one.redirections
                waiting += (part for word in one.words for part in word.parts)
            case FileRedirection():
                yield one.target
            case For(words=tuple() as words):
                yield from words
                waiting += (one.body, *one.redirections)
            case Case():
                yield one.word
                waiting += (arm.body for arm in one.arms)
            case HereDocument() | Check() | Word():
                pass
            case tuple():
                waiting += one
            case Record():
                waiting += (getattr(one, name) for name in type(one).__fields__)
            case _:
                pass


def value(word: Word) -> str | None:
    """What the word is, when no unquoted character of it can be more than itself."""
    texts = [part for part in word.parts if isinstance(part, Text)]
    if any(not part.quoted and not _SPECIAL.isdisjoint(part.text) for part in texts if part.text not in {"-", "{}"}) and not _option(texts):
        return None
    return "".join(part.text for part in texts)


def _option(texts: Sequence[Text]) -> bool:
    """A word such as `--long=1` or `-x`, or a path with an ordinary sign in it: nothing in it is a pattern."""
    first = texts[0].text
    unquoted = "".join(part.text for part in texts if not part.quoted)
    return (
        not texts[0].quoted
        and not first.startswith(("~", "#"))
        and frozenset("*?[]{}!^~").isdisjoint(unquoted)
        and ":" not in unquoted
        and not _assignment(unquoted)
    )


def _assignment(text: str) -> bool:
    name, sign, _ = text.partition("=")
    return bool(sign) and name.rstrip("+").isidentifier()


def requoted(text: str, chance: random.Random, style: str | None = None, share: float = 1.0) -> str:
    """The text with its words quoted in the style (or in any); the same text where no word can be."""
    found = script(text)
    if found is None:
        return text
    pieces: list[str] = []
    at = 0
    for word in plain_words(found):
        known = value(word)
        if known is None or word.span.start < at or chance.random() > share or _backquoted(text, word):
            continue
        pieces += (text[at : word.span.start], QUOTES[style or chance.choice(tuple(QUOTES))](known))
        at = word.span.end
    return "".join(pieces) + text[at:]


def _backquoted(text: str, word: Word) -> bool:
    return text.count("`", 0, word.span.start) % 2 == 1


def respaced(text: str, chance: random.Random) -> str:
    """The text with other blanks between its words, and lines that go on."""
    found = script(text)
    if found is None:
        return text
    pieces: list[str] = []
    at = 0
    for one in found.trivia:
        if one.kind == "blank":
            pieces += (text[at : one.span.start], chance.choice(("  ", "\t", " \\\n", " \t ", "\\\n \\\n")))
            at = one.span.end
    return "".join(pieces) + text[at:]


def braced(text: str, chance: random.Random) -> str:
    """The first word of more than one character, from the second on, with braces that make two words of it and the next."""
    found = script(text)
    if found is None:
        return text
    words = plain_words(found)
    for left, right in itertools.pairwise(words[1:]):
        if text[left.span.end : right.span.start] == " " and value(left) and value(right):
            return f"{text[: left.span.start]}{{{single(value(left) or '')},{single(value(right) or '')}}}{text[right.span.end :]}"
    return text


def with_variables(text: str, chance: random.Random) -> str:
    """The text with its words in variables, all but those of programs."""
    found = script(text)
    if found is None or "<<" in text or "`" in text:
        return text
    names = {node.words[0].span.start for node in _commands(found) if node.words}
    head: list[str] = []
    pieces: list[str] = []
    at = 0
    for word in plain_words(found):
        known = value(word)
        if known is None or word.span.start in names or word.span.start < at:
            continue
        head.append(f"v{len(head)}={single(known)}")
        pieces += (text[at : word.span.start], f'"$v{len(head) - 1}"')
        at = word.span.end
    return "\n".join((*head, "".join(pieces) + text[at:]))


def _commands(found: Script) -> Iterator[Command]:
    from bylaw.policy.shell.walk import commands

    return commands(found)


# --- the command as a whole ---------------------------------------------------------------------------------------

# A newline ends what stands before it, a comment and a here-document too.
CONSTRUCTS: dict[str, str] = {
    "group": "{ %s\n}",
    "subshell": "( %s\n)",
    "if": "if :; then %s\nfi",
    "else": "if false; then :; else %s\nfi",
    "function": "f() { %s\n}; f",
    "for": "for i in 1; do %s\ndone",
    "while": "while :; do %s\nbreak; done",
    "until": "until %s\ndo break; done",
    "case": "case x in x) %s\n;; esac",
    "negation": "! { %s\n}",
    "and": "true && { %s\n}",
    "or": "false || { %s\n}",
    "after": "echo a; %s",
    "before": "%s\necho a",
    "condition": "if %s\nthen :; fi",
    "set": "set -e\n%s",
    "comment": "# c\n%s",
    "braces in braces": "{ { %s\n}\n}",
    "captured": 'echo "$(%s\n)"',
    "piped": "{ %s\n} | cat",
    "fed": "true | { %s\n}",
    "background": "{ %s\n} & wait",
    "here-document": "cat <<EOF\n$(%s\n)\nEOF",
    "time": "time { %s\n}",
}


def constructs(text: str) -> dict[str, str]:
    """The command inside each construct that runs it: none may loosen what is said to it."""
    return {name: form.replace("%s", text) for name, form in CONSTRUCTS.items()}


def rewrites(text: str, chance: random.Random) -> dict[str, str]:
    """Every way to write the command that differs from it, by the name of the rewrite."""
    found = {f"quotes {name}": requoted(text, chance, name) for name in QUOTES}
    found |= {"spaces": respaced(text, chance), "braces": braced(text, chance), "variables": with_variables(text, chance)}
    found |= constructs(text)
    return {name: one for name, one in found.items() if one != text}
