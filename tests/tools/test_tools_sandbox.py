"""What the kernel holds, tried on the real kernel with real programs, layer by layer."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Step
from bylaw.tools.errors import SandboxError
from bylaw.tools.process import ProcessOutcome, run_plan
from bylaw.tools.sandbox import LayerName, LayerState, inside, layers, select
from bylaw.tools.sandbox.bubblewrap import Bubblewrap
from bylaw.tools.sandbox.denials import Denial
from bylaw.tools.sandbox.grants import compile_grants, starters
from bylaw.tools.sandbox.proxy import Connection
from plan_room import Heard

SHELL = os.path.realpath("/bin/sh")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
LIMITS = Limits(
    read_bytes=1 << 20, write_bytes=1 << 20, output_bytes=20_000, command_seconds=30, command_characters=10_000, regular_files=True
)
HELD: dict[str, tuple[LayerName, ...]] = {"both": ("bubblewrap", "landlock"), "landlock": ("landlock",), "bubblewrap": ("bubblewrap",)}

every = pytest.mark.parametrize("held", list(HELD))


def states(held: str) -> tuple[LayerState, ...]:
    wanted = HELD[held]
    return tuple(
        state if state.name in wanted else LayerState(name=state.name, available=False, why="left out by the test") for state in layers()
    )


def sh(script: str, manifest: Manifest, at: Path | str, held: str = "both", *, witness: Heard | None = None) -> ProcessOutcome:
    """The script in a real shell, which may start everything: the kernel alone holds it."""
    call = Invocation(argv=("sh", "-c", script), program=SHELL, directory=str(at))
    plan = Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(call,))),))
    return run_plan(
        plan, manifest=manifest, limits=LIMITS, sandbox="require", environment=ENVIRONMENT, states=states(held), witness=witness
    )


def grants(
    *,
    read: tuple[Path, ...] = (),
    write: tuple[Path, ...] = (),
    one: tuple[Path, ...] = (),
    hidden: tuple[Path, ...] = (),
    protected: tuple[Path, ...] = (),
    hosts: tuple[str, ...] = (),
) -> Manifest:
    return Manifest(
        programs=("*",),
        read=tuple(PathGrant(path=str(path), recursive=True) for path in read),
        write=(*(PathGrant(path=str(path), recursive=True) for path in write), *(PathGrant(path=str(path)) for path in one)),
        hidden=tuple(map(str, hidden)),
        protected=tuple(map(str, protected)),
        hosts=hosts,
    )


@pytest.fixture(params=["in /tmp", "elsewhere"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory with a workspace; once below the temporary directory (which is private inside), once not."""
    if request.param == "in /tmp":
        top = Path(os.path.realpath(tmp_path))
    else:
        top = Path(f"/var/lib/bylaw-test-{os.getpid()}") if os.access("/var/lib", os.W_OK) else Path.home() / f".bylaw-test-{os.getpid()}"
        top.mkdir()
    (top / "ws").mkdir()
    (top / "ws" / "file").write_text("content\n")
    (top / "secret").write_text("canary\n")
    yield top
    if request.param != "in /tmp":
        shutil.rmtree(top)


# -- reading


@every
def test_a_secret_outside_the_grants_cannot_be_read(place: Path, held: str) -> None:
    outcome = sh(
        f"cat file; cat {place}/secret; cat ../secret; ln {place}/secret link; cat link", grants(write=(place / "ws",)), place / "ws", held
    )
    assert outcome.stdout.text == "content\n"


@every
@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/ssh", "/root/.ssh", "/proc/1/environ", "/var/log", "/dev/mem", "/sys/kernel", "/home"]
)
def test_what_holds_secrets_of_the_system_cannot_be_read(place: Path, held: str, path: str) -> None:
    outcome = sh(f"cat {path} {path}/* | grep -c . ; true", grants(write=(place / "ws",)), place / "ws", held)
    assert outcome.stdout.text.strip() in {"0", "1"} if path == "/proc/1/environ" else outcome.stdout.text == "0\n"


