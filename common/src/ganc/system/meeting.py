"""A line from each process of a run to the first one, beside Paddle's collectives, on which they wait for each other.

Paddle's collectives on a CPU (gloo) give up after 30 seconds in which one process does not come, such as the first one
while it evaluates, and do not say which process is gone. Here processes wait as long as it takes, learn at once that
one has failed or ended, and which.
"""

import contextlib
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator

from ganc.base.errors import LostProcessError

_HERE, _GO, _FAILED = b"H", b"G", b"F"
_HEADER = struct.Struct("!cI")  # what a message is, and the bytes of its text
_LONGEST_TEXT = 4000
_TOKEN_BYTES = 16
_CONNECT_SECONDS = 120.0  # for all to come to the first meeting
_CAUSE_SECONDS = 8.0  # to learn why a collective broke; a launcher ends the others 5 s after it saw one fail

_joined: list["Meeting"] = []  # the one of this process


class Meeting:
    """The lines of one process: in the first process one to each other, in the others one to the first.

    Args:
        index: which process this is, from 0.
        count: how many there are.
        lines: connected sockets by the index of the process at the other end.
    """

    def __init__(self, index: int, count: int, lines: dict[int, socket.socket]):
        self.index, self.count, self._lines, self._lost = index, count, lines, ""

    def wait(self) -> None:
        """Return when every process has called this, however long that takes.

        Raises:
            LostProcessError: one has failed or ended; the message says which, and why where that is known.
        """
        if self._lost:
            raise LostProcessError(self._lost)
        if self.index:
            if not self._send(0, _HERE) or not self._reads(0, _GO):
                self._lose(self._lost or self._gone(0))
            return
        waited = set(self._lines)
        for index in self._readable(None):
            if not self._reads(index, _HERE):
                self._lose(self._lost or self._gone(index))
            waited.discard(index)
            if not waited:
                break
        for index in self._lines:
            self._send(index, _GO)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Wait for all, then run the block, a collective of Paddle; raises as `wait` where that breaks."""
        self.wait()
        try:
            yield
        except (RuntimeError, ValueError, OSError) as error:
            raise LostProcessError(self._cause(error)) from error

    def fail(self, message: str) -> None:
        """Tell the other processes that this one has failed, so that they can say so and end."""
        if self._lost:
            return  # it only heard of it
        self._lost = f"process {self.index + 1} of {self.count} failed: {message}"
        self._tell()

    def _cause(self, error: Exception) -> str:
        """Return why a collective broke."""
        for index in self._readable(time.monotonic() + _CAUSE_SECONDS):
            if not self._reads(index, _HERE):
                self._lost = self._lost or self._gone(index)
                break
        self._lost = self._lost or f"the processes lost each other: {error}"
        self._tell()
        return self._lost

    def _lose(self, why: str) -> None:
        self._lost = why
        self._tell()
        raise LostProcessError(why)

    def close(self) -> None:
        """Close the lines; to the other processes this one has ended."""
        while self._lines:
            self._lines.popitem()[1].close()

    def _tell(self) -> None:
        """Send what was lost; the first process lets the others read it, from whom closing at once might take it."""
        for index, line in self._lines.items():
            self._send(index, _FAILED, self._lost)
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_WR)
        if self.index == 0:
            left = set(self._lines)
            for index in self._readable(time.monotonic() + _CAUSE_SECONDS):
                if self._received(index) is None:
                    left.discard(index)
                    self._lines.pop(index).close()
                if not left:
                    break
        self.close()

    def _gone(self, index: int) -> str:
        return f"process {index + 1} of {self.count} ended in the middle of the run (killed, or short of memory?)"

    def _reads(self, index: int, kind: bytes) -> bool:
        """Return whether the next message of a process is of that kind; of a failure, what it said is kept."""
        message = self._received(index)
        if message and message[0] == _FAILED:
            self._lost = message[1]
        return message is not None and message[0] == kind

    def _send(self, index: int, kind: bytes, text: str = "") -> bool:
        said = text.encode()[:_LONGEST_TEXT]
        try:
            self._lines[index].sendall(_HEADER.pack(kind, len(said)) + said)
        except (OSError, KeyError):
            return False
        return True

    def _received(self, index: int) -> tuple[bytes, str] | None:
        """Return the next message of a process, None where it has ended."""
        try:
            kind, length = _HEADER.unpack(_exactly(self._lines[index], _HEADER.size))
            return kind, _exactly(self._lines[index], length).decode(errors="replace")
        except (OSError, KeyError, struct.error):
            return None

    def _readable(self, until: float | None) -> Iterator[int]:
        """Yield the processes of which something can be read, again and again, until a time or without an end."""
        while self._lines:
            with selectors.DefaultSelector() as selector:
                for index, line in self._lines.items():
                    selector.register(line, selectors.EVENT_READ, index)
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return
                found = [key.data for key, _ in selector.select(left)]
            yield from found


def say_failure(message: str) -> None:
    """Tell the other processes, where there are some, that this one ends with an error."""
    for one in _joined:
        one.fail(message)


def join(index: int, count: int, share: Callable[[bytes], bytes]) -> Meeting:
    """Return the meeting of a process.

    Args:
        share: gives every process what the first one gives.

    Raises:
        LostProcessError: not all of them come.
    """
    lines = _hosted(count, share) if index == 0 else {0: _connected(index, share(b""))}
    for line in lines.values():
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_silence(line)
        line.settimeout(None)
    meeting = Meeting(index, count, lines)
    _joined[:] = [meeting]
    return meeting


def _notice_silence(line: socket.socket) -> None:
    """Let the system ask at the other end, so that a machine that vanished counts as ended."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):  # not on every system
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _hosted(count: int, share: Callable[[bytes], bytes]) -> dict[int, socket.socket]:
    host = os.environ.get("PADDLE_CURRENT_ENDPOINT", "127.0.0.1:0").rpartition(":")[0]
    token = os.urandom(_TOKEN_BYTES)
    with _server(host, count) as server:
        share(token + f"{host}:{server.getsockname()[1]}".encode())
        return _accepted(server, token, set(range(1, count)))


