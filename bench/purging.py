"""A tenth of the event log is purged while the service is used: how fast, and what its callers notice.

Then as many new events come: the table and its indexes must not grow, or the log of a service that purges every day
would. `PURGE_EVENTS` says how many there are at first; 20,000,000 need 16 GB, and a quarter of an hour.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from bench import filled, goals
from bench.service import Client, Service

EVENTS = int(os.environ.get("PURGE_EVENTS", "2000000"))
GOAL = 3_000  # events a second: a day's 10,000,000 within an hour
# Times as large as before; 1.1 if nothing were used again. The index by actors is filled inside, where pages are split.
GROWTH_GOAL = 1.03
A_POLL = 0.02  # seconds between a caller's calls
QUIET_SECONDS = 20.0
MEGABYTE = 2**20
CUSTOMER, FEED = "/api/crm/customer", "/api/crm/event?limit=100"


def main() -> None:
    service = Service(durable=False)
    try:
        with psycopg.connect(service.server.url, autocommit=True) as connection:
            started = time.perf_counter()
            filled.fill_log(connection, service.server.url, EVENTS // 2)
            print(f"{EVENTS:,} events, {size(connection):,.0f} MB, written in {time.perf_counter() - started:.0f} s")
            with callers(service) as quiet:
                time.sleep(QUIET_SECONDS)
            with callers(service) as busy:
                purge(connection, service)
            print("  milliseconds (median, 99th of a hundred, longest), before and during the purge:")
            for name in quiet:
                print(f"    {name:12} {told(quiet[name])}   {told(busy[name])}")
            vacuum(connection)
            refill(connection, service)
    finally:
        service.close()


def size(connection: psycopg.Connection) -> float:
    return number(connection, "SELECT pg_total_relation_size('overplane_events_event')") / MEGABYTE


def number(connection: psycopg.Connection, sql: str) -> float:
    row = connection.execute(sql).fetchone()
    assert row
    return float(row[0])


def wal(connection: psycopg.Connection) -> float:
    return number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") / MEGABYTE


@contextmanager
def callers(service: Service) -> Iterator[dict[str, list[float]]]:
    """One who creates customers and one who reads the log's end meanwhile: how long each call took."""
    took: dict[str, list[float]] = {"create": [], "feed": []}
    stop = threading.Event()

    def call(name: str, *request: Any) -> None:
        client = Client(service)
        while not stop.wait(A_POLL):
            began = time.perf_counter()
            status, *_ = client.call(*request)
            took[name].append((time.perf_counter() - began) * 1000)
            assert status in (200, 201), status

    create = ("create", "POST", CUSTOMER, {"customer_name": "Purge"})
    threads = [threading.Thread(target=call, args=request) for request in (create, ("feed", "GET", FEED))]
    for thread in threads:
        thread.start()
    try:
        yield took
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def told(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    return f"{ordered[len(ordered) // 2]:6.1f} {ordered[len(ordered) * 99 // 100]:7.1f} {ordered[-1]:7.1f}"


def purge(connection: psycopg.Connection, service: Service) -> None:
    days = EVENTS // 2 * filled.SECONDS_BETWEEN * 0.9 / 86400
    written, started = wal(connection), time.perf_counter()
    with goals.watched(service.server.pid) as noise:
        answer = service.manage("purge_events", "--days", f"{days:.0f}")
    seconds = time.perf_counter() - started
    count = int(answer.split()[1])
    print(f"{answer.strip()} {seconds:.0f} s, {wal(connection) - written:,.0f} MB of WAL with that of the callers")
    print(goals.at_least("events purged a second", count / seconds, GOAL, noise.processors))


def vacuum(connection: psycopg.Connection) -> None:
    """As autovacuum does, which is off on this server."""
    written, started = wal(connection), time.perf_counter()
    # The first one empties pages of the indexes, and the next one, some transaction later, lets them be used again.
    for _ in range(2):
        connection.execute("VACUUM (INDEX_CLEANUP ON) overplane_events_event")
        connection.execute("SELECT pg_current_xact_id()")
    print(f"vacuum, twice: {time.perf_counter() - started:.0f} s, {wal(connection) - written:,.0f} MB of WAL")


def refill(connection: psycopg.Connection, service: Service) -> None:
    """As many as went, of others."""
    before = size(connection)
    gone = EVENTS - number(connection, "SELECT count(*) FROM overplane_events_event WHERE actor LIKE 'api_key:key\\__'")
    filled.write_log(service.server.url, (EVENTS + int(gone)) // 2, int(gone) // 2)
    label = f"size after {gone:,.0f} new events, of {before:,.0f} MB"
    print(goals.at_most(label, size(connection) / before, GROWTH_GOAL))
