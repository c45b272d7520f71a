"""Whoever has just written reads what he wrote, from whichever server, and nobody reads what is older than `REPLICA_MAX_LAG`.

Two standbys that stop replaying, freeze and crash, beside callers that write and list. Each knows what its next list must be: its
history is its own, so any other answer is a stale read. One more, who only reads, sees how old a moment may be.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.service import Client, Service
from tests.databases import PostgresServer
from tests.freezing import frozen

CUSTOMER = "/api/crm/customer"
OPERATIONS = int(os.environ.get("REPLICA_OPERATIONS", "100000"))
CALLERS = 8
MAX_LAG = 2.0
MOST_KEPT = 40  # customers of one caller
EXPORT_EACH = 500  # operations
# Seconds: a trouble of a standby lasts so long, and so long all is well.
TROUBLE, CALM = (0.5, 6.0), (0.5, 3.0)
SLACK = 0.5  # seconds that an answer may take on a busy machine; its age is told at its end


class FollowedService(Service):
    def __init__(self) -> None:
        super().__init__(workers=2, REPLICA_MAX_LAG=str(MAX_LAG))

    def database_environment(self) -> dict[str, str]:
        self.replicas = [self.server.standby().start() for _ in range(2)]
        urls = " ".join(one.url for one in self.replicas)
        return super().database_environment() | {"DATABASE_REPLICA_URLS": urls}

    def close(self) -> None:
        super().close()
        for one in self.replicas:
            one.destroy()


@dataclass
class Tally:
    operations: int = 0
    stale: list[str] = field(default_factory=list)
    failed: Counter[Any] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    oldest: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, operations: int) -> None:
        with self.lock:
            self.operations += operations
            if self.operations >= OPERATIONS:
                self.stopped.set()


class Caller:
    """Writes customers of a group of its own, and lists them after each write in one of the ways that there are."""

    def __init__(self, service: Service, number: int, tally: Tally) -> None:
        key = service.manage("create_api_key", f"caller {number}").strip()
        self.client, self.tally, self.dice = Client(service, key), tally, random.Random(number)
        self.group = f"grp{number}x{self.dice.getrandbits(40):x}"
        self.known: dict[str, str] = {}
        self.count = 0

    def run(self) -> None:
        while not self.tally.stopped.is_set():
            if self.write():
                self.read()
                self.tally.count(2)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        try:
            status, answer, _ = self.client.call(method, path, body)
        except OSError:
            status, answer = 0, None
        if status not in (200, 201):
            self.tally.failed[status] += 1
        return status, answer

    def write(self) -> bool:
        """False if it is not known what came of it: then it is not counted, and what is there is asked of the primary."""
        self.count += 1
        name, chosen = f"{self.group} {self.count}", self.dice.choice([*self.known]) if self.known else ""
        if not chosen or (len(self.known) < MOST_KEPT and self.dice.random() < 0.4):
            status, answer = self.call("POST", CUSTOMER, {"customer_name": name, "customer_group": self.group})
            if status == 201:
                self.known[answer["id"]] = name
            return status == 201
        if self.dice.random() < 0.3:
            status, _ = self.call("DELETE", f"{CUSTOMER}/{chosen}")
            self.known.pop(chosen)
        else:
            status, _ = self.call("PATCH", f"{CUSTOMER}/{chosen}", {"customer_name": name})
            self.known[chosen] = name
        return status == 200

    def read(self) -> None:
        ways = (
            ("GET", f"{CUSTOMER}?customer_group={self.group}&limit=100", None),
            ("GET", f"{CUSTOMER}?q={self.group}&limit=100", None),
            ("POST", f"{CUSTOMER}/search", {"customer_group": self.group, "limit": 100}),
        )
        way = self.dice.choice(ways)
        status, answer = self.call(*way)
        if status != 200:
            return
        read = {one["id"]: one["customer_name"] for one in answer["data"]}
        if read != self.known or answer["total"] != len(self.known):
            self.tally.stale.append(f"{way[1]}: {len(read)} of {len(self.known)}, total {answer['total']}")
        if self.count % EXPORT_EACH == 0:
            _, raw, _ = self.client.exchange("GET", f"{CUSTOMER}/export?customer_group={self.group}")
            lines = [json.loads(line) for line in raw.splitlines()]
            if {one["id"]: one["customer_name"] for one in lines if "end" not in one} != self.known:
                self.tally.stale.append("export")


def clock(service: Service, tally: Tally) -> None:
    """One writes what time it is, another key reads it."""
    writer, reader = Client(service), Client(service, service.manage("create_api_key", "reader").strip())
    _, customer, _ = writer.call("POST", CUSTOMER, {"customer_name": "0", "customer_group": "clock"})
    written: list[tuple[float, int]] = [(time.monotonic(), 0)]  # when the number was acknowledged
    number = 0
    while not tally.stopped.is_set():
        number += 1
        status, *_ = writer.call("PATCH", f"{CUSTOMER}/{customer['id']}", {"customer_name": str(number)})
        if status == 200:
            written.append((time.monotonic(), number))
        began = time.monotonic()
        status, page, _ = reader.call("GET", f"{CUSTOMER}?customer_group=clock")
        if status == 200:
            seen = int(page["data"][0]["customer_name"]) if page["data"] else -1
            # Since when something newer was acknowledged, as the question was asked.
            newer = next((at for at, other in written if other > seen), began)
            tally.oldest = max(tally.oldest, began - newer)
        time.sleep(0.02)


@contextmanager
def paused(standby: PostgresServer) -> Iterator[None]:
    with psycopg.connect(standby.url, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        yield
        connection.execute("SELECT pg_wal_replay_resume()")


@contextmanager
def crashed(standby: PostgresServer) -> Iterator[None]:
    standby.stop("immediate")
    yield
    standby.start()


def disturb(service: FollowedService, number: int, tally: Tally) -> None:
    dice, standby = random.Random(100 + number), service.replicas[number]
    while not tally.stopped.is_set():
        tally.stopped.wait(dice.uniform(*CALM))
        trouble = dice.choices([paused, frozen, crashed], [4, 1, 1])[0]
        tally.troubles[trouble.__name__] += 1
        with trouble(standby):
            tally.stopped.wait(dice.uniform(*TROUBLE))


def answered_by(service: Service) -> dict[str, float]:
    _, raw, _ = Client(service).exchange("GET", "/metrics")
    lines = [line for line in raw.decode().splitlines() if line.startswith("overplane_replica_reads_total{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


def main() -> None:
    service = FollowedService()
    try:
        tally = Tally()
        callers = [Caller(service, number, tally) for number in range(CALLERS)]
        work = [caller.run for caller in callers] + [lambda: clock(service, tally)]
        work += [lambda number=number: disturb(service, number, tally) for number in range(len(service.replicas))]
        threads = [threading.Thread(target=one) for one in work]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        by = answered_by(service)
    finally:
        service.close()
    print(
        f"{tally.operations} operations in {time.monotonic() - began:.0f} s, stale reads of the writer: {len(tally.stale)} {tally.stale[:3]}"
    )
    print(f"  lists by server {by}, answers that failed {dict(tally.failed)}, troubles {dict(tally.troubles)}")
    print(
        f"  a reader who has not written saw what was over for {tally.oldest:.2f} s at most (REPLICA_MAX_LAG {MAX_LAG:g})"
    )
    assert not tally.stale
    assert not tally.failed
    assert tally.oldest <= MAX_LAG + SLACK
    # Most lists come at once behind a write of the same caller, which no standby has replayed yet.
    assert sum(count for name, count in by.items() if name != "primary") > 0.1 * sum(by.values())