def _server(host: str, count: int) -> socket.socket:
    try:
        return socket.create_server((host, 0), backlog=count)
    except OSError:  # an address that this machine has for others only, as in a container
        return socket.create_server(("", 0), backlog=count)


def _accepted(server: socket.socket, token: bytes, missing: set[int]) -> dict[int, socket.socket]:
    """Return the lines of the processes that were told the token; whoever else connects is sent away."""
    until, lines = time.monotonic() + _CONNECT_SECONDS, {}
    while missing:
        server.settimeout(max(0.001, until - time.monotonic()))
        try:
            line, _ = server.accept()
        except TimeoutError as error:
            names = _numbers(missing)
            raise LostProcessError(f"process {names} did not come within {_CONNECT_SECONDS:.0f} s") from error
        line.settimeout(5.0)
        try:
            said = _exactly(line, _TOKEN_BYTES + 4)
        except OSError:
            said = b""
        index = int.from_bytes(said[_TOKEN_BYTES:], "big")
        if said[:_TOKEN_BYTES] == token and index in missing:
            lines[index] = line
            missing.discard(index)
        else:
            line.close()
    return lines


def _connected(index: int, told: bytes) -> socket.socket:
    token, address = told[:_TOKEN_BYTES], told[_TOKEN_BYTES:].decode()
    host, _, port = address.rpartition(":")
    try:
        line = socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS)
        line.sendall(token + index.to_bytes(4, "big"))
    except OSError as error:
        raise LostProcessError(f"process {index + 1} cannot reach the first one at {address}: {error}") from error
    return line


def _exactly(line: socket.socket, length: int) -> bytes:
    """Return so many bytes. Raises OSError where the other end has closed."""
    parts = bytearray()
    while len(parts) < length:
        part = line.recv(length - len(parts))
        if not part:
            raise ConnectionResetError("closed")
        parts += part
    return bytes(parts)


def _numbers(indices: Iterable[int]) -> str:
    return ", ".join(str(index + 1) for index in sorted(indices))
