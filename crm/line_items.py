"""The kinds of line items that a customer has, and what each is called.

A line item belongs to one customer for good and stands among the others of its kind at a position, `idx`, from 1 without
a gap. Everything else about line items (services, routes, forms, events, history, merge, batch, import, export, undo) is
written once, takes a kind as an argument, and loops over `LINE_ITEMS`.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import SupplierNumberAtCustomer
from overplane.database.attributes import Attribute, attributes
from overplane.database.fields import CascadeKey
from overplane.database.rows import SqlTable

POSITION, PARENT = "idx", "customer_id"
INTERNAL = ("version",)  # what the service keeps beside the object


@dataclass(frozen=True, eq=False)
class LineItem:
    """One kind. `model` has `id` (IdField), `idx`, `customer` (CascadeKey), its attributes and `version`.

    `label` and `label_plural` are what people call it, in the middle of a sentence. A customer is found by the values of the attributes in `searched`. `paired_by`: by which attribute an
    import finds the one line item that a row without an id means.
    """

    model: type[models.Model]
    label: Any
    label_plural: Any
    searched: tuple[str, ...] = ()
    paired_by: str | None = None

    @cached_property
    def table(self) -> SqlTable:
        return SqlTable(self.model)

    @cached_property
    def name(self) -> str:
        """The list's name in a customer's body, in `expand[]` and before a file's columns."""
        customer = self.model._meta.get_field(PARENT.removesuffix("_id"))
        assert isinstance(customer, CascadeKey)
        return str(customer.remote_field.related_name)

    @cached_property
    def schema(self) -> str:
        """The object's name in the API's description."""
        return self.model.__name__

    @cached_property
    def event_prefix(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.schema).lower()

    @cached_property
    def id_prefix(self) -> str:
        """Before its ids, and its place in the API's addresses."""
        return self.event_prefix.replace("_", "-")

    @cached_property
    def created(self) -> str:
        return f"{self.event_prefix}.created"

    @cached_property
    def updated(self) -> str:
        return f"{self.event_prefix}.updated"

    @cached_property
    def deleted(self) -> str:
        return f"{self.event_prefix}.deleted"

    @cached_property
    def reordered(self) -> str:
        """An event of the customer's whole list."""
        return f"{self.event_prefix}.reordered"

    @property
    def events(self) -> tuple[str, str, str, str]:
        return self.created, self.updated, self.deleted, self.reordered

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """What an answer shows, in the documented order."""
        return tuple(name for name in self.table.names if name not in INTERNAL)

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The attributes of a line item, without its position."""
        return {name: attribute for name, attribute in attributes(self.model).items() if name != POSITION}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.attributes)

    def __str__(self) -> str:
        return str(self.label)


SUPPLIER_NUMBERS = LineItem(
    SupplierNumberAtCustomer,
    label=_("supplier number"),
    label_plural=_("supplier numbers"),
    searched=("supplier_number",),
    paired_by="company",
)
LINE_ITEMS: tuple[LineItem, ...] = (SUPPLIER_NUMBERS,)
BY_NAME = {kind.name: kind for kind in LINE_ITEMS}
BY_EVENT = {event: kind for kind in LINE_ITEMS for event in kind.events}
