"""An upsert finds the customer whose e-mail or tax id is the same, however it is written."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Customer
from tests.conftest import CUSTOMER, Api, codes
from tests.connections import only_postgresql
from tests.threads import meanwhile

BATCH = f"{CUSTOMER}/batch"


def upsert(name: str, value: str, **data: Any) -> dict[str, Any]:
    return {"op": "upsert", "match_on": name, "data": {name: value, "customer_name": "New"} | data}


def run(api: Api, *operations: dict[str, Any], atomic: bool = True) -> Any:
    return api.post(BATCH, {"operations": list(operations), "atomic": atomic})


@pytest.mark.parametrize(
    ("name", "stored", "sent"),
    [
        ("email_id", "a@b.de", "A@B.de"),
        ("email_id", "MÜLLER@x.de", "müller@x.de"),
        ("tax_id", "DE 123/456-7.8", "de12345678"),
        ("tax_id", "DE12345678", "DE 123 456 78"),
    ],
)
def test_it_changes_the_one_who_is_there(api: Api, name: str, stored: str, sent: str) -> None:
    customer = api.create(**{name: stored})["id"]
    (outcome,) = run(api, upsert(name, sent)).json()["data"]
    assert (outcome["status"], outcome["object"]["id"]) == (200, customer)
    assert outcome["object"][name] == sent  # what was sent is stored, as always
    assert api.get(CUSTOMER).json()["total"] == 1


def test_within_one_batch_too(api: Api) -> None:
    customer_id = api.create(tax_id="DE 1")["id"]
    outcomes = run(
        api,
        upsert("email_id", "A@B.de"),
        upsert("email_id", "a@b.DE", territory="North"),
        {"op": "update", "id": customer_id, "data": {"tax_id": "DE-2"}},
        upsert("tax_id", "de2", territory="South"),
        upsert("tax_id", "DE 1"),  # nobody has it any more
        {"op": "delete", "id": customer_id},
        upsert("tax_id", "DE/2"),  # nor this
    ).json()["data"]
    assert [one["status"] for one in outcomes] == [201, 200, 200, 200, 201, 200, 201]
    assert outcomes[0]["object"]["id"] == outcomes[1]["object"]["id"]
    assert outcomes[3]["object"]["id"] == customer_id
    assert api.get(CUSTOMER).json()["total"] == 3


def test_two_who_match_are_named_with_the_value(api: Api) -> None:
    one, other = sorted([api.create(email_id="a@b.de")["id"], api.create(email_id="A@b.de")["id"]])
    answer = run(api, upsert("email_id", "a@B.de"))
    assert codes(answer) == {"operations[0].data.email_id": "parameter_conflict"}
    assert answer.json()["error"]["message"] == (
        f"2 customers have the email_id 'a@B.de' (case does not count): {one}, {other}."
        " Update one of them by its id, or merge them."
    )


def test_two_who_come_to_match_within_the_batch_are_named(api: Api) -> None:
    one, other = api.create(tax_id="1 2")["id"], api.create(tax_id="3")["id"]
    answer = run(api, {"op": "update", "id": other, "data": {"tax_id": "1-2"}}, upsert("tax_id", "12"), atomic=False)
    changed, refused = answer.json()["data"]
    assert (changed["status"], refused["status"]) == (200, 400)
    assert refused["error"]["message"].startswith(
        "2 customers have the tax_id '12' (case, blanks, dots, slashes and hyphens do not count):"
    )
    assert one in refused["error"]["message"]
    assert other in refused["error"]["message"]


def test_pos_ids_are_as_they_are_written(api: Api) -> None:
    api.create(customer_pos_id="P-1")
    assert run(api, upsert("customer_pos_id", "p-1")).json()["data"][0]["status"] == 201


def test_looking_for_a_hundred_costs_one_statement(api: Api) -> None:
    operations = [upsert("email_id", f"A{i}@b.de") for i in range(100)]
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert run(api, *operations).status_code == 200
    assert sum("LOWER(" in query["sql"] for query in captured) == 1


@pytest.mark.parametrize(("name", "value"), [("tax_id", "de-1"), ("customer_pos_id", "P1"), ("email_id", "A@B.de")])
def test_the_key_of_a_merged_customer_leads_to_the_survivor_with_a_warning(api: Api, name: str, value: str) -> None:
    first, second, other = (
        api.create(**values)["id"]
        for values in ({}, {"tax_id": "DE 2"}, {"tax_id": "DE 1", "customer_pos_id": "P1", "email_id": "a@b.de"})
    )
    for survivor, merged in ((second, other), (first, second)):  # a chain: the last one has it
        api.post(f"{CUSTOMER}/{survivor}/merge", {"from": [merged]})
    (outcome,) = run(api, upsert(name, value, territory="North")).json()["data"]
    assert (outcome["status"], outcome["object"]["id"], outcome["object"]["territory"]) == (200, first, "North")
    assert outcome["object"][name] is None  # as it was chosen
    assert outcome["warnings"] == [f"The customer with this {name} was merged into {first}, which was changed instead."]
    api.post(f"{CUSTOMER}/{second}/unmerge", {"restore": [other]})
    api.post(f"{CUSTOMER}/{first}/unmerge", {"restore": [second, other]})
    (outcome,) = run(api, upsert(name, value, territory="South")).json()["data"]
    assert (outcome["object"]["id"], "warnings" in outcome) == (other, False)
    api.delete(f"{CUSTOMER}/{other}")
    (outcome,) = run(api, upsert(name, value)).json()["data"]
    assert outcome["status"] == 201


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_who_is_merged_while_an_upsert_waits_is_found_where_he_is(live_api: Api) -> None:
    survivor, other = live_api.create()["id"], live_api.create(tax_id="DE 1")["id"]

    def merge() -> int:
        return Api(live_api.key).post(f"{CUSTOMER}/{survivor}/merge", {"from": [other]}).status_code

    with meanwhile(merge, before="pg_advisory_xact_lock", nth=2) as answers:  # the first is of the key
        (outcome,) = run(live_api, upsert("tax_id", "DE 1", territory="North")).json()["data"]
    assert (answers, outcome["status"], outcome["object"]["id"]) == ([200], 200, survivor)
    assert Customer.objects.count() == 1


def test_what_is_sent_for_a_merged_customer_replaces_no_list_of_the_survivor(api: Api) -> None:
    survivor = api.create(supplier_numbers=[{"supplier_number": "1"}])["id"]
    other = api.create(tax_id="DE 1")["id"]
    api.post(f"{CUSTOMER}/{survivor}/merge", {"from": [other]})
    (outcome,) = run(api, upsert("tax_id", "DE 1", supplier_numbers=[{"supplier_number": "2"}])).json()["data"]
    assert (outcome["status"], outcome["object"]["id"]) == (200, survivor)
    assert outcome["warnings"][0].endswith("Its supplier_numbers stay as they are: change them by its id.")
    assert [row["supplier_number"] for row in api.rows(survivor)] == ["1"]


def test_the_key_of_those_who_are_part_of_several_is_ambiguous(api: Api) -> None:
    ids = [api.create(tax_id="DE 1")["id"] for _ in range(2)]
    survivors = sorted(api.create()["id"] for _ in range(2))
    for survivor, merged in zip(survivors, ids, strict=True):
        api.post(f"{CUSTOMER}/{survivor}/merge", {"from": [merged]})
    answer = run(api, upsert("tax_id", "DE1"))
    assert codes(answer) == {"operations[0].data.tax_id": "parameter_conflict"}
    assert all(survivor in answer.json()["error"]["message"] for survivor in survivors)