@every
def test_a_single_granted_file_does_not_open_its_directory(place: Path, held: str) -> None:
    (place / "ws" / "other").write_text("other\n")
    manifest = Manifest(programs=("*",), read=(PathGrant(path=str(place / "ws" / "file")),))
    assert sh("cat file other", manifest, place / "ws", held).stdout.text == "content\n"


@pytest.mark.parametrize("held", ["both", "landlock"])
def test_a_directory_granted_for_listing_shows_names_and_no_contents(place: Path, held: str) -> None:
    manifest = Manifest(programs=("*",), read=(PathGrant(path=str(place / "ws")),))
    assert sh("ls; cat file", manifest, place / "ws", held).stdout.text == "file\n"


@every
def test_hidden_files_are_absent_and_their_siblings_are_not(place: Path, held: str) -> None:
    nested = place / "ws" / "a" / "b"
    nested.mkdir(parents=True)
    (nested / ".env").write_text("canary\n")
    (nested / "open").write_text("open\n")
    (place / "ws" / "a" / "keys").mkdir()
    (place / "ws" / "a" / "keys" / "id").write_text("canary\n")
    manifest = grants(read=(place / "ws",), hidden=(nested / ".env", place / "ws" / "a" / "keys"))
    outcome = sh("cat file a/b/open a/b/.env a/keys/id; grep -r canary .", manifest, place / "ws", held)
    assert outcome.stdout.text == "content\nopen\n"


@every
def test_a_hidden_file_cannot_be_carried_away_to_be_read_later(place: Path, held: str) -> None:
    keys = place / "ws" / "src" / "deep" / "keys"
    keys.mkdir(parents=True)
    (keys / "id").write_text("canary\n")
    (place / "ws" / ".env").write_text("canary\n")
    manifest = grants(write=(place / "ws",), hidden=(keys, place / "ws" / ".env"))
    sh(
        "mv src moved; mv src/deep moved; mv src/deep/keys moved; mv .env moved; ln .env linked; cp -r src copied; cp .env copy",
        manifest,
        place / "ws",
        held,
    )
    assert (keys / "id").read_text() == "canary\n"
    others = [path for path in (place / "ws").rglob("*") if path.is_file() and path not in (keys / "id", place / "ws" / ".env")]
    assert [path for path in others if "canary" in path.read_text()] == []


@every
def test_a_hidden_file_cannot_be_read_through_a_grant_of_its_own(place: Path, held: str) -> None:
    secret = place / "secret"
    manifest = Manifest(programs=("*",), read=(PathGrant(path=str(secret)),), hidden=(str(secret),))
    assert "canary" not in sh(f"cat {secret}", manifest, place / "ws", held).stdout.text


@every
def test_what_a_hidden_link_leads_to_is_hidden(place: Path, held: str) -> None:
    (place / "ws" / "shared").write_text("canary\n")
    (place / "ws" / ".env").symlink_to("shared")
    manifest = grants(read=(place / "ws",), hidden=(place / "ws" / ".env",))
    assert "canary" not in sh("cat .env shared", manifest, place / "ws", held).stdout.text


# -- writing


@every
def test_writing_outside_the_grants_fails(place: Path, held: str) -> None:
    script = f"echo x > {place}/new; echo x > {place}/secret; rm {place}/secret; cp file {place}/; touch /usr/x /etc/x /x /dev/x; echo ok > inside"
    sh(script, grants(write=(place / "ws",)), place / "ws", held)
    assert sorted(os.listdir(place)) == ["secret", "ws"]
    assert (place / "secret").read_text() == "canary\n"
    assert sorted(os.listdir(place / "ws")) == ["file", "inside"]
    assert not any(os.path.exists(path) for path in ("/usr/x", "/etc/x", "/x", "/dev/x"))


@every
def test_a_tree_granted_for_reading_cannot_be_changed(place: Path, held: str) -> None:
    sh("echo x > file; echo x > new; rm file; mkdir d; chmod 0 file; mv file other", grants(read=(place / "ws",)), place / "ws", held)
    assert os.listdir(place / "ws") == ["file"]
    assert (place / "ws" / "file").read_text() == "content\n"


