"""POST /api/crm/customer/batch."""

from typing import Any

import pytest

from overplane.events.models import Event
from tests.conftest import CUSTOMER, Api, codes

BATCH = f"{CUSTOMER}/batch"


def run(api: Api, *operations: dict[str, Any], atomic: bool = True, **headers: str) -> Any:
    return api.post(BATCH, {"operations": list(operations), "atomic": atomic}, **headers)


def test_does_all_kinds_at_once(api: Api) -> None:
    old, to_delete = api.create(customer_name="old"), api.create(customer_name="doomed")
    match = api.create(customer_name="match", tax_id="T1")
    answer = run(
        api,
        {"op": "create", "data": {"customer_name": "new", "email_id": "a@b"}},
        {"op": "update", "id": old["id"], "data": {"territory": "North"}},
        {"op": "delete", "id": to_delete["id"]},
        {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T1", "gender": "x"}},
        {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T2", "customer_name": "made"}},
        {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T2", "territory": "South"}},
    )
    assert answer.status_code == 200, answer.content
    data = answer.json()["data"]
    assert [one["status"] for one in data] == [201, 200, 200, 200, 201, 200]
    assert [one["index"] for one in data] == list(range(6))
    assert data[2]["object"] == {"id": to_delete["id"], "deleted": True}
    assert data[3]["object"]["id"] == match["id"]
    assert data[5]["object"]["id"] == data[4]["object"]["id"]
    for one in (data[0], data[1], data[3], data[5]):
        assert api.get(f"{CUSTOMER}/{one['object']['id']}").json() == one["object"]
    assert api.get(f"{CUSTOMER}/{to_delete['id']}").status_code == 404
    assert api.get(CUSTOMER).json()["total"] == 4
    assert api.get(f"{CUSTOMER}?q=made").json()["total"] == 1
    assert list(Event.objects.order_by("seq").values_list("type", flat=True))[3:] == [
        "customer.created",
        "customer.updated",
        "customer.updated",
        "customer.created",
        "customer.updated",
        "customer.deleted",
    ]


def test_is_all_or_nothing_and_names_every_problem(api: Api) -> None:
    answer = run(
        api,
        {"op": "create", "data": {"customer_name": "fine"}},
        {"op": "create", "data": {"email_id": "no", "teritory": "x"}},
        {"op": "update", "id": "customer_none", "data": {}},
        {"op": "merge"},
        {"op": "upsert", "match_on": "gender", "data": {}},
        {"op": "delete", "id": 5, "data": {}},
    )
    assert answer.status_code == 400
    assert codes(answer) == {
        "operations[1].data.customer_name": "parameter_missing",
        "operations[1].data.email_id": "parameter_invalid",
        "operations[1].data.teritory": "parameter_unknown",
        "operations[2].id": "resource_missing",
        "operations[3].op": "parameter_invalid",
        "operations[4].match_on": "parameter_invalid",
        "operations[5].id": "parameter_invalid_type",
        "operations[5].data": "parameter_unknown",
    }
    assert api.get(CUSTOMER).json()["total"] == 0
    assert Event.objects.count() == 0


def test_not_atomic_does_what_can_be_done(api: Api) -> None:
    answer = run(
        api,
        {"op": "create", "data": {"customer_name": "fine"}},
        {"op": "create", "data": {"customer_name": "bad", "email_id": "no"}},
        {"op": "delete", "id": "customer_none"},
        atomic=False,
    )
    assert answer.status_code == 207
    data = answer.json()["data"]
    assert [one["status"] for one in data] == [201, 400, 404]
    assert data[1]["error"]["param"] == "operations[1].data.email_id"
    assert data[1]["error"]["request_id"] == answer["Request-Id"]
    assert api.get(CUSTOMER).json()["total"] == 1


def test_an_ambiguous_match_names_the_candidates(api: Api) -> None:
    twins = [api.create(tax_id="T")["id"] for _ in range(2)]
    answer = run(api, {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T", "gender": "x"}})
    assert codes(answer) == {"operations[0].data.tax_id": "parameter_conflict"}
    assert all(twin in answer.json()["error"]["message"] for twin in twins)


def test_what_a_batch_creates_and_an_update_breaks_is_judged_whole(api: Api) -> None:
    customer = api.create()
    answer = run(api, {"op": "update", "id": customer["id"], "data": {"customer_name": None}})
    assert codes(answer) == {"operations[0].data.customer_name": "parameter_invalid_empty"}


def test_a_customer_deleted_in_the_same_batch_leaves_no_values(api: Api) -> None:
    customer = api.create(customer_name="Secret")
    answer = run(
        api,
        {"op": "update", "id": customer["id"], "data": {"customer_name": "Hidden"}},
        {"op": "delete", "id": customer["id"]},
        {"op": "upsert", "match_on": "email_id", "data": {"email_id": "x@y", "customer_name": "Gone"}},
        {"op": "update", "id": customer["id"], "data": {"territory": "x"}},
        atomic=False,
    )
    assert [one["status"] for one in answer.json()["data"]] == [200, 200, 201, 404]
    assert not any("Hidden" in (text or "") for text in Event.objects.values_list("object", flat=True))


def test_a_batch_is_repeated_byte_by_byte(api: Api) -> None:
    operation = {"op": "create", "data": {"customer_name": "once"}}
    first = run(api, operation, Idempotency_Key="b1")
    again = run(api, operation, Idempotency_Key="b1")
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert api.get(CUSTOMER).json()["total"] == 1
    api.delete(f"{CUSTOMER}/{first.json()['data'][0]['object']['id']}")
    erased = run(api, operation, Idempotency_Key="b1")
    assert erased.json()["error"]["code"] == "idempotency_answer_erased"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"operations": "parameter_missing"}),
        ({"operations": {}}, {"operations": "parameter_invalid_type"}),
        ({"operations": []}, {"operations": "parameter_invalid_range"}),
        ({"operations": [{}] * 1001}, {"operations": "parameter_invalid_range"}),
        ({"operations": [1], "atomic": "yes"}, {"atomic": "parameter_invalid_type"}),
        ({"operations": [1]}, {"operations[0].op": "parameter_invalid_type"}),
        ({"operation": []}, {"operation": "parameter_unknown", "operations": "parameter_missing"}),
    ],
)
def test_refuses(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    answer = api.post(BATCH, body)
    assert answer.status_code == 400
    assert codes(answer) == wrong


def test_a_thousand_operations_are_written_in_sets(api: Api, django_assert_max_num_queries: Any) -> None:
    operations = [{"op": "create", "data": {"customer_name": f"c{i}"}} for i in range(1000)]
    with django_assert_max_num_queries(15):  # 12, and what a process asks that remembers nothing yet
        answer = run(api, *operations)
    assert answer.status_code == 200
    assert api.get(CUSTOMER).json()["total"] == 1000
