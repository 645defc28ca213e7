"""Real programs behind the proxy, which find it by their environment; and a jail with no other way out."""

from __future__ import annotations

import array
import contextlib
import functools
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.tools.sandbox.proxy import Allowed, environment
from proxy_room import HERE, SITE, Room, granted, proxied, serving, site

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed, and makes the certificate")


def run(room: Room, *words: str) -> subprocess.CompletedProcess[str]:
    """The program with nothing in its environment but where the proxy is."""
    plain = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LC_ALL": "C"}
    return subprocess.run(
        words, env={**plain, **environment(room.port)}, capture_output=True, text=True, check=False, timeout=60, cwd=os.environ["HOME"]
    )


def python(room: Room, program: str) -> subprocess.CompletedProcess[str]:
    return run(room, sys.executable, "-I", "-c", program)


@needs_curl
def test_curl_asks_for_a_plain_page() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        done = run(room, "curl", "-sS", f"http://{SITE}:{web.port}/page")
        assert (done.stdout, done.stderr) == ("hello from the site\n", "")
        assert web.requests[0][0] == "GET /page HTTP/1.1"
        assert room.end().protocol == "http"


@needs_curl
def test_curl_speaks_socks_and_leaves_the_name_to_the_proxy() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        done = run(room, "curl", "-sS", "-x", f"socks5h://127.0.0.1:{room.port}", f"http://{SITE}:{web.port}/page")
        assert done.stdout == "hello from the site\n"
        assert (room.end().protocol, room.looked_up) == ("socks5", [SITE])


@needs_curl
def test_curl_sends_a_large_body() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        body = Path(os.environ["HOME"]) / "body"
        body.write_bytes(b"x" * (1 << 20))
        done = run(room, "curl", "-sS", "--data-binary", f"@{body}", f"http://{SITE}:{web.port}/")
        assert done.stdout == "x" * (1 << 20)


@needs_curl
def test_a_redirect_to_a_host_that_is_not_granted_is_refused() -> None:
    with site() as inner:
        away = f"http://evil.example:{inner.port}/"
        with site(redirect=away) as web, proxied(*granted(web.port), names={**HERE, "evil.example": ("127.0.0.1",)}) as room:
            done = run(room, "curl", "-sS", "-L", f"http://{SITE}:{web.port}/away")
            assert f"the sandbox did not grant network access to evil.example:{inner.port}" in done.stdout
            assert sorted(one.verdict for one in room.ends(2)) == ["opened", "refused"]
            assert inner.requests == []


@needs_curl
@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]"])
def test_a_redirect_to_an_address_inside_is_refused(host: str) -> None:
    with contextlib.ExitStack() as stack:
        inner = stack.enter_context(site())
        web = stack.enter_context(site(redirect=f"http://{host}:{inner.port}/"))
        room = stack.enter_context(proxied("*", f"127.0.0.1:{web.port}", names=HERE))
        done = run(room, "curl", "-sS", "-L", "--noproxy", "", f"http://{SITE}:{web.port}/away")
        assert "did not grant network access" in done.stdout
        assert inner.requests == []
        assert sorted(one.verdict for one in room.ends(2)) == ["opened", "refused"]


@needs_curl
def test_curl_is_told_why_a_tunnel_is_refused() -> None:
    with proxied("example.org:443") as room:
        done = run(room, "curl", "-sS", "https://evil.example/")
        assert "403" in done.stderr
        assert (room.end().host, room.end().port, room.end().verdict) == ("evil.example", 443, "refused")


def test_urllib_finds_the_proxy_by_itself() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        fetch = "import urllib.request as u; print(u.urlopen({!r}).read())"
        assert python(room, fetch.format(f"http://{SITE}:{web.port}/")).stdout == "b'hello from the site\\n'\n"
        refused = python(room, fetch.format("http://evil.example/"))
        assert "HTTP Error 403: Forbidden" in refused.stderr


def test_httpx_finds_the_proxy_and_is_not_broken_by_it() -> None:
    with site() as web, proxied(*granted(web.port), names=HERE) as room:
        done = python(room, f"import httpx; print(httpx.get('http://{SITE}:{web.port}/').text)")
        assert (done.stdout, done.stderr) == ("hello from the site\n\n", "")
        assert room.end().protocol == "http"


