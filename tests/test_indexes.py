"""Every index costs every write: none stands twice."""

from typing import Any

import pytest
from django.db import connection

from crm.models import Customer, CustomerTombstone, SupplierNumberAtCustomer


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Customer, CustomerTombstone, SupplierNumberAtCustomer])
def test_no_columns_are_indexed_twice(model: type) -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    indexed = [tuple(one["columns"]) for one in found.values() if _is_index(one)]
    assert len(indexed) == len(set(indexed)), sorted(indexed)


def _is_index(one: dict[str, Any]) -> bool:
    return (one["index"] or one["unique"] or one["primary_key"]) and not one["foreign_key"]
