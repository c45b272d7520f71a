"""The feed of one customer or one object, and one event by its id."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import merging
from overplane.events import feed
from overplane.events.feed import Choice
from overplane.events.models import Event
from overplane.ids import sortable
from overplane.origin import Origin
from tests.conftest import CUSTOMER, ROW, Api, codes

EVENT = "/api/crm/event"


class Scenario:
    """Two customers with line items, changed by turns; the first one's row has been deleted."""

    def __init__(self, api: Api) -> None:
        self.one, self.other = api.create(customer_name="One")["id"], api.create(customer_name="Other")["id"]
        self.row, self.remaining_row = api.add_row(self.one)["id"], api.add_row(self.one)["id"]
        self.others_row = api.add_row(self.other)["id"]
        api.patch(f"{CUSTOMER}/{self.one}", {"territory": "North"})
        api.patch(f"{ROW}/{self.others_row}", {"company": "A"})
        api.delete(f"{ROW}/{self.row}")
        api.patch(f"{CUSTOMER}/{self.other}", {"territory": "South"})


def kinds(api: Api, query: str) -> list[str]:
    answer = api.feed(f"?limit=1000&{query}")
    assert answer.status_code == 200, answer.content
    return [event["type"].removeprefix("supplier_number_at_") for event in answer.json()["data"]]


OF_ONE = [
    "customer.created", "customer.created", "customer.created", "customer.updated", "customer.deleted",
    "customer.reordered",
]  # fmt: skip


def test_the_feed_of_a_customer_has_its_line_items(live_api: Api) -> None:
    scenario = Scenario(live_api)
    assert kinds(live_api, f"after=start&customer_id={scenario.one}") == OF_ONE
    assert kinds(live_api, f"customer_id={scenario.one}") == OF_ONE[::-1]
    assert kinds(live_api, f"after=start&customer_id={scenario.other}&types=customer.updated") == ["customer.updated"]
    live_api.delete(f"{CUSTOMER}/{scenario.one}")
    assert kinds(live_api, f"after=start&customer_id={scenario.one}") == [*OF_ONE, "customer.deleted"]


def test_the_feed_of_an_object_has_it_alone(live_api: Api) -> None:
    scenario = Scenario(live_api)
    assert kinds(live_api, f"after=start&object_id={scenario.row}") == ["customer.created", "customer.deleted"]
    assert kinds(live_api, f"object_id={scenario.row}") == ["customer.deleted", "customer.created"]
    of_itself = ["customer.created", "customer.updated", "customer.reordered"]
    assert kinds(live_api, f"after=start&object_id={scenario.one}") == of_itself
    assert kinds(live_api, f"after=start&object_id={scenario.one}&types=customer.updated") == ["customer.updated"]
    both = f"after=start&object_id={scenario.remaining_row}&customer_id="
    assert kinds(live_api, both + scenario.one) == ["customer.created"]
    assert kinds(live_api, both + scenario.other) == []


def test_a_line_item_is_found_under_every_customer_that_had_it(live_api: Api) -> None:
    scenario = Scenario(live_api)
    merging.merge_customers(scenario.other, [scenario.one], choices={}, origin=Origin("user:anna"))
    assert kinds(live_api, f"after=start&object_id={scenario.remaining_row}") == [
        "customer.created",
        "customer.updated",
    ]


@pytest.mark.parametrize("query", ["customer_id=%one", "object_id=%one", "object_id=%row"])
def test_a_walk_through_a_choice_sees_all_once(live_api: Api, query: str) -> None:
    scenario = Scenario(live_api)
    query = query.replace("%one", scenario.one).replace("%row", scenario.row)
    whole = [event["id"] for event in live_api.feed(f"?after=start&limit=1000&{query}").json()["data"]]
    cursor, seen, has_more = "start", [], True
    while has_more:
        page = live_api.feed(f"?after={cursor}&limit=1&{query}").json()
        seen += [event["id"] for event in page["data"]]
        cursor, has_more = page["next_cursor"], page["has_more"]
    assert seen == whole
    assert len(seen) >= 2
    # Behind the last one chosen the cursor stands at the end of the log, not before what was not chosen.
    assert cursor == live_api.feed("").json()["next_cursor"]
    live_api.patch(f"{CUSTOMER}/{scenario.one}", {"territory": "West"})
    assert len(live_api.feed(f"?after={cursor}&{query}").json()["data"]) == (scenario.row not in query)


@pytest.mark.parametrize("query", ["customer_id=customer_nobody", "object_id=%25", "object_id=" + "x" * 500])
def test_whoever_never_was_has_no_events(live_api: Api, query: str) -> None:
    live_api.create()
    for start in ("after=start&", ""):
        answer = live_api.feed(f"?{start}{query}")
        assert (answer.status_code, answer.json()["data"]) == (200, [])


