"""Ends the waiting for a server that has stopped to answer, or whose place another one has taken.

The limit of a statement is the server's to keep, and one that is frozen or cut off keeps none: libpq waits for ever. So
a thread looks whether connections wait for long, and if so, whether the server still lets anybody in.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from weakref import WeakSet

import psycopg
from django.conf import settings
from psycopg.pq import TransactionStatus

from overplane.database import time_limits
from overplane.database.postgresql import servers

log = logging.getLogger("overplane.database")
TICK = 0.5  # seconds: a quarter of the shortest limit below
# Seconds of waiting after which the server is asked. What it still works on then is rare, and asking costs a connection.
# (A pooler whose connections all work lets nobody through: there it is what takes longer than a statement may.)
SUSPICIOUS = 2.0
# Seconds more than a statement may take. Each look finds the connection at work: not one statement after another.
GRACE = 5.0

Connections = WeakSet[psycopg.Connection[Any]]
_servers: dict[tuple[str, str], Connections] = {}  # by host and port
_lock = threading.Lock()


def watch(connection: psycopg.Connection[Any], parameters: Mapping[str, Any], *, is_pooled: bool) -> None:
    """From now on. `parameters`: with which the same server is reached."""
    server = str(parameters.get("host")), str(parameters.get("port"))
    with _lock:
        if server not in _servers:  # one thread each: a replica that is gone says nothing of the primary
            known = _servers[server] = Connections()
            threading.Thread(target=_look, args=[known, dict(parameters), is_pooled], daemon=True, name="watch").start()
        _servers[server].add(connection)


def _look(connections: Connections, parameters: Mapping[str, Any], is_pooled: bool) -> None:
    suspicious = max(SUSPICIOUS, settings.STATEMENT_SECONDS) if is_pooled else SUSPICIOUS
    # What the server would have ended by itself waits for one that is gone, and another answers in its place.
    limit = settings.STATEMENT_SECONDS if time_limits.are_for_requests() else 0
    overdue = limit + GRACE if limit else float("inf")
    since: dict[psycopg.Connection[Any], float] = {}
    last_question = 0.0
    while True:
        time.sleep(TICK)
        now = time.monotonic()
        with _lock:
            known = list(connections)
        since = {one: since.get(one, now) for one in known if _waits(one)}
        suspects = [one for one, began in since.items() if now - began >= suspicious]
        lost = [one for one, began in since.items() if now - began >= overdue]
        if suspects and now - last_question >= suspicious:
            lost = list({*lost, *_to_cut(suspects, known, parameters)})
            last_question = now
        if lost:
            log.error("PostgreSQL does not answer any more: %d connections are given up", len(lost))
            cut(lost)


def _waits(connection: psycopg.Connection[Any]) -> bool:
    return _status(connection) == TransactionStatus.ACTIVE


def _status(connection: psycopg.Connection[Any]) -> TransactionStatus:
    try:
        return TransactionStatus(connection.pgconn.transaction_status)
    except psycopg.Error:  # it is being closed
        return TransactionStatus.UNKNOWN


def _to_cut(
    suspects: Collection[psycopg.Connection[Any]],
    known: Collection[psycopg.Connection[Any]],
    parameters: Mapping[str, Any],
) -> Iterator[psycopg.Connection[Any]]:
    """All to a server that another one has overtaken. Of a frozen one those that wait for long, and those that do nothing.

    (It may wake up, and not know that it was replaced; or be a pooler that is merely busy, where transactions go on.)
    """
    for server in {servers.server_of(one) for one in suspects} - {None}:
        assert server
        own = servers.timeline(servers.at(parameters, server))
        there = [one for one in known if servers.server_of(one) == server]
        if own is None:
            servers.try_last(server)
            yield from (one for one in there if one in suspects or _status(one) == TransactionStatus.IDLE)
        elif servers.is_overtaken(parameters, server, own):
            log.error("%s:%s was replaced by another server, and does not know it", *server)
            servers.try_last(server)
            yield from there


def cut(connections: Collection[psycopg.Connection[Any]]) -> None:
    """Whoever waits on one of them is told that it broke."""
    for connection in connections:
        try:
            with socket.socket(fileno=os.dup(connection.pgconn.socket)) as sock:
                connection.pgconn.socket  # noqa: B018 (raises if it was closed meanwhile: then this is another's socket)
                sock.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error) as failure:
            log.warning("a connection was closed already: %s", failure)
