"""What the feed may serve while others write: below its horizon, and nothing lost, doubled or refused above it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from crm import services
from overplane.events.feed import Log
from overplane.events.models import Event
from overplane.ids import sortable
from overplane.origin import Origin
from tests.conftest import CUSTOMER, Api, settle
from tests.connections import only_postgresql, psycopg_connection
from tests.threads import concurrently

EVENT = "/api/crm/event"
BY_HAND = Origin("user:hand")


def subjects(api: Api, query: str) -> list[str]:
    return [event["data"]["object"]["id"] for event in api.get(f"{EVENT}{query}").json()["data"]]


class LongTransaction:
    """Writes an event when it is told to and commits when it is told to; its number is dealt at the beginning."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.has_begun, self.may_write, self.has_written, self.may_end = (threading.Event() for _ in range(4))
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.has_begun.wait(30)

    def _run(self) -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_current_xact_id()")
                self.has_begun.set()
                assert self.may_write.wait(30)
                services.update_customer(self.customer_id, {"territory": "late"}, origin=BY_HAND)
                self.has_written.set()
                assert self.may_end.wait(30)
        finally:
            connections.close_all()

    def write(self) -> None:
        self.may_write.set()
        assert self.has_written.wait(30)

    def end(self) -> None:
        self.may_end.set()
        self.thread.join(30)


@only_postgresql
@pytest.mark.parametrize("writes", ["before the other", "after the other"])
def test_what_is_above_the_horizon_waits_for_what_is_below(live_api: Api, writes: str) -> None:
    first = live_api.create()["id"]
    cursor = live_api.feed("").json()["next_cursor"]
    long = LongTransaction(first)
    try:
        if writes == "before the other":
            long.write()
        quick = live_api.create()["id"]  # commits at once, with a higher number
        (event,) = Event.objects.filter(subject=quick)
        assert subjects(live_api, f"?after={cursor}") == []
        assert subjects(live_api, "") == [first]
        assert subjects(live_api, f"?after={cursor}&customer_id={quick}") == []
        idle = live_api.get(f"{EVENT}?after={cursor}").json()["next_cursor"]
        newest = live_api.get(EVENT).json()["next_cursor"]
        # By its id it is there: no cursor follows from that.
        assert live_api.get(f"{EVENT}/evt_{sortable(event.epoch, 6)}{sortable(event.seq, 18)}").status_code == 200
        long.write()
    finally:
        long.may_write.set()
        long.end()
    settle()
    in_order = [first, quick] if writes == "before the other" else [quick, first]
    for went_on in (cursor, idle, newest):
        assert subjects(live_api, f"?after={went_on}") == in_order
    assert subjects(live_api, "?after=start") == [first, *in_order]


@only_postgresql
def test_versions_ascend_also_where_a_transaction_had_its_number_before_it_came_to_the_object(live_api: Api) -> None:
    """As one that changes several objects has, and waits for one of them, which somebody else changes first."""
    customer_id = live_api.create()["id"]
    long = LongTransaction(customer_id)
    try:
        assert live_api.patch(f"{CUSTOMER}/{customer_id}", {"territory": "quick"}).status_code == 200
        long.write()
    finally:
        long.may_write.set()
        long.end()
    events = live_api.feed("?after=start").json()["data"]
    territories = [event["data"]["object"]["territory"] for event in events]
    assert (territories, [event["object_version"] for event in events]) == ([None, "quick", "late"], [1, 2, 3])


@only_postgresql
def test_a_transaction_of_another_database_holds_nothing_back(live_api: Api) -> None:
    settle()
    with psycopg_connection("postgres") as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")  # and then it idles
        customer_id = live_api.create()["id"]
        assert subjects(live_api, "?after=start") == [customer_id]
        assert live_api.get(EVENT).json()["has_more"] is False


