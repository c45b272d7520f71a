"""What the service keeps beside the objects agrees with them: positions, counts, search texts, tombstones."""

from collections import defaultdict
from collections.abc import Iterator

from django.db import connection

from crm import search
from crm.line_items import SUPPLIER_NUMBERS
from faults.judging.evidence import Evidence, Problem
from overplane.database import counters


def positions(evidence: Evidence) -> Iterator[Problem]:
    of: dict[str, list[int]] = defaultdict(list)
    for row in evidence.rows.values():
        of[row["customer_id"]].append(row["idx"])
    for customer_id, numbers in of.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield Problem("positions", f"the rows of {customer_id} stand at {sorted(numbers)}", customer_id)


def counts(evidence: Evidence) -> Iterator[Problem]:
    total = counters.total(connection, "crm_customer")
    if total != len(evidence.customers):
        yield Problem("counts", f"the kept count of customers is {total}, there are {len(evidence.customers)}")


def texts(evidence: Evidence) -> Iterator[Problem]:
    """What a customer is found by are its values and those of its rows, in order."""
    of: dict[str, list[dict]] = defaultdict(list)
    for row in sorted(evidence.rows.values(), key=lambda one: one["idx"]):
        of[row["customer_id"]].append(row)
    for customer_id, customer in evidence.customers.items():
        searched = [row[name] for row in of[customer_id] for name in SUPPLIER_NUMBERS.searched]
        # The order of rows may have changed since: a new order alone does not renew the text.
        stored, wanted = customer["search_text"].split(), search.text_of(customer, searched).split()
        if sorted(stored) != sorted(wanted):
            different = sorted(set(stored) ^ set(wanted))[:4]
            yield Problem(
                "search texts", f"{customer_id} is found by other words than it has: {different}", customer_id
            )


def tombstones(evidence: Evidence) -> Iterator[Problem]:
    for customer_id in evidence.deleted - evidence.tombstones:
        yield Problem("tombstones", f"{customer_id} was deleted and left no tombstone", customer_id)
    for customer_id in evidence.customers.keys() & evidence.tombstones:
        yield Problem("tombstones", f"{customer_id} is there, and has a tombstone", customer_id)
    for row in evidence.rows.values():
        if row["customer_id"] not in evidence.customers:
            yield Problem("tombstones", f"the row {row['id']} belongs to nobody", row["customer_id"])
