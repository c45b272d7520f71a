"""The compared customers as profiles, read from the database."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from crm.duplicates import normalising
from crm.duplicates.normalising import Profile
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer
from overplane.database import statements

BATCH = 5000  # customers at a time: some megabytes
OF_CUSTOMER = tuple(name for name in normalising.NAMES if name != SUPPLIER_NUMBERS.name)
# Where there is no whole address, its name may hold one.
READ = (*OF_CUSTOMER, "customer_primary_address")


def all_profiles() -> Iterator[list[tuple[str, Profile]]]:
    last = ""
    while batch := list(Customer.objects.order_by("id").filter(pk__gt=last).values_list("id", *READ)[:BATCH]):
        last = batch[-1][0]
        yield _profiles(batch)


def profiles(ids: Sequence[str]) -> dict[str, Profile]:
    chosen: QuerySet[Any, Any] = Customer.objects.order_by().filter(pk__in=ids).values_list("id", *READ)
    return dict(_profiles(list(chosen)))


def of_values(values: dict[str, Any]) -> Profile:
    """Of a customer that is being typed."""
    return normalising.profile(values)


def _profiles(rows: Sequence[tuple[Any, ...]]) -> list[tuple[str, Profile]]:
    numbers = _supplier_numbers([row[0] for row in rows])
    batch = []
    for customer_id, *stored in rows:
        values = dict(zip(READ, stored, strict=True))
        values["primary_address"] = values["primary_address"] or values["customer_primary_address"]
        values[SUPPLIER_NUMBERS.name] = numbers.get(customer_id, ())
        batch.append((customer_id, normalising.profile(values)))
    return batch


def _supplier_numbers(ids: Sequence[str]) -> dict[str, list[str]]:
    """What each customer is called in other companies' books: the company with its number."""
    by_customer: dict[str, list[str]] = defaultdict(list)
    table = SUPPLIER_NUMBERS.table.name
    for part in statements.in_parts(ids):
        sql = (
            f"SELECT customer_id, company, supplier_number FROM {table} WHERE customer_id IN ({statements.marks(part)})"
        )
        for customer_id, company, number in statements.rows(sql, part):
            if number:
                by_customer[customer_id].append(f"{company or ''} {number}")
    return by_customer
