"""Every public writer tells what it did, in its own transaction."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from crm import services
from crm.models import Customer
from overplane.events.models import Event
from overplane.observability import Origin
from tests.conftest import Api

ME = Origin("user:anna", "req_1")
READS = {"locked_customer", "locked_customers", "new_customer"}


def rows_of(api: Api) -> tuple[str, list[str]]:
    customer = api.create()["id"]
    return customer, [api.add_row(customer, company=c)["id"] for c in "AB"]


WRITERS: dict[str, Callable[[str, list[str]], Any]] = {
    "create_customer": lambda c, r: services.create_customer({"customer_name": "x"}, origin=ME),
    "update_customer": lambda c, r: services.update_customer(c, {"gender": "x"}, origin=ME),
    "delete_customer": lambda c, r: services.delete_customer(c, origin=ME),
    "delete_customers": lambda c, r: services.delete_customers([c], origin=ME),
    "add_supplier_number": lambda c, r: services.add_supplier_number(c, {}, origin=ME),
    "update_supplier_number": lambda c, r: services.update_supplier_number(r[0], {"company": "x"}, origin=ME),
    "delete_supplier_number": lambda c, r: services.delete_supplier_number(r[1], origin=ME),
    "take_over_supplier_numbers": lambda c, r: services.take_over_supplier_numbers(
        services.create_customer({"customer_name": "winner"}, origin=ME).shown["id"], [c], origin=ME
    ),
    "reorder_supplier_numbers": lambda c, r: services.reorder_supplier_numbers(c, r[::-1], origin=ME),
}


def public_functions() -> set[str]:
    own = {n for n, f in inspect.getmembers(services, inspect.isfunction) if f.__module__ == "crm.services"}
    return {name for name in own if not name.startswith("_")} - READS


def test_every_public_writer_is_in_the_table() -> None:
    assert public_functions() == set(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_tells_its_change_with_its_origin(api: Api, name: str) -> None:
    customer, rows = rows_of(api)
    before = Event.objects.count()
    WRITERS[name](customer, rows)
    told = Event.objects.order_by("seq")[before:]
    assert len(told) == (3 if name == "take_over_supplier_numbers" else 1)
    assert {(one.actor, one.request_id) for one in told} == {("user:anna", "req_1")}


@pytest.mark.parametrize("name", WRITERS)
def test_the_event_goes_with_the_change(api: Api, name: str) -> None:
    customer, rows = rows_of(api)
    before, customers = Event.objects.count(), Customer.objects.count()
    with transaction.atomic():
        WRITERS[name](customer, rows)
        transaction.set_rollback(True)
    assert (Event.objects.count(), Customer.objects.count()) == (before, customers)
