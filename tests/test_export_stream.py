"""GET /api/crm/customer/export: one snapshot as JSON lines."""

import json

import pytest
from django.db import connection

from overplane.events import epochs
from overplane.events.models import Epoch
from tests.conftest import CUSTOMER, Api, codes
from tests.threads import together

EXPORT = f"{CUSTOMER}/export"


def lines(api: Api, query: str = "") -> list[dict]:
    answer = api.get(EXPORT + query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_streams_every_customer_and_ends_with_the_count(live_api: Api) -> None:
    made = [live_api.create(customer_name=f"c{i}") for i in range(3)]
    *customers, end = lines(live_api)
    assert customers == made[::-1]
    assert (end["end"], end["count"]) == (True, 3)


def test_the_feed_goes_on_from_its_cursor(live_api: Api) -> None:
    live_api.create(customer_name="before")
    cursor = live_api.feed("").json()["next_cursor"]
    end = lines(live_api)[-1]
    new = live_api.create(customer_name="after")
    told = live_api.feed(f"?after={end['next_cursor']}").json()["data"]
    assert told[-1]["data"]["object"] == new
    assert len(told) <= len(live_api.feed(f"?after={cursor}").json()["data"])


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
    made = live_api.create(customer_name="a")

    def meanwhile(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if 'FROM "crm_customer"' in sql and "INSERT" not in sql:
            together(lambda _: live_api.add_row(made["id"], company="B"), 1)
        return result

    answer = live_api.get(f"{EXPORT}?expand[]=supplier_numbers")
    with connection.execute_wrapper(meanwhile):
        (shown, _) = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert shown["supplier_numbers"] == []
    assert len(live_api.rows(made["id"])) == 1


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
    epochs.current.cache_clear()  # as in a process that starts on the restored database
    assert len(lines(live_api)) == 2
    assert Epoch.objects.count() == 2