@every
def test_a_single_granted_file_is_the_only_one_that_changes(place: Path, held: str) -> None:
    (place / "ws" / "other").write_text("other\n")
    sh(
        "echo new > file; echo new > other; echo new > third",
        grants(read=(place / "ws",), one=(place / "ws" / "file",)),
        place / "ws",
        held,
    )
    assert (place / "ws" / "file").read_text() == "new\n"
    assert (place / "ws" / "other").read_text() == "other\n"
    assert sorted(os.listdir(place / "ws")) == ["file", "other"]


@every
def test_a_file_to_be_created_opens_its_directory_and_says_so(place: Path, held: str) -> None:
    (place / "ws" / "sub").mkdir()
    outcome = sh(
        "echo new > sub/made; echo new > file", grants(read=(place / "ws",), one=(place / "ws" / "sub" / "made",)), place / "ws", held
    )
    assert (place / "ws" / "sub" / "made").read_text() == "new\n"
    assert (place / "ws" / "file").read_text() == "content\n"
    assert any("sub` as a whole" in note for note in outcome.notes)


@pytest.mark.parametrize("directory", ["/", "/etc", "/var", "~"])
def test_a_file_to_be_created_never_opens_a_home_or_a_system_directory(directory: str) -> None:
    new = os.path.join(os.path.expanduser(directory), "bylaw-new", "file")
    found = compile_grants(Manifest(write=(PathGrant(path=new),)), "/usr/bin")
    assert found.write_trees == ()
    assert any("cannot be created" in note for note in found.notes)


@pytest.mark.parametrize("held", ["both", "bubblewrap"])
def test_a_protected_path_below_a_writable_tree_stays_unchanged(place: Path, held: str) -> None:
    hooks = place / "ws" / ".git" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "pre-commit").write_text("old")
    (place / "ws" / "Makefile").write_text("old")
    manifest = grants(write=(place / "ws",), protected=(hooks, place / "ws" / "Makefile"))
    script = "echo x > .git/hooks/pre-commit; echo x > .git/hooks/new; rm -rf .git; mv .git moved; echo x > Makefile; rm -f Makefile; echo x > free"
    sh(script, manifest, place / "ws", held)
    assert (hooks / "pre-commit").read_text() == "old"
    assert os.listdir(hooks) == ["pre-commit"]
    assert (place / "ws" / "Makefile").read_text() == "old"
    assert (place / "ws" / "free").exists()


def test_landlock_alone_says_that_it_does_not_hold_what_is_protected(place: Path) -> None:
    (place / "ws" / "Makefile").write_text("old")
    outcome = sh("true", grants(write=(place / "ws",), protected=(place / "ws" / "Makefile",)), place / "ws", "landlock")
    assert any("Makefile` unchanged" in note for note in outcome.notes)


def test_a_protected_path_that_appears_is_named(place: Path) -> None:
    manifest = grants(write=(place / "ws",), protected=(place / "ws" / ".envrc",))
    assert any("created by this command" in note for note in sh("echo x > .envrc", manifest, place / "ws").notes)
    (place / "ws" / ".envrc").unlink()
    assert not any("created by this command" in note for note in sh("true", manifest, place / "ws").notes)


@every
def test_mounts_leave_no_placeholder_in_the_tree(place: Path, held: str) -> None:
    manifest = Manifest(
        programs=("*", f"{place}/ws/no-program"),
        read=(PathGrant(path=f"{place}/ws/none"), PathGrant(path=f"{place}/ws/none/deep", recursive=True)),
        write=(PathGrant(path=str(place / "ws"), recursive=True), PathGrant(path=f"{place}/ws/later/file")),
        hidden=(f"{place}/ws/.env", f"{place}/ws/keys/id"),
        protected=(f"{place}/ws/.git/hooks", f"{place}/ws/.envrc"),
    )
    sh("true", manifest, place / "ws", held)
    assert [str(path.relative_to(place)) for path in sorted(place.rglob("*"))] == ["secret", "ws", "ws/file"]