@pytest.fixture
def ordinary_role(transactional_db: None) -> Iterator[None]:
    """The service as a role that may see no more than its own."""
    name = f"overplane_plain_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name}")
        cursor.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        cursor.execute(f"SET ROLE {name}")
        try:
            yield
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute(f"DROP OWNED BY {name}")
            cursor.execute(f"DROP ROLE {name}")


def running(on: psycopg.Connection) -> int:
    row = on.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row
    return row[0]


@only_postgresql
def test_an_ordinary_role_tells_the_databases_apart(ordinary_role: None) -> None:
    with (
        psycopg_connection("postgres") as elsewhere,
        psycopg_connection() as here,
        psycopg_connection(autocommit=True) as later,
    ):
        foreign = running(elsewhere)
        assert running(later) > foreign
        settle()
        assert Log.now().horizon > foreign
        ours = running(here)
        assert running(later) > ours
        assert Log.now().horizon == ours


@only_postgresql
@pytest.mark.parametrize("database", ["here", "elsewhere"])
def test_a_prepared_transaction_holds_back_its_own_database_only(transactional_db: None, database: str) -> None:
    name = f"overplane-{os.getpid()}"
    with (
        psycopg_connection("" if database == "here" else "postgres", autocommit=True) as where,
        psycopg_connection(autocommit=True) as later,
    ):
        where.execute("BEGIN")
        prepared = running(where)
        where.execute(f"PREPARE TRANSACTION '{name}'")
        try:
            running(later)
            if database == "elsewhere":
                settle()
            horizon = Log.now().horizon
            assert horizon == prepared if database == "here" else horizon > prepared
        finally:
            where.execute(f"ROLLBACK PREPARED '{name}'")


@only_postgresql
def test_a_cursor_names_an_event_and_no_number_that_a_crash_could_deal_again(live_api: Api) -> None:
    """A transaction that is rolled back leaves nothing behind in a crash, not even that its number was dealt."""
    live_api.create()
    cursor = live_api.feed("").json()["next_cursor"]
    (last,) = Event.objects.values_list("epoch", "xid", "seq")
    assert cursor.partition(".")[2] == ".".join(map(str, last))
    with psycopg_connection() as other:
        other.execute("SELECT pg_current_xact_id()")
        other.rollback()
    for query in ("", f"?after={cursor}", "?after=start", f"?after={cursor}&types=customer.deleted", "?customer_id=x"):
        assert live_api.feed(query).json()["next_cursor"] == cursor


def beyond(cursor: str, *, xid: int = 0, seq: int = 0) -> str:
    token, epoch, old_xid, old_seq = cursor.split(".")
    return f"{token}.{epoch}.{int(old_xid) + xid}.{int(old_seq) + seq}"


@pytest.mark.parametrize("query", ["", "&types=customer.created", "&customer_id=x", "&object_id=x"])
def test_a_cursor_beyond_the_end_is_expired(live_api: Api, query: str) -> None:
    live_api.create()
    cursor = live_api.feed("").json()["next_cursor"]
    assert live_api.get(f"{EVENT}?after={cursor}{query}").status_code == 200
    epoch = cursor.rsplit(".", 2)[0]
    wrong = [beyond(cursor, seq=1), beyond(cursor, seq=10**6), beyond(cursor, xid=1), beyond(cursor, xid=10**9, seq=5)]
    wrong += [f"{epoch}.{2**62}.0", f"{epoch}.{2**62}.1", f"{epoch}.0.{2**63 - 1}", f"{cursor[:16]}.999999999.0.0"]
    for one in wrong:
        answer = live_api.get(f"{EVENT}?after={one}{query}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_expired"), one


def test_a_cursor_of_a_newer_copy_is_expired_for_good(live_api: Api) -> None:
    """The disk was put back to where it was before the cursor; then the log grew past it."""
    live_api.create()
    earlier = live_api.feed("").json()["next_cursor"]
    live_api.create()
    newer = live_api.feed("").json()["next_cursor"]
    Event.objects.filter(pk=newer.rpartition(".")[2])._raw_delete("default")
    assert live_api.feed(f"?after={newer}").status_code == 410
    new = [live_api.create()["id"] for _ in range(3)]
    assert live_api.feed(f"?after={newer}").status_code == 410
    settle()
    assert subjects(live_api, f"?after={earlier}") == new


