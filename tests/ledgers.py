"""Clients that write down what was acknowledged, a reader of the feed, and what the database says of it afterwards."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import pairwise
from typing import Any

import psycopg

from tests.served import Service

CUSTOMER, EVENT = "/api/crm/customer", "/api/crm/event"
VALUES = 4  # PATCHes of each customer
STORED = "SELECT id, customer_name, territory FROM crm_customer WHERE starts_with(customer_name, %s)"
EVENTS = (
    "SELECT subject, object::json ->> 'territory', epoch FROM overplane_events_event"
    " WHERE type IN ('customer.created', 'customer.updated') AND starts_with(object::json ->> 'customer_name', %s)"
)
Change = tuple[str, str | None]  # a customer's id and its new value; none: it was created


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
        try:
            status, body = self.service.get(f"{CUSTOMER}/export", self.key)
        except HTTPException:  # it broke off
            return
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

    `values`: of each customer all that were acknowledged, in order. `moments`: when each change was.
    """

    name: str
    service: Service
    key: str
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)
    moments: dict[Change, float] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    turn: int = 0
    statuses: Counter[str] = field(init=False)
    refusals: Counter[str] = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new page; what was acknowledged before is judged again."""
        self.statuses, self.refusals = Counter(), Counter()
        self.reader = Reader(self.service, self.key)
        self.reader.begin()
        assert self.reader.cursor

    def write(self, client: int) -> None:
        while not self.stopped.wait(0.01):
            self.turn += 1
            name = f"{self.name} {client}-{self.turn}-{time.monotonic_ns()}"
            created = self._until_done("POST", CUSTOMER, {"customer_name": name}, Idempotency_Key=name)
            if created:
                self.names[created["id"]] = name
                self.moments[created["id"], None] = time.monotonic()
                self._change(created["id"], name)

    def _change(self, id_: str, name: str) -> None:
        self.values[id_] = []
        for number in range(VALUES):
            value = f"{number} of {name}"
            if self._until_done("PATCH", f"{CUSTOMER}/{id_}", {"territory": value}):
                self.values[id_].append(value)
                self.moments[id_, value] = time.monotonic()

    def _until_done(self, method: str, path: str, body: Any, **headers: str) -> dict[str, Any] | None:
        """None: the end has come before the answer."""
        while True:
            try:
                status, answer, got = self.service.call(method, path, self.key, json.dumps(body).encode(), **headers)
            except OSError:
                self.statuses["broken"] += 1
            else:
                bare = status == 503 and not got.get("Retry-After")
                self.statuses[f"{status}{' without Retry-After' if bare else ''}"] += 1
                if status in (200, 201):
                    return dict(json.loads(answer))
                self.refusals[f"{status} {json.loads(answer)['error']['code']}"] += 1
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
        return sorted(one for one in list(self.moments.values()) if one > moment)

    def longest_silence(self, since: float) -> float:
        moments = [since, *self.acknowledged_after(since)]
        return max((after - before for before, after in pairwise(moments)), default=float("inf"))


@contextmanager
def all_running(ledgers: Sequence[Ledger], clients: int) -> Iterator[None]:
    with ExitStack() as stack:
        for ledger in ledgers:
            stack.enter_context(ledger.running(clients))
        yield


@dataclass
class Verdict:
    """`lost`: what was acknowledged and is not there, or not in the log. `missed`: what the reader has not, or otherwise.

    `resumed`: when the first change was acknowledged that the last epoch of the log has. (The service answers what the
    former leader had done, too, a moment after the next one leads.)
    """

    acknowledged: int
    lost: list[Any]
    doubled: list[Any]
    missed: list[str]
    resumed: float | None


def judge(ledger: Ledger, url: str) -> Verdict:
    """By the rows and the log of the database that leads now."""
    with psycopg.connect(url) as connection:
        rows = {row[0]: row[1:] for row in connection.execute(STORED, [ledger.name])}
        events = connection.execute(EVENTS, [ledger.name]).fetchall()
    epochs: dict[Change, int] = {(id_, value): epoch for id_, value, epoch in events}
    last = max(epochs.values(), default=0)
    ledger.reader.read_to_the_end()
    lost = [name for id_, name in ledger.names.items() if id_ not in rows]
    lost += [
        values[-1]
        for id_, values in ledger.values.items()
        if id_ in rows and values and not _is_at_least(rows[id_][1], values[-1])
    ]
    names, changes = Counter(name for name, _ in rows.values()), Counter(event[:2] for event in events)
    return Verdict(
        acknowledged=len(ledger.moments),
        lost=[*lost, *(ledger.moments.keys() - epochs.keys())],
        doubled=[one for counted in (names, changes) for one, count in counted.items() if count > 1],
        missed=[name for id_, (name, value) in rows.items() if ledger.reader.values.get(id_, "nothing") != value],
        resumed=min((when for change, when in ledger.moments.items() if epochs.get(change) == last), default=None),
    )


def _is_at_least(stored: str | None, acknowledged: str) -> bool:
    """What came after the last acknowledged one may be there, too: its answer was lost."""
    return stored is not None and int(stored.split(" ")[0]) >= int(acknowledged.split(" ", maxsplit=1)[0])
