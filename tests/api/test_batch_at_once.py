"""A batch beside other writers: it changes nobody whom it has not locked, and its stored answer shows nobody who is gone."""

import json
import threading
from collections import defaultdict
from typing import Any

import pytest
from django.db import connection

from overplane.events.models import Event
from tests.conftest import CUSTOMER, ROW, Api
from tests.threads import concurrently, meanwhile

BATCH = f"{CUSTOMER}/batch"


@pytest.mark.slow
def test_a_stored_answer_shows_nobody_who_was_deleted_meanwhile(live_api: Api) -> None:
    secret = live_api.create(customer_name="Secret")["id"]
    body = {"operations": [{"op": "retrieve", "id": secret}]}

    def delete() -> int:
        return Api(live_api.key).delete(f"{CUSTOMER}/{secret}").status_code

    with meanwhile(delete, before='INSERT INTO "overplane_api_idempotentanswer"') as deletions:
        first = live_api.post(BATCH, body, Idempotency_Key="k")
    assert (first.status_code, deletions) == (200, [200])
    again = live_api.post(BATCH, body, Idempotency_Key="k")
    assert (again.status_code, again.json()["error"]["code"]) == (400, "idempotency_answer_erased")
    assert b"Secret" not in again.content


@pytest.mark.slow
def test_an_upsert_finds_nobody_who_is_only_read(live_api: Api) -> None:
    """The customer gets the value while the batch begins: it is found, locked, and its change is not lost."""
    customer = live_api.create()["id"]
    upsert = {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "9", "customer_name": "New", "territory": "N"}}

    def get_value() -> int:
        return Api(live_api.key).patch(f"{CUSTOMER}/{customer}", {"tax_id": "9"}).status_code

    with meanwhile(get_value, before='FROM "crm_customer" WHERE id IN') as changes:
        answer = live_api.post(BATCH, {"operations": [{"op": "retrieve", "id": customer}, upsert]})
    assert (answer.status_code, changes) == (200, [200])
    events = Event.objects.filter(subject=customer).order_by("seq")
    versions = list(events.values_list("object_version", flat=True))
    assert versions == sorted(set(versions)), "each version once"


@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writers stand in line")
def test_events_of_one_customer_come_in_the_order_of_its_versions(live_api: Api) -> None:
    """Several wait for the same customer: who gets it first has the lower transaction number, too."""
    customer = live_api.create(customer_name="Acme")["id"]
    rows = [live_api.add_row(customer, supplier_number=str(i))["id"] for i in range(3)]
    barrier = threading.Barrier(4)

    def write(i: int) -> set[int]:
        api = Api(live_api.key)
        barrier.wait(30)
        statuses = set()
        for n in range(30):
            keyed = {"Idempotency_Key": f"{i}-{n}"} if n % 2 else {}
            statuses.add(api.patch(f"{CUSTOMER}/{customer}", {"territory": f"{i}-{n}"}, **keyed).status_code)
            statuses.add(api.patch(f"{ROW}/{rows[i % 3]}", {"idx": 1 + n % 3}).status_code)
            operations = [{"op": "update", "id": customer, "data": {"gender": f"{i}-{n}"}}]
            statuses.add(api.post(BATCH, {"operations": operations}).status_code)
        return statuses

    assert concurrently(write, 4) == [{200}] * 4
    history = Event.objects.filter(subject=customer).order_by("epoch", "xid", "seq")
    versions: dict[str, list[int]] = defaultdict(list)
    order = rows
    for type_, object_id, version, output, previous in history.values_list(
        "type", "object_id", "object_version", "object", "previous"
    ):
        if type_.endswith(".reordered"):
            assert ids(previous) == order, "each new order begins where the one before ended"
            order = ids(output)
        else:
            versions[object_id].append(version)
    assert order == [row["id"] for row in live_api.rows(customer)]
    for numbers in versions.values():
        assert numbers == sorted(numbers)


def ids(text: str) -> list[str]:
    return json.loads(text)["ordered_ids"]


def test_a_thousand_changes_are_written_in_sets(api: Api, django_assert_max_num_queries: Any) -> None:
    customer_ids = [api.create(customer_name=f"c{i}")["id"] for i in range(50)]
    operations = [{"op": "update", "id": i, "data": {"customer_name": f"new {n}"}} for n, i in enumerate(customer_ids)]
    with django_assert_max_num_queries(14):
        assert api.post(BATCH, {"operations": operations}).status_code == 200
    assert api.get(f"{CUSTOMER}?q=new+49").json()["total"] == 1


def test_an_upsert_may_say_which_version_it_expects(api: Api) -> None:
    customer = api.create(tax_id="1")
    data = {"tax_id": "1", "territory": "N"}

    def upsert(tax_id: str, if_match: str) -> int:
        operation = {"op": "upsert", "match_on": "tax_id", "if_match": if_match, "data": data | {"tax_id": tax_id}}
        return api.post(BATCH, {"operations": [operation], "atomic": False}).json()["data"][0]["status"]

    assert upsert("1", '"2"') == 412
    assert upsert("1", '"1"') == 200
    assert upsert("2", '"1"') == 412  # there is nobody who could have this version
    assert api.get(f"{CUSTOMER}/{customer['id']}").json()["territory"] == "N"
