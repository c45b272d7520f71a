"""What changes nothing writes nothing: no event, no new version, no `updated_at`, by whatever door it comes."""

from collections.abc import Callable
from typing import Any

import pytest

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.events.models import Event
from tests.changes import MOVES
from tests.conftest import CUSTOMER, ROW, Api
from tests.doors import World

ROW_LINES = "supplier_numbers.company,supplier_numbers.supplier_number"


def reorder(method: str) -> Callable[[World], Any]:
    return lambda w: w.api.call(
        method, f"{ROW}/reorder", {"parent_id": w.customer, "ordered_ids": list(w.rows.values())}
    )


WAYS: dict[str, Callable[[World], Any]] = {
    "the same order, POST": reorder("POST"),
    "the same order, PUT": reorder("PUT"),
    "the same order, PATCH": reorder("PATCH"),
    "a row's own place": lambda w: w.api.patch(f"{ROW}/{w.rows['B']}", {"idx": 2}),
    "a row's own values": lambda w: w.api.patch(f"{ROW}/{w.rows['B']}", {"company": " B ", "supplier_number": "2"}),
    "a row as it was read": lambda w: w.api.patch(
        f"{ROW}/{w.rows['B']}", w.api.get(f"{ROW}/{w.rows['B']}").json()
    ),
    "nothing of a row": lambda w: w.api.patch(f"{ROW}/{w.rows['B']}", {}),
    "a customer's own values": lambda w: w.api.patch(
        f"{CUSTOMER}/{w.customer}", {"customer_name": "Acme ", "default_commission_rate": 2.50, "gender": ""}
    ),
    "a customer as it was read": lambda w: w.api.patch(
        f"{CUSTOMER}/{w.customer}", w.api.get(f"{CUSTOMER}/{w.customer}").json()
    ),
    "a batch's update": lambda w: w.batch({"op": "update", "id": w.customer, "data": {"customer_name": "Acme"}}),
    "a batch's upsert": lambda w: w.batch(
        {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T1", "default_commission_rate": 2.5}}
    ),
    "an import": lambda w: w.file("tax_id,customer_name,default_commission_rate", "T1,Acme,2.50",
                                  arguments="--match-on tax_id"),
    "an import with rows": lambda w: w.file(f"tax_id,{ROW_LINES}", "T1,A,1", ",B,2", ",C,3",
                                            arguments="--match-on tax_id"),
    "an import that replaces rows": lambda w: w.file(f"tax_id,{ROW_LINES}", "T1,A,1", ",B,2", ",C,3",
                                                     arguments="--match-on tax_id --replace-rows"),
    "an import of rows": lambda w: w.file("customer_id,company,supplier_number", f"{w.customer},B,2"),
    "the form": lambda w: w.admin({}),
    "the form with the places it has": lambda w: w.admin(
        {f"supplier_numbers-{i}-idx": f" {i + 1}" for i in range(3)}
    ),
}  # fmt: skip


@pytest.fixture
def world(api: Api, imported: Any) -> World:
    customer = api.create(tax_id="T1", default_commission_rate=2.5)["id"]
    rows = {c: api.add_row(customer, company=c, supplier_number=n)["id"] for c, n in zip("ABC", "123", strict=True)}
    return World(api, imported, customer, rows)


def everything() -> list[Any]:
    events = Event.objects.exclude(type="import.finished")  # which tells that nothing was to be done
    tables = (Customer.objects, SupplierNumberAtCustomer.objects, events)
    return [list(table.order_by("pk").values()) for table in tables]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_what_changes_nothing_writes_nothing(world: World, way: str) -> None:
    before = everything()
    answer = WAYS[way](world)
    assert getattr(answer, "status_code", 200) == 200
    assert everything() == before


@pytest.mark.parametrize("move", MOVES)
def test_an_order_is_told_where_others_shift_and_only_there(world: World, move: str) -> None:
    change, event_types, order = MOVES[move]
    before = Event.objects.count()
    change(world)
    events = Event.objects.order_by("seq")[before:]
    assert [event.type.rpartition(".")[2] for event in events] == event_types
    assert "".join(row["company"] for row in world.api.rows(world.customer)) == order
