"""What the runner does itself, with bash's output and exit codes; options that bash has and a plan has not end the plan."""

from __future__ import annotations

from .files import write_all
from .state import Finish, Halt, Leave, encoded, why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .files import Table
    from .steps import Runner

_SIGPIPE = 13
_EPIPE = 32
_OPTIONS = {"e": "errexit", "u": "nounset"}
_LONG = {"errexit": "errexit", "nounset": "nounset", "pipefail": "pipefail"}


class Wrong(Exception):
    """The builtin complains and ends with `status`."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def run_builtin(runner: Runner, name: str, argv: list[str], table: Table) -> int:
    """Its exit status; Leave and Finish for those that change what runs next."""
    runner.state.signal = 0
    try:
        return _BUILTINS[name](runner, argv[1:], table)
    except Wrong as problem:
        runner.complain(table, f"{name}: {problem}")
        return problem.status
    except KeyError:
        raise Halt(f"the builtin `{name}` is not known") from None


def put(table: Table, text: bytes) -> None:
    """Writes to the builtin's standard output; a closed pipe ends the process as SIGPIPE would."""
    if not text:
        return
    if 1 not in table:
        raise Wrong("write error: Bad file descriptor")
    try:
        write_all(table[1], text)
    except OSError as problem:
        if problem.errno == _EPIPE:
            raise Finish(128 + _SIGPIPE, _SIGPIPE) from problem
        raise Wrong(f"write error: {why(problem)}") from problem


def _true(_runner: Runner, _words: list[str], _table: Table) -> int:
    return 0


def _false(_runner: Runner, _words: list[str], _table: Table) -> int:
    return 1


def _echo(_runner: Runner, words: list[str], table: Table) -> int:
    newline, escapes = True, False
    while words and len(words[0]) > 1 and words[0][0] == "-" and not set(words[0][1:]) - set("neE"):
        for letter in words.pop(0)[1:]:
            newline, escapes = newline and letter != "n", (letter == "e" if letter in "eE" else escapes)
    text = " ".join(words)
    if escapes:
        from .escapes import Cut, unescaped

        try:
            data = unescaped(text, form="echo")
        except Cut as cut:
            data, newline = cut.text, False
    else:
        data = encoded(text)
    put(table, data + b"\n" * newline)
    return 0


def _test(_runner: Runner, words: list[str], table: Table) -> int:
    from .conditions import Wrong as Unreadable
    from .conditions import test

    try:
        return int(not test(words, table))
    except Unreadable as problem:
        raise Wrong(str(problem), 2) from problem


def _bracket(runner: Runner, words: list[str], table: Table) -> int:
    if not words or words[-1] != "]":
        raise Wrong("missing `]'", 2)
    return _test(runner, words[:-1], table)


# -- leaving


def _count(words: list[str], least: int) -> int:
    if len(words) > 1:
        raise Wrong("too many arguments")
    if not words:
        return 1
    number = _integer(words[0])
    if number is None:
        if least:
            raise Finish(128)
        raise Wrong(f"{words[0]}: numeric argument required")
    if number < least:
        raise Wrong(f"{words[0]}: {'loop count' if least else 'shift count'} out of range")
    return number


def _integer(text: str) -> int | None:
    stripped = text.strip()
    bare = stripped[1:] if stripped[:1] in ("+", "-") else stripped
    return int(stripped) if bare.isascii() and bare.isdigit() and len(bare) < 19 else None


def _leave(kind: str, runner: Runner, words: list[str], table: Table) -> int:
    if not runner.state.loops:
        runner.complain(table, f"{kind}: only meaningful in a `for', `while', or `until' loop")
        return 0
    try:
        levels = _count(words, 1)
    except Wrong as problem:
        runner.complain(table, f"{kind}: {problem}")
        raise Leave("break", runner.state.loops, 1) from problem
    raise Leave(kind, levels)


def _break(runner: Runner, words: list[str], table: Table) -> int:
    return _leave("break", runner, words, table)


def _continue(runner: Runner, words: list[str], table: Table) -> int:
    return _leave("continue", runner, words, table)


