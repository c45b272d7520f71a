"""Statements that go to PostgreSQL together: one after the other, all of them or none."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from crm.models import TOMBSTONES, CustomerTombstone
from overplane.database import statements
from overplane.database.statements import Statement
from tests.threads import concurrently

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite runs them one by one"),
]

NOW = timezone.now()
ADDED = TOMBSTONES.insertion({"id": "customer_1", "created_at": NOW})
AGAIN = TOMBSTONES.insertion({"id": "customer_2", "created_at": NOW})
SEEN = Statement(f"UPDATE {TOMBSTONES.name} SET id = 'customer_0' WHERE id = %s", ["customer_1"])
NOTHING = Statement("SELECT 1", [])


def ids() -> list[str]:
    return sorted(CustomerTombstone.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("in_transaction", [False, True])
def test_each_sees_what_came_before(in_transaction: bool) -> None:
    def work(_: int) -> bool:
        if not in_transaction:
            return statements.update_then(SEEN, AGAIN, lock=ADDED)
        with transaction.atomic():
            return statements.update_then(SEEN, AGAIN, lock=ADDED)

    assert concurrently(work, 1) == [True]
    assert ids() == ["customer_0", "customer_2"]


def test_what_touches_nothing_does_nothing() -> None:
    assert not statements.update_then(SEEN, AGAIN, lock=NOTHING)
    assert ids() == []


@pytest.mark.parametrize("first", [ADDED, Statement("SELECT nothing", [])], ids=["the last", "the first"])
def test_one_that_fails_takes_the_others_back(first: Statement) -> None:
    TOMBSTONES.insert([{"id": "customer_2", "created_at": NOW}])
    with pytest.raises(DatabaseError):
        statements.update_then(SEEN, AGAIN, lock=first)
    assert ids() == ["customer_2"]
    assert statements.update_then(Statement(SEEN.sql, ["customer_2"]), ADDED, lock=NOTHING)
    assert ids() == ["customer_0", "customer_1"]


def test_a_connection_that_breaks_is_given_up() -> None:
    with pytest.raises(DatabaseError):
        statements.update_then(SEEN, AGAIN, lock=Statement("SELECT pg_terminate_backend(pg_backend_pid())", []))
    connection.close_if_unusable_or_obsolete()
    assert ids() == []