def test_an_empty_log_and_one_that_is_purged_give_cursors_that_hold(live_api: Api) -> None:
    empty = [live_api.feed(query).json()["next_cursor"] for query in ("", "?after=start", "?types=customer.updated")]
    customer_id = live_api.create()["id"]
    settle()
    for cursor in empty:
        assert subjects(live_api, f"?after={cursor}") == [customer_id]
    last = live_api.feed("").json()["next_cursor"]
    call_command("purge_events", "--days", "0", verbosity=0)
    assert not Event.objects.exists()
    cursors = [last, *(live_api.feed(query).json()["next_cursor"] for query in ("", "?after=start", f"?after={last}"))]
    new = live_api.create()["id"]
    settle()
    for cursor in cursors:
        assert subjects(live_api, f"?after={cursor}") == [new]
    assert {live_api.feed(f"?after={cursor}").status_code for cursor in empty} == {410}


@only_postgresql
def test_a_cursor_of_the_version_before_is_still_good(live_api: Api) -> None:
    """Those were horizons where nothing more was to be read."""
    live_api.create()
    settle()
    log = Log.now()
    new = live_api.create()["id"]
    settle()
    assert subjects(live_api, f"?after={log.token}.{log.epoch}.{log.horizon}.0") == [new]


@pytest.mark.slow
def test_pollers_miss_nothing_and_are_never_sent_away(live_api: Api) -> None:
    """Writers that commit out of order and roll back, and transactions elsewhere that let the horizon jump about."""
    live_api.create()
    start = live_api.feed("").json()["next_cursor"]
    ends = time.monotonic() + 3
    written: list[str] = []

    def write(i: int) -> None:
        while time.monotonic() < ends:
            with transaction.atomic():
                customer_id = services.create_customer({"customer_name": "x"}, origin=BY_HAND).output["id"]
                time.sleep(0.01 * (i % 3) if connection.vendor == "postgresql" else 0)
                services.update_customer(customer_id, {"territory": "y"}, origin=BY_HAND)
                is_kept = time.monotonic_ns() % 4 > 0
                transaction.set_rollback(not is_kept)
            if is_kept:
                written.extend([customer_id, customer_id])
            time.sleep(0.005)

    def idle_elsewhere(i: int) -> None:
        while time.monotonic() < ends and connection.vendor == "postgresql":
            with psycopg_connection("postgres") as elsewhere:
                elsewhere.execute("SELECT pg_current_xact_id()")
                time.sleep(0.01)

    def poll(i: int) -> list[str]:
        cursor, seen, is_last = start, [], False
        while True:
            answer = live_api.get(f"{EVENT}?after={cursor}&limit={1 + 7 * i}")
            assert answer.status_code == 200, answer.content
            page = answer.json()
            seen += [event["data"]["object"]["id"] for event in page["data"]]
            cursor = page["next_cursor"]
            newest = live_api.get(f"{EVENT}?limit=1").json()["next_cursor"]
            assert live_api.get(f"{EVENT}?after={newest}&limit=1").status_code == 200
            if is_last and not page["data"]:
                return seen
            if time.monotonic() > ends and not is_last:
                everybody_has_written.wait(30)
                settle()
                is_last = True

    everybody_has_written = threading.Barrier(6)
    works: list[Callable[[int], Any]] = [write] * 3 + [idle_elsewhere] + [poll] * 2

    def work(i: int) -> Any:
        result = works[i](i)
        if works[i] is not poll:
            everybody_has_written.wait(30)
        return result

    *_, one, other = concurrently(work, len(works))
    assert len(one) == len(written) > 20
    assert sorted(one) == sorted(other) == sorted(written)
    assert one == other
