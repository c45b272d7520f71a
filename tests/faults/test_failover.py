"""A primary dies under load and its standby is promoted: nothing that was acknowledged is lost, and a reader of the feed
misses nothing of what the new primary has. No process of the service is started anew."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.databases import PostgresServer, start_postgresql
from tests.freezing import frozen
from tests.proxies import Proxy, proxy
from tests.served import Service, manage, served

pytestmark = pytest.mark.slow

CUSTOMER, EVENT = "/api/crm/customer", "/api/crm/event"
SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = 'standby'"


@dataclass
class Pair:
    primary: PostgresServer
    standby: PostgresServer
    between: Proxy | None  # none: the service has the addresses of both
    service: Service
    key: str

    def fail_over(self, *, checkpoint: bool = False) -> None:
        if self.primary.is_running:
            self.primary.stop("immediate")
        self.standby.promote()
        if self.between:
            self.between.target = ("127.0.0.1", self.standby.port)
        if checkpoint:
            with psycopg.connect(self.standby.url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")


Pairs = Callable[..., AbstractContextManager[Pair]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, str]]:
    """A stopped server with all tables, to be copied, and its API key."""
    server, home = start_postgresql(durable=True), tmp_path_factory.mktemp("prepared")
    try:
        manage(home, "migrate", "--verbosity", "0", DATABASE_URL=server.url)
        key = manage(home, "create_api_key", "test", DATABASE_URL=server.url)
        server.stop()
        yield server, key
    finally:
        server.destroy()


@pytest.fixture
def pair(prepared: tuple[PostgresServer, str], tmp_path: Path) -> Pairs:
    server, key = prepared
    return partial(_pair, server, key, tmp_path)


@contextmanager
def _pair(
    prepared: PostgresServer,
    key: str,
    home: Path,
    *,
    knows_both: bool = False,
    old_first: bool = False,
    **variables: str,
) -> Iterator[Pair]:
    primary = prepared.copy()
    try:
        primary.start()
        standby = primary.standby()
        try:
            standby.start()
            with proxy("127.0.0.1", primary.port) as between:
                url = primary.url.replace(str(primary.port), str(between.port))
                if knows_both:
                    ports = (primary.port, standby.port) if old_first else (standby.port, primary.port)
                    places = ",".join(f"127.0.0.1:{port}" for port in ports)
                    url = primary.url.replace(f"127.0.0.1:{primary.port}", places)
                    assert places in url
                with served(home, DATABASE_URL=url, **variables) as service:
                    yield Pair(primary, standby, None if knows_both else between, service, key)
        finally:
            standby.destroy()
    finally:
        primary.destroy()


@dataclass
class Reader:
    """Follows the feed as the documentation says: whoever is sent away exports, and goes on from the export's cursor."""

    pair: Pair
    cursor: str = ""
    customers: set[str] = field(default_factory=set)
    event_ids: dict[str, str] = field(default_factory=dict)
    sent_away: int = 0

    def begin(self) -> None:
        status, body = self.pair.service.get(f"{CUSTOMER}/export", self.pair.key)
        assert status == 200
        *lines, end = map(json.loads, body.splitlines())
        self.customers = {line["id"] for line in lines}
        self.cursor = end["next_cursor"]

    def read(self) -> int:
        """How many events there were. -1: the service could not say just now."""
        status, body = self.pair.service.get(f"{EVENT}?after={self.cursor}&limit=100", self.pair.key)
        if status == 410:
            self.sent_away += 1
            self.begin()
            return 1
        if status != 200:
            assert status == 503, body
            return -1
        page = json.loads(body)
        for event in page["data"]:
            subject = event["data"]["object"]["id"]
            assert self.event_ids.setdefault(event["id"], subject) == subject, "an id that names two events"
            self.customers.add(subject)
        self.cursor = page["next_cursor"]
        return len(page["data"])


