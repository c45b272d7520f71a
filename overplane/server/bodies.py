"""Which requests with a large body have a thread: it reads the body, and waits for the client meanwhile.

A hundred clients whose bodies do not come would else have all threads, one after the other.
"""

import re
import time

from overplane import settings
from overplane.server.connections import BODY_LENGTH, END_OF_HEAD, EXPECTS, Connection

CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
CHUNK = re.compile(rb"[0-9a-f]", re.IGNORECASE)
LAST_CHUNK = re.compile(rb"\r\n0+\r\n")


class Bodies:
    """`reading`: at most half of the threads. `queued`: the others, the oldest first; `timeout` is how long each waits."""

    def __init__(self) -> None:
        self.most = max(1, settings.WEB_THREADS // 2)
        self.reading: set[Connection] = set()
        self.queued: dict[Connection, None] = {}

    def admit(self, conn: Connection) -> bool:
        """Whether this request may have a thread now; else it is queued."""
        if is_here(conn.received or bytearray()):
            return True
        if len(self.reading) < self.most:
            self.reading.add(conn)
            return True
        conn.timeout = time.monotonic() + settings.CLIENT_SECONDS
        self.queued[conn] = None
        return False

    def leave(self, conn: Connection) -> Connection | None:
        """A thread is done with this request. Who may be admitted in its place, no longer queued."""
        if conn not in self.reading:
            return None
        self.reading.remove(conn)
        following = next(iter(self.queued), None)
        self.queued.pop(following, None)  # type: ignore[arg-type]  # None is never there
        return following


def is_here(received: bytearray) -> bool:
    """Whether no thread will have to wait for the rest of the body. What gunicorn will refuse has none."""
    end = received.find(END_OF_HEAD)
    if EXPECTS.search(received, 0, end + 2):
        return False
    length = BODY_LENGTH.search(received, 0, end + 2)
    if length is None and CHUNKED.search(received, 0, end + 2):
        body = received[end + len(END_OF_HEAD) :]
        is_broken = bool(body) and not CHUNK.match(body)
        return is_broken or LAST_CHUNK.search(received, end + 2) is not None
    return end < 0 or length is None or len(received) >= end + len(END_OF_HEAD) + int(length[1])
