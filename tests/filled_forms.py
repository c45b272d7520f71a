"""The customer form as a browser would send it: a page's, sent back as it came, or a new one for who may see no page."""

from typing import Any

from django.db import models
from django.http import HttpResponse

from crm.line_items import LINE_ITEMS, SUPPLIER_NUMBERS
from crm.models import Customer
from tests.form_controls import Fields


def filled(page: HttpResponse, form_id: str = "customer_form") -> dict[str, Any]:
    """What the form would send, without the row that only serves as a pattern."""
    fields = Fields(form_id)
    fields.feed(page.content.decode())
    assert fields.values, f"there is no form {form_id!r} on the page"
    return {name: values[-1] for name, values in fields.values.items() if "__prefix__" not in name}


def defaults(model: type[models.Model]) -> dict[str, str]:
    """What a form holds before anybody types in it: a field that is never empty would be missed if it were not sent."""
    fields = [field for field in model._meta.concrete_fields if field.editable and field.has_default()]
    values = {field.name: field.get_default() for field in fields}
    initial = {name: value for name, value in values.items() if value is not None and value is not False}
    return {name: "on" if value is True else str(value) for name, value in initial.items()}


def new_form(*rows: dict[str, Any], initial: int = 0, **values: Any) -> dict[str, Any]:
    """A customer with these supplier numbers, of which the first `initial` are stored; no line items of other kinds."""
    sent = {"customer_name": "Acme"} | defaults(Customer) | values
    for kind in LINE_ITEMS:
        sent |= {f"{kind.name}-TOTAL_FORMS": 0, f"{kind.name}-INITIAL_FORMS": 0}
    prefix = SUPPLIER_NUMBERS.name
    sent |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    for i, row in enumerate(rows):
        sent |= {f"{prefix}-{i}-{name}": value for name, value in (defaults(SUPPLIER_NUMBERS.model) | row).items()}
    return sent