@pytest.mark.parametrize("name", ["customer_id", "object_id"])
def test_an_id_that_is_blank_is_a_mistake_and_not_an_empty_feed_for_ever(live_api: Api, name: str) -> None:
    answer = live_api.feed(f"?after=start&{name}=")
    assert (answer.status_code, codes(answer)) == (400, {name: "parameter_invalid_empty"})


def test_refuses_what_it_does_not_know_and_what_is_given_twice(live_api: Api) -> None:
    answer = live_api.feed("?customer=x")
    assert (answer.status_code, codes(answer)) == (400, {"customer": "parameter_unknown"})
    assert "customer_id" in answer.json()["error"]["message"]
    twice = live_api.feed("?customer_id=x&customer_id=y")
    assert (twice.status_code, codes(twice)) == (400, {"customer_id": "parameter_duplicate"})
    nul = live_api.feed("?object_id=%00")
    assert (nul.status_code, codes(nul)) == (400, {"object_id": "characters_not_allowed"})


PLANS: dict[str, tuple[Choice, set[str], set[str]]] = {
    # What the plan names on SQLite, and on PostgreSQL.
    "everything": (Choice(), {"PRIMARY KEY (rowid>? AND rowid<?)"}, {"event_feed", "ROW(epoch, xid, seq) > "}),
    "subject": (Choice(subject="x"), {"event_subject (subject=? AND seq>"}, {"event_subject"}),
    "object": (Choice(object_id="x"), {"event_subject", "event_object"}, {"event_subject", "event_object"}),
    "both": (Choice(subject="x", object_id="y"), {"event_subject"}, {"event_subject"}),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_page_starts_from_an_index(live_api: Api, name: str) -> None:
    """And the events of one object are never looked for along the whole log, whatever a planner thinks of it."""
    choice, *expected = PLANS[name]
    live_api.create()
    cursor = live_api.feed("").json()["next_cursor"]
    for _ in range(3):
        live_api.create()
    live_api.feed("")
    with CaptureQueriesContext(connection) as queries:
        feed.read(cursor, limit=20, choice=choice)
    page = queries.captured_queries[-1]["sql"]
    with connection.cursor() as cursor_:
        if connection.vendor == "postgresql":
            cursor_.execute("SET enable_seqscan = off")  # a small table would be read whole
        try:
            cursor_.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + page)
            plan = "\n".join(str(row) for row in cursor_.fetchall())
        finally:
            if connection.vendor == "postgresql":
                cursor_.execute("RESET enable_seqscan")
    for part in expected[connection.vendor == "postgresql"]:
        assert part in plan
    assert ("event_feed" in plan) == (name == "everything" and connection.vendor == "postgresql")


def test_one_event_by_its_id(live_api: Api) -> None:
    Scenario(live_api)
    events = live_api.feed("?after=start&limit=1000").json()["data"]
    assert len(events) == 10
    for event in events:
        answer = live_api.get(f"{EVENT}/{event['id']}")
        assert (answer.status_code, answer.json()) == (200, event)
    assert live_api.get(f"{EVENT}/{events[0]['id']}/").status_code == 200
    assert codes(live_api.get(f"{EVENT}/{events[0]['id']}?x=1")) == {"x": "parameter_unknown"}
    assert live_api.delete(f"{EVENT}/{events[0]['id']}").status_code == 405


def wrong_ids(right: str) -> list[str]:
    epoch, seq = right[4:10], right[10:]
    return [
        "evt_", "evt_abc123", "x", right.upper(), right[4:], "EVT_" + right[4:], right + "0", right[:-1], right + "%0A",
        " " + right, f"evt_{epoch}{'v' * 18}", f"evt_{'v' * 6}{seq}", "evt_" + "v" * 24, "evt_" + "0" * 24,
        f"evt_{epoch}{sortable(2**63 - 1, 18)}", f"evt_{epoch}{sortable(2**63, 18)}", f"evt_{sortable(9_999_999, 6)}{seq}",
        f"evt_{epoch}w{seq[1:]}", f"evt_{epoch}{'٣' * 18}", "evt_" + "0" * 100, "evt_%00", "1",
    ]  # fmt: skip


def test_an_id_that_no_event_has_is_404(live_api: Api) -> None:
    live_api.create()
    (event,) = live_api.feed("?after=start").json()["data"]
    for wrong in wrong_ids(event["id"]):
        answer = live_api.get(f"{EVENT}/{wrong}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing"), wrong
    call_command("purge_events", "--days", "0", verbosity=0)
    assert live_api.get(f"{EVENT}/{event['id']}").status_code == 404


def test_an_event_without_values_is_shown_by_its_id_too(live_api: Api) -> None:
    scenario = Scenario(live_api)
    live_api.delete(f"{CUSTOMER}/{scenario.one}")
    (created, _) = live_api.feed(f"?after=start&object_id={scenario.row}").json()["data"]
    output: dict[str, Any] = live_api.get(f"{EVENT}/{created['id']}").json()
    assert output["data"] == {"object": {"id": scenario.row, "customer_id": scenario.one}, "previous_attributes": {}}
    assert Event.objects.filter(object_id=scenario.row).count() == 2
