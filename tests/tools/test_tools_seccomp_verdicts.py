"""What the filter of system calls says, run in an interpreter of classic BPF and compared with the rules in plain Python."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bylaw.tools.errors import SandboxError
from bylaw.tools.sandbox.seccomp import ALLOW, ASK, KILL_PROCESS, REFUSE, UNKNOWN, Sockets, call_name, compile_filter, described
from bylaw.tools.sandbox.system_calls import ABSENT, ALLOWED, SYSTEM_V, numbers

ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOW = 0xFFFFFFFF
MACHINES = ("x86_64", "aarch64")
CONDITIONAL = {
    "clone",
    "unshare",
    "ioctl",
    "memfd_create",
    "personality",
    "prlimit64",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "socket",
    "socketpair",
}

REACHING = """
    setns mount umount2 fsopen fsmount fsconfig fspick move_mount open_tree open_tree_attr mount_setattr pivot_root chroot ptrace
    process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd keyctl add_key request_key bpf perf_event_open userfaultfd
    io_uring_setup io_uring_enter io_uring_register kexec_load kexec_file_load init_module finit_module delete_module open_by_handle_at
    name_to_handle_at quotactl quotactl_fd swapon swapoff reboot acct settimeofday clock_settime adjtimex clock_adjtime sethostname
    setdomainname syslog lookup_dcookie vhangup fanotify_init mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    migrate_pages move_pages shmget shmat semget msgget msgrcv
    """

every_machine = pytest.mark.parametrize("machine", MACHINES)


def run(program: bytes, architecture: int, number: int, arguments: tuple[int, ...]) -> tuple[int, int]:
    """What the program returns for a call, and in how many steps, as the kernel would run it (`kernel/bpf`, `seccomp_data`)."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments)
    instructions = list(struct.iter_unpack("<HBBI", program))
    position = accumulator = steps = 0
    while True:
        code, true, false, constant = instructions[position]
        position += 1
        steps += 1
        match code:
            case 0x20:
                assert constant % 4 == 0
                accumulator = struct.unpack_from("<I", data, constant)[0]
            case 0x54:
                accumulator &= constant
            case 0x15:
                position += true if accumulator == constant else false
            case 0x35:
                position += true if accumulator >= constant else false
            case 0x05:
                position += constant
            case 0x06:
                return constant, steps
            case _:
                raise AssertionError(f"an instruction that no filter of ours holds: {code:#x}")


def specified(
    machine: str,
    architecture: int,
    number: int,
    arguments: tuple[int, ...],
    sockets: Sockets,
    *,
    memory_programs: bool,
    own_ipc: bool,
    refusal: int,
) -> int:
    """The rules once more, as one would say them."""
    if architecture != ARCHITECTURE[machine] or (machine == "x86_64" and number >= 0x40000000):
        return KILL_PROCESS
    name = {value: key for key, value in numbers(machine).items()}.get(number)
    if name is None or name in {"clone3", "statmount", "listmount", "file_getattr", "file_setattr"}:
        return UNKNOWN
    if name in CONDITIONAL:
        good = conditionally(name, arguments, sockets, memory_programs=memory_programs)
    else:
        good = name in ALLOWED or (own_ipc and name in SYSTEM_V)
    return ALLOW if good else refusal


def conditionally(name: str, arguments: tuple[int, ...], sockets: Sockets, *, memory_programs: bool) -> bool:
    a, b, c, d = (argument & LOW for argument in arguments[:4])
    match name:
        case "unshare":
            return not a & ~0x600
        case "clone":
            return not a & (0x80 | 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000)
        case "ioctl":
            return b not in {0x5412, 0x541C}
        case "memfd_create":
            return memory_programs or bool(b & 8)
        case "personality":
            return a in {0, 0x20000, LOW}
        case "prlimit64":
            return a == 0 or arguments[2] == 0
        case "sendto" | "sendmmsg":
            return not d & 0x20000000
        case "sendmsg":
            return not c & 0x20000000
        case _:
            return socket_is_good(name, a, b, c, sockets)


