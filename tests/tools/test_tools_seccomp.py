"""The filter of system calls on the real kernel: what is refused, what is told of it, and that everyday programs notice nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bylaw.tools.sandbox import seccomp
from bylaw.tools.sandbox.seccomp import Seccomp, Sockets, compile_filter
from bylaw.tools.sandbox.system_calls import ABSENT, ALLOWED, numbers
from filtered import NOTHING, PLACE, python, run

MACHINE = os.uname().machine
pytestmark = pytest.mark.skipif(not Seccomp().probe().available, reason="the kernel of this machine has no seccomp for us")

CALLS = """
import ctypes, errno, json, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *words):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(word) for word in words))
    return errno.errorcode.get(ctypes.get_errno(), "?") if result < 0 else "done"
print(json.dumps([call(*one) for one in json.loads(sys.argv[2])]))
"""


def answers(
    *calls: tuple[str, tuple[int, ...]], sockets: Sockets = NOTHING, memory_programs: bool = False, own_ipc: bool = False
) -> tuple[list[str], list[str]]:
    """What the kernel answers to raw calls under the filter, and the names of those that were told."""
    words = json.dumps([[numbers(MACHINE)[name], *arguments] for name, arguments in calls])
    done = python(CALLS, words, sockets=sockets, memory_programs=memory_programs, own_ipc=own_ipc)
    assert done.error == ""
    found: list[str] = json.loads(done.out)
    return found, [name for name, _ in done.heard]


# -- the probe


def test_the_probe_is_proven_by_refused_calls() -> None:
    state = Seccomp().probe()
    assert (state.name, state.available) == ("seccomp", True)
    assert "proven" in state.why


def test_refused_calls_can_be_told_here() -> None:
    assert seccomp.can_report()


TRIAL = "import sys; sys.path.append(sys.argv[1]); from inside import filter_trial; filter_trial.main()"


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("allows everything", 0),
        ("refuses to read", 0),
        ("is no filter", 0),
        ("cannot tell", 1),
        ("nothing", 3),
    ],
)
def test_the_probe_sees_a_filter_that_does_not_do_its_work(broken: str, found: int) -> None:
    plain, asking = (compile_filter(NOTHING, memory_programs=False, notify=notify) for notify in (False, True))
    allow_all = bytes.fromhex("060000000000ff7f")
    refuse_all_but_exit = plain.replace(bytes.fromhex("060000000000ff7f"), bytes.fromhex("0600000001000500"))
    match broken:
        case "allows everything":
            plain = asking = allow_all * (len(plain) // 8)
        case "refuses to read":
            plain = asking = refuse_all_but_exit
        case "is no filter":
            plain = asking = b"\xff" * len(plain)
        case "cannot tell":
            asking = plain
        case _:
            pass
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRIAL, PLACE], input=plain + asking, env={}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == found


def test_the_probe_says_why_there_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(seccomp, "python_program", lambda: str(tmp_path / "nothing"))
    monkeypatch.setattr(seccomp, "_tried", vars(seccomp)["_tried"].__wrapped__)
    state = Seccomp().probe()
    assert not state.available
    assert "No such file" in state.why
    assert not seccomp.can_report()


# -- what is refused


def test_every_refused_call_answers_permission_denied_and_is_told_by_name() -> None:
    # With zeros they may be made; and what the kernel puts into a probed program itself is looked at by no filter.
    fine = {"ioctl", "clone", "unshare", "personality", "prlimit64", "sendto", "sendmsg", "sendmmsg", "uprobe", "uretprobe"}
    refused = sorted(set(numbers(MACHINE)) - ALLOWED - ABSENT - fine)
    found, told = answers(*((name, (0,) * 6) for name in refused))
    assert {name: answer for name, answer in zip(refused, found, strict=True) if answer != "EPERM"} == {}
    assert told == refused


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_programs_can_do_without_is_not_there(name: str) -> None:
    assert answers((name, (0,) * 6)) == (["ENOSYS"], [])


NEW_NAMESPACES = {
    "mount": 0x20000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "user beside high bits": 0x10000000 | 1 << 40,
}


@pytest.mark.parametrize("kind", list(NEW_NAMESPACES))
def test_no_namespace_is_made_for_a_process_that_is_there(kind: str) -> None:
    assert answers(("unshare", (NEW_NAMESPACES[kind], 0, 0, 0, 0, 0))) == (["EPERM"], ["unshare"])


@pytest.mark.parametrize("flags", [0x200, 0x400, 0x600])
def test_a_thread_may_ask_for_a_directory_and_descriptors_of_its_own(flags: int) -> None:
    assert answers(("unshare", (flags, 0, 0, 0, 0, 0))) == (["done"], [])


@pytest.mark.parametrize("kind", list(NEW_NAMESPACES))
def test_no_namespace_comes_with_a_new_process(kind: str) -> None:
    assert answers(("clone", (NEW_NAMESPACES[kind] | signal.SIGCHLD, 0, 0, 0, 0))) == (["EPERM"], ["clone"])


@pytest.mark.parametrize("request_", [0x5412, 0x541C, 0x5412 | 1 << 32])
def test_nothing_is_typed_into_a_terminal(request_: int) -> None:
    assert answers(("ioctl", (0, request_, 0))) == (["EPERM"], ["ioctl"])


def test_other_requests_to_devices_reach_the_kernel() -> None:
    assert answers(("ioctl", (0, 0x5401, 0))) == (["ENOTTY"], [])


@pytest.mark.parametrize(("value", "answer"), [(0xFFFFFFFF, "done"), (0, "done"), (0x20000, "done"), (0x40000, "EPERM"), (8, "EPERM")])
def test_personalities_that_weaken_a_program_are_refused(value: int, answer: str) -> None:
    assert answers(("personality", (value,)))[0] == [answer]


def test_limits_of_this_process_can_be_read_and_set_and_those_of_others_only_read() -> None:
    code = (
        "import os, resource as r\n"
        "r.setrlimit(r.RLIMIT_CORE, (0, 0)); print(r.prlimit(os.getppid(), r.RLIMIT_CORE) is not None)\n"
        "try: r.prlimit(os.getppid(), r.RLIMIT_CORE, (0, 0)); print('lowered')\n"
        "except PermissionError: print('refused')"
    )
    done = python(code)
    assert (done.out, done.names) == ("True\nrefused\n", ["prlimit64"])


@pytest.mark.skipif(MACHINE != "x86_64", reason="only x86_64 has a second set of numbers for its own programs")
def test_a_number_of_x32_ends_the_program() -> None:
    assert python("import ctypes; ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39)); print('alive')").code == -signal.SIGSYS & 255


INT_80 = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 20 (getpid); int 0x80; ret
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0)
"""


