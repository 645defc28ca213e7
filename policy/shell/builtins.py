"""Commands that bash answers itself: which are refused, and which a program of the same name answers alike.

Of `echo`, `printf`, `pwd`, `test`, `[`, `true`, `false` and `kill`, only the uses are read on which bash 5.2 and
the programs (coreutils 9, procps) were seen to agree; the tests compare the two again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from ..lazy import lazily
from ..spans import Span
from .refusals import builtin_refusal

Answer = tuple[str, str] | None
"""Why a use is refused, and what to do instead; None when the program answers as bash does."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SCRIPT: Final = "run the commands one by one"
_ONE_CALL: Final = "every call starts afresh; state of the shell does not outlast it"
_BACKGROUND: Final = "every call waits for its commands; there are no jobs"
_TEXT_IS_CODE: Final = "write the command itself"
_HINTS: Final[dict[str, str]] = {
    **dict.fromkeys(("eval", "exec", "builtin"), _TEXT_IS_CODE),
    **dict.fromkeys(("source", "."), "run the script with its interpreter, such as bash FILE"),
    **dict.fromkeys(("declare", "typeset", "local", "readonly"), "write NAME=value, or export NAME=value"),
    "hash": "use type NAME",
    **dict.fromkeys(("shopt", "alias", "unalias", "enable", "umask", "ulimit", "trap", "bind"), _ONE_CALL),
    "dirs": "use pwd",
    **dict.fromkeys(("jobs", "fg", "bg", "disown", "suspend"), _BACKGROUND),
    **dict.fromkeys(("mapfile", "readarray", "getopts"), "use read in a loop, or a program that reads its input"),
    "let": "write the result",
    "logout": "use exit",
    **dict.fromkeys(("caller", "compgen", "complete", "compopt", "fc", "help", "history", "times"), _SCRIPT),
}
BUILTINS: Final = frozenset(_HINTS)
"""Builtins of bash 5.2 for which no program of the same name stands in."""

_INTEGER: Final = lazily(r"-?(?:0|[1-9][0-9]{0,17})")
_ESCAPES: Final = lazily(r"\\(?:[\\abefnrtv]|0[0-7]{0,3}(?![0-7])|x[0-9a-fA-F]{2}(?![0-9a-fA-F]))")
_FORMAT_ESCAPES: Final = lazily(r"\\(?:[\\abefnrtv\"]|[0-7]{3}(?![0-7])|x[0-9a-fA-F]{2}(?![0-9a-fA-F]))")
_CONVERSION: Final = lazily(r"%(?:%|[-0]?[0-9]{0,3}(?:\.[0-9]{1,3})?([sdixXou]))")
_UNARY: Final = _words("-b -c -d -e -f -g -h -k -n -p -r -s -u -w -x -z -G -L -O -S")
_NUMERIC: Final = _words("-eq -ne -lt -le -gt -ge")
_BINARY: Final = _words("= == != -nt -ot -ef") | _NUMERIC
_AMBIGUOUS: Final = _words("! ( ) -a -o")
_INFORMATION: Final = frozenset({"--help", "--version"})
_ANY: Final = "0"
"""Stands for a word that only the run knows, where the shape of a use is looked at: a text and a number."""


ONLY_LOOK: Final = _words(
    """
    [ basename cat cmp date df diff dirname du echo egrep false fgrep file grep head hostname id kill ls md5sum nl nproc od
    printf ps pwd readlink realpath sha256sum sleep stat tail test tr true uname wc which whoami
    """
)
"""Programs that make, rename and remove no file whatever their words are: a glob behind them finds what is there now."""


def has_own_meaning(name: str) -> bool:
    """Whether only some uses of this name are read."""
    return name in _CHECKS


def check_command(argv: Sequence[str], span: Span, *, real_directory: bool, late: frozenset[int] = frozenset()) -> None:
    """Raises ShellSyntaxError for a builtin without a program, and for a use that its program answers differently.

    `real_directory`: no symbolic link is part of the current directory. `late`: the places of words that only the run
    knows; they may be any text, and the runner refuses those on which bash and programs differ.
    """
    name = argv[0]
    if name in BUILTINS:
        raise builtin_refusal(name, span, "a builtin of the shell that is not provided", _HINTS[name])
    check = _CHECKS.get(name)
    if late and name == "printf" and 1 in late:
        raise builtin_refusal(name, span, "the format is known to the run only", "write printf '%s\\n' WORD")
    answer = check([_ANY if place in late else word for place, word in enumerate(argv)][1:]) if check else None
    if name == "pwd" and answer is None and "-P" not in argv and not real_directory:
        answer = ("the current directory was reached through a symbolic link", "use pwd -P")
    if answer is not None:
        raise builtin_refusal(name, span, *answer)


