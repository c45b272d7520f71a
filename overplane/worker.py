"""gunicorn's worker with threads, as the API needs it: it refuses in our envelope, and reads a body to its end.

It is imported before raw_env is set, so nothing that counts may be imported here (see gunicorn.py).
"""

import gc
import socket
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from gunicorn import util
from gunicorn.http import message, wsgi
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from overplane import waiting

# gunicorn's own ceiling is 8,190, or none at all, with which anybody could fill the memory. A thousand ids, as many as
# a page may show, have some 40,000 characters.
LONGEST_REQUEST_LINE = message.MAX_REQUEST_LINE = 65_536  # type: ignore[misc]  # final for others
# How much is read of a body that is refused, so that the client gets to read the answer and does not find a broken
# connection: twice the largest body that any call takes. It occupies a thread, so a slow client is not waited for:
# at most 10 seconds in all, and 2 without a byte.
DRAINED_BYTES, DRAINED_SECONDS, DRAINED_PAUSE = 32 * 1024 * 1024, 10.0, 2.0
PIECE = 1024 * 1024
# Objects more than before until the collector runs: those of some fifty requests, a few megabytes. Python's 700 are
# fewer than one request makes.
COLLECTED_AFTER = 20_000


class Parts:
    """Stands in for a socket, and keeps what is to be sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)


class Response(wsgi.Response):
    """Sends the headers with the first piece of the body: one packet instead of two, and one call of the system, which
    were 7 % of the time of a small request."""

    def write(self, arg: bytes) -> None:
        if self.headers_sent:
            super().write(arg)
            return
        sock, parts = self.sock, Parts()
        self.sock = parts  # type: ignore[assignment]  # it has what is called of a socket
        try:
            super().write(arg)
        finally:
            self.sock = sock
        sock.sendall(b"".join(parts.sent))


wsgi.Response = Response  # type: ignore[misc]  # one class in another's place: gunicorn lets us choose it for HTTP/2 only


class Worker(ThreadWorker):
    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.refusal: Callable[[str | None, BaseException], bytes | None] = import_module(
            "overplane.api.refusals"
        ).refusal
        # What is loaded now stays: the collector need not look through it (4 % of a request's time), nor after each one.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED_AFTER, *gc.get_threshold()[1:])

    def handle_exit(self, sig: int, frame: Any) -> None:
        waiting.end()  # a request that sleeps would hold up the end, or a reload, for as long as it may wait
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        waiting.end()  # Python joins the threads of a pool before it exits
        super().handle_quit(sig, frame)

    def handle(self, conn: TConn) -> Any:
        stays_open = super().handle(conn)
        if stays_open is False:
            # gunicorn would read the rest in its main loop, where one slow client delays everybody.
            _hang_up(conn.sock)
        return stays_open

    def handle_request(self, req: Any, conn: TConn) -> bool:
        reader = req.body.reader
        if isinstance(reader, LengthReader) and reader.length > DRAINED_BYTES:
            req.force_close()
        stays_open = super().handle_request(req, conn)
        if not stays_open or _is_read(reader) or _drain(partial(_piece, reader), conn.sock):
            return stays_open
        _cut(conn.sock)
        return False

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answers what gunicorn could not read, and what the application raised."""
        # Some of these errors have the request as `req`, as far as it was read; some have a line of it there.
        answer = self.refusal(getattr(req or getattr(exc, "req", None), "path", None), exc)
        if answer is None:
            super().handle_error(req, client, addr, exc)
            return
        try:
            util.write_nonblock(client, answer)
        except OSError as failure:
            self.log.debug("The client left before its answer: %s", failure)


def _is_read(reader: LengthReader | ChunkedReader) -> bool:
    return not reader.length if isinstance(reader, LengthReader) else reader.parser is None


def _piece(reader: Any, _size: int) -> bytes:
    """The bytes of one read from the socket; b"" at the body's end. `body.read` would wait until it has all that it is asked for."""
    if isinstance(reader, ChunkedReader):
        # The parser brings nothing where a packet ends behind a chunk's size; that is no end.
        for piece in reader.parser or ():
            if piece:
                return piece
        reader.parser = None
        return b""
    if not reader.length:
        return b""
    piece = reader.unreader.read(None, read_ahead=min(reader.length, PIECE))
    if not piece:
        raise ConnectionResetError
    own, more = piece[: reader.length], piece[reader.length :]
    if more:
        reader.unreader.unread(more)
    reader.length -= len(own)
    return own


def _hang_up(sock: socket.socket) -> None:
    """Ends our side, reads what the client still sends, and ends the connection."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the client was faster
    _drain(sock.recv, sock)
    _cut(sock)


def _cut(sock: socket.socket) -> None:
    """Nothing more will be read or written. gunicorn closes the socket itself, since it counts its connections."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _drain(read: Callable[[int], bytes], sock: socket.socket) -> bool:
    """Reads what the client still sends. Did it come to its end?"""
    end, left = time.monotonic() + DRAINED_SECONDS, DRAINED_BYTES
    try:
        sock.settimeout(DRAINED_PAUSE)
        while left > 0 and time.monotonic() < end:
            piece = read(PIECE)
            if not piece:
                return True
            left -= len(piece)
    except (OSError, ParseException):
        pass  # it is gone, or what it sends is no body: either way this was the connection's last answer
    finally:
        sock.settimeout(None)
    return False