@pytest.mark.skipif(MACHINE != "x86_64", reason="only x86_64 has a door to another architecture in its instructions")
def test_a_call_by_the_numbers_of_i386_ends_the_program() -> None:
    free = subprocess.run([sys.executable, "-I", "-c", INT_80], capture_output=True, text=True, check=False, timeout=60)
    if free.stdout != "True\n":
        pytest.skip("this kernel runs no calls of i386")
    assert (python(INT_80).out, python(INT_80).code) == ("", -signal.SIGSYS & 255)


# -- sockets

STREAM, DATAGRAM, RAW, SEQUENTIAL = 1, 2, 3, 5
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
EVERYTHING = Sockets(unix=True, inet="all", netlink=True)
TCP_ONLY = Sockets(unix=False, inet="stream", netlink=False)


@pytest.mark.parametrize(
    ("sockets", "family", "kind", "protocol", "answer"),
    [
        (NOTHING, UNIX, STREAM, 0, "EPERM"),
        (NOTHING, INET, STREAM, 0, "EPERM"),
        (NOTHING, INET6, DATAGRAM, 0, "EPERM"),
        (NOTHING, NETLINK, RAW, 0, "EPERM"),
        (TCP_ONLY, INET, STREAM, 0, "done"),
        (TCP_ONLY, INET, STREAM | 0x80800, 6, "done"),
        (TCP_ONLY, INET, DATAGRAM, 0, "EPERM"),
        (TCP_ONLY, INET, STREAM, 262, "EPERM"),
        (TCP_ONLY, INET, STREAM, 132, "EPERM"),
        (TCP_ONLY, INET, RAW, 6, "EPERM"),
        (TCP_ONLY, UNIX, STREAM, 0, "EPERM"),
        (EVERYTHING, UNIX, DATAGRAM, 0, "done"),
        (EVERYTHING, INET, DATAGRAM | 0x80000, 17, "done"),
        (EVERYTHING, INET, RAW, 1, "EPERM"),
        (EVERYTHING, INET, RAW | 0x800, 255, "EPERM"),
        (EVERYTHING, INET, STREAM, 262, "EPERM"),
        (EVERYTHING, NETLINK, RAW, 0, "done"),
        (EVERYTHING, NETLINK, RAW, 9, "EPERM"),
        *((EVERYTHING, family, kind, 0, "EPERM") for family in (0, 3, 4, 9, 17, 29, 31, 38, 40, 43, 44) for kind in (STREAM, RAW)),
    ],
)
def test_a_socket_is_had_by_family_and_kind(sockets: Sockets, family: int, kind: int, protocol: int, answer: str) -> None:
    told = ["socket"] if answer == "EPERM" else []
    assert answers(("socket", (family, kind, protocol)), sockets=sockets) == ([answer], told)


