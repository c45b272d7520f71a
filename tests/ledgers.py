"""Clients that write down what was acknowledged, a reader of the feed, and what the database says of it afterwards."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.served import Service

CUSTOMER, EVENT = "/api/crm/customer", "/api/crm/event"
VALUES = 4  # PATCHes of each customer
AGAIN = {409, 500, 503}  # a client tries on; 500 must never be, and is counted
STORED = "SELECT id, customer_name, territory FROM crm_customer WHERE starts_with(customer_name, %s)"
EVENTS = (
    "SELECT subject, type, object::json ->> 'territory' FROM overplane_events_event"
    " WHERE starts_with(object::json ->> 'customer_name', %s)"
)


@dataclass
class Reader:
    """Follows the feed as the documentation says: whoever is sent away exports, and goes on from the export's cursor.

    `values`: the last one of each customer.
    """

    service: Service
    key: str
    cursor: str = ""
    values: dict[str, str | None] = field(default_factory=dict)
    event_ids: dict[str, Any] = field(default_factory=dict)
    repeated_ids: int = 0
    sent_away: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    def begin(self) -> None:
        status, body = self.service.get(f"{CUSTOMER}/export", self.key)
        lines = body.splitlines()
        if status != 200 or not lines or "next_cursor" not in lines[-1].decode():
            return  # the next call tries again, since the cursor has expired
        *customers, end = map(json.loads, lines)
        self.values = {one["id"]: one["territory"] for one in customers}
        self.cursor = end["next_cursor"]

    def read(self) -> int:
        """How many events there were. -1: the service could not say just now."""
        status, body = self.service.get(f"{EVENT}?after={self.cursor}&limit=200", self.key)
        self.statuses[status] += 1
        if status == 410:
            self.sent_away += 1
            self.begin()
            return -1
        if status != 200:
            return -1
        page = json.loads(body)
        for event in page["data"]:
            if not event["type"].startswith("customer."):
                continue
            one = event["data"]["object"]
            self.repeated_ids += self.event_ids.setdefault(event["id"], one) != one
            self.values[one["id"]] = one["territory"]
        self.cursor = page["next_cursor"]
        return len(page["data"])

    def read_to_the_end(self) -> None:
        ends = time.monotonic() + 60
        while self.read() != 0:
            assert time.monotonic() < ends, "the feed has no end"
            time.sleep(0.05)


@dataclass
class Ledger:
    """What one service acknowledged to clients that try each call under the same Idempotency-Key until it is done.

    `values`: of each customer all that it had, in order. `moments`: when something was acknowledged, and under which status.
    """

    name: str
    service: Service
    key: str
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    refusals: set[str] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)
    turn: int = 0

    def __post_init__(self) -> None:
        self.reader = Reader(self.service, self.key)
        self.reader.begin()
        assert self.reader.cursor

    def write(self, client: int) -> None:
        while not self.stopped.is_set():
            self.turn += 1
            name = f"{self.name} {client}-{self.turn}-{time.monotonic_ns()}"
            created = self._until_done("POST", CUSTOMER, {"customer_name": name}, Idempotency_Key=name)
            if created:
                self.names[created["id"]] = name
                values = self.values[created["id"]] = []
                for value in range(VALUES):
                    body = {"territory": f"{value} of {name}"}
                    if self._until_done("PATCH", f"{CUSTOMER}/{created['id']}", body):
                        values.append(body["territory"])

    def _until_done(self, method: str, path: str, body: Any, **headers: str) -> dict[str, Any] | None:
        """None: the end has come before the answer."""
        while True:
            try:
                status, answer, sent = self.service.call(method, path, self.key, json.dumps(body).encode(), **headers)
            except OSError as failure:
                status, answer = 0, repr(failure).encode()
            if status in (200, 201):
                self.statuses[str(status)] += 1
                self.moments.append(time.monotonic())
                return dict(json.loads(answer))
            bare = status == 503 and not sent.get("Retry-After")
            self.statuses[f"{status or 'broken'}{' without Retry-After' if bare else ''}"] += 1
            self.refusals.add(f"{method} {status} {answer[:300].decode()}")
            if self.stopped.is_set():
                return None
            time.sleep(0.05)

    def follow(self) -> None:
        while not self.stopped.is_set():
            self.reader.read()
            time.sleep(0.02)

    @contextmanager
    def running(self, clients: int) -> Iterator[None]:
        self.stopped.clear()
        work = [threading.Thread(target=self.write, args=[i]) for i in range(clients)]
        work.append(threading.Thread(target=self.follow))
        for thread in work:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in work:
                thread.join()

    def acknowledged_after(self, moment: float) -> list[float]:
        return [one for one in self.moments if one > moment]

    def longest_silence(self, since: float) -> float:
        moments = [since, *self.acknowledged_after(since)]
        return max((after - before for before, after in zip(moments, moments[1:], strict=False)), default=float("inf"))


@contextmanager
def all_running(ledgers: Sequence[Ledger], clients: int) -> Iterator[None]:
    with ExitStack() as stack:
        for ledger in ledgers:
            stack.enter_context(ledger.running(clients))
        yield


@dataclass
class Verdict:
    """`lost`: what was acknowledged and is not there, or not in the log. `missed`: what the reader has not, or otherwise."""

    acknowledged: int
    lost: list[str]
    doubled: list[str]
    missed: list[str]


def judge(ledger: Ledger, url: str) -> Verdict:
    """By the rows and the log of the database that leads now."""
    with psycopg.connect(url) as connection:
        rows = {row[0]: row[1:] for row in connection.execute(STORED, [ledger.name])}
        events = Counter(connection.execute(EVENTS, [ledger.name]).fetchall())
    names = Counter(name for name, _ in rows.values())
    lost = [name for id_, name in ledger.names.items() if id_ not in rows]
    lost += [f"event of {name}" for id_, name in ledger.names.items() if (id_, "customer.created", None) not in events]
    for id_, values in ledger.values.items():
        if id_ in rows and values and not _is_at_least(rows[id_][1], values[-1]):
            lost.append(values[-1])
        lost += [f"event of {value}" for value in values if (id_, "customer.updated", value) not in events]
    ledger.reader.read_to_the_end()
    return Verdict(
        acknowledged=len(ledger.names) + sum(map(len, ledger.values.values())),
        lost=lost,
        doubled=[name for name, count in names.items() if count > 1]
        + [f"{event}" for event, count in events.items() if count > 1],
        missed=[name for id_, (name, value) in rows.items() if ledger.reader.values.get(id_, "nothing") != value],
    )


def _is_at_least(stored: str | None, acknowledged: str) -> bool:
    """What came after the last acknowledged one may be there, too: its answer was lost."""
    return stored is not None and int(stored.split(" ")[0]) >= int(acknowledged.split(" ")[0])
