"""The servers that DATABASE_URL names, one of which takes writes: which one, when two say so.

A primary whose guard is frozen does not know that a standby was promoted. It goes on to read what is old by now, its
commits wait for a synchronous standby that follows it no more, and who connects anew would come to it again.
"""

import select
from collections.abc import Mapping
from typing import Any

import psycopg

Server = tuple[str, str]  # host and port
# A machine that is out of breath takes seconds to let somebody in, and is not dead.
PATIENCE = 3
# A promotion begins another timeline, with a greater number.
TIMELINE = b"""SELECT CASE WHEN pg_is_in_recovery() THEN 0
ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END"""

_tried_last: Server | None = None


def try_last(server: Server) -> None:
    """From now on, by whoever connects."""
    global _tried_last  # noqa: PLW0603 (a fact of the network, the same for all threads)
    _tried_last = server


def in_order(parameters: Mapping[str, Any]) -> dict[str, Any]:
    known = servers_of(parameters)
    if _tried_last not in known:
        return dict(parameters)
    known.sort(key=lambda one: one == _tried_last)
    return {**parameters, "host": ",".join(host for host, _ in known), "port": ",".join(port for _, port in known)}


def servers_of(parameters: Mapping[str, Any]) -> list[Server]:
    """As libpq reads the lists: one port, or none, is that of all."""
    hosts = str(parameters.get("host") or "").split(",")
    ports = str(parameters.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [(host, port or "5432") for host, port in zip(hosts, ports, strict=False)]


def server_of(connection: psycopg.Connection[Any]) -> Server | None:
    try:
        return connection.info.host, str(connection.info.port)
    except psycopg.Error:  # it is being closed
        return None


def at(parameters: Mapping[str, Any], server: Server) -> dict[str, Any]:
    host, port = server
    return {**parameters, "host": host, "port": port}


def reached_by(connection: psycopg.Connection[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the one server that this connection has come to: before it may stand one that lets nobody in."""
    server = server_of(connection)
    return at(parameters, server) if server else dict(parameters)


def timeline(parameters: Mapping[str, Any]) -> int | None:
    """The timeline that the server there writes. 0: it takes no writes, or has no connection left. None: no answer.

    (Where nobody listens any more, it has gone, and the system tells those who wait.)
    """
    try:
        connection = psycopg.connect(**{**parameters, "connect_timeout": PATIENCE, "autocommit": True})
    except psycopg.errors.ConnectionTimeout:
        return None
    except psycopg.Error:
        return 0
    try:
        connection.pgconn.send_query(TIMELINE)
        readable = select.poll()
        readable.register(connection.fileno(), select.POLLIN)
        if not readable.poll(PATIENCE * 1000):
            return None
        answer = connection.pgconn.get_result()
        return int((answer and answer.get_value(0, 0)) or 0)
    except psycopg.Error:
        return 0
    finally:
        connection.close()


def is_overtaken(parameters: Mapping[str, Any], server: Server, own: int) -> bool:
    """Whether another one writes a later timeline than this, which writes `own`."""
    others = [one for one in servers_of(parameters) if one != server]
    return any((timeline(at(parameters, one)) or 0) > own for one in others)
