"""What stands beside the tables: kept counts and SQLite's search index, put back after every migration."""

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.test import Client

from crm.models import Customer
from overplane.database import counters, maintenance
from tests.conftest import CUSTOMER, Api
from tests.connections import another_connection, execute, only_postgresql, with_setting


def test_is_ready_when_all_stands(transactional_db: None, client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (200, [])


@pytest.mark.slow
def test_a_lost_trigger_is_told_and_put_back_with_a_recount(live_api: Api, client: Client) -> None:
    live_api.create()
    trigger = "crm_customer_count_insert"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {trigger}" + (" ON crm_customer" if connection.vendor == "postgresql" else ""))
    live_api.create(customer_name="uncounted")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert any(trigger in problem for problem in answer.json()["problems"])
    call_command("migrate", verbosity=0)
    assert client.get("/readyz").status_code == 200
    assert counters.total(connection, "crm_customer") == 2


def test_a_remade_table_is_counted_and_found_again(live_api: Api) -> None:
    """As many of Django's SQLite migrations do: a new table, the rows copied, the old one dropped with its triggers."""
    if connection.vendor == "sqlite":
        with connection.schema_editor() as editor:
            editor._remake_table(Customer, alter_fields=[(Customer._meta.get_field("gender"), wider())])
        assert maintenance.missing(connection)
    live_api_name = "made while nobody counted"
    Customer.objects.create(
        id="customer_x", created_at="2024-01-01T00:00:00Z", updated_at="2024-01-01T00:00:00Z",
        customer_name=live_api_name, search_text=" MADE WHILE NOBODY COUNTED\n MADE",
    )  # fmt: skip
    call_command("migrate", verbosity=0)
    assert not maintenance.missing(connection)
    live_api.create(customer_name="made after")
    assert live_api.get(CUSTOMER).json()["total"] == 2
    assert live_api.get(f"{CUSTOMER}?q=nobody").json()["total"] == 1
    assert live_api.get(f"{CUSTOMER}?q=made").json()["total"] == 2


def wider() -> models.Field:
    field = Customer._meta.get_field("gender").clone()
    field.max_length = 255
    field.set_attributes_from_name("gender")
    field.model = Customer
    return field


@pytest.mark.django_db(transaction=True)
def test_vacuum_leaves_the_search_whole(live_api: Api) -> None:
    ids = [live_api.create(customer_name=f"name{i}")["id"] for i in range(6)]
    live_api.delete(f"{CUSTOMER}/{ids[0]}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    for i in range(1, 6):
        assert [one["id"] for one in live_api.get(f"{CUSTOMER}?q=name{i}").json()["data"]] == [ids[i]]


@only_postgresql
def test_who_counts_waits_for_nobody_who_counts_too(live_api: Api) -> None:
    """Each writer adds to a part of the sum that no other holds; what is rolled back has not been counted."""
    to_delete, other = live_api.create()["id"], live_api.create()["id"]
    with another_connection() as elsewhere:
        execute(elsewhere, "DELETE FROM crm_customer WHERE id = %s", to_delete)
        with with_setting("lock_timeout", "200ms"):
            assert live_api.post(CUSTOMER, {"customer_name": "quick"}).status_code == 201
            assert live_api.delete(f"{CUSTOMER}/{other}").status_code == 200
            assert live_api.get(CUSTOMER).json()["total"] == 2
        elsewhere.commit()
    assert live_api.get(CUSTOMER).json()["total"] == 1
    with another_connection() as elsewhere:
        execute(elsewhere, "DELETE FROM crm_customer")
    assert live_api.get(CUSTOMER).json()["total"] == 1


def test_an_emptied_table_counts_from_nothing(live_api: Api) -> None:
    live_api.create()
    with connection.cursor() as cursor:
        empty = "TRUNCATE crm_customer CASCADE" if connection.vendor == "postgresql" else "DELETE FROM crm_customer"
        cursor.execute(empty)
    assert counters.total(connection, "crm_customer") == 0
    live_api.create()
    assert live_api.get(CUSTOMER).json()["total"] == 1