@every
def test_the_temporary_directory_is_private_and_gone_afterwards(place: Path, held: str) -> None:
    # where bylaw itself is installed below /tmp, the way to it is mounted there
    ours = {Path(path).parts[2] for path in (sys.prefix, sys.base_prefix, inside.__file__ or "") if path.startswith("/tmp/")}
    outcome = sh('echo x > "$TMPDIR/mine" && cat "$TMPDIR/mine"; ls -A "$TMPDIR"', grants(), "/", held)
    assert [line for line in outcome.stdout.text.splitlines() if line not in ours] == ["x", "mine"]
    again = sh('ls -A "$TMPDIR"', grants(), "/", held)
    assert set(again.stdout.text.splitlines()) <= ours


@every
def test_git_works_without_the_home_directory(place: Path, held: str) -> None:
    home = place / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = canary\n")
    subprocess.run(["git", "init", "-q", str(place / "ws")], check=True)
    manifest = grants(write=(place / "ws",), protected=(place / "ws" / ".git" / "hooks",))
    call = Invocation(
        argv=("sh", "-c", "git add file && git status --short; git config user.name"), program=SHELL, directory=str(place / "ws")
    )
    plan = Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(call,))),))
    environment = {**ENVIRONMENT, "HOME": str(home)}
    outcome = run_plan(plan, manifest=manifest, limits=LIMITS, sandbox="require", environment=environment, states=states(held))
    assert (outcome.stdout.text, outcome.stderr.text) == ("A  file\n", "")


# -- programs


@pytest.mark.parametrize("held", ["both", "landlock"])
def test_a_program_that_is_not_named_does_not_start(place: Path, held: str) -> None:
    own = place / "ws" / "payload"
    own.write_text("#!/bin/sh\necho ran\n")
    own.chmod(0o755)
    manifest = Manifest(programs=(SHELL, os.path.realpath("/bin/cat")), write=(PathGrant(path=str(place / "ws"), recursive=True),))
    outcome = sh("cat file; ls; ./payload; cp file x", manifest, place / "ws", held)
    assert outcome.stdout.text == "content\n"


def test_the_loader_and_the_interpreters_of_a_program_are_named_with_it(tmp_path: Path) -> None:
    script, other = tmp_path / "script", tmp_path / "other"
    script.write_text("#!/usr/bin/env -S sh\n")
    other.write_text(f"#!{script}\n")
    found = starters((str(other),), "/usr/bin:/bin")
    assert {str(other), str(script), os.path.realpath("/usr/bin/env"), SHELL} <= set(found)
    assert any("ld" in os.path.basename(path) for path in found)


# -- network


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


CONNECT = (
    'exec {python} -I -S -c \'import socket,sys; socket.create_connection(("127.0.0.1", {port}), 5).sendall(b"x"); print("connected")\''
)


def connecting(server: socket.socket) -> str:
    return CONNECT.format(python=os.path.realpath(sys.executable), port=server.getsockname()[1])


@every
def test_the_network_cannot_be_reached_without_a_grant(place: Path, held: str, listener: socket.socket) -> None:
    manifest = grants(read=(Path(sys.base_prefix),))
    outcome = sh(connecting(listener), manifest, "/", held)
    assert outcome.stdout.text == ""
    assert outcome.exit_code == 1
    assert "Error" in outcome.stderr.text


PROXIED = """exec {python} -I -S -c '
import os, socket
host, _, port = os.environ["HTTPS_PROXY"].removeprefix("http://").partition(":")
proxy = socket.create_connection((host, int(port)), 5)
proxy.sendall(b"CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n")
print(proxy.recv(4096).split(b"\\r\\n")[0].decode())
'"""


def asking(port: int) -> str:
    return PROXIED.format(python=os.path.realpath(sys.executable), port=port)


@every
def test_a_granted_host_is_reached_through_the_proxy_and_told(place: Path, held: str, listener: socket.socket) -> None:
    port, heard = listener.getsockname()[1], Heard()
    manifest = grants(read=(Path(sys.base_prefix),), hosts=(f"127.0.0.1:{port}",))
    outcome = sh(asking(port), manifest, "/", held, witness=heard)
    assert " 200 " in outcome.stdout.text, outcome
    assert [(one.host, one.port, one.verdict) for one in heard.connections] == [("127.0.0.1", port, "opened")] * 2
    assert outcome.denials == ()


