"""What a run left: the history of its clients, the feed, what its readers got, and the tables."""

import json
import re
from collections import Counter
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
CUSTOMER = re.compile(r"customer_[0-9a-v]{26}")
BATCHES, MERGES = ("batch", "upsert"), ("merge", "unmerge", "office_merge", "office_unmerge")


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
        self.judged: Counter[str] = Counter()  # what was looked at, and what could not be decided

    def webhooks_at(self, path: str) -> list[str]:
        """The events' ids in the order in which the receiver got them."""
        lines = [line.split(" ") for line in (self.folder / "webhooks").read_text().splitlines()]
        return [line[2] for line in lines if line[1] == path]

    def of(self, *verbs: str) -> Iterator[Call]:
        return (call for call in self.calls if call.verb in verbs)

    @cached_property
    def tokens(self) -> dict[str, str]:
        """The word that traces a customer's values, by its id: of all whom the follower of the feed or a client was told of."""
        known = dict(self.named)
        for call in self.of("create"):
            if call.outcome == OK:
                known[call.answer["id"]] = call.notes["token"]
        for call in self.of(*BATCHES):
            for one in call.answer["data"] if call.outcome == OK else ():
                if one["status"] == 201:
                    known[one["object"]["id"]] = one["object"]["customer_name"].split(" ")[0]
        return known

    @cached_property
    def upserted(self) -> set[str]:
        """The words of customers that come by upserts: one after the other may be created with the same one."""
        words = {word for call in self.of("http_upserts") for word in call.sent}
        return words | {
            one["data"]["tax_id"]
            for call in self.of("upsert")
            for one in call.sent["operations"]
            if one["op"] == "upsert"
        }

    @cached_property
    def touched(self) -> set[str]:
        """Customers that some call named."""
        return {one for call in self.calls for one in CUSTOMER.findall(f"{call.target} {call.path} {call.sent}")}

    @cached_property
    def deleted(self) -> set[str]:
        return {event["data"]["object"]["id"] for event in self.feed if event["type"] == "customer.deleted"}

    @cached_property
    def in_merges(self) -> set[str]:
        """Customers that were merged, or into whom others were."""
        named: set[str] = set()
        for call in self.of(*MERGES):
            named |= {call.target, *call.sent.get("from", ()), *call.sent.get("restore", ())}
        return named

    def shown_customer(self, customer_id: str) -> dict[str, Any]:
        """A stored customer as answers and events show it."""
        return json.loads(dumps(representation.customer(self.customers[customer_id])))

    def shown_row(self, row_id: str) -> dict[str, Any]:
        return json.loads(dumps(representation.line_item(SUPPLIER_NUMBERS, self.rows[row_id])))
