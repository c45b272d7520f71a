"""Every index costs every write: none stands twice."""

from typing import Any

import pytest
from django.db import connection

from crm.api import listing
from crm.models import Customer, CustomerTombstone, SupplierNumberAtCustomer


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Customer, CustomerTombstone, SupplierNumberAtCustomer])
def test_no_columns_are_indexed_twice(model: type) -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, model._meta.db_table)
    expressions = {index.name: index.expressions for index in model._meta.indexes}
    indexed = [expressions.get(name) or tuple(one["columns"]) for name, one in constraints.items() if _is_index(one)]
    assert len(indexed) == len(set(indexed)), indexed


def _is_index(one: dict[str, Any]) -> bool:
    return (one["index"] or one["unique"] or one["primary_key"]) and not one["foreign_key"]


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["AFTER", "BEFORE", "BY_OFFSET"])
def test_a_page_of_the_list_starts_from_the_index(page: str) -> None:
    """Whatever the depth: the plan has a range of `customer_newest`, and nothing to sort."""
    moment, somebody = "2024-01-15 09:30:00", "customer_abc123"
    parameters = [21, 0] if page == "BY_OFFSET" else [moment, somebody, 21]
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # an empty table would be read whole
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(explain + getattr(listing, page), parameters)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "customer_newest" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
    if page != "BY_OFFSET":
        assert "(created_at,id)" in plan.replace(" ", "") or "ROW(created_at" in plan
