"""What a run left: the history of its clients, the feed, what its readers got, and the tables."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crm import representation
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import MERGED, SEARCHABLE, TOMBSTONES
from faults.history import OK, Call, read
from overplane.database.encoding import dumps

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """`subject`: the customer whose history would explain it, if it is one's."""

    check: str
    text: str
    subject: str = ""


def subject_of(event: Event) -> str:
    """The customer that an event is about."""
    shown = event["data"]["object"]
    return str(shown.get("customer_id") or shown["id"])


class Evidence:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[Call] = sorted(read(folder / "history.jsonl"), key=lambda call: call.start)
        self.feed: list[Event] = [json.loads(line) for line in (folder / "feed.jsonl").read_text().splitlines()]
        lines = [line.split(" ") for line in (folder / "read").read_text().splitlines()]
        self.read: list[str] = [line[0] for line in lines]
        self.named = {line[1]: line[2] for line in lines if len(line) > 1}
        self.customers = {row["id"]: row for row in SEARCHABLE.stream()}
        self.rows = {row["id"]: row for row in SUPPLIER_NUMBERS.table.stream()}
        self.tombstones = {row["id"] for row in TOMBSTONES.stream()}
        self.merged = {row["id"]: row for row in MERGED.stream()}

    @cached_property
    def webhooks(self) -> list[str]:
        """The events' ids in the order in which the receiver got them."""
        lines = (self.folder / "webhooks").read_text().splitlines()
        return [line.split(" ")[2] for line in lines]

    def of(self, *verbs: str) -> Iterator[Call]:
        return (call for call in self.calls if call.verb in verbs)

    @cached_property
    def tokens(self) -> dict[str, str]:
        """The word that traces a customer's values, by its id: of all whom the follower of the feed or a client was told of."""
        known = dict(self.named)
        for call in self.of("create"):
            if call.outcome == OK:
                known[call.answer["id"]] = call.notes["token"]
        for call in self.of("batch"):
            for one in call.answer["data"] if call.outcome == OK else ():
                if one["status"] == 201:
                    known[one["object"]["id"]] = one["object"]["customer_name"].split(" ")[0]
        return known

    @cached_property
    def deleted(self) -> set[str]:
        return {event["data"]["object"]["id"] for event in self.feed if event["type"] == "customer.deleted"}

    @cached_property
    def in_merges(self) -> set[str]:
        """Customers that were merged, or into whom others were."""
        named: set[str] = set()
        for call in self.of("merge", "unmerge"):
            named |= {call.target, *call.sent.get("from", ()), *call.sent.get("restore", ())}
        return named

    def shown_customer(self, customer_id: str) -> dict[str, Any]:
        """A stored customer as answers and events show it."""
        return json.loads(dumps(representation.customer(self.customers[customer_id])))

    def shown_row(self, row_id: str) -> dict[str, Any]:
        return json.loads(dumps(representation.line_item(SUPPLIER_NUMBERS, self.rows[row_id])))
