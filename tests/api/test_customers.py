"""Retrieve, update and delete one customer."""

import threading
from typing import Any

import pytest

from crm.models import Customer
from tests.conftest import CUSTOMER, Api, codes
from tests.threads import concurrently


def test_an_unknown_customer_is_404(api: Api) -> None:
    for answer in (
        api.get(f"{CUSTOMER}/customer_none"),
        api.patch(f"{CUSTOMER}/customer_none", {"gender": "x"}),
        api.patch(f"{CUSTOMER}/customer_none", {"teritory": 1}),
        api.delete(f"{CUSTOMER}/customer_none"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "resource_missing"


def test_a_fetched_object_can_be_sent_back(api: Api) -> None:
    customer = api.create(territory="North")
    assert api.patch(f"{CUSTOMER}/{customer['id']}", customer).json() == customer
    changed = api.patch(
        f"{CUSTOMER}/{customer['id']}", customer | {"territory": "South", "id": "customer_other"}
    ).json()
    assert (changed["territory"], changed["id"]) == ("South", customer["id"])


def test_updates_only_what_was_sent(api: Api) -> None:
    customer = api.create(
        territory="North", gender="x", customer_type="Individual", disabled=True, default_commission_rate=5
    )
    sent = {"territory": None, "gender": "", "customer_type": None, "disabled": None, "default_commission_rate": None}
    changed = api.patch(f"{CUSTOMER}/{customer['id']}", sent).json()
    defaults = {"territory": None, "gender": None, "customer_type": "Company", "disabled": False}
    assert changed == customer | defaults | {"default_commission_rate": None, "updated_at": changed["updated_at"]}


def test_judges_the_merged_whole_and_changes_nothing_when_refused(api: Api) -> None:
    customer = api.create()
    answer = api.patch(f"{CUSTOMER}/{customer['id']}", {"customer_name": " ", "email_id": "x", "territory": "y"})
    assert codes(answer) == {"customer_name": "parameter_invalid_empty", "email_id": "parameter_invalid"}
    assert api.get(f"{CUSTOMER}/{customer['id']}").json() == customer


def test_deletes_for_good(api: Api) -> None:
    customer = api.create()
    api.add_row(customer["id"], company="A")
    answer = api.delete(f"{CUSTOMER}/{customer['id']}")
    assert (answer.status_code, answer.json()) == (200, {"id": customer["id"], "deleted": True})
    assert api.get(f"{CUSTOMER}/{customer['id']}").status_code == 404
    assert api.delete(f"{CUSTOMER}/{customer['id']}").status_code == 404
    assert api.get(CUSTOMER).json() == {"data": [], "has_more": False, "total": 0}


def test_two_patches_of_different_fields_both_survive(live_api: Api) -> None:
    customer = live_api.create()
    fields = ["gender", "territory", "industry", "language", "lead_name", "tax_id", "first_name", "last_name"]
    answers = concurrently(
        lambda i: Api(live_api.key).patch(f"{CUSTOMER}/{customer['id']}", {fields[i]: "set"}), len(fields)
    )
    assert {answer.status_code for answer in answers} == {200}
    after = live_api.get(f"{CUSTOMER}/{customer['id']}")
    assert all(after.json()[name] == "set" for name in fields)
    assert after["ETag"] == f'"{1 + len(fields)}"'


class TestConditionalRequests:
    def test_an_etag_spares_the_body(self, api: Api) -> None:
        customer = api.create()
        first = api.get(f"{CUSTOMER}/{customer['id']}")
        again = api.get(f"{CUSTOMER}/{customer['id']}", If_None_Match=first["ETag"])
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        api.patch(f"{CUSTOMER}/{customer['id']}", {"gender": "x"})
        assert api.get(f"{CUSTOMER}/{customer['id']}", If_None_Match=first["ETag"]).status_code == 200
        assert "ETag" not in api.get(f"{CUSTOMER}/{customer['id']}?fields=gender")

    @pytest.mark.parametrize(
        ("tag", "status"), [('"1"', 200), ("*", 200), ('"7", "1"', 200), ('"2"', 412), ('W/"1"', 200), ("x", 400)]
    )
    def test_if_match_guards_a_change(self, api: Api, tag: str, status: int) -> None:
        customer = api.create()
        assert api.patch(f"{CUSTOMER}/{customer['id']}", {"gender": "x"}, If_Match=tag).status_code == status
        assert Customer.objects.get().gender == ("x" if status == 200 else None)

    def test_comes_after_404_and_before_validation(self, api: Api) -> None:
        customer = api.create()
        assert api.patch(f"{CUSTOMER}/customer_none", {}, If_Match='"9"').status_code == 404
        assert api.patch(f"{CUSTOMER}/{customer['id']}", {"disabled": 5}, If_Match='"9"').status_code == 412
        assert api.delete(f"{CUSTOMER}/{customer['id']}", If_Match='"9"').status_code == 412
        assert api.delete(f"{CUSTOMER}/{customer['id']}", If_Match='"1"').status_code == 200


class TestSafeRetries:
    def test_repeats_the_same_bytes(self, api: Api) -> None:
        first = api.post(CUSTOMER, {"customer_name": "x", "gender": "y"}, Idempotency_Key="k")
        again = api.post(CUSTOMER, {"gender": "y", "customer_name": "x"}, Idempotency_Key="k")
        assert (again.status_code, again.content) == (201, first.content)
        assert (again["ETag"], again["Location"]) == (first["ETag"], first["Location"])
        assert again["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first
        assert again["Request-Id"] != first["Request-Id"]
        assert Customer.objects.count() == 1

    def test_covers_patch_and_delete(self, api: Api) -> None:
        customer = api.create()
        path = f"{CUSTOMER}/{customer['id']}"
        api.patch(path, {"gender": "a"}, Idempotency_Key="k1")
        api.patch(path, {"gender": "b"})
        assert api.patch(path, {"gender": "a"}, Idempotency_Key="k1").json()["gender"] == "a"
        assert api.get(path).json()["gender"] == "b"
        deleted = api.delete(path, Idempotency_Key="k2")
        again = api.delete(path, Idempotency_Key="k2")
        assert (again.status_code, again.content) == (200, deleted.content)

    def test_another_request_under_the_same_key_is_refused(self, api: Api) -> None:
        api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
        answer = api.post(CUSTOMER, {"customer_name": "y"}, Idempotency_Key="k")
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "idempotency_error"
        assert answer.json()["error"]["code"] == "idempotency_key_mismatch"

    @pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\tb"])
    def test_refuses_bad_keys(self, api: Api, key: str) -> None:
        answer = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key=key)
        assert answer.json()["error"]["code"] == "idempotency_key_invalid"

    def test_only_success_is_kept(self, api: Api) -> None:
        assert api.post(CUSTOMER, {"customer_name": ""}, Idempotency_Key="k").status_code == 400
        assert api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").status_code == 201

    def test_an_answer_about_a_deleted_customer_is_erased(self, api: Api) -> None:
        customer = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").json()
        api.delete(f"{CUSTOMER}/{customer['id']}")
        answer = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_answer_erased")
        assert not Customer.objects.exists()

    @pytest.mark.slow
    def test_fifty_clients_with_one_key_make_one_customer(self, live_api: Api) -> None:
        gate = threading.Barrier(10)

        def client(i: int) -> list[Any]:
            gate.wait()
            return [Api(live_api.key).post(CUSTOMER, {"customer_name": "once"}, Idempotency_Key="k") for _ in range(5)]

        answers = [answer for part in concurrently(client, 10) for answer in part]
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert all(a["Retry-After"] for a in answers if a.status_code == 409)
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
        assert Customer.objects.count() == 1
