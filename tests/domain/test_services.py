"""Every public writer tells what it did, in its own transaction."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, CustomerTombstone, SupplierNumberAtCustomer
from overplane.database import statements
from overplane.events.models import Event
from overplane.origin import Origin
from tests.conftest import Api

ANNA = Origin("user:anna", "req_1")
NOW = datetime(2024, 1, 15, 9, 30, tzinfo=UTC)
NOBODY = Origin(None)  # type: ignore[arg-type]
READS = {"new_customer"}
TWO_EVENTS = {
    "take_over_line_items",
    "give_back_line_items",
    "create_customer with lists",
    "update_customer with lists",
}


def rows_of(api: Api) -> tuple[str, list[str]]:
    customer = api.create()["id"]
    return customer, [api.add_row(customer, company=c)["id"] for c in "AB"]


# Each on a customer with two rows; `w` is another customer.
WRITERS: dict[str, Callable[[str, list[str], str, Origin], Any]] = {
    "create_customer": lambda c, r, w, who: services.create_customer({"customer_name": "x"}, origin=who),
    "planned_creation": lambda c, r, w, who: statements.execute_atomically(
        *services.planned_creation({"customer_name": "x"}, origin=who)[1]
    ),
    "create_customer with lists": lambda c, r, w, who: services.create_customer(
        {"customer_name": "x"}, lists={"supplier_numbers": [{"company": "x"}]}, origin=who
    ),
    "update_customer with lists": lambda c, r, w, who: services.update_customer(
        c, {"gender": "x"}, lists={"supplier_numbers": [{"id": row} for row in r[:1]]}, origin=who
    ),
    "update_customer": lambda c, r, w, who: services.update_customer(c, {"gender": "x"}, origin=who),
    "delete_customer": lambda c, r, w, who: services.delete_customer(c, origin=who),
    "delete_customers": lambda c, r, w, who: services.delete_customers([c], origin=who),
    "take_out": lambda c, r, w, who: services.take_out([Customer.objects.values().get(pk=c)], w, origin=who),
    "put_back": lambda c, r, w, who: services.put_back(
        [services.new_customer({"customer_name": "x"}, now=NOW)], origin=who
    ),
    "add_line_item": lambda c, r, w, who: line_item_services.add_line_item(SUPPLIER_NUMBERS, c, {}, origin=who),
    "update_line_item": lambda c, r, w, who: line_item_services.update_line_item(
        SUPPLIER_NUMBERS, r[0], {"company": "x"}, origin=who
    ),
    "delete_line_item": lambda c, r, w, who: line_item_services.delete_line_item(SUPPLIER_NUMBERS, r[1], origin=who),
    "take_over_line_items": lambda c, r, w, who: line_item_services.take_over_line_items(
        SUPPLIER_NUMBERS, w, [c], origin=who
    ),
    "give_back_line_items": lambda c, r, w, who: line_item_services.give_back_line_items(
        SUPPLIER_NUMBERS, c, {w: r}, origin=who
    ),
    "reorder_line_items": lambda c, r, w, who: line_item_services.reorder_line_items(
        SUPPLIER_NUMBERS, c, r[::-1], origin=who
    ),
}


def everything() -> list[Any]:
    return [
        list(m.objects.order_by("pk").values()) for m in (Customer, SupplierNumberAtCustomer, CustomerTombstone, Event)
    ]


def public_functions() -> set[str]:
    modules = (services, line_item_services)
    own = {n for m in modules for n, f in inspect.getmembers(m, inspect.isfunction) if f.__module__ == m.__name__}
    return {name for name in own if not name.startswith("_")} - READS


def test_every_public_writer_is_in_the_table() -> None:
    assert public_functions() == {name.partition(" ")[0] for name in WRITERS}


@pytest.mark.parametrize("name", WRITERS)
def test_tells_its_change_with_its_origin(api: Api, name: str) -> None:
    customer, rows = rows_of(api)
    winner = api.create()["id"]
    before = Event.objects.count()
    WRITERS[name](customer, rows, winner, ANNA)
    events = Event.objects.order_by("seq")[before:]
    assert len(events) == (2 if name in TWO_EVENTS else 1)
    assert {(one.actor, one.request_id) for one in events} == {("user:anna", "req_1")}


@pytest.mark.parametrize("name", WRITERS)
def test_without_its_event_there_is_no_change(live_api: Api, name: str) -> None:
    """An event that the database refuses (an actor must be named) takes the change back: they are one transaction."""
    customer, rows = rows_of(live_api)
    winner = live_api.create()["id"]
    before = everything()
    with pytest.raises(IntegrityError):
        WRITERS[name](customer, rows, winner, NOBODY)
    assert everything() == before
