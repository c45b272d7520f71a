"""Customers that an import meets, with supplier numbers of several companies."""

from typing import Any

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import SupplierNumberAtCustomer
from overplane.origin import Origin

BY_HAND = Origin("user:hand")


def make(name: str, *rows: tuple[str, str], **values: Any) -> str:
    customer_id = services.create_customer({"customer_name": name, **values}, origin=BY_HAND).output["id"]
    for company, number in rows:
        line_item_services.add_line_item(
            SUPPLIER_NUMBERS, customer_id, {"company": company, "supplier_number": number}, origin=BY_HAND
        )
    return customer_id


def rows_of(customer_id: str) -> list[tuple[str, str]]:
    rows = SupplierNumberAtCustomer.objects.filter(customer_id=customer_id).order_by("idx")
    assert list(rows.values_list("idx", flat=True)) == list(range(1, len(rows) + 1))
    return list(rows.values_list("company", "supplier_number"))
