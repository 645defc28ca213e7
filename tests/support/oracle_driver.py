"""What runs inside the oracle's jail: scripts by real bash, plans by the runner's interpreter, each in a fresh tree.

Started as `python -I -X utf8 -c SOURCE`; reads a marshalled list of jobs, writes a marshalled list of what was seen. A job
is `("bash", script)` or `("plan", program)`, compiled as for the launcher of the sandbox.

Programs are markers: they note the directory, the environment, the standard input and the exact words, print their words,
and succeed. Those whose names begin with `n` fail; `m5` to `m9` and `n5` to `n9` leave the input alone. Bash meets them as
`command_not_found_handle`, since its PATH is empty; the interpreter starts them as real programs below `BIN`.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import shutil
import signal
import struct
import sys
from typing import TYPE_CHECKING, Any

ROOT = "/mnt"
WORK = f"{ROOT}/w"
HOME = f"{ROOT}/home"
HIDDEN = f"{ROOT}/.oracle"
LOG = f"{HIDDEN}/log"
BIN = f"{HIDDEN}/bin"
ORDER = f"{LOG}/order"
SECONDS = 3
TREE = {
    "a.txt": "a\n",
    "b.txt": "b\n",
    "lines": "one two\n  three\nfour\\x\n*.txt\nlast",
    "Z.md": "",
    "with blank": "",
    ".hidden": "",
    "-rf": "",
    "é.txt": "",
    "x1": "",
    "x2": "",
    "x[1]": "",
    "d/one.py": "",
    "d/two.py": "",
    "d/.dot": "",
    "d-e/one.py": "",
    "d/sub/deep.py": "",
    "empty/.keep": "",
}
LINKS = {"link": "d", "broken": "nowhere", "d/up": ".."}
ENVIRONMENT = {
    "PATH": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "HOME": HOME,
    "X0": "plain",
    "X1": "two words",
    "X2": "",
    "X3": " lead trail\t",
    "X4": "*.txt d/*",
    "X5": "a;b|c&d $(m9) `m9` 'q' \"q\" # > f9 ~ {a,b}",
    "X6": "line\nbreak",
    "X7": "-option",
}
WATCHED = ("A", "B", "C", "D", "HOME", "LC_ALL", "X0", "X1", "X2", "X6", "i", "j", "r")

# Several processes may write at once, so each has a file of its own; one short line apiece tells their order.
HANDLER = f"""command_not_found_handle() {{
    local IFS=' ' _input= _name= _word=; set +e +u +o noglob +o noclobber
    case $1 in [mn][5-9]) ;; *) IFS= read -r -d '' _input 2>/dev/null;; esac
    {{
        pwd -P; printf '%s\\0' "$_input"
        for _name in {" ".join(WATCHED)}; do
            if [[ ${{!_name+x}} && ${{!_name@a}} == *x* ]]; then printf '%s\\0' "=${{!_name}}"; else printf '\\0'; fi
        done
        printf '%s\\0' "$@"
    }} > {LOG}/$BASHPID
    echo $BASHPID >> {ORDER}
    _name=$1; shift; _input=
    for _word; do case $_word in ./-*) _word=${{_word#./}};; esac; _input="$_input $_word"; done
    printf '%s\\n' "${{_input# }}" 2>/dev/null
    case $_name in n*) return 1;; esac
    return 0
}}
"""
MARKER = f"""#!/bin/dash
_input=; case $0 in
*.quiet) ;;
*) while IFS= read -r _line; do _input="$_input$_line
"; done; _input=$_input$_line;; esac
{{
    pwd -P; printf '%s\\0' "$_input"
    for _name in {" ".join(WATCHED)}; do
        eval "if [ \\"\\${{$_name+x}}\\" ]; then printf '=%s\\\\0' \\"\\$$_name\\"; else printf '\\\\0'; fi"
    done
    printf '%s\\0' "$0" "$@"
}} > {LOG}/$$
echo $$ >> {ORDER}
_input=
for _word; do case $_word in ./-*) _word=${{_word#./}};; esac; _input="$_input $_word"; done
printf '%s\\n' "${{_input# }}" 2>/dev/null
case $0 in */n*) exit 1;; esac
exit 0
"""

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_CHILD_SUBREAPER = 36
_IN_CLOSE_WRITE = 8
_EVENT = struct.Struct("iIII")


class Room:
    """The tree in which scripts run, made anew when one has changed it, and a watch over what is opened for writing."""

    def __init__(self) -> None:
        os.makedirs(BIN)
        for name, text in (("handler.sh", HANDLER), ("marker", MARKER)):
            with open(f"{HIDDEN}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(f"{HIDDEN}/marker", 0o755)
        self.names: dict[str, str] = {}
        self.watch = -1
        self.watched: dict[int, str] = {}
        self.clean: dict[str, Any] = {}
        self.lay()

    def lay(self) -> None:
        if self.watch >= 0:
            os.close(self.watch)
        for entry in os.listdir(ROOT):
            if f"{ROOT}/{entry}" != HIDDEN:
                path = f"{ROOT}/{entry}"
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        for folder in (WORK, HOME):
            os.mkdir(folder)
        make_tree(WORK)
        self.watch = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watched = {_libc.inotify_add_watch(self.watch, path.encode(), _IN_CLOSE_WRITE): path for path in _folders()}
        self.clean = state()

    def opened(self) -> set[str]:
        """The files that were opened for writing since the last call."""
        found: set[str] = set()
        while True:
            try:
                data = os.read(self.watch, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                descriptor, _, _, length = _EVENT.unpack_from(data, at)
                name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                found.add(f"{self.watched[descriptor]}/{name.decode('utf-8', 'surrogateescape')}")
                at += _EVENT.size + length

    def program(self, name: str) -> str:
        """The path of a marker that stands for the program of this name."""
        if name not in self.names:
            quiet = ".quiet" if len(name) == 2 and name[0] in "mn" and name[1] in "56789" else ""
            path = f"{BIN}/{'n' if name.startswith('n') else 'm'}{len(self.names)}{quiet}"
            os.link(f"{HIDDEN}/marker", path)
            self.names[name] = path
        return self.names[name]


def make_tree(root: str) -> None:
    """The files in which every script starts, below `root` (the working directory)."""
    for name, content in TREE.items():
        path = f"{root}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    for name, target in LINKS.items():
        os.symlink(target, f"{root}/{name}")


def _folders() -> list[str]:
    found: list[str] = []
    for folder, names, _ in os.walk(ROOT):
        if folder == ROOT:
            names.remove(HIDDEN.rpartition("/")[2])
        found.append(folder)
    return found


def state() -> dict[str, Any]:
    """Every file (time and content), link and directory of the tree."""
    found: dict[str, Any] = {}
    waiting = [ROOT]
    while waiting:
        folder = waiting.pop()
        for entry in os.scandir(folder):
            if entry.path == HIDDEN:
                continue
            if entry.is_symlink():
                found[entry.path] = ("link", os.readlink(entry.path))
            elif entry.is_dir():
                found[entry.path] = ("directory", "")
                waiting.append(entry.path)
            else:
                status = entry.stat()
                content = b""
                if status.st_size:
                    with open(entry.path, "rb") as file:
                        content = file.read()
                found[entry.path] = (status.st_mtime_ns, content)
    return found


def perform(room: Room, job: tuple[Any, ...]) -> dict[str, Any]:
    """What one job did."""
    shutil.rmtree(LOG, ignore_errors=True)
    os.mkdir(LOG)
    out = os.open(f"{HIDDEN}/out", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC)
    err = os.open(f"{HIDDEN}/err", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC)
    started = _bash(job[1], out, err) if job[0] == "bash" else _plan(room, job, out, err)
    code = wait(started)
    after = state()
    opened = room.opened()
    changed = {path for path, what in after.items() if room.clean.get(path) != what}
    gone = sorted(room.clean.keys() - after.keys())
    written = {path: _text(after[path][1]) if path in after else "" for path in opened | changed}
    answer = {"started": _started(room), "written": written, "gone": gone, "code": code, "out": _all(out), "error": _all(err)}
    os.close(out)
    os.close(err)
    if after != room.clean:
        room.lay()
    return answer


def _text(content: Any) -> str:
    return content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else str(content)


def _all(descriptor: int) -> str:
    return os.pread(descriptor, 1 << 20, 0).decode("utf-8", "surrogateescape")


def _bash(script: str, out: int, err: int) -> int:
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2)]
    os.chdir(WORK)
    try:
        return os.posix_spawn(
            "/bin/bash",
            [b"bash", b"--norc", b"--noprofile", b"-c", b"--", script.encode("utf-8", "surrogateescape")],
            {**ENVIRONMENT, "BASH_ENV": f"{HIDDEN}/handler.sh"},
            file_actions=actions,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    finally:
        os.close(nothing)


def _plan(room: Room, job: tuple[Any, ...], out: int, err: int) -> int:
    _with_markers(job[1], room)
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        os.setpgid(0, 0)
        nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        for number, descriptor in enumerate((nothing, out, err)):
            os.dup2(descriptor, number)
        os.chdir(WORK)
        code = _interpret(job[1])
    except BaseException as problem:  # noqa: BLE001 - the far end of a process: whatever it was is reported
        os.write(err, f"the interpreter raised {type(problem).__name__}: {problem}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code & 255)


def _interpret(program: Any) -> int:
    """Runs a compiled plan as the launcher would, with somebody who answers what it asks."""
    if TYPE_CHECKING:
        from bylaw.tools.sandbox.inside import calls, steps
    else:
        from inside import calls, steps  # found in the directory that was handed over

    os.environ.clear()
    reader, report = os.pipe2(os.O_CLOEXEC)
    answers, writer = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        os.close(report)
        os.close(answers)
        _witness(reader, writer)
    os.close(reader)
    os.close(writer)
    runner = calls.prepared(program, report, [answers])
    try:
        runner.run()
    except steps.Halt as problem:
        runner.halt(problem)
    return int(runner.state.status)


def _witness(reader: int, writer: int) -> None:
    """Says yes to every capture and every vector, until nobody is left who could ask; ends all when the plan halts."""
    try:
        with open(reader, "rb") as lines:
            for line in lines:
                what, _, rest = line.partition(b" ")
                if what in (b"capture", b"captured", b"vector"):
                    os.write(writer, rest.split()[0])
                if what == b"halted":
                    os.killpg(0, signal.SIGKILL)
    finally:
        os._exit(0)


def _is(value: object, *kinds: type) -> bool:
    return type(value) in kinds


def _with_markers(value: Any, room: Room) -> None:
    """Gives every program of the plan its marker; a name with a slash is a real file, or none."""
    waiting: list[Any] = [value]
    while waiting:
        one: Any = waiting.pop()
        if _is(one, dict):
            if one.get("kind") == "call" and one["builtin"] is None:
                name: str = one["argv"][0].decode("utf-8", "surrogateescape")
                path = os.path.join(one["directory"], name)
                one["program"] = room.program(name) if "/" not in name else path if os.path.exists(path) else None
            waiting.extend(one.values())
        elif _is(one, list, tuple):
            waiting.extend(one)


def _late(number: int, frame: object) -> None:
    raise TimeoutError


def wait(child: int) -> int:
    """The exit code of the child, once everything that it left running has ended too; -99 after `SECONDS`."""
    code = -99
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        return code
    except TimeoutError:
        os.kill(-1, signal.SIGKILL)
        _reap()
        return -99
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _reap() -> None:
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def _started(room: Room) -> list[dict[str, Any]]:
    if not os.path.exists(ORDER):
        return []
    real = {path: name for name, path in room.names.items()}
    found: list[dict[str, Any]] = []
    with open(ORDER, encoding="ascii") as file:
        order = file.read().split()
    for pid in order:
        with open(f"{LOG}/{pid}", "rb") as file:
            directory, _, rest = file.read().partition(b"\n")
        first, *words = [one.decode("utf-8", "surrogateescape") for one in rest.split(b"\0")[:-1]]
        argv = words[len(WATCHED) :]
        argv[:1] = [real.get(argv[0], argv[0])]
        found.append(
            {"directory": directory.decode("utf-8", "surrogateescape"), "stdin": first, "variables": words[: len(WATCHED)], "argv": argv}
        )
    return found


def main() -> None:
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, _late)
    given = marshal.loads(sys.stdin.buffer.read())
    sys.path.append(given["sandbox"])
    # Loaded once, as the real launcher does, so that each job is a fork and no more.
    for name in os.listdir(f"{given['sandbox']}/inside"):
        if name.endswith(".py"):
            __import__(f"inside.{name[:-3]}")
    room = Room()
    answers = [perform(room, job) for job in given["jobs"]]
    sys.stdout.buffer.write(marshal.dumps(answers))


if __name__ == "__main__":
    main()