@dataclass
class Load:
    """`acknowledged`: the ids of the customers that the service said it has created, in order."""

    pair: Pair
    acknowledged: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)

    def write(self) -> None:
        while not self.stopped.wait(0.01):
            try:
                status, body, _ = self.pair.service.call("POST", CUSTOMER, self.pair.key, b'{"customer_name": "x"}')
            except OSError:
                continue
            self.statuses.add(status)
            if status == 201:
                self.acknowledged.append(json.loads(body)["id"])
            else:
                time.sleep(0.05)

    @contextmanager
    def running(self, reader: Reader) -> Iterator[None]:
        def follow() -> None:
            while not self.stopped.is_set():
                reader.read()
                time.sleep(0.02)

        threads = [threading.Thread(target=work) for work in (self.write, self.write, self.write, follow)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()


def stored(server: PostgresServer, sql: str) -> list[Any]:
    with psycopg.connect(server.url) as connection:
        return connection.execute(sql).fetchall()


def _make_synchronous(both: Pair) -> None:
    with psycopg.connect(both.primary.url, autocommit=True) as connection:
        connection.execute(SYNCHRONOUS)
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("checkpoint", [False, True], ids=["no checkpoint", "checkpoint"])
def test_a_synchronous_standby_takes_over(pair: Pairs, checkpoint: bool) -> None:
    with pair() as both:
        _make_synchronous(both)
        load, reader = Load(both), Reader(both)
        reader.begin()
        with load.running(reader):
            time.sleep(2)
            before = len(load.acknowledged)
            both.fail_over(checkpoint=checkpoint)
            deadline = time.monotonic() + 20
            while len(load.acknowledged) < before + 50 and time.monotonic() < deadline:
                time.sleep(0.1)
        _check(both, load, reader)
        assert len(load.acknowledged) >= before + 50
        assert set(load.acknowledged) <= {id_ for (id_,) in stored(both.standby, "SELECT id FROM crm_customer")}


def test_a_service_that_knows_both_servers_writes_to_the_new_primary_by_itself(pair: Pairs) -> None:
    with pair(knows_both=True) as both:
        _make_synchronous(both)
        load, reader = Load(both), Reader(both)
        reader.begin()
        with load.running(reader):
            time.sleep(1)
            both.fail_over()
            before, promoted = len(load.acknowledged), time.monotonic()
            while len(load.acknowledged) < before + 20 and time.monotonic() < promoted + 20:
                time.sleep(0.02)
            seconds = time.monotonic() - promoted
        _check(both, load, reader)
        assert set(load.acknowledged) <= {id_ for (id_,) in stored(both.standby, "SELECT id FROM crm_customer")}
        assert seconds < 10


def test_a_primary_that_does_not_know_of_its_successor_is_left(pair: Pairs) -> None:
    """Its guard is frozen: it takes everybody in, and its commits wait for a standby that follows it no more."""
    with pair(knows_both=True, old_first=True) as both:
        _make_synchronous(both)
        load, reader = Load(both), Reader(both)
        reader.begin()
        with load.running(reader):
            time.sleep(1)
            both.standby.promote()
            promoted = time.monotonic()
            there = "SELECT count(DISTINCT epoch) FROM overplane_events_event"
            while stored(both.standby, there) != [(2,)] and time.monotonic() < promoted + 30:
                time.sleep(0.05)
            seconds = time.monotonic() - promoted
            time.sleep(2)
        assert set(load.acknowledged) <= {id_ for (id_,) in stored(both.standby, "SELECT id FROM crm_customer")}
        assert load.statuses <= {201, 503}
        assert seconds < 10
        _check(both, load, reader)


def test_a_standby_s_refusal_is_no_sign_of_life_of_a_frozen_primary(pair: Pairs) -> None:
    one_thread = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "1"}  # with a connection that is open
    with pair(knows_both=True, old_first=True, **one_thread) as both:
        assert both.service.get(CUSTOMER, both.key)[0] == 200
        with frozen(both.primary):
            began = time.monotonic()
            status, body = both.service.get(CUSTOMER, both.key)
            took = time.monotonic() - began
        assert (status, json.loads(body)["error"]["code"]) == (503, "unavailable")
        assert 4 < took < 12  # it was 15, the limit of a statement and five seconds more


def test_an_asynchronous_standby_that_lacks_the_last_seconds_sends_readers_away(pair: Pairs) -> None:
    with pair() as both:
        load, reader = Load(both), Reader(both)
        reader.begin()
        with load.running(reader):
            time.sleep(1)
            both.standby.stop()  # what comes now it will never see
            time.sleep(1)
            both.primary.stop("immediate")
            both.standby.start()
            both.fail_over()
            before = len(load.acknowledged)
            deadline = time.monotonic() + 20
            while len(load.acknowledged) < before + 50 and time.monotonic() < deadline:
                time.sleep(0.1)
        lost = set(load.acknowledged) - {id_ for (id_,) in stored(both.standby, "SELECT id FROM crm_customer")}
        assert lost, "nothing was lost: the test shows nothing"
        assert reader.sent_away >= 1
        _check(both, load, reader, lost=lost)


def _check(both: Pair, load: Load, reader: Reader, lost: Set[str] = frozenset()) -> None:
    while reader.read() != 0:
        time.sleep(0.05)
    assert load.statuses <= {201, 503}
    # All that the new primary has, and all that was acknowledged and is not lost with the old one.
    there = {id_ for (id_,) in stored(both.standby, "SELECT id FROM crm_customer")}
    assert there - reader.customers == set()
    assert set(load.acknowledged) - lost - reader.customers == set()
    # One event for each customer, and none of the new primary's in the epoch of the old one.
    events = stored(both.standby, "SELECT subject, epoch FROM overplane_events_event ORDER BY seq")
    assert len(events) == len({subject for subject, _ in events}) == len(there)
    epochs = [epoch for _, epoch in events]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2
