"""Which value of a customer matches the search, if it is not the name."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crm import search
from crm.line_items import LINE_ITEMS, PARENT, POSITION, LineItem
from crm.models import Customer
from overplane.database.fields import field_of
from overplane.database.text import fold, search_text

NAME = "customer_name"
# Of one page: a few customers may have ten thousand line items each, and nobody waits for a hint.
MOST_LINE_ITEMS = 5_000
Row = tuple[LineItem, Mapping[str, Any]]
Ways = list[list[str]]


class Match(NamedTuple):
    label: str
    text: str


class Value(NamedTuple):
    """By which a customer is found. `text` is what search keeps of it; of the name, nothing need be said."""

    match: Match | None
    text: str


def of_page(customers: Sequence[Customer], words: str) -> dict[str, list[Match]]:
    """By the id of each customer that was found by something else than its name. Line items are read once, if one is needed."""
    wanted = list(search.ways_of(fold(words).split()))
    explanations = {customer.pk: _explained(list(_own(customer)), wanted) for customer in customers}
    if unclear := [customer for customer in customers if None in explanations[customer.pk]]:
        rows = _line_items([customer.pk for customer in unclear])
        for customer in unclear:
            explanations[customer.pk] = _explained([*_own(customer), *_of_rows(rows[customer.pk])], wanted)
    matches = {
        pk: [one.match for one in dict.fromkeys(values) if one and one.match] for pk, values in explanations.items()
    }
    return {pk: some for pk, some in matches.items() if some}


def _explained(values: list[Value], wanted: Iterable[Ways]) -> list[Value | None]:
    """For each word the first value that holds it."""
    holders: list[Value | None] = []
    for ways in wanted:
        holder = next((value for value in values if _holds(value.text, ways)), None)
        # A row of numbers that no value holds is perhaps not one number but several.
        parts = ways[0] if holder is None and len(ways[0]) > 1 else []
        holders += _explained(values, [[[part]] for part in parts]) if parts else [holder]
    return holders


def _holds(text: str, ways: Ways) -> bool:
    return any(all(part in text for part in way) for way in ways)


def _own(customer: Customer) -> Iterator[Value]:
    yield Value(None, search_text([customer.customer_name]))
    for name in [name for name in search.SEARCHED if name != NAME]:
        if value := getattr(customer, name):
            phone = value if name == search.SEARCHED[search.PHONE] else None
            text = search.with_phone(search_text([value]), phone)
            yield Value(Match(str(field_of(Customer, name).verbose_name), value), text)
    yield Value(Match("ID", customer.pk), search_text([customer.pk]))


def _of_rows(rows: Iterable[Row]) -> Iterator[Value]:
    for kind, row in rows:
        values = [row[name] for name in kind.searched] + [row[n] for n in kind.names if n not in kind.searched]
        text = search_text([*(row[name] for name in kind.searched), row["id"]])
        yield Value(Match(str(kind.label), ", ".join(str(one) for one in values if one not in (None, ""))), text)


def _line_items(customer_ids: Sequence[str]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for kind in [kind for kind in LINE_ITEMS if kind.searched]:
        chosen = kind.model._default_manager.filter(**{f"{PARENT}__in": customer_ids}).order_by(PARENT, POSITION)
        for row in chosen.values("id", PARENT, *kind.names)[:MOST_LINE_ITEMS]:
            rows[row[PARENT]].append((kind, row))
    return rows