def socket_is_good(name: str, a: int, b: int, c: int, sockets: Sockets) -> bool:
    kind = b & ~(0x80000 | 0x800)
    if name == "socketpair":
        return a == 1 and (sockets.unix or kind in {1, 5})
    stream = sockets.inet != "none" and kind == 1 and c in {0, 6}
    datagram = sockets.inet == "all" and kind == 2 and c in {0, 1, 6, 17, 58}
    return (a == 1 and sockets.unix) or (a in {2, 10} and (stream or datagram)) or (a == 16 and c == 0 and sockets.netlink)


any_sockets = st.builds(Sockets, unix=st.booleans(), inet=st.sampled_from(("none", "stream", "all")), netlink=st.booleans())
plausible = st.sampled_from(
    (0, 1, 2, 3, 5, 6, 8, 10, 16, 17, 40, 58, 262, 0x5412, 0x541C, 0x20000, 0x20000000, 0x80001, 0x80801, 0x11, 0x10000000, LOW)
)
word = plausible | st.integers(0, LOW) | st.sampled_from([1 << bit for bit in range(32)])
argument = st.tuples(word, st.just(0) | st.integers(0, LOW)).map(lambda halves: halves[0] | halves[1] << 32)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, int, int, tuple[int, ...]]:
    machine = draw(st.sampled_from(MACHINES))
    names = numbers(machine)
    number = draw(
        st.sampled_from([names[name] for name in sorted(CONDITIONAL)])
        | st.integers(0, 520)
        | st.integers(0x3FFFFFF0, 0x40000200)
        | st.integers(0, LOW)
    )
    architecture = draw(st.just(ARCHITECTURE[machine]) | st.sampled_from([*ARCHITECTURE.values(), 0x40000003, 0x40000028]))
    arguments = (draw(argument), draw(argument), draw(argument), draw(argument), 0, 0)
    return machine, architecture, number, arguments


@given(call=calls(), sockets=any_sockets, memory_programs=st.booleans(), own_ipc=st.booleans(), notify=st.booleans())
@example(
    call=("x86_64", 0xC000003E, 41, (1 << 32 | 2, 1, 0, 0, 0, 0)),
    sockets=Sockets(unix=False, inet="none", netlink=False),
    memory_programs=False,
    own_ipc=False,
    notify=False,
)
def test_the_filter_says_what_the_rules_say(
    call: tuple[str, int, int, tuple[int, ...]], sockets: Sockets, memory_programs: bool, own_ipc: bool, notify: bool
) -> None:
    machine, architecture, number, arguments = call
    program = compile_filter(sockets, memory_programs=memory_programs, notify=notify, own_ipc=own_ipc, machine=machine)
    wanted = specified(
        machine,
        architecture,
        number,
        arguments,
        sockets,
        memory_programs=memory_programs,
        own_ipc=own_ipc,
        refusal=ASK if notify else REFUSE,
    )
    assert run(program, architecture, number, arguments)[0] == wanted


@every_machine
@given(sockets=any_sockets)
def test_every_number_gets_its_verdict(machine: str, sockets: Sockets) -> None:
    program = compile_filter(sockets, memory_programs=False, notify=True, machine=machine)
    for number in range(600):
        wanted = specified(machine, ARCHITECTURE[machine], number, (0,) * 6, sockets, memory_programs=False, own_ipc=False, refusal=ASK)
        assert run(program, ARCHITECTURE[machine], number, (0,) * 6)[0] == wanted


@every_machine
def test_no_call_takes_the_filter_many_steps(machine: str) -> None:
    program = compile_filter(Sockets(unix=True, inet="all", netlink=True), memory_programs=False, notify=True, machine=machine)
    assert len(program) // 8 < 400
    assert max(run(program, ARCHITECTURE[machine], number, (LOW,) * 6)[1] for number in range(600)) <= 24


@pytest.mark.parametrize("name", REACHING.split())
@every_machine
def test_a_call_that_reaches_around_the_sandbox_is_refused(machine: str, name: str) -> None:
    open_handed = Sockets(unix=True, inet="all", netlink=True)
    program = compile_filter(open_handed, memory_programs=True, notify=False, machine=machine)
    assert run(program, ARCHITECTURE[machine], numbers(machine)[name], (0,) * 6)[0] == REFUSE