def _status(kind: str, runner: Runner, words: list[str], table: Table) -> int:
    """The status that is asked for; a complaint and an end for what is none."""
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        return runner.state.status
    number = _integer(words[0])
    if number is None:
        runner.complain(table, f"{kind}: {words[0]}: numeric argument required")
        return 2
    if len(words) > 1:
        runner.complain(table, f"{kind}: too many arguments")
        raise Finish(1)
    return number & 255


def _exit(runner: Runner, words: list[str], table: Table) -> int:
    raise Finish(_status("exit", runner, words, table))


def _return(runner: Runner, words: list[str], table: Table) -> int:
    if not runner.state.functions:
        raise Wrong("can only `return' from a function or sourced script", 2)
    raise Leave("return", 1, _status("return", runner, words, table))


# -- what the shell remembers


def _export(runner: Runner, words: list[str], table: Table) -> int:
    state, remove = runner.state, False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "--":
            break
        if option not in ("-n", "-p"):
            raise Halt(f"export {option} is not supported")
        remove = remove or option == "-n"
    if not words:
        lines = [_declared(name, state.variables.get(name)) for name in sorted(state.exported)]
        put(table, "".join(lines).encode("utf-8", "surrogateescape"))
        return 0
    status = 0
    for word in words:
        name, equals, value = word.partition("=")
        if not _is_name(name):
            runner.complain(table, f"export: `{word}': not a valid identifier")
            status = 1
            continue
        if equals:
            state.variables[name] = value
        (state.exported.discard if remove else state.exported.add)(name)
    return status


def _declared(name: str, value: str | None) -> str:
    if value is None:
        return f"declare -x {name}\n"
    quoted = "".join(f"\\{one}" if one in '\\"$`' else one for one in value)
    return f'declare -x {name}="{quoted}"\n'


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier()


def _set(runner: Runner, words: list[str], _table: Table) -> int:
    state = runner.state
    while words:
        word = words.pop(0)
        if word in ("--", "-"):
            state.positional = words
            return 0
        if word[:1] not in ("-", "+") or len(word) < 2:
            state.positional = [word, *words]
            return 0
        for letter in word[1:]:
            name = _OPTIONS.get(letter)
            if letter == "o" and words:
                name = _LONG.get(words.pop(0))
            if name is None:
                raise Halt(f"set {word} is not supported")
            setattr(state, name, word[0] == "-")
    return 0


def _shift(runner: Runner, words: list[str], _table: Table) -> int:
    count = _count(words, 0)
    if count > len(runner.state.positional):
        return 1
    del runner.state.positional[:count]
    return 0


def _unset(runner: Runner, words: list[str], table: Table) -> int:
    status, variable = 0, False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "-f":
            return 0
        variable = variable or option == "-v"
        if option == "--":
            break
        if option != "-v":
            raise Halt(f"unset {option} is not supported")
    for name in words:
        if _is_name(name):
            runner.state.unset(name)
        elif variable:
            runner.complain(table, f"unset: `{name}': not a valid identifier")
            status = 1
    return status


def _lazily(module: str) -> Builtin:
    def run(runner: Runner, words: list[str], table: Table) -> int:
        if module == "directories.cd":
            from .directories import cd as found
        elif module == "directories.pwd":
            from .directories import pwd as found
        elif module == "printf":
            from .printf import printf as found
        elif module == "read":
            from .reading import read as found
        elif module == "command":
            from .lookups import command as found
        else:
            from .lookups import kind_of as found
        return found(runner, words, table)

    return run


if TYPE_CHECKING:
    from collections.abc import Callable

    Builtin = Callable[[Runner, list[str], Table], int]

_BUILTINS: dict[str, Builtin] = {
    "[": _bracket,
    "break": _break,
    "cd": _lazily("directories.cd"),
    "command": _lazily("command"),
    "continue": _continue,
    "echo": _echo,
    "exit": _exit,
    "export": _export,
    "false": _false,
    "printf": _lazily("printf"),
    "pwd": _lazily("directories.pwd"),
    "read": _lazily("read"),
    "return": _return,
    "set": _set,
    "shift": _shift,
    "test": _test,
    "true": _true,
    "type": _lazily("type"),
    "unset": _unset,
}

__all__ = ["Wrong", "put", "run_builtin"]
