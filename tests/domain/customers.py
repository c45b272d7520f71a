"""Customers with numbered supplier numbers, made by the services."""

from typing import Any

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import SupplierNumberAtCustomer
from overplane.origin import Origin

ORIGIN = Origin("user:anna")


def make(name: str = "Acme", rows: int = 0, **values: Any) -> str:
    customer_id = services.create_customer({"customer_name": name} | values, origin=ORIGIN).output["id"]
    for i in range(rows):
        line_item_services.add_line_item(
            SUPPLIER_NUMBERS, customer_id, {"supplier_number": f"{name} {i + 1}"}, origin=ORIGIN
        )
    return customer_id


def rows_of(customer_id: str) -> list[tuple[int, str]]:
    rows = SupplierNumberAtCustomer.objects.filter(customer_id=customer_id).order_by("idx")
    return list(rows.values_list("idx", "supplier_number"))
