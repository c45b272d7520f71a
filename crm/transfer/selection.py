"""Which customers an export writes, which of their attributes, and how their line items stand beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from crm.line_items import LINE_ITEMS, LineItem
from crm.representation import CUSTOMER_NAMES
from crm.transfer.columns import column_name

LAYOUTS = ("lines", "repeated", "none")
# Customers that are read and written at once: some megabytes, and progress is told often enough.
PART = 2000
ExportProgress = Callable[[int], None]  # how many customers are written


@dataclass(frozen=True)
class Selection:
    """What an export writes. `lines`: a customer's further line items stand in lines of their own with blank cells; `repeated`: with the
    customer's cells once more. Line i of a customer holds its i-th line item of each kind. In NDJSON and Parquet each
    kind is a list in the object. `is_marked`: CSV begins with the mark by which Excel knows UTF-8.
    """

    customers: QuerySet
    names: Sequence[str] = CUSTOMER_NAMES
    layout: str = "lines"
    is_marked: bool = False

    @cached_property
    def kinds(self) -> Sequence[LineItem]:
        return () if self.layout == "none" else LINE_ITEMS

    @cached_property
    def line_item_names(self) -> Sequence[Sequence[str]]:
        """What is written of a line item, for each of `kinds`."""
        return [("id", *kind.names) for kind in self.kinds]

    @cached_property
    def columns(self) -> Sequence[str]:
        """The customer's own, in a table. `id` comes first: only by it the further lines can tell whose they are."""
        return ["id", *(name for name in self.names if name != "id")] if self.kinds else self.names

    @cached_property
    def headings(self) -> list[str]:
        nested = zip(self.kinds, self.line_item_names, strict=True)
        return [*self.columns, *(column_name(kind, name) for kind, names in nested for name in names)]
