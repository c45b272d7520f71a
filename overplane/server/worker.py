"""gunicorn's worker with threads, as the service needs it: slow clients occupy no thread, and refusals are our envelope.

It is imported before raw_env is set, so nothing that counts may be imported here (see gunicorn.py).
"""

import gc
import select
import signal
import socket
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gunicorn import util
from gunicorn.http import message, wsgi
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread

from overplane import ending, settings, waiting
from overplane.server import listening
from overplane.server.connections import LONGEST_REQUEST_LINE, PIECE, Connection, Sender
from overplane.server.waiting_rooms import WaitingRooms

message.MAX_REQUEST_LINE = LONGEST_REQUEST_LINE  # type: ignore[misc]  # final for others
# Objects more than before until the collector runs: those of some fifty requests, a few megabytes. Python's 700 are
# fewer than one request makes.
COLLECTED_AFTER = 20_000
# Of a body in which the application has no interest: a small one has come with its head, and the connection goes on.
MOST_READ_UNASKED = 1024 * 1024
READERS = max(1, settings.WEB_THREADS // 2)  # threads that read what is large, at the most
OUT_OF_FILES_PAUSE = 0.1
LET_IN_SECONDS = 1.0  # the queue of a listening socket has 2,048 places, and no more come
# Until a worker goes for which none comes (SIGTTOU). A start has taken 50 s on a machine with ten times its work.
SUCCESSOR_SECONDS = 120.0
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
        if ending.service_ends() or not _is_read(self.req):
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


class Worker(WaitingRooms):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.being_read: set[Connection] = set()  # what is large, by threads
        self.replaced_at: float | None = None  # told to end, and serves until its successor does

    def load_wsgi(self) -> None:
        super().load_wsgi()
        raw_answers = import_module("overplane.api.raw_answers")
        self.refusal = raw_answers.refusal
        self.health: Callable[[], bytes] = raw_answers.health
        # What is loaded now stays: the collector need not look through it (4 % of a request's time), nor after each one.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED_AFTER, *gc.get_threshold()[1:])
        if self.replaced_at is None:  # else by a second reload: whoever is older waits for its successors, too
            ending.worker_is_ready()
        listening.begin(self.sockets, self.cfg.backlog)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """gunicorn tells the old workers of a reload to end as soon as it has forked the new ones, which need seconds to
        begin: nobody would be answered meanwhile."""
        if not ending.service_ends():
            self.replaced_at = self.replaced_at or time.monotonic()
        elif self.alive:
            self._begin_end()

    def murder_pending(self) -> None:
        super().murder_pending()
        if self.alive and self.replaced_at is not None:
            is_late = time.monotonic() > self.replaced_at + SUCCESSOR_SECONDS
            if is_late or ending.has_worker_since(self.replaced_at):
                self._begin_end()

    def _begin_end(self) -> None:
        waiting.end()  # a request that sleeps would hold up the end for as long as it may wait
        ending.end_process(settings.GRACEFUL_SECONDS)
        super().handle_exit(signal.SIGTERM, None)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            self._leave_door()

    def _leave_door(self) -> None:
        """Accepts the connections that wait, then closes the socket: while it is open, newcomers are neither refused nor answered."""
        over = time.monotonic() + LET_IN_SECONDS
        for listener in self.sockets:
            waits = select.poll()
            waits.register(listener, select.POLLIN)
            while ending.service_ends() and time.monotonic() < over and waits.poll(0):
                self.accept(listener)
            listener.close()
        self.hurry()

    def handle_quit(self, sig: int, frame: Any) -> None:
        waiting.end()  # Python joins the threads of a pool before it exits
        super().handle_quit(sig, frame)

    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
        except OSError as failure:
            # What is open already is served on. The listener stays readable: without a pause this would be a busy loop.
            self.log.error("no connection can be accepted: %s", failure)
            time.sleep(OUT_OF_FILES_PAUSE)

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
        elif conn.is_to_be_read() and len(self.being_read) >= READERS:
            conn.timeout = time.monotonic() + settings.CLIENT_SECONDS
            self.in_line[conn] = None
        else:
            if conn.is_to_be_read():
                self.being_read.add(conn)
            super().enqueue_req(conn)

    def _next_in_line(self) -> None:
        if self.in_line:
            conn = next(iter(self.in_line))
            del self.in_line[conn]
            self.enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """In a thread."""
        if not conn.receive_soon():
            return LATE
        conn.hand_over()
        return super().handle(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if conn in self.being_read:
            self.being_read.remove(conn)
            self._next_in_line()
        result = fs.result() if not fs.cancelled() and fs.exception() is None else None
        if result is LATE:
            self.enqueue_req(conn)
        elif result is False:
            self._leave(conn)
        else:
            super().finish_request(conn, fs)

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
