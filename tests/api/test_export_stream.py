"""GET /api/crm/customer/export: one snapshot as JSON lines."""

import json
import logging
import math
import time
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from crm.models import CUSTOMERS
from crm.services import new_customer
from overplane import ending
from overplane.events.models import Epoch
from overplane.ids import new_ids
from tests.conftest import CUSTOMER, Api, codes
from tests.served import served
from tests.threads import concurrently

EXPORT = f"{CUSTOMER}/export"


def lines(api: Api, query: str = "") -> list[dict]:
    answer = api.get(EXPORT + query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_streams_every_customer_and_ends_with_the_count(live_api: Api) -> None:
    created = [live_api.create(customer_name=f"c{i}") for i in range(3)]
    *customers, end = lines(live_api)
    assert customers == created[::-1]
    assert (end["end"], end["count"]) == (True, 3)


def test_the_feed_goes_on_from_its_cursor(live_api: Api) -> None:
    live_api.create(customer_name="before")
    cursor = live_api.feed("").json()["next_cursor"]
    end = lines(live_api)[-1]
    new = live_api.create(customer_name="after")
    events = live_api.feed(f"?after={end['next_cursor']}").json()["data"]
    assert events[-1]["data"]["object"] == new
    assert len(events) <= len(live_api.feed(f"?after={cursor}").json()["data"])


def test_takes_the_filters_of_the_list(live_api: Api) -> None:
    north = live_api.create(customer_name="Müller", territory="North")
    live_api.create(customer_name="Maier", territory="South")
    live_api.add_row(north["id"], company="A")
    *customers, end = lines(live_api, "?territory=North&q=muller&fields=customer_name&expand[]=supplier_numbers")
    assert end["count"] == 1
    assert customers[0]["customer_name"] == "Müller"
    assert [row["company"] for row in customers[0]["supplier_numbers"]] == ["A"]
    assert codes(live_api.get(f"{EXPORT}?limit=5")) == {"limit": "parameter_unknown"}


def test_an_empty_export_ends_too(live_api: Api) -> None:
    (end,) = lines(live_api, "?territory=Nowhere")
    assert end["count"] == 0


def test_everything_is_of_one_moment(live_api: Api) -> None:
    """Somebody writes while it is read, and need not wait; SQLite reads the rows when the customers are read already."""
    customer = live_api.create(customer_name="a")

    def meanwhile(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if 'FROM "crm_customer"' in sql and "INSERT" not in sql:
            concurrently(lambda _: live_api.add_row(customer["id"], company="B"), 1)
        return result

    with connection.execute_wrapper(meanwhile):
        answer = live_api.get(f"{EXPORT}?expand[]=supplier_numbers")
        (output, _) = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert output["supplier_numbers"] == []
    assert len(live_api.rows(customer["id"])) == 1


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_stream_that_is_left_holds_nothing_up(live_api: Api, is_begun: bool) -> None:
    live_api.create()
    answer = live_api.get(EXPORT)
    if is_begun:
        next(iter(answer.streaming_content))
        assert connection.in_atomic_block
    answer.close()
    assert not connection.in_atomic_block
    assert connection.get_autocommit()
    live_api.create()
    assert len(lines(live_api)) == 3


def test_a_restored_log_begins_its_epoch_before_the_snapshot(live_api: Api) -> None:
    live_api.create()
    Epoch.objects.update(fingerprint="of the cluster that the backup was made from")
    connection.close()  # as in a process that starts on the restored database
    assert len(lines(live_api)) == 2
    assert Epoch.objects.count() == 2


def insert(count: int, **values: Any) -> None:
    columns = new_customer({"customer_name": "Acme"} | values, now=timezone.now()) | {"search_text": " ACME"}
    CUSTOMERS.insert([columns | {"id": one} for one in new_ids("customer", count)])


def failing(where: str, *, after: int = 0) -> Callable[..., Any]:
    """The database is lost at the next query with these words, after so many of them."""
    seen = iter(range(after))

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if where in sql and next(seen, None) is None:
            raise OperationalError("server closed the connection unexpectedly")
        return run(sql, params, many, context)

    return execute


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("where", ['FROM "crm_customer"', 'FROM "crm_suppliernumberatcustomer"'])
def test_a_database_that_is_away_is_told_before_there_is_an_answer(live_api: Api, where: str, method: str) -> None:
    insert(3)
    with connection.execute_wrapper(failing(where)):
        answer = live_api.call(method, f"{EXPORT}?expand[]=supplier_numbers")
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "1", "application/json")
    assert answer.streaming is False
    if method == "GET":
        assert answer.json()["error"]["code"] == "unavailable"
    assert not connection.in_atomic_block
    assert len(lines(live_api)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_database_that_is_lost_on_the_way_breaks_the_answer_off(
    live_api: Api, coding: str, caplog: pytest.LogCaptureFixture
) -> None:
    insert(501)
    with connection.execute_wrapper(failing('FROM "crm_suppliernumberatcustomer"', after=1)):
        answer = live_api.get(f"{EXPORT}?expand[]=supplier_numbers", Accept_Encoding=coding)
        assert answer.status_code == 200
        parts: Iterator[bytes] = iter(answer.streaming_content)
        unpack = zlib.decompressobj(wbits=47).decompress if coding == "gzip" else bytes
        assert len(unpack(next(parts)).splitlines()) == 500
        with caplog.at_level(logging.DEBUG):
            error = json.loads(unpack(next(parts)))["error"]
        with pytest.raises(ConnectionResetError):
            next(parts)
    assert (error["code"], error["request_id"]) == ("unavailable", answer["Request-Id"])
    (record,) = [one for one in caplog.records if one.name == "overplane.api"]
    assert "broken off: server closed" in record.getMessage()
    assert record.exc_info is None
    answer.close()
    assert not connection.in_atomic_block


def test_a_process_that_ends_says_so_where_a_stream_takes_too_long(
    live_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_streams_end", [math.inf])
    insert(501)
    answer = live_api.get(EXPORT)
    parts = iter(answer.streaming_content)
    assert len(next(parts).splitlines()) == 500
    ending.end_process(0)
    last = json.loads(next(parts))
    assert (last.keys(), last["error"]["code"]) == ({"error"}, "unavailable")
    with pytest.raises(ConnectionResetError):
        next(parts)
    answer.close()
    assert not connection.in_atomic_block


def test_head_sends_nothing_and_holds_nothing(live_api: Api) -> None:
    insert(3)
    answer = live_api.call("HEAD", EXPORT)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-ndjson")
    assert b"".join(answer.streaming_content) == b""
    answer.close()
    assert not connection.in_atomic_block


@pytest.mark.slow
def test_what_a_client_sees_of_it(live_api: Api, tmp_path: Path) -> None:
    """Through gunicorn. On PostgreSQL its sessions are ended while the client reads."""
    insert(1500, customer_details="x" * 20_000)
    with served(tmp_path, WEB_CONCURRENCY="1") as service:
        caller = HTTPConnection("127.0.0.1", service.port, timeout=60)
        caller.request("HEAD", EXPORT, headers={"Authorization": f"Bearer {live_api.key}"})
        answer = caller.getresponse()
        assert (answer.status, answer.read(), answer.headers["Transfer-Encoding"]) == (200, b"", None)
        caller.request("GET", EXPORT, headers={"Authorization": f"Bearer {live_api.key}"})
        answer = caller.getresponse()
        assert answer.read(1000).startswith(b'{"id":"customer_')
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
                )
            with pytest.raises(IncompleteRead) as broken:
                answer.read()
            assert json.loads(broken.value.partial.splitlines()[-1])["error"]["code"] == "unavailable"
            time.sleep(0.2)
            (line,) = [one for one in service.log.splitlines() if "broken off" in one]
            assert json.loads(line)["request_id"] == answer.headers["Request-Id"]
        else:
            assert json.loads(answer.read().splitlines()[-1])["count"] == 1500
        caller.close()
        assert "Traceback" not in service.log
        assert "no-body response" not in service.log
