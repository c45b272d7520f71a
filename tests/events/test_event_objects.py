"""Every event of a line item says whose it is, whoever wrote it and however long ago."""

from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.urls import reverse

from crm import merging
from overplane.events.models import Event
from overplane.origin import Origin
from tests.backoffice.people import member
from tests.conftest import CUSTOMER, ROW, Api
from tests.filled_forms import filled

LINE_ITEM = "supplier_number_at_customer."
Object = tuple[str, dict[str, Any]]


def make(api: Api, name: str, *numbers: str) -> str:
    customer = api.create(customer_name=name)["id"]
    for number in numbers:
        api.add_row(customer, supplier_number=number)
    return customer


def line_item_events(api: Api, query: str = "?after=start&limit=1000") -> list[Object]:
    events = [event for event in api.feed(query).json()["data"] if event["type"].startswith(LINE_ITEM)]
    return [(event["type"].removeprefix(LINE_ITEM), event["data"]["object"]) for event in events]


def single_calls(api: Api, imported: Any) -> set[str]:
    customer = api.create()["id"]
    first, second = api.add_row(customer), api.add_row(customer, idx=1)
    api.patch(f"{ROW}/{first['id']}", {"company": "A"})
    api.post(f"{ROW}/reorder", {"parent_id": customer, "ordered_ids": [first["id"], second["id"]]})
    answer = api.delete(f"{ROW}/{first['id']}")
    assert answer.json() == {"id": first["id"], "deleted": True}
    return {customer}


def import_of_new_and_other_rows(api: Api, imported: Any) -> set[str]:
    there = api.create(tax_id="1")["id"]
    for company in "ABC":
        api.add_row(there, company=company, supplier_number="1")
    heading = "tax_id,name,supplier_numbers.company,supplier_numbers.supplier_number\n"
    text = f"{heading}1,Acme,C,1\n,,D,1\n,,A,2\n2,Two,E,1\n"
    ran = imported(text, "--match-on", "tax_id", "--replace-rows")
    assert ran.counts == {"created": 1, "unchanged": 1, "rows_created": 2, "rows_updated": 1, "rows_deleted": 1}
    new = Event.objects.get(type="customer.created", actor__startswith="import:").subject
    return {there, new}


def undo_import(api: Api, imported: Any) -> set[str]:
    customers = import_of_new_and_other_rows(api, imported)
    actor = Event.objects.get(type="customer.created", actor__startswith="import:").actor
    call_command("undo_import", actor.partition(":")[2], verbosity=0)
    return customers


def merging_two(api: Api, imported: Any) -> set[str]:
    survivor, gone = make(api, "One", "1", "2"), make(api, "Two", "3", "4")
    merging.merge_customers(survivor, [gone], choices={}, origin=Origin("user:anna"))
    return {survivor, gone}


def lists_in_a_body(api: Api, imported: Any) -> set[str]:
    customer = api.create(supplier_numbers=[{"company": name} for name in "ABC"])
    first, second, _ = customer["supplier_numbers"]
    changed = {"supplier_numbers": [{"company": "D"}, second, first | {"company": "E"}]}
    assert api.patch(f"{CUSTOMER}/{customer['id']}", changed).status_code == 200
    return {customer["id"]}


def batch(api: Api, imported: Any) -> set[str]:
    there = make(api, "One", "1", "2", "3")
    first, second, _ = api.rows(there)
    upserted = {"customer_name": "Two", "tax_id": "2", "supplier_numbers": [{"company": "A"}]}
    operations = [
        {"op": "create", "data": {"customer_name": "Three", "supplier_numbers": [{"company": "B"}]}},
        {
            "op": "update",
            "id": there,
            "data": {"supplier_numbers": [{"company": "C"}, second, first | {"company": "D"}]},
        },
        {"op": "upsert", "match_on": "tax_id", "data": upserted},
    ]
    answer = api.post(f"{CUSTOMER}/batch", {"operations": operations})
    assert answer.status_code == 200, answer.content
    return {outcome["object"]["id"] for outcome in answer.json()["data"]}


def admin_form(api: Api, imported: Any) -> set[str]:
    customer, client = make(api, "One", "1", "2", "3"), member("Manager")
    address, row = reverse("admin:crm_customer_change", args=[customer]), "supplier_numbers-{}-{}"
    changes = {
        row.format(0, "company"): "A", row.format(1, "DELETE"): "on",
        "supplier_numbers-TOTAL_FORMS": "4", row.format(3, "company"): "B", row.format(3, "idx"): "1",
    }  # fmt: skip
    assert client.post(address, filled(client.get(address)) | changes).status_code == 302
    return {customer}


WRITERS = {
    "single calls": (single_calls, {"created", "updated", "deleted", "reordered"}),
    "import": (import_of_new_and_other_rows, {"created", "updated", "deleted", "reordered"}),
    "undo": (undo_import, {"created", "updated", "deleted", "reordered"}),
    "merge": (merging_two, {"created", "updated"}),
    "lists in a body": (lists_in_a_body, {"created", "updated", "deleted", "reordered"}),
    "batch": (batch, {"created", "updated", "deleted", "reordered"}),
    "form of the back office": (admin_form, {"created", "updated", "deleted", "reordered"}),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_writer_names_the_customer(live_api: Api, imported: Any, writer: str) -> None:
    write, kinds = WRITERS[writer]
    customers = write(live_api, imported)
    events = line_item_events(live_api)
    assert {kind for kind, _ in events} == kinds
    assert {output.get("customer_id") for _, output in events} == customers
    # As it is written, not only as the feed shows it: webhooks and backups read the log.
    stored = Event.objects.filter(type__startswith=LINE_ITEM, object__isnull=False).values_list("object", flat=True)
    named = {orjson.loads(text).get("customer_id") for text in stored}
    assert named
    assert named <= customers


def test_events_from_before_say_it_too(live_api: Api) -> None:
    customer = make(live_api, "One", '"customer_id":', "2")
    first, second = (row["id"] for row in live_api.rows(customer))
    live_api.post(f"{ROW}/reorder", {"parent_id": customer, "ordered_ids": [second, first]})
    live_api.delete(f"{ROW}/{first}")
    as_before = {
        "deleted": {"id": first, "deleted": True},
        "reordered": {"parent_id": customer, "ordered_ids": [second, first]},
        # A value that looks like the name does not pass for it.
        "created": {"id": first, "supplier_number": '"customer_id":"nobody"'},
    }
    for kind, text in as_before.items():
        Event.objects.filter(type=LINE_ITEM + kind).update(object=orjson.dumps(text).decode())
    events = line_item_events(live_api)
    assert {kind: output for kind, output in events if kind in as_before} == {
        kind: output | {"customer_id": customer} for kind, output in as_before.items()
    }


def test_events_without_values_say_it_too(live_api: Api) -> None:
    customer = live_api.create()["id"]
    row = live_api.add_row(customer, company="Secret")["id"]
    live_api.add_row(customer, idx=1)
    live_api.delete(f"{ROW}/{row}")
    live_api.delete(f"/api/crm/customer/{customer}")
    events = line_item_events(live_api)
    assert [kind for kind, _ in events] == ["created", "created", "reordered", "deleted"]
    assert events[0][1] == events[3][1] == {"id": row, "customer_id": customer}
    assert events[2][1] == {"id": customer, "customer_id": customer}
