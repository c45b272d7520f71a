"""The table of terms: what new customers, and those that are being typed, find their likes by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db import transaction

from crm.models import TERMS
from overplane.database import bulk, statements

Row = tuple[int, str]  # a term, and who has it
SPACE = 1 << 63  # terms, spread evenly over it
PART = 300_000  # rows: some three seconds


def replace(by_customer: Mapping[str, Iterable[int]]) -> None:
    """Writes what differs. Terms of customers that are gone meanwhile are deleted when the log says so."""
    ids = sorted(by_customer)
    wanted = {(term, customer_id) for customer_id, terms in by_customer.items() for term in terms}
    with transaction.atomic():
        stored = set(_stored(ids))
        _delete(stored - wanted)
        new = sorted(wanted - stored)
        if new:
            bulk.insert(TERMS, [[term for term, _ in new], [customer_id for _, customer_id in new]])


def replace_all(wanted: str, count: int) -> Iterator[None]:
    """The same of all customers: `wanted` is a table of so many terms and ids. After each part it says so.

    In the order of terms, so that each page of the index is written once and not for each customer: with a million that
    is the difference between one minute and ten. In parts, as a long transaction would hold back the feed.
    """
    is_filled = statements.first(f"SELECT 1 FROM {TERMS.name} LIMIT 1", [])
    within = "SELECT term, customer_id FROM {} WHERE term BETWEEN %s AND %s"
    stale = f"{within.format(TERMS.name)} EXCEPT {within.format(wanted)}"
    delete = f"DELETE FROM {TERMS.name} WHERE (term, customer_id) IN ({stale})"
    add = f"INSERT INTO {TERMS.name} (term, customer_id) {within.format(wanted)} ORDER BY 1, 2 ON CONFLICT DO NOTHING"
    width = -(-SPACE // (1 + count // PART))
    for start in range(0, SPACE, width):
        limits = [start, min(start + width, SPACE) - 1]
        with transaction.atomic():
            if is_filled:
                statements.run(delete, [*limits, *limits])
            statements.run(add, limits)
        yield
    bulk.analyze_if_grown(TERMS)


def _stored(ids: Sequence[str]) -> Iterable[Row]:
    for part in statements.in_parts(ids):
        sql = f"SELECT term, customer_id FROM {TERMS.name} WHERE customer_id IN ({statements.marks(part)})"
        yield from statements.rows(sql, part)


def _delete(rows: Iterable[Row]) -> None:
    by_customer: dict[str, list[int]] = {}
    for term, customer_id in rows:
        by_customer.setdefault(customer_id, []).append(term)
    for customer_id, terms in by_customer.items():
        sql = f"DELETE FROM {TERMS.name} WHERE customer_id = %s AND term IN ({statements.marks(terms)})"
        statements.run(sql, [customer_id, *terms])


def holders(terms: Sequence[int], most: int) -> dict[int, list[str]]:
    """Of each term the customers that have it, at most so many: in the order of the index, so that it is one short walk each."""
    if not terms:
        return {}
    one = f"SELECT * FROM (SELECT term, customer_id FROM {TERMS.name} WHERE term = %s LIMIT {most}) AS holders"
    by_term: dict[int, list[str]] = {term: [] for term in terms}
    for term, customer_id in statements.rows(" UNION ALL ".join([one] * len(terms)), terms):
        by_term[term].append(customer_id)
    return by_term