@pytest.mark.parametrize("name", ["iopl", "ioperm", "modify_ldt", "uselib", "create_module", "_sysctl", "sysfs", "ustat"])
def test_what_only_x86_has_and_nobody_needs_is_refused(name: str) -> None:
    program = compile_filter(Sockets(unix=True, inet="all", netlink=True), memory_programs=True, notify=False, machine="x86_64")
    assert run(program, ARCHITECTURE["x86_64"], numbers("x86_64")[name], (0,) * 6)[0] == REFUSE


def test_every_name_that_is_allowed_is_a_system_call() -> None:
    known = {*numbers("x86_64"), *numbers("aarch64")}
    assert (ALLOWED | SYSTEM_V | ABSENT | CONDITIONAL) - known == set()


def test_no_name_stands_in_two_lists() -> None:
    lists = [*ALLOWED, *SYSTEM_V, *ABSENT, *CONDITIONAL]
    assert len(lists) == len(set(lists))


@every_machine
def test_no_number_has_two_names(machine: str) -> None:
    assert len(set(numbers(machine).values())) == len(numbers(machine))


def test_from_424_on_both_machines_count_alike() -> None:
    late = [{name: number for name, number in numbers(machine).items() if number >= 424} for machine in MACHINES]
    assert late[0] == late[1]


HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


@pytest.mark.skipif(not HEADER.exists(), reason="the kernel's headers for x86_64 are not installed")
def test_the_numbers_of_x86_64_are_those_of_the_kernels_header() -> None:
    found = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text())}
    assert {name: number for name, number in found.items() if numbers("x86_64").get(name) != number} == {}


GENERIC = Path("/usr/include/asm-generic/unistd.h")


@pytest.mark.skipif(not GENERIC.exists(), reason="the kernel's generic headers are not installed")
def test_the_numbers_of_aarch64_are_those_of_the_kernels_header() -> None:
    found = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", GENERIC.read_text())}
    # One header serves many machines: 32-bit ones have calls of their own, and one call has another name there.
    elsewhere = {"fstatat", "syscalls", "arch_specific_syscall", "sync_file_range2"} | {name for name in found if name.endswith("64")}
    wrong = {name: number for name, number in found.items() if name not in elsewhere and numbers("aarch64").get(name) != number}
    assert wrong == {}


def test_a_machine_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(SandboxError, match="`vax`") as caught:
        compile_filter(Sockets(unix=False, inet="none", netlink=False), memory_programs=False, notify=False, machine="vax")
    assert caught.value.hint


def test_a_call_without_a_name_is_told_by_its_number() -> None:
    assert (call_name(165, "x86_64"), call_name(9999, "x86_64")) == ("mount", "number 9999")


@pytest.mark.parametrize(
    ("number", "arguments", "text"),
    [
        (165, (0, 0, 0), "`mount`"),
        (41, (17, 0x80003, 768), "`socket` (AF_PACKET, type 3, protocol 768)"),
        (53, (1, 2, 0), "`socketpair` (AF_UNIX, type 2, protocol 0)"),
        (41, (21, 1, 0), "`socket` (family 21, type 1, protocol 0)"),
        (16, (0, 0x5412, 0), "`ioctl` (TIOCSTI)"),
        (16, (0, 0x1234, 0), "`ioctl` (request 0x1234)"),
        (56, (0x10000011, 0, 0), "`clone` (new namespaces)"),
        (319, (0, 1, 0), "`memfd_create` (a file in memory that could be started)"),
        (302, (1, 7, 99), "`prlimit64` (limits of another process)"),
        (44, (3, 0, 0), "`sendto` (a connection that opens with data)"),
        (9999, (0, 0, 0), "`number 9999`"),
    ],
)
def test_a_refused_call_is_told_in_words(number: int, arguments: tuple[int, int, int], text: str) -> None:
    assert described(number, (*arguments, 0, 0, 0), "x86_64") == text


def test_the_same_question_is_compiled_once() -> None:
    sockets = Sockets(unix=False, inet="stream", netlink=False)
    if os.uname().machine not in MACHINES:
        pytest.skip("the filter is not there for this machine")
    first = compile_filter(sockets, memory_programs=False, notify=False)
    assert compile_filter(Sockets(unix=False, inet="stream", netlink=False), memory_programs=False, notify=False) is first
