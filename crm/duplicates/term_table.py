"""The table of terms: what new customers, and those that are being typed, find their likes by."""

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction

from crm.models import TERMS
from overplane.database import bulk, statements

Row = tuple[int, str]  # a term, and who has it


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
