"""When the service listens: from the moment in which a worker can answer, until it is told to stop.

Before and after that connections are refused, so that nginx goes to the next server; none waits for a start, and none is broken
off. Whoever is connected, and not let in yet, when the last copy of a listening socket is closed finds a broken connection:
nginx answers 502 then, since nobody knows whether a POST was done. So a stop begins with refusing connections, and then the
workers let in whoever waits (see worker.py).
"""

import ctypes
import queue
import signal
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from gunicorn.sock import BaseSocket

from overplane import ending, settings

# A program for the kernel's filter of packets: drop those that would open a connection (SYN is bit 2 in byte 13), take all
# others. Who asks in vain asks again after a second, and hears then that nobody listens: nginx goes to the next server.
LOAD_BYTE, JUMP_IF_SET, RETURN = 0x30, 0x45, 0x06
NO_NEWCOMERS = ((LOAD_BYTE, 0, 0, 13), (JUMP_IF_SET, 0, 1, 0x02), (RETURN, 0, 0, 0), (RETURN, 0, 0, 0xFFFFFFFF))
SO_ATTACH_FILTER = 26  # Linux; Python has no name for it
# Until whoever has asked already is connected: a way there and back, half around the world.
HANDSHAKE_SECONDS = 0.2

# gunicorn's first process would listen as soon as it runs, seconds before its workers do.
BaseSocket._is_listening = staticmethod(lambda sock: True)  # type: ignore[attr-defined]  # new in gunicorn 27; the stubs know 26


def begin(listeners: Iterable[Any], backlog: int) -> None:
    """In a worker that can answer. The sockets are those of all: for the later workers it changes nothing."""
    for listener in listeners:
        listener.sock.listen(backlog)


def stop(server: Any, graceful: bool = True) -> None:
    """In place of gunicorn's own, which closes the sockets, tells the workers and waits for them."""
    if graceful and server.LISTENERS:
        ending.end_service()
        _wait(server, settings.DRAIN_SECONDS)
        for listener in server.LISTENERS:
            refuse_newcomers(listener.sock)
        time.sleep(HANDSHAKE_SECONDS)
    type(server).stop(server, graceful)


def _wait(server: Any, seconds: float) -> None:
    """Until the load balancer has seen /readyz, or somebody is in a hurry."""
    over = time.monotonic() + seconds
    while (left := over - time.monotonic()) > 0:
        with suppress(queue.Empty):
            if (number := server.SIG_QUEUE.get(timeout=left)) in (signal.SIGINT, signal.SIGQUIT):
                server.SIG_QUEUE.put(number)  # gunicorn looks for it once its workers have been told
                return


def refuse_newcomers(sock: socket.socket) -> None:
    if sock.family == socket.AF_UNIX:
        return  # gunicorn takes its name away before it tells the workers
    program = b"".join(struct.pack("HBBI", *line) for line in NO_NEWCOMERS)
    lines = ctypes.create_string_buffer(program)
    with suppress(OSError):  # another system: then a moment remains in which somebody may find a broken connection
        sock.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(NO_NEWCOMERS), ctypes.addressof(lines))
        )