PAIR = "import socket, sys; a, b = socket.socketpair({family}, {kind}); a.send(b'over'); print(b.recv(9))"


@pytest.mark.parametrize("kind", [STREAM, SEQUENTIAL, STREAM | 0x80000])
def test_connected_pairs_are_had_without_any_grant(kind: int) -> None:
    assert python(PAIR.format(family=UNIX, kind=kind)).out == "b'over'\n"


def test_no_pair_reaches_a_socket_with_a_path(tmp_path: Path) -> None:
    """A datagram socket of a pair is connected to its other end, and still sends wherever it is told to."""
    code = "import socket, sys; a, b = socket.socketpair(socket.AF_UNIX, {kind}); a.sendto(b'out', sys.argv[2])"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "daemon"))
        listening.setblocking(False)
        for kind in ("socket.SOCK_DGRAM", "socket.SOCK_RAW", "socket.SOCK_SEQPACKET", "socket.SOCK_STREAM"):
            free = [sys.executable, "-I", "-c", code.format(kind=kind), PLACE, str(tmp_path / "daemon")]
            subprocess.run(free, capture_output=True, check=False, timeout=60)
        assert [listening.recv(9), listening.recv(9)] == [b"out", b"out"]
        for kind in ("socket.SOCK_DGRAM", "socket.SOCK_RAW", "socket.SOCK_SEQPACKET", "socket.SOCK_STREAM"):
            python(code.format(kind=kind), str(tmp_path / "daemon"))
        with pytest.raises(BlockingIOError):
            listening.recv(9)


WAYS_AROUND = {
    "MPTCP": "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.connect(there); s.send(b'out')",
    "sendto": "s = socket.socket(); s.sendto(b'out', 0x20000000, there)",
    "sendmsg": "s = socket.socket(); s.sendmsg([b'out'], [], 0x20000000, there)",
}
LANDLOCKED = """
import os, socket, sys
sys.path.append(sys.argv[1])
from inside import confine
there = ("127.0.0.1", int(sys.argv[2]))
confine.gain_nothing()
rules = {"abi": confine.landlock_abi(), "fs": 0, "net": 2, "scope": 0, "paths": [], "ports": []}
confine.restrict(confine.ruleset_of(rules, {}), rules["abi"])
try:
    socket.create_connection(there)
    print("landlock let it connect")
except PermissionError:
    pass
"""


