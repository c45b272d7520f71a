"""A database that is busy, slow or away, for real: which answer a program gets, and that it is told when to come again."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.database import replicas
from overplane.events.models import Event
from tests.conftest import CUSTOMER, ROW, Api
from tests.connections import another_connection, execute, only_postgresql, with_setting

pytestmark = pytest.mark.slow

LOCK = "SELECT 1 FROM crm_customer WHERE id = %s FOR UPDATE"

WRITES: dict[str, Callable[[Api, str, str], HttpResponse]] = {
    "patch": lambda api, c, r: api.patch(f"{CUSTOMER}/{c}", {"gender": "x"}),
    "patch with a key": lambda api, c, r: api.patch(f"{CUSTOMER}/{c}", {"gender": "x"}, Idempotency_Key="k"),
    "delete": lambda api, c, r: api.delete(f"{CUSTOMER}/{c}"),
    "batch": lambda api, c, r: api.post(f"{CUSTOMER}/batch", {"operations": [{"op": "delete", "id": c}]}),
    "a new row": lambda api, c, r: api.post(ROW, {"customer_id": c}),
    "a row's patch": lambda api, c, r: api.patch(f"{ROW}/{r}", {"company": "x"}),
    "a row's delete": lambda api, c, r: api.delete(f"{ROW}/{r}"),
    "a new order": lambda api, c, r: api.post(f"{ROW}/reorder", {"parent_id": c, "ordered_ids": [r]}),
}


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Customer, SupplierNumberAtCustomer, Event)]


def test_whose_write_got_no_answer_counts_as_having_written(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be done: his next list must not come from a replica that does not have it yet."""
    noted: list[str] = []
    monkeypatch.setattr(replicas, "wrote", noted.append)
    customer = live_api.create()["id"]
    assert len(noted) == 1

    def broken(execute: Any, sql: str, *more: Any) -> Any:
        if "crm_customer" in sql:
            raise OperationalError("the connection is lost")
        return execute(sql, *more)

    with connection.execute_wrapper(broken):
        assert live_api.patch(f"{CUSTOMER}/{customer}", {"gender": "x"}).status_code == 503
    assert noted == noted[:1] * 2
    assert live_api.patch(f"{CUSTOMER}/{customer}", {"gender": 1}).status_code == 400
    assert len(noted) == 2


def error_summary(answer: HttpResponse) -> tuple[int, str, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["code"], answer.get("Retry-After", "missing")


@only_postgresql
@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("lock_timeout", (503, "api_error", "timeout", "5")),
        ("statement_timeout", (503, "api_error", "timeout", "5")),
    ],
)
def test_who_waits_too_long_is_told_when_to_come_again(
    live_api: Api, name: str, setting: str, expected: tuple[Any, ...]
) -> None:
    """Nothing is done then; and the very same request is done as soon as nobody is in the way."""
    customer = live_api.create()["id"]
    row = live_api.add_row(customer)["id"]
    before = everything()
    with another_connection() as other:
        execute(other, LOCK, customer)
        with with_setting(setting, "100ms"):
            assert error_summary(WRITES[name](live_api, customer, row)) == expected
    assert everything() == before
    assert WRITES[name](live_api, customer, row).status_code in (200, 201)


