"""The feed from its start makes both tables: each event fits what the ones before it made, and the end is what is stored."""

import json
from collections.abc import Iterator
from typing import Any

from faults.judging.evidence import Event, Evidence, Problem, subject_of

CHECK = "replayed feed"
Values = dict[str, Any]


class Replay:
    """`customers`, `rows`: as the events say so far. `versions` of both; rows get further ones when others move them."""

    def __init__(self, erased: set[str]) -> None:
        self.erased = erased
        self.customers: dict[str, Values] = {}
        self.rows: dict[str, Values] = {}
        self.versions: dict[str, int] = {}
        self.aside: dict[str, Values] = {}  # merged ones

    def apply(self, event: Event) -> Iterator[str]:
        shown, version = event["data"]["object"], event["object_version"]
        kind, what = event["type"].rsplit(".", 1)
        if kind in ("import", "export"):  # they tell of runs, and of no row
            return
        if what == "reordered":
            yield from self._reorder(shown)
            return
        yield from self._judge_version(shown["id"], kind, version)
        self.versions[shown["id"]] = version
        objects = self.customers if kind == "customer" else self.rows
        if what in ("created", "unmerged"):
            if shown["id"] in objects:
                yield "it is there already"
            objects[shown["id"]] = dict(shown)
        elif what == "updated":
            yield from self._update(objects, event)
        elif shown["id"] not in objects and shown["id"] not in self.aside and shown["id"] not in self.erased:
            yield "it is not there"
        else:
            if what == "merged" and any(row["customer_id"] == shown["id"] for row in self.rows.values()):
                yield "it leaves rows behind, which nobody has now"
            self._take_away(shown["id"], kind)

    def _judge_version(self, object_id: str, kind: str, version: int) -> Iterator[str]:
        before = self.versions.get(object_id, 0)
        if version <= before or (kind == "customer" and version > before + 1):
            yield f"version {version} after {before}"

    def _update(self, objects: dict[str, Values], event: Event) -> Iterator[str]:
        shown, previous = event["data"]["object"], event["data"]["previous_attributes"]
        before = objects.get(shown["id"])
        if before is None:
            yield "it is not there"
            before = {}
        # What happened to a row while it was with a customer who is deleted now is told no more.
        untold = {subject_of(event), before.get("customer_id")} & self.erased
        wrong = [name for name, value in previous.items() if name in before and before[name] != value]
        if wrong and not untold:
            yield f"{wrong[0]} was {before[wrong[0]]!r}, not {previous[wrong[0]]!r}"
        changed = {n for n in shown if n in before and before[n] != shown[n]}
        # A row that came back from a merge loses its values in the events of the survivor too, when its customer is deleted.
        is_erased = shown.keys() <= {"id", "customer_id"}
        unsaid = changed - {*previous, "updated_at", "idx"}
        if unsaid and not untold and not is_erased:
            yield f"{min(unsaid)} changed, which it does not say"
        objects[shown["id"]] = before | shown

    def _reorder(self, shown: Values) -> Iterator[str]:
        for position, row_id in enumerate(shown.get("ordered_ids", ()), 1):
            if row_id in self.rows:
                self.rows[row_id]["idx"] = position
            else:
                yield f"it orders {row_id}, which is not there"

    def _take_away(self, object_id: str, kind: str) -> None:
        if kind != "customer":
            self.rows.pop(object_id, None)
            return
        self.customers.pop(object_id, None)
        for row_id in [i for i, row in self.rows.items() if row["customer_id"] == object_id]:
            del self.rows[row_id]


def replayed(evidence: Evidence) -> Iterator[Problem]:
    replay = Replay(evidence.deleted)
    for event in evidence.feed:
        subject = subject_of(event)
        for text in replay.apply(event):
            yield Problem(
                CHECK, f"{event['id']} {event['type']} of {event['data']['object'].get('id', subject)}: {text}", subject
            )
        if event["type"] == "customer.merged":
            replay.aside[subject] = {}
    yield from _compared("customer", replay.customers, {i: evidence.shown_customer(i) for i in evidence.customers})
    yield from _compared("row", replay.rows, {i: evidence.shown_row(i) for i in evidence.rows})
    for customer_id, row in evidence.customers.items():
        if replay.versions.get(customer_id) != row["version"]:
            text = f"{customer_id} has version {row['version']}, the feed ends with {replay.versions.get(customer_id)}"
            yield Problem(CHECK, text, customer_id)


def _compared(what: str, followed: dict[str, Values], stored: dict[str, Values]) -> Iterator[Problem]:
    for object_id in followed.keys() | stored.keys():
        said, there = followed.get(object_id), stored.get(object_id)
        if json.dumps(said) != json.dumps(there):
            subject = (there or said or {}).get("customer_id", object_id)
            yield Problem(
                CHECK,
                f"the {what} {object_id} is {_short(there, said)}, the feed makes it {_short(said, there)}",
                subject,
            )


def _short(one: Values | None, other: Values | None) -> str:
    if one is None or other is None:
        return "absent" if one is None else "there"
    return str({n: v for n, v in one.items() if other.get(n) != v})
