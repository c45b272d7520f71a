"""A customer with its supplier numbers in one write: on create, PATCH and in a batch."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.events.models import Event
from tests.conftest import CUSTOMER, ROW, Api, codes
from tests.threads import concurrently

BATCH = f"{CUSTOMER}/batch"
NUMBERS = [{"company": "Acme DE", "supplier_number": "4711"}, {"company": "Acme FR", "supplier_number": "4712"}]


def create(api: Api, rows: Any = NUMBERS, **values: Any) -> dict[str, Any]:
    answer = api.post(CUSTOMER, {"customer_name": "Acme", "supplier_numbers": rows} | values)
    assert answer.status_code == 201, answer.content
    return answer.json()


def patch(api: Api, customer_id: str, rows: Any, **values: Any) -> HttpResponse:
    return api.patch(f"{CUSTOMER}/{customer_id}", {"supplier_numbers": rows} | values)


def in_batch(api: Api, customer_id: str, rows: Any) -> HttpResponse:
    data = {"supplier_numbers": rows}
    return api.post(BATCH, {"operations": [{"op": "update", "id": customer_id, "data": data}]})


def by_upsert(api: Api, customer_id: str, rows: Any) -> HttpResponse:
    tax_id = api.get(f"{CUSTOMER}/{customer_id}").json()["tax_id"]
    data = {"tax_id": tax_id, "supplier_numbers": rows}
    return api.post(BATCH, {"operations": [{"op": "upsert", "match_on": "tax_id", "data": data}]})


UPDATES: dict[str, Callable[[Api, str, Any], HttpResponse]] = {"patch": patch, "batch": in_batch, "upsert": by_upsert}


def customer_in(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    body = answer.json()
    return body["data"][0]["object"] if "data" in body else body


def types(api: Api, start: str) -> list[str]:
    return [event["type"].rpartition("_")[2] for event in api.feed(f"?after={start}").json()["data"]]


def end(api: Api) -> str:
    return api.feed("").json()["next_cursor"]


def simple(rows: list[dict[str, Any]]) -> list[tuple[int, str | None, str | None]]:
    return [(row["idx"], row["company"], row["supplier_number"]) for row in rows]


def test_creates_a_customer_with_its_rows(live_api: Api) -> None:
    api = live_api
    start = end(api)
    customer = create(api)
    assert simple(customer["supplier_numbers"]) == [(1, "Acme DE", "4711"), (2, "Acme FR", "4712")]
    assert customer["supplier_numbers"] == api.rows(customer["id"])
    assert customer == api.get(f"{CUSTOMER}/{customer['id']}?expand[]=supplier_numbers").json()
    events = api.feed(f"?after={start}").json()["data"]
    assert [event["type"] for event in events] == ["customer.created", *["supplier_number_at_customer.created"] * 2]
    assert "supplier_numbers" not in events[0]["data"]["object"]
    assert [event["data"]["object"] for event in events[1:]] == customer["supplier_numbers"]
    assert [one["id"] for one in api.get(f"{CUSTOMER}?q=4712").json()["data"]] == [customer["id"]]


def test_a_new_customer_ignores_the_ids_of_the_rows_it_was_read_with(api: Api) -> None:
    first = create(api)
    again = create(api, first["supplier_numbers"])
    assert simple(again["supplier_numbers"]) == simple(first["supplier_numbers"])
    assert not {row["id"] for row in again["supplier_numbers"]} & {row["id"] for row in first["supplier_numbers"]}
    assert api.rows(first["id"]) == first["supplier_numbers"]


def test_no_rows_are_an_empty_list(api: Api) -> None:
    assert create(api, [])["supplier_numbers"] == []


@pytest.mark.parametrize("way", UPDATES)
def test_rows_are_kept_changed_moved_added_and_deleted(live_api: Api, way: str) -> None:
    api = live_api
    customer = create(api, [*NUMBERS, {"company": "C"}], tax_id="DE1")
    first, second, third = customer["supplier_numbers"]
    start = end(api)
    wanted = [third | {"supplier_number": "9"}, {"company": "New"}, {"id": first["id"]}]
    output = customer_in(UPDATES[way](api, customer["id"], wanted))
    rows = api.rows(customer["id"])
    assert simple(rows) == [(1, "C", "9"), (2, "New", None), (3, "Acme DE", "4711")]
    assert [row["id"] for row in rows] == [third["id"], rows[1]["id"], first["id"]]
    assert output == customer | {"supplier_numbers": rows}  # the customer itself is as it was
    assert types(api, start) == ["customer.deleted", "customer.updated", "customer.created", "customer.reordered"]
    events = api.feed(f"?after={start}").json()["data"]
    assert {event["type"].partition(".")[0] for event in events} == {"supplier_number_at_customer"}
    assert events[0]["data"]["object"]["id"] == second["id"]
    assert events[1]["data"] == {"object": rows[0], "previous_attributes": {"supplier_number": None}}
    assert events[3]["data"]["object"]["ordered_ids"] == [row["id"] for row in rows]
    for row, event in zip(rows[:2], events[1:3], strict=True):
        assert api.get(f"{ROW}/{row['id']}")["ETag"] == f'"{event["object_version"]}"'
    assert api.get(f"{CUSTOMER}?q=4712").json()["total"] == 0
    assert api.get(f"{CUSTOMER}?q=4711").json()["total"] == 1


@pytest.mark.parametrize("way", UPDATES)
def test_what_was_read_can_be_sent_back_and_changes_nothing(live_api: Api, way: str) -> None:
    api = live_api
    customer = create(api, tax_id="DE1")
    read = api.get(f"{CUSTOMER}/{customer['id']}?expand[]=supplier_numbers").json()
    start, versions = end(api), list(SupplierNumberAtCustomer.objects.order_by("idx").values_list("version", flat=True))
    assert customer_in(UPDATES[way](api, customer["id"], read["supplier_numbers"])) == read
    assert customer_in(api.patch(f"{CUSTOMER}/{customer['id']}", read)) == read
    assert types(api, start) == []
    assert list(SupplierNumberAtCustomer.objects.order_by("idx").values_list("version", flat=True)) == versions


@pytest.mark.parametrize("way", UPDATES)
def test_absent_rows_are_untouched_and_an_empty_list_deletes_them(api: Api, way: str) -> None:
    customer = create(api, tax_id="DE1")
    answer = api.patch(f"{CUSTOMER}/{customer['id']}", {"gender": "x"}).json()
    assert "supplier_numbers" not in answer
    assert api.rows(customer["id"]) == customer["supplier_numbers"]
    assert customer_in(UPDATES[way](api, customer["id"], []))["supplier_numbers"] == []
    assert api.rows(customer["id"]) == []


def test_values_and_rows_change_together(live_api: Api) -> None:
    api = live_api
    customer = create(api)
    start = end(api)
    answer = patch(api, customer["id"], customer["supplier_numbers"][:1], customer_name="Umbrella")
    assert (answer.json()["customer_name"], answer["ETag"]) == ("Umbrella", '"2"')
    assert types(api, start) == ["customer.updated", "customer.deleted"]
    assert api.get(f"{CUSTOMER}?q=umbrella+4711").json()["total"] == 1
    assert api.get(f"{CUSTOMER}?q=acme+4711").json()["total"] == 0
    assert api.get(f"{CUSTOMER}?q=4712").json()["total"] == 0


OTHER = "supplier-number-at-customer_other"
WRONG: list[tuple[Any, dict[str, str]]] = [
    ("x", {"supplier_numbers": "parameter_invalid_type"}),
    (None, {"supplier_numbers": "parameter_invalid_type"}),
    ({"a": 1}, {"supplier_numbers": "parameter_invalid_type"}),
    ([1], {"supplier_numbers[0]": "parameter_invalid_type"}),
    ([{}, {"company": 5}], {"supplier_numbers[1].company": "parameter_invalid_type"}),
    ([{"company": "x" * 256}], {"supplier_numbers[0].company": "parameter_too_long"}),
    ([{"compny": "x"}], {"supplier_numbers[0].compny": "parameter_unknown"}),
    ([{}] * 1001, {"supplier_numbers": "parameter_invalid_range"}),
]
# Of a customer that is there. On create ids are ignored.
WRONG_IDS: list[tuple[Any, dict[str, str]]] = [
    *(
        ([{"id": wrong}], {"supplier_numbers[0].id": "parameter_invalid_type"})
        for wrong in (5, 0, False, [], {}, ["x"])
    ),
    ([{"id": OTHER}, {"id": OTHER}], {"supplier_numbers[1].id": "parameter_duplicate"}),
]
UNKNOWN: list[tuple[Any, dict[str, str]]] = [
    ([{"id": OTHER}], {"supplier_numbers[0].id": "resource_missing"}),
    ([{}, {"id": "\ud83d\ude00"}], {"supplier_numbers[1].id": "resource_missing"}),
]


@pytest.mark.parametrize(("rows", "wrong"), WRONG)
def test_wrong_rows_are_refused_at_every_door_of_the_api(api: Api, rows: Any, wrong: dict[str, str]) -> None:
    customer = create(api, tax_id="DE1")
    before = Event.objects.count()
    assert codes(api.post(CUSTOMER, {"customer_name": "x", "supplier_numbers": rows})) == wrong
    assert codes(patch(api, customer["id"], rows)) == wrong
    for answer in (in_batch(api, customer["id"], rows), by_upsert(api, customer["id"], rows)):
        assert answer.status_code == 400
        assert codes(answer) == {f"operations[0].data.{name}": code for name, code in wrong.items()}
    assert Event.objects.count() == before
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(("rows", "wrong"), WRONG_IDS)
def test_wrong_ids_delete_nothing(api: Api, rows: Any, wrong: dict[str, str]) -> None:
    customer = create(api, tax_id="DE1")
    assert codes(patch(api, customer["id"], rows)) == wrong
    for answer in (in_batch(api, customer["id"], rows), by_upsert(api, customer["id"], rows)):
        assert codes(answer) == {f"operations[0].data.{name}": code for name, code in wrong.items()}
    assert api.rows(customer["id"]) == customer["supplier_numbers"]
    assert len(create(api, rows)["supplier_numbers"]) == len(rows)


def test_a_batch_has_no_more_line_items_than_can_be_written_soon(api: Api) -> None:
    data = {"customer_name": "x", "supplier_numbers": [{}] * 1000}
    answer = api.post(f"{CUSTOMER}/batch", {"operations": [{"op": "create", "data": data}] * 11})
    assert (answer.status_code, codes(answer)) == (400, {"operations": "parameter_invalid_range"})
    assert Customer.objects.count() == 0


@pytest.mark.parametrize(("rows", "wrong"), UNKNOWN)
def test_an_id_that_is_no_row_of_the_customer_is_refused(api: Api, rows: Any, wrong: dict[str, str]) -> None:
    customer, other = create(api, tax_id="DE1"), create(api)
    rows = [{"id": other["supplier_numbers"][0]["id"]} if row.get("id") == OTHER else row for row in rows]
    assert codes(patch(api, customer["id"], rows, gender="x")) == wrong
    assert codes(in_batch(api, customer["id"], rows)) == {f"operations[0].data.{n}": c for n, c in wrong.items()}
    assert api.rows(customer["id"]) == customer["supplier_numbers"]
    assert api.get(f"{CUSTOMER}/{customer['id']}").json()["gender"] is None  # all or nothing


def test_problems_of_values_and_rows_are_told_together(api: Api) -> None:
    answer = api.post(CUSTOMER, {"email_id": "x", "supplier_numbers": [{"company": 1}]})
    assert codes(answer) == {
        "customer_name": "parameter_missing",
        "email_id": "parameter_invalid",
        "supplier_numbers[0].company": "parameter_invalid_type",
    }


def test_a_missing_customer_and_a_changed_one_come_first(api: Api) -> None:
    customer = create(api)
    assert patch(api, "customer_nobody", NUMBERS).status_code == 404
    answer = api.patch(f"{CUSTOMER}/{customer['id']}", {"supplier_numbers": []}, If_Match='"7"')
    assert answer.status_code == 412
    assert api.rows(customer["id"]) == customer["supplier_numbers"]
    assert api.patch(f"{CUSTOMER}/{customer['id']}", {"supplier_numbers": []}, If_Match='"1"').status_code == 200


def test_a_retry_gets_the_rows_of_the_first_answer(api: Api) -> None:
    body = {"customer_name": "Acme", "supplier_numbers": NUMBERS}
    first, again = (api.post(CUSTOMER, body, Idempotency_Key="k") for _ in range(2))
    assert first.content == again.content
    assert SupplierNumberAtCustomer.objects.count() == 2
    changed = body | {"supplier_numbers": NUMBERS[:1]}
    assert api.post(CUSTOMER, changed, Idempotency_Key="k").json()["error"]["code"] == "idempotency_key_mismatch"


def test_two_at_once_leave_one_of_the_two_lists(live_api: Api) -> None:
    customer = create(live_api)
    lists = [[{"company": f"{i}-{n}"} for n in range(4)] for i in range(6)]
    answers = concurrently(lambda i: patch(live_api, customer["id"], lists[i]).status_code, 6)
    assert answers == [200] * 6
    rows = live_api.rows(customer["id"])
    assert [row["idx"] for row in rows] == [1, 2, 3, 4]
    assert len({row["company"].partition("-")[0] for row in rows}) == 1


def test_a_thousand_rows_are_one_write(api: Api, django_assert_max_num_queries: Any) -> None:
    rows = [{"company": f"Company {i}", "supplier_number": str(i)} for i in range(1000)]
    with django_assert_max_num_queries(16):
        customer = create(api, rows)
    assert len(customer["supplier_numbers"]) == 1000
    with django_assert_max_num_queries(20):
        answer = patch(api, customer["id"], customer["supplier_numbers"][::-1])
    assert [row["supplier_number"] for row in answer.json()["supplier_numbers"]] == [str(i) for i in range(1000)][::-1]


def test_operations_of_one_batch_build_on_each_other(api: Api) -> None:
    customer = create(api, tax_id="DE1")
    first, second = customer["supplier_numbers"]
    operations = [
        {"op": "update", "id": customer["id"], "data": {"supplier_numbers": [second, {"company": "New"}]}},
        {
            "op": "update",
            "id": customer["id"],
            "data": {"supplier_numbers": [{"company": "Last"}, {"id": second["id"]}]},
        },
        {"op": "update", "id": customer["id"], "data": {"supplier_numbers": [{"id": first["id"]}]}},
        {"op": "create", "data": {"customer_name": "Beta", "supplier_numbers": [{"supplier_number": "B1"}]}},
    ]
    answer = api.post(BATCH, {"operations": operations, "atomic": False})
    assert [one["status"] for one in answer.json()["data"]] == [200, 200, 400, 201]
    lists = [simple(one["object"]["supplier_numbers"]) for one in answer.json()["data"] if "object" in one]
    assert lists[0] == [(1, "Acme FR", "4712"), (2, "New", None)]
    assert lists[1] == [(1, "Last", None), (2, "Acme FR", "4712")]
    assert simple(api.rows(customer["id"])) == lists[1]
    versions = SupplierNumberAtCustomer.objects.filter(pk=second["id"]).values_list("version", flat=True)
    assert list(versions) == [3]  # moved to 1, then to 2
    beta = answer.json()["data"][3]["object"]
    assert api.rows(beta["id"]) == beta["supplier_numbers"]
    assert api.get(f"{CUSTOMER}?q=b1+beta").json()["total"] == 1
    assert api.get(f"{CUSTOMER}?q=4711").json()["total"] == 0


def test_rows_of_a_customer_that_the_same_batch_deletes_go_with_it(api: Api) -> None:
    customer = create(api)
    operations = [
        {"op": "update", "id": customer["id"], "data": {"supplier_numbers": NUMBERS}},
        {"op": "delete", "id": customer["id"]},
    ]
    assert api.post(BATCH, {"operations": operations}).status_code == 200
    assert SupplierNumberAtCustomer.objects.count() == 0
    assert not [
        event for event in Event.objects.filter(subject=customer["id"]) if event.previous and "4711" in event.object
    ]


def test_a_batch_retrieves(api: Api) -> None:
    customer = create(api)
    operations = [
        {"op": "retrieve", "id": customer["id"]},
        {"op": "update", "id": customer["id"], "data": {"gender": "x"}},
        {"op": "retrieve", "id": customer["id"]},
        {"op": "retrieve", "id": "customer_nobody"},
    ]
    answer = api.post(BATCH, {"operations": operations, "atomic": False}).json()["data"]
    assert [one["status"] for one in answer] == [200, 200, 200, 404]
    assert [one["object"]["gender"] for one in answer[:3]] == [None, "x", "x"]
    assert [one.get("etag") for one in answer] == ['"1"', '"2"', '"2"', None]
    assert answer[2]["object"] == api.get(f"{CUSTOMER}/{customer['id']}").json()


def test_each_operation_of_a_batch_may_say_which_version_it_changes(api: Api) -> None:
    ids = [create(api)["id"] for _ in range(3)]
    operations: list[dict[str, Any]] = [
        {"op": "update", "id": ids[0], "if_match": '"1"', "data": {"gender": "x"}},
        {"op": "update", "id": ids[0], "if_match": '"1"', "data": {"gender": "y"}},
        {"op": "update", "id": ids[0], "if_match": 'W/"2"', "data": {"gender": "z"}},
        {"op": "delete", "id": ids[1], "if_match": '"4"'},
        {"op": "delete", "id": ids[2], "if_match": '"4", "1"'},
    ]
    answer = api.post(BATCH, {"operations": operations, "atomic": False}).json()["data"]
    assert [one["status"] for one in answer] == [200, 412, 200, 412, 200]
    assert answer[1]["error"]["code"] == "precondition_failed"
    assert answer[1]["error"]["param"] == "operations[1].if_match"
    assert api.get(f"{CUSTOMER}/{ids[0]}").json()["gender"] == "z"
    assert api.get(f"{CUSTOMER}/{ids[1]}").status_code == 200
    refused = api.post(BATCH, {"operations": [{"op": "delete", "id": ids[0], "if_match": '"1"'}]})
    assert (refused.status_code, codes(refused)) == (400, {"operations[0].if_match": "precondition_failed"})


@pytest.mark.parametrize(
    ("operation", "wrong"),
    [
        ({"op": "update", "if_match": 3, "data": {}}, {"if_match": "parameter_invalid_type"}),
        ({"op": "update", "if_match": "garbage", "data": {}}, {"if_match": "parameter_invalid"}),
        ({"op": "create", "if_match": '"1"', "data": {"customer_name": "x"}}, {"if_match": "parameter_unknown"}),
        ({"op": "retrieve", "data": {}}, {"data": "parameter_unknown"}),
    ],
)
def test_a_wrong_condition_is_refused(api: Api, operation: dict[str, Any], wrong: dict[str, str]) -> None:
    known = operation | ({} if operation["op"] == "create" else {"id": api.create()["id"]})
    answer = api.post(BATCH, {"operations": [known]})
    assert codes(answer) == {f"operations[0].{name}": code for name, code in wrong.items()}