@pytest.mark.parametrize("way", list(WAYS_AROUND))
def test_no_connection_passes_by_the_ports_that_landlock_grants(way: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        done = python(LANDLOCKED + WAYS_AROUND[way], str(listening.getsockname()[1]), sockets=EVERYTHING)
        assert (done.out, done.names) == ("", ["socket" if way == "MPTCP" else way])
        assert "PermissionError" in done.error
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_tcp_goes_through_where_it_is_granted() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        code = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[2]))); s.sendall(b'in')"
        done = python(code, str(listening.getsockname()[1]), sockets=TCP_ONLY)
        connection, _ = listening.accept()
        with connection:
            assert (connection.recv(9), done.names) == (b"in", [])


# -- programs in memory, ipc

IN_MEMORY = """
import os, sys
file = os.memfd_create("program", int(sys.argv[2]))
os.write(file, open("/usr/bin/true", "rb").read())
try: os.fchmod(file, 0o755)
except PermissionError: pass
child = os.fork()
if child == 0:
    try: os.execve(f"/proc/self/fd/{file}", ["true"], {})
    finally: os._exit(9)
print("started" if os.waitpid(child, 0)[1] == 0 else "not started")
"""


def test_a_file_in_memory_can_be_had_and_not_started() -> None:
    done = python(IN_MEMORY, str(0x8 | 0x1))
    assert (done.out, done.names) == ("not started\n", [])


@pytest.mark.parametrize("flags", [0x1, 0x10])
def test_a_file_in_memory_that_could_be_started_is_refused(flags: int) -> None:
    done = python(IN_MEMORY, str(flags))
    assert (done.out, done.names) == ("", ["memfd_create"])


def test_a_program_in_memory_starts_where_that_is_granted() -> None:
    assert python(IN_MEMORY, "0", memory_programs=True).out == "started\n"


