"""New code on a database whose migrations are still to come: it reads, and says what it cannot do yet."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.caching import Recent
from overplane.database import older_schema
from tests.conftest import CUSTOMER, ROW, Api

pytestmark = pytest.mark.django_db
COLUMNS = ("industry", "is_frozen")


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that has not looked yet, and then looks before each request."""
    monkeypatch.setattr(older_schema, "_queries", Recent(0))
    older_schema._is_complete.clear()
    yield
    older_schema._is_complete.set()
    connection.execute_wrappers.clear()


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for one in statements:
            cursor.execute(one)


@pytest.fixture
def behind(api: Api) -> dict[str, Any]:
    """A customer of a database without two of its columns; the test's transaction takes them away, and its end brings them back."""
    customer = api.create(customer_name="Acme", territory="North", supplier_numbers=[{"company": "A"}])
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(*(f'ALTER TABLE "crm_customer" DROP COLUMN "{name}"' for name in COLUMNS))
    older_schema.adapt()
    assert older_schema.is_behind()
    return customer


def come() -> None:
    """The migration."""
    for name in COLUMNS:
        field = Customer._meta.get_field(name)
        kind, collation = field.db_type(connection), field.db_parameters(connection).get("collation")
        more = " NOT NULL DEFAULT false" if name == "is_frozen" else f' COLLATE "{collation}"' if collation else ""
        execute(f'ALTER TABLE "crm_customer" ADD COLUMN "{name}" {kind}{more}')


def test_it_reads_as_if_new_columns_were_empty(api: Api, behind: dict[str, Any]) -> None:
    expected = {**behind, "industry": None, "is_frozen": None}
    path = f"{CUSTOMER}/{behind['id']}"
    assert api.get(f"{path}?expand[]=supplier_numbers").json()["supplier_numbers"][0]["company"] == "A"
    read = api.get(path).json()
    assert {name: read[name] for name in behind if name != "supplier_numbers"} == {
        name: value for name, value in expected.items() if name != "supplier_numbers"
    }
    for query in ("", "?q=acme", "?territory=North", "?industry[is_null]=true", "?order_by=customer_name&limit=1"):
        page = api.get(CUSTOMER + query).json()
        assert [one["id"] for one in page["data"]] == [behind["id"]], query
    assert api.get(f"{CUSTOMER}?industry=x").json()["total"] == 0
    assert behind["id"].encode() in b"".join(api.get(f"{CUSTOMER}/export").streaming_content)
    assert api.get(f"{ROW}?parent_id={behind['id']}").json()["data"][0]["company"] == "A"


def test_what_writes_a_column_that_is_not_there_is_to_be_sent_again(api: Api, behind: dict[str, Any]) -> None:
    with transaction.atomic():
        headers = {"authorization": f"Bearer {api.key}"}
        answer = Client().post(CUSTOMER, {"customer_name": "Bravo"}, "application/json", headers=headers)
        transaction.set_rollback(True)
    assert api.get(CUSTOMER).json()["total"] == 1
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer["Retry-After"]


@pytest.fixture
def _nothing_prepared() -> Iterator[None]:
    """Outside of a transaction, as a service reads, what a migration made stale is prepared anew; in the test's it cannot be."""
    with connection.execute_wrapper(lambda execute, *arguments: execute(*arguments)):
        yield


@pytest.mark.usefixtures("_nothing_prepared")
def test_it_is_noticed_when_the_migration_comes(api: Api, behind: dict[str, Any]) -> None:
    come()
    assert api.get(f"{CUSTOMER}/{behind['id']}").status_code == 200  # no request has noticed yet
    older_schema.adapt()
    assert api.get(f"{CUSTOMER}/{behind['id']}").json()["industry"] is None
    assert not older_schema.is_behind()
    assert api.post(CUSTOMER, {"customer_name": "Bravo", "industry": "Steel"}).json()["industry"] == "Steel"


def test_a_table_that_is_not_there_is_read_as_an_empty_one(api: Api, behind: dict[str, Any]) -> None:
    execute(f'DROP TABLE "{SupplierNumberAtCustomer._meta.db_table}"')
    older_schema.adapt()
    assert api.get(f"{CUSTOMER}/{behind['id']}?expand[]=supplier_numbers").json()["supplier_numbers"] == []
    assert api.get(CUSTOMER).json()["total"] == 1


@pytest.mark.slow
def test_the_back_office_reads_too(admin_client: Client, behind: dict[str, Any]) -> None:
    assert b"Acme" in admin_client.get("/admin/crm/customer/").content
    assert admin_client.get(f"/admin/crm/customer/{behind['id']}/change/").status_code == 200


def test_who_is_complete_is_asked_no_more(api: Api, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        older_schema.adapt()
    with django_assert_num_queries(0):
        older_schema.adapt()
    assert not older_schema.is_behind()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT "a" FROM "t" WHERE 1', 'SELECT "a" FROM (Q) AS "t" WHERE 1'),
        ('SELECT x."a" FROM "u" INNER JOIN "t" x ON 1', 'SELECT x."a" FROM "u" INNER JOIN (Q) x ON 1'),
        ('SELECT 1 FROM "t" AS "U0"', 'SELECT 1 FROM (Q) AS "U0"'),
        ('DELETE FROM "t" WHERE EXISTS (SELECT 1 FROM "t" FOR UPDATE)', 'DELETE FROM "t" WHERE EXISTS (SELECT 1 FROM (Q) AS "t" FOR UPDATE)'),
        ('UPDATE "t" SET "a" = 1', 'UPDATE "t" SET "a" = 1'),
        ('INSERT INTO "t" ("a") SELECT 1', 'INSERT INTO "t" ("a") SELECT 1'),
        ('SELECT 1 FROM "tt"', 'SELECT 1 FROM "tt"'),
    ],
)  # fmt: skip
def test_only_what_reads_is_rewritten(sql: str, expected: str) -> None:
    def instead(read: Any) -> str:
        return older_schema._instead(read, {"t": "(Q)"}, is_bound=True)

    assert older_schema.READ.sub(instead, sql) == expected