@only_postgresql
@pytest.mark.parametrize("others_go_on", [False, True])
def test_the_victim_of_a_deadlock_is_tried_once_more(live_api: Api, others_go_on: bool) -> None:
    """If the other is through by then, nobody notices; else the caller is told that somebody holds the object."""
    first, second = sorted(live_api.create()["id"] for _ in range(2))
    before = everything()
    operations = [{"op": "update", "id": i, "data": {"gender": "x"}} for i in (first, second)]
    with another_connection() as other:
        execute(other, "SET deadlock_timeout = '60s'")  # the service is to notice first
        execute(other, LOCK, second)

        def close_the_circle() -> None:
            for _ in range(3000):
                with other.cursor() as cursor:
                    cursor.execute(
                        "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                    )
                    if cursor.fetchone():
                        cursor.execute(LOCK, [first])
                        if others_go_on:
                            other.rollback()
                        return
                time.sleep(0.01)

        thread = threading.Thread(target=close_the_circle)
        other.inc_thread_sharing()
        with with_setting("deadlock_timeout", "2s"), with_setting("lock_timeout", "4s"):
            thread.start()
            answer = live_api.post(f"{CUSTOMER}/batch", {"operations": operations})
            thread.join()
    if others_go_on:
        if answer.status_code == 409:  # on a slow machine the other may not be through yet
            answer = live_api.post(f"{CUSTOMER}/batch", {"operations": operations})
        assert answer.status_code == 200
        assert Event.objects.filter(type="customer.updated").count() == 2
        return
    assert error_summary(answer) == (503, "api_error", "timeout", "5")
    assert everything() == before
    assert live_api.post(f"{CUSTOMER}/batch", {"operations": operations}).status_code == 200


@only_postgresql
@pytest.mark.parametrize("times", [1, 2])
def test_who_is_overtaken_in_a_strict_transaction_is_tried_once_more(live_api: Api, times: int) -> None:
    """A serialization failure, as databases have it that are set to be stricter than PostgreSQL's default."""
    customer = live_api.create()["id"]
    overtaking = iter(range(times))

    def overtake(execute_: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "FOR NO KEY UPDATE" in sql and next(overtaking, None) is not None:
            with another_connection() as other:
                execute(other, "UPDATE crm_customer SET territory = 'North' WHERE id = %s", customer)
                other.commit()
        return execute_(sql, parameters, many, context)

    with (
        with_setting("default_transaction_isolation", "repeatable read"),
        connection.execute_wrapper(overtake),
    ):
        answer = live_api.patch(f"{CUSTOMER}/{customer}", {"gender": "x"}, Idempotency_Key="k")
    if times == 1:
        assert answer.status_code == 200
    else:
        assert error_summary(answer) == (409, "api_error", "unavailable", "1")
    again = live_api.patch(f"{CUSTOMER}/{customer}", {"gender": "x"}, Idempotency_Key="k")
    assert (again.status_code, again.json()["gender"], again.json()["territory"]) == (200, "x", "North")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's writers do not stand in one line")
@pytest.mark.parametrize("name", WRITES)
def test_a_line_that_is_too_long_is_told(live_api: Api, name: str) -> None:
    customer = live_api.create()["id"]
    row = live_api.add_row(customer)["id"]
    before = everything()
    with another_connection() as other:
        execute(other, "UPDATE crm_customer SET gender = 'theirs'")
        execute(connection, "PRAGMA busy_timeout = 50")
        assert error_summary(WRITES[name](live_api, customer, row)) == (503, "api_error", "timeout", "5")
    assert everything() == before
    assert WRITES[name](live_api, customer, row).status_code in (200, 201)


READS: dict[str, Callable[[Api, str, str], HttpResponse]] = {
    "list": lambda api, c, r: api.get(f"{CUSTOMER}?q=acme"),
    "retrieve": lambda api, c, r: api.get(f"{CUSTOMER}/{c}"),
    "rows": lambda api, c, r: api.get(f"{ROW}?parent_id={c}"),
    "feed": lambda api, c, r: api.get("/api/crm/event?after=start"),
}


@pytest.mark.parametrize("name", WRITES | READS)
@pytest.mark.parametrize("is_known", [True, False], ids=["a key that is remembered", "a key that is looked up"])
def test_a_database_that_is_away_is_told(
    live_api: Api, monkeypatch: pytest.MonkeyPatch, name: str, is_known: bool
) -> None:
    customer = live_api.create()["id"]
    row = live_api.add_row(customer)["id"]
    connection.close()
    if not is_known:
        keys.forget()
    with monkeypatch.context() as patch:
        # A port at which nobody listens; a folder that is not there.
        patch.setitem(connection.settings_dict, "PORT", "1")
        if connection.vendor == "sqlite":
            patch.setitem(connection.settings_dict, "NAME", f"{connection.settings_dict['NAME']}-gone/db")
        answer = (WRITES | READS)[name](live_api, customer, row)
    connection.close()
    assert error_summary(answer) == (503, "api_error", "unavailable", "1")
    assert answer["Request-Id"] == answer.json()["error"]["request_id"]
    assert (WRITES | READS)[name](live_api, customer, row).status_code in (200, 201)


@only_postgresql
@pytest.mark.parametrize("name", WRITES)
def test_a_server_that_only_reads_is_told_and_reads_go_on(live_api: Api, name: str) -> None:
    """As a primary that was demoted, or a standby; also when it is time to note that the key is used."""
    customer = live_api.create()["id"]
    row = live_api.add_row(customer)["id"]
    ApiKey.objects.update(last_used_at=None)
    keys.forget()
    with with_setting("default_transaction_read_only", "on"):
        assert error_summary(WRITES[name](live_api, customer, row)) == (503, "api_error", "unavailable", "1")
        assert live_api.get(f"{CUSTOMER}/{customer}").status_code == 200
    assert WRITES[name](live_api, customer, row).status_code in (200, 201)
