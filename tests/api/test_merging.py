"""Merging by the API, and taking it back."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm.models import Customer, CustomerTombstone, MergedCustomer
from tests.conftest import CUSTOMER, ROW, Api, codes
from tests.threads import concurrently, meanwhile


def merge(api: Api, survivor: str, *others: str, **body: Any) -> Any:
    answer = api.post(f"{CUSTOMER}/{survivor}/merge", {"from": list(others)} | body)
    assert answer.status_code == 200, answer.content
    return answer


def unmerge(api: Api, survivor: str, *restored: str) -> Any:
    return api.post(f"{CUSTOMER}/{survivor}/unmerge", {"restore": list(restored)})


def three(api: Api) -> tuple[str, str, str]:
    one, two, three = (api.create(customer_name=name, tax_id=f"T-{name}")["id"] for name in "ABC")
    for customer, company in ((one, "own"), (two, "x"), (two, "y"), (three, "z")):
        api.add_row(customer, company=company)
    return one, two, three


def test_merges_and_gives_back(live_api: Api) -> None:
    api = live_api
    survivor, other, third = three(api)
    was = [api.get(f"{CUSTOMER}/{i}?expand[]=supplier_numbers").json() for i in (survivor, other, third)]
    start = api.feed("").json()["next_cursor"]
    answer = merge(api, survivor, other, third, values={"tax_id": "T-B"})
    assert answer.json() == api.get(f"{CUSTOMER}/{survivor}").json()
    assert (answer.json()["tax_id"], answer["ETag"]) == ("T-B", '"2"')
    assert [row["company"] for row in api.rows(survivor)] == ["own", "x", "y", "z"]
    assert api.get(CUSTOMER).json()["total"] == 1
    assert [one["id"] for one in api.get(f"{CUSTOMER}?q=T-B").json()["data"]] == [survivor]
    assert api.get(f"{CUSTOMER}?q={other}").json()["total"] == 0

    answer = unmerge(api, survivor, third, other)
    output = answer.json()
    assert output["kept"] == []
    assert [one["id"] for one in output["restored"]] == [other, third]
    assert output["restored"] == [{n: v for n, v in one.items() if n != "supplier_numbers"} for one in was[1:]]
    assert (output["id"], output["tax_id"], answer["ETag"]) == (survivor, "T-A", '"3"')
    now = [api.get(f"{CUSTOMER}/{i}?expand[]=supplier_numbers").json() for i in (survivor, other, third)]
    assert [one | {"updated_at": ""} for one in now] == [one | {"updated_at": ""} for one in was]
    assert now[1:] == was[1:]
    assert api.get(f"{CUSTOMER}/{other}")["ETag"] == '"3"'
    moved = "supplier_number_at_customer.updated"
    events = api.feed(f"?after={start}").json()["data"]
    assert [event["type"] for event in events] == [
        "customer.updated", moved, moved, moved, "customer.merged", "customer.merged",
        "customer.unmerged", "customer.unmerged", moved, moved, moved, "customer.updated",
    ]  # fmt: skip
    assert events[4]["data"]["object"] == {"id": other, "merged_into": survivor}
    assert events[6]["data"] == {"object": output["restored"][0], "previous_attributes": {}}
    assert [event["object_version"] for event in events if event["data"]["object"]["id"] == other] == [2, 3]
    assert events[-1]["data"]["previous_attributes"] == {"tax_id": "T-B"}


@pytest.mark.parametrize("call", ["get", "patch", "delete", "merge", "unmerge", "batch"])
def test_a_merged_id_leads_to_the_last_survivor(api: Api, call: str) -> None:
    first, second, third = three(api)
    merge(api, second, first)
    merge(api, third, second)
    path = f"{CUSTOMER}/{first}"
    calls: dict[str, Any] = {
        "get": lambda: api.get(path),
        "patch": lambda: api.patch(path, {"gender": "x"}, If_Match='"7"'),
        "delete": lambda: api.delete(path),
        "merge": lambda: api.post(f"{path}/merge", {"from": [third]}),
        "unmerge": lambda: api.post(f"{path}/unmerge", {"restore": [second]}),
        "batch": lambda: api.post(
            f"{CUSTOMER}/batch", {"atomic": False, "operations": [{"op": "delete", "id": first}]}
        ),
    }
    answer = calls[call]()
    error = answer.json()["data"][0]["error"] if call == "batch" else answer.json()["error"]
    assert answer.status_code == (207 if call == "batch" else 404)
    assert (error["code"], error["merged_into"]) == ("resource_merged", third)
    assert error["doc_url"].endswith("#error-resource_merged")
    assert third in error["message"]
    assert Customer.objects.count() == 1


def test_a_body_that_names_a_merged_customer_is_told_where_it_went(api: Api) -> None:
    survivor, other, third = three(api)
    merge(api, survivor, other)
    for answer, param in (
        (api.post(ROW, {"customer_id": other}), "customer_id"),
        (api.get(f"{ROW}?parent_id={other}"), "parent_id"),
        (api.post(f"{CUSTOMER}/{third}/merge", {"from": [other]}), "from[0]"),
    ):
        assert (answer.status_code, codes(answer)) == (400, {param: "resource_missing"})
        assert survivor in answer.json()["error"]["message"]


def test_a_cursor_on_a_merged_id_keeps_its_place(api: Api) -> None:
    first, second, third = three(api)
    merge(api, first, second)
    assert [one["id"] for one in api.get(f"{CUSTOMER}?starting_after={second}").json()["data"]] == [first]
    assert [one["id"] for one in api.get(f"{CUSTOMER}?ending_before={second}").json()["data"]] == [third]
    assert codes(api.get(f"{CUSTOMER}?starting_after={second}&order_by=customer_name")) == {
        "starting_after": "resource_missing"
    }


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"from": "parameter_missing"}),
        ({"from": "x"}, {"from": "parameter_invalid_type"}),
        ({"from": []}, {"from": "parameter_invalid_range"}),
        ({"from": ["a", "b", "c", "d"]}, {"from": "parameter_invalid_range"}),
        ({"from": [7, "SELF"]}, {"from[0]": "parameter_invalid_type", "from[1]": "parameter_invalid"}),
        ({"from": ["OTHER", "OTHER"]}, {"from[1]": "parameter_duplicate"}),
        ({"from": ["OTHER", "customer_gone"]}, {"from[1]": "resource_missing"}),
        ({"from": ["OTHER"], "form": 1}, {"form": "parameter_unknown"}),
        ({"from": ["OTHER"], "values": []}, {"values": "parameter_invalid_type"}),
        (
            {"from": ["OTHER"], "values": {"tax": 1, "gender": 2}},
            {"values.tax": "parameter_unknown", "values.gender": "parameter_invalid_type"},
        ),
        ({"from": ["OTHER"], "values": {"customer_name": None}}, {"values.customer_name": "parameter_invalid_empty"}),
        ({"from": ["OTHER"], "values": {"email_id": "no"}}, {"values.email_id": "parameter_invalid"}),
    ],
)
def test_what_is_wrong_with_a_merge(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    survivor, other = api.create()["id"], api.create()["id"]
    if isinstance(body.get("from"), list):
        body = body | {"from": [{"SELF": survivor, "OTHER": other}.get(one, one) for one in body["from"]]}
    answer = api.post(f"{CUSTOMER}/{survivor}/merge", body)
    assert (answer.status_code, codes(answer)) == (400, wrong)
    # An object that is not there, or has changed, is the more important news.
    assert api.post(f"{CUSTOMER}/customer_gone/merge", body).status_code == 404
    assert api.post(f"{CUSTOMER}/{survivor}/merge", body, If_Match='"9"').status_code == 412
    assert Customer.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"restore": "parameter_missing"}),
        ({"restore": None}, {"restore": "parameter_invalid_type"}),
        ({"restore": []}, {"restore": "parameter_invalid_range"}),
        ({"restore": ["OTHER", "OTHER"]}, {"restore[1]": "parameter_duplicate"}),
        ({"restore": ["OTHER", "SURVIVOR", "customer_gone"]}, {"restore[1]": "resource_missing", "restore[2]": "resource_missing"}),
        ({"restore": ["OTHER"], "kept": 1}, {"kept": "parameter_unknown"}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_taking_back(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    survivor, other = api.create()["id"], api.create()["id"]
    merge(api, survivor, other)
    if isinstance(body.get("restore"), list):
        body = body | {"restore": [{"SURVIVOR": survivor, "OTHER": other}.get(one, one) for one in body["restore"]]}
    answer = api.post(f"{CUSTOMER}/{survivor}/unmerge", body)
    assert (answer.status_code, codes(answer)) == (400, wrong)
    assert api.post(f"{CUSTOMER}/customer_gone/unmerge", body).status_code == 404
    assert api.post(f"{CUSTOMER}/{survivor}/unmerge", body, If_Match='"9"').status_code == 412
    assert Customer.objects.count() == 1


def test_what_was_changed_since_is_named(api: Api) -> None:
    survivor, other, _ = three(api)
    merge(api, survivor, other, values={"tax_id": "T-B", "gender": "new"})
    api.patch(f"{CUSTOMER}/{survivor}", {"tax_id": "T-9"})
    output = unmerge(api, survivor, other).json()
    assert (output["kept"], output["tax_id"], output["gender"]) == (["tax_id"], "T-9", None)
    assert api.get(f"{CUSTOMER}/{other}").json()["tax_id"] == "T-B"


def test_if_match_is_the_survivors(api: Api) -> None:
    survivor, other, _ = three(api)
    path = f"{CUSTOMER}/{survivor}"
    assert api.post(f"{path}/merge", {"from": [other]}, If_Match='"2"').status_code == 412
    assert api.post(f"{path}/merge", {"from": [other], "values": {"gender": "x"}}, If_Match='"1"').status_code == 200
    assert api.post(f"{path}/unmerge", {"restore": [other]}, If_Match='"1"').status_code == 412
    assert api.post(f"{path}/unmerge", {"restore": [other]}, If_Match='"2"')["ETag"] == '"3"'


def test_is_done_once_under_a_key(api: Api) -> None:
    survivor, other, _ = three(api)
    for what, body in (("merge", {"from": [other]}), ("unmerge", {"restore": [other]})):
        one, again = (api.post(f"{CUSTOMER}/{survivor}/{what}", body, Idempotency_Key=what) for _ in range(2))
        assert one.status_code == 200
        assert (again.content, again["Idempotent-Replayed"]) == (one.content, "true")
    api.delete(f"{CUSTOMER}/{other}")
    gone = api.post(f"{CUSTOMER}/{survivor}/unmerge", {"restore": [other]}, Idempotency_Key="unmerge")
    assert gone.json()["error"]["code"] == "idempotency_answer_erased"


def test_a_reader_may_not(api: Api, read_only_api: Api) -> None:
    survivor, other, _ = three(api)
    for what, body in (("merge", {"from": [other]}), ("unmerge", {"restore": [other]})):
        answer = read_only_api.post(f"{CUSTOMER}/{survivor}/{what}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_read_only")


def test_after_a_month_it_is_too_late(api: Api, settings: Any) -> None:
    survivor, other, third = three(api)
    merge(api, survivor, other, third)
    MergedCustomer.objects.filter(pk=other).update(merged_at=timezone.now() - timedelta(days=30))
    answer = unmerge(api, survivor, third, other)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (410, "unmerge_expired", "restore[1]")
    settings.MERGE_UNDO_DAYS = 31
    assert unmerge(api, survivor, third, other).status_code == 200


def test_erasing_the_survivor_leaves_no_value_of_the_merged(live_api: Api) -> None:
    """Searched for in every column of every table."""
    api = live_api
    created = api.post(CUSTOMER, {"customer_name": "Canary Bird", "tax_id": "CANARY-1"}, Idempotency_Key="made")
    other = created.json()["id"]
    api.add_row(other, company="Canary Cage", supplier_number="CANARY-2")
    between, survivor = (api.create(customer_name=name)["id"] for name in ("Between", "Kept"))
    merge(api, between, other, values={"tax_id": "CANARY-1"})
    body = {"from": [between], "values": {"gender": "Canary"}}
    assert api.post(f"{CUSTOMER}/{survivor}/merge", body, Idempotency_Key="merged").status_code == 200
    assert occurrences("canary")
    start = api.feed("").json()["next_cursor"]
    api.delete(f"{CUSTOMER}/{survivor}")
    assert occurrences("canary") == []
    events = api.feed(f"?after={start}").json()["data"]
    assert [(e["type"], e["data"]["object"]) for e in events] == [
        ("customer.deleted", {"id": i, "deleted": True}) for i in (survivor, *sorted([other, between]))
    ]
    assert api.get(f"{CUSTOMER}/{other}").json()["error"]["code"] == "resource_missing"
    assert set(CustomerTombstone.objects.values_list("pk", flat=True)) == {survivor, between, other}
    again = api.post(CUSTOMER, {"customer_name": "Canary Bird", "tax_id": "CANARY-1"}, Idempotency_Key="made")
    assert again.json()["error"]["code"] == "idempotency_answer_erased"


def test_erasing_one_that_was_given_back_leaves_no_value_of_its_rows(live_api: Api) -> None:
    api = live_api
    survivor, other, stays = (api.create(customer_name=name)["id"] for name in ("Kept", "Other", "Stays"))
    row = api.add_row(other, company="Canary Cage")["id"]
    own = api.add_row(survivor, company="Own Company")["id"]
    api.add_row(stays, company="Company that stays")
    merge(api, survivor, other)
    api.patch(f"{ROW}/{row}", {"supplier_number": "CANARY-2"})
    api.patch(f"{ROW}/{own}", {"supplier_number": "Number of its own"})
    assert unmerge(api, survivor, other).status_code == 200
    assert api.delete(f"{CUSTOMER}/{other}").status_code == 200
    assert occurrences("canary") == []
    assert len(occurrences("number of its own")) > 1
    assert len(occurrences("company that stays")) > 1


def occurrences(word: str) -> list[str]:
    occurring = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            occurring += [f"{table}: {row!r:.200}" for row in cursor.fetchall() if word in repr(row).lower()]
    return occurring


def test_two_at_once_give_back_once(live_api: Api) -> None:
    survivor, other, _ = three(live_api)
    merge(live_api, survivor, other)
    answers = concurrently(lambda i: unmerge(live_api, survivor, other).status_code, 2)
    assert sorted(answers) == [200, 400]
    assert Customer.objects.count() == 3
    assert [row["company"] for row in live_api.rows(other)] == ["x", "y"]


@pytest.mark.slow
def test_giving_back_while_the_survivor_is_deleted(live_api: Api) -> None:
    survivor, other, _ = three(live_api)
    merge(live_api, survivor, other)
    with meanwhile(lambda: unmerge(live_api, survivor, other).status_code, before="DELETE FROM") as answers:
        assert live_api.delete(f"{CUSTOMER}/{survivor}").status_code == 200
    assert answers == [404]
    assert (Customer.objects.count(), MergedCustomer.objects.count()) == (1, 0)


@pytest.mark.slow
def test_deleting_the_survivor_while_one_is_given_back(live_api: Api) -> None:
    survivor, other, _ = three(live_api)
    merge(live_api, survivor, other)
    with meanwhile(lambda: live_api.delete(f"{CUSTOMER}/{survivor}").status_code, before="DELETE FROM") as answers:
        assert unmerge(live_api, survivor, other).status_code == 200
    assert answers == [200]
    assert live_api.get(f"{CUSTOMER}/{other}").json()["customer_name"] == "B"
    assert [row["company"] for row in live_api.rows(other)] == ["x", "y"]


@pytest.mark.slow
def test_deleting_the_survivor_while_another_is_merged_into_it(live_api: Api) -> None:
    """The deletion waits; what became part of it meanwhile is erased with it."""
    survivor, other, _ = three(live_api)
    with meanwhile(lambda: live_api.delete(f"{CUSTOMER}/{survivor}").status_code, before="DELETE FROM") as answers:
        merge(live_api, survivor, other)
    assert answers == [200]
    assert MergedCustomer.objects.count() == 0
    assert live_api.get(f"{CUSTOMER}/{other}").json()["error"]["code"] == "resource_missing"
    events = live_api.feed(f"?object_id={other}").json()["data"]
    assert events[0]["type"] == "customer.deleted"


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"If_Match": '"1"'}, {"Idempotency_Key": "k"}])
def test_a_change_of_one_that_is_merged_meanwhile(live_api: Api, headers: dict[str, str]) -> None:
    survivor, other, _ = three(live_api)

    def change() -> tuple[int, str]:
        answer = live_api.patch(f"{CUSTOMER}/{other}", {"gender": "x"}, **headers)
        return answer.status_code, answer.json()["error"]["merged_into"]

    with meanwhile(change, before="DELETE FROM") as answers:
        merge(live_api, survivor, other)
    assert answers == [(404, survivor)]
    assert unmerge(live_api, survivor, other).json()["restored"][0]["gender"] is None