def test_a_program_may_serve_itself_inside() -> None:
    with site() as web, proxied() as room:
        done = python(room, f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{web.port}/').read())")
        assert done.stdout == "b'hello from the site\\n'\n"
        assert room.told == []


def test_git_clones_over_http(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "work")
    git("-C", "work", "commit", "-q", "--allow-empty", "-m", "a first commit")
    git("clone", "-q", "--bare", "work", "shared.git")
    git("-C", "shared.git", "update-server-info")
    with pages(tmp_path) as port, proxied(*granted(port), names=HERE) as room:
        done = run(room, "git", "clone", "-q", f"http://{SITE}:{port}/shared.git", str(tmp_path / "copy"))
        assert (done.returncode, done.stderr) == (0, "")
        said = subprocess.run(["git", "-C", tmp_path / "copy", "log", "--format=%s"], capture_output=True, text=True, check=True)
        assert said.stdout == "a first commit\n"
        assert {one.host for one in room.ends(1)} == {SITE}


class pages:  # noqa: N801 a context like those of the room
    """The files of a directory, served on loopback."""

    def __init__(self, directory: Path) -> None:
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name that the base class gives it
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory)))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> int:
        self._thread.start()
        return self._server.server_address[1]

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Path]:
    """A certificate for the site, signed by itself, with its key in the same file."""
    key, found = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", f"/CN={SITE}", "-addext", f"subjectAltName=DNS:{SITE}", "-keyout", str(key), "-out", str(found)]
    subprocess.run([*words, *names], check=True, capture_output=True)
    found.write_text(found.read_text() + key.read_text())
    yield found


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@needs_curl
@needs_openssl
def test_tls_goes_through_untouched(certificate: Path) -> None:
    """The client checks the certificate of the site itself: the proxy sees bytes, and puts none of its own in between."""

    def secure(client: socket.socket) -> None:
        with tls(certificate).wrap_socket(client, server_side=True) as inside:
            inside.recv(65536)
            inside.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nsecret\n")
            inside.unwrap()

    with serving(secure) as port, proxied(*granted(port), names=HERE) as room:
        done = run(room, "curl", "-sS", "--cacert", str(certificate), f"https://{SITE}:{port}/s3cret")
        assert (done.stdout, done.stderr) == ("secret\n", "")
        assert (room.end().protocol, room.end().verdict) == ("connect", "opened")
        assert "s3cret" not in repr(room.told)


JAIL = """
import array, os, socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listener = socket.create_server(("127.0.0.1", 0))
there = socket.socket(fileno=int(sys.argv[1]))
there.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener.fileno()]))])
port = listener.getsockname()[1]
listener.close()
there.recv(1)
outside = int(sys.argv[2])
try:
    socket.create_connection(("127.0.0.1", outside), timeout=10)
    print("direct: reached")
except OSError as problem:
    print("direct:", problem.strerror)
def ask(where):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(f"GET http://{where}/ HTTP/1.1\\r\\n\\r\\n".encode())
        whole = b""
        while chunk := client.recv(65536):
            whole += chunk
        return whole.partition(b"\\r\\n")[0].decode()
print("granted:", ask(f"127.0.0.1:{outside}"))
print("other:", ask("127.0.0.1:1"))
print("name:", ask("evil.example"))
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None, reason="needs root, unshare and ip")
def test_a_jail_reaches_the_machine_by_the_proxy_alone() -> None:
    """The listener is made in a network namespace with nothing but loopback, and served from outside of it."""
    ours, theirs = socket.socketpair()
    with site() as web, ours:
        with theirs:
            jail = subprocess.Popen(
                ["unshare", "-n", sys.executable, "-I", "-c", JAIL, str(theirs.fileno()), str(web.port)],
                pass_fds=(theirs.fileno(),),
                stdout=subprocess.PIPE,
                text=True,
            )
        with jail:
            _, rights, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
            listener = socket.socket(fileno=array.array("i", rights[0][2])[0])
            with proxied(f"127.0.0.1:{web.port}", listener=listener) as room:
                ours.sendall(b"x")
                said, _ = jail.communicate(timeout=60)
                assert said.splitlines() == [
                    "direct: Connection refused",
                    "granted: HTTP/1.1 200 OK",
                    "other: HTTP/1.1 403 Forbidden",
                    "name: HTTP/1.1 403 Forbidden",
                ]
                assert sorted(one.verdict for one in room.ends(3)) == ["opened", "refused", "refused"]
        assert len(web.requests) == 1


def test_a_granted_address_of_the_outer_loopback_is_asked_of_the_proxy() -> None:
    with site() as web, proxied(f"127.0.0.1:{web.port}") as room:
        told = environment(room.port, Allowed.parse([f"127.0.0.1:{web.port}"]))
        fetch = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{web.port}/').read())"
        done = subprocess.run([sys.executable, "-I", "-c", fetch], env=told, capture_output=True, text=True, check=False, timeout=60)
        assert done.stdout == "b'hello from the site\\n'\n"
        assert room.end().address == "127.0.0.1"