SHARED = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
found = libc.shmget(0, 4096, 0o1600)
print("refused" if found < 0 else libc.shmctl(found, 0, None))
"""


def test_shared_memory_by_number_is_for_a_call_with_an_ipc_namespace_of_its_own() -> None:
    done = python(SHARED)
    assert (done.out, done.names) == ("refused\n", ["shmget"])
    assert python(SHARED, own_ipc=True).out == "0\n"


# -- everyday programs

EVERYDAY = {
    "list": "ls -la /usr/bin | head -3",
    "pipelines": "set -o pipefail; seq 9999 | sort -rn --parallel=4 | uniq | wc -l; diff <(echo a) <(echo a); cat <<< here | tr a-z A-Z",
    "jobs": "sleep 0.01 & wait; trap 'echo trapped' EXIT; ulimit -n; umask; kill -0 $$; (exit 3) || echo $?",
    "files": "mkdir -p a/b && touch a/b/c && ln -s c a/b/d && cp -a a e && mv e f && find f | sort && tar cf t.tar f && tar tf t.tar && rm -r f",
    "many": "seq 200 | xargs -P 4 -n 10 echo | wc -l",
    "time": "date -u -d @0; timeout 5 true; nice true; stat -c %s /etc/passwd",
    "git": "git init -q r && cd r && echo x > y && git add y && git -c user.name=n -c user.email=e@e commit -qm m && git log --oneline | wc -l && git gc -q",
}


@pytest.mark.parametrize("what", list(EVERYDAY))
def test_an_everyday_command_does_what_it_does_without_the_filter(what: str, tmp_path: Path) -> None:
    if what == "git" and not shutil.which("git"):
        pytest.skip("git is not installed")
    outcomes: list[tuple[int, str, str]] = []
    for place in ("free", "held"):
        (tmp_path / place).mkdir()
        argv = ("/bin/bash", "-c", EVERYDAY[what])
        if place == "free":
            environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nothing"}
            plain = subprocess.run(argv, cwd=tmp_path / place, env=environment, capture_output=True, text=True, check=False, timeout=100)
            outcomes.append((plain.returncode, plain.stdout, plain.stderr))
        else:
            done = run(*argv, at=tmp_path / place, environment={"HOME": "/nothing"})
            outcomes.append((done.code, done.out, done.error))
            assert done.names == []
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 0


PYTHON = {
    "threads": "import concurrent.futures as f; print(sum(f.ThreadPoolExecutor(8).map(lambda n: n * n, range(100))))",
    "processes": "import subprocess; print(subprocess.run(['sh', '-c', 'echo inner'], capture_output=True, text=True).stdout)",
    "asyncio": "import asyncio\nasync def main():\n p = await asyncio.create_subprocess_exec('true'); print(await p.wait())\nasyncio.run(main())",
    "sqlite": "import sqlite3; d = sqlite3.connect('x.db'); d.execute('create table t(a)'); d.commit(); print(d.execute('select count(*) from t').fetchone())",
    "pool": "import multiprocessing as m\nif __name__ == '__main__':\n with m.get_context('fork').Pool(2) as p: print(p.map(abs, [-1, -2]))",
    "temporary": "import tempfile, os; f = tempfile.TemporaryFile(); f.write(b'x'); f.flush(); print(os.fstat(f.fileno()).st_size)",
    "mapped": "import mmap; print(len(mmap.mmap(-1, 1 << 20)))",
}


@pytest.mark.parametrize("what", list(PYTHON))
def test_everyday_python_works(what: str, tmp_path: Path) -> None:
    done = python(PYTHON[what], at=tmp_path)
    assert (done.code, done.error, done.names) == (0, "", [])
    assert done.out


@pytest.mark.skipif(not shutil.which("ps"), reason="ps is not installed")
def test_a_library_that_asks_for_its_own_memory_policy_is_answered() -> None:
    assert run("/bin/sh", "-c", "ps > /dev/null").names == []


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_node_works_with_its_threads_and_children() -> None:
    code = (
        "const {Worker} = require('worker_threads'); const c = require('child_process');"
        "console.log(c.execFileSync('echo', ['child']).toString().trim());"
        "new Worker('require(\"worker_threads\").parentPort.postMessage(7)', {eval: true}).on('message', n => console.log(n));"
        "require('fs').promises.readdir('/').then(l => console.log(l.length > 0));"
    )
    done = run(str(shutil.which("node")), "-e", code)
    assert (done.code, sorted(done.out.split()), done.names) == (0, ["7", "child", "true"], [])


@pytest.mark.skipif(not shutil.which("gcc"), reason="no compiler is installed")
def test_a_compiler_works_and_so_does_what_it_made(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text('#include <stdio.h>\nint main(void) { puts("made"); return 0; }\n')
    done = run("/bin/sh", "-c", "gcc -O1 -o a a.c && ./a", at=tmp_path)
    assert (done.code, done.out, done.names) == (0, "made\n", [])


# -- the listener


def test_what_libraries_try_by_themselves_is_told_apart() -> None:
    done = run("/bin/sh", "-c", "ls -l /etc/passwd")
    assert done.code == 0
    assert {name for name, _ in done.heard} <= {"socket"}
    assert done.names == []


def test_the_listener_hears_arguments_and_process() -> None:
    done = python("import os, ctypes; print(ctypes.CDLL(None, use_errno=True).unshare(0x10000000))")
    assert done.out == "-1\n"
    assert [(name, arguments[0]) for name, arguments in done.heard] == [("unshare", 0x10000000)]


def test_what_programs_start_is_held_too() -> None:
    done = run("/bin/sh", "-c", "sh -c 'unshare --user true'")
    assert (done.code != 0, done.names) == (True, ["unshare"])


def test_a_program_that_asks_without_end_is_refused_without_end_and_told_so_often_only() -> None:
    code = "import ctypes; libc = ctypes.CDLL(None); print({libc.mq_open(b'/none', 0) for _ in range(3000)})"
    done = python(code)
    assert (done.out, len(done.heard)) == ("{-1}\n", 256)


CLOSED = """
import _thread, ctypes, errno, os, sys
sys.path.append(sys.argv[1])
from inside import confine, filters
confine.gain_nothing()
os.close(filters.apply(bytes.fromhex(sys.argv[2]), notify=True))
libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000), errno.errorcode[ctypes.get_errno()])
"""


def test_a_closed_listener_leaves_refused_calls_refused() -> None:
    program = compile_filter(NOTHING, memory_programs=False, notify=True)
    argv = [sys.executable, "-I", "-S", "-c", CLOSED, PLACE, program.hex()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("-1 ENOSYS\n", "")


KILLED = """
import _thread, os, select, sys
sys.path.append(sys.argv[1])
from inside import confine, filters
confine.gain_nothing()
ready = _thread.allocate_lock(); ready.acquire()
found = {}
def start():
    found["listener"] = filters.apply(bytes.fromhex(sys.argv[2]), notify=True)
    found["child"] = os.posix_spawnp("unshare", ["unshare", "--user", "true"], os.environ)
    ready.release()
