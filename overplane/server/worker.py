"""gunicorn's worker with threads, as the service needs it: slow clients occupy no thread, and refusals are our envelope.

It is imported before raw_env is set, so nothing that counts may be imported here (see gunicorn.py).
"""

import gc
import socket
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from selectors import EVENT_READ
from typing import Any

from gunicorn import util
from gunicorn.http import message, wsgi
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread

from overplane import settings, waiting
from overplane.server.bodies import Bodies
from overplane.server.connections import LONGEST_REQUEST_LINE, PIECE, Connection, Sender

message.MAX_REQUEST_LINE = LONGEST_REQUEST_LINE  # type: ignore[misc]  # final for others
# How much is read of what a client goes on sending after its answer, so that it gets to read that and does not find a
# broken connection: twice the largest body that any call takes.
DRAINED_BYTES, DRAINED_SECONDS = 32 * 1024 * 1024, 10.0
# Objects more than before until the collector runs: those of some fifty requests, a few megabytes. Python's 700 are
# fewer than one request makes.
COLLECTED_AFTER = 20_000
# Of a body in which the application has no interest: a small one has come with its head, and the connection goes on.
MOST_READ_UNASKED = 1024 * 1024
LATE = object()  # what a thread answers that had waited for the body of a request
PROBE = b"GET /healthz "


class Parts:
    """Stands in for a socket, and keeps what is to be sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)


class Response(wsgi.Response):
    """Sends the headers with the first piece of the body: one packet instead of two, and one call of the system, which
    were 7 % of the time of a small request."""

    def __init__(self, req: Any, sock: socket.socket, cfg: Any) -> None:
        super().__init__(req, Sender(sock), cfg)  # type: ignore[arg-type]  # it has what is called of a socket

    def default_headers(self) -> list[str]:
        if not _is_read(self.req):
            self.force_close()  # the client is told, and the connection ends with this answer
        return super().default_headers()

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


# gunicorn lets us choose these classes for HTTP/2 only, or not at all.
wsgi.Response = Response  # type: ignore[misc]  # one class in another's place
gthread.TConn = Connection  # type: ignore[misc]  # one class in another's place


class Worker(gthread.ThreadWorker):
    """`arriving` and `leaving`: connections that no thread is busy with, the oldest first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arriving: dict[Connection, None] = {}
        self.leaving: dict[Connection, None] = {}
        self.bodies = Bodies()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        raw_answers = import_module("overplane.api.raw_answers")
        self.refusal: Callable[[str | None, BaseException], bytes | None] = raw_answers.refusal
        self.crowded: Callable[[str | None], bytes | None] = raw_answers.crowded
        self.health: Callable[[], bytes] = raw_answers.health
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

    def enqueue_req(self, conn: Any) -> None:
        """In the main loop: a thread for what has come; what has not is waited for without one."""
        is_whole = conn.receive()
        if not is_whole and not conn.is_nearly_whole():
            self._wait_for(conn)
            return
        self.arriving.pop(conn, None)
        if conn.has_ended and not conn.received:
            self._close(conn)
        elif is_whole and conn.received.startswith(PROBE):
            # Answered while all threads are busy, too: a process that works must not be taken for a dead one.
            self._answer(conn, self.health())
        else:
            self._start(conn)

    def _start(self, conn: Connection) -> None:
        if self.bodies.admit(conn):
            super().enqueue_req(conn)

    def _wait_for(self, conn: Connection) -> None:
        if conn not in self.arriving:
            conn.timeout = time.monotonic() + settings.CLIENT_SECONDS
            self.arriving[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_arriving, conn))

    def _on_arriving(self, conn: Connection, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """In a thread."""
        if not conn.receive_soon():
            return LATE
        conn.hand_over()
        return super().handle(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if following := self.bodies.leave(conn):
            self._start(following)
        result = fs.result() if not fs.cancelled() and fs.exception() is None else None
        if result is LATE:
            self.enqueue_req(conn)
        elif result is False:
            self._leave(conn)
        else:
            super().finish_request(conn, fs)

    def _answer(self, conn: Connection, answer: bytes) -> None:
        """From the main loop, which waits for nobody: a few hundred bytes fit into what the system keeps for a client."""
        try:
            conn.sock.send(answer, socket.MSG_DONTWAIT)
        except OSError as failure:
            self.log.debug("The client left before its answer: %s", failure)
        self._leave(conn)

    def _leave(self, conn: Connection) -> None:
        """Ends our side, and reads what the client still sends, or it might find a broken connection instead of its answer."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_leaving, conn))
        except (OSError, ValueError):
            self._close(conn)  # the client was faster
            return
        conn.timeout, conn.undrained = time.monotonic() + DRAINED_SECONDS, DRAINED_BYTES
        self.leaving[conn] = None

    def _on_leaving(self, conn: Connection, sock: socket.socket) -> None:
        try:
            piece = sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        conn.undrained -= len(piece)
        if not piece or conn.undrained <= 0:
            self._end(conn, self.leaving)

    def _end(self, conn: Connection, waiting_room: dict[Connection, None]) -> None:
        del waiting_room[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        for conn in _expired(self.arriving, now):
            if conn.received:
                del self.arriving[conn]
                self.poller.unregister(conn.sock)
                self._answer(conn, self.refusal(_path(conn.received), TimeoutError("it came too slowly")) or b"")
            else:
                self._end(conn, self.arriving)
        for conn in _expired(self.bodies.queued, now):
            del self.bodies.queued[conn]
            self._answer(conn, self.crowded(_path(conn.received or bytearray())) or b"")
        for conn in _expired(self.leaving, now):
            self._end(conn, self.leaving)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)  # type: ignore[misc]  # new in gunicorn 27; the stubs know 26
        for conn in self.arriving | self.bodies.queued | self.leaving:
            conn.timeout = min(conn.timeout, deadline)

    def handle_request(self, req: Any, conn: Any) -> bool:
        return super().handle_request(req, conn) and _is_read(req)

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


def _expired(waiting_room: dict[Connection, None], now: float) -> list[Connection]:
    return [conn for conn in waiting_room if conn.timeout <= now]


def _path(received: bytearray) -> str | None:
    """Of a request of which at least the first line has come."""
    words = received.partition(b"\r\n")[0].split(b" ") if b"\r\n" in received else []
    return words[1].decode("latin-1") if len(words) > 1 else None


def _is_read(req: Any) -> bool:
    """Whether the body has been read to its end; what is left of it is read now if it is here already."""
    if getattr(req.body, "failed", False):  # where the next request would begin is unknown
        return False
    left = MOST_READ_UNASKED
    req.unreader.waits = False
    try:
        while left > 0 and (piece := _piece(req.body.reader)):
            left -= len(piece)
    except (OSError, ParseException):
        req.body.failed = True
    finally:
        req.unreader.waits = True
    return left > 0 and not req.body.failed


def _piece(reader: Any) -> bytes:
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
