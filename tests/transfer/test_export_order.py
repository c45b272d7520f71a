"""Supplier numbers stand in files in the order of their positions, however the database happens to hold them."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from pyarrow import parquet

from crm.models import SupplierNumberAtCustomer
from overplane.files.sources import examined
from overplane.files.tables import opened_table
from overplane.ids import new_id
from tests.conftest import CUSTOMER, ROW, Api
from tests.transfer.exports import export

ROWS = 12
Order = dict[str, list[str]]


@pytest.fixture
def right(api: Api) -> Order:
    """Customers (by name) with numbers in an order that is neither that of their ids nor of their writing; some moved."""
    customers = {api.create(customer_name=f"c{i}")["id"]: f"c{i}" for i in range(4)}
    rows = [
        SupplierNumberAtCustomer(
            id=new_id("supplier-number-at-customer"), customer_id=one, idx=idx, supplier_number=f"{name}-{idx}"
        )
        for one, name in customers.items()
        for idx in range(1, ROWS + 1)
    ]
    random.Random(9).shuffle(rows)
    SupplierNumberAtCustomer.objects.bulk_create(rows)
    read_without_indexes()
    for one in customers:
        api.patch(f"{ROW}/{api.rows(one)[-1]['id']}", {"idx": 2})
    order = [1, ROWS, *range(2, ROWS)]
    return {name: [f"{name}-{i}" for i in order] for name in customers.values()}


def read_without_indexes() -> None:
    """As PostgreSQL may choose to at any time: then nothing is in order by itself. Until the test's transaction ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for way in ("indexscan", "indexonlyscan", "bitmapscan"):
                cursor.execute(f"SET LOCAL enable_{way} = off")


def in_lines(path: Path) -> Order:
    """Of a table. Further lines repeat the customer's name, or leave it blank."""
    order: Order = {}
    customer = ""
    with opened_table(examined(path, path.name)) as table:
        name, number = (table.headings.index(one) for one in ("customer_name", "supplier_numbers.supplier_number"))
        for _, cells in table.rows:
            customer = cells[name] or customer
            order.setdefault(customer, []).append(cells[number])
    return order


def in_objects(path: Path) -> Order:
    lines = path.read_text().splitlines() if path.suffix == ".ndjson" else []
    objects = [json.loads(line) for line in lines] or parquet.read_table(path).to_pylist()
    return {one["customer_name"]: [row["supplier_number"] for row in one["supplier_numbers"]] for one in objects}


@pytest.mark.parametrize("layout", ["lines", "repeated"])
@pytest.mark.parametrize(
    ("name", "read"),
    [("a.csv", in_lines), ("a.xlsx", in_lines), ("a.ndjson", in_objects), ("a.parquet", in_objects)],
)
def test_files_keep_the_order(
    right: Order, tmp_path: Path, name: str, read: Callable[[Path], Order], layout: str
) -> None:
    export(tmp_path / name, "--rows", layout)
    assert list(read(tmp_path / name).items()) == list(reversed(right.items()))


def test_a_file_of_chosen_customers_keeps_the_order_too(right: Order, tmp_path: Path) -> None:
    export(tmp_path / "a.csv", "--filter", "customer_name[in]=c1,c3")
    assert in_lines(tmp_path / "a.csv") == {name: right[name] for name in ("c3", "c1")}


def test_answers_keep_the_order(right: Order, api: Api) -> None:
    def order(customers: list[dict]) -> Order:
        return {one["customer_name"]: [row["supplier_number"] for row in one["supplier_numbers"]] for one in customers}

    listed = api.get(f"{CUSTOMER}?expand[]=supplier_numbers").json()["data"]
    answer = api.get(f"{CUSTOMER}/export?expand[]=supplier_numbers")
    streamed = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()][:-1]
    assert order(listed) == order(streamed) == right
    for one in listed:
        assert [row["supplier_number"] for row in api.rows(one["id"])] == right[one["customer_name"]]
