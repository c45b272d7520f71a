"""The log of every change, and GET /api/crm/event."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from crm.line_items import SUPPLIER_NUMBERS
from overplane.events import epochs
from overplane.events.models import Epoch, Event
from tests.conftest import CUSTOMER, ROW, Api, codes, settle
from tests.threads import concurrently


def events(api: Api, query: str = "?after=start&limit=1000") -> list[dict[str, Any]]:
    return api.feed(query).json()["data"]


def test_a_change_is_told_with_old_and_new(live_api: Api) -> None:
    customer = live_api.create(territory="North")
    answer = live_api.patch(
        f"{CUSTOMER}/{customer['id']}", {"territory": "South", "gender": None}, Idempotency_Key="k1"
    )
    created, updated = events(live_api)
    assert created["type"] == "customer.created"
    assert created["data"] == {"object": customer, "previous_attributes": {}}
    assert updated["type"] == "customer.updated"
    assert updated["data"] == {"object": answer.json(), "previous_attributes": {"territory": "North"}}
    assert updated["request"] == {"id": answer["Request-Id"], "idempotency_key": "k1"}
    assert (created["object_version"], updated["object_version"]) == (1, 2)
    assert updated["actor"].startswith("api_key:key_")
    assert created["id"] < updated["id"]


def test_a_change_that_changes_nothing_is_not_told(live_api: Api) -> None:
    customer = live_api.create(territory="North")
    same = live_api.patch(f"{CUSTOMER}/{customer['id']}", {"territory": "North ", "disabled": False})
    assert same.json() == customer
    assert same["ETag"] == '"1"'
    assert len(events(live_api)) == 1


def test_rows_are_told_and_shifts_too(live_api: Api) -> None:
    customer = live_api.create()["id"]
    first = live_api.add_row(customer, company="A")
    second = live_api.add_row(customer, company="B", idx=1)
    live_api.patch(f"{ROW}/{second['id']}", {"idx": 2})
    live_api.delete(f"{ROW}/{first['id']}")
    changes = [(e["type"].partition(".")[2], e["data"]) for e in events(live_api)[1:]]
    assert [kind for kind, _ in changes] == [
        "created", "created", "reordered", "updated", "reordered", "deleted", "reordered",
    ]  # fmt: skip
    new_order = [second["id"], first["id"]]
    assert changes[2][1]["object"] == {"parent_id": customer, "customer_id": customer, "ordered_ids": new_order}
    assert changes[2][1]["previous_attributes"] == {"ordered_ids": [first["id"]]}
    assert changes[3][1]["previous_attributes"] == {"idx": 1}
    assert changes[5][1]["object"] == {"id": first["id"], "customer_id": customer, "deleted": True}
    assert set(changes[5][1]["previous_attributes"]) == {"idx", "company", "supplier_number", *SUPPLIER_NUMBERS.names}


def test_deleting_takes_the_values_out_of_the_log(live_api: Api) -> None:
    customer = live_api.create(customer_name="Secret Ltd")
    row = live_api.add_row(customer["id"], company="Hidden Inc")
    live_api.patch(f"{CUSTOMER}/{customer['id']}", {"customer_name": "Renamed"})
    live_api.delete(f"{CUSTOMER}/{customer['id']}")
    log = events(live_api)
    assert [e["type"] for e in log] == [
        "customer.created", "supplier_number_at_customer.created", "customer.updated", "customer.deleted",
    ]  # fmt: skip
    assert log[-1]["data"]["object"] == {"id": customer["id"], "deleted": True}
    assert log[0]["data"] == {"object": {"id": customer["id"]}, "previous_attributes": {}}
    assert log[1]["data"] == {"object": {"id": row["id"], "customer_id": customer["id"]}, "previous_attributes": {}}
    assert [e["object_version"] for e in log] == [1, 1, 2, 3]
    text = live_api.feed("?after=start").content.decode()
    assert "Secret" not in text
    assert "Hidden" not in text
    assert "Renamed" not in text


def test_a_walk_by_cursor_sees_all_and_then_only_what_is_new(live_api: Api) -> None:
    ids = [live_api.create(customer_name=f"c{i}")["id"] for i in range(7)]
    cursor, seen = "start", []
    while True:
        page = live_api.feed(f"?after={cursor}&limit=3").json()
        assert list(page) == ["data", "has_more", "next_cursor"]
        seen += [e["data"]["object"]["id"] for e in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == ids
    assert live_api.feed(f"?after={cursor}").json()["data"] == []
    new = live_api.create()["id"]
    assert [e["data"]["object"]["id"] for e in live_api.feed(f"?after={cursor}").json()["data"]] == [new]


def test_without_a_cursor_the_newest_come_first_and_the_cursor_is_the_end(live_api: Api) -> None:
    ids = [live_api.create()["id"] for _ in range(3)]
    page = live_api.feed("?limit=2").json()
    assert [e["data"]["object"]["id"] for e in page["data"]] == [ids[2], ids[1]]
    assert page["has_more"] is True
    new = live_api.create()["id"]
    after = live_api.feed(f"?after={page['next_cursor']}").json()
    assert [e["data"]["object"]["id"] for e in after["data"]] == [new]


def test_a_restored_log_begins_its_epoch_before_anybody_writes(live_api: Api) -> None:
    live_api.create()
    before = live_api.feed("?after=start").json()["next_cursor"]
    Epoch.objects.update(fingerprint="of the cluster that the backup was made from")
    connection.close()  # as in a process that starts on the restored database
    assert live_api.feed(f"?after={before}").status_code == 410
    page = live_api.feed("?after=start").json()
    assert len(page["data"]) == 1
    new = live_api.create()["id"]
    after = live_api.feed(f"?after={page['next_cursor']}").json()["data"]
    assert [e["data"]["object"]["id"] for e in after] == [new]


@pytest.mark.parametrize("query", ["?limit=50", "?after=start", "?after=start&types=customer.created"])
def test_what_is_written_while_the_feed_is_read_comes_once(live_api: Api, query: str) -> None:
    """Somebody writes between any two statements of the reader."""
    live_api.create()
    settle()
    written = []

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if "INSERT" not in sql:
            written.append(concurrently(lambda _: live_api.create()["id"], 1)[0])
        return result

    with connection.execute_wrapper(meanwhile):
        page = live_api.get(f"/api/crm/event{query}").json()
    rest = live_api.feed(f"?after={page['next_cursor']}").json()
    ids = [e["data"]["object"]["id"] for e in page["data"] + rest["data"]]
    assert len(written) >= 2
    assert len(ids) == len(set(ids))
    assert set(written) <= set(ids)


def test_types_narrow_the_feed(live_api: Api) -> None:
    customer = live_api.create()
    live_api.patch(f"{CUSTOMER}/{customer['id']}", {"territory": "x"})
    assert [e["type"] for e in events(live_api, "?after=start&types=customer.updated")] == ["customer.updated"]
    answer = live_api.feed("?types=customer.update")
    assert (answer.status_code, codes(answer)) == (400, {"types": "parameter_invalid"})


@pytest.mark.parametrize("cursor", ["x", "", "1.2.3", "zz.1.1.1", "0" * 16 + ".1.9999999999999999999.1"])
def test_refuses_what_is_no_cursor(live_api: Api, cursor: str) -> None:
    answer = live_api.feed(f"?after={cursor}")
    assert answer.status_code in (400, 410)
    assert answer.json()["error"]["code"] in ("cursor_invalid", "cursor_expired")


def test_a_purged_or_foreign_cursor_is_gone(live_api: Api) -> None:
    old = live_api.create()
    early = live_api.feed("?after=start&limit=1").json()["next_cursor"]
    live_api.patch(f"{CUSTOMER}/{old['id']}", {"territory": "a"})
    Event.objects.update(created_at=timezone.now() - timedelta(days=100))
    live_api.patch(f"{CUSTOMER}/{old['id']}", {"territory": "b"})
    late = live_api.feed("?after=start&limit=3").json()["next_cursor"]
    call_command("purge_events", "--days", "90", verbosity=0)
    assert [e["data"]["previous_attributes"] for e in events(live_api)] == [{"territory": "a"}]
    gone = live_api.feed(f"?after={early}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "cursor_expired")
    assert live_api.feed(f"?after={late}").status_code == 200
    epochs.start()
    assert live_api.feed(f"?after={late}").status_code == 410
    live_api.patch(f"{CUSTOMER}/{old['id']}", {"territory": "c"})
    assert [e["data"]["previous_attributes"]["territory"] for e in events(live_api)] == ["a", "b"]
