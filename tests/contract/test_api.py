"""Line items at the API: shape, positions, versions, parents, events, and a customer's lists in its own body."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import merging
from crm.line_items import LINE_ITEMS
from overplane.events.models import Event
from overplane.origin import Origin
from tests.conftest import CUSTOMER, codes
from tests.contract.conftest import Items
from tests.contract.values import of, values_of
from tests.threads import concurrently

# Statements of a call, at most, with BEGIN and COMMIT or savepoints of the test; what search needs is on top.
COSTS = {"retrieve": 2, "list": 4, "create": 10, "move": 11, "patch": 9, "delete": 10, "reorder": 9}


def test_looks_as_its_model_says(items: Items) -> None:
    customer_id = items.api.create()["id"]
    answer = items.post(customer_id, 7)
    output = answer.json()
    assert (answer.status_code, answer["ETag"]) == (201, '"1"')
    assert answer["Location"] == f"{items.route}/{output['id']}"
    assert list(output) == list(items.kind.output_names)
    assert output["id"].startswith(f"{items.kind.id_prefix}_")
    assert (output["idx"], output["customer_id"]) == (1, customer_id)
    assert of(items.kind, output) == values_of(items.kind, 7)
    assert items.api.get(f"{items.route}/{output['id']}").json() == output
    assert items.all(customer_id) == [output]


def test_absent_attributes_get_their_defaults(items: Items) -> None:
    customer_id = items.api.create()["id"]
    required = {name: values_of(items.kind, 1)[name] for name, one in items.kind.attributes.items() if one.required}
    output = items.api.post(items.route, {"customer_id": customer_id} | required).json()
    assert of(items.kind, output) == {n: one.default for n, one in items.kind.attributes.items()} | required


def test_stands_where_it_is_put(items: Items) -> None:
    customer_id, (a, b, c) = items.customer()
    d = items.add(customer_id, 4, idx=2)["id"]
    assert items.order(customer_id) == [a, d, b, c]
    assert items.patch(c, {"idx": 1}).json()["idx"] == 1
    assert items.order(customer_id) == [c, a, d, b]
    assert items.delete(a).json() == {"id": a, "deleted": True}
    assert items.order(customer_id) == [c, d, b]
    for wrong in (0, 5, -1):
        assert codes(items.post(customer_id, 1, idx=wrong)) == {"idx": "parameter_invalid_range"}
    assert codes(items.patch(c, {"idx": 4})) == {"idx": "parameter_invalid_range"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_is_put_in_order(items: Items, method: str) -> None:
    customer_id, (a, b, c) = items.customer()

    def reorder(*ordered: str) -> Any:
        return items.api.call(method, f"{items.route}/reorder", {"parent_id": customer_id, "ordered_ids": ordered})

    answer = reorder(c, a, b)
    assert [one["id"] for one in answer.json()["data"]] == items.order(customer_id) == [c, a, b]
    assert codes(reorder(c, a)) == {"ordered_ids": "reorder_incomplete"}
    assert codes(reorder(c, a, b, "x")) == {"ordered_ids[3]": "resource_missing"}
    assert codes(reorder(c, a, b, b)) == {"ordered_ids[3]": "parameter_duplicate"}
    assert items.order(customer_id) == [c, a, b]


@pytest.mark.slow
def test_positions_stay_whole_under_many_hands(live_items: Items) -> None:
    customer_id, _ = live_items.customer(4)

    def work(i: int) -> None:
        for n in range(4):
            mine = live_items.add(customer_id, n, idx=1 + (i + n) % 3)["id"]
            live_items.patch(mine, {"idx": 1 + n})
            if n % 2:
                live_items.delete(mine)

    concurrently(work, 3)
    assert len(live_items.order(customer_id)) == 4 + 3 * 2


def test_a_change_bumps_its_version_and_nobody_elses(items: Items) -> None:
    customer_id, (a, b) = items.customer(2)
    before = items.api.get(f"{CUSTOMER}/{customer_id}")
    changed = items.patch(a, values_of(items.kind, 9))
    assert (changed["ETag"], of(items.kind, changed.json())) == ('"2"', values_of(items.kind, 9))
    assert items.patch(a, values_of(items.kind, 9))["ETag"] == '"2"', "nothing differs"
    assert items.api.get(f"{items.route}/{b}")["ETag"] == '"1"'
    after = items.api.get(f"{CUSTOMER}/{customer_id}")
    assert (after["ETag"], after.content) == (before["ETag"], before.content)


def test_if_match_holds_on_patch_and_delete(items: Items) -> None:
    customer_id, (a,) = items.customer(1)
    new = values_of(items.kind, 2)
    assert items.patch(a, new, If_Match='"7"').status_code == 412
    assert items.delete(a, If_Match='"7"').status_code == 412
    assert items.patch(a, {"idx": 99}, If_Match='"7"').status_code == 412, "before what is wrong with the body"
    assert [of(items.kind, one) for one in items.all(customer_id)] == [values_of(items.kind, 1)]
    assert items.patch(a, new, If_Match='"1"').status_code == 200
    assert items.delete(a, If_Match='W/"2"').status_code == 200
    assert items.delete(a, If_Match='"2"').status_code == 404


def test_belongs_to_one_customer_for_good(items: Items) -> None:
    customer_id, (a,) = items.customer(1)
    other = items.api.create()["id"]
    values = values_of(items.kind, 1)
    for body, wrong in (
        (values, {"customer_id": "parameter_missing"}),
        (values | {"customer_id": ""}, {"customer_id": "parameter_invalid_empty"}),
        (values | {"customer_id": 5}, {"customer_id": "parameter_invalid_type"}),
        (values | {"customer_id": "customer_nobody"}, {"customer_id": "resource_missing"}),
        (values | {"parent_id": "customer_nobody"}, {"parent_id": "resource_missing"}),
        (values | {"customer_id": other, "parent_id": customer_id}, {"parent_id": "parameter_conflict"}),
        (values | {"customer_id": other, "nonsense": 1}, {"nonsense": "parameter_unknown"}),
    ):
        assert codes(items.api.post(items.route, body)) == wrong
    assert codes(items.patch(a, {"customer_id": other})) == {"customer_id": "parameter_immutable"}
    assert items.patch(a, {"customer_id": customer_id}).status_code == 200
    assert codes(items.api.get(items.route)) == {"parent_id": "parameter_missing"}
    assert items.all(other) == []


def test_is_listed_by_pages_and_filters(items: Items) -> None:
    customer_id, ids = items.customer(5)
    first = items.api.get(f"{items.route}?parent_id={customer_id}&limit=2")
    assert ([one["id"] for one in first.json()["data"]], first.json()["has_more"]) == (ids[:2], True)
    assert 'rel="next"' in first["Link"]
    rest = items.api.get(f"{items.route}?parent_id={customer_id}&starting_after={ids[1]}").json()
    assert ([one["id"] for one in rest["data"]], rest["total"]) == (ids[2:], 5)
    for name, value in values_of(items.kind, 2).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        listed = items.api.get(f"{items.route}?parent_id={customer_id}&{name}={text}").json()["data"]
        assert [one["id"] for one in listed] == [one["id"] for one in items.all(customer_id) if one[name] == value]


@pytest.mark.parametrize("call", COSTS)
def test_costs_no_more_statements_than_others(items: Items, call: str) -> None:
    customer_id, (a, *_, last) = items.customer()
    calls: dict[str, Any] = {
        "retrieve": lambda: items.api.get(f"{items.route}/{a}"),
        "list": lambda: items.api.get(f"{items.route}?parent_id={customer_id}"),
        "create": lambda: items.post(customer_id, 5),
        "move": lambda: items.patch(last, {"idx": 1}),
        "patch": lambda: items.patch(a, values_of(items.kind, 8)),
        "delete": lambda: items.delete(last),
        "reorder": lambda: items.api.post(
            f"{items.route}/reorder", {"parent_id": customer_id, "ordered_ids": items.order(customer_id)[::-1]}
        ),
    }
    items.api.get(f"{items.route}/{a}")  # the key is known from here on
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert calls[call]().status_code < 300
    sent = [one["sql"] for one in queries if "SAVEPOINT" not in one["sql"]]
    assert len(sent) <= COSTS[call] + 2 * bool(items.kind.searched), sent


def data_of(items: Items, subject: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    events = items.api.feed(f"?after=start&customer_id={subject}&limit=1000").json()["data"]
    return [(e["type"], e["data"]["object"], e["data"]["previous_attributes"]) for e in events]


def test_every_change_is_told_once_and_names_its_customer(live_items: Items) -> None:
    items, kind = live_items, live_items.kind
    customer_id, (a, b) = items.customer(2)
    new = values_of(kind, 5)
    items.patch(b, new | {"idx": 1})
    items.delete(b)
    events = data_of(items, customer_id)
    assert [type_ for type_, _, _ in events] == [
        "customer.created", kind.created, kind.created, kind.updated, kind.reordered, kind.deleted, kind.reordered,
    ]  # fmt: skip
    assert all(output["customer_id"] == customer_id for _, output, _ in events[1:])
    (_, updated, previous), (_, order, old_order), (_, deleted, last) = events[3:6]
    assert of(kind, updated) == new
    assert previous == {"idx": 2} | {n: v for n, v in values_of(kind, 2).items() if v != new[n]}
    assert (order["ordered_ids"], old_order["ordered_ids"]) == ([b, a], [a, b])
    assert deleted == {"id": b, "customer_id": customer_id, "deleted": True}
    assert last == {"idx": 1} | new
    items.api.delete(f"{CUSTOMER}/{customer_id}")
    scrubbed = data_of(items, customer_id)
    assert [type_ for type_, _, _ in scrubbed] == [*(type_ for type_, _, _ in events), "customer.deleted"]
    assert all(set(output) <= {"id", "customer_id", "deleted"} for _, output, _ in scrubbed)
    assert not kind.model.objects.filter(customer_id=customer_id).exists()


def test_goes_with_its_customer_in_one_body(live_items: Items) -> None:
    items, kind = live_items, live_items.kind
    body = {"customer_name": "Acme", kind.name: [values_of(kind, n) for n in (1, 2, 3)]}
    customer = items.api.post(CUSTOMER, body).json()
    assert [of(kind, one) for one in customer[kind.name]] == body[kind.name]
    read = items.whole(customer["id"])
    assert read == customer
    first, second, third = read[kind.name]
    changed = [third | values_of(kind, 9), values_of(kind, 4), first]
    answer = items.api.patch(f"{CUSTOMER}/{customer['id']}", {kind.name: changed})
    assert answer.status_code == 200, answer.content
    after = items.whole(customer["id"])[kind.name]
    assert answer.json()[kind.name] == after
    assert [of(kind, one) for one in after] == [values_of(kind, n) for n in (9, 4, 1)]
    assert ([after[0]["id"], after[2]["id"]], second["id"] in {one["id"] for one in after}) == (
        [third["id"], first["id"]],
        False,
    )
    event_types = [type_ for type_, _, _ in data_of(items, customer["id"])][4:]
    assert sorted(event_types) == sorted([kind.deleted, kind.updated, kind.created, kind.reordered])
    before = Event.objects.count()
    assert items.api.patch(f"{CUSTOMER}/{customer['id']}", items.whole(customer["id"])).status_code == 200
    assert Event.objects.count() == before, "what was read can be sent back and changes nothing"
    wrong = items.api.patch(f"{CUSTOMER}/{customer['id']}", {kind.name: [{"id": "nobody"}, {"nonsense": 1}, 5]})
    assert codes(wrong) == {
        f"{kind.name}[1].nonsense": "parameter_unknown",
        f"{kind.name}[2]": "parameter_invalid_type",
    }


def test_goes_with_its_customer_in_a_batch(items: Items) -> None:
    kind = items.kind
    there = items.api.create(tax_id="1")["id"]
    data = {"customer_name": "x", kind.name: [values_of(kind, 1)]}
    operations = [
        {"op": "create", "data": data},
        {"op": "update", "id": there, "data": {kind.name: [values_of(kind, 2)]}},
        {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "1", kind.name: [values_of(kind, 3)] * 2}},
    ]
    answer = items.api.post(f"{CUSTOMER}/batch", {"operations": operations})
    assert answer.status_code == 200, answer.content
    line_items = [[of(kind, one) for one in outcome["object"][kind.name]] for outcome in answer.json()["data"]]
    assert line_items == [[values_of(kind, 1)], [values_of(kind, 2)], [values_of(kind, 3)] * 2]
    assert [of(kind, one) for one in items.all(there)] == [values_of(kind, 3)] * 2


def test_all_kinds_go_in_one_body(items: Items) -> None:
    body = {kind.name: [values_of(kind, n) for n in (1, 2)] for kind in LINE_ITEMS}
    customer = items.api.post(CUSTOMER, {"customer_name": "Acme"} | body).json()
    expand = "&".join(f"expand[]={kind.name}" for kind in LINE_ITEMS)
    assert items.api.get(f"{CUSTOMER}/{customer['id']}?{expand}").json() == customer
    items.api.patch(f"{CUSTOMER}/{customer['id']}", {items.kind.name: []})
    after = items.api.get(f"{CUSTOMER}/{customer['id']}?{expand}").json()
    assert {kind.name: len(after[kind.name]) for kind in LINE_ITEMS} == {
        kind.name: 0 if kind is items.kind else 2 for kind in LINE_ITEMS
    }


def test_a_merge_loses_none(live_items: Items) -> None:
    items, kind = live_items, live_items.kind
    survivor, own = items.customer(2)
    other, theirs = items.customer(3)
    merging.merge_customers(survivor, [other], choices={}, origin=Origin("user:anna"))
    assert items.order(survivor) == own + theirs
    moved = [previous for type_, _, previous in data_of(items, survivor) if type_ == kind.updated]
    assert [one["customer_id"] for one in moved] == [other] * 3


def test_a_merge_that_is_taken_back_gives_back_all(live_items: Items) -> None:
    items, kind = live_items, live_items.kind
    survivor, own = items.customer(2)
    other, theirs = items.customer(4)
    was = items.all(other)
    merging.merge_customers(survivor, [other], origin=Origin("user:anna"))
    items.delete(theirs[1])
    last = items.add(survivor, 5)["id"]
    changed = next((name for name in kind.names if was[2][name] != was[0][name]), None)
    items.patch(theirs[2], {changed: was[0][changed]} if changed else {})
    done = items.api.post(f"{CUSTOMER}/{survivor}/unmerge", {"restore": [other]}).json()
    assert (items.order(survivor), items.order(other)) == ([*own, last], [theirs[0], *theirs[2:]])
    named = [f"{kind.name}[{theirs[1]}]", *([f"{kind.name}[{theirs[2]}].{changed}"] if changed else [])]
    assert done["kept"] == named
    now = {one["id"]: one for one in items.all(other)}
    assert [now[i] | {"idx": 1} for i in (theirs[0], theirs[3])] == [one | {"idx": 1} for one in (was[0], was[3])]
    previous_orders = [previous for type_, _, previous in data_of(items, survivor) if type_ == kind.reordered]
    assert previous_orders[-1] == {"ordered_ids": [*own, theirs[0], *theirs[2:], last]}


def test_customers_are_found_by_what_is_searched(items: Items) -> None:
    customer_id, (a,) = items.customer(1)
    for name in items.kind.searched:
        items.patch(a, {name: "ZX-4711-Q"})
        customers = items.api.get(f"{CUSTOMER}?q=zx-4711").json()["data"]
        assert [one["id"] for one in customers] == [customer_id]
        items.delete(a)
        a = items.add(customer_id)["id"]
        assert items.api.get(f"{CUSTOMER}?q=zx-4711").json()["total"] == 0
    by_id = items.add(customer_id)["id"]
    assert [one["id"] for one in items.api.get(f"{CUSTOMER}?q={by_id}").json()["data"]] == [customer_id]


def test_is_described(items: Items) -> None:
    document = items.api.get("/api/openapi.json").json()
    kind, schemas = items.kind, document["components"]["schemas"]
    assert list(schemas[kind.schema]["properties"]) == list(kind.output_names)
    assert kind.name in schemas["CustomerCreate"]["properties"]
    assert set(document["paths"]) >= {items.route, f"{items.route}/{{id}}", f"{items.route}/reorder"}
    for type_ in kind.events:
        assert type_ in str(schemas["Event"])
