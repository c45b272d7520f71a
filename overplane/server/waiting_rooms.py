"""The connections of a worker that no thread is busy with: who they are, how long they may stay, and how they end."""

import socket
import time
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers import gthread

from overplane import settings
from overplane.server.connections import PIECE, Connection

# How much is read of what a client goes on sending after its answer, so that it gets to read that and does not find a
# broken connection: twice the largest body that any call takes.
DRAINED_BYTES, DRAINED_SECONDS = 32 * 1024 * 1024, 10.0
LINGER: float = gthread.STOP_KEEPALIVE_LINGER  # type: ignore[attr-defined]  # new in gunicorn 27; the stubs know 26


class WaitingRooms(gthread.ThreadWorker):
    """`arriving`, `in_line` and `leaving`, each with the oldest first. All of it happens in the main loop.

    Who has a large body is in line for one of the threads that read those: their clients may be slow, and the other threads
    are for those whose requests are here.
    """

    refusal: Callable[[str | None, BaseException], bytes | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arriving: dict[Connection, None] = {}
        self.in_line: dict[Connection, None] = {}
        self.leaving: dict[Connection, None] = {}

    def _wait_for(self, conn: Connection) -> None:
        if conn not in self.arriving:
            conn.timeout = self._in(settings.CLIENT_SECONDS)
            self.arriving[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_arriving, conn))

    def _on_arriving(self, conn: Connection, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    def _in(self, seconds: float) -> float:
        """The moment until which a client is waited for; a worker that stops does not wait for long."""
        return time.monotonic() + (seconds if self.alive else min(seconds, LINGER))

    def hurry(self) -> None:
        """The process ends: who is connected, and says nothing, is not waited for as long as usual."""
        for conn in self.arriving:
            if not conn.received:
                conn.timeout = min(conn.timeout, self._in(LINGER))
        self.arriving = dict.fromkeys(sorted(self.arriving, key=lambda conn: conn.timeout))

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        for conn in _expired(self.arriving, now):
            if conn.received:
                del self.arriving[conn]
                self.poller.unregister(conn.sock)
                self._refuse(conn, TimeoutError("it came too slowly"))
            else:
                self._end(conn, self.arriving)
        for conn in _expired(self.in_line, now):
            del self.in_line[conn]
            self._refuse(conn, BlockingIOError("others are being read"))
        for conn in _expired(self.leaving, now):
            self._end(conn, self.leaving)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def _make_room(self) -> None:
        """For the next one. Whoever opens as many connections as may be, and says nothing, would lock out the others."""
        for waiting_room in (self.leaving, self.arriving):
            if waiting_room:
                self._end(next(iter(waiting_room)), waiting_room)
                return
        if self.keepalived_conns:
            kept: Any = self.keepalived_conns.popleft()
            self.poller.unregister(kept.sock)
            self._close(kept)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)  # type: ignore[misc]  # new in gunicorn 27; the stubs know 26
        for conn in self.arriving | self.leaving:
            conn.timeout = min(conn.timeout, deadline)

    def _refuse(self, conn: Connection, reason: OSError) -> None:
        self._answer(conn, self.refusal(_path(conn.received or bytearray()), reason) or b"")

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
        conn.timeout, conn.undrained = self._in(DRAINED_SECONDS), DRAINED_BYTES
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


def _expired(waiting_room: dict[Connection, None], now: float) -> list[Connection]:
    return list(takewhile(lambda conn: conn.timeout <= now, waiting_room))


def _path(received: bytearray) -> str | None:
    """Of a request of which at least the first line has come."""
    words = received.partition(b"\r\n")[0].split(b" ") if b"\r\n" in received else []
    return words[1].decode("latin-1") if len(words) > 1 else None
