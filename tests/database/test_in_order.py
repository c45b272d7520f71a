"""Statements that belong together are done all or not at all; with a lock they go to PostgreSQL in one round trip, one after the other."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from crm.models import TOMBSTONES, CustomerTombstone
from overplane.database import statements
from overplane.database.statements import Statement
from tests.threads import concurrently

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
ADDED = TOMBSTONES.insertion({"id": "customer_1", "created_at": NOW})
AGAIN = TOMBSTONES.insertion({"id": "customer_2", "created_at": NOW})
NOTHING = Statement("SELECT 1", [])
in_one_trip = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite's transaction is the lock: none is asked for"
)


def renamed(pk: str) -> Statement:
    return Statement(f"UPDATE {TOMBSTONES.name} SET id = 'customer_0' WHERE id = %s", [pk])


def add(*pks: str) -> None:
    for pk in pks:
        TOMBSTONES.insert([{"id": pk, "created_at": NOW}])


def ids() -> list[str]:
    return sorted(CustomerTombstone.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("lock", [None, NOTHING], ids=["alone", "with a lock"])
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_change_and_what_follows_it(in_transaction: bool, lock: Statement | None) -> None:
    add("customer_1")

    def work(_: int) -> bool:
        if not in_transaction:
            return statements.update_then(renamed("customer_1"), AGAIN, lock=lock)
        with transaction.atomic():
            return statements.update_then(renamed("customer_1"), AGAIN, lock=lock)

    assert concurrently(work, 1) == [True]
    assert ids() == ["customer_0", "customer_2"]


@pytest.mark.parametrize("lock", [None, NOTHING], ids=["alone", "with a lock"])
def test_what_touches_nothing_does_nothing(lock: Statement | None) -> None:
    assert not statements.update_then(renamed("customer_1"), AGAIN, lock=lock)
    assert ids() == []


@pytest.mark.parametrize("lock", [None, NOTHING], ids=["alone", "with a lock"])
def test_one_that_fails_takes_the_others_back(lock: Statement | None) -> None:
    add("customer_1", "customer_2")
    with pytest.raises(DatabaseError):
        statements.update_then(renamed("customer_1"), AGAIN, lock=lock)
    assert ids() == ["customer_1", "customer_2"]
    assert statements.update_then(renamed("customer_2"), AGAIN, lock=lock), "the connection is as good as before"
    assert ids() == ["customer_0", "customer_1", "customer_2"]


@in_one_trip
def test_each_sees_what_came_before() -> None:
    assert statements.update_then(renamed("customer_1"), AGAIN, lock=ADDED)
    assert ids() == ["customer_0", "customer_2"]


@in_one_trip
def test_what_fails_later_takes_the_first_back() -> None:
    add("customer_2")
    with pytest.raises(DatabaseError):
        statements.update_then(renamed("customer_1"), AGAIN, lock=ADDED)
    assert ids() == ["customer_2"]


@in_one_trip
def test_what_comes_after_one_that_fails_is_not_done() -> None:
    add("customer_1")
    with pytest.raises(DatabaseError):
        statements.update_then(renamed("customer_1"), AGAIN, lock=Statement("SELECT nothing", []))
    assert ids() == ["customer_1"]
    assert statements.update_then(renamed("customer_1"), AGAIN, lock=NOTHING)


@in_one_trip
def test_a_connection_that_breaks_is_given_up() -> None:
    with pytest.raises(DatabaseError):
        statements.update_then(
            renamed("customer_1"), AGAIN, lock=Statement("SELECT pg_terminate_backend(pg_backend_pid())", [])
        )
    connection.close_if_unusable_or_obsolete()
    assert ids() == []


@in_one_trip
def test_who_is_interrupted_never_reads_the_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is told to end raises SystemExit wherever it is. What was on its way is not the next one's answer."""

    def interrupted(_: object) -> None:
        raise SystemExit

    add("customer_1")
    statements.run(*NOTHING)
    monkeypatch.setattr(connection.connection, "wait", interrupted)
    with pytest.raises(SystemExit):
        statements.update_then(renamed("customer_1"), AGAIN, lock=NOTHING)
    connection.close_if_unusable_or_obsolete()  # as between two requests
    assert statements.first("SELECT 'mine'", []) == ("mine",)
    assert ids() in (["customer_1"], ["customer_0", "customer_2"])
