"""HTTP as a proxy is spoken to: CONNECT, and plain requests in absolute form (RFC 9112, sections 3.2.2 and 3.2.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import HostError
from .hosts import Request, Target, asked_for, read_port, shown, split_authority
from .interface import Answer, RequestError
from .wire import Wire

HEAD_BYTES = 16 * 1024
ANSWER_BYTES = 64 * 1024

_PORT = 80
_END = b"\r\n\r\n"
_LINE = re.compile(rb"([A-Z][A-Z-]{0,31}) ([\x21-\x7e]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_NOT_PASSED = frozenset(
    (b"connection", b"host", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"upgrade")
)
_LINE_END = re.compile(rb"\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1[0-9][0-9]\b")
_OF_CONNECTION = frozenset((b"connection", b"keep-alive", b"proxy-connection"))
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"trailer"))
_STATUS: dict[Answer, str] = {
    "bad": "400 Bad Request",
    "late": "408 Request Timeout",
    "large": "431 Request Header Fields Too Large",
    "forbidden": "403 Forbidden",
    "command": "405 Method Not Allowed",
    "kind": "400 Bad Request",
    "unreachable": "502 Bad Gateway",
    "refused": "502 Bad Gateway",
    "slow": "504 Gateway Timeout",
}


async def read_head(wire: Wire) -> bytes:
    """The head of a request, with the empty line at its end; raises RequestError when it is too long."""
    head = await wire.until(_END, HEAD_BYTES)
    if head is None:
        raise RequestError(f"the head of the request is longer than {HEAD_BYTES} bytes", "large")
    return head


def parse_head(head: bytes) -> Request:
    """The request of a head; raises RequestError for everything that is not a request to a proxy.

    A plain request goes on in origin form, for the host that is judged and with `Connection: close`. Its body and what
    may follow go on as they are: the connection leads to that host and no other, so a second request that hides in it
    is asked of the host that was judged.
    """
    first, *rest = head.removesuffix(_END).split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise RequestError("this is not a request to a proxy", "bad")
    fields = [_field(one) for one in rest]
    asked = line.group(2).decode("ascii")
    if line.group(1) == b"CONNECT":
        return Request(target=_authority(asked, None), granted=_GRANTED)
    scheme, separator, where = asked.partition("://")
    if not separator or scheme.lower() != "http":
        raise RequestError("only http:// addresses are asked for like this; others use CONNECT", "bad")
    end = next((index for index, one in enumerate(where) if one in "/?#"), len(where))
    authority, path = where[:end], where[end:]
    if "#" in path or "@" in authority or "\\" in where:
        raise RequestError("an address with a name before its host, a fragment or a backslash is read in several ways", "bad")
    target = _authority(authority, _PORT)
    named = str(target).removesuffix(f":{_PORT}")
    path = path if path.startswith("/") else "/" + path
    lines = (f"{line.group(1).decode()} {path} HTTP/1.{line.group(3).decode()}", f"Host: {named}")
    whole = [*(one.encode() for one in lines), *_passed(fields), b"Connection: close"]
    return Request(target=target, first=b"\r\n".join(whole) + _END)


class Closing:
    """Makes the answer to a plain request say that the connection ends with it, whatever the host says.

    A client that kept it would send its next request, for another host and with that one's credentials, to this host.
    """

    def __init__(self) -> None:
        self._held = b""
        self._told = False

    def __call__(self, chunk: bytes) -> bytes:
        """What goes on to the client of these bytes; none of them mean that the host has ended.

        Raises OSError when the head of the answer does not end.
        """
        if self._told or not chunk:
            held, self._held = self._held, b""
            return held + chunk
        self._held += chunk
        passed = b""
        while not self._told and (end := _HEAD_END.search(self._held)) is not None:
            head, self._held = self._held[: end.start()], self._held[end.end() :]
            if _INTERIM.match(head) is not None:
                passed += head + _END
                continue
            self._told = True
            passed += _closing(head) + self._held
            self._held = b""
        if len(self._held) > ANSWER_BYTES:
            raise OSError(f"the head of the answer is longer than {ANSWER_BYTES} bytes")
        return passed


def _closing(head: bytes) -> bytes:
    status, *lines = _LINE_END.split(head)
    kept = [status, b"Connection: close"]
    dropped = False
    for line in lines:
        # A folded line belongs to the one before it.
        dropped = dropped if line[:1] in {b" ", b"\t"} else line.partition(b":")[0].strip().lower() in _OF_CONNECTION
        if not dropped:
            kept.append(line)
    return b"\r\n".join(kept) + _END


def refused(problem: RequestError) -> bytes:
    """The answer to a client that is turned away, with the reason as text."""
    body = f"{problem.why}\n".encode("ascii", "backslashreplace")
    head = (
        f"HTTP/1.1 {_STATUS[problem.answer]}",
        "Content-Type: text/plain; charset=us-ascii",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join(head).encode() + _END + body


def _authority(text: str, default: int | None) -> Target:
    """The target; a host that can be read in several ways is refused by its name."""
    try:
        host, written = split_authority(text)
    except HostError as problem:
        raise RequestError(problem.message, "forbidden", host=shown(text)) from problem
    port = default if written is None else read_port(written)
    if port is None:
        raise RequestError("the address has no port", "bad", host=shown(host))
    return asked_for(host, port)


def _field(line: bytes) -> tuple[bytes, bytes]:
    found = _FIELD.fullmatch(line)
    if found is None:  # a folded line, a blank before the colon, a lone line feed: servers differ on what these mean
        raise RequestError("the head of the request holds a line that is not a header", "bad")
    return found.group(1), found.group(2).strip(b" \t")


def _passed(fields: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """The headers that go on to the host: not those that are meant for this connection alone."""
    known = [name.lower() for name, _ in fields]
    lengths = [name for name in known if name in {b"content-length", b"transfer-encoding"}]
    if len(lengths) > 1:  # servers that choose differently between them find different requests in the same bytes
        raise RequestError("the length of the body is given twice", "bad")
    named = {one.strip().lower() for name, value in fields if name.lower() == b"connection" for one in value.split(b",")}
    dropped = (_NOT_PASSED | named) - _FRAMING
    return [name + b": " + value for name, value in fields if name.lower() not in dropped]
