"""A connection of gunicorn that is safe from slow and hostile clients.

A thread is given only to a request that has come: its head, and a small body. What is larger is read by a thread, of
which only some do that at once (see worker.py), and answers are sent by it, both only as long as the client keeps a pace.
"""

import errno
import os
import re
import select
import socket
import time
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from overplane import settings

PIECE = 64 * 1024  # bytes: as much as a socket's buffer usually has
READ_SIZE = 1024 * 1024  # of a large body: each read costs the GIL, which is to be had again
# gunicorn's own ceiling is 8,190, or none at all, with which anybody could fill the memory. A thousand ids, as many as
# a page may show, have some 40,000 characters.
LONGEST_REQUEST_LINE = 65_536
# So much of a request is waited for without a thread: more than a call for one object needs. A thousand connections, as
# many as gunicorn opens in a process, take 128 MB at the worst.
MOST_AWAITED = 2 * LONGEST_REQUEST_LINE
# Many clients send head and body in two packets. A thread waits so long for the second one, once for each request: to go
# back to the main loop for it costs more than that, a tenth of what a create takes.
MILLISECONDS = 10
# Bytes a second: a client that is slower uses up its `CLIENT_SECONDS`. The slowest mobile networks bring as much.
SLOWEST = 8 * 1024

END_OF_HEAD = b"\r\n\r\n"
BODY_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
# All that may make a thread wait for a body. (Whoever sends `Expect` waits for an answer before the body.)
OF_BODY = re.compile(rb"\r\n(?:content-length|transfer-encoding|expect)", re.IGNORECASE)
NOT_YET, BY_THREAD = 0, -1


class TooSlow(ConnectionResetError):
    """For gunicorn a client that has gone: it ends the connection, and logs nothing."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client is too slow")


class Patience:
    """How much longer this client may keep a thread waiting, in seconds."""

    def __init__(self) -> None:
        self.left = settings.CLIENT_SECONDS

    def wait(self, sock: socket.socket, move: Any) -> Any:
        """What `move` answers, which reads or sends something and waits until it can. Raises `TooSlow`."""
        began = time.monotonic()
        sock.settimeout(max(self.left, 0.001))  # 0 would mean not to wait at all
        try:
            moved = move()
        except TimeoutError:
            raise TooSlow from None
        finally:
            sock.setblocking(True)
        size = moved if isinstance(moved, int) else len(moved)
        self.left = min(settings.CLIENT_SECONDS, self.left - (time.monotonic() - began) + size / SLOWEST)
        return moved


class Unreader(SocketUnreader):
    """Reads from a client as long as it keeps its pace. `waits`: else what is not there raises `BlockingIOError`."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.patience, self.waits = Patience(), True

    def chunk(self, size_hint: int | None = None) -> bytes:
        size = min(max(size_hint or 0, self.mxchunk), READ_SIZE)
        try:
            return self.sock.recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            if not self.waits:
                raise
        return self.patience.wait(self.sock, lambda: self.sock.recv(size))


class Sender:
    """Stands in for the socket of an answer: sends to a client as long as it keeps its pace."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.patience = sock, Patience()

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                sent = self.sock.send(rest, socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = self.patience.wait(self.sock, lambda: self.sock.send(rest))  # noqa: B023 (it is called at once)
            rest = rest[sent:]

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        end = os.fstat(file.fileno()).st_size if count is None else offset + count
        at = offset
        while at < end and (piece := os.pread(file.fileno(), min(PIECE, end - at), at)):
            self.sendall(piece)
            at += len(piece)
        return at - offset

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


class Connection(TConn):
    """`received`: what has come of a request that is not whole yet, and `size`: how much it will be (see `size_of`).

    `timeout`: when it must have come, or be read to its end.
    """

    parser: Any  # gunicorn's own types leave out what is read of it here
    received: bytearray | None = None
    timeout: float = 0.0
    has_ended = is_late = False
    undrained = 0
    size = NOT_YET

    def init(self) -> None:
        is_new = not self.initialized
        super().init()
        if is_new and not self.is_http2:
            self.parser.unreader = Unreader(self.sock)

    def receive(self) -> bool:
        """Reads what has come, and says whether that is enough for a thread to begin."""
        if self.received is None:
            self.received = bytearray(self.parser.unreader.take_buffered() if self.parser else b"")
        while not self._is_enough(self.received):
            try:
                piece = self.sock.recv(PIECE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                piece = b""
            if not piece:
                self.has_ended = True
                return True
            self.received += piece
        return True

    def _is_enough(self, received: bytearray) -> bool:
        if self.size == NOT_YET:
            self.size = size_of(received)
        return self.size == BY_THREAD or NOT_YET < self.size <= len(received)

    def is_to_be_read(self) -> bool:
        """A thread must read the rest of it, however long that takes."""
        return self.size == BY_THREAD and not self.has_ended

    def is_nearly_whole(self) -> bool:
        """Its head is here, and nobody has waited for the body yet: it may be the next packet."""
        return not self.is_late and self.size != NOT_YET

    def receive_soon(self) -> bool:
        """In a thread: as `receive`, and waits a little."""
        if self.receive():
            return True
        self.is_late = True
        readable = select.poll()
        readable.register(self.sock, select.POLLIN)
        return bool(readable.poll(MILLISECONDS)) and self.receive()

    def hand_over(self) -> None:
        """To gunicorn, which finds what has been read already."""
        self.sock.setblocking(True)
        self.init()
        self.parser.unreader.patience = Patience()
        self.parser.unreader.unread(bytes(self.received or b""))
        self.received, self.size, self.is_late, self.data_ready = None, NOT_YET, False, True


def size_of(received: bytearray) -> int:
    """Of a request, with its head. `NOT_YET` where nobody knows it, `BY_THREAD` where gunicorn is to see: it may be large."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return NOT_YET if len(received) <= MOST_AWAITED else BY_THREAD
    head, of_body = end + len(END_OF_HEAD), len(OF_BODY.findall(received, 0, end + 2))
    if not of_body:
        return head
    length = BODY_LENGTH.search(received, 0, end + 2)
    if length is None or of_body > 1:
        return BY_THREAD
    size = head + int(length[1])
    return size if size <= max(MOST_AWAITED, len(received)) else BY_THREAD