@every
def test_a_host_that_was_not_granted_is_refused_by_the_proxy_and_told(place: Path, held: str, listener: socket.socket) -> None:
    port, heard = listener.getsockname()[1], Heard()
    manifest = grants(read=(Path(sys.base_prefix),), hosts=("127.0.0.1:1",))
    outcome = sh(asking(port), manifest, "/", held, witness=heard)
    assert " 403 " in outcome.stdout.text, outcome
    assert [(one.port, one.verdict) for one in heard.connections] == [(port, "refused")]
    assert Denial(kind="network", subject=f"127.0.0.1:{port}", certainty="exact", source="proxy") in outcome.denials


@every
def test_nothing_is_reached_past_the_proxy(place: Path, held: str, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    manifest = grants(read=(Path(sys.base_prefix),), hosts=(f"127.0.0.1:{port}",))
    assert sh(connecting(listener), manifest, "/", held).stdout.text == ""


def test_a_record_that_fails_opens_no_connection(place: Path, listener: socket.socket) -> None:
    class Full(Heard):
        def opening(self, connection: Connection) -> None:
            raise OSError(28, "the record is full")

    manifest = grants(read=(Path(sys.base_prefix),), hosts=(f"127.0.0.1:{listener.getsockname()[1]}",))
    with pytest.raises(OSError, match="the record is full"):
        sh(asking(listener.getsockname()[1]), manifest, "/", witness=Full())
    listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        listener.accept()


# -- processes


@every
def test_nothing_of_bylaw_can_be_seen_in_the_process_file_system(place: Path, held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYLAW_CANARY", "canary-of-the-parent")
    script = f"cat /proc/self/environ /proc/*/environ /proc/$PPID/environ /proc/{os.getpid()}/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'"
    text = sh(script, grants(), "/", held).stdout.text
    assert "canary-of-the-parent" not in text
    assert "BYLAW" not in text


@pytest.mark.parametrize("held", ["both", "landlock"])
def test_processes_outside_cannot_be_signalled(place: Path, held: str) -> None:
    victim = subprocess.Popen(["sleep", "60"])
    try:
        assert sh(f"kill -9 {victim.pid}", grants(), "/", held).exit_code != 0
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


@every
def test_root_has_lost_what_reaches_around_the_sandbox(place: Path, held: str) -> None:
    script = "mount -t tmpfs x /mnt; unshare -m true && echo unshared; chroot / true && echo rooted; hostname evil && echo named; cat /proc/kmsg; true"
    assert sh(script, grants(), "/", held).stdout.text == ""


@every
def test_no_descriptor_of_the_parent_reaches_a_command(place: Path, held: str) -> None:
    with open(place / "secret") as leak:
        os.set_inheritable(leak.fileno(), True)
        script = 'for fd in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do (eval "true <&$fd") 2>/dev/null && echo $fd; done; true'
        assert sh(script, grants(), "/", held).stdout.text == ""


@pytest.mark.parametrize("held", ["both", "bubblewrap"])
def test_the_process_that_watches_cannot_be_looked_into(place: Path, held: str) -> None:
    script = "cat /proc/1/environ /proc/1/maps; readlink /proc/1/fd/* /proc/$PPID/fd/*; echo forged > /proc/1/fd/4; true"
    assert sh(script, grants(), "/", held).stdout.text == ""


# -- layers


def test_a_layer_is_proven_by_a_probe_that_is_run_once() -> None:
    assert layers() is layers()
    assert [state.name for state in layers()] == ["bubblewrap", "cgroup", "landlock", "seccomp"]
    assert all(state.why for state in layers())


def test_a_bubblewrap_that_is_not_there_is_not_counted_on(tmp_path: Path) -> None:
    state = Bubblewrap(places=(str(tmp_path / "bwrap"),)).probe()
    assert not state.available
    assert str(tmp_path) in state.why


def test_a_bubblewrap_that_others_can_change_is_not_counted_on(tmp_path: Path) -> None:
    copy = tmp_path / "bwrap"
    shutil.copy("/usr/bin/bwrap", copy)
    copy.chmod(0o777)
    assert not Bubblewrap(places=(str(copy),)).probe().available


def test_a_bubblewrap_that_fails_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no namespaces here >&2\nexit 1\n")
    broken.chmod(0o755)
    if os.stat(broken).st_uid != 0:
        pytest.skip("only a file of root is tried at all")
    state = Bubblewrap(places=(str(broken),)).probe()
    assert not state.available
    assert "no namespaces here" in state.why


def test_a_required_sandbox_without_any_layer_is_an_error_with_a_next_step() -> None:
    missing = tuple(LayerState(name=state.name, available=False, why="simulated") for state in layers())
    with pytest.raises(SandboxError) as caught:
        select("require", missing)
    assert caught.value.hint
    assert select("prefer", missing)[0] == ()
    assert select("off", layers())[0] == ()


def test_a_grant_of_a_missing_path_grants_nothing(tmp_path: Path) -> None:
    manifest = Manifest(read=(PathGrant(path=str(tmp_path / "none"), recursive=True),))
    found = compile_grants(manifest, "/usr/bin")
    assert (found.trees, found.files, found.lists) == ((), (), ())


ORDINARY = """
import os, sys
from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.policy.plan import Invocation, Pipeline, Plan, Step
from bylaw.tools.process import run_plan
from bylaw.tools.sandbox import LayerState, layers
place = sys.argv[1]
limits = Limits(read_bytes=1, write_bytes=1 << 20, output_bytes=1000, command_seconds=20, command_characters=100, regular_files=True)
script = "id -u; cat ws/file; cat secret ws/.env; echo x > out; echo x > ws/made && cat ws/made; chmod 500 $TMPDIR"
call = Invocation(argv=("sh", "-c", script), program=os.path.realpath("/bin/sh"), directory=place)
plan = Plan(steps=(Step(connector="then", pipeline=Pipeline(stages=(call,))),))
manifest = Manifest(programs=("*",), read=(PathGrant(path=place + "/ws/sub"),), write=(PathGrant(path=place + "/ws", recursive=True),), hidden=(place + "/ws/keys",))
for held in (("bubblewrap", "landlock"), ("landlock",), ()):
    states = tuple(s if s.name in held else LayerState(name=s.name, available=False, why="test") for s in layers())
    result = run_plan(plan, manifest=manifest, limits=limits, sandbox="prefer", environment={"PATH": "/usr/bin:/bin"}, states=states)
    print(",".join(result.layers), result.status, result.exit_code, repr(result.stdout.text))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_is_held_alike() -> None:
    python = next((path for path in ("/usr/bin/python3",) if os.access(path, os.X_OK)), None)
    if python is None or subprocess.run([python, "-I", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False).returncode:
        pytest.skip("there is no python of the system that an ordinary user could run")
    top = Path(f"/var/tmp/bylaw-ordinary-{os.getpid()}")
    source = Path(os.path.realpath(sys.modules["bylaw.tools.process"].__file__ or "")).parent.parent
    try:
        (top / "lib" / "bylaw").mkdir(parents=True)
        (top / "lib" / "bylaw" / "__init__.py").write_text("")
        for room in ("policy", "tools"):
            shutil.copytree(source / room, top / "lib" / "bylaw" / room)
        (top / "place" / "ws" / "keys").mkdir(parents=True)
        (top / "place" / "ws" / "file").write_text("content\n")
        (top / "place" / "secret").write_text("canary\n")
        for path in (top / "place", top / "place" / "ws", top / "place" / "ws" / "keys", top / "place" / "secret"):
            os.chown(path, 65534, 65534)
        code = f"import sys; sys.path.insert(0, {str(top / 'lib')!r})\n{ORDINARY}"
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", python, "-I", "-B", "-c", code, str(top / "place")]
        done = subprocess.run(command, cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False, timeout=60)
        assert done.stderr == ""
        both, landlock, none = done.stdout.splitlines()
        assert both == "bubblewrap,landlock ok 0 '65534\\ncontent\\nx\\n'"
        # Landlock alone cannot let files appear beside something that is hidden: it grants the siblings one by one.
        assert landlock.startswith("landlock ok 0 '65534\\ncontent\\n")
        assert "canary" not in landlock
        assert none.startswith(" ok 0 '65534\\ncontent\\ncanary\\n")
    finally:
        shutil.rmtree(top)