_thread.start_new_thread(start, ())
ready.acquire()
watched = select.poll(); watched.register(found["listener"], select.POLLIN); watched.poll()
cookie, pid, number, arguments = filters.receive(found["listener"])
os.kill(pid, 9)
os.waitpid(pid, 0)
filters.refuse(found["listener"], cookie, 1)
print("went on")
"""


def test_an_answer_to_a_caller_that_is_gone_is_no_error() -> None:
    program = compile_filter(NOTHING, memory_programs=False, notify=True)
    argv = [sys.executable, "-I", "-S", "-c", KILLED, PLACE, program.hex()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env={"PATH": "/usr/bin:/bin"})
    assert (done.stdout, done.stderr) == ("went on\n", "")


def test_a_filter_that_the_kernel_does_not_take_is_an_error() -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1]); from inside import confine, filters; confine.gain_nothing()\n"
        "for bad in (b'', bytes(8)):\n"
        " try: filters.apply(bad, notify=True); print('taken')\n"
        " except OSError as problem: print(problem.errno, str(problem))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, PLACE], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["22 [Errno 22] seccomp: Invalid argument"] * 2


def test_a_descriptor_that_is_no_listener_is_an_error() -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1]); from inside import filters\n"
        "for use in (lambda: filters.receive(0), lambda: filters.refuse(0, 1, 1)):\n"
        " try: use(); print('worked')\n"
        " except OSError as problem: print(problem.errno)"
    )
    argv = [sys.executable, "-I", "-S", "-c", code, PLACE]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.stdout, done.stderr) == ("25\n25\n", "")


def test_the_thread_that_does_not_put_it_on_is_not_held() -> None:
    code = (
        "import _thread, ctypes, os, sys; sys.path.append(sys.argv[1]); from inside import confine, filters\n"
        "confine.gain_nothing(); libc = ctypes.CDLL(None, use_errno=True); done = _thread.allocate_lock(); done.acquire()\n"
        "def hold():\n"
        " filters.apply(bytes.fromhex(sys.argv[2]), notify=False); print(libc.mq_open(b'/none', 0), ctypes.get_errno()); done.release()\n"
        "_thread.start_new_thread(hold, ()); done.acquire()\n"
        "print(libc.mq_open(b'/none', 0), ctypes.get_errno())"
    )
    program = compile_filter(NOTHING, memory_programs=False, notify=False)
    argv = [sys.executable, "-I", "-S", "-c", code, PLACE, program.hex()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["-1 1", "-1 2"]
