"""Finding customers that are one, and making one of them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from crm import merging
from crm.models import Customer, CustomerTombstone, SupplierNumberAtCustomer
from overplane.events.models import Event
from overplane.problems import ObjectMissing, VersionMismatch
from tests.conftest import CUSTOMER, Api
from tests.domain.customers import ORIGIN, make, rows_of


def test_merges_values_and_rows_and_tells_it(live_api: Api) -> None:
    api = live_api
    survivor, other, third = make("A", 2, territory="North"), make("B", 2, tax_id="DE1"), make("C", 1, disabled=True)
    row_ids = set(SupplierNumberAtCustomer.objects.values_list("id", flat=True))
    start = api.feed("").json()["next_cursor"]
    choices = {"customer_name": other, "tax_id": other, "disabled": third, "territory": survivor}
    written = merging.merge_customers(survivor, [other, third], choices=choices, origin=ORIGIN)
    assert (written.version, written.output["customer_name"], written.output["tax_id"]) == (2, "B", "DE1")
    assert (written.output["disabled"], written.output["territory"]) == (True, "North")
    answer = api.get(f"{CUSTOMER}/{survivor}")
    assert answer.json().items() >= {n: v for n, v in written.output.items() if not n.endswith("_at")}.items()
    assert answer["ETag"] == '"2"'
    assert rows_of(survivor) == [(1, "A 1"), (2, "A 2"), (3, "B 1"), (4, "B 2"), (5, "C 1")]
    assert set(SupplierNumberAtCustomer.objects.values_list("id", flat=True)) == row_ids
    assert api.get(f"{CUSTOMER}/{other}").status_code == api.get(f"{CUSTOMER}/{third}").status_code == 404
    assert set(CustomerTombstone.objects.values_list("id", flat=True)) == {other, third}
    events = api.feed(f"?after={start}").json()["data"]
    moved = "supplier_number_at_customer.updated"
    assert [e["type"] for e in events] == [
        "customer.updated",
        moved,
        moved,
        moved,
        "customer.merged",
        "customer.merged",
    ]
    assert events[0]["data"]["previous_attributes"] == {"customer_name": "A", "tax_id": None, "disabled": False}
    assert events[1]["data"]["previous_attributes"] == {"idx": 1, "customer_id": other}
    assert events[1]["data"]["object"]["customer_id"] == survivor
    assert {e["actor"] for e in events} == {"user:anna"}
    assert events[4]["data"] == {"object": {"id": other, "merged_into": survivor}, "previous_attributes": {}}
    # What the log knows of the others stays: they can be given back.
    assert not Event.objects.filter(subject__in=[other, third], previous=None).exists()
    assert [c["id"] for c in api.get(f"{CUSTOMER}?q=C 1").json()["data"]] == [survivor]


@pytest.mark.django_db
def test_what_cannot_be_merged_changes_nothing() -> None:
    a, b, extra = make("A", 1), make("B", 1), [make(n) for n in "CDE"]
    cases: list[tuple[type[Exception], str, list[str], dict[str, Any]]] = [
        (ValidationError, a, [], {}),
        (ValidationError, a, [a], {}),
        (ValidationError, a, [b, b], {}),
        (ValidationError, a, [b, *extra], {}),
        (ValidationError, a, [b], {"choices": {"territory": extra[0]}}),
        (ValidationError, a, [b], {"choices": {"nonsense": b}}),
        (ValidationError, a, [b], {"choices": {"id": b}}),
        (ObjectMissing, a, ["customer_gone"], {}),
        (ObjectMissing, "customer_gone", [a], {}),
        (VersionMismatch, a, [b], {"expected": {a: frozenset({1}), b: frozenset({2})}}),
    ]
    events = Event.objects.count()
    for error, survivor, merged, more in cases:
        with pytest.raises(error), transaction.atomic():
            merging.merge_customers(survivor, merged, **{"choices": {}, "origin": ORIGIN} | more)
    assert (Customer.objects.count(), Event.objects.count()) == (5, events)
    assert rows_of(b) == [(1, "B 1")]


@pytest.mark.django_db(transaction=True)
def test_two_merges_of_the_same_customers_wait_for_each_other() -> None:
    a, b = make("A", 3), make("B", 3)
    ended: list[str] = []

    def merge(survivor: str, other: str) -> Callable[[], None]:
        def run() -> None:
            try:
                merging.merge_customers(survivor, [other], choices={}, origin=ORIGIN)
                ended.append("merged")
            except ObjectMissing:
                ended.append("gone")
            finally:
                connection.close()

        return run

    threads = [threading.Thread(target=merge(a, b)), threading.Thread(target=merge(b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(ended) == ["gone", "merged"]
    assert [idx for idx, _ in rows_of(Customer.objects.get().pk)] == [1, 2, 3, 4, 5, 6]
