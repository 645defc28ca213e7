"""What the sandbox refused to a real command is told from what failed by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.sandbox.complaints import complaints
from bylaw.tools.sandbox.denials import Denial, DenialKind, Failed, merged, probable
from bylaw.tools.sandbox.grants import compile_grants
from plan_room import ENVIRONMENT, call, limits, pipe, program, states

LAYERS = ("both", "landlock", "bubblewrap")
PYTHON = "/usr/bin/python3"
NOBODY = 65534
GUESSES: tuple[tuple[DenialKind, str], ...] = (("write", "/w/new"), ("read", "/r"), ("read", "/r/below"))


class Place:
    """A workspace, and beside it what no call is granted."""

    def __init__(self, base: Path) -> None:
        self.inside = base / "inside"
        self.outside = base / "outside"
        for one in (self.inside, self.outside):
            one.mkdir()
        (self.inside / "a.txt").write_text("a\n")
        (self.inside / ".env").write_text("TOKEN=x\n")
        (self.outside / "secret").write_text("s\n")
        (self.outside / "tool").write_text("#!/bin/sh\necho hi\n")
        (self.outside / "tool").chmod(0o755)

    def run(
        self,
        *argv: str,
        layers: str = "both",
        programs: tuple[str, ...] = (),
        write: tuple[str, ...] = (),
        hidden: tuple[str, ...] = (),
        protected: tuple[str, ...] = (),
    ) -> ProcessOutcome:
        """The command in the workspace, which it may read; `write`, `hidden` and `protected` are names in it."""
        starting = (program(one) for one in (argv[0], *programs))
        manifest = Manifest(
            programs=tuple(one for one in starting if one is not None),
            read=(PathGrant(path=str(self.inside), recursive=True),),
            write=tuple(PathGrant(path=os.path.normpath(self.inside / one), recursive=True) for one in write),
            hidden=tuple(str(self.inside / one) for one in hidden),
            protected=tuple(str(self.inside / one) for one in protected),
        )
        return run_plan(
            pipe(call(*argv, at=self.inside)),
            manifest=manifest,
            limits=limits(),
            sandbox="prefer",
            environment=ENVIRONMENT,
            states=states(layers),
        )

    def denied(self, *argv: str, layers: str = "both", programs: tuple[str, ...] = (), **more: tuple[str, ...]) -> list[tuple[str, str]]:
        """Kind and subject of what was probably refused to the command."""
        outcome = self.run(*argv, layers=layers, programs=programs, **more)
        assert all((one.certainty, one.source) == ("probable", "output") for one in outcome.denials)
        return [(one.kind, one.subject) for one in outcome.denials]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    # Not below the temporary directory of the machine: every call has one of its own.
    base = Path(os.path.realpath("/var/tmp")) / f"denials-{os.getpid()}-{tmp_path.name}"
    base.mkdir()
    yield Place(base)
    shutil.rmtree(base)


# -- refused


@pytest.mark.parametrize("layers", LAYERS)
def test_reading_a_file_that_was_not_granted_is_a_denial(place: Place, layers: str) -> None:
    path = str(place.outside / "secret")
    assert place.denied("cat", path, layers=layers) == [("read", path)]


@pytest.mark.parametrize("layers", LAYERS)
def test_listing_a_directory_that_was_not_granted_is_a_denial(place: Place, layers: str) -> None:
    assert place.denied("ls", str(place.outside), layers=layers) == [("read", str(place.outside))]


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_creating_a_file_where_nothing_may_be_written_is_a_denial(place: Place, layers: str, where: str) -> None:
    path = str(getattr(place, where) / "new")
    assert place.denied("touch", path, layers=layers) == [("write", path)]


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_redirection_of_a_shell_to_a_place_that_was_not_granted_is_a_denial(place: Place, layers: str, where: str) -> None:
    path = str(getattr(place, where) / "new")
    assert place.denied("bash", "-c", f"echo x > {path}", layers=layers) == [("write", path)]


@pytest.mark.parametrize("layers", ["both", "landlock"])
def test_changing_a_file_that_may_only_be_read_is_a_denial_under_its_absolute_name(place: Place, layers: str) -> None:
    assert place.denied("tee", "a.txt", layers=layers) == [("write", str(place.inside / "a.txt"))]


@pytest.mark.parametrize("layers", LAYERS)
def test_making_a_directory_in_a_tree_that_may_only_be_read_is_a_denial(place: Place, layers: str) -> None:
    assert place.denied("mkdir", "sub", layers=layers) == [("write", str(place.inside / "sub"))]


@pytest.mark.parametrize("layers", ["both", "landlock"])
def test_removing_a_file_that_may_only_be_read_is_a_denial(place: Place, layers: str) -> None:
    assert place.denied("rm", "a.txt", layers=layers) == [("delete", str(place.inside / "a.txt"))]


def test_removing_a_protected_file_of_a_writable_tree_is_a_denial(place: Place) -> None:
    assert place.denied("rm", "a.txt", write=(".",), protected=("a.txt",)) == [("delete", str(place.inside / "a.txt"))]


def test_a_hidden_file_that_landlock_refuses_is_a_denial(place: Place) -> None:
    assert place.denied("cat", ".env", layers="landlock", hidden=(".env",)) == [("read", str(place.inside / ".env"))]


def test_what_git_says_of_a_hidden_file_is_a_denial(place: Place) -> None:
    found = place.denied("git", "hash-object", ".env", layers="landlock", hidden=(".env",))
    assert found == [("read", str(place.inside / ".env"))]


@pytest.mark.parametrize("layers", LAYERS)
def test_git_that_may_not_make_its_store_is_denied_a_write(place: Place, layers: str) -> None:
    assert place.denied("git", "init", "-q", ".", layers=layers) == [("write", str(place.inside / ".git"))]


@pytest.mark.parametrize("layers", ["both", "landlock"])
def test_starting_a_program_that_was_not_granted_is_a_denial(place: Place, layers: str) -> None:
    assert place.denied("env", "id", layers=layers) == [("execute", program("id"))]


@pytest.mark.parametrize("layers", LAYERS)
def test_starting_a_program_outside_of_what_was_granted_is_a_denial(place: Place, layers: str) -> None:
    path = str(place.outside / "tool")
    assert place.denied("env", path, layers=layers) == [("execute", path)]


@pytest.mark.skipif(not os.path.exists(PYTHON), reason="the machine has no Python of its own")
@pytest.mark.parametrize(
    ("code", "kind", "subject"),
    [
        ("open('OUT/secret')", "read", "OUT/secret"),
        ("open('new', 'w')", "write", "IN/new"),
        ("import os; os.mkdir('/etc/made')", "write", "/etc/made"),
        ("import subprocess; subprocess.run(['id'])", "execute", "ID"),
        ("import socket; socket.create_connection(('192.0.2.1', 80))", "network", "the network"),
    ],
)
@pytest.mark.parametrize("layers", ["both", "landlock"])
def test_what_a_python_program_ends_with_is_a_denial(place: Place, layers: str, code: str, kind: str, subject: str) -> None:
    names = {"OUT": str(place.outside), "IN": str(place.inside), "ID": program("id") or ""}
    for name, path in names.items():
        code, subject = code.replace(name, path), subject.replace(name, path)
    assert place.denied("python3", "-c", code, layers=layers) == [(kind, subject)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("address", "subject"), [("http://example.invalid/", "example.invalid"), ("http://192.0.2.1/", "192.0.2.1:80")])
def test_reaching_a_host_without_a_network_is_a_denial(place: Place, address: str, subject: str) -> None:
    assert place.denied("curl", "-sS", address) == [("network", subject)]


def test_a_signal_that_the_sandbox_keeps_from_a_process_is_a_denial(place: Place) -> None:
    found = place.denied("bash", "-c", f"kill -0 {os.getpid()}", layers="landlock")
    assert found == [("signal", f"process {os.getpid()}")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could mount outside")
def test_a_mount_that_is_refused_to_root_is_a_denial(place: Place) -> None:
    assert place.denied("mount", "-t", "tmpfs", "none", str(place.inside)) == [("system_call", "mount")]


def test_one_failing_stage_of_a_pipe_is_told_though_the_whole_succeeds(place: Place) -> None:
    outcome = run_plan(
        pipe(call("cat", str(place.outside / "secret"), at=place.inside), call("wc", at=place.inside)),
        manifest=Manifest(
            programs=tuple(filter(None, (program("cat"), program("wc")))), read=(PathGrant(path=str(place.inside), recursive=True),)
        ),
        limits=limits(),
        sandbox="prefer",
        environment=ENVIRONMENT,
        states=states("both"),
    )
    assert outcome.exit_code == 0
    assert [one.kind for one in outcome.denials] == ["read"]


@pytest.mark.parametrize("name", ["secret", "nofile"])
def test_a_jail_does_not_tell_whether_something_is_there_that_was_not_granted(place: Place, name: str) -> None:
    path = str(place.outside / name)
    assert place.denied("cat", path) == [("read", path)]


def test_landlock_alone_lets_a_call_see_that_nothing_is_there(place: Place) -> None:
    assert place.denied("cat", str(place.outside / "nofile"), layers="landlock") == []


# -- not refused


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize(
    "argv",
    [
        ("cat", "nofile"),
        ("ls", "nofile"),
        ("grep", "zzz", "a.txt"),
        ("cat", "a.txt/b"),
        ("rm", "nofile"),
        ("env", "nosuchprogram"),
        ("bash", "-c", "nosuchprogram"),
        ("bash", "-c", "echo 'all is well: Permission denied' >&2"),
        ("bash", "-c", "exit 126"),
        ("git", "rev-parse", "nosuchbranch"),
        ("curl", "-sS", "http://127.0.0.1:9/"),
        ("python3", "-c", "import nosuchmodule"),
        ("python3", "-c", "assert 1 == 2"),
        ("python3", "-c", "open('nofile')"),
    ],
)
def test_an_ordinary_error_is_no_denial(place: Place, layers: str, argv: tuple[str, ...]) -> None:
    if program(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    words = [word.replace("OUT", str(place.outside)) for word in argv]
    assert place.denied(*words, layers=layers, write=(".",)) == []


def test_the_mode_of_a_file_is_no_denial(place: Place) -> None:
    path = place.inside / "locked"
    path.write_text("x")
    path.chmod(0o000)
    text = f"cat: {path}: Permission denied\ntee: {path}: Permission denied"
    # Root may do what it wants with every file: the child looks as an ordinary account.
    child = os.fork()
    if child == 0:
        code = 2
        try:
            if os.geteuid() == 0:
                os.setresuid(NOBODY, NOBODY, NOBODY)
            code = len(failed(text, place))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_a_sandbox_nothing_is_a_denial(place: Place) -> None:
    assert place.denied("touch", "/proc/new", layers="none", write=(".",)) == []


# -- what only the grants can tell


def failed(
    text: str,
    place: Place,
    *,
    code: int | None = 1,
    signal: int | None = None,
    held: tuple[str, ...] = ("bubblewrap", "landlock", "seccomp"),
    hosts: tuple[str, ...] = (),
    memory: int = 0,
) -> tuple[tuple[str, str, str], ...]:
    """What is made of a text that a program of the workspace, which may only be read, is said to have printed."""
    manifest = Manifest(programs=("/usr/bin/env",), read=(PathGrant(path=str(place.inside), recursive=True),), hosts=hosts)
    one = Failed(
        output=text,
        exit_code=code,
        signal=signal,
        grants=compile_grants(manifest, ENVIRONMENT["PATH"]),
        held=held,
        directories=(str(place.inside),),
        search_path=ENVIRONMENT["PATH"],
        memory_bytes=memory,
    )
    return tuple((each.kind, each.subject, each.certainty) for each in probable(one))


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("Error: EACCES: permission denied, open 'OUT/secret'", "read", "OUT/secret"),
        ("Error: ENOENT: no such file or directory, open 'OUT/secret'", "read", "OUT/secret"),
        ("Error: EROFS: read-only file system, mkdir 'IN/x'", "write", "IN/x"),
        ("rg: OUT/secret: Permission denied (os error 13)", "read", "OUT/secret"),
        ("error: failed to open: IN/lock\n\nCaused by:\n  Read-only file system (os error 30)", "write", "IN/lock"),
        ("open OUT/secret: no such file or directory", "read", "OUT/secret"),
        ("mkdir IN/x: read-only file system", "write", "IN/x"),
        ("sh: 1: cannot create IN/x: Read-only file system", "write", "IN/x"),
        ("fatal: could not open 'OUT/secret' for reading: No such file or directory", "read", "OUT/secret"),
        ("\x1b[31mcat: OUT/secret: Permission denied\x1b[0m", "read", "OUT/secret"),
    ],
)
def test_the_messages_of_many_programs_are_read(place: Place, text: str, kind: str, name: str) -> None:
    def filled(one: str) -> str:
        return one.replace("OUT", str(place.outside)).replace("IN", str(place.inside))

    assert failed(filled(text), place) == ((kind, filled(name), "probable"),)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Error: getaddrinfo EAI_AGAIN registry.example", "registry.example"),
        ("Error: connect ENETUNREACH 192.0.2.1:443", "192.0.2.1:443"),
        ("fatal: unable to access 'https://git.example/x/': Could not resolve host: git.example", "git.example"),
        ("ssh: Could not resolve hostname git.example: Temporary failure in name resolution", "git.example"),
        ("curl: (56) CONNECT tunnel failed, response 403", "the network"),
        ("dial tcp: lookup proxy.example: no such host", "proxy.example"),
    ],
)
def test_messages_of_a_missing_network_name_the_host(place: Place, text: str, subject: str) -> None:
    assert failed(text, place) == (("network", subject, "probable"),)


def test_a_granted_host_that_is_not_found_is_no_denial_and_another_is(place: Place) -> None:
    assert failed("curl: (6) Could not resolve host: a.example", place, hosts=("a.example:443",)) == ()
    assert failed("curl: (6) Could not resolve host: b.example", place, hosts=("a.example:443",)) == (("network", "b.example", "probable"),)


def test_a_name_that_is_not_resolved_under_landlock_alone_is_no_denial(place: Place) -> None:
    assert failed("curl: (6) Could not resolve host: a.example", place, held=("landlock",)) == ()


def test_a_program_that_the_filter_of_system_calls_killed_is_an_exact_denial(place: Place) -> None:
    assert [(kind, how) for kind, _, how in failed("", place, code=159, signal=31)] == [("system_call", "exact")]


def test_an_exit_code_like_that_of_a_killed_program_is_only_probable(place: Place) -> None:
    assert [(kind, how) for kind, _, how in failed("", place, code=159)] == [("system_call", "probable")]


def test_no_filter_of_system_calls_killed_a_program_where_there_is_none(place: Place) -> None:
    assert failed("Bad system call", place, code=159, signal=31, held=("landlock",)) == ()


def test_want_of_memory_is_a_denial_only_where_the_machine_has_more_than_the_limit(place: Place) -> None:
    assert failed("MemoryError", place, memory=1 << 20) == (("memory", "1048576 bytes of memory", "probable"),)
    assert failed("MemoryError", place, memory=1 << 60) == ()


def test_the_work_on_a_long_output_is_bounded_to_its_ends(place: Place) -> None:
    line = f"cat: {place.outside}/secret: Permission denied\n"
    assert failed("x\n" * 500 + line + "x\n" * 500, place) == ()
    assert failed("x\n" * 500 + line, place) == (("read", f"{place.outside}/secret", "probable"),)
    assert not tuple(complaints("x" * 5000 + ": Permission denied"))


def test_an_exact_denial_takes_the_place_of_the_guess_and_gets_its_full_name() -> None:
    made = Denial(kind="write", subject="/w", certainty="exact", source="kernel audit")
    read = Denial(kind="read", subject="/r", certainty="exact", source="kernel audit")
    guesses = tuple(Denial(kind=kind, subject=subject, certainty="probable", source="output") for kind, subject in GUESSES)
    found = merged((made, read), guesses)
    assert [(one.kind, one.subject, one.certainty) for one in found] == [
        ("write", "/w/new", "exact"),
        ("read", "/r", "exact"),
        ("read", "/r/below", "probable"),
    ]
