"""What a file may hold only once."""

from django.utils.translation import gettext as _

from crm import matching
from crm.line_items import LineItem
from crm.transfer.batch import Batch
from crm.transfer.line_item_planning import with_ids
from crm.transfer.mapping import Columns
from crm.transfer.options import ImportOptions
from overplane.files.seen import Seen
from overplane.files.tables import ABSENT
from overplane.problems import Code, invalid


class Repeats:
    """Remembers what identifies customers and line items, over all batches of a file."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self.columns = columns
        unique = [name for name in ("id", options.match_on) if name and name in columns.customer]
        if columns.parent is not None and options.replace_rows:
            unique.append("customer_id")
        self.customers = {name: Seen() for name in dict.fromkeys(unique)}
        self.ids = {kind: Seen() for kind in columns.kinds if "id" in columns.of(kind)}
        is_scattered = columns.parent is not None
        paired = [(kind, kind.paired_by) for kind in columns.kinds if is_scattered and kind.paired_by]
        self.pairs = {pair: Seen() for pair in paired}

    def refuse(self, batch: Batch) -> None:
        """Refuses what the file holds twice. To be called once for each batch, in order."""
        for name, seen in self.customers.items():
            self._refuse_customers(batch, name, seen)
        for kind, seen in self.ids.items():
            self._refuse_ids(batch, kind, seen)
        for (kind, name), seen in self.pairs.items():
            self._refuse_scattered(batch, kind, name, seen=seen)

    def _refuse_customers(self, batch: Batch, name: str, seen: Seen) -> None:
        values = batch.values[name]
        indexes = [i for i, value in enumerate(values) if value not in (None, ABSENT)]
        keys = [matching.match_key(name, values[i]) for i in indexes]
        repeated = seen.add(keys, [batch.numbers[i] for i in indexes])
        for at, first in repeated.items():
            message = _("Row %(first)s has the same %(name)s%(counted)s. Each may stand in the file once.") % {
                "first": first,
                "name": name,
                "counted": matching.counted(name),
            }
            error = invalid(Code.PARAMETER_DUPLICATE, message)
            batch.refuse(indexes[at], self.columns.heading(name), str(values[indexes[at]]), error)

    def _refuse_ids(self, batch: Batch, kind: LineItem, seen: Seen) -> None:
        items = list(with_ids(kind, batch, batch.line_items[kind.name]))
        repeated = seen.add([item["id"] for _, item in items], [item["number"] for _, item in items])
        for at, first in repeated.items():
            i, item = items[at]
            error = invalid(Code.PARAMETER_DUPLICATE, _("Row %(first)s has the same id.") % {"first": first})
            batch.refuse(i, self.columns.heading("id", kind), item["id"], error, number=item["number"])

    def _refuse_scattered(self, batch: Batch, kind: LineItem, name: str, *, seen: Seen) -> None:
        """Rows that are paired by an attribute must stand together: else nobody can tell which line items they mean."""
        owners = batch.values["customer_id"]
        keys = [
            (f"{owners[i]}\0{value}", i)
            for i, items in batch.line_items[kind.name].items()
            for value in sorted({item[name] for item in items if item.get(name) is not None})
        ]
        for at, first in seen.add([key for key, _i in keys], [batch.numbers[i] for _key, i in keys]).items():
            message = _("Row %(first)s is of the same customer and %(name)s: let its rows stand together.") % {
                "first": first,
                "name": name,
            }
            i = keys[at][1]
            error = invalid(Code.PARAMETER_DUPLICATE, message)
            batch.refuse(i, self.columns.heading("customer_id"), str(owners[i] or ""), error)
