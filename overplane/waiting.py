"""Requests that wait for news.

Each one that sleeps occupies a thread of its worker, so at most one of a process does: the others are answered at once,
and ask again. Between two looks nothing is held but the thread; no transaction is open.
"""

import select
import socket
import threading
import time
from collections.abc import Generator

from django.conf import settings

LONGEST = 25  # seconds; proxies give up on an answer after 30 or 60
# Between two looks, and before a worker that ends is noticed: so late news come at most. docs/decisions/waiting-feed.md
# has the figures.
PAUSE = 0.1
clock = time.monotonic
_sleep_lock = threading.Lock()
_ends = threading.Event()


def end() -> None:
    """The process is to end: whoever sleeps is answered now, and nobody begins to. Not reversible."""
    _ends.set()


def pauses(seconds: float, client: socket.socket | None) -> Generator[None]:
    """Sleeps before each value, and says by it: look again. No value comes any more once the time is over, the client
    has left or the process is to end; none at all comes where this request may not sleep.

    `client`: the connection on which the answer is awaited, if it is known.
    """
    # With one thread nobody else would be answered meanwhile, not even /healthz.
    if not seconds or settings.WEB_THREADS == 1 or not _sleep_lock.acquire(blocking=False):
        return
    try:
        over = clock() + seconds
        while not _ends.is_set() and (left := over - clock()) > 0:
            if _leaves(client, min(left, PAUSE)):
                return
            yield
    finally:
        _sleep_lock.release()


def _leaves(client: socket.socket | None, seconds: float) -> bool:
    """Sleeps; does the client end its side meanwhile? (Whoever does gets an empty answer, in case that it still reads.)"""
    if client is not None:
        readable = select.poll()
        readable.register(client, select.POLLIN)
        if not readable.poll(seconds * 1000):
            return False
        try:
            if not client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return True
        except BlockingIOError:
            pass
        except OSError:
            return True
    # Nobody to watch, or one that sends its next request already.
    _ends.wait(seconds)
    return False