def _echo(arguments: Sequence[str]) -> Answer:
    if arguments and arguments[0] in _INFORMATION:
        return f"bash prints `{arguments[0]}`, the program explains itself", "use printf '%s\\n'"
    escapes, options = False, 0
    for argument in arguments:
        if not re.fullmatch(r"-[neE]+", argument):
            break
        options += 1
        for letter in argument[1:]:
            escapes = escapes if letter == "n" else letter == "e"
    if escapes and any("\\" in _ESCAPES.sub("", one) for one in arguments[options:]):
        return "an escape that shells and programs read differently", "use printf, or write the characters"
    return None


def _printf(arguments: Sequence[str]) -> Answer:
    hint = "use printf FORMAT WORDS with %s, %d and plain escapes"
    if arguments[:1] == ["--"] or arguments[:1] == ("--",):
        arguments = arguments[1:]
    elif arguments and arguments[0].startswith("-"):
        return f"the option `{arguments[0][:20]}`", hint
    if not arguments:
        return "it needs a format", hint
    format_, values = arguments[0], arguments[1:]
    if "\\" in _FORMAT_ESCAPES.sub("", format_):
        return "an escape that shells and programs read differently", hint
    rest = _CONVERSION.sub("", format_)
    kinds = [kind for kind in _CONVERSION.findall(format_) if kind]
    if "%" in rest or (values and not kinds):
        return "a format that shells and programs read differently", hint
    widths = any(re.search(r"[0-9]", found.group()) for found in _CONVERSION.finditer(format_))
    for index, value in enumerate(values):
        kind = kinds[index % len(kinds)]
        if kind != "s" and not _INTEGER.fullmatch(value):
            return f"`{value[:20]}` is not a plain number", hint
        if kind == "s" and widths and not value.isascii():
            return "the width of a text with other than ASCII characters", hint
    return None


def _pwd(arguments: Sequence[str]) -> Answer:
    if len(arguments) > 1 or (arguments and arguments[0] not in {"-P", "-L"}):
        return "it takes -P or -L here", "use pwd"
    return None


def _constant(arguments: Sequence[str]) -> Answer:
    if len(arguments) == 1 and arguments[0] in _INFORMATION:
        return f"bash ignores `{arguments[0]}`, the program explains itself", "leave the word out"
    return None


def _kill(arguments: Sequence[str]) -> Answer:
    words = arguments[1:] if arguments and re.fullmatch(r"-[0-9A-Z]{1,12}", arguments[0]) else arguments
    if not words or not all(re.fullmatch(r"[0-9]{1,10}", word) for word in words):
        return "it takes a signal and process numbers here", "use kill -SIGNAL NUMBER"
    return None


def _test(arguments: Sequence[str]) -> Answer:
    hint = "use the forms [ -OP WORD ], [ WORD = WORD ] and [ NUMBER -eq NUMBER ], joined by && and ||"
    words = list(arguments)
    if len(words) in {3, 4} and words[0] == "!" and words[1] not in _AMBIGUOUS:
        negated = len(words) == 4 or words[1] not in _BINARY
        words = words[1:] if negated else words
    match words:
        case [] | [_]:
            understood = not words or words[0] not in _INFORMATION
        case [operator, operand]:
            understood = (operator in _UNARY and operand not in _AMBIGUOUS) or (operator == "!" and operand not in _INFORMATION)
        case [left, operator, right]:
            understood = operator in _BINARY and not {left, right} & _AMBIGUOUS and left not in _INFORMATION
            if operator in _NUMERIC:
                understood = understood and bool(_INTEGER.fullmatch(left) and _INTEGER.fullmatch(right))
        case _:
            understood = False
    return None if understood else ("an expression that shells and programs may read differently", hint)


def _bracket(arguments: Sequence[str]) -> Answer:
    if not arguments or arguments[-1] != "]":
        return "the closing `]` is missing", "end it with a blank and ]"
    return _test(arguments[:-1])


_CHECKS: Final[dict[str, Callable[[Sequence[str]], Answer]]] = {
    "echo": _echo,
    "printf": _printf,
    "pwd": _pwd,
    "true": _constant,
    "false": _constant,
    "kill": _kill,
    "test": _test,
    "[": _bracket,
}
