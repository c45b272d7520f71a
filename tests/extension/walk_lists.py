"""Run in a grown copy of the project (see `tests/extension/test_extension.py`): the added attributes in lists, by every operator."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from crm.filters import CUSTOMER_FILTERS, LINE_ITEM_FILTERS
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer
from overplane.backoffice.grid import stored_cell
from overplane.backoffice.models import SavedView
from tests.backoffice.people import member
from tests.conftest import CUSTOMER, ROW, Api

LIST = reverse("admin:crm_customer_changelist")
VALUES = {
    "grade": "Alpha", "tier": "Gold", "is_vip": True, "credit": 1234.5, "visits": -7, "branches": 3,
    "since": "2024-02-29", "seen_at": "2024-02-29T09:30:00Z", "remarks": "Likes tea",
}  # fmt: skip
LOWER = {"credit": "1234.49", "visits": "-8", "branches": "2", "since": "2024-02-28", "seen_at": "2024-02-29T09:29:59Z"}
HIGHER = {
    "credit": "1234.51",
    "visits": "-6",
    "branches": "4",
    "since": "2024-03-01",
    "seen_at": "2024-02-29T09:30:01Z",
}
OTHER = HIGHER | {"grade": "Beta", "tier": "Silver", "is_vip": "false", "remarks": "Likes coffee"}
SAME = {name: str(value).lower() if value is True else str(value) for name, value in VALUES.items()}
# For each operator: where the value that finds stands, and the one that does not.
OPERATORS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "": (SAME, OTHER),
    "ne": (OTHER, SAME),
    "in": (SAME, OTHER),
    "gt": (LOWER, SAME),
    "gte": (SAME, HIGHER),
    "lt": (HIGHER, SAME),
    "lte": (SAME, LOWER),
    "contains": (SAME, OTHER),
    "prefix": (SAME, OTHER),
    "is_null": (dict.fromkeys(VALUES, "false"), dict.fromkeys(VALUES, "true")),
}
# In the back office, as people write it.
FOUND_BY = {
    "grade.is": "alpha", "grade.begins": "al", "tier.is": "Gold", "is_vip.is": "true", "credit.between": "1234..1235",
    "visits.max": "-7", "branches.is": "3", "since.on": "2024-02-29", "seen_at.on": "2024-02-29", "remarks.contains": "TEA",
}  # fmt: skip
# What is typed into a cell, and what is stored then.
TYPED = {
    "grade": ("Beta", "Beta"), "tier": ("Silver", "Silver"), "is_vip": ("", False), "credit": ("2.5", 2.5),
    "visits": ("12", 12), "branches": ("0", 0), "since": ("2024-03-01", "2024-03-01"), "remarks": ("Likes coffee", "Likes coffee"),
    "seen_at": ("2024-03-01 10:00:00", "2024-03-01T10:00:00Z"),
}  # fmt: skip


@pytest.fixture
def customer_id(api: Api) -> str:
    """The one that has them all; there is another one that has none."""
    api.add_row(api.create(customer_name="Empty")["id"])
    customer_id = api.create(customer_name="Full", **VALUES)["id"]
    api.add_row(customer_id, **VALUES)
    return str(customer_id)


def operators(table: Any) -> list[tuple[str, str]]:
    parts = [re.fullmatch(r"(\w+)(?:\[(\w+)\])?", parameter) for parameter in table]
    return [(part[1], part[2] or "") for part in parts if part and part[1] in VALUES]


def test_the_api_filters_by_every_operator(api: Api, customer_id: str) -> None:
    wrong = []
    tables = {
        f"{CUSTOMER}?customer_name=Full": CUSTOMER_FILTERS,
        f"{ROW}?parent_id={customer_id}": LINE_ITEM_FILTERS[SUPPLIER_NUMBERS.name],
    }
    for address, table in tables.items():
        known = operators(table)
        assert {name for name, _ in known} == set(VALUES)
        for name, operator in known:
            parameter = f"{name}[{operator}]" if operator else name
            for total, values in zip((1, 0), OPERATORS[operator], strict=True):
                answer = api.get(f"{address}&{urlencode({parameter: values[name]})}")
                if (answer.status_code, answer.json().get("total")) != (200, total):
                    wrong.append((parameter, values[name], answer.json()))
    assert wrong == []


def test_a_closed_choice_takes_nothing_else(api: Api, customer_id: str) -> None:
    answer = api.get(f"{CUSTOMER}?tier=Bronze")
    assert (answer.status_code, "Gold, Silver" in answer.content.decode()) == (400, True)
    described = api.get("/api/openapi.json").json()["components"]["schemas"]
    for schema in ("CustomerCreate", "SupplierNumberAtCustomerCreate"):
        assert "Gold" in str(described[schema]["properties"]["tier"])


def listed(page: Any) -> list[str]:
    return [row.customer_name for row in page.context["cl"].result_list]


@pytest.fixture
def client(db: None) -> Client:
    return member("Manager")


def test_the_list_shows_and_filters_them(client: Client, customer_id: str) -> None:
    columns = VALUES.keys() - {"remarks"}  # a long text is none
    client.post(f"{LIST}views/", {"name": "All", "query": "", "column": ["customer_name", *columns]})
    page = client.get(f"{LIST}?view={SavedView.objects.get(name='All').pk}", follow=True)
    assert columns <= set(page.context["cl"].list_display)
    text = page.content.decode()
    customer = Customer.objects.get(pk=customer_id)
    for name in columns:
        assert str(stored_cell(Customer._meta.get_field(name), getattr(customer, name)).text) in text, name
    found = {f"{name}={value}": listed(client.get(f"{LIST}?{name}={value}")) for name, value in FOUND_BY.items()}
    assert found == {f"{name}={value}": ["Full"] for name, value in FOUND_BY.items()}


@pytest.mark.parametrize("name", VALUES)
def test_a_cell_is_edited_and_its_history_says_so(client: Client, api: Api, customer_id: str, name: str) -> None:
    field = Customer._meta.get_field(name)
    cell = stored_cell(field, getattr(Customer.objects.get(pk=customer_id), name))
    value, stored = TYPED[name]
    sent = {"field": name, "value": value, "was": cell.raw if cell.raw is not None else cell.text}
    answer = client.post(f"{LIST}{customer_id}/cell/", sent)
    assert (answer.status_code, answer.json().get("refused")) == (200, None)
    assert api.get(f"{CUSTOMER}/{customer_id}").json()[name] == stored
    history = client.get(reverse("admin:crm_customer_history", args=[customer_id])).content.decode()
    assert f"{field.verbose_name}".lower() in history.lower()
    now = stored_cell(field, getattr(Customer.objects.get(pk=customer_id), name))
    assert str(now.text) in history
