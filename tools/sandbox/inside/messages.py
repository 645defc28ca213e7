"""Messages between bylaw and its launchers: one packet each, marshal, with descriptors beside it.

Both ends are ours and run the same interpreter; programs of a plan never get one of these sockets.
"""

from __future__ import annotations

import _socket
import marshal
import os

from .files import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Shape

_MOST_BYTES = 65536
_MOST_DESCRIPTORS = 16
_SIZE = 4

Message = dict[str, object]


def send(socket: _socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """OSError where the other end is gone."""
    beside: list[tuple[int, int, bytes]] = []
    if descriptors:
        numbers = b"".join(number.to_bytes(_SIZE, "little") for number in descriptors)
        beside = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)]
    socket.sendmsg([marshal.dumps(message)], beside)


def receive(socket: _socket.socket) -> tuple[Message, list[int]] | None:
    """The next message with its descriptors, which are ours now and closed on exec; None where the other end is gone."""
    try:
        data, beside, _, _ = socket.recvmsg(_MOST_BYTES, _socket.CMSG_SPACE(_MOST_DESCRIPTORS * _SIZE), _socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return None
    if not data:
        return None
    found: list[int] = []
    for level, kind, numbers in beside:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            found += [
                moved(int.from_bytes(numbers[at : at + _SIZE], "little")) for at in range(0, len(numbers) - len(numbers) % _SIZE, _SIZE)
            ]
    message: Message = marshal.loads(data)  # noqa: S302 - our own other end wrote it
    return message, found


def adopt(descriptor: int) -> _socket.socket:
    """The socket that a descriptor is; the descriptor itself belongs to it from now on."""
    return _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, moved(descriptor))


def fail(socket: _socket.socket, problem: BaseException) -> None:
    """Says why this launcher ends, where anybody listens."""
    text = f"{type(problem).__name__}: {problem}".encode("utf-8", "backslashreplace")[:2000].decode("utf-8", "replace")
    try:
        send(socket, {"failed": text})
    except OSError:
        os._exit(1)


def content(message: Message, descriptors: list[int]) -> bytes:
    """What a message brings: in it, or where it is long in a file whose descriptor comes first, and is closed."""
    found = message["content"]
    if isinstance(found, bytes):
        return found
    with open(descriptors.pop(0), "rb") as stream:
        return stream.read()


def read_shape(received: tuple[Message, list[int]]) -> Shape:
    """INVARIANT: a launcher's first message brings its shape."""
    shape: Shape = marshal.loads(content(*received))  # noqa: S302 - our own other end wrote it
    return shape
