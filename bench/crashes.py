"""Nothing acknowledged is lost, nothing is done twice: PostgreSQL killed under load, and pollers that miss nothing.

Figures are counts, to be compared by eye; a wrong one raises.
"""

import random
import threading
import time
import uuid
from collections import Counter
from typing import Any

import psycopg

from bench.service import Client, Service

CUSTOMER = "/api/crm/customer"
CREATES, CLIENTS, KILLS = 4800, 8, 4
POLL_SECONDS = 20


def keyed_creates() -> None:
    """Clients that retry under the same Idempotency-Key while the database is killed again and again."""
    service = Service()
    ledger: dict[str, str] = {}
    statuses: Counter[Any] = Counter()
    lock = threading.Lock()

    def client(number: int) -> None:
        caller = Client(service)
        for i in range(CREATES // CLIENTS):
            key, name = str(uuid.uuid4()), f"c{number}-{i}"
            while True:
                try:
                    status, body, _ = caller.call("POST", CUSTOMER, {"customer_name": name}, Idempotency_Key=key)
                except ConnectionError:
                    status, body = "broken", None
                with lock:
                    statuses[status] += 1
                if status == 201:
                    ledger[name] = body["id"]
                    break
                if status not in (409, 503, "broken"):
                    raise AssertionError((status, body))
                time.sleep(0.05)

    try:
        threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for kill in range(1, KILLS + 1):
            while len(ledger) < CREATES * kill // (KILLS + 1):
                time.sleep(0.01)
            service.server.stop("immediate")
            time.sleep(0.3)
            service.server.start()
        for thread in threads:
            thread.join()
        with psycopg.connect(service.server.url) as connection:
            stored = dict(connection.execute("SELECT customer_name, id FROM crm_customer").fetchall())
            rows = connection.execute("SELECT count(*), count(DISTINCT customer_name) FROM crm_customer").fetchone()
            events = connection.execute(
                "SELECT count(*), count(DISTINCT subject) FROM overplane_events_event WHERE type = 'customer.created'"
            ).fetchone()
            counted = connection.execute(
                "SELECT sum(n) FROM overplane_row_count WHERE relation = 'crm_customer'"
            ).fetchone()
        print(f"keyed creates: {len(ledger)} acknowledged of {CREATES}, {KILLS} kills, answers {dict(statuses)}")
        print(
            f"  rows {rows[0]}, names {rows[1]}, created events {events[0]} about {events[1]}, kept count {counted[0]}"
        )
        assert stored == ledger
        assert rows == events == (CREATES, CREATES)
        assert counted[0] == CREATES
    finally:
        service.close()


def poller() -> None:
    """A poller beside writers whose transactions last at random, with two restarts of the server in between."""
    service = Service()
    seen: list[str] = []
    stop = threading.Event()
    done = threading.Event()

    def writer(number: int) -> None:
        """Batches of random size: long and short transactions that commit out of order. Some are held open by hand."""
        caller, dice = Client(service), random.Random(number)
        while not stop.is_set():
            operations = [
                {"op": "create", "data": {"customer_name": f"w{number}"}} for _ in range(dice.choice([1, 1, 2, 300]))
            ]
            try:
                caller.call("POST", f"{CUSTOMER}/batch", {"operations": operations})
            except ConnectionError:
                time.sleep(0.05)

    def dawdler() -> None:
        """Takes a transaction number early and commits late."""
        while not stop.is_set():
            try:
                with psycopg.connect(service.server.url) as connection:
                    connection.execute("SELECT pg_current_xact_id()")
                    time.sleep(random.random())
                    connection.execute(
                        "INSERT INTO overplane_events_event (epoch, type, created_at, actor, subject, object_id, object_version,"
                        " object, previous, changed) SELECT max(id), 'customer.updated', now(), 'dawdler', 's', 'o', 1, '{}', '{}', ''"
                        " FROM overplane_events_epoch"
                    )
            except psycopg.Error:
                time.sleep(0.05)

    def poll() -> None:
        caller, cursor, quiet = Client(service), "start", 0
        while quiet < 5:
            try:
                status, body, _ = caller.call("GET", f"/api/crm/event?after={cursor}&limit=500")
            except ConnectionError:
                status = 503
            if status == 200:
                seen.extend(event["id"] for event in body["data"])
                cursor = body["next_cursor"]
                quiet = quiet + 1 if done.is_set() and not body["data"] else 0
            elif status != 503:
                raise AssertionError((status, body))
            time.sleep(0.01)

    try:
        threads = [threading.Thread(target=writer, args=(i,)) for i in range(8)] + [threading.Thread(target=dawdler)]
        reader = threading.Thread(target=poll)
        for thread in [*threads, reader]:
            thread.start()
        for mode in ("fast", "immediate"):
            time.sleep(POLL_SECONDS / 3)
            service.server.stop(mode)
            service.server.start()
        time.sleep(POLL_SECONDS / 3)
        stop.set()
        for thread in threads:
            thread.join()
        done.set()
        reader.join()
        with psycopg.connect(service.server.url) as connection:
            (committed,) = connection.execute("SELECT count(*) FROM overplane_events_event").fetchone()
        print(f"poller: {committed} events committed in {POLL_SECONDS} s, seen {len(seen)}, different {len(set(seen))}")
        assert committed == len(seen) == len(set(seen))
    finally:
        service.close()


def main() -> None:
    keyed_creates()
    poller()
