"""What a retry is shown, and what no retry may show any more."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from crm import services
from overplane.api import idempotency
from overplane.api.models import IdempotentAnswer
from overplane.database import statements
from overplane.database.dialect import Statement
from tests.conftest import CUSTOMER, ROW, Api
from tests.threads import concurrently, meanwhile


@pytest.mark.slow
def test_fifty_clients_with_one_key_make_one_customer(live_api: Api) -> None:
    body = {"customer_name": "Once"}
    answers = concurrently(lambda _: live_api.post(CUSTOMER, body, Idempotency_Key="same"), 50)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert all("Retry-After" in answer for answer in answers if answer.status_code == 409)
    assert live_api.get(CUSTOMER).json()["total"] == 1


def test_while_a_key_is_in_use_nothing_is_done_under_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = api.create()["id"]
    calls: list[Callable[[], Any]] = [
        lambda: api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k"),
        lambda: api.post(CUSTOMER, {"customer_name": "x", "supplier_numbers": []}, Idempotency_Key="k"),
        lambda: api.patch(f"{CUSTOMER}/{customer}", {"gender": "x"}, Idempotency_Key="k"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(statements, "try_lock", lambda number: False)
        patch.setattr(idempotency, "trying_lock", lambda number: Statement("1 = 0", []))
        answers = [call() for call in calls]
    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [(409, "idempotency_key_in_use")] * 3
    assert [one["Retry-After"] for one in answers] == ["1"] * 3
    assert not IdempotentAnswer.objects.exists()
    assert api.get(CUSTOMER).json()["data"] == [api.get(f"{CUSTOMER}/{customer}").json()]
    assert api.get(f"{CUSTOMER}/{customer}").json()["gender"] is None


@pytest.mark.slow
@pytest.mark.parametrize("expired", [False, True])
def test_a_create_that_comes_while_another_one_holds_its_key_is_not_done(live_api: Api, expired: bool) -> None:
    """The first one, with line items, has done its work and not yet kept its answer."""
    if expired:
        live_api.post(CUSTOMER, {"customer_name": "of yesterday"}, Idempotency_Key="k")
        IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    other = Api(live_api.key)
    with meanwhile(
        lambda: other.post(CUSTOMER, {"customer_name": "second"}, Idempotency_Key="k"),
        before='INSERT INTO "overplane_api_idempotentanswer"',
    ) as answers:
        body = {"customer_name": "first", "supplier_numbers": [{"company": "x"}]}
        assert live_api.post(CUSTOMER, body, Idempotency_Key="k").status_code == 201
    (second,) = answers
    if connection.vendor == "postgresql":
        assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    else:  # it has waited for the first one
        assert (second.status_code, second.json()["error"]["code"]) == (400, "idempotency_key_mismatch")
    names = [one["customer_name"] for one in live_api.get(CUSTOMER).json()["data"]]
    assert names == ["first", "of yesterday"][: 1 + expired]


def test_what_the_database_refuses_leaves_the_key_free(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    there = live_api.create()["id"]
    with monkeypatch.context() as patch:
        patch.setattr(services, "new_id", lambda prefix: there)
        refused = live_api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
    assert refused.status_code >= 400
    assert not IdempotentAnswer.objects.exists()
    answer = live_api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
    assert (answer.status_code, "Idempotent-Replayed" in answer) == (201, False)


def test_that_a_key_was_used_for_something_else_comes_before_what_is_wrong_now(api: Api) -> None:
    api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
    again = api.post(CUSTOMER, {"customer_name": ""}, Idempotency_Key="k")
    assert again.json()["error"]["code"] == "idempotency_key_mismatch"
    refused = api.post(CUSTOMER, {"customer_name": ""}, Idempotency_Key="new")
    assert [one["param"] for one in refused.json()["error"]["errors"]] == ["customer_name"]
    assert api.post(CUSTOMER, {"customer_name": "y"}, Idempotency_Key="new").status_code == 201


@pytest.mark.parametrize("atomic", [True, False])
def test_a_batch_that_deletes_whom_it_shows_is_not_kept(api: Api, atomic: bool) -> None:
    customer = api.create()["id"]
    body = {
        "operations": [
            {"op": "update", "id": customer, "data": {"gender": "secret"}},
            {"op": "delete", "id": customer},
        ],
        "atomic": atomic,
    }
    assert api.post(f"{CUSTOMER}/batch", body, Idempotency_Key="k").status_code in (200, 207)
    again = api.post(f"{CUSTOMER}/batch", body, Idempotency_Key="k")
    assert (again.status_code, again.json()["error"]["code"]) == (400, "idempotency_answer_erased")
    assert not [stored for stored in IdempotentAnswer.objects.all() if b"secret" in bytes(stored.body or b"")]


CHANGES: dict[str, Callable[[Api, str, str], Any]] = {
    "a patch": lambda api, c, r: api.patch(f"{CUSTOMER}/{c}", {"gender": "x"}, Idempotency_Key="k"),
    "a patch that changes nothing": lambda api, c, r: api.patch(f"{CUSTOMER}/{c}", {}, Idempotency_Key="k"),
    "a row's patch": lambda api, c, r: api.patch(f"{ROW}/{r}", {"company": "x"}, Idempotency_Key="k"),
    "a row's patch that changes nothing": lambda api, c, r: api.patch(f"{ROW}/{r}", {}, Idempotency_Key="k"),
    "a new row": lambda api, c, r: api.post(ROW, {"customer_id": c}, Idempotency_Key="k"),
    "a new order": lambda api, c, r: api.post(
        f"{ROW}/reorder", {"parent_id": c, "ordered_ids": [r]}, Idempotency_Key="k"
    ),
    "a batch that changes nothing": lambda api, c, r: api.post(
        f"{CUSTOMER}/batch", {"operations": [{"op": "update", "id": c, "data": {}}]}, Idempotency_Key="k"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_no_answer_outlives_a_customer_that_is_deleted_meanwhile(live_api: Api, name: str) -> None:
    """The deletion comes between the change and the keeping of its answer."""
    customer = live_api.create()["id"]
    row = live_api.add_row(customer)["id"]
    deleted: list[int] = []

    def delete() -> None:
        deleted.append(live_api.delete(f"{CUSTOMER}/{customer}").status_code)
        connections.close_all()

    deleting = threading.Thread(target=delete)

    def before_keeping(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if f'INSERT INTO "{IdempotentAnswer._meta.db_table}"' in sql and not deleting.ident:
            deleting.start()
            deleting.join(0.5)  # it ends only if nothing holds it up
        return execute(sql, params, many, context)

    with connection.execute_wrapper(before_keeping):
        assert CHANGES[name](live_api, customer, row).status_code < 300
    deleting.join()
    assert deleted == [200]
    assert [stored.body for stored in IdempotentAnswer.objects.all()] == [None]
