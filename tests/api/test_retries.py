"""What a retry is shown, and what no retry may show any more."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from overplane.api.models import IdempotentAnswer
from tests.conftest import CUSTOMER, ROW, Api
from tests.threads import concurrently


@pytest.mark.slow
def test_fifty_clients_with_one_key_make_one_customer(live_api: Api) -> None:
    body = {"customer_name": "Once"}
    answers = concurrently(lambda _: live_api.post(CUSTOMER, body, Idempotency_Key="same"), 50)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert all("Retry-After" in answer for answer in answers if answer.status_code == 409)
    assert live_api.get(CUSTOMER).json()["total"] == 1


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
    assert not [kept for kept in IdempotentAnswer.objects.all() if b"secret" in bytes(kept.body or b"")]


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
    assert [kept.body for kept in IdempotentAnswer.objects.all()] == [None]
